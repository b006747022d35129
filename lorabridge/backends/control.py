"""What a running trainer can be asked, as data: one `Control` per backend. What it cannot be asked carries the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """Where a run's trainer works: its output folder, the run's name, and a folder for what passes between the two."""

    output: Path
    name: str
    control: Path


Send = Callable[[Place], str]
"""Passes a request on. Returns an empty text, or why it cannot be passed on at this moment. May raise OSError."""


@dataclass(frozen=True)
class Ask:
    """A request that the trainer honours: how it is sent, what it does, and the events that answer it."""

    send: Send
    text: str
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """A request that the trainer has no ear for."""

    why: str
    fix: str = ""


def nothing(place: Place) -> Mapping[str, str]:
    """No preparation: a trainer that needs none."""
    return {}


@dataclass(frozen=True)
class Control:
    """The requests of one trainer.

    `stop`: its own way to end; a `Refusal` means signals at once. `save_before_stop`: its own way saves nothing, so a save is
    asked for first. `pause` and `go_on`: its own way to hold; None holds its processes (SIGSTOP). `signals`: what a signal does to it,
    for the person who asks. `begin` makes what the requests need before the training stage and returns environment
    variables for it. `on_port` gives a stage's command a free TCP port for what its processes say to each other.
    """

    stop: Ask | Refusal
    save: Ask | Refusal
    sample: Ask | Refusal
    signals: str
    pause: Ask | None = None
    go_on: Ask | None = None
    save_before_stop: bool = False
    begin: Callable[[Place], Mapping[str, str]] = field(default=nothing)
    on_port: Callable[[Sequence[str], int], list[str]] | None = None


def touch(path: Path) -> str:
    """Make an empty file, the simplest of requests."""
    path.touch()
    return ""


DEAF = Control(
    Refusal("the trainer has no way of its own to end early"),
    Refusal("the trainer cannot be asked for a checkpoint"),
    Refusal("the trainer cannot be asked for samples"),
    "a signal ends it, and nothing is saved",
)
"""A trainer that says nothing about itself."""
