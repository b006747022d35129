"""`model`: paths, precisions, merged LoRAs and experts, by model type."""

from __future__ import annotations

from typing import Any

from lorabridge.backends.diffusion_pipe.archs import BOUNDARIES, EXTRA_KEYS, FP8, TITLE, Arch
from lorabridge.backends.diffusion_pipe.rows import DTYPES
from lorabridge.backends.emit import Inline
from lorabridge.backends.engine import Lowering
from lorabridge.backends.paths import is_hub_file, is_hub_id


def model(out: Lowering, arch: Arch) -> None:
    """The `[model]` table."""
    config = out.config.model
    out.put("main:model.type", arch.type, "model.family")
    out.note("exact", "model.family", config.family, "main:model.type", arch.type)
    _paths(out, arch)
    for key, value in EXTRA_KEYS.get((out.family.name, out.variant.name), {}).items():
        out.put(f"main:model.{key}", value, "model.variant")
        out.note("exact", "model.variant", out.variant.name, f"main:model.{key}", value)
    out.put("main:model.dtype", DTYPES[config.dtype], "model.dtype")
    out.note("exact", "model.dtype", config.dtype, "main:model.dtype", DTYPES[config.dtype])
    _precision(out)
    _quantize(out, arch)
    _guidance(out, arch)
    _merges(out, arch)
    _experts(out, arch)


def _paths(out: Lowering, arch: Arch) -> None:
    given = out.config.model.paths.plain(nulls=False)
    high = out.config.model.experts is not None and out.config.model.experts.train == "high-noise"
    used = given | ({"transformer": given["transformer_high_noise"]} if high and "transformer_high_noise" in given else {})
    encoders: list[str] = []
    for key, value in used.items():
        path = f"model.paths.{'transformer_high_noise' if key == 'transformer' and high else key}"
        if arch.comfy and arch.type != "ltx2" and key in ("text_encoder", "byt5"):
            encoders.append(_path(out, arch, path, value))
        elif key == "repo" and "extras" in used and "extras" in arch.paths:
            out.note("rewritten", path, value, text="`model.paths.extras` is read in its place")
        elif key in arch.paths:
            native = _path(out, arch, path, value)
            out.put(f"main:model.{arch.paths[key]}", native, path)
            out.note("exact", path, value, f"main:model.{arch.paths[key]}", native)
        elif key != "transformer_high_noise" or not out.variant.experts:
            _unread(out, arch, path, value)
        elif not high:
            out.note("rewritten", path, value, text="this run trains the other expert; this one is never loaded")
    if encoders:
        # Two entries would both load the last one's files (models/base.py:577-591): one entry holds all.
        entry: dict[str, Any] = {"path": encoders[0]} if len(encoders) == 1 else {"paths": encoders}
        out.put("main:model.text_encoders", [Inline(entry | {"type": arch.clip})], "model.paths.text_encoder")
        out.note("exact", "model.paths.text_encoder", encoders[0], "main:model.text_encoders", entry | {"type": arch.clip})


def _unread(out: Lowering, arch: Arch, path: str, value: str) -> None:
    text = f"{TITLE} does not read it for the type `{arch.type}`"
    out.note("rewritten", path, value, text=text)
    out.problem("LB302", path, f"`{path}` is not used", text, "remove it, or keep it for other trainers", "warning")


def _path(out: Lowering, arch: Arch, path: str, value: str) -> str:
    if not is_hub_id(value):
        return out.path(value)
    with_file = arch.type == "flux" and out.config.model.paths.transformer is not None
    if path in ("model.paths.repo", "model.paths.extras", "model.paths.text_encoder_3") and (arch.hub or with_file):
        return value
    out.refuse(
        path,
        value,
        f"for `{arch.type}` it reads a local path and never the hub",
        f"download it (`hf download {value} --local-dir …`) and write that folder; a local folder of this shape is written `./{value}`",
    )
    return value


def _precision(out: Lowering) -> None:
    config = out.config
    same = "off" if config.model.dtype == "fp32" else config.model.dtype
    if config.train.mixed_precision != same:
        out.refuse(
            "train.mixed_precision",
            config.train.mixed_precision,
            "it computes in `model.dtype`, which is also the precision of the weights",
            f"leave it `auto`, or set `model.dtype: {config.train.mixed_precision if config.train.mixed_precision != 'off' else 'fp32'}`",
        )
    elif out.wrote("train.mixed_precision"):
        out.note("exact", "train.mixed_precision", config.train.mixed_precision, "main:model.dtype", DTYPES[config.model.dtype])
    if config.model.vae_dtype != "auto":
        out.refuse("model.vae_dtype", config.model.vae_dtype, "each model's own code chooses it", "leave it `auto`")


