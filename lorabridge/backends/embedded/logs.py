"""The log of a run: JSON lines of the trainer, and whatever its libraries say between them."""

from __future__ import annotations

import json
import re
from typing import Any

from lorabridge.backends.events import Event, LineCutter

_TRACE = "Traceback (most recent call last):"
_FINAL = re.compile(r"^[A-Za-z_][\w.]*(?:: .*)?$")
_WARNING = re.compile(r"\bwarn(?:ing)?s?\b", re.IGNORECASE)


class JobParser:
    """Parses the merged output of the trainer."""

    def __init__(self) -> None:
        self._lines = LineCutter()
        self._first = 0
        self._epoch = 0
        self._total: int | None = None
        self._inside = False
        self._raised = ""
        self._failed = False
        self._ended = False

    def feed(self, data: bytes) -> list[Event]:
        """The events of the lines that `data` completes."""
        return [event for line in self._lines.feed(data) for event in self._line(line)]

    def close(self) -> list[Event]:
        """What the end of the stream tells. A run that was killed has no `end`."""
        events = [event for line in self._lines.close() for event in self._line(line)]
        return [*events, Event("end", text="failed")] if self._failed and not self._ended else events

    def _line(self, line: str) -> list[Event]:
        if line.startswith("{"):
            try:
                said = json.loads(line)
            except (ValueError, RecursionError):
                said = None
            if isinstance(said, dict) and isinstance(said.get("event"), str):
                return self._said(said)
        return self._text(line.rstrip())

    def _text(self, line: str) -> list[Event]:
        if not line.strip():
            return []
        if line.strip() == _TRACE:
            self._inside = True
            return []
        if self._inside:
            if not _FINAL.match(line):
                return []
            self._inside, self._raised, self._failed = False, line, True
            return [Event("error", text=line)]
        return [Event("warning" if _WARNING.search(line) else "info", text=line.strip())]

    def _said(self, said: dict[str, Any]) -> list[Event]:
        told = {"start": self._start, "progress": self._progress, "error": self._error}.get(said["event"])
        return told(said) if told else [self._plain(said)]

    def _plain(self, said: dict[str, Any]) -> Event:
        step, path, text = _whole(said.get("step")), _words(said.get("path")), _words(said.get("message"))
        match said["event"]:
            case "cache":
                event = Event("cache", _whole(said.get("done")), _whole(said.get("total")), text=_words(said.get("kind")))
            case "save" | "state" as kind:
                event = Event(kind, step, self._total, path=path)
            case "sample":
                event = Event("sample", step, self._total, path=path, text=_words(said.get("prompt")))
            case "resume":
                event = Event("info", step, path=path, text=f"resumed from {path}")
            case "pause":
                event = Event("info", step, text="paused" if said.get("paused") else "going on")
            case "warning":
                event = Event("warning", step, text=text, code=_words(said.get("code")))
            case "end":
                self._ended = True
                event = Event("end", step, self._total, text=_words(said.get("reason")))
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
        step, text, code = _whole(said.get("step")), _words(said.get("message")), _words(said.get("code"))
        self._failed = True
        again, self._raised = text is not None and text == self._raised, ""
        return [] if again and code == "failed" else [Event("error", step, text=text, code=code)]


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _words(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def parser(stage: str) -> JobParser:
    """A parser for the log of the one stage."""
    return JobParser()
