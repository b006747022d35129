"""What a trainer will do with data and files: the shapes that every trainer's `buckets.py` and `arithmetic.py` fill.

A trainer's two modules read the compiled files (its own keys), so that native options count as much as intent:

    buckets.py     bucketing(native, media) -> Bucketing     media(folder, extension): what is there
    arithmetic.py  timeline(native, bucketing) -> Timeline   bucketing None: the data is not at hand
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import groupby, islice
from typing import Any, Literal

from lorabridge.data.buckets import Bucketing, Finding, Media

EventKind = Literal["checkpoint", "state", "sample", "evaluation"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens after `step` optimizer steps (0: before the first).

    `name` is the file or folder that it writes, `removes` those that the trainer deletes right after.
    """

    step: int
    kind: EventKind
    name: str = ""
    removes: tuple[str, ...] = ()


MAX_EVENTS = 200_000
"""More events than this are not listed one by one."""


def bounded(events: Iterable[Event]) -> tuple[tuple[Event, ...], tuple[str, ...]]:
    """At most `MAX_EVENTS` events, and a note when there are more."""
    listed = tuple(islice(events, MAX_EVENTS + 1))
    if len(listed) <= MAX_EVENTS:
        return listed, ()
    return listed[:MAX_EVENTS], (f"only the first {MAX_EVENTS} saves and samples are counted",)


def due(last: int, *intervals: int | None) -> Iterator[int]:
    """The steps up to `last` that are a multiple of an interval, and `last` itself, in order."""
    ticks = heapq.merge(*(range(interval, last + 1, interval) for interval in intervals if interval), (last,))
    return (step for step, _ in groupby(ticks))


def most_at_once(events: Sequence[Event], kind: EventKind) -> int | None:
    """The most files of one kind on disk at the same time: a new one is there before old ones are deleted.

    None when the list of events was cut off while files were still piling up.
    """
    there: set[str] = set()
    most = 0
    last = None
    for event in events:
        if event.kind == kind:
            there.add(event.name)
            most = max(most, len(there))
            there.difference_update(event.removes)
            last = event
    return None if len(events) >= MAX_EVENTS and last is not None and not last.removes else most


@dataclass(frozen=True)
class Timeline:
    """A run in optimizer steps. None is "only the data tells".

    `epochs` are those begun; `steps_per_epoch` is a fraction where epochs do not end with a step. `per_step`: the least and the most samples of one optimizer step over all GPUs. `samples` are those of the whole run.
    `rate` gives the learning rate as a share of the configured one at a step (1 to `steps`). `kept` is the most checkpoints on disk
    at once, `kept_states` that of training states. `stops`: the trainer's own reason for the last step.
    """

    steps: int | None = None
    epochs: int | None = None
    steps_per_epoch: float | None = None
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
