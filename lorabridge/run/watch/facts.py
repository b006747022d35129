"""What the watchdogs know, what they are told, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lorabridge.backends.events import Event

Action = Literal["warn", "stop", "save_and_stop", "retry"]
"""What is to be done: tell only, end the trainer, let it save first, start again with one named change."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A fault that was seen. `evidence` are the observations it rests on, newest last; `watchdog` names the row.

    `reason` is what a run that it ends has died of, in the words of the verdicts.
    """

    code: str
    text: str
    action: Action
    evidence: tuple[str, ...] = ()
    watchdog: str = ""
    reason: str = "failed"


@dataclass(frozen=True)
class Facts:
    """What is known of a run before it begins; None where nobody said.

    `first_step`: the counter at which this attempt begins as the trainer counts. `lr` is the peak of the schedule; None where the optimizer
    finds its own. `warmup`: steps until the peak. `save_bytes`: one save, state included. `stall`: seconds of silence allowed per
    phase (`load`, `cache`, `train`), over the defaults. `folder`: where the saves go.
    """

    trainer: str = ""
    stage: str = ""
    total_steps: int | None = None
    first_step: int = 0
    save_every: int | None = None
    save_bytes: int | None = None
    lr: float | None = None
    schedule: str = ""
    warmup: int = 0
    folder: Path | None = None
    stall: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage begins. `trains`: it is the one that takes the steps."""

    stage: str
    trains: bool = True


@dataclass(frozen=True, slots=True)
class StageEnded:
    """A stage is over. `asked`: lorabridge or the user had asked it to end."""

    stage: str
    code: int | None
    asked: bool = False


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU at one moment: bytes, per cent, degrees Celsius. `lost`: it does not answer. `throttled`: the driver's reasons that cost speed."""

    index: int
    lost: bool = False
    xid: int | None = None
    used: int | None = None
    total: int | None = None
    utilization: int | None = None
    temperature: int | None = None
    throttled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DiskReading:
    """Bytes free where the saves go."""

    free: int


Sign = Event | StageStarted | StageEnded | GpuReading | DiskReading
"""Everything that the watchdogs can be fed."""
