"""What the three stages print, as events. Read from recorded runs (tests/backends/musubi/logs)."""

from __future__ import annotations

import re

from lorabridge.backends.events import Event, LineCutter, LogParser

_BAR = re.compile(r"steps:\s+\d+%\|[^|]*\|\s*(\d+)/(\d+) \[([^<\]]+)<([^,\]]+),\s*([\d.?]+)\s*(it/s|s/it)(?:, ([^\]]*))?\]")
_CACHED = re.compile(r"(\d+)it \[([\d:]+)(?:,\s*([\d.?]+)\s*(it/s|s/it))?\]")
_FOUND = re.compile(r"found (\d+) images")
_BATCH = re.compile(r"^\s*batch_size: (\d+)")
_ENCODING = re.compile(r"Encoding dataset \[(\d+)\]")
_LOSS = re.compile(r"avr_loss=([-+.\dA-Za-z]+)")
_EPOCH = re.compile(r"epoch (\d+)/(\d+)$")
_SAVE = re.compile(r"saving checkpoint: (.+)")
_STATE = re.compile(r"INFO:accelerate\.accelerator:Saving current state to (.+)")
_SAMPLE = re.compile(r"generating sample images at step\D*?: (\d+)")
_STEP_NAME = re.compile(r"-step(\d{8})(?:-state|\.safetensors)?\s*$")
_TOTAL = re.compile(r"^\s*total optimization steps\D*: (\d+)")
_OVERRIDE = re.compile(r"override steps\. steps for \d+ epochs is\D*: (\d+)")
_LEVEL = re.compile(r"(INFO|WARNING|ERROR|CRITICAL):([\w.]+):(.*)")
_EXCEPTION = re.compile(r"^((?:\w+\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Invalid|Warning)):? ?(.*)$")
_FAILED = re.compile(r"subprocess\.CalledProcessError: .*returned non-zero exit status (\d+)")
_QUIET = ("Failed to load CPU gemm", "is deprecated")
_MEMORY = ("OutOfMemoryError", "CUDA out of memory", "CUDA error: out of memory")
_CODES = (
    ("No training items found in the dataset", "no-cache"),
    ("No LoRA modules found", "no-modules"),
    ("must be specified", "no-attention"),
)
_DONE = "model saved."


def parser(stage: str) -> LogParser:
    """A parser for one stage (`cache-latents`, `cache-text`, `train`)."""
    return TrainParser() if stage == "train" else CacheParser()


class _Parser:
    """Lines from bytes, whatever the cuts."""

    def __init__(self) -> None:
        self._cutter = LineCutter()
        self._traceback = False

    def feed(self, data: bytes) -> list[Event]:
        """The events of the lines that `data` completes."""
        return [event for line in self._cutter.feed(data) for event in self._line(line)]

    def close(self) -> list[Event]:
        """The events of the last, unfinished line."""
        return [event for line in self._cutter.close() for event in self._line(line)] + self._end()

    def _line(self, line: str) -> list[Event]:
        raise NotImplementedError

    def _end(self) -> list[Event]:
        return []

    def _trouble(self, line: str) -> list[Event]:
        """Warnings, errors and the last line of a traceback."""
        if line.startswith("Traceback (most recent call last)"):
            self._traceback = True
            return []
        failed = _FAILED.search(line)
        if failed:
            self._traceback = False
            return [Event("end", text="failed", code=f"exit {failed[1]}")]
        found = _EXCEPTION.match(line)
        if self._traceback and found and not line.startswith(" "):
            self._traceback = False
            return [Event("error", text=line, code=_code(line))]
        level = _LEVEL.search(line)
        if level and level[1] != "INFO" and not any(word in level[3] for word in _QUIET):
            kind = "warning" if level[1] == "WARNING" else "error"
            return [Event("warning" if kind == "warning" else "error", text=level[3].strip(), code=_code(level[3]))]
        return [Event("error", text=line, code="oom")] if any(word in line for word in _MEMORY) else []


