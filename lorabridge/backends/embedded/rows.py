"""What `job.json` calls the fields of the language, row by row.

Addresses starting with `job:` are keys of the job, those starting with `:` keys of one data set. Evidence is the class of
`trainer/job.py` that declares the key, or the module of the trainer that decides.
"""

from __future__ import annotations

from typing import Any

from lorabridge.backends.base import OMIT, Cannot, Row, cannot, choice, same, via
from lorabridge.backends.embedded.archs import DTYPES
from lorabridge.config.fields import leaves
from lorabridge.config.schema import Config

_NO_PATH = "it loads a whole diffusers folder"
_USE_REPO = "remove it; `model.paths.repo` is all it reads"
_PATHS = (
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
_SPLIT = "it trains on one device, with the whole model in its memory"
_FEW = "train a smaller model or resolution, or compile for another trainer"
_ONE = "`trainer/cache.py` encodes one at a time, so that no entry depends on its neighbours"

BIASES = {"off": "none", "content": "content", "style": "style", "balanced": "balanced"}
SAMPLINGS: dict[str, Any] = {
    "uniform": "uniform",
    "sigmoid": "sigmoid",
    "logit-normal": "logit_normal",
    "shift": "shift",
    "weighted": Cannot("it has no weighted sampling", "write `timestep_sampling: sigmoid`, or `weighting: bell-shaped`"),
    "sigma": Cannot("it draws levels, not steps of a schedule", "write `timestep_sampling: uniform`, or `shift`"),
    "logsnr": Cannot("it does not sample by signal-to-noise ratio", "write `timestep_sampling: logit-normal`"),
}
SCHEDULES: dict[str, Any] = {
    "constant": "constant",
    "linear": "linear",
    "cosine": "cosine",
    "cosine-with-restarts": "cosine_with_restarts",
    "polynomial": "polynomial",
    "cosine-with-min-lr": "cosine",
    **{
        word: Cannot("it has no such schedule", "write `type: cosine` with `min_lr_ratio`, or `constant`")
        for word in ("warmup-stable-decay", "inverse-sqrt", "rex")
    },
}
LOSSES: dict[str, Any] = {
    "mse": "mse",
    "huber": "huber",
    "smooth-l1": "smooth_l1",
    "mae": Cannot("it has no mean absolute error", "write `type: smooth-l1` with a small `delta`"),
    "wavelet": Cannot("it has no wavelet loss", "write `type: mse` or `type: huber`"),
}

JOB_ROWS: tuple[Row, ...] = (
    choice("model.dtype", "job:model.dtype", DTYPES, evidence="Model"),
    *(cannot(f"model.paths.{key}", _NO_PATH, fix=_USE_REPO, evidence="Model: path") for key in _PATHS),
    cannot("model.quantize.transformer", "it keeps frozen weights in `model.dtype`", "off", fix=_FEW, evidence="Model: quantize"),
    cannot("model.quantize.text_encoder", "it keeps frozen weights in `model.dtype`", "off", fix=_FEW, evidence="Model: quantize"),
    cannot("model.experts.train", "none of its families has two experts", "both", evidence="trainer/families"),
    cannot("model.experts.boundary", "none of its families has two experts", "auto", evidence="trainer/families"),
    cannot("model.experts.switch_every", "none of its families has two experts", "off", evidence="trainer/families"),
    cannot("model.experts.offload_inactive", "none of its families has two experts", False, evidence="trainer/families"),
    cannot("model.guidance", "where a model has a guidance input it is 1", "auto", evidence="trainer/families: predict"),
    choice(
        "adapter.type",
        "",
        {"lora": OMIT, **{word: Cannot("it trains LoRA only", "write `type: lora`") for word in ("loha", "lokr", "dora")}},
        evidence="Adapter; trainer/lora.py",
    ),
    same("adapter.rank", "job:adapter.rank", evidence="Adapter"),
    same("adapter.alpha", "job:adapter.alpha", evidence="Adapter"),
    same("adapter.conv_rank", "job:adapter.conv_rank", off=OMIT, evidence="Adapter: null leaves convolutions alone"),
    same("adapter.conv_alpha", "job:adapter.conv_alpha", evidence="Adapter"),
    same("adapter.dropout", "job:adapter.dropout", off=0.0, evidence="Adapter"),
    cannot("adapter.rank_dropout", "it has dropout of activations only", "off", fix="write `adapter.dropout`", evidence="Adapter"),
    cannot("adapter.module_dropout", "it has dropout of activations only", "off", fix="write `adapter.dropout`", evidence="Adapter"),
    cannot("adapter.factor", "it has no LoKr", "auto", evidence="Adapter"),
    cannot("adapter.max_norm", "it does not scale weights back", "off", fix="lower `optimizer.lr`", evidence="trainer/step.py"),
    cannot("adapter.text_encoder", "text encoders are gone before the training begins", False, evidence="trainer/setup.py"),
    cannot("adapter.dtype", "a LoRA is always trained in fp32", "auto", "fp32", evidence="trainer/lora.py: attach"),
    same("train.gradient_accumulation", "job:train.gradient_accumulation", evidence="Train"),
    cannot("train.workers", "cached entries are read in the main process", 0, evidence="trainer/cache.py"),
    same(
        "train.ema.decay",
        "job:ema_decay",
        evidence="Job; trainer/lora.py: Average",
        note="lower in the first steps: (1 + n) / (10 + n) at most, so that the average catches up",
        exact=False,
    ),
    cannot("optimizer.text_encoder_lr", "it trains no text encoder", evidence="trainer/setup.py"),
    same("optimizer.max_grad_norm", "job:train.max_grad_norm", off=None, evidence="Train: null does not clip"),
    cannot("optimizer.lora_plus_ratio", "all weights have one rate", "off", evidence="trainer/optim.py"),
    choice("scheduler.type", "job:scheduler.type", SCHEDULES, evidence="Scheduler; trainer/optim.py"),
    cannot("scheduler.decay", "no schedule of its has a final fall", "off", evidence="Scheduler"),
    same("scheduler.cycles", "job:scheduler.cycles", evidence="Scheduler"),
    same("scheduler.power", "job:scheduler.power", evidence="Scheduler: its default is 2"),
    same("scheduler.min_lr_ratio", "job:scheduler.min_lr_ratio", off=0.0, evidence="Scheduler"),
    cannot("scheduler.args", "its schedules take nothing more", {}, evidence="Scheduler"),
    choice("noise.bias", "job:noise.bias", BIASES, evidence="Noise; trainer/noise.py"),
    same("noise.sigmoid_scale", "job:noise.sigmoid_scale", evidence="Noise"),
    same("noise.logit_mean", "job:noise.mean", evidence="Noise"),
    same("noise.logit_std", "job:noise.std", evidence="Noise"),
    via("noise.min_timestep", "job:noise.min_timestep", lambda value: value / 1000, lambda native: round(native * 1000), evidence="Noise"),
    via("noise.max_timestep", "job:noise.max_timestep", lambda value: value / 1000, lambda native: round(native * 1000), evidence="Noise"),
    cannot("noise.mode_scale", "it has no mode weighting", evidence="Noise"),
    choice("loss.type", "job:noise.loss", LOSSES, evidence="Noise"),
    same("loss.delta", "job:noise.delta", evidence="Noise"),
    cannot("loss.debiased", "it has no debiased estimation loss", False, fix="write `loss.min_snr_gamma: 5`", evidence="Noise"),
    same("memory.gradient_checkpointing", "job:train.gradient_checkpointing", evidence="Train"),
    cannot("memory.checkpoint_offload", _SPLIT, False, fix=_FEW, evidence="trainer/setup.py"),
    cannot("memory.blocks_to_swap", _SPLIT, "off", fix=_FEW, evidence="trainer/setup.py"),
    cannot("memory.layer_offload", _SPLIT, "off", fix=_FEW, evidence="trainer/setup.py"),
    cannot("memory.low_vram", _SPLIT, False, fix=_FEW, evidence="trainer/setup.py"),
    cannot(
        "memory.attention",
        "it uses torch's scaled dot product attention",
        "auto",
        "sdpa",
        fix="write `attention: sdpa`",
        evidence="trainer/setup.py",
    ),
    cannot("memory.split_attention", "it computes whole batches", False, evidence="trainer/setup.py"),
    cannot("memory.compile", "it does not compile the model", False, evidence="trainer/setup.py"),
    cannot("cache.latents.to", "pictures are always encoded once, to disk", "disk", fix="write `to: disk`", evidence="trainer/cache.py"),
    cannot("cache.latents.batch_size", "it encodes one picture at a time", 1, fix="remove it", evidence=_ONE),
    cannot("cache.latents.workers", "it encodes in the main process", 0, fix="remove it", evidence=_ONE),
    cannot("cache.text.to", "captions are always encoded once, to disk", "disk", fix="write `to: disk`", evidence="trainer/cache.py"),
    cannot("cache.text.batch_size", "it encodes one caption at a time", 1, fix="remove it", evidence=_ONE),
    cannot("cache.text.workers", "it encodes in the main process", 0, fix="remove it", evidence=_ONE),
    same("save.keep_last", "job:save.keep_last", unlimited=OMIT, evidence="Save: null keeps all; the final file is always kept"),
    same("save.state", "job:save.state", evidence="Save"),
    choice("save.dtype", "job:save.dtype", DTYPES, evidence="Save"),
    cannot(
        "save.metadata", "alpha stands in the file's metadata: without it a reload scales wrongly", True, evidence="trainer/lora.py: save"
    ),
    cannot("logging.dir", "it has no tracker; lorabridge records each step", fix="remove it", evidence="trainer/events.py"),
    cannot("logging.prefix", "it has no tracker", "", fix="remove it", evidence="trainer/events.py"),
    cannot("logging.every", "each step is told", fix="remove it", evidence="trainer/events.py: Progress"),
    cannot(
        "hardware.pipeline_stages",
        "it trains on one device",
        1,
        fix="set it to 1, or compile for diffusion-pipe",
        evidence="trainer/setup.py",
    ),
    cannot("hardware.timeout", "it starts no processes that wait for each other", "auto", evidence="trainer/setup.py"),
    same("hardware.device", "job:train.device", evidence="Train"),
)


def whole(value: float) -> Any:
    """A whole number of repeats, or `Cannot`."""
    near = max(1, round(value))
    return int(value) if value == int(value) else Cannot("a picture is shown a whole number of times", f"write `repeats: {near}`")


def sides(value: list[Any]) -> list[Any]:
    """Sides and `[width, height]` as JSON has them."""
    return [list(side) if isinstance(side, tuple) else side for side in value]


DATASET_ROWS: tuple[Row, ...] = (
    cannot("datasets[].videos", "it trains on pictures", fix="name `images:`", evidence="Dataset"),
    cannot("datasets[].jsonl", "it reads folders", fix="give a folder with caption files: `images: folder`", evidence="Dataset"),
    same("datasets[].captions.extension", ":caption_extension", evidence="Dataset"),
    same("datasets[].captions.prefix", ":caption_prefix", evidence="Dataset; trainer/data.py"),
    same("datasets[].captions.suffix", ":caption_suffix", evidence="Dataset; trainer/data.py"),
    same("datasets[].captions.dropout", ":caption_dropout", off=0.0, evidence="Dataset"),
    same("datasets[].captions.keep_tokens", ":keep_tokens", evidence="Dataset"),
    cannot(
        "datasets[].captions.default",
        "a picture without a caption file is trained on an empty caption",
        "",
        fix="write the caption files",
        evidence="trainer/data.py",
    ),
    via("datasets[].repeats", ":repeats", whole, float, evidence="Dataset"),
    via("datasets[].resolution", ":resolutions", sides, evidence="Dataset"),
    same("datasets[].bucket", ":bucket", evidence="Dataset; trainer/data.py: fit_size"),
    cannot(
        "datasets[].upscale",
        "every picture is scaled to the training size",
        True,
        fix="remove small pictures",
        evidence="trainer/data.py: open_rgb",
    ),
    same("datasets[].mask_floor", ":mask_background", off=0.0, evidence="Dataset"),
    cannot("datasets[].control_resolution", "it trains no edit models", evidence="Dataset"),
    same("datasets[].regularization", ":regularization", evidence="Dataset; trainer/data.py"),
    same("datasets[].loss_weight", ":weight", evidence="Dataset; trainer/step.py"),
    choice(
        "datasets[].flip",
        ":flip",
        {
            "off": False,
            "horizontal": True,
            **{word: Cannot("it mirrors left and right only", "write `flip: horizontal`") for word in ("vertical", "both")},
        },
        evidence="Dataset; trainer/cache.py",
    ),
)

_EVALUATE = "refused: it has no held-out loss"

HANDLED: dict[str, str] = {
    "lorabridge": "the version of the language; nothing to write",
    "name": "becomes `name`: LoRA files are called after it",
    "trigger": "becomes the `trigger` of each data set that has none of its own; put in front of captions that lack it",
    "model.family": "with the variant it becomes `model.family`",
    "model.variant": "with the family it becomes `model.family`; the folder itself tells which variant it is",
    "model.paths.repo": "becomes `model.path`: a folder, or a hub id that is downloaded",
    "model.vae_dtype": "the VAE has `model.dtype`; another one is refused",
    "model.training_adapter.path": "becomes `adapter.training_adapter`, on while training and off while drawing; local files only",
    "model.merge[].path": "refused: nothing is merged before training",
    "model.merge[].weight": "refused with its path",
    "datasets[].images": "becomes `images`",
    "datasets[].captions.shuffle": "becomes `caption_shuffle`: each caption in up to nine orders, encoded once",
    "datasets[].batch_size": "becomes `train.batch_size` where all data sets agree; refused otherwise",
    "datasets[].aspect.min": "refused: buckets follow the pictures' own ratios",
    "datasets[].aspect.max": "refused: buckets follow the pictures' own ratios",
    "datasets[].aspect.buckets": "refused: buckets follow the pictures' own ratios",
    "datasets[].masks": "becomes `masks`",
    "datasets[].control": "refused: it trains no edit models",
    "datasets[].trigger": "becomes `trigger`",
    "datasets[].cache_dir": "becomes `cache`, one folder for all data sets",
    **{
        f"datasets[].video.{key}": "refused: it trains on pictures"
        for key in ("frames", "extract", "stride", "samples", "max_frames", "fps")
    },
    "adapter.targets.layers": "becomes `adapter.targets`",
    "adapter.targets.include": "becomes `adapter.targets.include`, as wildcards",
    "adapter.targets.exclude": "becomes `adapter.targets.exclude`, as wildcards",
    "adapter.init_from": "becomes `adapter.init_from`",
    "preservation.type": "`differential` becomes the section `preservation`; `blank-prompt` is refused",
    "preservation.class": "becomes `preservation.class_word`",
    "preservation.multiplier": "becomes `preservation.multiplier`",
    "preservation.every": "becomes `preservation.every`, in steps",
    "train.for": "becomes `train.length`; the trainer counts epochs itself",
    "train.batch_size": "becomes `train.batch_size`",
    "train.seed": "becomes `train.seed`; `random` is drawn",
    "train.mixed_precision": "autocast follows `model.dtype`; anything else is refused",
    "train.resume_from": "becomes `resume`",
    "optimizer.type": "becomes `optimizer.type`; AdamW where nothing was written, since 8-bit AdamW is a package more",
    "optimizer.lr": "becomes `optimizer.lr`",
    "optimizer.weight_decay": "becomes `optimizer.weight_decay`; `auto` is the optimizer's own default as a number",
    "optimizer.betas": "becomes `optimizer.betas`",
    "optimizer.eps": "becomes `optimizer.eps`",
    "optimizer.args": "becomes `optimizer.args`",
    "scheduler.warmup": "becomes `scheduler.warmup_steps`; a part of the run is counted out",
    "noise.timestep_sampling": "becomes `noise.timestep_sampling`",
    "noise.shift": "becomes `noise.shift` with `timestep_sampling: shift`",
    "noise.weighting": "becomes `noise.weighting`",
    "noise.offset": "becomes `noise.noise_offset` for epsilon models",
    "loss.min_snr_gamma": "becomes `noise.weighting: min_snr` with `noise.min_snr_gamma` for epsilon models",
    "cache.reuse": "nothing to write: entries are named by the hash of all that they depend on, a stale one is never found",
    "save.every": "becomes `save.every`",
    "sample.every": "becomes `sample.every`; with `never` nothing is drawn",
    "sample.before": "becomes `sample.at_start`",
    "sample.without_trigger": "becomes `sample.without_trigger`",
    **{f"sample.{key}": f"becomes `sample.{key}`" for key in ("negative", "width", "height", "seed", "steps", "guidance")},
    "sample.frames": "refused: it draws pictures",
    "sample.prompts[].prompt": "becomes an entry of `sample.prompts`",
    **{
        f"sample.prompts[].{key}": f"becomes `sample.{key}` where all prompts agree; refused otherwise"
        for key in ("negative", "width", "height", "seed", "steps", "guidance")
    },
    "sample.prompts[].frames": "refused: it draws pictures",
    "sample.prompts[].control": "refused: it trains no edit models",
    **{path: _EVALUATE for path in leaves(Config) if path.startswith("evaluate.")},
    "logging.to": "refused: it has no tracker; lorabridge records each step",
    **{f"logging.wandb.{key}": "refused with `logging.to`" for key in ("project", "run_name", "key_env")},
    "hardware.gpus": "one index becomes `CUDA_VISIBLE_DEVICES`; several are refused",
    "hardware.threads": "becomes `OMP_NUM_THREADS` and `train.threads`; 1 where nothing is said",
    "output.dir": "becomes `output`",
    "backends": "`backends.embedded` holds keys of the job",
}
