"""What the trainer reads where, as data for the check of its own files. Facts come from the contract; these tables add what no contract says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lorabridge.backends.diffusion_pipe.archs import ARCHS, SWAP, TYPES
from lorabridge.backends.diffusion_pipe.contract import contract

DTYPES = ("float32", "float16", "bfloat16", "float8", "float8_e4m3fn", "float8_e5m2")
"""DTYPE_MAP, utils/common.py:14-21. Every other word is a KeyError as soon as the file is read."""

DIRECTORY_ONLY = ("path", "mask_path", "control_path", "default_mask_file")
TOP_ONLY = ("directory", "subsample_ratio")
SAVES = ("save_every_n_epochs", "save_every_n_steps", "save_every_n_examples")
BATCHES = (
    "micro_batch_size_per_gpu",
    "image_micro_batch_size_per_gpu",
    "eval_micro_batch_size_per_gpu",
    "eval_image_micro_batch_size_per_gpu",
)
PATHS = (
    "ckpt_path", "checkpoint_path", "diffusers_path", "single_file_path", "transformer_path", "vae_path", "llm_path", "clip_path", "t5_path",
    "text_encoder_path", "byt5_path", "llama3_path", "llm_adapter_path", "diffusion_model", "vae", "audio_vae", "text_encoder",
)  # fmt: skip
"""Keys of `[model]` that name files or folders."""

Needs = tuple[tuple[str, ...], ...]
_TEXT: Needs = (("transformer_path",), ("vae_path",), ("t5_path", "llm_path"))
_COMFY: Needs = (("diffusion_model",), ("vae",), ("text_encoders",))
REQUIRED: dict[str, Needs] = {
    "sdxl": (("checkpoint_path",),),
    "flux": (("diffusers_path",),),
    "ltx-video": (("diffusers_path",), ("single_file_path",)),
    "hunyuan-video": tuple((key, "ckpt_path") for key in ("transformer_path", "vae_path", "llm_path", "clip_path")),
    "cosmos": (("transformer_path",), ("vae_path",), ("text_encoder_path",)),
    "lumina_2": (("transformer_path",), ("llm_path",), ("vae_path",)),
    "wan": (("ckpt_path",),),
    "chroma": (("diffusers_path",), ("transformer_path",)),
    "hidream": (("diffusers_path",), ("llama3_path",)),
    "sd3": (("diffusers_path",),),
    "cosmos_predict2": _TEXT,
    "anima": _TEXT,
    "omnigen2": (("diffusers_path",),),
    "qwen_image": tuple((key, "diffusers_path") for key in ("transformer_path", "text_encoder_path", "vae_path")),
    "hunyuan_image": (("transformer_path",), ("vae_path",), ("text_encoder_path",), ("byt5_path",)),
    "auraflow": (("transformer_path",), ("text_encoder_path",), ("vae_path",), ("max_sequence_length",)),
    "z_image": _COMFY,
    "hunyuan_video_15": _COMFY,
    "flux2": _COMFY,
    "ernie_image": _COMFY,
    "ideogram4": _COMFY,
    "krea2": _COMFY,
    "ltx2": (("diffusion_model",), ("text_encoder",)),
    "minimax_h3": (*_COMFY, ("audio_vae",)),
}
"""For each model type: groups of `[model]` keys of which one must be there, else its constructor fails."""

NO_FULL = {
    "ltx-video": "at the first save (NotImplementedError)",
    "hunyuan-video": "at the first save (NotImplementedError)",
    "hidream": "at the first save (NotImplementedError)",
    "omnigen2": "at the first save (NotImplementedError)",
    "cosmos": "when the optimizer is made (AttributeError)",
    "sd3": "when the optimizer is made (AttributeError)",
    "auraflow": "when the optimizer is made (AttributeError)",
}
"""Model types that cannot be trained without an adapter, and when that shows."""

EXTRA_OPTIMIZER = {"genericoptim": frozenset({"rank", "proj_type", "update_proj_gap"})}
OPTIMIZER_KEYS = frozenset({"type", "gradient_release", "beta2_half_life"})
USUAL_ARGS = ("lr", "betas", "eps", "weight_decay", "gradient_release", "beta2_half_life")

FOREIGN = {
    "learning_rate": "write `lr` in [optimizer]", "optimizer_type": "write `type` in [optimizer]", "network_dim": "write `rank` in [adapter]",
    "network_alpha": "remove it: alpha always equals rank here", "lora_dropout": "write `dropout` in [adapter]", "lora_rank": "write `rank` in [adapter]",
    "dim": "write `rank`", "r": "write `rank`", "seed": "remove it: the trainer has no seed to set", "mixed_precision": "write `dtype` in [model]",
    "max_train_steps": "write `max_steps`", "max_train_epochs": "write `epochs`", "num_epochs": "write `epochs`", "train_batch_size": "write `micro_batch_size_per_gpu`",
    "batch_size": "write `micro_batch_size_per_gpu` in the main file", "lr_warmup_steps": "write `warmup_steps`", "gradient_checkpointing": "write `activation_checkpointing`",
    "max_grad_norm": "write `gradient_clipping`", "timestep_sampling": "write `timestep_sample_method` in [model]",
    "discrete_flow_shift": "write `shift` in [model]", "pseudo_huber_c": "write `huber_delta` or `smooth_l1_beta`",
    "image_eval_micro_batch_size_per_gpu": "write `eval_image_micro_batch_size_per_gpu`",
    "lora": "write `[adapter]`: without it the whole model is trained", "network": "write `[adapter]`: without it the whole model is trained",
    "repeats": "write `num_repeats`", "target_path": "write `path`: it holds the targets", "caption_ext": "remove it: captions are `.txt` files",
    "caption_extension": "remove it: captions are `.txt` files", "resolution": "write `resolutions = [...]`", "image_directory": "write `path`",
    "image_dir": "write `path`", "folder_path": "write `path`", "control_directory": "write `control_path`", "mask_directory": "write `mask_path`",
    "target_frames": "write `frame_buckets`", "bucket_no_upscale": "remove it", "keep_tokens": "remove it", "caption_dropout_rate": "write `uncond_fraction` in the main file",
    "fp8": "write `transformer_dtype` or `diffusion_model_dtype`", "datasets": "write `[[directory]]`", "general": "write the keys at the top of the file",
}  # fmt: skip
"""Names from other trainers, and what is meant here."""


def swap_limit(model: str) -> int | None:
    """The most blocks that the largest variant of a model type can swap; None where no number is known."""
    arch = ARCHS[model]
    if arch.swap is not None:
        return arch.swap
    limits = [blocks for (family, _), blocks in SWAP.items() if TYPES.get(family) == model]
    return max(limits, default=None)


def main_keys() -> Mapping[str, Any]:
    """Keys at the top of the main file."""
    return dict(contract()["main"])


def model_keys(model: str) -> dict[str, Any]:
    """Keys of `[model]` for one type. Two types are one class, and its text encoder key decides."""
    table: dict[str, dict[str, Any]] = contract()["model"]
    if model in ("cosmos_predict2", "anima"):
        return {**table["anima"], **table["cosmos_predict2"]}
    return dict(table[model])


def all_model_keys() -> set[str]:
    """Keys that some model type reads."""
    return {key for keys in contract()["model"].values() for key in keys}


def homes(key: str) -> list[str]:
    """Where the trainer does read a key: sections by name, the top of the main file first."""
    facts = contract()
    found = []
    if key in facts["main"]:
        found.append("the top of the main file, before the first [section]")
    if key in all_model_keys():
        found.append("[model]")
    if key in facts["adapter"]:
        found.append("[adapter]")
    if key in USUAL_ARGS:
        found.append("[optimizer]")
    if key in facts["monitoring"]:
        found.append("[monitoring]")
    if key in DIRECTORY_ONLY:
        found.append("[[directory]] of the dataset file")
    elif key in facts["dataset"] or key in TOP_ONLY:
        found.append("the dataset file")
    return found


def known_words(*tables: Iterable[str]) -> list[str]:
    """All names of some tables, once each."""
    return list(dict.fromkeys(name for table in tables for name in table))
