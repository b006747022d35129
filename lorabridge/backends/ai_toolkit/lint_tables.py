"""What ai-toolkit accepts where: kinds, choices, ranges and names of its job files (read at 27a03a91, most of it executed)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from lorabridge.backends.ai_toolkit.archs import ARCHS, COMMIT, Arch
from lorabridge.backends.ai_toolkit.native import contract
from lorabridge.resources import schema_dir


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


@cache
def _facts() -> dict[str, Any]:
    text = (schema_dir() / "contracts" / "ai-toolkit" / f"{COMMIT}.json").read_text(encoding="utf-8")
    facts: dict[str, Any] = json.loads(text)
    return facts


@cache
def keys_of(section: str) -> frozenset[str]:
    """The keys that the trainer reads in a section (`train`, `datasets[]`, `train.ema_config`, ...)."""
    facts = _facts()
    entry = facts["sections"][section]
    shared = [facts["shared"][name]["keys"] for name in entry.get("with", ())]
    return frozenset(entry["keys"]).union(*shared)


@cache
def archs() -> dict[str, Arch]:
    """Native names without the part after `:`, and what their loaders honour. `None` for a name without a row of ours."""
    found = {arch.native.partition(":")[0]: arch for arch in reversed(ARCHS.values())}
    return found | {"sd1": found["sd15"], "flex1": found["flux"]}


def known_archs() -> list[str]:
    """Every name of a model class."""
    return list(contract()["archs"])


SECTIONS = ("network", "train", "model", "save", "sample", "first_sample", "logging", "datasets")
"""Sections of a process that are checked key by key."""
TOP = ("job", "config", "meta")
IN_CONFIG = ("name", "process", "device", "training_folder", "log_dir", "is_v2")
TRAINERS = ("sd_trainer", "diffusion_trainer", "ui_trainer", "concept_slider", "textual_inversion_trainer")
"""Process types whose sections are those of the usual trainer."""
OTHER_TYPES = (
    "ultimate_slider_trainer", "image_reference_slider_trainer", "concept_replacer", "reference_generator", "pure_lora_generator", "batch_img2img",
    "AceStepCaptioner", "Qwen3VLCaptioner", "Qwen3OmniCaptioner", "Ideogram4Captioner", "dataset_tools", "sync_from_collection", "super_tagger",
)  # fmt: skip
JOBS: dict[str, tuple[str, ...]] = {
    "extension": (*TRAINERS, *OTHER_TYPES),
    "train": ("vae", "slider", "slider_old", "lora_hack", "rescale_sd", "esrgan", "reference"),
    "extract": ("locon", "lora"), "mod": ("rescale_lora",), "generate": ("to_folder",),
}  # fmt: skip
"""Job kinds and the process types that each knows."""

LEGACY = words("sd1 sd15 sd2 sdxl ssd vega sd3 pixart pixart_sigma auraflow flux flex1 lumina2")
"""Architectures of the old loader: they build their noise scheduler from `train.noise_scheduler`."""
OLD_FLAGS = {
    "is_v2": "sd2", "is_v3": "sd3", "is_xl": "sdxl", "is_pixart": "pixart", "is_pixart_sigma": "pixart_sigma", "is_auraflow": "auraflow",
    "is_flux": "flux", "is_lumina2": "lumina2", "is_vega": "vega", "is_ssd": "ssd",
}  # fmt: skip
"""Switches that name the architecture where `arch` is absent, in the trainer's order."""
NEEDS_CONTROL = frozenset({"qwen_image_edit", "qwen_image_edit_plus", "flux_kontext", "hidream_e1", "boogu_image_edit", "mageflow_edit"})
"""Architectures that edit a picture: they are taught from pairs."""
CONTROL_CRASHES = {"qwen_image_edit": "when the captions are encoded", "qwen_image_edit_plus": "at the first training step"}

