"""The log of a run as events. DeepSpeed writes bars with carriage returns, and other lines are glued behind them."""

from __future__ import annotations

import re

from lorabridge.backends.bars import Bar, number
from lorabridge.backends.events import Event, LogParser
from lorabridge.backends.lines import decoded
from lorabridge.backends.outcome import exit_words
from lorabridge.backends.reader import KEYS, TrainerReader, loading
from lorabridge.backends.tracebacks import short, stopped_by

_STEP = re.compile(
    rb"steps: (\d+) loss: (-?\d+\.\d+(?:e[+-]?\d+)?|-?nan|-?inf) iter time \(s\): (\d+\.\d+|nan|inf)(?: samples/sec: (?:\d+\.\d+|nan|inf))?"
)
_RATES = re.compile(rb"step=(\d+), skipped=(\d+), lr=\[?(?:[A-Za-z_]\w*\.)*(?:[A-Za-z_]\w*\()?([-+.\deE]+)")
_EPOCH = re.compile(r"Started new epoch: (\d+)")
_SAVE = re.compile(r"Saving model to directory (\S+)")
_STATE = re.compile(r"Saving model checkpoint: (.+)/mp_rank_00_model_states\.pt")
_RESUME = re.compile(r"Resuming training from checkpoint\. Resuming at epoch: (\d+), step: (\d+)")
_CACHING = re.compile(r"caching (latents|text embeddings): (\S.*?)\s*$")
_SIZED = re.compile(r"^\((-?[\d.]+), (\d+), (\d+), (\d+)\)$")
_LENGTH = re.compile(r"\[CACHE\] Existing cache length: (\d+)")
_DROPPED = re.compile(r"size bucket .* is being completely dropped.*")
_FACT = re.compile(
    r"Global batch size = \d+|Computed \w+ = \S+|trainable params: .*|Block swap enabled\..*|(?:Merging|Loading) adapter .*|Fusing adapters: .*"
    r"|Dataset length: \d+|Overriding transformer using .*|video with frames=\d+ is being skipped.*"
)
_KILLED = re.compile(r"exits with return code = (-?\d{1,9})")
_RECEIVED = re.compile(r"Main process received (SIG\w+), exiting")
_CHILD = re.compile(r"Process (?:Process|ForkProcess|SpawnProcess|ForkPoolWorker|SpawnPoolWorker)\S*:$")
_REFUSALS = ("WARNING: You have set a lot of resolutions", "WARNING: Cosmos supports")
_NAMED = (b"Map", b"Grouping examples", b"Adding size bucket", b"Adding captions", b"Saving the dataset", b"Flattening", b"Filter")

TRACES = (b"steps: ", b"[launch.py:", b"[runner.py:", b"caching latents: ", b"[CACHE] ", b"deepspeed", b"using video_clip_mode=")
"""Words that only this trainer says."""
_KEYS = (
    rb"/sec: ", rb"kipped=", rb"Started new", rb"Resuming", rb"Saving m", rb"\n(?:caching|trainable)", rb"\[CACHE", rb"Using top", rb"bucket \(", rb"xits (?:with|succ)", rb"SIG[A-Z]+, exit", rb"Manually",
    rb"COMPLETE", rb"Running e", rb"Grouped", rb"Found g", rb"Process ", rb"Global b", rb"Computed", rb"Block swap", rb"Merging a", rb"Loading a", rb"Fusing a", rb"video w", rb"Dataset l", rb"Overriding",
)  # fmt: skip


def parser(stage: str, text: bool = False) -> LogParser:
    """The parser for a stage; there is one stage. With `text`, of every line."""
    return TrainParser(text)


