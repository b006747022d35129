"""What a run looks like now: a fold over its records, read by the displays, the verdict, the curve and the report."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from lorabridge.run.record import Record

_WINDOW = 60_000
"""Milliseconds of recent steps that the rate is taken from."""

OUT_OF_MEMORY = frozenset(("oom", "out_of_memory", "out-of-memory"))
NOT_FINITE = frozenset(("not_finite", "non_finite", "not-finite", "non-finite", "nan", "loss_nan", "nan_loss", "loss-nan"))
_LOSS_LOST = re.compile(r"\bloss (is|was|became) (nan|inf|not finite)\b", re.IGNORECASE)


@dataclass
class StageView:
    """One stage. Times are Unix milliseconds; `step` and `total` count what the stage counts."""

    name: str
    title: str = ""
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    started: int | None = None
    ended: int | None = None
    step: int | None = None
    total: int | None = None
    finish: str = ""
    out_of_memory: bool = False
    error: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it has not ended."""
        return None if self.started is None or self.ended is None else (self.ended - self.started) / 1000


@dataclass(frozen=True)
class Point:
    """One training step. `loss` may be not finite."""

    loss: float | None
    lr: float | None


@dataclass
class View:
    """The state of a run after the records fed so far."""

    stages: dict[str, StageView] = field(default_factory=dict)
    name: str = ""
    current: str | None = None
    started: int = 0
    now: int = 0
    step: int | None = None
    total: int | None = None
    epoch: int | None = None
    loss: float | None = None
    smooth: float | None = None
    lr: float | None = None
    points: dict[int, Point] = field(default_factory=dict)
    not_finite_at: int | None = None
    saves: list[Record] = field(default_factory=list)
    samples: list[Record] = field(default_factory=list)
    warnings: list[Record] = field(default_factory=list)
    alarms: list[Record] = field(default_factory=list)
    gpus: dict[int, Record] = field(default_factory=dict)
    end: Record | None = None
    _recent: deque[tuple[int, int]] = field(default_factory=deque)
    _seen: int = 0

    def feed(self, record: Record) -> None:
        """Take one record in."""
        self.now = int(record.get("time", self.now))
        if record["event"] in ("alarm", "retry"):
            self.alarms.append(record)
            return
        if record["event"] == "gpu":
            self.gpus[int(record.get("index", 0))] = record
            return
        name = record.get("stage")
        if name is None:
            self._run(record)
            return
        stage = self.stages.setdefault(name, StageView(name))
        match record["event"]:
            case "stage":
                self._stage(stage, record)
            case "progress":
                self._progress(stage, record)
            case "cache":
                stage.step, stage.total = record.get("step", stage.step), record.get("total", stage.total)
            case "end":
                stage.finish = str(record.get("text", ""))
            case "save":
                self.saves.append(record)
            case "sample":
                self.samples.append(record)
            case "warning" | "error":
                self._trouble(stage, record)

    def pass_time(self, now: int) -> None:
        """It is `now`, in Unix milliseconds, and nothing was said."""
        self.now = max(self.now, now)

    def _run(self, record: Record) -> None:
        match record["event"]:
            case "start":
                self.started, self.name = self.now, str(record.get("name", ""))
                self.total = record.get("total")
                self.stages = {stage["name"]: StageView(stage["name"], stage.get("title", "")) for stage in record.get("stages", ())}
            case "warning":
                self.warnings.append(record)
            case "end":
                self.end = record

    def _stage(self, stage: StageView, record: Record) -> None:
        if record.get("state") == "started":
            self.current, stage.state, stage.started = stage.name, "running", self.now
            self._recent.clear()
        else:
            stage.state, stage.ended = "done" if record.get("code") == 0 else "failed", self.now

    def _progress(self, stage: StageView, record: Record) -> None:
        self.epoch = record.get("epoch", self.epoch)
        self.lr = record.get("lr", self.lr)
        self.total = record.get("total", self.total)
        step = record.get("step")
        if step is None:
            return
        stage.step, stage.total, self.step = step, self.total, step
        if not self._recent or self._recent[-1][1] != step:
            self._recent.append((self.now, step))
        while len(self._recent) > 2 and self.now - self._recent[0][0] > _WINDOW:
            self._recent.popleft()
        loss = record.get("loss")
        if loss is not None:
            self._loss(step, float(loss))

    def _loss(self, step: int, loss: float) -> None:
        known = step in self.points
        self.points[step] = Point(loss, self.lr)
        self.loss = loss
        if not math.isfinite(loss):
            self.not_finite_at = step if self.not_finite_at is None else self.not_finite_at
        elif not known:
            self._seen += 1
            share = max(0.05, 1 / self._seen)
            self.smooth = loss if self.smooth is None else self.smooth + share * (loss - self.smooth)

    def _trouble(self, stage: StageView, record: Record) -> None:
        code = str(record.get("code", "")).lower()
        if (code in NOT_FINITE or _LOSS_LOST.search(str(record.get("text", "")))) and self.not_finite_at is None:
            self.not_finite_at = record.get("step") or self.step or 0
        if record["event"] == "warning":
            self.warnings.append(record)
            return
        stage.out_of_memory = stage.out_of_memory or code in OUT_OF_MEMORY
        stage.error = str(record.get("text", stage.error))

    @property
    def rate(self) -> float | None:
        """Steps per second lately, pauses for saves and samples included; None until it can be known."""
        if len(self._recent) < 2:
            return None
        (began, first), (ended, last) = self._recent[0], self._recent[-1]
        return (last - first) * 1000 / (ended - began) if ended > began and last > first else None

    @property
    def eta(self) -> float | None:
        """Seconds to the last step at the recent rate."""
        if self.step is None or self.total is None or self.rate is None:
            return None
        return max(0.0, (self.total - self.step) / self.rate)

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return max(0.0, (self.now - self.started) / 1000)


def view_of(records: Iterable[Record]) -> View:
    """The view after all of `records`."""
    view = View()
    for record in records:
        view.feed(record)
    return view


def duration(seconds: float | None) -> str:
    """`4 s`, `3 min 20 s`, `2 h 05 min`, `1 d 3 h`."""
    if seconds is None:
        return "unknown"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min" if whole < 86400 else f"{whole // 86400} d {whole % 86400 // 3600} h"


def where(view: View) -> str:
    """`step 120 of 1600`, as far as it is known."""
    if view.step is None:
        return "before the first step"
    return f"step {view.step}" + (f" of {view.total}" if view.total else "")


def latest(records: list[Mapping[str, object]] | list[Record]) -> str:
    """The file name in the last of some records that tell of files."""
    return str(records[-1].get("path") or "").replace("\\", "/").rstrip("/").rpartition("/")[2] if records else ""
