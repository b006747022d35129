"""Units that a trainer cannot say, turned into those it can, with the data at hand: the intent is kept, the count is exact or said to be rounded.

A compile alone must refuse `for: 16 epochs` where the trainer counts steps (LB308): only the data tells how many an epoch has. The plan asks
the trainer's own rules, with a length of one step in place of the one that cannot be said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lorabridge.backends.base import Site
from lorabridge.backends.outlook import Forecast, MediaOf
from lorabridge.config.amounts import Amount
from lorabridge.config.load import Loaded
from lorabridge.diagnostics import Diagnostic, Edit
from lorabridge.families.resolve import get
from lorabridge.plan.sections import Subject
from lorabridge.plan.subject import subject_of

Reload = Callable[[Sequence[str]], Loaded]
"""The same config with `key=value` overrides on top."""

_UNITS = {"epochs", "samples", "percent"}
_PLAIN = {"train.for": "1 steps", "save.every": "never", "sample.every": "never", "evaluate.every": "never"}


@dataclass(frozen=True)
class Converted:
    """The config in units that the trainer knows, its subject, and a finding for each value that was turned."""

    subject: Subject
    findings: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class Turned:
    """A value in another unit. `exact` tells whether nothing was rounded."""

    path: str
    old: Amount
    new: Amount
    exact: bool


def convert(loaded: Loaded, found: Sequence[Diagnostic], backend: str, site: Site, media: MediaOf, reload: Reload) -> Converted | None:
    """The plan of the converted config; None where the errors are of another kind, or the conversion does not compile."""
    errors = [item for item in found if item.severity == "error"]
    amounts = {item.path: _amount(loaded, item.path) for item in errors}
    if loaded.config is None or not errors or any(item.code != "LB308" or amounts[item.path] is None for item in errors):
        return None
    trial, _ = subject_of(reload([f"{path}={_PLAIN.get(path, 'off')}" for path in _wide(loaded, amounts)]), backend, site, media)
    if trial is None or trial.forecast is None:
        return None
    turned = _turn(loaded, trial.forecast, {path: amount for path, amount in amounts.items() if amount is not None})
    if turned is None:
        return None
    again = reload([f"{one.path}={one.new}" for one in turned])
    subject, _ = subject_of(again, backend, site, media)
    return None if subject is None else Converted(subject, tuple(_finding(loaded, one, trial.forecast) for one in turned))


def _amount(loaded: Loaded, path: str) -> Amount | None:
    value = get(loaded.config, path)
    return value if isinstance(value, Amount) and value.unit in _UNITS else None


def _wide(loaded: Loaded, amounts: dict[str, Any]) -> list[str]:
    """The refused paths, and the intervals that would not fit a run of one step."""
    more = [path for path in _PLAIN if path != "train.for" and get(loaded.config, path) not in (None, "off")]
    return list(dict.fromkeys([*amounts, *(more if "train.for" in amounts else [])]))


def _turn(loaded: Loaded, forecast: Forecast, amounts: dict[str, Amount]) -> list[Turned] | None:
    per_epoch, per_step = forecast.timeline.steps_per_epoch, forecast.timeline.per_step
    bucketing = forecast.bucketing
    if not per_epoch or per_step is None or bucketing is None or not bucketing.seen:
        return None
    mean = per_step[0] if per_step[0] == per_step[1] else bucketing.seen / per_epoch

    def steps(amount: Amount, total: float) -> float:
        if amount.unit == "epochs":
            return amount.value * per_epoch
        return amount.value / mean if amount.unit == "samples" else amount.value * total / 100

    length = get(loaded.config, "train.for")
    total = float(length.value) if length.unit == "steps" else math.ceil(round(steps(length, 0), 6))
    turned = []
    for path, amount in amounts.items():
        exactly = steps(amount, total)
        whole = max(1, math.ceil(round(exactly, 6)) if path == "train.for" else round(exactly))
        exact = abs(whole - exactly) < 1e-6 and (amount.unit != "samples" or per_step[0] == per_step[1])
        turned.append(Turned(path, amount, Amount(whole, "steps"), exact))
    return turned


def _finding(loaded: Loaded, one: Turned, forecast: Forecast) -> Diagnostic:
    span = loaded.place(one.path)
    rest = "" if one.exact else ", rounded to whole steps"
    epoch = forecast.timeline.steps_per_epoch or 0
    return Diagnostic(
        "LB608",
        f"`{one.path}: {one.old}` is {one.new} with this data{rest}",
        span,
        "error",
        f"the trainer counts steps, so this does not compile; an epoch of this data has {epoch:g}. The plan is made as if it were written so",
        f"write `{one.path.rpartition('.')[2]}: {one.new}`; with other data it is another number",
        one.path,
        edits=(Edit(span, str(one.new)),) if span is not None else (),
    )
