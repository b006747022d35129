"""What a run tells, whatever the trainer: typed events, and the interface of the log parsers that make them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

EventKind = Literal[
    "progress",
    "load",
    "cache",
    "bucket",
    "epoch",
    "save",
    "state",
    "sample",
    "metric",
    "info",
    "warning",
    "error",
    "text",
    "end",
    "verdict",
]


@dataclass(slots=True)
class Event:
    """One thing that a trainer said, a value: never changed once it is made. Fields that do not apply are None.

    `step` and `total` count optimizer steps (items for `cache`, shards for `load`, files for `bucket`), `rate` is steps
    per second, `eta` seconds. `text` is the line or the message; for `end` and `verdict` it is `completed`, `stopped`,
    `failed` or `incomplete`. `rank` is the process that spoke where several do, `cause` the reason of a verdict. A `metric`
    has its name in `text` and its `value`.
    """

    event: EventKind
    step: int | None = None
    total: int | None = None
    epoch: int | None = None
    loss: float | None = None
    lr: float | None = None
    grad_norm: float | None = None
    rate: float | None = None
    eta: float | None = None
    path: str | None = None
    text: str | None = None
    code: str | None = None
    rank: int | None = None
    cause: str | None = None
    value: float | None = None

    def record(self) -> dict[str, Any]:
        """The event as plain data, without empty fields. Non-finite numbers become text, for JSON."""
        plain = {key: value for key, value in asdict(self).items() if value is not None}
        return {key: (str(v) if isinstance(v, float) and not math.isfinite(v) else v) for key, v in plain.items()}


class LogParser(Protocol):
    """Bytes in, events out. Fed any cuts of the stream it gives the same events, and it never raises."""

    def feed(self, data: bytes) -> list[Event]: ...

    def close(self) -> list[Event]: ...
