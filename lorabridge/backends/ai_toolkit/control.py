"""What ai-toolkit can be asked: a row of a job database that it reads after each step (DiffusionTrainer.py:113-231).

The trainer looks at the database when the file exists and AITK_JOB_ID names a row. lorabridge makes a database of its own
for each run, with the table as in ui/prisma/schema.prisma; the trainer's interface has nothing to do with it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from lorabridge.backends.control import Ask, Control, Place

DATABASE = "ai_toolkit.db"
JOB = "lorabridge"
_TABLE = """
CREATE TABLE IF NOT EXISTS Job (
  id TEXT PRIMARY KEY, name TEXT, gpu_ids TEXT DEFAULT '', job_config TEXT DEFAULT '', created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP, status TEXT DEFAULT 'queued', stop INTEGER DEFAULT 0, return_to_queue INTEGER DEFAULT 0,
  step INTEGER DEFAULT 0, total_steps INTEGER, info TEXT DEFAULT '', speed_string TEXT DEFAULT '', queue_position INTEGER DEFAULT 0,
  pid INTEGER, job_type TEXT DEFAULT 'train', job_ref TEXT, save_now INTEGER DEFAULT 0, sample_now INTEGER DEFAULT 0
)"""


def _begin(place: Place) -> Mapping[str, str]:
    with contextlib.closing(_open(place.control / DATABASE)) as database, database:
        database.execute(_TABLE)
        database.execute("INSERT OR REPLACE INTO Job (id, name) VALUES (?, ?)", (JOB, place.name))
    return {"AITK_JOB_ID": JOB}


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=5.0)


def _set(column: str, place: Place) -> str:
    path = place.control / DATABASE
    if not path.is_file():
        return "it was started without its job database"
    try:
        with contextlib.closing(_open(path)) as database, database:
            database.execute(f"UPDATE Job SET {column} = 1 WHERE id = ?", (JOB,))
    except sqlite3.Error as error:
        return f"its job database cannot be written: {error}"
    return ""


CONTROL = Control(
    stop=Ask(lambda place: _set("stop", place), "it ends after the current step; the checkpoint is asked for before"),
    save=Ask(lambda place: _set("save_now", place), "it writes a checkpoint after the current step", ("save",)),
    sample=Ask(lambda place: _set("sample_now", place), "it draws the samples after the current step", ("sample",)),
    signals="SIGINT ends it with exit code 0, SIGTERM at once; nothing is saved",
    save_before_stop=True,
    begin=_begin,
)