DTYPES = ("float", "fp32", "single", "float32", "fp16", "half", "float16", "bf16", "bfloat16", "8bit", "e4m3fn", "float8")
NOISE = (
    "ddim", "ddpm", "pndm", "lms", "k_lms", "euler", "k_euler", "euler_a", "dpmsolver", "dpmsolver++", "k_dpmsolver", "k_dpmsolver++", "dpmsingle",
    "heun", "dpm_2", "dpm_2_a", "lcm", "custom_lcm", "mean_flow", "flowmatch",
)  # fmt: skip
TIMESTEPS = (
    "sigmoid", "linear", "weighted", "shift", "flux_shift", "lumina2_shift", "lognorm_blend", "next_sample", "one_step", "two_step", "four_step", "eight_step",
)  # fmt: skip
QTYPES = (
    "qfloat8", "qfloat8_e4m3fn", "qfloat8_e5m2", "qint2", "qint4", "qint8", "float8", "int8", *(f"uint{bits}" for bits in range(2, 9)),
    "convrot4", "convrot8", "convrotbitnet", "convrotcomfyw4a4", *(f"convrotint{bits}" for bits in range(2, 9)), "nvfp4",
    "orbit2", "orbit3", "orbit4", "orbitvq2", "orbitvq3", "orbitvq4",
)  # fmt: skip
ATTENTION = (
    "native", "flash", "flash_hub", "flash_varlen", "flash_varlen_hub", "flash_4_hub", "_flash_3", "_flash_varlen_3", "_flash_3_hub", "_flash_3_varlen_hub",
    "aiter", "flex", "_native_cudnn", "_native_efficient", "_native_flash", "_native_math", "_native_npu", "_native_xla", "sage", "sage_hub", "sage_varlen",
    "_sage_qk_int8_pv_fp8_cuda", "_sage_qk_int8_pv_fp8_cuda_sm90", "_sage_qk_int8_pv_fp16_cuda", "_sage_qk_int8_pv_fp16_triton", "xformers",
)  # fmt: skip
PICTURES = ("jpg", "jpeg", "png", "webp")
SOUNDS = ("wav", "mp3", "flac", "ogg")
LOSSES = ("mse", "mae", "wavelet", "stepped", "pseudo_huber", "mean_flow")

_BETAS = "betas weight_decay"
_FACTORED = "eps clip_threshold weight_decay do_paramiter_swapping paramiter_swapping_factor"
_TORCH = f"{_BETAS} amsgrad foreach maximize capturable differentiable fused"
_BNB = f"{_BETAS} amsgrad optim_bits args min_8bit_size is_paged"
_PRODIGY = f"{_BETAS} beta3 decouple use_bias_correction safeguard_warmup d0 d_coef growth_rate fsdp_in_use"
_MAGIC = "min_lr max_lr beta2 weight_decay clip_threshold eps"
OPTIMIZERS: dict[str, frozenset[str]] = {
    name: words(args)
    for name, args in {
        "adam": f"{_TORCH} decoupled_weight_decay", "adamw": _TORCH, "adam8": "betas weight_decay decouple", "adamw8": _BETAS,
        "adam8bit": _BNB, "adamw8bit": _BNB, "lion8bit": "betas weight_decay args min_8bit_size is_paged",
        "ademamix8bit": "betas alpha t_alpha t_beta3 weight_decay min_8bit_size is_paged",
        "adagrad": "lr_decay weight_decay initial_accumulator_value eps foreach maximize differentiable fused",
        "adafactor": f"{_FACTORED} decay_rate beta1 scale_parameter relative_step warmup_init stochastic_accumulation stochastic_rounding",
        "prodigy": f"{_PRODIGY} slice_p", "prodigy8bit": _PRODIGY, "automagic": f"{_FACTORED} min_lr max_lr lr_bump beta2",
        "automagic2": f"{_MAGIC} lr_bump agreement_threshold", "automagic3": f"{_MAGIC} polarity_history fused",
        "automagicexperiment": "min_lr max_lr betas eps clip_threshold weight_decay polarity_history fused",
    }.items()
}  # fmt: skip
"""Optimizers and the names that `optimizer_params` can hand to them."""
EXTRA_OPTIMIZERS = ("lion", "dadaptation", "dadaptationadam", "dadaptationlion")
"""Optimizers whose package is not in the trainer's requirements."""
FIXED_EPS = words("adam adamw adam8 adamw8 adam8bit adamw8bit ademamix8bit prodigy prodigy8bit dadaptation dadaptationadam dadaptationlion")
"""Optimizers to which the trainer itself hands `eps=1e-6`."""

