"""`model`: where the weights are, their precision, and what the architecture's loader honours."""

from __future__ import annotations

from typing import Any

from lorabridge.backends.ai_toolkit.archs import BOUNDARY, NAME, TITLE, Arch
from lorabridge.backends.engine import Lowering
from lorabridge.backends.paths import is_hub_file, is_hub_id
from lorabridge.families.check import needs_of
from lorabridge.families.resolve import get

QTYPES = {
    "fp8": "qfloat8",
    "fp8-scaled": "qfloat8",
    "fp8-e5m2": "qfloat8_e5m2",
    "int8": "qint8",
    "int4": "qint4",
    "uint3": "uint3",
    "uint4": "uint4",
    "uint6": "uint6",
}
FILES = (".safetensors", ".sft", ".pth", ".pt", ".ckpt", ".bin", ".gguf")
PRESERVING = {"qfloat8": "float8", "qint8": "int8"}
"""torchao's formats of the same width, for quanto's."""
STREAMED = {"qfloat8": "float8"}
"""What the trainer takes instead while layers are streamed (toolkit/config_modules.py:714): the file tells the truth."""
KERNELS = {"flash": "flash", "flash3": "_flash_3", "xformers": "xformers", "sage": "sage"}
_PATHS = (
    "repo", "checkpoint", "transformer", "transformer_high_noise", "vae", "audio_vae", "text_encoder",
    "text_encoder_2", "text_encoder_3", "byt5", "image_encoder", "extras",
)  # fmt: skip


def model(low: Lowering, arch: Arch) -> None:
    """The `model` section."""
    low.put("process:model.arch", arch.native, "model.family")
    low.note("exact", "model.family", f"{low.family.name} ({low.variant.name})", "process:model.arch", arch.native)
    _paths(low, arch)
    _precision(low)
    _quantize(low, arch)
    _adapters(low, arch)
    _experts(low)
    _guidance(low, arch)
    _memory(low, arch)
    _attention(low, arch)


def _where(low: Lowering, value: str) -> str:
    return value if is_hub_id(value) or is_hub_file(value) else low.path(value)


def _paths(low: Lowering, arch: Arch) -> None:
    given = {key: value for key in _PATHS if (value := get(low.config, f"model.paths.{key}"))}
    name = _name_key(low, given)
    used = {name} if name else set()
    if name:
        _say(low, name, "model.name_or_path", given[name])
    used |= _extras(low, arch, given, name)
    for key, native in arch.paths.items():
        if key in given and key != name and not (given[key].endswith(FILES) and key not in arch.files):
            _say(low, key, native, given[key])
            used.add(key)
    for key in given:
        if key not in used:
            _unread(low, key, given, key in arch.paths)


def _name_key(low: Lowering, given: dict[str, str]) -> str:
    """The path that becomes `name_or_path`: the one file to train before the whole pipeline."""
    able = {option[0] for option in needs_of(low.family, low.variant, NAME) or () if option}
    return next((key for key in ("transformer", "checkpoint", "repo") if key in given and key in able), "")


def _extras(low: Lowering, arch: Arch, given: dict[str, str], name: str) -> set[str]:
    """`extras_name_or_path`: what completes a single file. Without it the trainer falls back to one repository."""
    if not (arch.extras or arch.reads_extras) or name not in ("transformer", "repo"):
        return set()
    key = "extras" if "extras" in given else "repo" if name == "transformer" and "repo" in given else ""
    if key:
        _say(low, key, "model.extras_name_or_path", given[key])
        return {key}
    if arch.extras and name == "transformer" and "model.extras_name_or_path" not in arch.fixed:
        low.add("process:model.extras_name_or_path", arch.extras, "the text encoder and the VAE that a single file lacks")
    return set()


def _say(low: Lowering, key: str, native: str, value: str) -> None:
    low.put(f"process:{native}", _where(low, value), f"model.paths.{key}")
    low.note("exact", f"model.paths.{key}", value, f"process:{native}", _where(low, value))


def _unread(low: Lowering, key: str, given: dict[str, str], folder: bool) -> None:
    path = f"model.paths.{key}"
    text = f"{TITLE} {'takes a folder or a hub id here' if folder else 'does not read it'} for {low.family.title}: its part comes with the pipeline, or from the hub"
    low.note("rewritten", path, given[key], text=text)
    low.problem(
        "LB302", path, f"`{path}` is not used", text, "remove it, or keep it for other trainers", "hint" if "repo" in given else "warning"
    )


