"""Findings about the numbers of an adapter: not finite, untrained, partly dead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from lorabridge.artifacts.modules import Adapter, Module
from lorabridge.artifacts.read import Look, look
from lorabridge.diagnostics import Diagnostic


def check_numbers(path: Path, adapter: Adapter) -> list[Diagnostic]:
    """One pass over the file (see `read.look`)."""
    header = adapter.header
    tensors = list(header.tensors.values())
    try:
        looks = dict(zip(header.tensors, look(path, header, tensors), strict=True))
    except OSError as error:
        return [Diagnostic("LB803", f"`{path.name}` was cut or became unreadable while it was read: {error}", fix="look again when nothing writes to it")]
    found = [*_finite(path.name, looks), *_alphas(path.name, adapter)]
    return found + [*_dead(path.name, adapter, looks)]


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
        yield Diagnostic("LB813", f"`{name}`: alpha of `{zero[0][:120]}` is 0, which scales it to nothing ({len(zero):,} modules)", fix="set another alpha")


def _dead(name: str, adapter: Adapter, looks: dict[str, Look]) -> Iterator[Diagnostic]:
    modules = [module for module in adapter.modules.values() if module.kind in _ZERO and not module.missing]
    dead = [module.key for module in modules if _ZERO[module.kind](module, lambda module, role: _is_zero(module, role, looks))]
    if not dead:
        return
    if len(dead) == len(modules):
        text = f"`{name}` is untrained: in all {len(dead):,} modules the update is zero"
        yield Diagnostic("LB808", text, fix="look in the log for the first step's loss; was the learning rate 0, did the run end before a step?")
    else:
        text = f"`{name}` is partly dead: {len(dead):,} of {len(modules):,} modules have a zero update: `{dead[0][:120]}`" + (", ..." if len(dead) > 1 else "")
        yield Diagnostic("LB809", text, severity="warning", fix="frozen on purpose? Else look for what excludes them, or whether their weights reach the loss")


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
