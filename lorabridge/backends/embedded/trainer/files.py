"""Writing files so that a reader never sees half of one: temporary name, fsync, rename."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_PARTIAL = ".partial"


def sync(path: Path) -> None:
    """Make a file or folder survive a loss of power."""
    if os.name == "nt" and path.is_dir():  # Windows cannot open a folder
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}{_PARTIAL}")
    try:
        write(partial)
        sync(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    sync(path.parent)


@contextmanager
def folder_atomic(path: Path) -> Iterator[Path]:
    """Give an empty temporary folder that becomes `path` when the block ends well; an older `path` is replaced."""
    partial = path.with_name(f"{path.name}.{os.getpid()}{_PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        for file in partial.iterdir():
            sync(file)
        sync(partial)
        if path.exists():
            shutil.rmtree(path)
        os.replace(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    sync(path.parent)
