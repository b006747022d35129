"""The event log: JSON Lines, append-only, sequenced. What happened is what is written here."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

Record = dict[str, Any]
"""One line of the log: `seq` from 1, `time` in Unix milliseconds, `stage` (null for the run itself), `event`, its fields.

Events of a stage are those of `lorabridge.backends.events`. The run's own are `start`, `supervisor` (who watches), `stage`
(`state`: started or ended), `control` (`request`, `state`: asked, done or refused, `by`, `text`), `alarm` (what a watchdog saw), `retry`
(after an out-of-memory: `text`, and `run`, the folder of the next attempt), `gpu` (what its driver says, each 10 s)
and, always last, `end` with `reason`, `code` and `cause`.
"""


class EventLog:
    """Appends records. A line is complete on return; `sync` makes what was written survive a loss of power.

    A log that exists is continued: numbers go on after its last whole record, and a torn last line is closed.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        last, self._torn = _end_of(path)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
        self._clock = clock
        self._seq = int(last["seq"]) if last and isinstance(last.get("seq"), int) else 0

    def write(self, stage: str | None, event: Mapping[str, Any]) -> Record:
        """Append one event; returns the record. Raises OSError when the disk refuses."""
        record = {"seq": self._seq + 1, "time": round(self._clock() * 1000), "stage": stage, **event}
        line = json.dumps(record, ensure_ascii=False, allow_nan=False, default=str).encode("utf-8", "backslashreplace") + b"\n"
        self._append(b"\n" + line if self._torn else line)
        self._seq += 1
        return record

    def _append(self, line: bytes) -> None:
        self._torn = True
        while line:
            line = line[os.write(self._file, line) :]
        self._torn = False

    def sync(self) -> None:
        """Put everything written so far on the disk."""
        os.fsync(self._file)

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._file)


def _end_of(path: Path) -> tuple[Record | None, bool]:
    """The last whole record of a log, and whether something torn follows it."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            reach = 1 << 16
            while True:
                file.seek(max(0, size - reach))
                lines = file.read().split(b"\n")
                for line in reversed(lines[:-1] if reach < size else lines):
                    record = _record(line)
                    if record is not None:
                        return record, lines[-1] != b""
                if reach >= size:
                    return None, size > 0 and lines[-1] != b""
                reach *= 8
    except FileNotFoundError:
        return None, False


def last_record(path: Path) -> Record | None:
    """The newest whole record of a log; None when there is none, or no log."""
    return _end_of(path)[0]


def _record(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "event" in record else None


class Tail:
    """Reads a log that grows: each `read` gives the whole records that came since. Where the log is not yet, nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self._rest = b""

    def read(self) -> list[Record]:
        """The new records."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            return []
        self._at += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [record for record in map(_record, lines) if record is not None]


def read_events(path: Path) -> Iterator[Record]:
    """The records of a log. A line that a crash or a full disk left incomplete is passed over."""
    with path.open("rb") as file:
        for line in file:
            record = _record(line)
            if record is not None:
                yield record
