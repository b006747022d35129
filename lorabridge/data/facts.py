"""Headers of many files, read in parallel and remembered by identity: device, inode, size and time of change.

The memory is one JSON file per data folder under the user's cache folder; it can be deleted at any time. A file that is changed keeps no
entry, since its identity changed; one that was written within the last two seconds is not remembered, since a second
write could leave its identity as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lorabridge.data.headers import read_header
from lorabridge.data.items import Header
from lorabridge.files import write_atomic

VERSION = 2
_CHUNK = 64
_FRESH_NS = 2_000_000_000
_WIDTH = len(Header._fields)
_SLOW = 3e-4
"""Seconds per file from which reading is waiting for a disk, and threads are worth their cost."""


class Fact(NamedTuple):
    """What is known of one file: its size in bytes, time of change in nanoseconds, its header, or why it could not be opened.

    `ends` is a checksum of its first and last bytes: files that differ in it, or in size, are no copies.
    """

    size: int
    changed: int
    header: Header
    ends: int = 0
    error: str = ""
    odd: bool = False


def cache_folder() -> Path:
    """The user's cache folder for lorabridge. `LORABRIDGE_CACHE` names another."""
    named = os.environ.get("LORABRIDGE_CACHE")
    if named:
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "lorabridge" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "lorabridge"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lorabridge"


class Memory:
    """Small values by file identity, for one data folder and one purpose. A broken memory is an empty one."""

    def __init__(self, purpose: str, folder: str, *, use: bool = True) -> None:
        name = hashlib.sha256(os.path.abspath(folder).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        self._path = cache_folder() / purpose / f"{name}.json"
        self._use = use
        self._old: dict[str, Any] = self._read() if use else {}
        self._new: dict[str, Any] = {}
        self._changed = False
        self._now = time.time_ns()

    def _read(self) -> dict[str, Any]:
        try:
            data = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        fine = isinstance(data, dict) and data.get("version") == VERSION and isinstance(data.get("facts"), dict)
        return data["facts"] if fine else {}

    def get(self, key: str) -> Any:
        """What is remembered of `key`, or None."""
        value = self._old.get(key)
        if value is not None:
            self._new[key] = value
        return value

    def put(self, key: str, value: Any, changed: int) -> None:
        """Remember `value` of a file that was last changed at `changed` (nanoseconds)."""
        if self._now - changed > _FRESH_NS:
            self._new[key] = value
            self._changed = True

    def save(self) -> None:
        """Write what this scan saw. A folder that cannot be written costs the next scan its speed and nothing else."""
        if not self._use or not (self._changed or len(self._new) != len(self._old)):
            return
        try:
            write_atomic(self._path, json.dumps({"version": VERSION, "facts": self._new}, separators=(",", ":")), mode=0o600)
        except OSError:
            return


def identity(facts: os.stat_result) -> str:
    """The key of a file's state."""
    return f"{facts.st_dev:x}.{facts.st_ino:x}.{facts.st_size:x}.{facts.st_mtime_ns:x}"


def read_facts(paths: Sequence[str], memory: Memory, workers: int | None = None) -> list[Fact]:
    """The facts of each path, in order."""
    found: list[Fact | None] = [None] * len(paths)
    unknown: list[int] = []
    for at, path in enumerate(paths):
        found[at] = _known(path, memory)
        if found[at] is None:
            unknown.append(at)
    for at, (fact, key) in zip(unknown, _in_parallel(_read, [paths[at] for at in unknown], workers), strict=True):
        found[at] = fact
        if key:
            memory.put(key, (*fact.header, fact.ends), fact.changed)
    return [fact for fact in found if fact is not None]


def _known(path: str, memory: Memory) -> Fact | None:
    if not memory._old:
        return None
    try:
        facts = os.stat(path)
    except (OSError, ValueError):
        return None
    row = memory.get(identity(facts))
    if not isinstance(row, list) or len(row) != _WIDTH + 1 or not stat.S_ISREG(facts.st_mode):
        return None
    return Fact(facts.st_size, facts.st_mtime_ns, Header(*row[:-1]), row[-1])


def _read(path: str) -> tuple[Fact, str]:
    try:
        facts, header, ends = read_header(path)
    except (OSError, ValueError) as error:
        odd = isinstance(error, OSError) and error.errno == 22
        return Fact(0, 0, Header(), 0, getattr(error, "strerror", "") or str(error), odd), ""
    return Fact(facts.st_size, facts.st_mtime_ns, header, ends), identity(facts)


def _in_parallel(work: Callable[[str], tuple[Fact, str]], paths: Sequence[str], workers: int | None) -> list[tuple[Fact, str]]:
    """Threads where the disk makes a reader wait; one after the other where it does not: then threads only hinder each other."""
    began = time.perf_counter()
    found = [work(path) for path in paths[:_CHUNK]]
    rest = paths[_CHUNK:]
    if not rest or (workers is None and time.perf_counter() - began < _SLOW * _CHUNK):
        return found + [work(path) for path in rest]
    from concurrent.futures import ThreadPoolExecutor

    chunks = [rest[at : at + _CHUNK] for at in range(0, len(rest), _CHUNK)]
    with ThreadPoolExecutor(workers or 8) as pool:
        return found + [item for chunk in pool.map(lambda part: [work(path) for path in part], chunks) for item in chunk]