LR_SCHEDULERS: dict[str, frozenset[str]] = {
    "constant": frozenset({"factor", "last_epoch"}),
    "constant_with_warmup": frozenset({"num_warmup_steps", "last_epoch"}),
    "cosine": frozenset({"eta_min", "last_epoch"}),
    "cosine_with_restarts": frozenset({"T_mult", "eta_min", "last_epoch"}),
    "linear": frozenset({"start_factor", "end_factor", "last_epoch"}),
}
"""Learning rate schedules that start, and what `lr_scheduler_params` can hand to them."""
OVERWRITTEN = {"total_iters": "", "T_max": "cosine", "T_0": "cosine_with_restarts"}
"""Parameters of schedules that the trainer overwrites with `train.steps`; a schedule by name where only it knows them."""

CHOICES: dict[tuple[str, str], tuple[str, ...]] = {
    ("save", "save_format"): ("safetensors", "diffusers"),
    ("save", "dtype"): DTYPES,
    ("train", "dtype"): DTYPES,
    ("train", "content_or_style"): ("balanced", "style", "content"),
    ("train", "loss_type"): LOSSES,
    ("train", "loss_target"): ("noise", "source", "unaugmented", "differential_noise"),
    ("train", "attention_backend"): ATTENTION,
    ("train", "adapter_assist_type"): ("t2i", "control_net"),
    ("train", "guidance_loss_schedule"): ("constant", "sigma"),
    ("network", "type"): ("lora", "locon", "lycoris", "lorm", "lokr", "dora", "fullrank"),
    ("datasets", "type"): ("image",),
}
"""Closed choices that no other rule looks at."""
CHOICE_OUTCOME: dict[tuple[str, str], tuple[str, str]] = {
    ("save", "save_format"): ("LB314", "the trainer stops at once (ValueError)"),
    ("save", "dtype"): ("LB314", "the trainer takes it for a device and stops at the first save, with the training behind it"),
    ("train", "dtype"): ("LB314", "the trainer stops while the model is loaded (AttributeError)"),
    ("train", "content_or_style"): ("LB314", "the trainer stops at the first training step (ValueError)"),
    ("train", "attention_backend"): ("LB314", "diffusers refuses it after the model is loaded"),
    ("datasets", "type"): ("LB314", "the trainer stops when the dataset is loaded, after the model (ValueError)"),
    ("network", "type"): ("LB314", "any unknown word is taken for `lora` in silence"),
    ("train", "loss_type"): ("LB314", "any unknown word is taken for `mse` in silence"),
    ("train", "loss_target"): ("LB314", "any unknown word is taken for `noise` in silence"),
}

STRICT_INT = {
    "train": words("steps batch_size gradient_accumulation start_step"),
    "network": words("rank linear conv lokr_factor"),
    "save": frozenset({"max_step_saves_to_keep"}),
    "sample": words("width height seed sample_steps num_frames"),
    "datasets": words("batch_size num_repeats num_workers prefetch_factor num_frames"),
}
"""Numbers where `4.0` crashes as `4.5` does."""
LOOSE_INT = words(
    "save_every sample_every sample_start_step log_every performance_log_every validate_every_n_steps gradient_accumulation_steps"
)
"""Numbers that are only compared and divided: `250.0` works."""
COERCED = words("caption_dropout_rate token_dropout_rate network_weight training_seed max_grad_norm network_multiplier")
"""Numbers that the trainer converts: in quotes they work."""

KINDS: dict[tuple[str, str], str] = {
    **{("train", key): "number" for key in words("refiner_lr embedding_lr adapter_lr min_snr_gamma snr_gamma max_loss target_norm_std max_cfg_scale cfg_rescale")},
    ("train", "gradient_accumulation"): "int", ("train", "gradient_accumulation_steps"): "int", ("train", "start_step"): "int",
    ("train", "ema_config"): "dict", ("train", "validation_config"): "dict", ("train", "num_train_timesteps"): "int",
    **{("network", key): "int" for key in ("rank", "linear", "conv", "lokr_factor")},
    **{("network", key): "number" for key in ("linear_alpha", "conv_alpha", "dropout")},
    ("network", "lorm"): "dict", ("network", "pretrained_lora_path"): "str",
    **{("model", key): "str" for key in (
        "name_or_path", "arch", "vae_path", "te_name_or_path", "extras_name_or_path", "assistant_lora_path", "inference_lora_path", "lora_path", "unet_path",
        "refiner_name_or_path", "unconditional_lora_path", "accuracy_recovery_adapter", "vae_dtype", "te_dtype",
    )},
    ("model", "quantize_te"): "bool", ("model", "layer_offloading"): "bool", ("model", "ignore_if_contains"): "list", ("model", "only_if_contains"): "list",
    ("sample", "neg"): "str", ("sample", "samples"): "list", ("sample", "num_frames"): "int",
    **{("datasets", key): "str" for key in (
        "folder_path", "dataset_path", "default_caption", "trigger_word", "caption_ext", "mask_path", "unconditional_path", "clip_image_path",
    )},
    ("datasets", "batch_size"): "int", ("datasets", "control_path"): "str|list", ("datasets", "inpaint_path"): "str|list",
    ("datasets", "random_triggers"): "str|list", ("datasets", "controls"): "str|list", ("datasets", "augmentations"): "list",
    ("save", "hf_repo_id"): "str", ("logging", "run_name"): "str",
}  # fmt: skip
"""Kinds that the contract does not tell, or tells too widely."""
for _name in ("control_path_1", "control_path_2", "control_path_3"):
    KINDS["datasets", _name] = "str"