class TrainParser(_Parser):
    """The training script under accelerate."""

    def __init__(self) -> None:
        super().__init__()
        self._total: int | None = None
        self._epoch: int | None = None
        self._step = 0
        self._told = 0
        self._postfix: str | None = ""
        self._held: Event | None = None

    def _line(self, line: str) -> list[Event]:
        events = [event for bar in _BAR.finditer(line) for event in self._bar(bar)] if "steps:" in line else []
        rest = _BAR.sub("", line).strip()
        return events + self._news(rest) if rest else events

    def _end(self) -> list[Event]:
        held, self._held = self._held, None
        return [held] if held else []

    def _bar(self, bar: re.Match[str]) -> list[Event]:
        """One event per step. A step's first bar still shows the loss of the step before: it is held back for the next one."""
        step, total, postfix = int(bar[1]), int(bar[2]), bar[7]
        if step in (self._told, 0):
            self._postfix = postfix
            return []
        events = self._end() if self._held and self._held.step != step else []
        event = Event(
            "progress",
            step,
            total,
            self._epoch,
            _number(_LOSS, postfix),
            None,
            None,
            _rate(bar[5], bar[6]) if step > 1 else None,
            _seconds(bar[4]),
        )
        self._step, self._total = step, total
        if postfix == self._postfix and self._held is None:
            self._held = event
            return events
        self._held, self._told, self._postfix = None, step, postfix
        return [*events, event]

    def _news(self, line: str) -> list[Event]:
        epoch = _EPOCH.search(line)
        if epoch:
            self._epoch = int(epoch[1])
            return [*self._end(), Event("epoch", step=self._step, total=self._total, epoch=self._epoch, text=line)]
        for pattern, make in (
            (_SAVE, self._saved),
            (_STATE, self._state),
            (_SAMPLE, self._sample),
            (_TOTAL, self._planned),
            (_OVERRIDE, self._planned),
        ):
            match = pattern.search(line)
            if match:
                return make(match)
        if _DONE in line:
            return [*self._end(), Event("end", step=self._step, total=self._total, text="completed")]
        return self._trouble(line)

    def _saved(self, match: re.Match[str]) -> list[Event]:
        return [Event("save", step=self._named_step(match[1]), epoch=self._epoch, path=match[1].strip())]

    def _state(self, match: re.Match[str]) -> list[Event]:
        return [Event("state", step=self._named_step(match[1]), epoch=self._epoch, path=match[1].strip())]

    def _named_step(self, path: str) -> int:
        """The step in a file's name; the bar on the other stream may still be behind."""
        named = _STEP_NAME.search(path)
        return int(named[1]) if named else self._step

    def _sample(self, match: re.Match[str]) -> list[Event]:
        return [Event("sample", step=int(match[1]), epoch=self._epoch)]

    def _planned(self, match: re.Match[str]) -> list[Event]:
        if self._total == int(match[1]):
            return []
        self._total = int(match[1])
        return [Event("info", total=self._total, text=match[0].strip())]


class CacheParser(_Parser):
    """The two caching scripts: a count without a total, one bar per dataset."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._items: list[int] = []
        self._batches: list[int] = []
        self._total: int | None = None

    def _line(self, line: str) -> list[Event]:
        bar = _CACHED.search(line)
        if bar:
            if int(bar[1]) <= self._count:
                return []
            self._count = int(bar[1])
            return [Event("cache", step=self._count, total=self._total, rate=_rate(bar[3], bar[4]))]
        for pattern, numbers in ((_FOUND, self._items), (_BATCH, self._batches)):
            match = pattern.search(line)
            if match:
                numbers.append(int(match[1]))
        dataset = _ENCODING.search(line)
        if dataset:
            self._count, self._total = 0, self._planned(int(dataset[1]))
            return [Event("info", total=self._total, text=dataset[0])]
        return self._trouble(line)

    def _planned(self, dataset: int) -> int | None:
        """The bar counts batches: known beforehand for batches of one picture only."""
        if dataset < min(len(self._items), len(self._batches)) and self._batches[dataset] == 1:
            return self._items[dataset]
        return None


def _code(text: str) -> str | None:
    if any(word in text for word in _MEMORY):
        return "oom"
    return next((code for word, code in _CODES if word in text), None)


def _number(pattern: re.Pattern[str], text: str | None) -> float | None:
    match = pattern.search(text or "")
    try:
        return float(match[1]) if match else None
    except ValueError:
        return None


def _rate(number: str | None, unit: str | None) -> float | None:
    try:
        value = float(number or "")
    except ValueError:
        return None
    return value if unit == "it/s" else (1 / value if value else None)


def _seconds(clock: str) -> float | None:
    parts = clock.strip().split(":")
    if not all(part.isdigit() for part in parts):
        return None
    seconds = 0
    for part in parts:
        seconds = seconds * 60 + int(part)
    return float(seconds)
