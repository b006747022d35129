"""The gates of the ladder: what a short run must have shown, and what it means when it did not.

The diagnoses are those of the trainer-integration paper's table of failure patterns.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lorabridge.run.delivery import Delivery, size_of
from lorabridge.run.record import Record
from lorabridge.run.verdict import Verdict
from lorabridge.run.view import View

_TRIVIAL = 1024
"""Bytes below which a file holds no adapter."""
_UNTRAINED = ("LB808", "LB809")


@dataclass(frozen=True)
class Climb:
    """What a rung left to judge."""

    steps: int
    verdict: Verdict
    view: View
    records: Sequence[Record] = ()
    checkpoint: Path | None = None
    delivery: Delivery | None = None


@dataclass(frozen=True)
class Gate:
    """One gate after one rung. `passed` is None where the trainer does not tell; `diagnosis` says what a failure means."""

    name: str
    passed: bool | None
    seen: str
    diagnosis: str = ""


_EARLY = (
    "not finite from the start: look at the weights first (another precision or variant than `model.variant` says), then at the text encoder"
    " and its tokenizer, then at cached conditions, and at mixed precision (bf16, not fp16)"
)
_LATE = "it was finite before: lower `optimizer.lr`, set `optimizer.max_grad_norm: 1.0`, prefer bf16 to fp16, and compare with `memory.attention: sdpa`"
_UP = (
    "the gradient is cut before most of the adapter: check what is trained (`adapter.targets`), then the conditions that are fed from the caches;"
    " also a learning rate of 0 or a warm-up longer than the run looks like this"
)
_SCALE = "numerical overflow: do not lower the first scale below 1; compare with `memory.attention: sdpa` before you change the optimizer, and use bf16"
_RISE = "the optimizer runs away: lower `optimizer.lr`, or check that the schedule is the planned one"
_FILE = "look for errors of the save in the log, and at the free disk space"
_BANDS = "a higher loss at low timesteps is not a fault of flow matching by itself: compare each band with itself over the rungs"


def gates(climb: Climb) -> list[Gate]:
    """Every gate of a rung, in the order in which they are asked."""
    return [gate(climb) for gate in _GATES]


def _ended(climb: Climb) -> Gate:
    fine = climb.verdict.reason == "completed"
    done = f"{climb.view.step or 0} of {climb.steps} steps"
    return Gate(
        "run", fine, done if fine else f"{climb.verdict.reason} after {done}: {climb.verdict.cause}", "" if fine else climb.verdict.fix
    )


def _finite(climb: Climb) -> Gate:
    losses = [(step, point.loss) for step, point in sorted(climb.view.points.items()) if point.loss is not None]
    if climb.view.not_finite_at is not None:
        at = climb.view.not_finite_at
        return Gate("finite loss", False, f"not finite at step {at}", _EARLY if at <= 1 else _LATE)
    if not losses:
        return Gate("finite loss", None, "the trainer told no loss")
    bad = next((step for step, loss in losses if not math.isfinite(loss)), None)
    if bad is not None:
        return Gate("finite loss", False, f"not finite at step {bad}", _EARLY if bad <= 1 else _LATE)
    return Gate("finite loss", True, f"{len(losses)} losses, the last {losses[-1][1]:.4g}")


def _steady(climb: Climb) -> Gate:
    losses = [point.loss for _, point in sorted(climb.view.points.items()) if point.loss is not None and math.isfinite(point.loss)]
    if len(losses) < 10:
        return Gate("loss does not rise", None, "too few steps to tell")
    half = len(losses) // 2
    before, after = statistics.median(losses[:half]), statistics.median(losses[half:])
    seen = f"median {before:.4g}, then {after:.4g}"
    return Gate("loss does not rise", after <= 2 * before, seen, "" if after <= 2 * before else _RISE)


def _written(climb: Climb) -> Gate:
    if climb.checkpoint is None:
        return Gate("checkpoint", False, "no LoRA file was written", _FILE)
    size = size_of(climb.checkpoint)
    if size < _TRIVIAL:
        return Gate("checkpoint", False, f"`{climb.checkpoint.name}` has {size} bytes", _FILE)
    found = (
        [item for item in climb.delivery.diagnostics if item.severity == "error" and item.code not in _UNTRAINED] if climb.delivery else []
    )
    if found:
        return Gate("checkpoint", False, found[0].message, found[0].fix or _FILE)
    return Gate("checkpoint", True, f"`{climb.checkpoint.name}`, {size} bytes")


def _trained(climb: Climb) -> Gate:
    if climb.checkpoint is None or climb.delivery is None:
        return Gate("up weights", None, "there is no file to look at")
    found = next((item for item in climb.delivery.diagnostics if item.code in _UNTRAINED), None)
    if found is not None:
        return Gate("up weights", found.severity != "error", found.message, _UP)
    return Gate("up weights", True, "not zero")


def _scale(climb: Climb) -> Gate:
    """The loss scale of fp16, where a trainer tells it."""
    scales = [float(r["value"]) for r in climb.records if r.get("event") == "metric" and "scale" in str(r.get("text", "")).lower()]
    if len(scales) < 2:
        return Gate("loss scale", None, "the trainer tells none")
    fine = scales[-1] >= 1 and scales[-1] > scales[0] / 1024
    return Gate("loss scale", fine, f"{scales[0]:g}, then {scales[-1]:g}", "" if fine else _SCALE)


def _bands(climb: Climb) -> Gate:
    """The loss by band of timesteps, where a trainer tells it: shown, not judged."""
    told: dict[str, float] = {}
    for record in climb.records:
        name = str(record.get("text", ""))
        if record.get("event") == "metric" and ("timestep" in name or "quantile" in name or "band" in name):
            told[name] = float(record["value"])
    if not told:
        return Gate("loss by timestep", None, "the trainer tells none")
    return Gate("loss by timestep", None, ", ".join(f"{name} {value:.4g}" for name, value in sorted(told.items())), _BANDS)


_GATES: tuple[Callable[[Climb], Gate], ...] = (_ended, _finite, _steady, _written, _trained, _scale, _bands)
