"""What ai-toolkit calls the fields of the language, row by row.

Addresses starting with `process:` are keys of `config.process[0]`; those starting with `:` are keys
of one dataset. Evidence is file:line at 27a03a91, or says that it was executed.
"""

from __future__ import annotations

from typing import Any

from lorabridge.backends.base import OMIT, Cannot, Row, cannot, choice, flag, same, via
from lorabridge.config.fields import leaves
from lorabridge.config.schema import Config

_CONFIG = "toolkit/config_modules.py"
_DATASET = f"{_CONFIG}:911-1092"
_STEP_FROM_ZERO = "ai-toolkit counts from 0: the file named 250 holds 251 steps"

JOB_ROWS: tuple[Row, ...] = (
    same("train.batch_size", "process:train.batch_size", evidence=f"{_CONFIG}:393"),
    same(
        "train.gradient_accumulation",
        "process:train.gradient_accumulation",
        evidence=f"{_CONFIG}:480; gradient_accumulation_steps drops all but the last batch (SDTrainer.py:2249)",
    ),
    choice(
        "adapter.type",
        "process:network.type",
        {
            "lora": "lora",
            "lokr": "lokr",
            "dora": "dora",
            "loha": Cannot("an unknown network type silently becomes a LoRA", "write `type: lokr`"),
        },
        evidence="toolkit/lora_special.py:402-408",
    ),
    same("adapter.rank", "process:network.linear", evidence=f"{_CONFIG}:173"),
    same("adapter.dropout", "process:network.dropout", off=OMIT, evidence=f"{_CONFIG}:187, toolkit/network_mixins.py:212"),
    same("adapter.rank_dropout", "process:network.network_kwargs.rank_dropout", off=OMIT, evidence="toolkit/network_mixins.py:219"),
    cannot("adapter.module_dropout", "it crashes at the first step", "off", evidence="executed at the commit: it stops at step 0"),
    cannot("adapter.max_norm", "it has no scale_weight_norms", "off", evidence=f"{_CONFIG}:169-227"),
    cannot(
        "adapter.dtype",
        "adapters are always trained in fp32",
        "auto",
        "fp32",
        evidence="jobs/process/BaseSDTrainProcess.py: force_to(float32)",
    ),
    cannot("noise.sigmoid_scale", "its sigmoid sampling has a fixed spread", evidence="toolkit/samplers/custom_flowmatch_sampler.py:119"),
    cannot("noise.mode_scale", "it has no mode weighting", evidence="extensions_built_in/sd_trainer/SDTrainer.py:918-942"),
    same("noise.offset", "process:train.noise_offset", off=OMIT, evidence=f"{_CONFIG}:410, toolkit/train_tools.py:132"),
    choice(
        "loss.type",
        "process:train.loss_type",
        {
            "mse": "mse",
            "mae": "mae",
            "wavelet": "wavelet",
            "huber": Cannot(
                "its only Huber loss is `pseudo_huber` with a fixed corner of 0.01",
                "write `type: mse`, or the native option `train: {loss_type: pseudo_huber}`",
            ),
            "smooth-l1": Cannot("an unknown loss type silently becomes mse", "write `type: mse` or `type: mae`"),
        },
        evidence="extensions_built_in/sd_trainer/SDTrainer.py:903-916",
    ),
    cannot("loss.delta", "its only Huber loss has a fixed corner of 0.01", evidence="SDTrainer.py:905"),
    cannot("loss.debiased", "it has no debiased estimation loss", False, evidence=f"{_CONFIG}:375-620"),
    same("memory.gradient_checkpointing", "process:train.gradient_checkpointing", evidence=f"{_CONFIG}:413"),
    cannot(
        "memory.checkpoint_offload",
        "it keeps checkpointed activations on the GPU",
        False,
        fix="write `memory.layer_offload: 0.5`",
        evidence=f"{_CONFIG}:626-730",
    ),
    cannot(
        "memory.blocks_to_swap",
        "it offloads a share of the layers, not a number of blocks",
        "off",
        fix="write `memory.layer_offload: 0.5`",
        evidence=f"{_CONFIG}:741",
    ),
    cannot("memory.split_attention", "it has no split attention", False, evidence=f"{_CONFIG}:396-399"),
    flag("memory.compile", "process:model.compile", evidence=f"{_CONFIG}:757"),
    cannot("cache.latents.batch_size", "it encodes one picture at a time", evidence="toolkit/dataloader_mixins.py:1978"),
    cannot("cache.text.batch_size", "it encodes one caption at a time", evidence="toolkit/dataloader_mixins.py:2275"),
    cannot("cache.text.workers", "it loads captions in the main process", evidence="toolkit/dataloader_mixins.py:2275"),
    same(
        "save.keep_last",
        "process:save.max_step_saves_to_keep",
        unlimited=0,
        evidence="jobs/process/BaseSDTrainProcess.py:434-447: 0 keeps all, null crashes",
    ),
    choice(
        "save.dtype",
        "process:save.dtype",
        {"bf16": "bf16", "fp16": "fp16", "fp32": "fp32"},
        evidence=f"{_CONFIG}:26: the default is float16",
    ),
    cannot("save.metadata", "it always writes metadata", True, evidence="jobs/process/BaseSDTrainProcess.py:523"),
    cannot("logging.prefix", "it names log folders after the run", "", evidence="jobs/process/BaseTrainProcess.py: setup_tensorboard"),
    cannot(
        "hardware.pipeline_stages",
        "it trains on one GPU",
        1,
        fix="set it to 1, or compile for diffusion-pipe",
        evidence="jobs/process/BaseSDTrainProcess.py:777: data loaders are not shared out",
    ),
    cannot(
        "hardware.timeout",
        "it starts no processes that wait for each other",
        "auto",
        evidence="jobs/process/BaseSDTrainProcess.py:777: data loaders are not shared out",
    ),
)


