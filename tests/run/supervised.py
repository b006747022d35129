"""Looking at runs that other processes supervise: wait for things to become true, and leave no process behind."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psutil

from lorabridge.run import system
from lorabridge.run.folder import RunFolder
from lorabridge.run.process import MARK
from lorabridge.run.record import last_record, read_events
from lorabridge.run.state import read_state

T = TypeVar("T")


def until(look: Callable[[], T], what: str, seconds: float = 60.0) -> T:
    """What `look` gives as soon as it is something. The machine may be busy: the deadline is generous, and never slept through."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


def said(run: RunFolder, event: str, **fields: Any) -> list[dict[str, Any]]:
    """The records of a kind so far."""
    if not run.events.exists():
        return []
    return [r for r in read_events(run.events) if r["event"] == event and all(r.get(k) == v for k, v in fields.items())]


def last(run: RunFolder) -> dict[str, Any]:
    record = last_record(run.events)
    assert record is not None
    return record


def family_of(run: RunFolder) -> list[psutil.Process]:
    """All processes of the run's trainer, as its state tells."""
    state = read_state(run)
    return [] if state.trainer is None else [psutil.Process(pid) for pid in system.marked(MARK, state.trainer.mark)]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def end_all(run: RunFolder) -> None:
    """Kill whatever a test left: supervisor, warden, trainer."""
    state = read_state(run)
    for process in family_of(run):
        with contextlib.suppress(psutil.Error):
            process.kill()
    if state.supervisor is not None and state.supervisor.alive:
        with contextlib.suppress(OSError):
            os.kill(state.supervisor.pid, signal.SIGKILL)
    until(lambda: not system.locked(run.lock), "the warden to go")


def ended(run: RunFolder) -> dict[str, Any]:
    """Wait for the end; nothing of the run is left then."""
    until(lambda: read_state(run).phase == "ended" and not system.locked(run.lock), "the end")
    return last(run)
