"""What the logs of all trainers have in common: bars, tracebacks, warnings of Python and of the usual loggers, last words."""

from __future__ import annotations

import re

from lorabridge.backends.bars import Bar, bars_in, one_bar, without
from lorabridge.backends.events import Event
from lorabridge.backends.lines import LineReader, decoded
from lorabridge.backends.tracebacks import FATAL, Tracebacks, code_of, out_of_memory, plain_error, short, stopped_by

KEYS: tuple[bytes, ...] = (
    rb"%\|", rb"\[-?\d+:\d\d", rb"Traceback", rb'File "', rb"E(?:rror|RROR|xception)", rb"W(?:ARN|arn)", rb"CRITICAL", rb"CUDA (?:out|error)", rb"Fatal P", rb"y: error: ", rb"bad_alloc",
    rb"Killed", rb"Terminated", rb"Bus e", rb"Segmentation", rb"Illegal i", rb"No (?:such f|module)", rb"\n(?:bash|sh|/bin|python|terminate called)", rb"\x1b",
)  # fmt: skip
"""What makes a line worth a look, whatever the trainer."""
_LOGGED = re.compile(r"(?<![\w.])(WARNING|ERROR|CRITICAL):([\w.]+):(.*)")
_BRACKETS = re.compile(r"\[(WARNING|ERROR|CRITICAL)\] (?:\[[^\]]*\] )?(.*)")
_GLOG = re.compile(r"^([WE])\d{4} \d\d:\d\d:\d\d\.\d+ \d+ \S+\] (.*)")
_PYTHON = re.compile(r"(?:^|:\d+: )((?:[\w.]+\.)?\w*Warning): (.*)")
_SAID = re.compile(r"^\W{0,4}(?:WARNING|Warning)\b:? ?(.*)", re.DOTALL)
_BENIGN = (
    "Failed to load CPU gemm",
    "is deprecated",
    "Unable to find hostfile",
    "Detected no triton",
    "DeprecationWarning",
    "FutureWarning",
    "values were not passed to `accelerate launch`",
)
"""Told by every run on some machines, and of no use to anyone."""


class TrainerReader(LineReader):
    """A parser of a trainer's log. Subclasses give `_bar` and `_news`, and say `_finish` when they know how it ended."""

    def __init__(self, text: bool = False) -> None:
        super().__init__(text)
        self._traces = Tracebacks()
        self._finished = ""

    def _bar(self, bar: Bar, out: list[Event]) -> bool:
        """A progress bar; True when it meant something."""
        return loading(bar, out)

    def _news(self, text: str, out: list[Event]) -> bool:
        """A line, or what of it is not a bar; True when it was understood."""
        raise NotImplementedError

    def _line(self, line: bytes, out: list[Event]) -> bool:
        if b"%|" in line or b"it [" in line:
            one = one_bar(line)
            if one is not None:
                self._bar(one, out)
                return True
            bars = bars_in(line)
            if bars:
                for bar in bars:
                    self._bar(bar, out)
                rest = without(line, bars)
                return not rest or self._words(decoded(rest), out) or True
        return self._words(decoded(line), out)

    def _words(self, text: str, out: list[Event]) -> bool:
        if (self._busy or "raceback" in text or 'File "' in text) and self._traced(text, out):
            return True
        return self._news(text, out) or self._trouble(text, out)

    def _traced(self, text: str, out: list[Event]) -> bool:
        mark = len(out)
        understood = self._traces.feed(text, out)
        self._busy = self._traces.busy
        for event in out[mark:]:
            self._raised(event, out)
        return understood

    def _raised(self, event: Event, out: list[Event]) -> None:
        """A traceback has ended in `event`, which is told already."""

    def _trouble(self, text: str, out: list[Event]) -> bool:
        """Warnings, logged errors and last words. What is benign counts as understood."""
        found = warned(text)
        if found is not None:
            if not any(word in text for word in _BENIGN):
                out.append(found)
            return True
        stripped = text.strip()
        if FATAL.match(stripped):
            out.append(Event("error", text=short(stripped), code="died"))
            return True
        error = plain_error(stripped)
        if error or (out_of_memory(stripped) and "rror" in stripped):
            name = error[1].rpartition(".")[2] if error else "logged"
            out.append(Event("error", text=short(stripped), code=code_of(name, stripped)))
            return True
        return False

    def _finish(self, word: str, out: list[Event], code: str | None = None, step: int | None = None, total: int | None = None) -> None:
        """Tell the end, once."""
        if not self._finished:
            self._finished = word
            out.append(Event("end", step, total, text=word, code=code))

    def _end(self, out: list[Event]) -> None:
        self._traces.close(out)
        if self._traces.interrupted or stopped_by(self._traces.status):
            self._finish("stopped", out)


def warned(text: str) -> Event | None:
    """A warning or an error of a logger, as an event."""
    if "arning" not in text and "WARN" not in text and "ERROR" not in text and "CRITICAL" not in text and text[:1] not in ("W", "E"):
        return None
    for pattern in (_LOGGED, _BRACKETS, _GLOG):
        found = pattern.search(text)
        if found:
            level, said = found[1], found[found.lastindex or 2].strip()
            if not said:
                return None
            if level[0] == "W":
                return Event("warning", text=short(said))
            return Event("error", text=short(said), code="oom" if out_of_memory(said) else "logged")
    python = _PYTHON.search(text)
    if python:
        return Event("warning", text=short(f"{python[1].rpartition('.')[2]}: {python[2]}"))
    said_so = _SAID.match(text)
    return Event("warning", text=short(said_so[1] or text)) if said_so and "warnings.warn" not in text else None


def loading(bar: Bar, out: list[Event]) -> bool:
    """Bars of weights on their way into memory."""
    if bar.name.startswith((b"Loading", b"Quantizing", b"Fetching", b"Downloading")):
        out.append(Event("load", bar.n, bar.total, rate=bar.rate, eta=bar.eta, text=short(decoded(bar.name), 120)))
        return True
    return False