def _precision(low: Lowering) -> None:
    """One dtype: weights, VAE and computation are all cast to `train.dtype`."""
    asked = low.config.model
    low.put("process:train.dtype", asked.dtype, "model.dtype")
    low.note("exact", "model.dtype", asked.dtype, "process:train.dtype", asked.dtype)
    if asked.vae_dtype not in ("auto", asked.dtype):
        low.refuse(
            "model.vae_dtype",
            asked.vae_dtype,
            "the VAE is cast to `train.dtype` after it was loaded",
            f"write `{asked.dtype}`, or remove it",
        )
    mixed = low.config.train.mixed_precision
    if low.wrote("train.mixed_precision") and mixed not in ("auto", "off" if asked.dtype == "fp32" else asked.dtype):
        low.refuse(
            "train.mixed_precision",
            mixed,
            "weights and computation share one dtype",
            f"write `model.dtype: {mixed if mixed != 'off' else 'fp32'}`, or remove it",
        )


def _quantize(low: Lowering, arch: Arch) -> None:
    asked = low.config.model.quantize
    weights = _preserved(low, arch, _qtype(low, "model.quantize.transformer", asked.transformer, "qtype" if arch.quantize else None))
    encoder = _qtype(low, "model.quantize.text_encoder", asked.text_encoder, arch.te_qtype if arch.quantize else None)
    low.put("process:model.quantize", weights is not None, "model.quantize.transformer")
    if weights is not None:
        low.put("process:model.qtype", weights, "model.quantize.transformer")
    low.put("process:model.quantize_te", encoder is not None, "model.quantize.text_encoder")
    if encoder is None:
        return
    if arch.te_qtype == "qtype" and weights not in (None, encoder):
        low.problem(
            "LB307",
            "model.quantize.text_encoder",
            f"{TITLE} quantizes both parts of {low.family.title} alike",
            "its loader reads `qtype` for both",
            f"write `{asked.transformer}` for both",
        )
    low.put(f"process:model.{arch.te_qtype}", encoder, "model.quantize.text_encoder")


def _preserved(low: Lowering, arch: Arch, native: str | None) -> str | None:
    """The format that survives two predictions in one step, where the loader moves the weights before each."""
    if native is None or not arch.moving or low.config.preservation is None or not native.startswith("q"):
        return native
    path, other = "model.quantize.transformer", PRESERVING.get(native)
    why = f"with `{native}` the second prediction of a step fails on this model: its weights cannot be moved while they are in use"
    if other is None:
        low.problem(
            "LB307",
            path,
            f"{TITLE} cannot preserve outputs of {low.family.title} in this format",
            why,
            "write `fp8-scaled`, `int8` or `uint4`",
        )
    else:
        low.note("rewritten", path, get(low.config, path), "process:model.qtype", other, why)
    return other or native


def _qtype(low: Lowering, path: str, word: str, key: str | None) -> str | None:
    if word == "off":
        return None
    if key is None:
        low.refuse(path, word, f"it does not quantize this part of {low.family.title}: the key would be dropped in silence", "write `off`")
        return None
    native = QTYPES.get(word)
    if native is None:
        low.refuse(
            path,
            word,
            "it has no such format",
            f"it knows {', '.join(f'`{name}`' for name in QTYPES)}; others are native options (`qtype: nvfp4`)",
        )
        return None
    text = "its fp8 weights have scales" if word == "fp8" else ""
    if low.config.memory.layer_offload != "off" and native in STREAMED:
        native, text = STREAMED[native], f"the trainer takes it in place of `{native}` while layers are streamed"
    low.note("rewritten" if text else "exact", path, word, f"process:model.{key}", native, text)
    return native


def _adapters(low: Lowering, arch: Arch) -> None:
    helper = low.config.model.training_adapter
    if helper is not None:
        if not arch.assistant:
            low.refuse("model.training_adapter.path", helper.path, f"no training adapter is merged into {low.family.title}", "remove it")
        low.put("process:model.assistant_lora_path", _where(low, helper.path), "model.training_adapter.path")
        low.note("exact", "model.training_adapter.path", helper.path, "process:model.assistant_lora_path", _where(low, helper.path))
    _merge(low, arch, helper is not None)


def _merge(low: Lowering, arch: Arch, helped: bool) -> None:
    merged = low.config.model.merge
    if not merged:
        return
    if not arch.merge or len(merged) > 1 or (helped and not arch.alpha):
        why = "no LoRA is merged into this model" if not arch.merge else "it merges one LoRA, and none beside a training adapter"
        low.refuse("model.merge", [item.path for item in merged], why, "merge it into the model file first, or remove it")
        return
    if merged[0].weight != 1.0:
        low.refuse("model.merge[0].weight", merged[0].weight, "it merges a LoRA at full strength", "write `weight: 1`, or remove it")
    low.put("process:model.lora_path", low.path(merged[0].path), "model.merge[0].path")
    low.note("exact", "model.merge[0].path", merged[0].path, "process:model.lora_path", low.path(merged[0].path))


