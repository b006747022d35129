"""The log of a run: bytes in, events out.

The training bar is printed twice for each step: before it counts the step (`n` done, with the loss of step n + 1) and,
when enough time has passed, after it (`n + 1`, same loss). Only the first is sure to come, so the events follow it; where
two steps print the same loss the next line decides.

A traceback alone ends nothing here: a picture that cannot be opened prints one and is left out. It is held until the next
line of the trainer, or the end, tells what it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lorabridge.backends.bars import Bar, number
from lorabridge.backends.events import Event
from lorabridge.backends.lines import decoded
from lorabridge.backends.reader import KEYS, TrainerReader, loading
from lorabridge.backends.tracebacks import code_of, short

_POSTFIX = re.compile(rb"^lr: (\S+)(?: .*?)?\bloss: ([^\s\]]+)")
_CACHES = (b"Caching ", b"Generating Controls")
_SAMPLES = (b"Generating Samples", b"Generating Images")
_NUMBERED = re.compile(r"_\d{9}(?:_(?:high|low)_noise)?(?:\.\w+)?/?$")
_INFO = re.compile(
    r"^(?:create LoRA |enable LoRA |  -  Found |Skipping first sample|Generating baseline samples|Dataset: |Using pretrained lora|Loading initial lora"
    r"|\d+ buckets made|Job ID: |Using SQLite database|\*+ UNLOADING TEXT ENCODER|This will train only with a blank prompt|Model Loaded)"
)
_BUCKETS = re.compile(r"^Bucket sizes for (.*):$")
_BUCKET = re.compile(r"^(\d+x\d+(?:x\d+)?): (\d+) files$")
_RESUMING = re.compile(r"#### IMPORTANT RESUMING FROM (.*?) ####")
_FOUND_STEP = re.compile(r"^Found step (\d+) in metadata")
_AT_STEP = re.compile(r"^(Saving|Sampling) at step (\d+)$")
_SKIPPED = re.compile(
    r"^(?:Error (?:processing|loading|opening) (?:image|video|control image)\b.*|Error loading size database: .*|Skipping validation item.*)"
)
_WARN = re.compile(
    r"OOM during training step, skipping batch[^#]*|Pretrained lora path from config does not exist: .*|Failed to load optimizer state from .*"
    r"|Could not save optimizer.*|Loss \S+ is greater than max loss .*|Prior loss is nan|Continuing without compilation.*|Failed to compile model: .*"
    r"|Could not apply mask multiplier to loss|Error running on_error: .*|Validation config has no valid .*|\[AITK\] (?:Database locked after|Warning).*"
)
_ERROR = re.compile(r"Error running job: (.*)$")
_STOPPED = ("Job stopped", "Job returning to queue", "Job queued", "Stop signal received; terminating process.")

TRACES = (
    b"# Running job: ",
    b"Running 1 job",
    b"Running  1 process",
    b"Bucket sizes for ",
    b" lr: ",
    b"Saved checkpoint to ",
    b"Error running job: ",
)
"""Words that only this trainer says."""
_KEYS = (
    rb"Sav", rb"Sampling at", rb"\n(?:loss is|Prior loss|Loss )", rb"OOM", rb"Bucket", rb"buckets", rb"x\d+: \d", rb"Found", rb"RESUMING", rb"LoRA", rb"kipping", rb"Removing", rb"Job", rb"Failed",
    rb"Pretrained", rb"Running job", rb"Generating", rb"Dataset: ", rb"Loading initial", rb"Stop sig", rb"Continuing", rb"Could not", rb"Model L", rb"UNLOAD", rb"This will", rb"Using (?:SQL|pre)",
    rb"Validation", rb"\[AITK",
)  # fmt: skip


@dataclass
class _Bar:
    """The last step told, and a line that may belong to it or to the next one."""

    step: int = 0
    loss: bytes = b""
    doubt: Event | None = None
    skipped: bool = False


def parser(stage: str, text: bool = False) -> JobParser:
    """The parser of the only stage; with `text`, of every line."""
    return JobParser(text)


class JobParser(TrainerReader):
    """Parses the merged output of `run.py`, of one job or of several one after the other."""

    KEYS = (*KEYS, *_KEYS)

    def __init__(self, text: bool = False) -> None:
        super().__init__(text)
        self._job: bytes | None = None
        self._run: _Bar | None = None
        self._total: int | None = None
        self._cached: tuple[bytes, int] = (b"", -1)
        self._drawing = False
        self._final = False
        self._failed = ""
        self._stopped = False
        self._saving: int | None = None
        self._dataset = ""
        self._raised_last: list[Event] = []

    # bars

    def _bar(self, bar: Bar, out: list[Event]) -> bool:
        name = bar.name
        if bar.total is None:
            return False
        match = _POSTFIX.match(bar.postfix)
        if match is not None:
            self._progress(bar, match[1], match[2], out)
            return True
        if name.startswith(_CACHES):
            self._cache(name, bar, out)
        elif name.startswith(_SAMPLES):
            self._sample(bar.n, bar.total, out)
        elif name == self._job and self._run is None:
            self._run, self._total = _Bar(bar.n), bar.total
        else:
            return loading(bar, out)
        return True

    def _progress(self, bar: Bar, lr: bytes, loss: bytes, out: list[Event]) -> None:
        self._survived(out)
        count, total = bar.n, bar.total or 0
        run = self._run = self._run or _Bar(count)
        self._total = total
        if run.skipped and loss == run.loss and count == run.step + 1:
            run.step, run.skipped = count, False
            return
        if run.doubt is not None and count > run.step:
            self._settle(out)
        if count == run.step and loss == run.loss and run.doubt is None:
            run.doubt = self._event(bar, lr, loss) if count < total else None
            return
        run.doubt = None
        if run.step <= count < total:
            run.step, run.loss, run.skipped = count + 1, loss, False
            out.append(self._event(bar, lr, loss))

    def _event(self, bar: Bar, lr: bytes, loss: bytes) -> Event:
        return Event("progress", bar.n + 1, bar.total, None, number(loss), number(lr), None, bar.rate, bar.eta)

    def _settle(self, out: list[Event]) -> None:
        """The line in doubt was the next step after all."""
        run = self._run
        if run is not None and run.doubt is not None:
            out.append(run.doubt)
            run.step, run.doubt = run.doubt.step or run.step, None

    def _cache(self, name: bytes, bar: Bar, out: list[Event]) -> None:
        if (name, bar.n) != self._cached:
            self._cached = (name, bar.n)
            what = decoded(name).removeprefix("Caching ").removesuffix(" to disk")
            out.append(Event("cache", bar.n, bar.total, rate=bar.rate, eta=bar.eta, text=what))

    def _sample(self, count: int, total: int, out: list[Event]) -> None:
        if count < total:
            self._drawing = True
        elif self._drawing:
            self._drawing = False
            out.append(Event("sample", self._step() or 0, total, text=f"{total} samples"))

    def _step(self) -> int | None:
        return self._run.step if self._run else None

    # words

    def _news(self, text: str, out: list[Event]) -> bool:
        if error := _ERROR.search(text):
            self._job_failed(error[1].strip(), out)
            return True
        said = text.strip()
        if said in _STOPPED:
            self._stopped = True
            return True
        if warned := _WARN.search(said):
            self._warn(warned[0].strip(), out)
            return True
        if said == "loss is nan":
            out.append(Event("warning", self._step(), text=said, code="nan"))
            return True
        return self._files(said, out) or self._facts(text, said, out)

    def _warn(self, said: str, out: list[Event]) -> None:
        oom = said.startswith("OOM")
        if oom and self._run is not None:
            self._run.skipped = True
        out.append(Event("warning", self._step(), text=said, code="oom" if oom else "nan" if said == "Prior loss is nan" else None))

    def _job_failed(self, message: str, out: list[Event]) -> None:
        if message in _STOPPED:
            self._stopped = True
            out.append(Event("info", text="Job stopped", code="interrupted"))
            return
        self._failed = message
        out.append(Event("error", self._step(), text=short(message), code=code_of("job", message)))

    def _files(self, said: str, out: list[Event]) -> bool:
        if match := _AT_STEP.match(said):
            if match[1] == "Saving":
                self._saving = int(match[2][:9])
        elif said.startswith("Saved checkpoint to "):
            self._saved(said.removeprefix("Saved checkpoint to "), out)
        elif said.startswith("Saved optimizer to "):
            out.append(Event("state", self._step(), path=said.removeprefix("Saved optimizer to ")))
        elif said.startswith("Removing old save: "):
            out.append(Event("info", self._step(), path=said.removeprefix("Removing old save: "), text=said, code="removed"))
        elif match := _SKIPPED.match(said):
            raised = self._raised_last[-1].text if self._raised_last else None
            self._raised_last.clear()
            out.append(Event("warning", text=f"{said} ({raised})" if raised else said, code="skipped"))
        else:
            return False
        return True

    def _saved(self, path: str, out: list[Event]) -> None:
        numbered = _NUMBERED.search(path)
        self._final = self._final or not numbered
        step = self._step()
        if self._saving is not None and numbered:
            # the file is named before the step is counted; one that was asked for is written after it
            step = min(self._saving + 1, step) if step else self._saving + 1
        out.append(Event("save", step, self._total, path=path))
        self._saving = None

    def _facts(self, text: str, said: str, out: list[Event]) -> bool:
        if match := _BUCKET.match(said):
            out.append(Event("bucket", total=int(match[2][:9]), path=self._dataset or None, text=match[1]))
        elif match := _BUCKETS.match(said):
            self._dataset = match[1]
        elif match := _RESUMING.search(said):
            out.append(Event("info", path=match[1], text=said, code="resumed"))
        elif match := _FOUND_STEP.match(said):
            out.append(Event("info", int(match[1][:9]), text=said, code="resumed"))
        elif said.startswith("# Running job: "):
            self._begin(said.removeprefix("# Running job: "), out)
        elif _INFO.match(text.rstrip()) or _INFO.match(said):
            out.append(Event("info", text=said))
        else:
            return False
        return True

    def _begin(self, name: str, out: list[Event]) -> None:
        self._settle(out)
        self._job, self._run, self._total, self._final = name.encode(), None, None, False
        out.append(Event("info", text=f"job {name}", code="job"))

    # tracebacks

    def _raised(self, event: Event, out: list[Event]) -> None:
        if event.event != "error":
            self._stopped = self._stopped or event.code == "interrupted"
            return
        out.remove(event)
        message = (event.text or "").partition(": ")[2]
        if message in _STOPPED:
            self._stopped = True
        elif self._failed and message.startswith(short(self._failed)[:200]):
            self._raised_last.clear()
            event.event, event.code = "info", "exception"
            out.append(event)
        else:
            self._raised_last.append(event)

    def _survived(self, out: list[Event]) -> None:
        for event in self._raised_last:
            event.event, event.code = "warning", "skipped"
            out.append(event)
        self._raised_last.clear()

    def _end(self, out: list[Event]) -> None:
        """A run that was killed says nothing at its end."""
        super()._end(out)
        out.extend(self._raised_last)
        failed = self._failed or self._raised_last
        word = "stopped" if self._stopped else "failed" if failed else "completed" if self._final else ""
        if word and self._finished != "stopped":
            self._finish(word, out, None, self._step(), self._total)
