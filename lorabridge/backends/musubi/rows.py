"""How each field of the language is spelled for musubi-tuner, as data. Read at commit 30c658c.

`TB` is training/trainer_base.py, `PC` training/parser_common.py, `CU` dataset/config_utils.py, `IV` dataset/image_video_dataset.py,
all below src/musubi_tuner. What a row cannot say is listed in `HANDLED` and done by a named function.
"""

from __future__ import annotations

from typing import Any

from lorabridge.backends.base import OMIT, Cannot, Row, cannot, choice, flag, same, via
from lorabridge.config.amounts import Amount
from lorabridge.config.fields import leaves
from lorabridge.config.schema import Config

GUIDED = ("hunyuan-video", "framepack")


def _whole(value: float) -> Any:
    if value == int(value):
        return int(value)
    near = max(1, round(value))
    return Cannot(
        "it repeats a dataset a whole number of times (CU:138)",
        f"write `repeats: {near}`, or give the other datasets more repeats to keep the ratio",
    )


def _minutes(value: Amount) -> int:
    return int(value.value)


def _row(path: str, at: str, words: dict[Any, Any], evidence: str, note: str = "", exact: bool = True) -> Row:
    return Row(path, at, words=words, evidence=evidence, note=note, exact=exact)


_EPSILON = "it trains flow-matching models only"
_CAPTION = "captions are read from their files as they are"
_NO_MASK = "it has no masks"

ROWS: tuple[Row, ...] = (
    same("name", "train:output_name", evidence="train_utils.py:93; TB:1939 crashes after the training where it is missing"),
    same("adapter.rank", "train:network_dim", evidence="lora.py:412: unset is 4"),
    same("adapter.alpha", "train:network_alpha", evidence="lora.py:93: 0 would be read as alpha = rank; unset is 1"),
    same("adapter.dropout", "train:network_dropout", evidence="lora.py:150", off=OMIT),
    same("adapter.max_norm", "train:scale_weight_norms", evidence="TB:2071", off=OMIT),
    cannot("adapter.text_encoder", "it trains the denoiser only (lora.py:471)", fix="remove it, or compile for a trainer that adapts text encoders"),
    cannot("adapter.dtype", "it always trains the adapter in fp32 (TB:1681)", "fp32", fix="write `dtype: fp32`, or remove it"),
    choice("train.mixed_precision", "train:mixed_precision", {"bf16": "bf16", "fp16": "fp16", "off": "no"}, evidence="PC:200; unset takes the launcher's, and loads Z-Image in fp32"),
    same("train.gradient_accumulation", "train:gradient_accumulation_steps", evidence="TB:1634"),
    same("train.workers", "train:max_data_loader_n_workers", evidence="TB:1623: unset is 8"),
    same("optimizer.max_grad_norm", "train:max_grad_norm", evidence="TB:2049", off=0.0),
    cannot("optimizer.text_encoder_lr", "it trains no text encoder", None),
    same("model.guidance", "train:guidance_scale", evidence="hv_train_network.py:426, fpack_train_network.py:543: unset is 1", families=GUIDED, auto=OMIT),
    flag("memory.gradient_checkpointing", "train:gradient_checkpointing", evidence="TB:1607"),
    flag("memory.checkpoint_offload", "train:gradient_checkpointing_cpu_offload", evidence="TB:1608"),
    same("memory.blocks_to_swap", "train:blocks_to_swap", evidence="TB:1494", off=OMIT),
    cannot("memory.layer_offload", "it swaps whole blocks", fix="use `memory.blocks_to_swap`"),
    cannot("memory.low_vram", "it has no such mode", fix="use `memory.blocks_to_swap` and `model.quantize`"),
    flag("memory.split_attention", "train:split_attn", evidence="PC:70"),
    flag("memory.compile", "train:compile", evidence="TB:1709"),
    choice("save.dtype", "train:save_precision", {"bf16": "bf16", "fp16": "fp16", "fp32": "fp32", "auto": OMIT}, evidence="train_utils.py:188: unset is fp32"),
    flag("save.state", "train:save_state", evidence="train_utils.py:121"),
    _row("save.metadata", "train:no_metadata", {True: OMIT, False: True}, "TB:1945"),
    via("hardware.timeout", "train:ddp_timeout", _minutes, lambda minutes: Amount(minutes, "minutes"), evidence="accelerator_setup.py:90: unset is 10 minutes with nccl", auto=OMIT),
    cannot("hardware.pipeline_stages", "one copy of the model lives on one GPU", 1, fix="use `memory.blocks_to_swap`"),
    cannot("loss.type", "it has the squared error only (TB:1118)", fix="write `type: mse`"),
    cannot("loss.delta", "it has the squared error only (TB:1118)"),
    cannot("loss.min_snr_gamma", _EPSILON),
    cannot("loss.debiased", _EPSILON),
    cannot("noise.offset", _EPSILON),
    cannot("noise.bias", "it has no such distribution", fix="move the distribution with `noise.shift`: below 1 favours low noise, above 1 high noise"),
    cannot("logging.every", "it logs each step", fix="write `every: 1 step`, or `logging: {to: off}`"),
    cannot("logging.wandb.key_env", "W&B itself reads WANDB_API_KEY, and a key does not belong in a file or a command line", fix="export the key as WANDB_API_KEY"),
)  # fmt: skip

