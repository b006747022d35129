"""A probe changes nothing: no file is written outside its own folder, no process is started, no address is called."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FORBIDDEN = {"socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.remove"}
_PATHS = {"os.mkdir", "os.rename", "os.rmdir", "os.symlink", "os.link", "shutil.rmtree", "sqlite3.connect"}


def forbid(inside: Path) -> None:
    """Raise PermissionError for what a configuration reader has no business doing. `inside` may be written to."""
    home = str(inside.resolve())

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in _FORBIDDEN:
            raise PermissionError(f"the probe allows no {event}")
        if (event in _PATHS or (event == "open" and _writes(args))) and not _inside(args[0], home):
            raise PermissionError(f"the probe writes no file: {args[0]}")

    sys.addaudithook(hook)


def _writes(args: tuple[Any, ...]) -> bool:
    mode, flags = args[1], args[2]
    return any(mark in mode for mark in "wax+") if isinstance(mode, str) else bool((flags or 0) & _WRITING)


def _inside(path: Any, home: str) -> bool:
    if isinstance(path, int):
        return True
    text = os.path.realpath(os.fsdecode(path)) if isinstance(path, str | bytes | os.PathLike) else ""
    return text == os.devnull or text.startswith(home)
