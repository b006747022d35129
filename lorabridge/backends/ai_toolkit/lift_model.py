"""The way back for `model` and `network`."""

from __future__ import annotations

from typing import Any

from lorabridge.backends.ai_toolkit.archs import ARCHS, NAME, Arch, find_native, find_variant
from lorabridge.backends.ai_toolkit.lift_state import Lifting
from lorabridge.backends.ai_toolkit.model import QTYPES
from lorabridge.backends.ai_toolkit.network import TEXT_ENCODER
from lorabridge.diagnostics import Diagnostic
from lorabridge.families.check import needs_of
from lorabridge.families.table import FAMILIES

FLAGS = {
    "is_xl": "sdxl",
    "is_v2": "sd2",
    "is_v3": "sd3",
    "is_flux": "flux",
    "is_lumina2": "lumina2",
    "is_pixart": "pixart",
    "is_pixart_sigma": "pixart_sigma",
    "is_ssd": "ssd",
    "is_vega": "vega",
    "is_auraflow": "auraflow",
}
"""Switches that chose the architecture before `arch` did (toolkit/config_modules.py:770-800)."""
_DTYPES = {"bf16": "bf16", "bfloat16": "bf16", "fp16": "fp16", "float16": "fp16", "fp32": "fp32", "float32": "fp32", "float": "fp32"}
_FILES = (".safetensors", ".ckpt", ".pt", ".sft")


def lift_model(state: Lifting) -> Arch | None:
    """Family, variant, paths, precision, memory. None when the architecture is not known."""
    native = state.pop("model.arch")
    for flag, name in FLAGS.items():
        if state.pop(f"model.{flag}", False) and native is None:
            native = name
    found = find_native(native or "sd15")
    state.move("train.dtype", "model.dtype", _DTYPES)
    if found is None:
        state.problem(
            "LB501", f"`model.arch: {native}` is not a known architecture", "the trainer would load it as Stable Diffusion 1.5", "", "error"
        )
        return None
    found = find_variant(found, state.rest) if native and ":" not in native else found
    arch = ARCHS[found]
    state.say("model.family", found[0], "model.arch")
    state.say("model.variant", found[1], "model.arch")
    for key, value in arch.fixed.items():
        state.drop(key, value)
    _paths(state, arch, found)
    _quantize(state, arch)
    _adapters(state)
    _experts(state, found)
    _memory(state)
    return arch


def _paths(state: Lifting, arch: Arch, found: tuple[str, str]) -> None:
    path = state.pop("model.name_or_path")
    family = FAMILIES[found[0]]
    variant = family.variant(found[1])
    able = {option[0] for option in (needs_of(family, variant, NAME) if variant else None) or () if option}
    file = isinstance(path, str) and path.endswith(_FILES)
    key = next((name for name in ("transformer", "checkpoint") if file and name in able), "repo")
    state.say(f"model.paths.{key}", path, "model.name_or_path")
    extras = state.pop("model.extras_name_or_path")
    if extras is not None and not (file and extras == arch.extras):
        state.say("model.paths.extras", extras, "model.extras_name_or_path")
    for intent, native in arch.paths.items():
        state.move(native, f"model.paths.{intent}")


def _quantize(state: Lifting, arch: Arch) -> None:
    words = {native: word for word, native in QTYPES.items()} | {"float8": "fp8-scaled", "int8": "int8"}
    on = bool(state.pop("model.quantize", False))
    if isinstance(kind := state.rest.get("model.qtype"), str) and "|" in kind:
        state.rest["model.qtype"], state.rest["model.accuracy_recovery_adapter"] = kind.split("|", 1)
    encoder = bool(state.pop("model.quantize_te", on))
    weights = state.pop("model.qtype", "qfloat8") if on or (encoder and arch.te_qtype == "qtype") else None
    other = weights if arch.te_qtype == "qtype" else state.pop("model.qtype_te", "qfloat8")
    for path, said, native, key in (("transformer", on, weights, "qtype"), ("text_encoder", encoder, other, "qtype_te")):
        if said and native in words:
            state.say(f"model.quantize.{path}", words[native], f"model.{key}")
        elif said:
            state.rest |= {f"model.quantize{'_te' if path == 'text_encoder' else ''}": True, f"model.{key}": native}
    if not on:
        state.drop("model.qtype", "qfloat8", "")
    if not encoder:
        state.drop("model.qtype_te", "qfloat8", "")


def _adapters(state: Lifting) -> None:
    state.move("model.assistant_lora_path", "model.training_adapter.path")
    merged = state.pop("model.lora_path")
    if merged:
        state.say("model.merge", [{"path": merged}], "model.lora_path")


