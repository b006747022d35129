"""What the metadata of a file says: who wrote it, for which model, at which step, with which settings."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabridge.families import find_family

BASES: dict[str, tuple[str, str]] = {
    # musubi-tuner 30c658c dataset/architectures.py (ss_base_model_version)
    "hunyuan_video": ("hunyuan-video", ""), "wan": ("wan21 wan22", ""), "framepack": ("framepack", ""), "flux_kontext": ("flux1-kontext", ""),
    "flux_2_dev": ("flux2", "dev"), "flux_2_klein_4b": ("flux2", "klein-base-4b klein-4b"), "flux_2_klein_9b": ("flux2", "klein-base-9b klein-9b"),
    "qwen_image": ("qwen-image", ""), "qwen_image_edit": ("qwen-image", "edit edit-2509 edit-2511"), "qwen_image_layered": ("qwen-image", "layered"),
    "kandinsky5": ("kandinsky5", ""), "hunyuan_video_1_5": ("hunyuan-video-1.5", ""), "z_image": ("z-image", ""), "hidream_o1_image": ("hidream-o1", ""),
    "ideogram4": ("ideogram4", ""), "krea2": ("krea2", ""),
    # ai-toolkit 27a03a9: get_base_model_version of each model class, toolkit/metadata.py
    "flux.1": ("flux1", ""), "flux.1_kontext": ("flux1-kontext", ""), "flex2": ("flex2", ""), "flux2": ("flux2", "dev"),
    "flux2_klein_4b": ("flux2", "klein-base-4b klein-4b"), "flux2_klein_9b": ("flux2", "klein-base-9b klein-9b"), "zimage": ("z-image", ""),
    "chroma": ("chroma", ""), "chroma_radiance": ("chroma", "radiance"), "wan_2.1": ("wan21", ""), "wan_2.2_5b": ("wan22", "5b"),
    "wan_2.2_14b": ("wan22", "t2v-a14b i2v-a14b"), "lumina2": ("lumina2", ""), "hidream_i1": ("hidream", ""), "omnigen2": ("omnigen2", ""),
    "ltx2": ("ltx2", ""), "sdxl_1.0": ("sdxl", ""), "sd_1.5": ("sd15", ""), "sd_3": ("sd3", ""), "auraflow": ("auraflow", ""), "pixart": ("pixart", ""),
    "f-lite": ("f-lite", ""), "boogu_image.0.1": ("boogu-image", "base"), "boogu_image_edit.0.1": ("boogu-image", "edit"), "prx_pixel": ("prx-pixel", ""),
    "anima": ("anima", ""), "minimax_h3": ("minimax-h3", ""), "minimax_h3_ref2va": ("minimax-h3", ""), "zeta_chroma": ("zeta-chroma", ""),
    "mageflow": ("mage-flow", "base"), "mageflow_edit": ("mage-flow", "edit"), "hidream_o1": ("hidream-o1", ""), "nucleus_image": ("nucleus-image", ""),
    "ernie_image": ("ernie-image", ""),
    # sd-scripts (ss_base_model_version)
    "sdxl_base_v1-0": ("sdxl", ""), "sd_v1": ("sd15", ""), "sd_v2": ("sd2", ""), "sd3": ("sd3", ""), "flux1": ("flux1", ""), "lumina": ("lumina2", ""),
}  # fmt: skip
_SD_SCRIPTS = ("sdxl_base_v1-0", "sd_v1", "sd_v2", "sd3", "flux1", "lumina")
"""`ss_base_model_version` to family (several: any of them) and variants; no variant means that it is not said."""


@dataclass(frozen=True)
class Origin:
    """What metadata tells. Empty and None where it does not."""

    trainer: str = ""
    version: str = ""
    families: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    stated: str = ""
    step: int | None = None
    epoch: int | None = None
    rank: int | None = None
    alpha: float | None = None
    planned_steps: int | None = None


def origin_of(metadata: Mapping[str, str]) -> Origin:
    """Read the metadata of a LoRA."""
    trainer, version = _trainer(metadata)
    families, variants, stated = _base(metadata)
    info = _object(metadata.get("training_info", ""))
    return Origin(
        trainer,
        version,
        families,
        variants,
        stated,
        _first(metadata.get("ss_steps"), info.get("step"), metadata.get("lorabridge_step")),
        _first(metadata.get("ss_epoch"), info.get("epoch")),
        _first(metadata.get("ss_network_dim"), metadata.get("lorabridge_rank")),
        _float(metadata.get("ss_network_alpha")) or _float(metadata.get("lorabridge_alpha")),
        _first(metadata.get("ss_max_train_steps")),
    )


def _trainer(metadata: Mapping[str, str]) -> tuple[str, str]:
    software = _object(metadata.get("software", ""))
    if software.get("name"):
        return str(software["name"])[:40], str(software.get("version", ""))[:40]
    if "lorabridge_step" in metadata:
        return "embedded", metadata.get("lorabridge_version", "")[:40]
    module = metadata.get("ss_network_module", "")
    if module:
        return "sd-scripts" if metadata.get("ss_base_model_version", "").startswith(_SD_SCRIPTS) else "musubi", ""
    return "", ""


def _base(metadata: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    own = metadata.get("lorabridge_family")
    if own:
        family = find_family(own)
        variant = metadata.get("lorabridge_variant", "")
        return ((family.name,) if family else ()), ((variant,) if variant else ()), own
    stated = metadata.get("ss_base_model_version", "")
    families, variants = BASES.get(stated, ("", ""))
    return tuple(families.split()), tuple(variants.split()), stated


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _first(*values: Any) -> int | None:
    for value in values:
        if type(value) is int:
            return value
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value):
            return int(value)
    return None


def _float(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


_STEP = (
    re.compile(r"-step(\d{8})(?:-state)?$"),  # musubi-tuner, sd-scripts
    re.compile(r"_(\d{9})(?:_(?:high|low)_noise)?$"),  # ai-toolkit
    re.compile(r"-(\d{8})$"),  # the embedded trainer's files
    re.compile(r"^step-?(\d+)$"),  # diffusion-pipe's folders, the embedded trainer
    re.compile(r"^global_step(\d+)$"),
)
_EPOCH = (re.compile(r"-(\d{6})(?:-state)?$"), re.compile(r"^epoch(\d+)$"))


def step_in_name(path: Path) -> int | None:
    """The step that a checkpoint's name tells: its own, or its folder's."""
    return _number(path, _STEP)


def epoch_in_name(path: Path) -> int | None:
    """The epoch that a checkpoint's name tells."""
    return _number(path, _EPOCH)


