"""The fold over what was seen: just what the watchdogs ask for."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from lorabridge.backends.events import Event
from lorabridge.run.watch.facts import DiskReading, GpuReading, Sign, StageEnded, StageStarted

RECENT = 20
"""Losses that a judgement on the present rests on."""
FIRST = 5
"""Losses after which there is a best one."""


@dataclass
class Seen:
    """The state after the signs so far. Times are seconds of the caller's clock; phases are `load`, `cache`, `train`."""

    stage: str = ""
    trains: bool = True
    phase: str = "load"
    heard_at: float | None = None
    moved_at: float | None = None
    longest_gap: float = 0.0
    first: int | None = None
    before: int | None = None
    """The step that was told before the newest one."""
    step: int | None = None
    total: int | None = None
    losses: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    count: int = 0
    mean: float = 0.0
    best: float | None = None
    zeros: int = 0
    bad: int = 0
    same: int = 0
    off_rate: int = 0
    oom: int = 0
    error: str = ""
    failed_at: float | None = None
    finish: str = ""
    throttled: int = 0
    save_bytes: int | None = None

    def feed(self, sign: Sign, now: float) -> None:
        """Take one sign in."""
        if isinstance(sign, StageStarted):
            self.__init__(sign.stage, sign.trains, heard_at=now)  # type: ignore[misc]
        elif isinstance(sign, Event):
            self._event(sign, now)
        elif isinstance(sign, GpuReading):
            self.throttled = self.throttled + 1 if sign.throttled else 0
        elif not isinstance(sign, StageEnded | DiskReading):
            raise TypeError(f"no sign: {sign!r}")

    def heard(self, now: float) -> None:
        """Bytes came that are no event."""
        self.heard_at = now

    def _event(self, event: Event, now: float) -> None:
        self.heard_at = now
        match event.event:
            case "progress":
                self._progress(event, now)
            case "cache":
                self.phase, self.failed_at = "cache", None
            case "load" | "sample" | "save" | "epoch":
                self.failed_at = None
            case "error":
                self.error = event.text or "an error"
                self.failed_at = now if event.code != "logged" else self.failed_at
            case "warning" if event.code == "oom":
                self.oom += 1
            case "end":
                self.finish = event.text or ""
                self.failed_at = now if event.text == "failed" else self.failed_at

    def _progress(self, event: Event, now: float) -> None:
        if self.moved_at is not None:
            self.longest_gap = max(self.longest_gap, now - self.moved_at)
        self.phase, self.moved_at, self.failed_at = "train", now, None
        self.total = event.total if event.total is not None else self.total
        if event.step is not None:
            self.first = event.step if self.first is None else self.first
            self.before, self.step = self.step, event.step
        if event.loss is not None:
            self._loss(event.loss)

    def _loss(self, loss: float) -> None:
        self.zeros = self.zeros + 1 if loss == 0 else 0
        if not math.isfinite(loss):
            self.bad += 1
            return
        self.same = self.same + 1 if self.losses and self.losses[-1] == loss else 0
        self.count += 1
        self.losses.append(loss)
        self.mean += (loss - self.mean) * max(1 / RECENT, 1 / self.count)
        if self.count >= FIRST and loss != 0:
            self.best = self.mean if self.best is None else min(self.best, self.mean)