def _quantize(out: Lowering, arch: Arch) -> None:
    wanted = out.config.model.quantize
    if wanted.transformer != "off":
        path = "model.quantize.transformer"
        if not arch.fp8:
            out.refuse(path, wanted.transformer, f"the type `{arch.type}` keeps the weights in `model.dtype`", "write `off`")
        elif wanted.transformer not in FP8:
            hint = "; a checkpoint that is quantized already can be loaded as it is, with `off`" if arch.comfy else ""
            out.refuse(path, wanted.transformer, "it knows plain float8 only", f"write `fp8`, `fp8-e5m2` or `off`{hint}")
        else:
            native = FP8[wanted.transformer]
            out.put(f"main:model.{arch.fp8}", native, path)
            out.note("exact", path, wanted.transformer, f"main:model.{arch.fp8}", native)
            if arch.type == "cosmos_predict2" and native == "float8":
                out.problem(
                    "LB307",
                    path,
                    "Cosmos-Predict2 does not train well in float8_e4m3",
                    "the trainer's own page says it WILL NOT work well",
                    "write `fp8-e5m2`",
                    "warning",
                )
    key = {"fp8": arch.text_fp8, "nf4": arch.text_nf4}.get(wanted.text_encoder, "")
    if wanted.text_encoder == "off":
        return
    if key:
        out.put(f"main:model.{key}", True, "model.quantize.text_encoder")
        out.note("exact", "model.quantize.text_encoder", wanted.text_encoder, f"main:model.{key}", True)
    else:
        knows = [f"`{word}`" for word, name in (("fp8", arch.text_fp8), ("nf4", arch.text_nf4)) if name]
        out.refuse(
            "model.quantize.text_encoder",
            wanted.text_encoder,
            f"the type `{arch.type}` has no key for it",
            f"write {' or '.join([*knows, '`off`'])}",
        )


def _guidance(out: Lowering, arch: Arch) -> None:
    value = out.config.model.guidance
    if value == "auto":
        return
    if arch.guidance:
        out.put("main:model.guidance", float(value), "model.guidance")
        out.note("exact", "model.guidance", value, "main:model.guidance", float(value))
    else:
        out.refuse("model.guidance", value, f"the type `{arch.type}` feeds no guidance value, or a fixed one", "leave it `auto`")


def _merges(out: Lowering, arch: Arch) -> None:
    config = out.config.model
    wanted = [(f"model.merge[{index}]", item.path, item.weight) for index, item in enumerate(config.merge)]
    if config.training_adapter is not None:
        wanted.insert(0, ("model.training_adapter", config.training_adapter.path, 1.0))
    paths: list[Any] = []
    for path, value, weight in wanted:
        if is_hub_file(value):
            out.refuse(f"{path}.path", value, "it reads LoRA files from disk only", "download the file and write its path")
        elif not arch.merges:
            out.refuse(
                f"{path}.path", value, f"the type `{arch.type}` merges no LoRA into its weights", "merge it into the checkpoint beforehand"
            )
        elif weight != 1.0 and (arch.comfy or arch.type == "chroma"):
            out.refuse(f"{path}.weight", weight, "it merges at 1 only", "write `weight: 1`")
        elif arch.type == "chroma" and value.endswith(".safetensors"):
            out.refuse(
                f"{path}.path", value, "for Chroma it reads a PEFT folder, not a file", "name the folder that holds `adapter_config.json`"
            )
        else:
            paths.append(out.path(value) if arch.comfy else Inline({"path": out.path(value), "weight": float(weight)}))
    if paths:
        at = f"main:{'model' if arch.comfy else 'adapter'}.{arch.merges}"
        out.put(at, paths, wanted[0][0])
        for path, value, _weight in wanted:
            out.note(
                "exact", f"{path}.path", value, at, value, "merged once, before training; it draws no samples that would need it taken out"
            )


def _experts(out: Lowering, arch: Arch) -> None:
    experts = out.config.model.experts
    if not out.variant.experts:
        return
    if experts is None or experts.train == "both":
        shown = "both" if experts is None else experts.train
        out.refuse(
            "model.experts.train" if experts is not None else "model.variant",
            shown if experts is not None else out.variant.name,
            "one run trains one expert",
            "write `experts: low-noise` here and a second config with `experts: high-noise`",
        )
        return
    boundary = BOUNDARIES[out.variant.name] if experts.boundary == "auto" else float(experts.boundary)
    key, value = ("min_t", boundary) if experts.train == "high-noise" else ("max_t", boundary)
    out.put(f"main:model.{key}", value, "model.experts.train")
    out.note(
        "exact", "model.experts.train", experts.train, f"main:model.{key}", value, "t = 1 is noise; the other expert's part is never drawn"
    )
    if experts.switch_every != "off":
        out.refuse("model.experts.switch_every", experts.switch_every, "one run trains one expert", "remove it")
    if experts.offload_inactive:
        out.note("rewritten", "model.experts.offload_inactive", True, text="the other expert is never loaded")
    missing = {"high-noise": "transformer_high_noise", "low-noise": "transformer"}[experts.train]
    if getattr(out.config.model.paths, missing) is None:
        out.problem(
            "LB503",
            f"model.paths.{missing}",
            f"`model.paths.{missing}` is missing",
            f"the {experts.train} expert is what this run trains",
            f"add `{missing}:` below `model.paths`",
        )
