"""The numbers of a run as others read them: CSV, and TensorBoard event files; and event files of trainers as events."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lorabridge.backends.events import Event
from lorabridge.run.metrics_events import EventWriter, Scalar
from lorabridge.run.record import Record

COLUMNS = ("stage", "step", "total", "epoch", "loss", "lr", "grad_norm", "rate", "time")
"""The columns of the CSV: `time` is Unix seconds, `rate` steps per second; empty where it was not told."""
TAGS = {"loss": "train/loss", "lr": "train/lr", "grad_norm": "train/grad_norm", "rate": "train/steps_per_second"}
"""Fields of an event to the names of TensorBoard's curves."""
KNOWN = {
    "loss/current": "loss",
    "train/loss": "loss",
    "loss": "loss",
    "loss/loss": "loss",
    "lr": "lr",
    "lr/unet": "lr",
    "train/lr": "lr",
    "learning_rate": "lr",
    "train/grad_norm": "grad_norm",
}
"""Names of curves that trainers write, and what they are."""


def progress_of(records: Iterable[Record]) -> Iterator[Record]:
    """One record per stage and step, the last that was told."""
    found: dict[tuple[Any, Any], Record] = {}
    for record in records:
        if record.get("event") == "progress" and record.get("step") is not None:
            found[record.get("stage"), record["step"]] = record
    yield from found.values()


def as_csv(records: Iterable[Record]) -> str:
    """The steps of a run, one row each."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in progress_of(records):
        row = {**record, "time": record["time"] / 1000 if "time" in record else None}
        writer.writerow(["" if row.get(key) is None else row[key] for key in COLUMNS])
    return text.getvalue()


def as_scalars(records: Iterable[Record]) -> Iterator[Scalar]:
    """The curves of a run."""
    for record in progress_of(records):
        for key, tag in TAGS.items():
            if record.get(key) is not None:
                yield Scalar(int(record["step"]), tag, float(record[key]), float(record.get("time", 0)) / 1000)


def write_tensorboard(records: Iterable[Record], folder: Path) -> Path:
    """Write an event file below `folder`; returns it. Raises OSError."""
    scalars = list(as_scalars(records))
    with EventWriter(folder, scalars[0].time if scalars else 0.0) as writer:
        writer.write(scalars)
    return writer.path


def events_of(scalars: Iterable[Scalar]) -> Iterator[Event]:
    """Scalars as events: what belongs to one step becomes one `progress`, what has another meaning a `metric`."""
    step: int | None = None
    known: dict[str, float] = {}
    for scalar in scalars:
        meaning = KNOWN.get(scalar.tag)
        if meaning is None:
            yield Event("metric", scalar.step, text=scalar.tag, value=scalar.value)
            continue
        if step is not None and (scalar.step != step or meaning in known):
            yield _progress(step, known)
            known = {}
        step = scalar.step
        known[meaning] = _rounded(scalar.value)
    if step is not None and known:
        yield _progress(step, known)


def _progress(step: int, known: dict[str, float]) -> Event:
    return Event("progress", step, loss=known.get("loss"), lr=known.get("lr"), grad_norm=known.get("grad_norm"))


def _rounded(value: float) -> float:
    """A float32 with as many digits as it has: 0.1 and not 0.10000000149011612."""
    return float(f"{value:.7g}") if math.isfinite(value) else value
