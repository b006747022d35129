"""What a trainer will do with data and files: the shapes that every trainer's `buckets.py` and `arithmetic.py` fill.

A trainer's two modules read the compiled files (its own keys), so that native options count as much as intent:

    buckets.py     bucketing(native, media) -> Bucketing     media(folder, extension): what is there
    arithmetic.py  timeline(native, bucketing) -> Timeline   bucketing None: the data is not at hand
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from lorabridge.data.buckets import Bucketing, Media

EventKind = Literal["checkpoint", "state", "sample", "evaluation"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens after `step` optimizer steps (0: before the first); `name` is the file or folder that it writes."""

    step: int
    kind: EventKind
    name: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding without its place: `path` is the intent path it belongs to."""

    code: str
    path: str
    message: str
    why: str = ""
    fix: str = ""
    severity: Literal["error", "warning", "hint"] = "error"


@dataclass(frozen=True)
class Timeline:
    """A run in optimizer steps. None is "only the data tells".

    `per_step`: the least and the most samples of one optimizer step over all GPUs. `samples` are those of the whole run.
    `rate` gives the learning rate as a share of the configured one at a step (1 to `steps`). `kept` is the most checkpoints on disk
    at once, `kept_states` that of training states. `stops`: the trainer's own reason for the last step.
    """

    steps: int | None = None
    epochs: int | None = None
    steps_per_epoch: int | None = None
    per_step: tuple[int, int] | None = None
    samples: int | None = None
    accumulation: int = 1
    processes: int = 1
    warmup: int = 0
    schedule: str = "constant"
    rate: Callable[[int], float] | None = None
    events: tuple[Event, ...] = ()
    kept: int | None = None
    kept_states: int | None = None
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Native:
    """The compiled files as data. `files`: parsed documents by name (`train.toml`, `main.toml`, `job.yaml`); `stages`: argv by stage."""

    files: Mapping[str, Any]
    stages: Mapping[str, Sequence[str]] = field(default_factory=dict)
    family: str = ""
    variant: str = ""


@dataclass(frozen=True)
class Forecast:
    """Buckets (None without data) and steps of one run."""

    native: Native
    timeline: Timeline
    bucketing: Bucketing | None = None


MediaOf = Callable[[str, str], Sequence[Media]]
"""Pictures and clips of a folder (or list) as the native file names it, with the captions of one extension, in the order of their names."""


@dataclass(frozen=True)
class Rules:
    """The two functions of one trainer."""

    bucketing: Callable[[Native, MediaOf], Bucketing]
    timeline: Callable[[Native, Bucketing | None], Timeline]


def rules_of(backend: Any) -> Rules | None:
    """The rules of a backend package; None where it has none (a trainer of an outside package)."""
    package = getattr(backend, "__name__", "")
    try:
        return Rules(import_module(f"{package}.buckets").bucketing, import_module(f"{package}.arithmetic").timeline)
    except ModuleNotFoundError as error:
        if error.name in (f"{package}.buckets", f"{package}.arithmetic"):
            return None
        raise