def whole(value: float) -> Any:
    """A whole number of repeats, or `Cannot`."""
    return (
        int(value)
        if value == int(value)
        else Cannot("repeats multiply a list of files, so they are whole", f"write `repeats: {max(1, round(value))}`")
    )


def sides(value: list[Any]) -> Any:
    """Square sizes as plain sides; others cannot be said."""
    plain = [side[0] if isinstance(side, tuple) and side[0] == side[1] else side for side in value]
    wide = next((side for side in plain if isinstance(side, tuple)), None)
    if wide is None:
        return plain
    side = round((wide[0] * wide[1]) ** 0.5)
    return Cannot("a training size is one side; buckets find the shape", f"write `resolution: [{side}]` for the same number of pixels")


DATASET_ROWS: tuple[Row, ...] = (
    cannot(
        "datasets[].jsonl",
        "it reads a JSON object of file names, not JSON Lines",
        fix="give a folder with caption files: `images: folder`",
        evidence="toolkit/data_loader.py:448",
    ),
    same("datasets[].captions.extension", ":caption_ext", evidence=f"{_CONFIG}:941"),
    cannot(
        "datasets[].captions.prefix",
        "it puts nothing but the trigger word before a caption",
        "",
        fix="write it into the caption files, or use `trigger:`",
        evidence="toolkit/dataloader_mixins.py:382-459",
    ),
    cannot(
        "datasets[].captions.suffix",
        "it puts nothing after a caption",
        "",
        fix="write it into the caption files",
        evidence="toolkit/dataloader_mixins.py:382-459",
    ),
    same("datasets[].captions.dropout", ":caption_dropout_rate", off=OMIT, evidence=f"{_CONFIG}:956"),
    flag("datasets[].captions.shuffle", ":shuffle_tokens", evidence="toolkit/dataloader_mixins.py:431"),
    cannot(
        "datasets[].captions.keep_tokens",
        "its shuffling moves every tag, the trigger too; `keep_tokens` counts for token dropout only",
        0,
        fix="write `shuffle: false`",
        evidence="toolkit/dataloader_mixins.py:411-455",
    ),
    Row("datasets[].captions.default", ":default_caption", words={"": OMIT}, evidence=f"{_CONFIG}:925"),
    via("datasets[].repeats", ":num_repeats", whole, float, evidence="toolkit/data_loader.py:455: the file list times a number"),
    via(
        "datasets[].resolution",
        ":resolution",
        sides,
        lambda native: native if isinstance(native, list) else [native],
        evidence=f"{_CONFIG}:1096-1115",
    ),
    Row(
        "datasets[].bucket",
        ":square_crop",
        words={True: OMIT, False: True},
        evidence="toolkit/dataloader_mixins.py:243: one square shape",
        exact=True,
    ),
    cannot("datasets[].aspect.min", "its buckets follow the pictures' own ratios", 0.5, evidence="toolkit/buckets.py:17"),
    cannot("datasets[].aspect.max", "its buckets follow the pictures' own ratios", 2.0, evidence="toolkit/buckets.py:17"),
    cannot("datasets[].aspect.buckets", "its buckets follow the pictures' own ratios", 7, evidence="toolkit/buckets.py:17"),
    same("datasets[].mask_floor", ":mask_min_value", off=OMIT, evidence="toolkit/dataloader_mixins.py:1657"),
    cannot("datasets[].control_resolution", "control pictures keep their own size, or the model's", evidence=f"{_CONFIG}:990"),
    flag("datasets[].regularization", ":is_reg", evidence="jobs/process/BaseSDTrainProcess.py: is_reg takes every other step"),
    Row("datasets[].loss_weight", ":loss_multiplier", words={1.0: OMIT}, evidence="SDTrainer.py:544"),
    cannot(
        "datasets[].cache_dir",
        "its caches are always kept beside the pictures",
        fix="remove it; `_latent_cache` and `_t_e_cache` appear in the folder",
        evidence="toolkit/dataloader_mixins.py:1827",
    ),
)

