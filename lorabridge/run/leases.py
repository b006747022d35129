"""Who has which GPU: one locked file per GPU. A lease lives as long as a process that holds its descriptor, and no crash outlives it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lorabridge.run import system
from lorabridge.run.folder import RunFolder
from lorabridge.run.gpus import Gpu, visible


@dataclass(frozen=True)
class Wish:
    """The GPUs that a run wants: those with the `pinned` indices, or any `count` of them."""

    pinned: tuple[int, ...] = ()
    count: int = 0


@dataclass(frozen=True)
class Lease:
    """GPUs that are ours while `handles` are open."""

    gpus: tuple[int, ...] = ()
    handles: tuple[int, ...] = ()

    def release(self) -> None:
        """Give them back."""
        for handle in self.handles:
            with contextlib.suppress(OSError):
                os.close(handle)


@dataclass(frozen=True)
class Taken:
    """Why there is no lease: the GPUs that are missing, and who has them."""

    wanted: str
    holders: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.wanted}" + (f": {'; '.join(self.holders)}" if self.holders else "")


def wish_of(folder: RunFolder) -> Wish:
    """The GPUs that a run asks for, as `prepare` wrote them down. Raises OSError or ValueError when that cannot be read."""
    asked = json.loads(folder.plan.read_bytes()).get("gpus") or {}
    pinned = tuple(asked.get("pinned") or ())
    return Wish(pinned, len(pinned) or int(asked.get("count") or 0))


def _file(home: Path, index: int) -> Path:
    return home / f"gpu-{index}.lock"


def acquire(home: Path, wish: Wish, found: Sequence[Gpu], owner: str, environ: Mapping[str, str] | None = None) -> Lease | Taken:
    """Lease GPUs for `owner`, all or none. A machine without a GPU leases none for a wish that names none. Raises OSError."""
    if wish.pinned:
        candidates, count = list(wish.pinned), len(wish.pinned)
    else:
        seen = visible(found, environ)
        candidates = [gpu.index for gpu in sorted(seen, key=lambda gpu: (bool(gpu.busy), gpu.used))]
        count = wish.count if seen else 0
    if count > len(candidates):
        return Taken(f"{count} GPUs are wanted, {len(candidates)} are here")
    lease = Lease()
    for index in candidates:
        if len(lease.gpus) == count:
            break
        handle = system.lock(_file(home, index))
        if handle is not None:
            _sign(handle, owner)
            lease = Lease((*lease.gpus, index), (*lease.handles, handle))
    if len(lease.gpus) == count:
        return lease
    lease.release()
    missing = [index for index in candidates if index not in lease.gpus]
    return Taken(f"{count} GPU{'s' if count > 1 else ''} wanted, {len(lease.gpus)} free", tuple(_who(home, index) for index in missing))


def _sign(handle: int, owner: str) -> None:
    with contextlib.suppress(OSError):  # the lock counts, not the note in it
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps({"run": owner, "pid": os.getpid()}).encode(), 0)


def _who(home: Path, index: int) -> str:
    return f"GPU {index} is leased by {holder(home, index) or 'somebody'}"


def holder(home: Path, index: int) -> str:
    """The owner of a lease as it signed; empty when the GPU is free."""
    path = _file(home, index)
    if not system.locked(path):
        return ""
    try:
        return str(json.loads(path.read_bytes()).get("run", "another run"))
    except (OSError, ValueError, AttributeError):
        return "another run"
