"""`lorabridge parse`: a saved log, metrics database or event file as events."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lorabridge.backends.ai_toolkit.database import is_database, read_database
from lorabridge.backends.events import Event
from lorabridge.backends.reading import head_of, log_parser, read_log, stage_of, stages_of, trainer_of, utf8
from lorabridge.diagnostics import Diagnostic
from lorabridge.run.metrics import events_of
from lorabridge.run.metrics_events import DamagedError, is_event_file, read_scalars

_CHUNK = 1 << 18


@dataclass(frozen=True)
class Wanted:
    """What the caller says of a log; None where it is to be found out. `text`: also the lines that were not understood."""

    trainer: str | None = None
    stage: str | None = None
    text: bool = True


class UnreadableError(Exception):
    """The file gives no events; the diagnostic says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def parse(file: BinaryIO, name: str, wanted: Wanted) -> Iterator[Event]:
    """The events of an open file, the verdict last. Raises UnreadableError before the first event, or where a binary file is damaged."""
    head, chunks = head_of(_chunks(file, name))
    if is_database(head):
        return _metrics(_database(Path(name)), name)
    if is_event_file(head):
        file.seek(0)
        return _metrics(events_of(read_scalars(file)), name)
    head, chunks = head_of(utf8(chunks))
    trainer = wanted.trainer or trainer_of(head)
    if trainer is None:
        why = (
            "the file is empty"
            if not head
            else "its first megabyte holds no words of musubi-tuner, diffusion-pipe, ai-toolkit or lorabridge"
        )
        raise UnreadableError(Diagnostic("LB735", f"`{name}`: which trainer wrote it cannot be told", why=why, fix="say it with --trainer"))
    stage = wanted.stage or stage_of(trainer, head)
    if stage not in stages_of(trainer):
        known = ", ".join(stages_of(trainer))
        raise UnreadableError(Diagnostic("LB736", f"{trainer} has no stage `{stage}`", fix=f"its stages are {known}"))
    return read_log(chunks, log_parser(trainer, stage, wanted.text))


def line_of(event: Event) -> str:
    """The event as a line of JSON. A verdict has its word under `verdict` too."""
    record = event.record()
    if event.event == "verdict":
        record["verdict"] = event.text
    return json.dumps(record, ensure_ascii=False)


def _chunks(file: BinaryIO, name: str) -> Iterator[bytes]:
    try:
        while data := file.read(_CHUNK):
            yield data
    except OSError as error:
        raise UnreadableError(Diagnostic("LB737", f"`{name}` cannot be read: {error.strerror or error}")) from error


def _database(path: Path) -> Iterator[Event]:
    try:
        yield from read_database(path)
    except (sqlite3.Error, OSError, ValueError) as error:
        why = "it is read as ai-toolkit's loss_log.db or job database"
        raise UnreadableError(Diagnostic("LB737", f"`{path}` cannot be read as a database of metrics: {error}", why=why)) from error


def _metrics(events: Iterable[Event], name: str) -> Iterator[Event]:
    last: int | None = None
    try:
        for event in events:
            last = event.step if event.event == "progress" else last
            yield event
    except DamagedError as error:
        why = f"{error.why} (byte {error.offset})"
        raise UnreadableError(Diagnostic("LB737", f"`{name}` is damaged", why=why, fix="what was printed before is good")) from error
    yield Event("verdict", last, text="incomplete", cause="metrics do not tell how a run ended")