PROCESS_KINDS = {
    "training_folder": "str", "log_dir": "str", "trigger_word": "str", "performance_log_every": "int", "training_seed": "int", "sqlite_db_path": "str",
    "do_lorm": "bool", "torch_profiler": "bool",
}  # fmt: skip

EARLY = frozenset({
    ("train", "ema_config"), ("train", "validation_config"), ("train", "gradient_accumulation"), ("network", "type"), ("network", "lorm"), ("model", "arch"),
    ("model", "qtype"), ("sample", "num_frames"), ("sample", "prompts"), ("sample", "samples"), ("datasets", "augments"),
    ("datasets", "controls"), ("datasets", "network_weight"), ("datasets", "token_dropout_rate"), ("datasets", "caption_dropout_rate"),
})  # fmt: skip
"""Keys whose value of another kind ends the run while the file is read."""

NULL_CRASHES: dict[tuple[str, str], str] = {
    **{("train", key): "after the model is loaded" for key in ("steps", "lr", "optimizer", "lr_scheduler", "lr_scheduler_params")},
    ("train", "gradient_accumulation_steps"): "at once", ("train", "noise_multiplier"): "at the first training step",
    **{("train", key): "at the first training step" for key in ("min_denoising_steps", "max_denoising_steps")},
    ("train", "batch_size"): "when the dataset is loaded", ("train", "gradient_accumulation"): "at once", ("train", "max_grad_norm"): "at the first training step",
    ("train", "content_or_style"): "at the first training step", ("train", "attention_backend"): "after the model is loaded",
    ("network", "type"): "at once", ("network", "network_kwargs"): "after the model is loaded",
    ("save", "max_step_saves_to_keep"): "at the first save", ("save", "save_format"): "at once",
    ("sample", "prompts"): "at once", ("sample", "samples"): "at once", ("sample", "num_frames"): "at once",
    **{("sample", key): "at the first sample" for key in ("sample_steps", "width", "height", "seed", "guidance_scale")},
    ("datasets", "num_repeats"): "when the dataset is loaded", ("datasets", "num_frames"): "when the dataset is loaded",
    ("datasets", "caption_ext"): "when the first picture is read", ("datasets", "augments"): "at once", ("datasets", "controls"): "at once",
    ("datasets", "scale"): "when the dataset is loaded: no picture is taken", ("datasets", "loss_multiplier"): "at the first training step",
    **{("datasets", key): "when the dataset is loaded" for key in ("num_workers", "type")},
    **{("datasets", key): "at once" for key in ("network_weight", "token_dropout_rate", "caption_dropout_rate")},
    ("model", "name_or_path"): "at once",
}  # fmt: skip
"""Keys whose empty value ends the run, and when: executed."""
NULL_FINE = frozenset({
    *(("train", key) for key in words("noise_offset prompt_dropout_prob reg_weight start_step")),
    ("network", "linear"), ("network", "linear_alpha"), ("network", "conv"), ("network", "dropout"),
    ("save", "save_every"), ("datasets", "bucket_tolerance"), ("datasets", "keep_tokens"), ("sample", "sample_every"), ("logging", "log_every"),
})  # fmt: skip
"""Numbers whose empty value was executed and harmless. Of every other number with a default, an empty value is not that default."""

WHEN = {
    "train": "after the model is loaded", "network": "when the network is built, after the model load", "save": "at the first save",
    "sample": "at the first sample", "first_sample": "at the first sample", "logging": "at the first training step", "model": "while the model is loaded",
    "datasets": "when the dataset is loaded, after the model", "process": "at once or at the first step",
}  # fmt: skip
"""When a value of the wrong kind ends the run, by section."""