class TrainParser(TrainerReader):
    """Bytes of the launcher's output to events."""

    KEYS = (*_KEYS, *KEYS)

    def __init__(self, text: bool = False) -> None:
        super().__init__(text)
        self._lr: dict[int, float] = {}
        self._epoch = 1
        self._caching = False
        self._child = False
        self._bucket = ""
        self._dataset = ""
        self._buckets: set[tuple[str, str, str]] = set()
        self._step: int | None = None

    def _line(self, line: bytes, out: list[Event]) -> bool:
        if b"steps: " in line and b"loss: " in line:
            found = False
            for match in _STEP.finditer(line):
                found = self._progress(match, out)
            if found:
                return True
        if b"step=" in line and (rates := _RATES.search(line)):
            # the rate that is printed after step n is the one of step n + 1
            value = number(rates[3])
            if value is not None and len(rates[1]) < 18:
                self._lr = {**dict(list(self._lr.items())[-1:]), int(rates[1]) + 1: value}
            return True
        return super()._line(line, out)

    def _progress(self, match: re.Match[bytes], out: list[Event]) -> bool:
        step, seconds = int(match[1][:18]), number(match[3])
        self._caching, self._step = False, step
        rate = 1 / seconds if seconds and 0 < seconds < float("inf") else None
        out.append(Event("progress", step, None, self._epoch, number(match[2]), self._lr.get(step), None, rate))
        return True

    def _bar(self, bar: Bar, out: list[Event]) -> bool:
        if not self._caching:
            return loading(bar, out)
        if bar.total and (not bar.name or bar.name.startswith(_NAMED)):
            name = decoded(bar.name).partition(" (")[0] or "encoding"
            out.append(Event("cache", bar.n, bar.total, rate=bar.rate, eta=bar.eta, text=name))
        return True

    def _news(self, text: str, out: list[Event]) -> bool:
        return self._results(text, out) or self._ends(text, out) or self._cache(text, out) or self._facts(text, out)

    def _results(self, text: str, out: list[Event]) -> bool:
        if match := _EPOCH.search(text):
            self._epoch = int(match[1][:9])
            out.append(Event("epoch", self._step, epoch=self._epoch))
        elif match := _SAVE.search(text):
            out.append(Event("save", _number(match[1], "step"), None, _number(match[1], "epoch"), path=match[1]))
        elif match := _STATE.search(text):
            out.append(Event("state", _number(match[1].rpartition("/")[2], "global_step"), path=match[1]))
        elif match := _RESUME.search(text):
            self._epoch = int(match[1][:9])
            out.append(Event("info", int(match[2][:9]) - 1, epoch=self._epoch, text=text.strip(), code="resumed"))
        elif "Running eval" in text:
            out.append(Event("info", self._step, text="evaluation", code="evaluation"))
        else:
            return False
        return True

    def _ends(self, text: str, out: list[Event]) -> bool:
        if "TRAINING COMPLETE!" in text:
            self._finish("completed", out)
        elif "Manually quitting" in text:
            self._finish("stopped", out)
        elif "exits successfully" in text:
            self._finish("completed", out, "untrained" if self._step is None else "exit 0")
        elif match := _KILLED.search(text):
            self._died(match[1], out)
        elif _RECEIVED.search(text):
            self._finish("stopped", out)
        elif text.lstrip().startswith(_REFUSALS):
            out.append(Event("error", text=short(text), code="refused"))
            self._finish("failed", out)
        elif _CHILD.search(text):
            self._child = True
        else:
            return False
        return True

    def _died(self, code: str, out: list[Event]) -> None:
        if code == "0":
            return
        if stopped_by(code) and not self._finished:
            self._finish("stopped", out)
            return
        out.append(Event("error", text=exit_words(int(code)), code=code))
        self._finish("failed", out)

    def _cache(self, text: str, out: list[Event]) -> bool:
        if match := _CACHING.search(text):
            self._caching = True
            out.append(Event("cache", text=match[1], path=match[2]))
            sized = _SIZED.match(match[2])
            if match[2][0] not in "([":
                self._dataset = match[2]
            self._bucket = "x".join(sized.groups()[1:]) if sized and match[1] == "latents" else ""
        elif match := _LENGTH.search(text):
            # empty before it is filled; and the whole table is printed again when the cache is read back
            row = (self._dataset, self._bucket, match[1])
            if self._bucket and int(match[1][:9]) and row not in self._buckets:
                self._buckets.add(row)
                out.append(Event("bucket", total=int(match[1][:9]), path=self._dataset or None, text=self._bucket))
            self._bucket = ""
        elif "Grouped metadata is not cached" in text or "Found grouped metadata cache" in text:
            self._caching = True
            out.append(Event("cache", text="file list"))
        elif "Using topology:" in text:
            self._caching = False
            out.append(Event("info", text="model loaded", code="loaded"))
        else:
            return False
        return True

    def _facts(self, text: str, out: list[Event]) -> bool:
        if match := _DROPPED.search(text):
            out.append(Event("warning", text=match[0].strip()))
        elif match := _FACT.search(text):
            kind = "skipped" if match[0].startswith("video with") else None
            out.append(Event("warning" if kind else "info", text=match[0].strip(), code=kind))
        else:
            return False
        return True

    def _raised(self, event: Event, out: list[Event]) -> None:
        """A traceback while caching hangs the trainer for ever: it must be told as the end."""
        if event.event != "error":
            return
        if event.code not in ("oom", "peer") and (self._caching or self._child):
            event.code = "hang"
        if event.code != "peer":
            self._finish("failed", out)


def _number(name: str, prefix: str) -> int | None:
    rest = name.removeprefix(prefix)
    return int(rest[:18]) if name.startswith(prefix) and rest.isdigit() else None
