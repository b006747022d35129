"""The rows of the trainer: what each field of the language is called there, and what it cannot say.

Documents: `main` (the main TOML) and, for the rows of a dataset, one `[[directory]]` table of the dataset TOML.
What a table cannot say is done by the functions that `HANDLED` names.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lorabridge.backends.base import OMIT, Cannot, Row, cannot, choice, flag, same, via

DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
"""DTYPE_MAP, utils/common.py:14-21: any other word is a KeyError at once."""

WORDS = {word: key for key, word in DTYPES.items()}
NEVER = 1_000_000_000
"""A count of steps that no run reaches: the trainer divides by it, so 0 would crash."""


def _one(values: list[Any]) -> Any:
    if len(values) > 1:
        return Cannot("a sample has one control picture", "keep the first folder only")
    return values[0] if values else OMIT


def _listed(value: Any) -> list[Any]:
    return [value]


def _number(value: float) -> int | float:
    return int(value) if float(value).is_integer() else value


MAIN_ROWS: tuple[Row, ...] = (
    # the adapter
    same("adapter.rank", "main:adapter.rank", evidence="train.py:130; models/base.py:278"),
    choice(
        "adapter.type",
        "main:adapter.type",
        {"lora": "lora", "lokr": "lokr"},
        evidence="train.py:135-141: any other type is a NotImplementedError",
    ),
    cannot("adapter.conv_rank", "an adapter is put on linear layers only", evidence="models/base.py:258-266"),
    cannot("adapter.conv_alpha", "an adapter is put on linear layers only", evidence="models/base.py:258-266"),
    cannot("adapter.module_dropout", "it has no dropout of whole modules", evidence="models/base.py:275-293"),
    cannot("adapter.max_norm", "it never scales the weights of an adapter back", evidence="train.py, models/base.py: no such key is read"),
    via("adapter.dtype", "main:adapter.dtype", DTYPES.__getitem__, WORDS.get, auto=OMIT, evidence="train.py:131-132"),
    # length and optimizer
    same("train.gradient_accumulation", "main:gradient_accumulation_steps", evidence="train.py:424"),
    cannot("train.workers", "its number of loading processes is fixed", evidence="utils/dataset.py:1300-1400"),
    via("optimizer.max_grad_norm", "main:gradient_clipping", float, None, off=0.0, evidence="train.py:427; 0 clips nothing (executed)"),
    same("optimizer.betas", "main:optimizer.betas", evidence="train.py:669: further keys are the optimizer's arguments"),
    same("optimizer.eps", "main:optimizer.eps", auto=OMIT, evidence="train.py:669"),
    same(
        "optimizer.weight_decay",
        "main:optimizer.weight_decay",
        auto=OMIT,
        evidence="train.py:669; 1-D parameters never decay (train.py:775)",
    ),
    cannot("optimizer.lora_plus_ratio", "all weights of an adapter share one learning rate", evidence="models/base.py:407"),
    cannot("scheduler.cycles", "it knows no restarts", evidence="train.py:843-852"),
    cannot("scheduler.power", "it knows no polynomial fall", evidence="train.py:843-852"),
    cannot("scheduler.args", "its schedules take no arguments", evidence="train.py:843-852"),
    cannot("scheduler.decay", "it knows no warmup-stable-decay", evidence="train.py:843-852"),
    # noise and loss
    cannot("noise.bias", "it has no content or style bias", evidence="models/*.py prepare_inputs"),
    cannot("noise.weighting", "all noise levels count the same", evidence="models/base.py:412-436"),
    cannot("noise.mode_scale", "it has no `mode` weighting", evidence="models/base.py:412-436"),
    cannot("noise.offset", "it has no noise offset", evidence="models/sdxl.py:552-560"),
    via(
        "loss.min_snr_gamma",
        "main:model.min_snr_gamma",
        _number,
        float,
        families=("sdxl",),
        off=OMIT,
        evidence="models/sdxl.py:375: a 0 would switch it on",
    ),
    flag(
        "loss.debiased",
        "main:model.debiased_estimation_loss",
        families=("sdxl",),
        evidence="models/sdxl.py:645: a false would switch it on",
    ),
    # memory and caches
    cannot("memory.layer_offload", "it swaps whole blocks only", fix="use `memory.blocks_to_swap`", evidence="train.py:568-578"),
    cannot("memory.low_vram", "it always loads the model in one piece", evidence="models/base.py:637-674"),
    cannot("memory.split_attention", "it has no such switch", evidence="train.py, models/: no such key is read"),
    Row(
        "memory.attention",
        words={"auto": OMIT, "sdpa": OMIT},
        to=lambda value: Cannot("the kernel is chosen by each model's own code", "leave it `auto`"),
        evidence="models/: no such key is read",
    ),
    same("memory.compile", "main:compile", evidence="train.py:154,620"),
    Row(
        "cache.latents.to",
        words={"disk": OMIT},
        to=lambda value: Cannot("encoded pictures always go to disk", "write `disk`"),
        evidence="utils/dataset.py:460",
    ),
    cannot(
        "cache.text.workers",
        "one number of processes serves both caches",
        fix="set `cache.latents.workers`",
        evidence="utils/dataset.py:30",
    ),
    # results
    via("save.dtype", "main:save_dtype", DTYPES.__getitem__, WORDS.get, auto=OMIT, evidence="train.py:103; utils/saver.py:75"),
    cannot(
        "save.keep_last",
        "it never deletes a checkpoint",
        "unlimited",
        fix="write `unlimited` and delete old folders by hand",
        evidence="utils/saver.py",
    ),
    cannot("logging.prefix", "a run's folder is named by the clock", evidence="train.py:547"),
    cannot(
        "logging.dir",
        "its event file is written into the run's own folder",
        fix="write `logging: tensorboard` without `dir`",
        evidence="train.py:901",
    ),
    # hardware
    Row(
        "hardware.device",
        words={"auto": OMIT, "cuda": OMIT},
        to=lambda value: Cannot("it calls CUDA without asking", "write `cuda`"),
        evidence="train.py:298",
    ),
)

DATASET_ROWS: tuple[Row, ...] = (
    via("datasets[].repeats", ":num_repeats", _number, float, evidence="utils/dataset.py:735; a fraction works (executed)"),
    same("datasets[].masks", ":mask_path", evidence="utils/dataset.py:486; models/base.py:171-183: the first channel, black is left out"),
    cannot("datasets[].mask_floor", "black areas weigh nothing", fix="make the masks grey instead of black", evidence="models/base.py:182"),
    via("datasets[].control", ":control_path", _one, _listed, evidence="utils/dataset.py:487"),
    cannot(
        "datasets[].control_resolution", "control pictures get the size of their target", evidence="docs/supported_models.md (Flux Kontext)"
    ),
    cannot("datasets[].loss_weight", "all folders weigh the same", fix="use `repeats`", evidence="models/base.py:412-436"),
    cannot("datasets[].flip", "it never mirrors a sample", evidence="models/base.py:56-213"),
    Row(
        "datasets[].upscale",
        words={True: OMIT},
        to=lambda value: Cannot("small pictures are always enlarged to their bucket", "remove small pictures from the folder"),
        evidence="models/base.py:190",
    ),
    cannot("datasets[].cache_dir", "its caches always go below the pictures' own folder", evidence="utils/dataset.py:490"),
    Row(
        "datasets[].captions.extension",
        words={".txt": OMIT},
        to=lambda value: Cannot("captions are read from `.txt` files beside the pictures", "rename the caption files to `.txt`"),
        evidence="utils/dataset.py:640",
    ),
    cannot(
        "datasets[].captions.suffix",
        "it can put text before a caption only",
        fix="write it into the caption files",
        evidence="utils/dataset.py:48-57",
    ),
    cannot(
        "datasets[].captions.keep_tokens",
        "shuffling moves every tag",
        fix="put the tags that stay first into `captions.prefix`",
        evidence="utils/dataset.py:52-57",
    ),
    Row(
        "datasets[].captions.default",
        words={"": OMIT},
        to=lambda value: Cannot("a picture without a caption file is skipped", "write the caption files"),
        evidence="utils/dataset.py:750-760",
    ),
    cannot(
        "datasets[].jsonl",
        "it reads folders, not lists",
        fix="name the folder with `images:` and write captions beside the pictures",
        evidence="utils/dataset.py:627",
    ),
    cannot("datasets[].video.stride", "one clip is taken from each file", evidence="models/base.py:98-130"),
    cannot("datasets[].video.samples", "one clip is taken from each file", evidence="models/base.py:98-130"),
    cannot("datasets[].video.max_frames", "one clip is taken from each file", evidence="models/base.py:98-130"),
    cannot("datasets[].video.fps", "the frame rate is read from each file", evidence="utils/dataset.py:783"),
)

EVAL_ROWS: tuple[Row, ...] = tuple(replace(row, path=f"evaluate.{row.path}") for row in DATASET_ROWS)

_MODEL = "model.py: the key depends on the model type"
_TIMES = "length.py: steps, epochs, schedules and saves are tied to each other"
_NOISE = "noise.py: one word of the language is several keys, by model type"
_DATA = "datasets.py: some keys belong to the whole dataset file, some to the whole run"
_SAMPLES = "lower.py: it draws no samples; prompts are refused once"
_LAUNCH = "stages.py: said on the command line or by the environment"

_PATHS = (
    "repo",
    "checkpoint",
    "transformer",
    "transformer_high_noise",
    "vae",
    "audio_vae",
    "text_encoder",
    "text_encoder_2",
    "text_encoder_3",
    "byt5",
    "image_encoder",
    "extras",
)
_DATA_KEYS = (
    *("images", "videos", "captions.prefix", "captions.dropout", "captions.shuffle", "resolution", "batch_size", "bucket"),
    *("aspect.min", "aspect.max", "aspect.buckets", "regularization", "trigger", "video.frames", "video.extract"),
)
_PROMPT_KEYS = ("prompt", "negative", "width", "height", "frames", "seed", "steps", "guidance", "control")
_SAMPLE_KEYS = ("every", "before", "without_trigger", "negative", "width", "height", "frames", "seed", "steps", "guidance")

HANDLED: dict[str, str] = {
    "lorabridge": "the version of the language",
    "name": "lower.py: the folder below the output that holds the run folders",
    "trigger": "datasets.py: put before the captions of each dataset that does not name its own",
    **{f"model.paths.{key}": _MODEL for key in _PATHS},
    "model.family": _MODEL,
    "model.variant": _MODEL,
    "model.dtype": _MODEL,
    "model.vae_dtype": _MODEL,
    "model.guidance": _MODEL,
    "model.quantize.transformer": _MODEL,
    "model.quantize.text_encoder": _MODEL,
    "model.training_adapter.path": _MODEL,
    "model.merge[].path": _MODEL,
    "model.merge[].weight": _MODEL,
    "model.experts.train": _MODEL,
    "model.experts.boundary": _MODEL,
    "model.experts.switch_every": _MODEL,
    "model.experts.offload_inactive": _MODEL,
    "train.mixed_precision": _MODEL,
    "adapter.alpha": "adapter.py: the trainer sets alpha = rank",
    "adapter.dropout": "adapter.py: LoRA only",
    "adapter.rank_dropout": "adapter.py: LoKr only",
    "adapter.factor": "adapter.py: LoKr only",
    "adapter.targets.layers": "adapter.py: a pattern of modules to leave out",
    "adapter.targets.include": "adapter.py: a pattern of modules to leave out",
    "adapter.targets.exclude": "adapter.py: a pattern of modules to leave out",
    "adapter.text_encoder": "adapter.py: SDXL always adapts both text encoders; a rate of 0 keeps them as they are",
    "adapter.init_from": "adapter.py: a folder, for FLUX a file",
    "preservation.type": "adapter.py: there is no preservation loss",
    "preservation.class": "adapter.py: there is no preservation loss",
    "preservation.multiplier": "adapter.py: there is no preservation loss",
    "preservation.every": "adapter.py: there is no preservation loss",
    "optimizer.type": "optimizer.py: names of classes",
    "optimizer.lr": "optimizer.py: left out it would be the class's own default in silence",
    "optimizer.text_encoder_lr": "optimizer.py: SDXL only",
    "optimizer.args": "optimizer.py: checked against the class",
    "train.for": _TIMES,
    "train.batch_size": _DATA,
    "train.seed": "lower.py: the trainer sets no seed",
    "train.ema.decay": "lower.py: it keeps no average of the weights",
    "train.resume_from": _LAUNCH,
    "scheduler.type": _TIMES,
    "scheduler.warmup": _TIMES,
    "scheduler.min_lr_ratio": _TIMES,
    "save.every": _TIMES,
    "save.state": _TIMES,
    "save.metadata": "lower.py: the file holds none; the folder holds a copy of the TOML",
    "evaluate.every": _TIMES,
    "evaluate.before": _TIMES,
    **{
        f"noise.{key}": _NOISE
        for key in ("timestep_sampling", "shift", "sigmoid_scale", "logit_mean", "logit_std", "min_timestep", "max_timestep")
    },
    "loss.type": _NOISE,
    "loss.delta": _NOISE,
    "loss.min_snr_gamma": _NOISE,
    "loss.debiased": _NOISE,
    "memory.gradient_checkpointing": "memory.py: `activation_checkpointing` holds both this and the offloading",
    "memory.checkpoint_offload": "memory.py: `activation_checkpointing` holds both",
    "memory.blocks_to_swap": "memory.py: limits by model type",
    "cache.latents.batch_size": "memory.py: one number for both caches",
    "cache.latents.workers": "memory.py: 0 means the default there",
    "cache.text.to": "memory.py: by model type",
    "cache.text.batch_size": "memory.py: one number for both caches",
    "cache.reuse": _LAUNCH,
    **{f"datasets[].{key}": _DATA for key in _DATA_KEYS},
    **{f"evaluate.datasets[].{key}": _DATA for key in _DATA_KEYS},
    **{f"sample.{key}": _SAMPLES for key in _SAMPLE_KEYS},
    **{f"sample.prompts[].{key}": _SAMPLES for key in _PROMPT_KEYS},
    "logging.to": "lower.py: the event file of tensorboard is always written",
    "logging.every": "lower.py: 0 would crash",
    "logging.wandb.project": "lower.py: the key stays in the environment",
    "logging.wandb.run_name": "lower.py: the key stays in the environment",
    "logging.wandb.key_env": "lower.py: the key stays in the environment",
    "hardware.gpus": _LAUNCH,
    "hardware.pipeline_stages": _LAUNCH,
    "hardware.timeout": _LAUNCH,
    "hardware.threads": _LAUNCH,
    "output.dir": "lower.py: the folder above the one named after the run",
    "backends": "native.py",
}