NETWORK_KWARGS = words(
    "rank_dropout module_dropout block_dims block_alphas conv_block_dims conv_block_alphas modules_dim modules_alpha varbose ignore_if_contains "
    "only_if_contains full_if_contains parameter_threshold attn_only target_lin_modules target_conv_modules full_train_in_out peft_format"
)
TAKEN_KWARGS = words(
    "text_encoder unet lora_dim multiplier alpha train_unet train_text_encoder conv_lora_dim conv_alpha is_sdxl is_v2 is_v3 is_pixart is_auraflow "
    "is_flux is_lumina2 is_ssd is_vega dropout use_text_encoder_1 use_text_encoder_2 use_bias is_lorm network_config network_type transformer_only "
    "is_transformer base_model"
)
"""Names in `network_kwargs` that the trainer hands over itself: TypeError."""

DEAD: Mapping[str, frozenset[str]] = {
    "train": words("unet_lr text_encoder_lr weight_jitter latent_feature_extractor_path latent_feature_loss_weight"),
    "model": words("vae_device te_device model_paths in_context"),
    "datasets": words("bucket_tolerance replacements"),
}
"""Keys that are read and never used."""

FOREIGN = {
    "learning_rate": "train.lr", "max_train_steps": "train.steps", "max_steps": "train.steps", "num_steps": "train.steps", "train_batch_size": "train.batch_size",
    "optimizer_type": "train.optimizer", "optimizer_args": "train.optimizer_params", "network_dim": "network.linear", "network_alpha": "network.linear_alpha",
    "dim": "network.linear", "lora_rank": "network.linear", "r": "network.linear", "lora_alpha": "network.linear_alpha", "linear_rank": "network.linear",
    "rank_alpha": "network.linear_alpha", "network_args": "network.network_kwargs", "lora_dropout": "network.dropout", "network_dropout": "network.dropout",
    "mixed_precision": "train.dtype", "save_precision": "save.dtype", "save_dtype": "save.dtype", "save_every_n_steps": "save.save_every",
    "save_steps": "save.save_every", "keep_last": "save.max_step_saves_to_keep", "max_saves_to_keep": "save.max_step_saves_to_keep",
    "sample_every_n_steps": "sample.sample_every", "sample_prompts": "sample.prompts", "negative_prompt": "sample.neg", "num_inference_steps": "sample.sample_steps",
    "cfg_scale": "sample.guidance_scale", "caption_extension": "datasets[].caption_ext", "image_dir": "datasets[].folder_path",
    "image_directory": "datasets[].folder_path", "path": "datasets[].folder_path", "folder": "datasets[].folder_path", "directory": "datasets[].folder_path",
    "repeats": "datasets[].num_repeats", "resolutions": "datasets[].resolution", "control_directory": "datasets[].control_path",
    "max_grad_norm": "train.max_grad_norm", "gradient_clipping": "train.max_grad_norm", "warmup_steps": "train.lr_scheduler_params.num_warmup_steps",
    "lr_warmup_steps": "train.lr_scheduler_params.num_warmup_steps", "seed": "the process's training_seed", "timestep_sampling": "train.timestep_type",
    "weight_decay": "train.optimizer_params.weight_decay", "output_dir": "the process's training_folder", "output_name": "config.name",
    "pretrained_model_name_or_path": "model.name_or_path", "model_path": "model.name_or_path", "model_type": "model.arch", "use_ema": "train.ema_config.use_ema",
    "ema_decay": "train.ema_config.ema_decay", "only_if_contains": "network.network_kwargs.only_if_contains",
    "ignore_if_contains": "network.network_kwargs.ignore_if_contains", "num_warmup_steps": "train.lr_scheduler_params.num_warmup_steps",
}  # fmt: skip
"""Names from other trainers or other levels, and what is meant here."""


def kind_of(section: str, key: str) -> str:
    """`bool`, `int`, `number`, `str`, `list`, `dict`, two of them with `|`, or nothing where no kind is known."""
    section = "sample" if section == "first_sample" else section
    return KINDS.get((section, key)) or str(contract()["sections"].get(section, {}).get(key, {}).get("type", ""))


def default_of(section: str, key: str) -> object:
    """The default of a key as the trainer's classes state it; None where there is none."""
    found: object = contract()["sections"].get(section, {}).get(key, {}).get("default")
    return found