DATASET_ROWS: tuple[Row, ...] = (
    same("datasets[].captions.extension", ":caption_extension", evidence="CU:110; without it caching fails"),
    cannot("datasets[].captions.prefix", _CAPTION, fix="put it into the caption files"),
    cannot("datasets[].captions.suffix", _CAPTION, fix="put it into the caption files"),
    cannot("datasets[].captions.dropout", "the embeddings of the captions are cached, and there is no empty one", fix="add a second dataset of the same pictures with empty caption files"),
    cannot("datasets[].captions.shuffle", "the embeddings of the captions are cached", fix="remove it"),
    cannot("datasets[].captions.keep_tokens", "it shuffles no captions"),
    cannot("datasets[].captions.default", "pictures without a caption file are dropped (datasources.py)", fix="write the missing caption files"),
    via("datasets[].repeats", ":num_repeats", _whole, evidence="CU:138"),
    same("datasets[].batch_size", ":batch_size", evidence="CU:137"),
    same("datasets[].bucket", ":enable_bucket", evidence="CU:140: unset crops everything to one shape"),
    _row("datasets[].upscale", ":bucket_no_upscale", {True: False, False: True}, "CU:141"),
    cannot("datasets[].masks", _NO_MASK),
    cannot("datasets[].mask_floor", _NO_MASK),
    cannot("datasets[].loss_weight", "every sample counts the same", fix="use `repeats`"),
    cannot("datasets[].flip", "latents are cached once, as they are", fix="add mirrored copies of the pictures"),
)  # fmt: skip

_PATHS = "an option of the training script and of the caching scripts that read it; absolute, local"
_EVALUATE = "refused: it has no held-out loss"
_PRESERVATION = "refused: it has no differential output preservation"
_VIDEO = "a key of the video dataset with the name it has there"

