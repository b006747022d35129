"""The way back of `model`, `noise`, `loss` and `adapter`."""

from __future__ import annotations

import math
import re
from typing import Any

from lorabridge.backends.diffusion_pipe.archs import ARCHS, BOUNDARIES, EXTRA_KEYS, FP8, TYPES, Arch
from lorabridge.backends.diffusion_pipe.lift_state import Lifting
from lorabridge.backends.diffusion_pipe.rows import WORDS

_UNFP8 = {native: word for word, native in FP8.items()} | {"float8_e4m3fn": "fp8"}


def lift_model(state: Lifting, main: dict[str, Any], dataset: dict[str, Any]) -> str:
    """Fill the sections; returns the model type."""
    type_ = str(state.pop("model.type", ""))
    arch = ARCHS.get(type_)
    if arch is None:
        return type_
    _family(state, arch, main, dataset)
    _paths(state, arch)
    dtype = state.pop("model.dtype")
    state.set("model.dtype", WORDS.get(dtype, dtype), "main:model.dtype")
    if arch.fp8 and (native := state.pop(f"model.{arch.fp8}")) is not None and native not in WORDS:
        state.set("model.quantize.transformer", _UNFP8.get(native, native), f"main:model.{arch.fp8}")
    for key, word in ((arch.text_fp8, "fp8"), (arch.text_nf4, "nf4")):
        if key and state.pop(f"model.{key}", False):
            state.set("model.quantize.text_encoder", word, f"main:model.{key}")
    if arch.text_cache and state.pop("model.cache_text_embeddings", True) is False:
        state.set("cache.text.to", "off", "main:model.cache_text_embeddings")
    state.move("model.guidance", "model.guidance")
    _merges(state, arch)
    if arch.flow:
        _noise(state, arch)
    _loss(state)
    _adapter(state)
    return type_


def _family(state: Lifting, arch: Arch, main: dict[str, Any], dataset: dict[str, Any]) -> None:
    families = [family for family, type_ in TYPES.items() if type_ == arch.type]
    edit = any("control_path" in table for table in dataset.get("directory", ()) if isinstance(table, dict))
    table = main["model"]
    family = families[0]
    if arch.type == "flux" and edit:
        family = "flux1-kontext"
    if arch.type == "wan" and ("min_t" in table or "max_t" in table or re.search(r"wan-?_?2[._]?2", str(table).lower())):
        family = "wan22"
    state.set("model.family", family, "main:model.type")
    if arch.type == "qwen_image" and edit:
        state.set("model.variant", "edit", "dataset:directory")
    for (name, variant), extra in EXTRA_KEYS.items():
        if name == family and all(table.get(key) == value for key, value in extra.items()):
            state.set("model.variant", variant, f"main:model.{next(iter(extra))}")
            for key in extra:
                state.pop(f"model.{key}")
    if family == "wan22":
        _expert(state)


def _expert(state: Lifting) -> None:
    low, high = state.rest.get("model.max_t"), state.rest.get("model.min_t")
    for variant, boundary in BOUNDARIES.items():
        if boundary in (low, high):
            state.set("model.variant", variant, "main:model.min_t")
            state.set("model.experts", "high-noise" if high == boundary else "low-noise", "main:model.min_t")
            for key, neutral in (("min_t", 0.0), ("max_t", 1.0)):
                if state.rest.get(f"model.{key}") in (boundary, neutral):
                    state.pop(f"model.{key}")
            return


def _paths(state: Lifting, arch: Arch) -> None:
    for path, key in arch.paths.items():
        high = path == "transformer" and state.data["model"].get("experts") == "high-noise"
        state.move(f"model.{key}", f"model.paths.{'transformer_high_noise' if high else path}")
    encoders = state.pop("model.text_encoders") if arch.comfy else None
    if encoders:
        files = encoders[0].get("paths", [encoders[0].get("path")])
        for path, file in zip(("text_encoder", "byt5"), [files] if isinstance(files, str) else files, strict=False):
            state.set(f"model.paths.{path}", file, "main:model.text_encoders")
    if arch.time_range:
        for key, path in (("min_t", "noise.min_timestep"), ("max_t", "noise.max_timestep")):
            if (value := state.pop(f"model.{key}")) is not None:
                state.set(path, round(value * 1000), f"main:model.{key}")


def _merges(state: Lifting, arch: Arch) -> None:
    if not arch.merges:
        return
    key = f"{'model' if arch.comfy else 'adapter'}.{arch.merges}"
    found = state.pop(key)
    if found:
        state.set("model.merge", [item if isinstance(item, dict) else {"path": item} for item in found], f"main:{key}")


def _noise(state: Lifting, arch: Arch) -> None:
    method, scale, shift = (
        state.pop("model.timestep_sample_method", "logit_normal"),
        state.pop("model.sigmoid_scale", 1.0),
        state.pop("model.shift"),
    )
    by_size = bool(arch.by_size and state.pop(f"model.{arch.by_size}", False))
    if method == "uniform" and (shift or by_size):
        state.native |= {"main:model.timestep_sample_method": method, "main:model.shift": shift}
        return
    word = "uniform" if method == "uniform" else "shift" if shift else "resolution-shift" if by_size else "sigmoid"
    state.set("noise.timestep_sampling", word, "main:model.timestep_sample_method")
    if shift and word == "shift":
        state.set("noise.shift", shift, "main:model.shift")
    if scale != 1.0 and not math.isclose(scale, 1.0):
        state.set("noise.sigmoid_scale", scale, "main:model.sigmoid_scale")


def _loss(state: Lifting) -> None:
    huber, smooth = state.pop("huber_delta"), state.pop("smooth_l1_beta")
    if huber is not None:
        state.set("loss", {"type": "huber", "delta": huber}, "main:huber_delta")
    elif smooth is not None:
        state.set("loss", {"type": "smooth-l1", "delta": smooth} if smooth else {"type": "mae"}, "main:smooth_l1_beta")


def _adapter(state: Lifting) -> None:
    dropout, rank_dropout = state.pop("adapter.dropout", 0.0), state.pop("adapter.rank_dropout", 0.0)
    if dropout:
        state.set("adapter.dropout", dropout, "main:adapter.dropout")
    if rank_dropout:
        state.set("adapter.rank_dropout", rank_dropout, "main:adapter.rank_dropout")
    factor = state.pop("adapter.decompose_factor", -1)
    if factor > 0:
        state.set("adapter.factor", factor, "main:adapter.decompose_factor")
    state.move("adapter.init_from_existing", "adapter.init_from")
    pattern = state.pop("adapter.exclude_modules")
    if isinstance(pattern, str):
        _targets(state, pattern)
    elif pattern:
        state.native["main:adapter.exclude_modules"] = pattern


def _targets(state: Lifting, pattern: str) -> None:
    """The patterns that `adapter.py` writes; any other stays native."""
    found = re.fullmatch(r"(?:\(\?!\.\*\(\?:(?P<only>.*?)\)\)\.\*)?\|?(?:\.\*\(\?:(?P<less>.*?)\)\.\*)?", pattern)
    if found is None or not any(found.groups()) or "(?!" in (found["only"] or ""):
        state.native["main:adapter.exclude_modules"] = pattern
        return
    for group, key in (("only", "include"), ("less", "exclude")):
        if found[group]:
            names = [re.sub(r"\\(.)", r"\1", part) for part in found[group].split("|")]
            state.set(f"adapter.targets.{key}", names, "main:adapter.exclude_modules")
