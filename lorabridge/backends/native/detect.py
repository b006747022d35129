"""Which trainer a native file is for, and which part of it the file is, by its content."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lorabridge.backends.native.argv import launches
from lorabridge.backends.native.model import NativeFile

Test = Callable[[dict[str, Any]], int]


@dataclass(frozen=True)
class Sign:
    """One part of one trainer. `score` counts what in the data speaks for it; `hints` are top-level keys that do, by one each."""

    trainer: str
    role: str
    kinds: tuple[str, ...]
    score: Test
    hints: frozenset[str] = frozenset()


def _tables(data: dict[str, Any], *keys: str) -> int:
    return sum(isinstance(data.get(key), dict) for key in keys)


def _has(data: dict[str, Any], *keys: str) -> int:
    return sum(key in data for key in keys)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DP_MAIN = _words(
    "output_dir dataset epochs micro_batch_size_per_gpu pipeline_stages gradient_clipping warmup_steps eval_datasets eval_every_n_epochs "
    "save_every_n_epochs checkpoint_every_n_minutes activation_checkpointing save_dtype caching_batch_size partition_method steps_per_print "
    "video_clip_mode blocks_to_swap max_steps lr_scheduler force_constant_lr monitoring save_every_n_steps checkpoint_every_n_epochs"
)
_DP_DATA = _words(
    "resolutions enable_ar_bucket min_ar max_ar num_ar_buckets ar_buckets frame_buckets size_buckets num_repeats shuffle_tags caption_prefix directory"
)
_MUSUBI = _words(
    "dit vae dataset_config network_module network_dim network_alpha network_args optimizer_type optimizer_args learning_rate sdpa flash_attn xformers split_attn "
    "mixed_precision timestep_sampling discrete_flow_shift weighting_scheme max_train_steps max_train_epochs output_dir output_name save_every_n_epochs "
    "save_every_n_steps gradient_checkpointing fp8_base fp8_scaled blocks_to_swap lr_scheduler lr_warmup_steps seed max_data_loader_n_workers sample_prompts "
    "persistent_data_loader_workers logging_dir log_with text_encoder text_encoder1 t5 task model_version save_state resume network_weights"
)

SIGNS = (
    Sign(
        "diffusion-pipe", "main", ("toml",),
        lambda data: 4 * ("type" in _dict(data, "model")) + 4 * ("type" in _dict(data, "adapter")) + 2 * _tables(data, "model", "adapter", "optimizer") + 3 * _has(data, "micro_batch_size_per_gpu", "pipeline_stages", "dataset"),
        _DP_MAIN,
    ),
    Sign("diffusion-pipe", "dataset", ("toml",), lambda data: 6 * isinstance(data.get("directory"), list) + 3 * _has(data, "resolutions", "ar_buckets", "frame_buckets"), _DP_DATA),
    Sign("musubi", "train", ("toml",), lambda data: 2 * _has(_flat(data), "network_module", "dataset_config", "dit", "network_dim"), _MUSUBI),
    Sign("musubi", "dataset", ("toml", "json"), lambda data: 8 * isinstance(data.get("datasets"), list) + 4 * isinstance(data.get("general"), dict)),
    Sign("ai-toolkit", "job", ("yaml", "json"), lambda data: 8 * ("process" in _dict(data, "config")) + 5 * ("job" in data) + 2 * ("config" in data and "meta" in data)),
)  # fmt: skip
"""Every file that is known, by what it holds."""

_SCRIPTS = (
    ("musubi", re.compile(r"\w+_(train_network\w*|cache_latents|cache_pixel|cache_text_encoder_outputs)|(qwen_image|zimage|hidream_o1|hv)_train|cache_latents|cache_text_encoder_outputs")),
    ("diffusion-pipe", re.compile(r"train")),
    ("ai-toolkit", re.compile(r"run")),
)  # fmt: skip


def detect(file: NativeFile, trainer: str = "") -> bool:
    """Fill in `trainer` and `role`. False when the file is for none that is known; a forced trainer is always believed."""
    if file.kind == "shell":
        found = script_of(file, trainer)
        file.trainer, file.role = found or trainer, "launch" if found or trainer else ""
        return bool(file.trainer)
    scores = [(_score(file, sign), index) for index, sign in enumerate(SIGNS) if not trainer or sign.trainer == trainer]
    best, index = max(scores, key=lambda pair: (pair[0], -pair[1]), default=(0, -1))
    if best <= 0 and trainer:
        index = next((place for place, sign in enumerate(SIGNS) if sign.trainer == trainer and file.kind in sign.kinds), -1)
    elif best <= 1 and not trainer:
        return False
    if index < 0:
        return False
    file.trainer, file.role = SIGNS[index].trainer, SIGNS[index].role
    return True


def _score(file: NativeFile, sign: Sign) -> int:
    if file.kind not in sign.kinds:
        return 0
    keys = _flat(file.data) if sign.role == "train" else file.data
    return sign.score(file.data) + len(sign.hints & keys.keys())


def script_of(file: NativeFile, trainer: str = "") -> str:
    """The trainer whose script is launched first."""
    for launch in launches(file):
        for name, pattern in _SCRIPTS:
            if pattern.fullmatch(launch.script) and (not trainer or name == trainer):
                if name == "diffusion-pipe" and not any(
                    word.text in ("--deepspeed", "--config") or word.text.startswith("--config=") for word in launch.after
                ):
                    continue
                return name
    return ""


def pick(files: Sequence[NativeFile], role: str) -> list[NativeFile]:
    """The files of one role."""
    return [file for file in files if file.role == role]


def _dict(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _flat(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in data.items():
        found |= value if isinstance(value, dict) else {key: value}
    return found
