"""ai-toolkit's own databases, read-only: `loss_log.db` of a run, and the job table of its user interface.

Their steps are those of the trainer, which counts from 0: step n there is step n + 1 of the log's events.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from lorabridge.backends.bars import number
from lorabridge.backends.events import Event

MAGIC = b"SQLite format 3\x00"
_KEYS = {"learning_rate": "lr", "loss/loss": "loss"}
_JOB = ("id", "name", "status", "step", "total_steps", "info", "speed_string", "stop", "return_to_queue", "save_now", "sample_now")


@dataclass(frozen=True)
class JobRow:
    """One row of the job table, the columns that matter."""

    id: str
    name: str
    status: str
    step: int
    total_steps: int | None
    info: str
    speed: str
    stop: bool
    return_to_queue: bool
    save_now: bool
    sample_now: bool


def is_database(head: bytes) -> bool:
    """Whether a file begins as an SQLite database."""
    return head.startswith(MAGIC)


def opened(path: Path) -> sqlite3.Connection:
    """The database for reading; also where its folder cannot be written. Raises sqlite3.Error and OSError."""
    if not path.is_file():
        raise FileNotFoundError(2, "no such file", str(path))
    uri = path.absolute().as_uri()
    try:
        found = sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=2.0)
        found.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        found = sqlite3.connect(f"{uri}?mode=ro&immutable=1", uri=True, timeout=2.0)
    return found


def tables(connection: sqlite3.Connection) -> set[str]:
    """The names of the tables."""
    return {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def read_database(path: Path) -> Iterator[Event]:
    """The events that a database tells. Raises sqlite3.Error, OSError, and ValueError for a database of something else."""
    with closing(opened(path)) as connection:
        names = tables(connection)
        if {"metrics", "steps"} <= names:
            yield from _metrics(connection)
        elif "Job" in names:
            for row in _jobs(connection):
                text = f"{row.name}: {row.status}" + (f" ({row.info})" if row.info else "")
                yield Event("info", row.step, row.total_steps, text=text, code=row.status)
        else:
            raise ValueError(f"its tables are {', '.join(sorted(names)) or 'none'}")


def read_jobs(path: Path) -> list[JobRow]:
    """The rows of the job table. Raises sqlite3.Error and OSError."""
    with closing(opened(path)) as connection:
        return list(_jobs(connection))


def _metrics(connection: sqlite3.Connection) -> Iterator[Event]:
    rows = connection.execute("SELECT step, key, value_real, value_text FROM metrics ORDER BY step, key")
    step: int | None = None
    known: dict[str, float] = {}
    others: list[Event] = []
    for at, key, real, text in rows:
        if at != step:
            yield from _step(step, known, others)
            step, known, others = at, {}, []
        value = real if real is not None else number(text)
        if value is None:
            continue
        if key in _KEYS:
            known[_KEYS[key]] = float(value)
        else:
            others.append(Event("metric", int(at), text=str(key), value=float(value)))
    yield from _step(step, known, others)


def _step(step: int | None, known: dict[str, float], others: list[Event]) -> Iterator[Event]:
    if step is not None and known:
        yield Event("progress", int(step), loss=known.get("loss"), lr=known.get("lr"))
    yield from others


def _jobs(connection: sqlite3.Connection) -> Iterator[JobRow]:
    for row in connection.execute(f'SELECT {", ".join(_JOB)} FROM "Job"'):
        values = dict(zip(_JOB, row, strict=True))
        yield JobRow(
            str(values["id"]),
            str(values["name"]),
            str(values["status"]),
            int(values["step"] or 0),
            None if values["total_steps"] is None else int(values["total_steps"]),
            str(values["info"] or ""),
            str(values["speed_string"] or ""),
            *(bool(values[key]) for key in ("stop", "return_to_queue", "save_now", "sample_now")),
        )
