"""All watchdogs over one run."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from lorabridge.backends.events import Event
from lorabridge.run.watch.facts import Action, Alarm, Facts, Sign, StageStarted
from lorabridge.run.watch.seen import Seen
from lorabridge.run.watch.table import WATCHDOGS

_EVIDENCE = 4


class Watchdogs:
    """Fed with every sign of a run, in order; gives the alarms. Each watchdog speaks once per stage.

    `policies` maps a watchdog's name to an action, or to `off`; the others do as their row says. Call `heard` for bytes
    that gave no event (they show that the trainer lives), and `tick` about once a second.
    """

    def __init__(self, facts: Facts, policies: Mapping[str, Action | str] | None = None) -> None:
        self.facts = facts
        self.seen = Seen(facts.stage)
        self._policies = dict(policies or {})
        self._spoken: set[str] = set()
        self._told: deque[str] = deque(maxlen=_EVIDENCE)

    def feed(self, sign: Sign, now: float) -> tuple[Alarm, ...]:
        """Take one sign at `now` (seconds, monotonic); the alarms that it raises."""
        self.seen.feed(sign, now)
        if isinstance(sign, StageStarted):
            self._spoken.clear()
            self._told.clear()
        if isinstance(sign, Event) and sign.event != "text":
            self._told.append(_words(sign))
        return self._ask(sign, now)

    def heard(self, now: float) -> None:
        """The trainer wrote bytes that were no event: it lives."""
        self.seen.heard(now)

    def tick(self, now: float) -> tuple[Alarm, ...]:
        """Time has passed; the alarms that silence raises."""
        return self._ask(None, now)

    def _ask(self, sign: Sign | None, now: float) -> tuple[Alarm, ...]:
        found: list[Alarm] = []
        for dog in WATCHDOGS:
            action = self._policies.get(dog.name, dog.action)
            if action == "off" or dog.name in self._spoken:
                continue
            text = dog.check(self.seen, sign, self.facts, now)
            if text:
                self._spoken.add(dog.name)
                found.append(Alarm(dog.code, text, action, tuple(self._told), dog.name, dog.reason))  # type: ignore[arg-type]
        return tuple(found)


def _words(event: Event) -> str:
    return " ".join(f"{key}={value}" for key, value in event.record().items())