def _experts(state: Lifting, found: tuple[str, str]) -> None:
    variant = FAMILIES[found[0]].variant(found[1])
    if variant is None or not variant.experts:
        return
    high, low = (state.pop(f"model.model_kwargs.train_{name}_noise", True) for name in ("high", "low"))
    state.say(
        "model.experts.train", {(True, True): "both", (True, False): "high-noise", (False, True): "low-noise"}.get((bool(high), bool(low)))
    )
    every = state.pop("train.switch_boundary_every", 1) // max(1, state.get("train.gradient_accumulation", 1))
    if every > 1:
        state.say("model.experts.switch_every", f"{every} steps", "train.switch_boundary_every")
    state.drop("network.split_multistage_loras", True)


def _memory(state: Lifting) -> None:
    if state.rest.get("model.low_vram") in (True, False):
        state.move("model.low_vram", "memory.low_vram")
    share = state.pop("model.layer_offloading_transformer_percent", 1.0)
    if state.pop("model.layer_offloading", False):
        if 0 < share < 1:
            state.say("memory.layer_offload", share, "model.layer_offloading_transformer_percent")
        else:
            state.rest |= {"model.layer_offloading": True, "model.layer_offloading_transformer_percent": share}
        state.drop("model.layer_offloading_text_encoder_percent", 0.0)


def lift_network(state: Lifting, arch: Arch | None) -> None:
    """The adapter."""
    rank = state.get("adapter.rank", 4)
    written = next((key for key in ("linear_alpha", "alpha") if f"network.{key}" in state.rest), "")
    alpha = state.pop("network.linear_alpha", state.pop("network.alpha", 1.0))
    state.drop("network.alpha")
    if arch is not None and arch.alpha:
        state.say("adapter.alpha", float(alpha), "network.linear_alpha")
    else:
        state.say("adapter.alpha", float(rank), "network.linear_alpha")
        if written and alpha != rank:
            state.diagnostics.append(
                Diagnostic(
                    "LB312",
                    f"`{written}: {alpha}` has no effect: the job trains with alpha = rank = {rank}",
                    None,
                    "warning",
                    "the trainer forces alpha to the rank for this architecture",
                    f"nothing changes if you remove it; for the strength of alpha {alpha}, scale the LoRA by {alpha / rank:g} where it is used"
                    if rank
                    else "",
                    f"config.process[0].network.{written}",
                )
            )
    conv, conv_alpha = state.pop("network.conv"), state.pop("network.conv_alpha")
    if conv and arch is not None and arch.alpha:
        state.say("adapter.conv_rank", conv, "network.conv")
        state.say("adapter.conv_alpha", float(conv_alpha if conv_alpha is not None else conv), "network.conv_alpha")
    _lokr(state)
    _targets(state, arch)
    state.move("network.pretrained_lora_path", "adapter.init_from")
    state.drop("network.network_kwargs", {}, None)


def _lokr(state: Lifting) -> None:
    factor = state.pop("network.lokr_factor", -1)
    if state.get("adapter.type") != "lokr":
        state.drop("network.lokr_full_rank")
        return
    if factor > 0:
        state.say("adapter.factor", factor, "network.lokr_factor")
    if state.pop("network.lokr_full_rank", True):
        state.rest["network.lokr_full_rank"] = True
        state.problem("LB302", "the LoKr is of full rank: its `linear` is not used", "`lokr_full_rank` is on unless it is written", "")


def _targets(state: Lifting, arch: Arch | None) -> None:
    only, skip = state.pop("network.network_kwargs.only_if_contains"), state.pop("network.network_kwargs.ignore_if_contains")
    family = FAMILIES.get(state.get("model.family", ""))
    if only and state.get("adapter.text_encoder"):
        only = [name for name in only if name != TEXT_ENCODER]
    if only:
        groups: dict[str, Any] = {}
        if family is not None:
            modules = family.modules(NAME)
            groups = {"attention": [*modules.attention], "all": [*modules.attention, *modules.feed_forward]}
        layers = next((word for word, names in groups.items() if names and names == list(only)), None)
        at = "network.network_kwargs.only_if_contains"
        state.say("adapter.targets.layers" if layers else "adapter.targets.include", layers or list(only), at)
    own = list(arch.ignore) if arch is not None and not only else []
    rest = [name for name in skip or [] if name not in own]
    state.say("adapter.targets.exclude", rest or None, "network.network_kwargs.ignore_if_contains")
