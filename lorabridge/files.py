"""Files: opened without waiting for ever, written so that a reader sees the old text or the new one, never half of one."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

PATIENCE = 10.0
"""Seconds that a reader waits for somebody to write into a pipe."""


def open_file(path: Path) -> BinaryIO:
    """Open for reading. A pipe is waited for, but not for ever; what else is no file is refused.

    Raises OSError.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISFIFO(mode):
        return _open_pipe(path)
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or str(path) == os.devnull):
        raise OSError(errno.EINVAL, "it is a device, not a file")
    return path.open("rb")


def _open_pipe(path: Path) -> BinaryIO:
    import select

    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not select.select([handle], [], [], PATIENCE)[0]:
        os.close(handle)
        raise OSError(errno.EINVAL, f"it is a pipe, and nobody wrote into it for {PATIENCE:.0f} seconds")
    os.set_blocking(handle, True)
    return os.fdopen(handle, "rb")


def write_atomic(path: Path, data: bytes | str, *, mode: int = 0o644) -> None:
    """Write to a temporary file beside `path`, flush it to disk, and rename it over `path`.

    Text is UTF-8 with `\\n`. Raises OSError; the old file is then untouched.
    """
    import tempfile

    raw = data.encode("utf-8") if isinstance(data, str) else data
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
