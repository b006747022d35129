"""Findings about the numbers of an adapter: not finite, untrained, partly dead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from lorabridge.artifacts.modules import Adapter, Module
from lorabridge.artifacts.read import Look, look
from lorabridge.artifacts.tables import flat
from lorabridge.artifacts.targets import block_of
from lorabridge.diagnostics import Diagnostic

UNREACHED: dict[str, re.Pattern[str]] = {
    "qwen-image": re.compile(r"(add_q_proj|to_add_out|txt_mlp_net_0_proj|txt_mlp_net_2)$"),
    "sd3": re.compile(r"(add_q_proj|context_block_attn_q)$"),
}
"""Modules of the last block that no gradient reaches, because the text stream ends there.

Seen in every file of real runs: musubi-tuner, diffusion-pipe, ai-toolkit and the embedded trainer (Qwen-Image), diffusion-pipe (SD 3).
"""
_CLIP_LAYER = re.compile(r"(?:encoder_)?layers_(\d+)_")


def check_numbers(path: Path, adapter: Adapter, families: tuple[str, ...]) -> tuple[list[Diagnostic], str]:
    """One pass over the file (see `read.look`): findings, and what was looked at in words."""
    header = adapter.header
    tensors = list(header.tensors.values())
    try:
        looks = dict(zip(header.tensors, look(path, header, tensors), strict=True))
    except OSError as error:
        text = f"`{path.name}` was cut or became unreadable while it was read: {error}"
        return [Diagnostic("LB803", text, fix="look again when nothing writes to it")], "the numbers could not be read"
    dead, unreached, total = _dead(adapter, looks, families)
    found = [*_finite(path.name, looks), *_alphas(path.name, adapter), *_untrained(path.name, dead, total)]
    aside = f"; {len(unreached):,} that this model never reaches left aside" if unreached and len(dead) < total else ""
    return found, f"{len(looks):,} tensors looked through for NaN, infinity and dead modules{aside}"


def _finite(name: str, looks: dict[str, Look]) -> Iterator[Diagnostic]:
    wrong = [tensor for tensor, seen in looks.items() if not seen.finite]
    if wrong:
        more = f" and {len(wrong) - 1:,} more of {len(looks):,} tensors" if len(wrong) > 1 else ""
        fix = "take an earlier checkpoint; lower `optimizer.lr`, set `optimizer.max_grad_norm: 1.0`, prefer bf16 to fp16"
        yield Diagnostic("LB807", f"`{name}`: `{wrong[0][:120]}`{more} holds NaN or infinity", fix=fix)
    unseen = sum(not seen.checked for seen in looks.values())
    if unseen:
        yield Diagnostic("LB805", f"`{name}`: {unseen:,} tensors are of dtypes that cannot be looked into here", severity="hint")


def _alphas(name: str, adapter: Adapter) -> Iterator[Diagnostic]:
    zero = [module.key for module in adapter.modules.values() if module.alpha == 0]
    if zero:
        yield Diagnostic(
            "LB813",
            f"`{name}`: alpha of `{zero[0][:120]}` is 0, which scales it to nothing ({len(zero):,} modules)",
            fix="set another alpha",
        )


def _dead(adapter: Adapter, looks: dict[str, Look], families: tuple[str, ...]) -> tuple[list[str], list[str], int]:
    """Modules without an update; those of them that cannot have one; how many modules could be judged."""
    modules = [module for module in adapter.modules.values() if module.kind in _ZERO and not module.missing]
    dead = [module for module in modules if _ZERO[module.kind](module, lambda module, role: _is_zero(module, role, looks))]
    last: dict[str, int] = {}
    for module in modules:
        last[module.part] = max(last.get(module.part, -1), _layer(module))
    unreached = [module for module in dead if _layer(module) == last[module.part] >= 0 and _never(module, families)]
    if len(dead) == len(modules):
        unreached = []
    kept = [module.key for module in dead if module not in unreached]
    return kept, [module.key for module in unreached], len(modules)


def _layer(module: Module) -> int:
    """The block's number; for a text encoder the layer's."""
    if module.part == "transformer":
        return block_of(module)[1]
    match = _CLIP_LAYER.search(flat(module.name))
    return int(match[1]) if match else -1


def _never(module: Module, families: tuple[str, ...]) -> bool:
    """The last layer of CLIP is not used by SDXL and others that read the one before."""
    if module.part != "transformer":
        return True
    return any(family in families and pattern.search(flat(module.name)) for family, pattern in UNREACHED.items())


def _untrained(name: str, dead: list[str], total: int) -> Iterator[Diagnostic]:
    if dead and len(dead) == total:
        text = f"`{name}` is untrained: in all {total:,} modules the update is zero"
        yield Diagnostic(
            "LB808", text, fix="look in the log for the first step's loss; was the learning rate 0, did the run end before a step?"
        )
    elif dead:
        text = f"`{name}` is partly dead: {len(dead):,} of {total:,} modules have a zero update: `{dead[0][:120]}`" + (
            ", ..." if len(dead) > 1 else ""
        )
        yield Diagnostic(
            "LB809",
            text,
            severity="warning",
            fix="frozen on purpose? Else look for what excludes them, or whether their weights reach the loss",
        )


def _is_zero(module: Module, role: str, looks: dict[str, Look]) -> bool:
    tensor = module.tensors.get(role)
    return tensor is not None and looks[tensor.name].zero


Zero = Callable[[Module, str], bool]


def _lora(module: Module, zero: Zero) -> bool:
    return zero(module, "up") or zero(module, "down")


def _loha(module: Module, zero: Zero) -> bool:
    return any(zero(module, role) for role in ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"))


def _lokr(module: Module, zero: Zero) -> bool:
    return any(zero(module, role) for role in ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b"))


def _full(module: Module, zero: Zero) -> bool:
    return all(zero(module, role) for role in ("diff", "diff_b") if role in module.tensors)


_ZERO: dict[str, Callable[[Module, Zero], bool]] = {"lora": _lora, "dora": _lora, "loha": _loha, "lokr": _lokr, "full": _full}