def _number(path: Path, patterns: tuple[re.Pattern[str], ...]) -> int | None:
    for name in (path.name.removesuffix(".safetensors"), path.parent.name):
        for pattern in patterns:
            match = pattern.search(name)
            if match:
                return int(match[1])
    return None


_TIMES = ("ss_training_started_at", "ss_training_finished_at")
_TITLES = {
    "ss_output_name": "name", "modelspec.title": "title", "ss_base_model_version": "base model", "ss_sd_model_name": "base file", "ss_vae_name": "VAE file",
    "ss_network_module": "network", "ss_network_dim": "rank", "ss_network_alpha": "alpha", "ss_network_args": "network arguments", "ss_learning_rate": "learning rate",
    "ss_optimizer": "optimizer", "ss_lr_scheduler": "scheduler", "ss_lr_warmup_steps": "warm-up steps", "ss_steps": "steps", "ss_epoch": "epoch",
    "ss_num_epochs": "epochs planned", "ss_max_train_steps": "steps planned", "ss_num_train_items": "pictures", "ss_gradient_accumulation_steps": "accumulation",
    "ss_mixed_precision": "mixed precision", "ss_seed": "seed", "ss_timestep_sampling": "timesteps", "ss_discrete_flow_shift": "shift", "ss_weighting_scheme": "weighting",
    "ss_max_grad_norm": "gradient norm", "ss_training_started_at": "started", "ss_training_finished_at": "finished", "ss_datasets": "datasets",
    "ss_tag_frequency": "tags", "training_info": "progress", "software": "software", "ss_training_comment": "comment",
}  # fmt: skip


def readable(metadata: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The metadata in words: known keys first and by their meaning, times as dates, JSON shortened, `None` left out."""
    order = {key: index for index, key in enumerate(_TITLES)}
    for key in sorted(metadata, key=lambda key: (order.get(key, len(order)), key)):
        value = metadata[key]
        if value not in ("", "None"):
            yield _TITLES.get(key, key), _value(key, value)


def _value(key: str, value: str) -> str:
    if key in _TIMES:
        number = _float(value)
        if number is not None and 0 < number < 1e11:
            return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(number))
    if key == "ss_tag_frequency":
        return _tags(value)
    found = _list(value) if value[:1] == "[" else _object(value) if value[:1] == "{" else None
    if isinstance(found, list) and all(isinstance(item, dict) for item in found):
        return "; ".join(_pairs(item) for item in found[:5]) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")
    return _pairs(found) if isinstance(found, dict) and found else value


def _list(text: str) -> list[Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def _pairs(found: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {json.dumps(value) if isinstance(value, dict | list) else value}" for name, value in found.items() if value is not None
    )


def _tags(value: str) -> str:
    folders = _object(value)
    counts: dict[str, int] = {}
    for tags in folders.values():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            counts[tag] = counts.get(tag, 0) + (count if isinstance(count, int) else 0)
    best = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{tag} ({count})" for tag, count in best[:10]) + (f", and {len(best) - 10} more" if len(best) > 10 else "")
