"""Amounts in the only unit ai-toolkit counts: optimizer steps."""

from __future__ import annotations

from typing import Literal

from lorabridge.backends.ai_toolkit.archs import TITLE
from lorabridge.backends.engine import Lowering
from lorabridge.config.amounts import Amount

_STEPS = "steps = epochs x pictures x repeats / (batch_size x gradient_accumulation)"


def total_steps(low: Lowering) -> int | None:
    """`train.for` in steps, written to the job; None when it cannot be said."""
    length = low.config.train.length
    steps = _convert(low, "train.for", length)
    if steps is not None:
        low.put("process:train.steps", steps, "train.for")
        low.note("exact", "train.for", length, "process:train.steps", steps)
    return steps


def every(low: Lowering, path: str, amount: Amount | Literal["off"]) -> int | None:
    """An interval in steps, 0 for off; None when it cannot be said."""
    return 0 if amount == "off" else _convert(low, path, amount)


def part(low: Lowering, path: str, amount: Amount | Literal["off"], steps: int | None) -> int:
    """Steps of a part of the run, 0 for off."""
    if amount == "off":
        return 0
    if amount.unit == "steps":
        return int(amount.value)
    count = round(amount.value * (steps or 0) / 100)
    if count * 100 != amount.value * (steps or 0):
        low.note("rewritten", path, amount, native=count, text="rounded to whole steps")
    return count


def _convert(low: Lowering, path: str, amount: Amount) -> int | None:
    if amount.unit == "steps":
        return int(amount.value)
    if amount.unit == "samples":
        return _from_samples(low, path, int(amount.value))
    low.problem(
        "LB308",
        path,
        f"{TITLE} counts steps, not epochs",
        "it has no notion of an epoch, and the number of pictures is not known here",
        f"write it in steps: {_STEPS}",
    )
    return None


def _from_samples(low: Lowering, path: str, count: int) -> int | None:
    per_step = low.config.train.batch_size * low.config.train.gradient_accumulation
    if any(data.batch_size != low.config.train.batch_size for data in low.config.datasets):
        low.problem(
            "LB308", path, "samples are no fixed number of steps here", "a dataset has a batch size of its own", "write it in steps"
        )
        return None
    if count % per_step == 0:
        return count // per_step
    lower = count // per_step * per_step
    near = f"{lower} samples` or `{lower + per_step} samples" if lower else f"{per_step} samples"
    low.problem(
        "LB308",
        path,
        f"{count} samples are no whole number of steps",
        f"a step takes {per_step} samples (batch_size x gradient_accumulation)",
        f"write `{near}`",
    )
    return None
