"""The fold over what was seen: just what the watchdogs ask for."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from lorabridge.backends.events import Event
from lorabridge.run.watch.facts import DiskReading, GpuReading, Sign, StageEnded, StageStarted

RECENT = 20
"""Losses that a judgement on the present rests on."""


@dataclass
class Seen:
    """The state after the signs so far. Times are seconds of the caller's clock; phases are `load`, `cache`, `train`."""

    stage: str = ""
    trains: bool = True
    phase: str = "load"
    heard_at: float | None = None
    longest_gap: float = 0.0
    moved_at: float | None = None
    first: int | None = None
    step: int | None = None
    highest: int = 0
    total: int | None = None
    resumed: bool = False
    losses: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    count: int = 0
    mean: float = 0.0
    best: float | None = None
    zeros: int = 0
    saved_at: int = 0
    oom: int = 0
    error: str = ""
    failed_at: float | None = None
    finish: str = ""
    hot: int = 0
    throttled: int = 0

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

    def _event(self, event: Event, now: float) -> None:
        self.heard_at = now
        match event.event:
            case "progress":
                self._progress(event, now)
            case "cache":
                self.phase = "cache"
            case "error":
                self.error = event.text or "an error"
                self.oom += event.code == "oom"
            case "end":
                self.finish = event.text or ""
            case "save":
                self.saved_at = event.step if event.step is not None else self.step or 0
            case "info" if event.code == "resumed":
                self.resumed = True
        if event.event == "error" or (event.event == "end" and event.text == "failed"):
            self.failed_at = now

    def _progress(self, event: Event, now: float) -> None:
        if self.moved_at is not None:
            self.longest_gap = max(self.longest_gap, now - self.moved_at)
        self.phase, self.moved_at, self.failed_at = "train", now, None
        self.total = event.total if event.total is not None else self.total
        if event.step is not None:
            self.first = event.step if self.first is None else self.first
            self.step = event.step
            self.highest = max(self.highest, event.step)
        if event.loss is not None:
            self._loss(event.loss)

    def _loss(self, loss: float) -> None:
        self.zeros = self.zeros + 1 if loss == 0 else 0
        if not math.isfinite(loss):
            return
        self.count += 1
        self.losses.append(loss)
        self.mean += (loss - self.mean) * max(1 / RECENT, 1 / self.count)
        if self.count >= RECENT:
            self.best = self.mean if self.best is None else min(self.best, self.mean)
