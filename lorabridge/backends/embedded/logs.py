"""The log of a run: JSON lines of the trainer, and whatever its libraries say between them."""

from __future__ import annotations

import json
from typing import Any

from lorabridge.backends.bars import Bar
from lorabridge.backends.events import Event
from lorabridge.backends.lines import decoded
from lorabridge.backends.reader import KEYS, TrainerReader

TRACES = (b'{"event": "start"', b'{"event": "progress"', b'{"event": "end"')
"""Words that only this trainer says."""


class JobParser(TrainerReader):
    """Parses the merged output of the trainer."""

    KEYS = (rb'\{"', *KEYS)

    def __init__(self, text: bool = False) -> None:
        super().__init__(text)
        self._first = 0
        self._epoch = 0
        self._total: int | None = None
        self._last = ""
        self._failed = False

    def _end(self, out: list[Event]) -> None:
        """A run that was killed has no `end`."""
        super()._end(out)
        if self._failed:
            self._finish("failed", out)

    def _line(self, line: bytes, out: list[Event]) -> bool:
        at = line.find(b'{"')
        if at >= 0 and (said := _object(line[at:])) is not None:
            out.extend(self._said(said))
            return True
        return super()._line(line, out)

    def _bar(self, bar: Bar, out: list[Event]) -> bool:
        return super()._bar(bar, out)

    def _news(self, text: str, out: list[Event]) -> bool:
        return False

    def _raised(self, event: Event, out: list[Event]) -> None:
        if event.event == "error":
            self._last, self._failed = event.text or "", True

    def _said(self, said: dict[str, Any]) -> list[Event]:
        if said["event"] == "progress":
            return self._progress(said)
        told = {"start": self._start, "error": self._error}.get(said["event"])
        return told(said) if told else [self._plain(said)]

    def _plain(self, said: dict[str, Any]) -> Event:
        step, path, text = _whole(said.get("step")), _words_of(said.get("path")), _words_of(said.get("message"))
        match said["event"]:
            case "cache":
                event = Event("cache", _whole(said.get("done")), _whole(said.get("total")), text=_words_of(said.get("kind")))
            case "save" | "state" as kind:
                event = Event(kind, step, self._total, path=path)
            case "sample":
                event = Event("sample", step, self._total, path=path, text=_words_of(said.get("prompt")))
            case "resume":
                event = Event("info", step, path=path, text=f"resumed from {path}", code="resumed")
            case "pause":
                event = Event("info", step, text="paused" if said.get("paused") else "going on")
            case "warning":
                event = Event("warning", step, text=text, code=_words_of(said.get("code")))
            case "end":
                word = _words_of(said.get("reason"))
                self._finished = word or "completed"
                event = Event("end", step, self._total, text=word)
            case other:
                event = Event("info", step, text=text or other)
        return event

    def _start(self, said: dict[str, Any]) -> list[Event]:
        self._first, self._total = _whole(said.get("step")) or 0, _whole(said.get("total_steps"))
        text = " ".join(f"{key} {said[key]}" for key in ("family", "device", "images", "modules", "parameters", "seed") if key in said)
        return [Event("info", self._first, self._total, text=text)]

    def _progress(self, said: dict[str, Any]) -> list[Event]:
        step, total, epoch = _whole(said.get("step")), _whole(said.get("total")), _whole(said.get("epoch"))
        seconds, rate, eta = _number(said.get("seconds")), None, None
        if step is not None and seconds and step > self._first:
            rate = (step - self._first) / seconds
            eta = (total - step) / rate if total is not None else None
        event = Event(
            "progress",
            step,
            total,
            epoch,
            loss=_number(said.get("loss")),
            lr=_number(said.get("lr")),
            grad_norm=_number(said.get("grad_norm")),
            rate=rate,
            eta=eta,
        )
        if epoch is None or epoch == self._epoch:
            return [event]
        self._epoch = epoch
        return [Event("epoch", step, total, epoch), event]

    def _error(self, said: dict[str, Any]) -> list[Event]:
        step, text, code = _whole(said.get("step")), _words_of(said.get("message")), _words_of(said.get("code"))
        self._failed = True
        again, self._last = text is not None and text == self._last, ""
        return [] if again and code == "failed" else [Event("error", step, text=text, code=code)]


def _object(line: bytes) -> dict[str, Any] | None:
    """An event of the trainer: a JSON object that names one."""
    try:
        said = json.loads(decoded(line))
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) and isinstance(said.get("event"), str) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    except OverflowError:
        return None


def _words_of(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def parser(stage: str, text: bool = False) -> JobParser:
    """A parser for the log of the one stage; with `text`, of every line."""
    return JobParser(text)
