"""The table of watchdogs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lorabridge.run.watch import dogs
from lorabridge.run.watch.facts import Action, Facts, Sign
from lorabridge.run.watch.seen import Seen

Check = Callable[[Seen, Sign | None, Facts, float], str]
"""The sentence that tells of the fault, or an empty text. The sign is None when only time has passed."""


@dataclass(frozen=True)
class Watchdog:
    """One row: the fault, what is done about it unless the user says otherwise, and when it is seen."""

    name: str
    code: str
    check: Check
    action: Action
    when: str


WATCHDOGS: tuple[Watchdog, ...] = (
    Watchdog(
        "loss-not-finite", "LB720", dogs.not_finite, "stop", "at the first loss that is NaN or infinite, or the trainer's own words for it"
    ),
)