def _experts(low: Lowering) -> None:
    if not low.variant.experts:
        return
    experts = low.config.model.experts
    train = experts.train if experts else "both"
    low.put("process:model.model_kwargs.train_high_noise", train != "low-noise", "model.experts.train")
    low.put("process:model.model_kwargs.train_low_noise", train != "high-noise", "model.experts.train")
    low.note(
        "exact", "model.experts.train", train, "process:model.model_kwargs", f"high {train != 'low-noise'}, low {train != 'high-noise'}"
    )
    low.add("process:network.split_multistage_loras", True, "one file for each expert")
    if experts is not None:
        _boundary(low, experts)
        if experts.offload_inactive:
            low.put("process:model.low_vram", True, "model.experts.offload_inactive")
            low.note("exact", "model.experts.offload_inactive", True, "process:model.low_vram", True)
    if "i2v" in low.variant.name and (experts is None or experts.boundary == "auto"):
        low.note("defaulted", "model.experts.boundary", "auto", native=BOUNDARY, text=f"{TITLE} trains image-to-video with {BOUNDARY} too")


def _boundary(low: Lowering, experts: Any) -> None:
    if experts.boundary not in ("auto", BOUNDARY):
        low.refuse("model.experts.boundary", experts.boundary, f"its boundary is fixed at {BOUNDARY}", f"write `{BOUNDARY}`, or remove it")
    switch = experts.switch_every
    if switch == "off":
        return
    if switch.unit != "steps":
        low.problem(
            "LB308", "model.experts.switch_every", f"{TITLE} counts steps, not epochs", "it has no notion of an epoch", "write it in steps"
        )
    elif low.config.train.gradient_accumulation > 1:
        text = f"{TITLE} counts batches here: {switch.value} steps are {switch.value * low.config.train.gradient_accumulation} batches"
        low.put("process:train.switch_boundary_every", switch.value * low.config.train.gradient_accumulation, "model.experts.switch_every")
        low.note("rewritten", "model.experts.switch_every", switch, text=text)
    else:
        low.put("process:train.switch_boundary_every", switch.value, "model.experts.switch_every")
        low.note("exact", "model.experts.switch_every", switch, "process:train.switch_boundary_every", switch.value)


def _guidance(low: Lowering, arch: Arch) -> None:
    value = low.config.model.guidance
    if value == "auto" or (not low.wrote("model.guidance") and not arch.guidance):
        return
    if not arch.guidance:
        low.refuse("model.guidance", value, "this model is fed no guidance while training", "remove it")
        return
    low.put("process:train.cfg_scale", value, "model.guidance")
    low.note("exact", "model.guidance", value, "process:train.cfg_scale", value)


def _memory(low: Lowering, arch: Arch) -> None:
    memory = low.config.memory
    if memory.low_vram:
        if not arch.low_vram:
            low.refuse("memory.low_vram", True, f"the loader of {low.family.title} does not read it", "remove it")
        low.put("process:model.low_vram", True, "memory.low_vram")
        low.note("exact", "memory.low_vram", True, "process:model.low_vram", True)
    if memory.layer_offload == "off":
        return
    if not arch.offload:
        low.refuse(
            "memory.layer_offload",
            memory.layer_offload,
            f"the loader of {low.family.title} does not stream layers",
            "remove it, or write `quantize: {transformer: fp8}`",
        )
        return
    low.put("process:model.layer_offloading", True, "memory.layer_offload")
    low.put("process:model.layer_offloading_transformer_percent", memory.layer_offload, "memory.layer_offload")
    low.note(
        "exact", "memory.layer_offload", memory.layer_offload, "process:model.layer_offloading_transformer_percent", memory.layer_offload
    )
    low.add("process:model.layer_offloading_text_encoder_percent", 0.0, "the default streams the whole text encoder too")


def _attention(low: Lowering, arch: Arch) -> None:
    kernel = low.config.memory.attention
    if kernel in ("auto", "sdpa"):
        return
    if arch.backends:
        low.put("process:train.attention_backend", KERNELS[kernel], "memory.attention")
        low.note("exact", "memory.attention", kernel, "process:train.attention_backend", KERNELS[kernel])
    elif kernel == "xformers" and arch.alpha:
        low.put("process:train.xformers", True, "memory.attention")
        low.note("exact", "memory.attention", kernel, "process:train.xformers", True)
    else:
        low.refuse(
            "memory.attention",
            kernel,
            "the attention of this model takes no other kernel: the key would be dropped in silence",
            "write `sdpa`",
        )
