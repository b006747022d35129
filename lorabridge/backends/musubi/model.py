"""The base model: files, version flags, precision, experts, LoRAs merged before training."""

from __future__ import annotations

from lorabridge.backends.engine import Lowering
from lorabridge.backends.musubi.archs import BOUNDARIES, Arch
from lorabridge.backends.paths import is_hub_file, is_hub_id
from lorabridge.config.fields import rows_of
from lorabridge.config.schema.model import Paths
from lorabridge.families.resolve import get

NATIVE_DTYPE = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


def model(low: Lowering, arch: Arch) -> None:
    """Everything that chooses and loads the base model."""
    _version(low, arch)
    _paths(low, arch)
    _experts(low, arch)
    _dtype(low, arch)
    _vae_dtype(low, arch)
    _quantize(low, arch)
    _merge(low)
    guidance = low.config.model.guidance
    if not arch.distilled_guidance and guidance != "auto":
        low.refuse("model.guidance", guidance, f"training {low.family.title} has no guidance input there")


def local_path(low: Lowering, path: str, value: str) -> str:
    """An absolute path; hub ids are refused, since nothing is downloaded for these options."""
    if is_hub_id(value) or is_hub_file(value):
        fix = f"download it and write its path (`./{value}` for a local folder)"
        low.problem(
            "LB301",
            path,
            f"`{value}` is a name on the hub",
            "musubi-tuner reads local files only: it would look for a file of that name",
            fix,
        )
    return low.path(value)


def one_frame(low: Lowering) -> bool:
    """FramePack trains pictures in a mode of its own."""
    return low.family.name == "framepack" and all(data.videos is None and data.video is None for data in low.config.datasets)


def version_flags(low: Lowering, arch: Arch) -> dict[str, str | bool]:
    """The training options that choose the model's version and task."""
    flags = dict(arch.flags)
    if low.family.name == "hidream-o1" and any(data.control for data in low.config.datasets):
        flags["task"] = "i2i"
    if one_frame(low):
        flags["one_frame"] = True
    return flags


def _version(low: Lowering, arch: Arch) -> None:
    for key, value in version_flags(low, arch).items():
        path = "datasets" if value == "i2i" or key == "one_frame" else "model.variant"
        low.put(f"train:{key}", value, path)
        low.note("exact", path, low.variant.name, f"train:{key}", value)
    if arch.cli:
        low.note(
            "exact",
            "model.variant",
            low.variant.name,
            arch.cli[0],
            arch.cli[1],
            "the script reads it before the file, so it goes on the command line",
        )


def _paths(low: Lowering, arch: Arch) -> None:
    paths = low.config.model.paths
    for name in (row.name for row in rows_of(Paths).values()):
        path, value = f"model.paths.{name}", getattr(paths, name)
        if value is None or name == "transformer_high_noise" or (name == "transformer" and low.variant.experts):
            continue
        if name not in arch.keys:
            low.refuse(path, value, f"no script for {low.family.title} reads one", "remove it; `lorabridge families` lists what is needed")
            continue
        at = f"train:{arch.keys[name]}"
        native = value if name in arch.hub and is_hub_id(value) else local_path(low, path, value)
        low.put(at, native, path)
        low.note("exact", path, value, at, native)


def boundary(low: Lowering) -> float:
    """The noise level at which the experts of Wan 2.2 hand over."""
    experts = low.config.model.experts
    value = experts.boundary if experts else "auto"
    return BOUNDARIES[low.variant.name] if isinstance(value, str) else value


def trained_experts(low: Lowering) -> str:
    """`both`, `high-noise`, `low-noise`, or nothing where the model has one expert."""
    if not low.variant.experts:
        return ""
    experts, paths = low.config.model.experts, low.config.model.paths
    if experts is not None:
        return experts.train
    return "both" if paths.transformer and paths.transformer_high_noise else "high-noise" if paths.transformer_high_noise else "low-noise"


