"""How a log ends: one verdict from all its events."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterable

from lorabridge.backends.events import Event

_HARMLESS = ("logged", "skipped")


class Outcome:
    """The fold from events to a verdict: `completed`, `stopped`, `failed` with its cause, or `incomplete`.

    A `code` says what a completed run is worth: `untrained` (no step was taken), `not-finite` (NaN was trained).
    """

    def __init__(self) -> None:
        self._end: Event | None = None
        self._errors: list[Event] = []
        self._step: int | None = None
        self._total: int | None = None
        self._first_bad: int | None = None
        self._cached: tuple[int, int | None] | None = None
        self._interrupted = False

    def feed(self, event: Event) -> None:
        """Take an event."""
        match event.event:
            case "progress":
                self._progress(event)
            case "cache":
                self._errors.clear()
                self._cached = (event.step or 0, event.total)
            case "end":
                self._end = event
            case "error":
                self._errors.append(event)
            case "warning" if event.code == "nan" and self._first_bad is None:
                self._first_bad = event.step or 0
            case "warning" if event.code == "skipped":
                self._errors.clear()
            case "info" if event.code == "interrupted":
                self._interrupted = True
            case "info" if event.code == "exception" and self._errors:
                self._errors[-1] = event
            case "info" if event.total is not None:
                self._total = event.total

    def _progress(self, event: Event) -> None:
        """Whatever was raised before was survived."""
        self._errors.clear()
        if self._end is not None and self._end.text == "failed":
            self._end = None
        self._step = event.step if event.step is not None else self._step
        self._total = event.total if event.total is not None else self._total
        if event.loss is not None and not math.isfinite(event.loss) and self._first_bad is None:
            self._first_bad = event.step or 0

    def verdict(self) -> Event:
        """The verdict on the events so far."""
        word = self._end.text if self._end is not None and self._end.text else ""
        fatal = [event for event in self._errors if event.code not in _HARMLESS]
        if not word and fatal:
            word = "failed"
        if word == "failed" or (not word and not self._interrupted):
            return self._bad(word or "incomplete")
        code = self._end.code if self._end is not None else None
        if word == "completed":
            code = "not-finite" if self._first_bad is not None else code or ("untrained" if not self._step and not self._cached else None)
        return self._told(word or "stopped", code)

    def _told(self, word: str, code: str | None = None, cause: str | None = None) -> Event:
        done, total = self._cached if self._step is None and self._cached else (self._step, self._total)
        return Event("verdict", done, total if total is not None else self._total, text=word, code=code, cause=cause)

    def _bad(self, word: str) -> Event:
        if word == "incomplete":
            return self._told(word, None, self._where())
        root = root_of(self._errors)
        if root is not None:
            return Event("verdict", self._step, self._total, text=word, code=root.code, rank=root.rank, cause=root.text, path=root.path)
        return self._told(word, None, "the trainer said that it failed, and not why")

    def _where(self) -> str:
        if self._step is not None:
            return f"the log ends at step {self._step}" + (f" of {self._total}" if self._total is not None else "")
        if self._cached is not None:
            done, total = self._cached
            return f"the log ends while caching, {done}" + (f" of {total} done" if total is not None else " done")
        return "the log ends before the first step"


def root_of(errors: Iterable[Event]) -> Event | None:
    """The error that the others follow from.

    Of each process the last exception counts (it names what came of a chain of them); of several processes the one that spoke
    first, for the others die of its death. What a launcher or a logger says counts where nobody else spoke.
    """
    last: dict[int | None, Event] = {}
    for event in errors:
        weight = _weight(event)
        known = last.get(event.rank)
        if known is None or weight >= _weight(known):
            if known is not None:
                del last[event.rank]
            last[event.rank] = event
    best = max((_weight(event) for event in last.values()), default=0)
    ranked = [event for event in last.values() if _weight(event) == best and event.rank is not None]
    plain = [event for event in last.values() if _weight(event) == best and event.rank is None]
    chosen = ranked or plain[-1:]
    if not chosen:
        return None
    order = list(errors)
    return min(chosen, key=order.index)


def _weight(event: Event) -> int:
    code = event.code or ""
    if code.lstrip("-").isdigit():
        return 1
    return {"logged": 2, "died": 2, "peer": 3}.get(code, 4)


def exit_words(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"the trainer was ended by {name}"
    return f"the trainer ended with exit code {code}"
