"""The log of a run as events. DeepSpeed writes bars with carriage returns, and other lines are glued behind them."""

from __future__ import annotations

import re

from lorabridge.backends.events import Event, LineCutter, LogParser

_STEP = re.compile(r"steps: (\d+) loss: (-?\d+\.\d+|-?nan|-?inf) iter time \(s\): (\d+\.\d+|nan|inf) samples/sec: (\d+\.\d+|nan|inf)")
_RATES = re.compile(r"\[Rank 0\] step=(\d+), skipped=(\d+), lr=\[?([-+.\deE]+)")
_EPOCH = re.compile(r"Started new epoch: (\d+)")
_SAVE = re.compile(r"Saving model to directory (\S+)")
_STATE = re.compile(r"Saving model checkpoint: (\S+)/mp_rank_00_model_states\.pt")
_RESUME = re.compile(r"Resuming training from checkpoint\. Resuming at epoch: (\d+), step: (\d+)")
_CACHING = re.compile(r"caching (latents|text embeddings): (\S.*)")
_BAR = re.compile(
    r"(?:^|(?<=\s))(Map|Grouping examples|Adding size bucket|Adding captions)?(?: \(num_proc=\d+\))?:? *\d+%\|[^|]*\| (\d+)/(\d+) \[[^\]]*\]"
)
_WARNING = re.compile(r"\[WARNING\] \[[^\]]*\] (.*)")
_DROPPED = re.compile(r"size bucket .* is being completely dropped.*")
_KILLED = re.compile(r"Process \d+ exits with return code = (-?\d+)|exits with return code = (-?\d+)")
_ERROR = re.compile(r"(?:\[rank\d+\]: )?((?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Interrupt|Exit))(?::|$)(.*)")
_TRACE = re.compile(r"(?:\[rank\d+\]: )?Traceback \(most recent call last\)")
_CHILD = re.compile(r"Process (?:Process|ForkProcess|SpawnProcess)\S*:$")
_BENIGN = ("Unable to find hostfile",)
_REFUSALS = ("WARNING: You have set a lot of resolutions", "WARNING: Cosmos supports")
_MEMORY = ("OutOfMemoryError", "CUDA out of memory", "CUDA error: out of memory")


class TrainParser:
    """Bytes of the launcher's output to events."""

    def __init__(self) -> None:
        self._lines = LineCutter()
        self._lr: float | None = None
        self._next_lr: float | None = None
        self._epoch = 1
        self._ended = False
        self._caching = False
        self._tracing = False
        self._child = False

    def feed(self, data: bytes) -> list[Event]:
        return [event for line in self._lines.feed(data) for event in self._line(line)]

    def close(self) -> list[Event]:
        return [event for line in self._lines.close() for event in self._line(line)]

    def _line(self, line: str) -> list[Event]:
        for read in (self._step, self._rates, self._progress, self._results, self._trouble, self._warnings, self._cache):
            found = read(line)
            if found is not None:
                return found
        return []

    def _step(self, line: str) -> list[Event] | None:
        found = _STEP.search(line)
        if found is None:
            return None
        self._caching = False
        seconds = float(found[3])
        rate = 1 / seconds if seconds > 0 else None
        return [Event("progress", step=int(found[1]), epoch=self._epoch, loss=float(found[2]), lr=self._lr, rate=rate)]

    def _rates(self, line: str) -> list[Event] | None:
        """The rates are printed before the line of the step, and are those of the step that follows it."""
        found = _RATES.search(line)
        if found is None:
            return None
        self._lr, self._next_lr = self._next_lr, float(found[3])
        return []

    def _progress(self, line: str) -> list[Event] | None:
        if found := _EPOCH.search(line):
            self._epoch = int(found[1])
            return [Event("epoch", epoch=self._epoch)]
        if found := _RESUME.search(line):
            self._epoch = int(found[1])
            return [Event("info", epoch=self._epoch, step=int(found[2]) - 1, text=line.strip(), code="resumed")]
        if line.startswith("Running eval"):
            return [Event("info", text="evaluation", code="evaluation")]
        return None

    def _results(self, line: str) -> list[Event] | None:
        if found := _SAVE.search(line):
            return [Event("save", path=found[1], step=_number(found[1], "step"), epoch=_number(found[1], "epoch"))]
        if found := _STATE.search(line):
            return [Event("state", path=found[1], step=_number(found[1].rpartition("/")[2], "global_step"))]
        if "TRAINING COMPLETE!" in line:
            return self._end("completed")
        return self._end("stopped") if "Manually quitting" in line else None

    def _end(self, text: str) -> list[Event]:
        if self._ended:
            return []
        self._ended = True
        return [Event("end", text=text)]

    def _trouble(self, line: str) -> list[Event] | None:
        if _CHILD.search(line) or _TRACE.search(line):
            self._child = self._child or bool(_CHILD.search(line))
            self._tracing = self._tracing or bool(_TRACE.search(line))
            return []
        if self._tracing and (found := _ERROR.match(line.strip())):
            return self._failed(found[1], line.strip())
        if found := _KILLED.search(line):
            return self._died(int(found[1] or found[2]))
        if line.startswith(_REFUSALS):
            return [Event("error", text=line, code="refused"), *self._end("failed")]
        return None

    def _warnings(self, line: str) -> list[Event] | None:
        if (found := _WARNING.search(line)) and not found[1].startswith(_BENIGN):
            return [Event("warning", text=found[1].strip())]
        found = _DROPPED.search(line)
        return [Event("warning", text=found[0])] if found else None

    def _failed(self, name: str, text: str) -> list[Event]:
        """A traceback while caching hangs the trainer for ever: it must be told as the end."""
        self._tracing = False
        code = "oom" if any(word in text for word in _MEMORY) else "hang" if self._caching or self._child else name.rpartition(".")[2]
        return [Event("error", text=text, code=code), *self._end("failed")]

    def _died(self, number: int) -> list[Event]:
        if number == 0:
            return []
        return [Event("error", text=f"the trainer ended with code {number}", code=str(number)), *self._end("failed")]

    def _cache(self, line: str) -> list[Event] | None:
        if found := _CACHING.search(line):
            self._caching = True
            return [Event("cache", text=found[1], path=found[2].strip())]
        if line.startswith(("Grouped metadata is not cached", "Found grouped metadata cache")):
            self._caching = True
            return [Event("cache", text="file list")]
        if line.startswith("Using topology:"):
            self._caching = False
            return [Event("info", text="model loaded", code="loaded")]
        if self._caching and (found := _BAR.search(line)) and int(found[3]):
            return [Event("cache", step=int(found[2]), total=int(found[3]), text=found[1] or "encoding")]
        return None


def _number(name: str, prefix: str) -> int | None:
    rest = name.removeprefix(prefix)
    return int(rest) if name.startswith(prefix) and rest.isdigit() else None


def parser(stage: str) -> LogParser:
    """The parser for a stage; there is one stage."""
    return TrainParser()
