"""Requests from outside: files in the output folder, and signals.

`.stop` ends after the current step, with a checkpoint and a state; so do SIGTERM and SIGINT. `.pause` holds until it is
removed. `.checkpoint` and `.sample` ask once and are removed when done.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

STOP, PAUSE, CHECKPOINT, SAMPLE = ".stop", ".pause", ".checkpoint", ".sample"
_POLL_SECONDS = 0.1


class Control:
    """The requests that concern one run."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self._signalled = False

    @property
    def stop(self) -> bool:
        """Whether the run was asked to end."""
        return self._signalled or (self._output / STOP).exists()

    @property
    def paused(self) -> bool:
        """Whether the run was asked to hold."""
        return (self._output / PAUSE).exists()

    def asked(self, name: str) -> bool:
        """Whether the file of a one-time request is there; `done` removes it."""
        return (self._output / name).exists()

    def done(self, name: str) -> None:
        """Tell that a request was served."""
        (self._output / name).unlink(missing_ok=True)

    def clear_stop(self) -> None:
        """Forget a stop of an earlier run, which would end this one before its first step."""
        self.done(STOP)

    def hold(self) -> None:
        """Wait while paused; a stop ends the wait too."""
        while self.paused and not self.stop:
            time.sleep(_POLL_SECONDS)

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Read SIGTERM and SIGINT as a stop; a second one acts as usual. The old handlers come back at the end."""
        if threading.current_thread() is not threading.main_thread():  # Python hears signals in its main thread only
            yield
            return
        watched = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.getsignal(number) for number in watched}

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            self._signalled = True
            for each in watched:
                signal.signal(each, before[each])

        for number in watched:
            signal.signal(number, on_signal)
        try:
            yield
        finally:
            for number in watched:
                signal.signal(number, before[number])
