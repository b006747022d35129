"""Which runs there are: a small database that can be lost. The truth about a run is in its folder."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabridge.run.folder import RunFolder
from lorabridge.run.places import state_home

_TABLE = "CREATE TABLE IF NOT EXISTS runs (path TEXT PRIMARY KEY, name TEXT NOT NULL, backend TEXT NOT NULL, created INTEGER NOT NULL)"


class Index:
    """The runs of this user. A database that is damaged is put aside and begun anew; `rebuild` fills it from the folders."""

    def __init__(self, path: Path | None = None) -> None:
        """Open it, or make it. Raises OSError when it cannot be made."""
        self._path = path or state_home() / "runs.db"
        try:
            self._database = self._open()
        except sqlite3.DatabaseError:
            self._path.replace(self._path.with_suffix(".damaged"))
            self._database = self._open()

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=10.0, isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(_TABLE)
        return database

    def add(self, folder: RunFolder) -> bool:
        """Enter a run; False when the folder holds none."""
        row = _row(folder)
        if row is None:
            return False
        self._database.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?)", row)
        return True

    def forget(self, folder: RunFolder) -> None:
        """Take a run out; its folder is not touched."""
        self._database.execute("DELETE FROM runs WHERE path = ?", (str(folder.path),))

    def folders(self) -> list[RunFolder]:
        """All runs whose folders are there, the newest first. Those that went away are taken out."""
        found = [RunFolder(Path(row[0])) for row in self._database.execute("SELECT path FROM runs ORDER BY created DESC, path DESC")]
        for folder in found:
            if not folder.plan.is_file() and folder.path.parent.is_dir():  # not when a disk is merely not mounted
                self.forget(folder)
        return [folder for folder in found if folder.plan.is_file()]

    def parents(self) -> list[Path]:
        """The folders that runs were made in."""
        return sorted({Path(row[0]).parent for row in self._database.execute("SELECT path FROM runs")})

    def rebuild(self, places: Iterable[Path]) -> int:
        """Enter every run below `places`, two levels deep; returns how many were found."""
        return sum(self.add(RunFolder(plan.parent.absolute())) for place in places for plan in _plans(place))

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _plans(place: Path) -> Iterator[Path]:
    for pattern in ("plan.json", "*/plan.json", "*/*/plan.json"):
        yield from place.glob(pattern)


def _row(folder: RunFolder) -> tuple[str, str, str, int] | None:
    plan = plan_of(folder)
    if "stages" not in plan or "backend" not in plan:
        return None
    return str(folder.path), str(plan.get("name", folder.path.name)), str(plan["backend"]), int(plan.get("created", 0))


def plan_of(folder: RunFolder) -> dict[str, Any]:
    """What `prepare` wrote down; empty when it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        plan = json.loads(folder.plan.read_bytes())
        if isinstance(plan, dict):
            return plan
    return {}


def register(folder: RunFolder) -> None:
    """Enter a run into the user's index; a run does not need it."""
    with contextlib.suppress(OSError, sqlite3.Error), Index() as index:
        index.add(folder)


@dataclass(frozen=True)
class NotFound:
    """No run, or more than one, of that name; `near` are those that might be meant."""

    text: str
    near: tuple[str, ...] = ()


def find(name: str) -> RunFolder | NotFound:
    """The run called `name`: a folder, a name, the beginning of one that only one run has, or `last`."""
    place = Path(name).expanduser()
    if (place / "plan.json").is_file():
        return RunFolder(place.absolute())
    with Index() as index:
        folders = index.folders()
    if name == "last" and folders:
        return folders[0]
    exact = [folder for folder in folders if folder.path.name == name]
    found = exact or [folder for folder in folders if folder.path.name.startswith(name)] or [f for f in folders if name in f.path.name]
    if len(found) == 1:
        return found[0]
    if found:
        return NotFound(f"`{name}` is {len(found)} runs", tuple(str(f.path) if exact else f.path.name for f in found[:5]))
    return NotFound(f"there is no run `{name}`", tuple(folder.path.name for folder in folders[:3]))
