"""What the operating system must give and does not give everywhere: who a process is, locks, orphans, death with the parent.

Linux has all of it. Elsewhere the functions do what can be done and say so in their result, so that callers need no cases.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

LINUX = sys.platform.startswith("linux")
WINDOWS = sys.platform == "win32"
KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Ident:
    """A process that cannot be mistaken for another one: number, time of birth, and the boot that it was born in.

    `born` is the start time in clock ticks since boot on Linux, in seconds since 1970 elsewhere.
    """

    pid: int
    born: str
    boot: str

    @property
    def alive(self) -> bool:
        """Whether this very process runs; a zombie does not."""
        return self.boot == boot_id() and born(self.pid) == self.born and not _zombie(self.pid)

    def record(self) -> dict[str, Any]:
        """As plain data."""
        return {"pid": self.pid, "born": self.born, "boot": self.boot}


def ident(pid: int | None = None) -> Ident:
    """The process `pid`, this one by default."""
    number = os.getpid() if pid is None else pid
    return Ident(number, born(number), boot_id())


def ident_of(record: Any) -> Ident | None:
    """An `Ident` from plain data; None when it is none."""
    match record:
        case {"pid": int(pid), "born": str(birth), "boot": str(boot)}:
            return Ident(pid, birth, boot)
    return None


def boot_id() -> str:
    """A text that changes with each start of the machine."""
    if LINUX:
        with contextlib.suppress(OSError):
            return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return str(round(psutil.boot_time()))


def born(pid: int) -> str:
    """When the process was born; empty when there is none."""
    if not LINUX:
        try:
            return f"{psutil.Process(pid).create_time():.2f}"
        except psutil.Error:
            return ""
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else ""


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; the name before them may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].decode("ascii", "replace").split()
    except OSError:
        return []


def _zombie(pid: int) -> bool:
    if LINUX:
        return _stat(pid)[:1] in (["Z"], ["X"])
    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    return False


def session(pid: int) -> int:
    """The session of a process; -1 when there is none to tell."""
    if sys.platform == "win32":
        return -1
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def descendants(pid: int) -> set[int]:
    """Children, their children, and so on. With `adopt_orphans` none can leave this tree."""
    children: dict[int, list[int]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            children.setdefault(process.ppid(), []).append(process.pid)
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        fresh = [child for child in children.get(waiting.pop(), ()) if child not in found]
        found.update(fresh)
        waiting += fresh
    return found


def adopt_orphans() -> bool:
    """From now on processes below this one that lose their parent become its children. False where that cannot be had."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def dying_with_parent() -> Callable[[], None] | None:
    """A function for `preexec_fn`: the kernel kills the process when the thread that started it is gone. None elsewhere."""
    prctl = _libc_prctl()
    if prctl is None:
        return None
    parent, kill = os.getpid(), int(KILL)

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, kill, 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was told
            os.kill(os.getpid(), kill)

    return arm


def _prctl(option: int, value: int) -> bool:
    prctl = _libc_prctl()
    return prctl is not None and prctl(option, value, 0, 0, 0) == 0


def _libc_prctl() -> Any:
    if not LINUX:
        return None
    import ctypes

    return getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)


def lock(path: Path) -> int | None:
    """Lock a file for as long as the returned descriptor, or a copy that a child inherited, is open; None when it is taken.

    The lock does not survive a crash of its holders, the file does. Raises OSError when the file cannot be opened.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def locked(path: Path) -> bool:
    """Whether somebody holds the lock of `path`. A file that is not there is not locked."""
    if not path.exists():
        return False
    handle = lock(path)
    if handle is None:
        return True
    os.close(handle)
    return False


@contextlib.contextmanager
def holding(path: Path) -> Iterator[bool]:
    """Hold the lock of `path` inside the block; yields whether it could be had."""
    handle = lock(path)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            os.close(handle)


def marked(name: str, value: str) -> list[int]:
    """Processes that carry `name=value` in their environment, which children inherit. Other users' are not seen."""
    found = []
    wanted = f"{name}={value}".encode()
    for process in psutil.process_iter():
        pid = process.pid
        if pid != os.getpid() and _carries(pid, name, value, wanted) and not _zombie(pid):
            found.append(pid)
    return found


def _carries(pid: int, name: str, value: str, wanted: bytes) -> bool:
    if LINUX:
        try:
            return wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False
    try:
        return bool(psutil.Process(pid).environ().get(name) == value)
    except (psutil.Error, OSError):
        return False


def detached() -> Mapping[str, Any]:
    """Arguments of `subprocess.Popen` for a process that is no part of this terminal."""
    return {"creationflags": 0x00000208} if WINDOWS else {"start_new_session": True}