def _experts(low: Lowering, arch: Arch) -> None:
    which, experts, paths = trained_experts(low), low.config.model.experts, low.config.model.paths
    if not which:
        if paths.transformer_high_noise:
            low.refuse(
                "model.paths.transformer_high_noise",
                paths.transformer_high_noise,
                f"{low.family.title} ({low.variant.name}) has one expert",
            )
        return
    files = {"low-noise": ("transformer",), "high-noise": ("transformer_high_noise",), "both": ("transformer", "transformer_high_noise")}[
        which
    ]
    for name, key in zip(files, ("dit", "dit_high_noise"), strict=False):
        _expert_file(low, name, key, which)
    for name in {"transformer", "transformer_high_noise"} - set(files):
        if getattr(paths, name):
            low.note("exact", f"model.paths.{name}", getattr(paths, name), "", "left out", f"only the {which} expert is trained")
    if which == "both":
        _hand_over(low)
    else:
        low.note(
            "rewritten",
            "model.experts.train",
            which,
            "train:min_timestep, max_timestep",
            "",
            f"`dit` is the {which} expert, trained on its own range of timesteps",
        )
    if experts is None:
        return
    if experts.switch_every != "off":
        low.refuse("model.experts.switch_every", experts.switch_every, "each sample's timestep chooses the expert", "remove it")
    if experts.offload_inactive:
        _offload(low, which)


def _expert_file(low: Lowering, name: str, key: str, which: str) -> None:
    path, value = f"model.paths.{name}", getattr(low.config.model.paths, name)
    if value is None:
        low.problem(
            "LB503",
            path,
            f"`{path}` is missing",
            f"the {which} training of two experts reads it",
            f"add `{name}:` below `model.paths`, or write `experts: {{train: …}}`",
        )
        return
    native = local_path(low, path, value)
    low.put(f"train:{key}", native, path)
    low.note("exact", path, value, f"train:{key}", native)


def _hand_over(low: Lowering) -> None:
    experts = low.config.model.experts
    if experts is None or experts.boundary == "auto":
        return
    thousandths = boundary(low) * 1000
    if abs(thousandths - round(thousandths)) > 1e-9:
        low.refuse(
            "model.experts.boundary", experts.boundary, "it takes whole thousandths", f"write `boundary: {round(thousandths) / 1000:g}`"
        )
    low.put("train:timestep_boundary", round(thousandths), "model.experts.boundary")
    low.note("exact", "model.experts.boundary", experts.boundary, "train:timestep_boundary", round(thousandths))


def _offload(low: Lowering, which: str) -> None:
    path = "model.experts.offload_inactive"
    if which != "both":
        low.refuse(path, True, "one expert is loaded", "remove it")
        return
    if low.config.memory.blocks_to_swap != "off":
        low.problem(
            "LB307",
            path,
            "`offload_inactive` and `memory.blocks_to_swap` exclude each other",
            "the trainer stops with an assertion (wan_train_network.py:84)",
            "remove one of the two",
        )
    low.put("train:offload_inactive_dit", True, path)
    low.note("exact", path, True, "train:offload_inactive_dit", True)


def _dtype(low: Lowering, arch: Arch) -> None:
    wanted, mixed = low.config.model.dtype, low.config.train.mixed_precision
    if arch.dtype == "key":
        if low.wrote("model.dtype"):
            low.put("train:dit_dtype", NATIVE_DTYPE[wanted], "model.dtype")
            low.note("exact", "model.dtype", wanted, "train:dit_dtype", NATIVE_DTYPE[wanted])
        return
    if arch.dtype == "file":
        if mixed not in ("off", wanted):
            low.problem(
                "LB307",
                "train.mixed_precision",
                f"`mixed_precision: {mixed}` with weights in {wanted}",
                "Wan asserts that both are equal, or mixed precision is off (wan_train_network.py:62)",
                f"write `mixed_precision: {wanted}`",
            )
        low.note("exact", "model.dtype", wanted, "", "left out", "the weights' own precision is used")
        return
    actual = _actual_dtype(arch, mixed)
    if actual == wanted:
        low.note("exact", "model.dtype", wanted, "", "left out")
    elif low.wrote("model.dtype"):
        low.refuse(
            "model.dtype",
            wanted,
            f"with `train.mixed_precision: {mixed}` it loads {low.family.title} in {actual}",
            f"write `dtype: {actual}`" if arch.dtype == "bf16" else f"write `train.mixed_precision: {wanted}`",
        )
    else:
        low.note("rewritten", "model.dtype", wanted, "", actual, f"`mixed_precision: {mixed}` decides it")


