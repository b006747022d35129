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

Events of a stage are those of `lorabridge.backends.events`. The run's own are `start`, `stage` (`state`: started or ended)
and, always last, `end` with `reason`, `code` and `cause`.
"""


class EventLog:
    """Appends records. A line is complete on return; `sync` makes what was written survive a loss of power."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
        self._clock = clock
        self._seq = 0
        self._torn = False

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


def read_events(path: Path) -> Iterator[Record]:
    """The records of a log. A line that a crash or a full disk left incomplete is passed over."""
    with path.open("rb") as file:
        for line in file:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and "event" in record:
                yield record
