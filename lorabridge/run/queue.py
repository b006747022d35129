"""Runs that wait for their turn on this machine: an order on disk that survives every crash, and a runner that keeps it.

Each transition is one transaction; what became of a run that was started is told by its own folder. So a runner can die at
any moment: the next one finds what waits, what runs, and what has ended.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lorabridge.run import system
from lorabridge.run.executors import Executor
from lorabridge.run.folder import RunFolder
from lorabridge.run.gpus import Gpu, gpus, visible
from lorabridge.run.leases import Wish, wish_of
from lorabridge.run.places import state_home
from lorabridge.run.state import read_state

_TABLE = """
CREATE TABLE IF NOT EXISTS queue (
  id INTEGER PRIMARY KEY AUTOINCREMENT, position REAL NOT NULL, path TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
  added INTEGER NOT NULL, told TEXT NOT NULL DEFAULT ''
)"""
CPU = -1
"""Stands for the one place of runs that want no GPU: they go one at a time."""


@dataclass(frozen=True)
class Item:
    """One run in the queue. `state`: `waiting`, `started`, `done`, `cancelled` or `refused`, `told` why."""

    id: int
    folder: RunFolder
    state: str
    added: int
    told: str = ""


class Queue:
    """The order of the runs of this user on this machine. Raises OSError or sqlite3.Error when it cannot be opened."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or state_home() / "queue.db"
        self._database = sqlite3.connect(self.path, timeout=30.0, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute(_TABLE)

    def add(self, folder: RunFolder) -> int:
        """Put a prepared run at the end; returns its number. It is on the disk on return."""
        with self._change():
            last = self._database.execute("SELECT COALESCE(MAX(position), 0) FROM queue").fetchone()[0]
            row = self._database.execute(
                "INSERT INTO queue (position, path, state, added) VALUES (?, ?, 'waiting', ?)",
                (last + 1.0, str(folder.path), round(time.time() * 1000)),
            )
            return int(row.lastrowid or 0)

    def items(self, *states: str) -> list[Item]:
        """The runs in their order, those in `states` only if any are named."""
        rows = self._database.execute("SELECT id, path, state, added, told FROM queue ORDER BY position, id")
        found = [Item(row[0], RunFolder(Path(row[1])), row[2], row[3], row[4]) for row in rows]
        return [item for item in found if not states or item.state in states]

    def move(self, number: int, before: int | None) -> bool:
        """Put a waiting run before another one, or first; False when it does not wait."""
        with self._change():
            waiting = [item.id for item in self.items("waiting")]
            if number not in waiting:
                return False
            rest = [other for other in waiting if other != number]
            at = rest.index(before) if before in rest else 0
            for position, other in enumerate([*rest[:at], number, *rest[at:]], 1):
                self._database.execute("UPDATE queue SET position = ? WHERE id = ?", (float(position), other))
            return True

    def become(self, number: int, old: str, new: str, told: str = "") -> bool:
        """One transition; False when the run was not in the state `old` any more."""
        with self._change():
            change = self._database.execute("UPDATE queue SET state = ?, told = ? WHERE id = ? AND state = ?", (new, told, number, old))
            return change.rowcount == 1

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> Queue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def turn(waiting: Sequence[tuple[Item, Wish]], free: Sequence[int], present: bool, cpu_free: bool) -> list[Item]:
    """Who may begin now, in order: nobody takes a GPU that somebody before him waits for.

    `free` are the GPUs without a lease, `present` tells whether the machine has any; runs without a GPU share one place.
    """
    left, chosen = list(free), []
    for item, wish in waiting:
        if not wish.count or not (present or wish.pinned):
            if cpu_free:
                chosen.append(item)
            cpu_free = False
            continue
        fits = [index for index in wish.pinned if index in left] if wish.pinned else left[: wish.count]
        if len(fits) == wish.count:
            chosen.append(item)
        # whether it begins or waits, those behind it must not take what it needs
        taken = set(wish.pinned) if wish.pinned else set(fits) if len(fits) == wish.count else set(left)
        left = [index for index in left if index not in taken]
    return chosen


class Runner:
    """Keeps the queue going. Only one runs at a time; `step` does what is to be done now and can be called by a test."""

    def __init__(
        self, queue: Queue, executor: Executor, look: Callable[[], list[Gpu]] = gpus, lease_free: Callable[[int], bool] = lambda index: True
    ) -> None:
        self._queue, self._executor, self._look, self._free = queue, executor, look, lease_free

    def step(self) -> int:
        """Note what has ended, start what may begin; returns how many runs wait or go on."""
        for item in self._queue.items("started"):
            self._note(item)
        going = self._queue.items("started")
        waiting = [(item, wish) for item in self._queue.items("waiting") if (wish := self._wish(item)) is not None]
        if waiting:
            for item in self._turn(waiting, going):
                self._start(item)
        return len(self._queue.items("started", "waiting"))

    def _turn(self, waiting: list[tuple[Item, Wish]], going: list[Item]) -> list[Item]:
        seen = visible(self._look())
        waiting = [pair for pair in waiting if not self._impossible(pair[0], pair[1], seen)]
        taken = {index for item in going for index in self._taken(item)}
        free = [gpu.index for gpu in seen if gpu.index not in taken and self._free(gpu.index)]
        pinned = {index for _, wish in waiting for index in wish.pinned}
        free += sorted(index for index in pinned if index not in free and index not in taken and self._free(index))
        return turn(waiting, free, bool(seen), CPU not in taken)

    def _impossible(self, item: Item, wish: Wish, seen: Sequence[Gpu]) -> bool:
        """A wish that this machine can never grant must not hold up those behind it."""
        here = {gpu.index for gpu in seen}
        lacks = [index for index in wish.pinned if index not in here]
        if not here or (not lacks and wish.count <= len(here)):
            return False
        what = f"GPU {lacks[0]}" if lacks else f"{wish.count} GPUs"
        return self._queue.become(item.id, "waiting", "refused", f"it wants {what}, this machine has {len(here)}")

    def _wish(self, item: Item) -> Wish | None:
        try:
            return wish_of(item.folder)
        except (OSError, ValueError) as error:
            self._queue.become(item.id, "waiting", "refused", f"its plan cannot be read: {error}")
            return None

    def _taken(self, item: Item) -> tuple[int, ...]:
        """What a run that was started holds, or will as soon as its supervisor is up."""
        state = read_state(item.folder)
        if state.gpus:
            return state.gpus
        wish = self._wish(item) or Wish()
        return wish.pinned or (CPU,)

    def _start(self, item: Item) -> None:
        if not self._queue.become(item.id, "waiting", "started"):
            return  # it was cancelled meanwhile
        problem = self._executor.start(item.folder)
        if problem is not None:
            self._queue.become(item.id, "started", "waiting" if problem.later else "refused", problem.text)

    def _note(self, item: Item) -> None:
        """What became of a run that was started: it runs, it ended, or a crash came between the note and the start."""
        status = self._executor.status(item.folder)
        if status == "ended":
            self._queue.become(item.id, "started", "done", read_state(item.folder).reason)
        elif status == "gone":
            self._queue.become(item.id, "started", "done", "its folder is gone")
        elif status == "waiting":
            self._queue.become(item.id, "started", "waiting")


def runner_lock(path: Path) -> Path:
    """The lock that the one runner of a queue holds."""
    return path.with_name("queue.lock")


def runs_already(path: Path) -> bool:
    """Whether a runner keeps this queue going."""
    return system.locked(runner_lock(path))
