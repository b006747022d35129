"""What the three stages print, as events. Read from recorded runs and from the sources of all training scripts.

A step has up to two bars: one when it is counted, still with the loss of the step before, and one with its own. Where the
postfix did not change the second cannot be told from the first, so the first is held back until something else is said.
"""

from __future__ import annotations

import re

from lorabridge.backends.bars import Bar, number
from lorabridge.backends.events import Event, LogParser
from lorabridge.backends.reader import KEYS, TrainerReader, loading
from lorabridge.backends.tracebacks import stopped_by

_LOSS = re.compile(rb"avr_loss=([^,\]\s]+)")
_LR = re.compile(rb"\blr=([^,\]\s]+)")
_FOUND = re.compile(r"found (\d+) (?:images|videos)")
_BATCH = re.compile(r"^\s*batch_size: (\d+)")
_ENCODING = re.compile(r"Encoding dataset \[(\d+)\]")
_EPOCH = re.compile(r"(?:^|[^\w:])epoch (\d+)/(\d+)\s*$")
_BUCKET = re.compile(r"bucket: \((\d+), (\d+)(?:, (\d+))?[^)]*\), count: (\d+)")
_SAVE = re.compile(r"saving checkpoint: (.+)")
_STATE = re.compile(r"Saving current state to (.+)")
_SAMPLE = re.compile(r"generating sample images at step[^:]*: (\d+)")
_RESUMED = re.compile(r"resume training from local state: (.+)|Loading states from (.+)")
_REMOVED = re.compile(r"removing old (?:checkpoint|state): (.+)")
_STEP_NAME = re.compile(r"-step(\d{8})(?:-state|\.safetensors)?\s*$")
_TOTAL = re.compile(r"^\s*total optimization steps[^:]*: (\d+)|override steps\. steps for \d+ epochs is[^:]*: (\d+)")
_FACT = re.compile(
    r"^\s*(?:num (?:train items|batches per epoch|epochs|reg images)|batch size per device|gradient accumulation steps)[^:=]*[:=]"
    r"|create LoRA for |import network module: |load network weights from |all weights merged|use \S+ optimizer|enable full |accelerator device:"
)
_CODES = (
    ("No training items found in the dataset", "no-cache"),
    ("No LoRA modules found", "no-modules"),
    ("must be specified", "no-attention"),
)
_DONE = "model saved."

TRACES = (b"musubi_tuner", b"avr_loss=", b"\xe5\xad\xa6\xe7\xbf\x92", b"saving checkpoint: ", b"Trying to import sageattention")
"""Words that only this trainer says."""
STAGES = ("train", "cache-latents", "cache-text")
_WORDS = (
    rb"\n(?:epoch|accelerator|enable full|  num|  gradient acc|  batch size|generating sample)", rb":(?:generating sample|resume training|use )", rb"verride steps", rb"zation steps", rb"kpoint: ",
    rb"Saving c", rb"ving old", rb"ved\.", rb"Loading states", rb"LoRA", rb"work (?:module|weights)", rb"weights merged", rb"bucket: ",
)  # fmt: skip


def parser(stage: str, text: bool = False) -> LogParser:
    """A parser for one stage (`cache-latents`, `cache-text`, `train`); with `text`, of every line."""
    return TrainParser(text) if stage == "train" else CacheParser(text)


def stage_of(head: bytes) -> str:
    """The stage that a log's beginning tells of."""
    if b"Encoding dataset [" not in head or b"running training" in head:
        return "train"
    return "cache-text" if b"cache_text_encoder_outputs" in head else "cache-latents"


class _Parser(TrainerReader):
    def _raised(self, event: Event, out: list[Event]) -> None:
        if event.event == "error":
            event.code = next((code for word, code in _CODES if word in (event.text or "")), event.code)

    def _launcher(self, out: list[Event]) -> None:
        """accelerate has told how its child ended."""
        status, self._traces.status = self._traces.status, None
        if status is None:
            return
        if stopped_by(status):
            self._finish("stopped", out)
        else:
            code = f"exit {status}" if status.lstrip("-").isdigit() else status
            if status.startswith(("SIG", "-")):
                out.append(Event("error", text=f"the trainer was ended by {status}", code="died"))
            self._finish("failed", out, code)

    def _words(self, text: str, out: list[Event]) -> bool:
        understood = super()._words(text, out)
        if self._traces.status is not None:
            self._launcher(out)
        return understood