HANDLED: dict[str, str] = {
    "lorabridge": "the version of the language, not the trainer's business",
    "trigger": "put into the sample prompts; captions are used as they are (LB302)",
    "model.family": "chooses the scripts and the network module",
    "model.variant": "`model_version`, `task` or `model_type`; Kandinsky's `--task` goes on the command line",
    "model.dtype": "`dit_dtype` for HunyuanVideo; elsewhere fixed, or that of `mixed_precision` or of the file: refused where it differs",
    "model.vae_dtype": "`vae_dtype` and `--vae_dtype` of the caching script, where it takes one",
    "model.quantize.transformer": "`fp8_base`, with `fp8_scaled` for fp8-scaled",
    "model.quantize.text_encoder": "`fp8_vl`, `fp8_llm`, `fp8_t5` or `fp8_text_encoder` by family",
    "model.training_adapter.path": "first of `base_weights`: merged for good while training, samples included",
    "model.merge[].path": "`base_weights`, a list",
    "model.merge[].weight": "`base_weights_multiplier`, a list",
    "model.experts.train": "`dit` and `dit_high_noise` for both; one expert alone is `dit` with its range of timesteps",
    "model.experts.boundary": "`timestep_boundary` in thousandths, or the range of timesteps of one expert",
    "model.experts.switch_every": "refused: the expert is chosen by each sample's timestep",
    "model.experts.offload_inactive": "`offload_inactive_dit`",
    "adapter.type": "`network_module`: the family's own for lora, `networks.loha`, `networks.lokr`",
    "adapter.conv_rank": "`network_args`: conv_dim",
    "adapter.conv_alpha": "`network_args`: conv_alpha",
    "adapter.rank_dropout": "`network_args`: rank_dropout",
    "adapter.module_dropout": "`network_args`: module_dropout",
    "adapter.factor": "`network_args`: factor",
    "adapter.targets.layers": "`network_args`: exclude_patterns for everything else",
    "adapter.targets.include": "`network_args`: exclude_patterns for everything else",
    "adapter.targets.exclude": "`network_args`: exclude_patterns",
    "adapter.init_from": "`network_weights`",
    "train.for": "`max_train_steps` or `max_train_epochs`; samples become steps where that is exact",
    "train.batch_size": "each dataset's `batch_size`",
    "train.seed": "`seed`; random is drawn before and written, since an unset seed could not be repeated",
    "train.ema.decay": "refused: it averages saved files only, after the training",
    "train.resume_from": "`resume`, a folder; counters start anew (LB302)",
    "optimizer.type": "`optimizer_type`: a short name, or the full class path",
    "optimizer.lr": "`learning_rate`",
    "optimizer.weight_decay": "`optimizer_args`: weight_decay",
    "optimizer.betas": "`optimizer_args`: betas",
    "optimizer.eps": "`optimizer_args`: eps",
    "optimizer.lora_plus_ratio": "`network_args`: loraplus_lr_ratio",
    "optimizer.args": "`optimizer_args`, a list of `key=value`",
    "scheduler.type": "`lr_scheduler`; constant with a warmup is `constant_with_warmup`",
    "scheduler.warmup": "`lr_warmup_steps`: a whole number of steps (times the number of GPUs), or a fraction of the run",
    "scheduler.decay": "`lr_decay_steps`, the same way",
    "scheduler.cycles": "`lr_scheduler_num_cycles`",
    "scheduler.power": "`lr_scheduler_power`",
    "scheduler.min_lr_ratio": "`lr_scheduler_min_lr_ratio`; a cosine becomes `cosine_with_min_lr`",
    "scheduler.args": "`lr_scheduler_args`, a list of `key=value`",
    "noise.timestep_sampling": "`timestep_sampling`; logit-normal is said with `shift`, resolution-shift with the family's own",
    "noise.shift": "`discrete_flow_shift`",
    "noise.sigmoid_scale": "`sigmoid_scale`",
    "noise.logit_mean": "`discrete_flow_shift` = exp(mean) for logit-normal; `logit_mean` elsewhere",
    "noise.logit_std": "`sigmoid_scale` for logit-normal; `logit_std` elsewhere",
    "noise.min_timestep": "`min_timestep`, left out at 0",
    "noise.max_timestep": "`max_timestep`, left out at 1000",
    "noise.weighting": "`weighting_scheme`",
    "noise.mode_scale": "`mode_scale`",
    "memory.attention": "`sdpa`, `flash_attn`, `flash3` or `xformers`; one is always written, none would stop the run",
    "cache.latents.to": "disk only",
    "cache.latents.batch_size": "`--batch_size` of the script that caches latents",
    "cache.latents.workers": "`--num_workers` of that script; 0 crashes it and is written 1, one thread",
    "cache.text.to": "disk only",
    "cache.text.batch_size": "`--batch_size` of the script that caches embeddings",
    "cache.text.workers": "`--num_workers` of that script; 0 crashes it and is written 1, one thread",
    "cache.reuse": "`--skip_existing` of both caching scripts",
    "hardware.gpus": "CUDA_VISIBLE_DEVICES and the number of processes",
    "hardware.device": "`use_cpu` of accelerate and `--device` of the caching scripts",
    "hardware.threads": "OMP_NUM_THREADS",
    "output.dir": "`output_dir`, absolute",
    "save.every": "`save_every_n_steps` or `save_every_n_epochs`; never is left out (0 would crash)",
    "save.keep_last": "`save_last_n_epochs`, or the distance in steps `save_last_n_steps`; unlimited is left out (0 deletes)",
    "sample.every": "`sample_every_n_steps` or `sample_every_n_epochs`; never is left out (0 would crash)",
    "sample.before": "`sample_at_first`",
    "sample.without_trigger": "a second prompt without the trigger word",
    "logging.to": "`log_with`; off is left out, with `logging_dir`",
    "logging.dir": "`logging_dir`",
    "logging.prefix": "`log_prefix`",
    "logging.wandb.project": "`log_tracker_name`",
    "logging.wandb.run_name": "`wandb_run_name`",
    "backends": "native options, checked against the trainer's contract",
    "datasets[].images": "`image_directory`",
    "datasets[].videos": "`video_directory`",
    "datasets[].jsonl": "`image_jsonl_file`, or `video_jsonl_file` with a `video` section",
    "datasets[].resolution": "`resolution`; several become several datasets with a cache each",
    "datasets[].aspect.min": "refused: it makes its own buckets",
    "datasets[].aspect.max": "refused: it makes its own buckets",
    "datasets[].aspect.buckets": "refused: it makes its own buckets",
    "datasets[].control": "`control_directory`, one folder",
    "datasets[].control_resolution": "`control_resolution`",
    "datasets[].regularization": "an ordinary dataset",
    "datasets[].trigger": "captions are used as they are (LB302)",
    "datasets[].cache_dir": "`cache_directory`",
    "datasets[].video.frames": "`target_frames`",
    "datasets[].video.extract": "`frame_extraction`",
    "datasets[].video.stride": "`frame_stride`",
    "datasets[].video.samples": "`frame_sample`",
    "datasets[].video.max_frames": "`max_frames`",
    "datasets[].video.fps": "`source_fps`, a float",
}
for _path in leaves(Config):
    if _path.startswith("model.paths."):
        HANDLED[_path] = _PATHS
    elif _path.startswith("evaluate."):
        HANDLED[_path] = _EVALUATE
    elif _path.startswith("preservation."):
        HANDLED[_path] = _PRESERVATION
    elif _path.startswith("sample.") and _path not in HANDLED:
        HANDLED[_path] = "a key of each prompt in the prompt file"
HANDLED["model.guidance"] = "`guidance_scale` of HunyuanVideo and FramePack; refused elsewhere, where training has none"
