"""One stage as a process group: start, read, hold, stop by degrees, leave nothing behind.

On Windows there is no group to signal: every process of the stage is terminated instead, at once.
"""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import psutil

from lorabridge.run import system

MARK = "LORABRIDGE_STAGE_MARK"
"""Environment variable by which processes are known that left the group."""

_CHUNK = 1 << 16
_WINDOWS = system.WINDOWS
_KILL = system.KILL


@dataclass(frozen=True)
class Patience:
    """Seconds that a trainer gets: to save after an interrupt, to end after SIGTERM, for its children to end after it.

    `failed`: to end after it said that it failed; some hang for ever instead. `own`: to end in its own way, which waits for a step
    and a save.
    """

    interrupt: float = 15.0
    terminate: float = 5.0
    linger: float = 3.0
    failed: float = 60.0
    own: float = 180.0


class Process:
    """A command in a session of its own; stdout and stderr come as one stream. Use as a context manager."""

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: Path,
        patience: Patience | None = None,
        *,
        bound: bool = False,
        keep: Sequence[int] = (),
    ) -> None:
        """Start it. Raises OSError when it cannot be started.

        `bound`: this process lives for this one only. It dies with us, and whatever is below us, but `helpers`, is part of it.
        `keep`: descriptors that it inherits, locks that shall last as long as it does.
        """
        self._patience = patience or Patience()
        self._mark = secrets.token_hex(8)
        self._bound = bound
        group: dict[str, Any] = {"creationflags": 0x200} if _WINDOWS else {"start_new_session": True, "pass_fds": tuple(keep)}
        arm = system.dying_with_parent() if bound else None
        self._child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            env={**env, MARK: self._mark},
            cwd=cwd,
            preexec_fn=arm,  # noqa: PLW1509 - one call of the kernel, prepared before the fork
            **group,
        )
        self._chunks: queue.Queue[bytes | None] = queue.Queue(maxsize=256)
        self._drained = False
        self._steps: list[tuple[signal.Signals, float]] | None = None
        self._next_step_at = 0.0
        self._ended_at: float | None = None
        threading.Thread(target=self._pump, daemon=True).start()

    def _pump(self) -> None:
        assert self._child.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(self._child.stdout.fileno(), _CHUNK):
                self._chunks.put(data)
        self._chunks.put(None)

    @property
    def pid(self) -> int:
        """The leader's process id, which is also the group's."""
        return self._child.pid

    @property
    def mark(self) -> str:
        """What its processes carry in their environment, under `MARK`."""
        return self._mark

    @property
    def code(self) -> int | None:
        """The exit code; negative for a signal, None while it runs."""
        return self._child.poll()

    def read(self, timeout: float) -> bytes | None:
        """The next bytes; empty when none came in time; None when all was read and the process has ended.

        Call it often: it is also what keeps the time between the degrees of stopping.
        """
        self._keep_time()
        if self._drained:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout)
                return None
            return b""
        try:
            data = self._chunks.get(timeout=timeout)
        except queue.Empty:
            return b""
        self._drained = data is None
        return data or b""

    def _keep_time(self) -> None:
        now = time.monotonic()
        if self.code is None:
            if self._steps and now >= self._next_step_at:
                self._step()
            return
        self._ended_at = self._ended_at or now
        # children that keep the pipe open are not waited for; __exit__ ends them
        self._drained = self._drained or (now - self._ended_at > self._patience.linger and self._chunks.empty())

    def stop(self) -> None:
        """Ask the whole group to end, as Ctrl-C does; what does not listen is terminated, then killed, when its time is up."""
        if self._steps is None:
            self._steps = [(signal.SIGINT, self._patience.interrupt), (signal.SIGTERM, self._patience.terminate), (_KILL, 1.0)]
            self._step()

    def hold(self) -> None:
        """Freeze every process of the stage where it is; memory, also the GPU's, stays taken. A no-op where there is no SIGSTOP."""
        if sys.platform != "win32":
            self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Thaw what `hold` froze."""
        if sys.platform != "win32":
            self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the whole group now."""
        self._steps = [(_KILL, 1.0)]
        self._step()

    def _step(self) -> None:
        assert self._steps
        # The last step is repeated: a process may have been born between the look and the signal.
        number, wait = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        self._next_step_at = time.monotonic() + wait
        self._signal(number)

    def _signal(self, number: signal.Signals) -> None:
        if sys.platform != "win32" and self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)
        for process in self.members():
            if _WINDOWS or system.session(process.pid) != self.pid or self._child.returncode is not None:
                with contextlib.suppress(psutil.Error):
                    process.kill() if number == _KILL else process.terminate() if _WINDOWS else process.send_signal(number)

    def members(self) -> list[psutil.Process]:
        """The living processes of the stage, also those that changed their session, and their environment too when it is bound."""
        below = system.descendants(os.getpid()) - helpers() if self._bound else set()
        return [process for process in psutil.process_iter() if self._belongs(process, below)]

    def _belongs(self, process: psutil.Process, below: set[int]) -> bool:
        try:
            if process.pid == os.getpid():
                return False
            ours = process.pid in below or system.session(process.pid) == self.pid or process.environ().get(MARK) == self._mark
            return ours and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            return False

    def _sweep(self) -> None:
        """End whoever is left; after a normal end the others get their time first."""
        calm = self.code is not None and self._steps is None
        waits = [(None, self._patience.linger)] if calm else []
        for number, wait in (*waits, (signal.SIGTERM, 2.0), (_KILL, 2.0), (_KILL, 2.0)):
            left = self.members()
            if not left:
                return
            if number is not None:
                self._signal(number)
            self._await(left, wait)

    def _await(self, processes: list[psutil.Process], timeout: float) -> None:
        # psutil would take the leader's exit code away from subprocess
        psutil.wait_procs([process for process in processes if process.pid != self.pid], timeout=timeout)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End what is left, whatever happened."""
        self._sweep()
        self._child.wait()
        with contextlib.suppress(queue.Empty):
            while not self._drained and self._chunks.get(timeout=1.0) is not None:
                pass
        if self._child.stdout is not None and self._drained:
            self._child.stdout.close()


_helpers: set[int] = set()


def helper(argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process of lorabridge's own, which is no part of a stage."""
    child = subprocess.Popen(list(argv), stdin=subprocess.DEVNULL, **options)
    _helpers.add(child.pid)
    return child


def helpers() -> set[int]:
    """Those processes and what is below them."""
    return _helpers.union(*(system.descendants(pid) for pid in _helpers)) if _helpers else set()


class Interrupt:
    """Notes the signals that ask this program to end: `count` of them, the `name` of the last. For the main thread."""

    _NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")

    def __init__(self) -> None:
        self.count = 0
        self.name = ""
        self._before: dict[int, Any] = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self.name = signal.Signals(number).name

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for name in self._NAMES:
                number = getattr(signal, name, None)
                # nohup lets programs ignore SIGHUP; that is the user's wish
                if number is not None and not (name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