class TrainParser(_Parser):
    """The training script under accelerate."""

    KEYS = (*KEYS, *_WORDS)

    def __init__(self, text: bool = False) -> None:
        super().__init__(text)
        self._total: int | None = None
        self._epoch: int | None = None
        self._step = 0
        self._told = 0
        self._postfix = b""
        self._before: Event | None = None

    def _end(self, out: list[Event]) -> None:
        self._let_go(out)
        super()._end(out)

    def _let_go(self, out: list[Event]) -> None:
        if self._before is not None:
            out.append(self._before)
            self._told = self._before.step or self._told
            self._before = None

    def _bar(self, bar: Bar, out: list[Event]) -> bool:
        if bar.name != b"steps" and not bar.name.endswith(b"steps"):
            return loading(bar, out)
        if bar.total is None or bar.name.endswith(b"Denoising steps"):
            return True
        step, postfix = bar.n, bar.postfix
        if step == 0 or (step == self._told and self._before is None):
            if step == 0 and self._step > 0:
                self._told = self._step = 0
            self._postfix = postfix
            return True
        if self._before is not None and self._before.step != step:
            self._let_go(out)
        loss = _LOSS.search(postfix)
        lr = _LR.search(postfix) if b"lr=" in postfix else None
        event = Event(
            "progress",
            step,
            bar.total,
            self._epoch,
            number(loss[1]) if loss else None,
            number(lr[1]) if lr else None,
            None,
            bar.rate if step > 1 else None,
            bar.eta,
        )
        self._step, self._total = step, bar.total
        if postfix == self._postfix and self._before is None:
            self._before = event
            return True
        self._before, self._told, self._postfix = None, step, postfix
        out.append(event)
        return True

    def _news(self, text: str, out: list[Event]) -> bool:
        epoch = _EPOCH.search(text)
        if epoch:
            self._let_go(out)
            self._epoch = int(epoch[1][:9])
            out.append(Event("epoch", step=self._step, total=self._total, epoch=self._epoch, text=f"epoch {epoch[1]}/{epoch[2]}"))
            return True
        if _DONE in text:
            self._let_go(out)
            self._finish("completed", out, None, self._step, self._total)
            return True
        return self._files(text, out) or self._facts(text, out)

    def _files(self, text: str, out: list[Event]) -> bool:
        if "aving" not in text and "remov" not in text and "sample images" not in text:
            return False
        if match := _SAVE.search(text):
            out.append(Event("save", self._named_step(match[1]), self._total, self._epoch, path=match[1].strip()))
        elif match := _STATE.search(text):
            out.append(Event("state", self._named_step(match[1]), self._total, self._epoch, path=match[1].strip()))
        elif match := _SAMPLE.search(text):
            out.append(Event("sample", int(match[1][:9]), self._total, self._epoch))
        elif match := _REMOVED.search(text):
            out.append(Event("info", self._step, path=match[1].strip(), text=text.strip(), code="removed"))
        else:
            return False
        return True

    def _facts(self, text: str, out: list[Event]) -> bool:
        if match := _TOTAL.search(text):
            total = int((match[1] or match[2])[:9])
            if total != self._total:
                self._total = total
                out.append(Event("info", total=total, text=text.strip()))
            return True
        if bucket(text, out):
            return True
        if match := _RESUMED.search(text):
            if match[1]:
                out.append(Event("info", path=match[1].strip(), text=text.strip().rpartition(":")[0] or text, code="resumed"))
            return True
        if _FACT.search(text):
            out.append(Event("info", text=text.strip().removeprefix("INFO:")))
            return True
        return False

    def _named_step(self, path: str) -> int:
        """The step in a file's name; the bar on the other stream may still be behind."""
        named = _STEP_NAME.search(path)
        return int(named[1]) if named else self._step


class CacheParser(_Parser):
    """The two caching scripts: a count without a total, one bar per dataset."""

    KEYS = (*KEYS, rb":found \d", rb"batch_size", rb"Encoding d", rb"bucket: ")

    def __init__(self, text: bool = False) -> None:
        super().__init__(text)
        self._count = 0
        self._items: list[int] = []
        self._batches: list[int] = []
        self._planned: int | None = None
        self._dataset = -1
        self._closed = False

    def _bar(self, bar: Bar, out: list[Event]) -> bool:
        if bar.total is not None or bar.name:
            return loading(bar, out)
        if bar.n == self._count and bar.n:
            self._closed = True
        if bar.n <= self._count:
            return True
        self._count, self._closed = bar.n, False
        out.append(Event("cache", bar.n, self._planned, rate=bar.rate))
        return True

    def _news(self, text: str, out: list[Event]) -> bool:
        if match := _FOUND.search(text):
            self._items.append(int(match[1][:9]))
            out.append(Event("info", text=text.strip().removeprefix("INFO:")))
            return True
        if match := _BATCH.search(text):
            self._batches.append(int(match[1][:9]))
            return True
        if match := _ENCODING.search(text):
            self._dataset, self._count, self._closed = int(match[1][:9]), 0, False
            self._planned = self._batched(self._dataset)
            out.append(Event("info", total=self._planned, text=match[0]))
            return True
        return bucket(text, out)

    def _batched(self, dataset: int) -> int | None:
        """The bar counts batches: known beforehand for batches of one picture only."""
        if dataset < min(len(self._items), len(self._batches)) and self._batches[dataset] == 1:
            return self._items[dataset]
        return None

    def _end(self, out: list[Event]) -> None:
        """A caching script says nothing at its end: the bar of the last dataset was drawn once more when it was closed."""
        super()._end(out)
        last = self._dataset >= 0 and self._dataset + 1 >= len(self._batches)
        full = self._planned is not None and self._count >= self._planned
        empty = self._planned == 0
        if last and not self._traces.busy and (empty or (self._closed and (full or self._planned is None))):
            self._finish("completed", out, None, self._count, self._planned)


def bucket(text: str, out: list[Event]) -> bool:
    """A row of the bucket table: width, height, perhaps frames, and how many."""
    match = _BUCKET.search(text)
    if match is None:
        return False
    size = "x".join(part for part in match.groups()[:3] if part)
    out.append(Event("bucket", total=int(match[4][:9]), text=size))
    return True