def _actual_dtype(arch: Arch, mixed: str) -> str:
    if arch.dtype == "mixed":
        return {"off": "fp32"}.get(mixed, mixed)
    if arch.dtype == "mixed-or-bf16":
        return "fp16" if mixed == "fp16" else "bf16"
    if arch.dtype == "mixed-or-fp16":
        return "bf16" if mixed == "bf16" else "fp16"
    return "bf16"


def _vae_dtype(low: Lowering, arch: Arch) -> None:
    wanted = low.config.model.vae_dtype
    if wanted == "auto":
        return
    if wanted not in arch.vae_dtypes:
        only = ", ".join(f"`{name}`" for name in sorted(arch.vae_dtypes)) or "no VAE at all"
        low.refuse("model.vae_dtype", wanted, f"its scripts for {low.family.title} have {only}", "remove it")
        return
    if len(arch.vae_dtypes) == 1:
        low.note("exact", "model.vae_dtype", wanted, "", "left out", "there is no other")
        return
    low.put("train:vae_dtype", NATIVE_DTYPE[wanted], "model.vae_dtype")
    if arch.cache_vae_dtype:
        low.note("exact", "model.vae_dtype", wanted, "train:vae_dtype", NATIVE_DTYPE[wanted])
    else:
        low.problem(
            "LB302",
            "model.vae_dtype",
            f"`vae_dtype: {wanted}` holds for samples only",
            f"{arch.latents} has a fixed precision and stops when given another",
            severity="hint",
        )
        low.note(
            "rewritten",
            "model.vae_dtype",
            wanted,
            "train:vae_dtype",
            NATIVE_DTYPE[wanted],
            "samples only: latents are cached in the script's own precision",
        )


def _quantize(low: Lowering, arch: Arch) -> None:
    quantize = low.config.model.quantize
    path, wanted = "model.quantize.transformer", quantize.transformer
    if wanted != "off" and wanted not in arch.fp8:
        known = ", ".join(f"`{name}`" for name in sorted(arch.fp8))
        low.refuse(path, wanted, f"its scripts for {low.family.title} take {known}", f"write one of {known}, or `off`")
    elif wanted != "off":
        low.put("train:fp8_base", True, path)
        if wanted == "fp8-scaled":
            low.put("train:fp8_scaled", True, path)
        low.note("exact", path, wanted, "train:fp8_base" + (" + fp8_scaled" if wanted == "fp8-scaled" else ""), True)
    elif low.wrote(path):
        low.note("exact", path, wanted, "train:fp8_base", "left out")
    _quantize_text(low, arch, "model.quantize.text_encoder", quantize.text_encoder)


def _quantize_text(low: Lowering, arch: Arch, path: str, wanted: str) -> None:
    if wanted == "off":
        return
    if wanted != "fp8" or not arch.text_fp8:
        fix = "write `text_encoder: fp8`" if arch.text_fp8 else "remove it: the text encoder runs once, before training"
        low.refuse(path, wanted, f"its scripts for {low.family.title} have no such mode", fix)
        return
    if arch.text_fp8_train:
        low.put(f"train:{arch.text_fp8}", True, path)
    low.note("exact", path, wanted, f"--{arch.text_fp8}", True, "" if arch.text_fp8_train else "while caching only")


def _merge(low: Lowering) -> None:
    adapter, merges = low.config.model.training_adapter, low.config.model.merge
    files: list[str] = []
    weights: list[float] = []
    if adapter is not None:
        path = "model.training_adapter.path"
        files.append(local_path(low, path, adapter.path))
        weights.append(1.0)
        low.problem(
            "LB302",
            path,
            "the training adapter stays merged while samples are drawn",
            "musubi-tuner merges it once (TB:1540); the saved LoRA is the same",
            severity="hint",
        )
        low.note("rewritten", path, adapter.path, "train:base_weights", files[-1], "merged at 1 for the whole training, samples included")
    for index, item in enumerate(merges):
        path = f"model.merge[{index}].path"
        files.append(local_path(low, path, item.path))
        weights.append(item.weight)
        low.note("exact", path, item.path, "train:base_weights", files[-1])
    if files:
        low.put("train:base_weights", files, "model.merge" if merges else "model.training_adapter.path")
        low.put("train:base_weights_multiplier", weights, "model.merge" if merges else "model.training_adapter.path")


def wrote_path(low: Lowering, path: str) -> bool:
    """Whether a model path was given."""
    return get(low.config, f"model.paths.{path}") is not None
