"""The log of a run: bytes in, events out.

The training bar is printed twice for each step: before it counts the step (`n` done, with the loss of step n + 1) and,
when enough time has passed, after it (`n + 1`, same loss). Only the first is sure to come, so the events follow it; where
two steps print the same loss the next line decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from lorabridge.backends.events import Event, LineCutter

_BAR = re.compile(
    r"^(?P<name>.*?): +\d+%\|[^|]*\| (?P<n>\d+)/(?P<total>\d+) \[(?P<elapsed>[\d:]+)<(?P<eta>[\d:?]+), +(?P<rate>[\d.?]+)(?P<unit>it/s|s/it)"
    r"(?:, lr: (?P<lr>\S+) loss: (?P<loss>[^\]\s]+))?[^\]]*\](?P<rest>.*)$"
)
_CACHES = ("Caching latents", "Caching text embeddings", "Caching CLIP")
_SAMPLES = ("Generating Samples", "Generating Images")
_FINAL = re.compile(r"_\d{9}(_(high|low)_noise)?\.safetensors$")
_INFO = re.compile(
    r"^(#### IMPORTANT RESUMING FROM .*|Found step \d+ in metadata.*|create LoRA for .*| *-  Found \d+ .*|Skipping first sample.*|Removing old save: .*)$"
)
_WARN = re.compile(
    r"loss is nan|OOM during training step[^#]*|Error (?:processing|loading) (?:image|video): .*|Pretrained lora path from config does not exist: .*"
)
_ERROR = re.compile(r"Error running job: (.*)$")


@dataclass
class _Bar:
    """The last step told, and a line that may belong to it or to the next one."""

    step: int = 0
    loss: str = ""
    doubt: Event | None = None


def parser(stage: str) -> JobParser:
    """The parser of the only stage."""
    return JobParser()


class JobParser:
    """Parses the merged output of `run.py`."""

    def __init__(self) -> None:
        self._lines = LineCutter()
        self._bar: _Bar | None = None
        self._total: int | None = None
        self._cached = ("", -1)
        self._drawing = False
        self._final = False
        self._failed = False
        self._stopped = False
        self._saving: int | None = None

    def feed(self, data: bytes) -> list[Event]:
        """The events of the lines that `data` completes."""
        return [event for line in self._lines.feed(data) for event in self._line(line)]

    def close(self) -> list[Event]:
        """What the end of the stream tells. A run that was killed has no `end`."""
        events = [event for line in self._lines.close() for event in self._line(line)]
        end = "stopped" if self._stopped else "failed" if self._failed else "completed" if self._final else ""
        return [*events, Event("end", text=end)] if end else events

    def _line(self, line: str) -> list[Event]:
        match = _BAR.match(line)
        if match is None:
            return self._text(line.strip(), line)
        events = self._bar_line(match)
        rest = match["rest"].strip()
        return events + (self._text(rest, rest) if rest else [])

    def _bar_line(self, match: re.Match[str]) -> list[Event]:
        name, count, total = match["name"].strip(), int(match["n"]), int(match["total"])
        if name.startswith(_CACHES):
            return self._cache(name, count, total)
        if name.startswith(_SAMPLES):
            return self._sample(count, total)
        if name == "Loading weights" or (match["loss"] is None and self._bar is not None):
            return []
        if match["loss"] is None:
            self._bar, self._total = _Bar(count), total
            return []
        return self._progress(match, count, total)

    def _progress(self, match: re.Match[str], count: int, total: int) -> list[Event]:
        bar = self._bar = self._bar or _Bar(count)
        self._total = total
        event = Event(
            "progress", count + 1, total, loss=_float(match["loss"]), lr=_float(match["lr"]), rate=_rate(match), eta=_seconds(match["eta"])
        )
        events: list[Event] = []
        if bar.doubt is not None and count > bar.step:
            events = self._settle()
        if count == bar.step and match["loss"] == bar.loss and bar.doubt is None:
            bar.doubt = event if count < total else None
            return events
        bar.doubt = None
        if count >= bar.step and count < total:
            bar.step, bar.loss = count + 1, match["loss"]
            events.append(event)
        return events

    def _settle(self) -> list[Event]:
        """The line in doubt was the next step after all."""
        bar = self._bar
        if bar is None or bar.doubt is None:
            return []
        event, bar.doubt = bar.doubt, None
        bar.step = event.step or bar.step
        return [event]

    def _cache(self, name: str, count: int, total: int) -> list[Event]:
        if (name, count) == self._cached:
            return []
        self._cached = (name, count)
        return [Event("cache", count, total, text=name.removeprefix("Caching ").removesuffix(" to disk"))]

    def _sample(self, count: int, total: int) -> list[Event]:
        events = self._settle() if self._final is False else []
        if count < total:
            self._drawing = True
            return events
        if not self._drawing:
            return events
        self._drawing = False
        return [*events, Event("sample", self._bar.step if self._bar else 0, total, text=f"{total} samples")]

    def _text(self, text: str, line: str) -> list[Event]:
        if error := _ERROR.search(text):
            return self._error(error[1])
        if text.startswith("Saving at step "):
            self._saving = _whole(text.removeprefix("Saving at step "))
            return self._settle()
        if text.startswith("Saved checkpoint to "):
            return self._saved(text.removeprefix("Saved checkpoint to "))
        if text.startswith("Saved optimizer to "):
            return [Event("state", self._bar.step if self._bar else None, path=text.removeprefix("Saved optimizer to "))]
        self._stopped = self._stopped or text == "Job stopped"
        if warned := _WARN.search(text):
            return [Event("warning", self._bar.step if self._bar else None, text=warned[0].strip())]
        return [Event("info", text=text)] if _INFO.match(line.rstrip()) else []

    def _error(self, message: str) -> list[Event]:
        if message.strip() == "Job stopped":
            self._stopped = True
            return [Event("info", text="Job stopped")]
        self._failed = True
        return [Event("error", self._bar.step if self._bar else None, text=message.strip())]

    def _saved(self, path: str) -> list[Event]:
        self._final = self._final or not _FINAL.search(path)
        event = Event("save", self._bar.step if self._bar else None, self._total, path=path)
        if self._saving is not None and _FINAL.search(path):
            event = replace(event, step=self._saving + 1)
        self._saving = None
        return [event]


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _whole(text: str) -> int | None:
    return int(text) if text.strip().isdigit() else None


def _rate(match: re.Match[str]) -> float | None:
    value = _float(match["rate"])
    if not value:
        return None
    return value if match["unit"] == "it/s" else 1 / value


def _seconds(text: str) -> float | None:
    parts = text.split(":")
    if not all(part.isdigit() for part in parts):
        return None
    total = 0
    for part in parts:
        total = total * 60 + int(part)
    return float(total)