HANDLED: dict[str, str] = {
    "lorabridge": "the version of the language; nothing to write",
    "name": "becomes `config.name`; `process.name` is never set (it breaks resuming)",
    "trigger": "the process's `trigger_word`, or each dataset's own where they differ",
    "model.family": "with the variant it becomes `model.arch`",
    "model.variant": "with the family it becomes `model.arch`",
    "model.paths.repo": "becomes `model.name_or_path`, or the extras of a single file",
    "model.paths.checkpoint": "becomes `model.name_or_path`",
    "model.paths.transformer": "becomes `model.name_or_path`; the rest then comes from `extras_name_or_path`",
    "model.paths.vae": "becomes `model.vae_path` where the loader reads it; a warning elsewhere",
    "model.paths.text_encoder": "becomes `model.te_name_or_path` where the loader reads it; a warning elsewhere",
    "model.paths.text_encoder_3": "HiDream's Llama (`model_kwargs.llama_model_path`); a warning elsewhere",
    "model.paths.audio_vae": "LTX-2.5 only; a warning elsewhere",
    "model.paths.extras": "becomes `model.extras_name_or_path` where the loader reads it",
    "model.paths.transformer_high_noise": "both experts come from one folder; a warning",
    "model.paths.text_encoder_2": "comes with the pipeline; a warning",
    "model.paths.byt5": "no model here has one; a warning",
    "model.paths.image_encoder": "comes with the pipeline; a warning",
    "model.dtype": "becomes `train.dtype`, for the weights and the computation",
    "model.vae_dtype": "the VAE is cast to `train.dtype`; another one is refused",
    "model.quantize.transformer": "becomes `quantize` and `qtype`, both always written",
    "model.quantize.text_encoder": "becomes `quantize_te` and the key its loader reads (`qtype_te`, or `qtype`)",
    "model.training_adapter.path": "becomes `model.assistant_lora_path` where the loader merges one",
    "model.merge[].path": "one LoRA as `model.lora_path`, on FLUX.1 and the UNets",
    "model.merge[].weight": "always 1",
    "model.experts.train": "becomes `model_kwargs.train_high_noise` and `train_low_noise`",
    "model.experts.boundary": "fixed at 0.875",
    "model.experts.switch_every": "becomes `train.switch_boundary_every`",
    "model.experts.offload_inactive": "becomes `model.low_vram`, which does that for Wan 2.2",
    "model.guidance": "becomes `train.cfg_scale` where the model takes guidance",
    "datasets[].images": "becomes `folder_path`",
    "datasets[].videos": "becomes `folder_path` with `num_frames` above 1",
    "datasets[].batch_size": "written where a dataset has its own",
    "datasets[].upscale": "pictures are never enlarged; refused when asked for",
    "datasets[].masks": "becomes `mask_path`; refused inside the folder of the pictures",
    "datasets[].control": "becomes `control_path`; refused inside the folder of the pictures",
    "datasets[].trigger": "written where it differs from the run's trigger",
    "datasets[].flip": "becomes `flip_x` and `flip_y`, which add mirrored copies",
    "datasets[].video.frames": "one count becomes `num_frames`",
    "datasets[].video.extract": "`full` becomes `auto_frame_count`; else the clip is squeezed, which is told",
    "datasets[].video.stride": "belongs to `extract: slide`, which is refused",
    "datasets[].video.samples": "belongs to `extract: uniform`, which is refused",
    "datasets[].video.max_frames": "refused with `extract: full`: clips are taken whole",
    "datasets[].video.fps": "becomes `fps` with `extract: full`",
    "adapter.alpha": "becomes `linear_alpha` on UNets; elsewhere it must equal the rank",
    "adapter.conv_rank": "becomes `network.conv` on UNets; refused elsewhere",
    "adapter.conv_alpha": "becomes `network.conv_alpha` on UNets",
    "adapter.factor": "becomes `lokr_factor` (-1 for auto), with `lokr_full_rank: false`",
    "adapter.targets.layers": "becomes `network_kwargs.only_if_contains` with the module names of the model",
    "adapter.targets.include": "becomes `network_kwargs.only_if_contains`",
    "adapter.targets.exclude": "becomes `network_kwargs.ignore_if_contains`",
    "adapter.text_encoder": "becomes `train.train_text_encoder` on UNets; refused elsewhere",
    "adapter.init_from": "becomes `network.pretrained_lora_path`",
    "preservation.type": "becomes `diff_output_preservation` or `blank_prompt_preservation`",
    "preservation.class": "becomes `diff_output_preservation_class`",
    "preservation.multiplier": "becomes the multiplier of the chosen preservation",
    "preservation.every": "1 step only",
    "train.for": "becomes `train.steps`; epochs and uneven samples are refused with the number to write",
    "train.seed": "becomes `training_seed`; a random one is drawn from the configuration's content",
    "train.mixed_precision": "must agree with `model.dtype`: there is one dtype",
    "train.ema.decay": "becomes `ema_config`",
    "train.workers": "becomes each dataset's `num_workers`",
    "train.resume_from": "runs resume from their own folder; another place is refused",
    "optimizer.type": "becomes `train.optimizer`",
    "optimizer.lr": "becomes `train.lr`; prodigy raises anything below 0.1 to 1",
    "optimizer.text_encoder_lr": "the native key is dead; it must equal `optimizer.lr`",
    "optimizer.weight_decay": "becomes `optimizer_params.weight_decay`",
    "optimizer.betas": "becomes `optimizer_params.betas`",
    "optimizer.eps": "fixed at 1e-6 for most optimizers",
    "optimizer.max_grad_norm": "becomes `train.max_grad_norm`; `off` is a norm that is never reached",
    "optimizer.lora_plus_ratio": "refused: there is no LoRA+",
    "optimizer.args": "becomes `optimizer_params`",
    "scheduler.type": "becomes `lr_scheduler` with the parameters that make it so",
    "scheduler.warmup": "with `constant` only: `constant_with_warmup`",
    "scheduler.decay": "refused: no schedule has it",
    "scheduler.cycles": "1 only",
    "scheduler.power": "1 only: that is `linear`",
    "scheduler.min_lr_ratio": "becomes `eta_min` or `end_factor`",
    "scheduler.args": "becomes `lr_scheduler_params`",
    "noise.timestep_sampling": "becomes `timestep_type` on flow models",
    "noise.bias": "becomes `content_or_style`, whose two words mean the opposite",
    "noise.shift": "fixed by the architecture; refused",
    "noise.logit_mean": "0 only",
    "noise.logit_std": "1 only",
    "noise.min_timestep": "becomes `max_denoising_steps` (an index from the noisy end)",
    "noise.max_timestep": "becomes `min_denoising_steps`",
    "noise.weighting": "`bell-shaped` becomes `linear_timesteps`, with uniform sampling only",
    "loss.min_snr_gamma": "epsilon models only",
    "memory.layer_offload": "becomes `layer_offloading`, on the architectures that have it",
    "memory.low_vram": "becomes `low_vram`, on the architectures that have it",
    "memory.attention": "becomes `attention_backend` or `xformers`, where the model listens",
    "cache.latents.to": "becomes each dataset's `cache_latents_to_disk` or `cache_latents`",
    "cache.latents.workers": "becomes each dataset's `cache_latents_num_workers`",
    "cache.text.to": "becomes `train.cache_text_embeddings`; `unload_text_encoder` is never used (it drops captions)",
    "cache.reuse": "caches are always reused; told in the report",
    "save.every": "becomes `save.save_every`, 0 for off",
    "save.state": "the optimizer is always saved",
    "sample.every": "becomes `sample_every`; off switches sampling off as a whole",
    "sample.before": "becomes `skip_first_sample`",
    "sample.without_trigger": "adds each prompt again without the trigger",
    "sample.negative": "becomes `neg`, always written: its default crashes",
    "sample.width": "becomes `sample.width`",
    "sample.height": "becomes `sample.height`",
    "sample.frames": "becomes `sample.num_frames`",
    "sample.seed": "becomes `sample.seed`",
    "sample.steps": "becomes `sample.sample_steps`",
    "sample.guidance": "becomes `sample.guidance_scale`",
    "logging.to": "tensorboard as `log_dir`, wandb as `use_wandb`",
    "logging.dir": "becomes `log_dir`",
    "logging.every": "becomes `log_every`, 0 for off",
    "logging.wandb.project": "becomes `project_name`",
    "logging.wandb.run_name": "becomes `run_name`",
    "logging.wandb.key_env": "wandb reads WANDB_API_KEY; another name is refused",
    "hardware.gpus": "CUDA_VISIBLE_DEVICES; one GPU only",
    "hardware.device": "`cpu` hides the GPUs",
    "hardware.threads": "OMP_NUM_THREADS",
    "output.dir": "becomes `training_folder`; results lie in a folder with the run's name",
    "backends": "checked by native.py and merged last",
}
for _key in ("prompt", "negative", "width", "height", "frames", "seed", "steps", "guidance", "control"):
    HANDLED[f"sample.prompts[].{_key}"] = "one entry of `sample.samples`"
HANDLED |= {path: "there is no held-out loss over a folder; refused" for path in leaves(Config) if path.startswith("evaluate.")}
