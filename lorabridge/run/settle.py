"""Telling the truth about a run whose supervisor is gone: end what is left of it, and write down what is known."""

from __future__ import annotations

import contextlib
import os
import time

import psutil

from lorabridge.run import system
from lorabridge.run.folder import RunFolder
from lorabridge.run.process import MARK
from lorabridge.run.record import EventLog, Record, read_events
from lorabridge.run.state import State, read_state, write_state
from lorabridge.run.verdict import EXIT

_TRIES = 5


def settle(folder: RunFolder) -> State:
    """The true state of a run. A run that nobody supervises and that has not ended is ended here; nothing of it is left then.

    Never raises: what the disk refuses to take is told again the next time.
    """
    state = read_state(folder)
    if state.phase == "ended" or not folder.path.is_dir():
        return state
    try:
        with system.holding(folder.lock) as ours:
            return settle_held(folder, "") if ours else read_state(folder)
    except OSError:
        return state


def supervised(folder: RunFolder) -> bool:
    """Whether a supervisor, or its warden, lives."""
    return system.locked(folder.lock)


def settle_held(folder: RunFolder, how: str, warden: bool = False) -> State:
    """As `settle`, by somebody who holds the lock of the run. `how` is the sentence on what happened, if it is known.

    `warden`: this process forked the supervisor, and all below it belongs to the run.
    """
    state = read_state(folder)
    if state.phase == "ended":
        _sweep(state, warden)
        return state
    end = _last_end(folder)
    if end is None and state.phase == "prepared" and state.supervisor is None:
        return state  # it was never started
    left = _sweep(state, warden)
    ended = _from_record(state, end) if end is not None else _lost(folder, state, how, left)
    with contextlib.suppress(OSError):
        write_state(folder, ended)
    return ended


def _last_end(folder: RunFolder) -> Record | None:
    """The `end` of the run, when the log has it and the state file has not."""
    try:
        return next((record for record in read_events(folder.events) if record["event"] == "end" and record.get("stage") is None), None)
    except OSError:
        return None


def _from_record(state: State, end: Record) -> State:
    reason = str(end.get("reason", "failed"))
    return state.ended(int(end.get("time", 0)), reason, int(end.get("code", 3)), str(end.get("cause", "")), end.get("step"))


def _lost(folder: RunFolder, state: State, how: str, left: int) -> State:
    step, seen = _last_step(folder)
    cause = _cause(state, how, seen) + (f"; {left} of its processes were still running: ended them" if left else "")
    now = round(time.time() * 1000)
    folder.spend_reserve()
    with contextlib.suppress(OSError), EventLog(folder.events) as log:
        log.write(None, {"event": "end", "reason": "lost", "code": EXIT["lost"], "cause": cause, "step": step})
        log.sync()
    return state.ended(now, "lost", EXIT["lost"], cause, step)


def _cause(state: State, how: str, seen: float | None) -> str:
    when = f" after {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(seen))}, its last sign of life" if seen else ""
    if how:
        return how
    if state.supervisor is not None and state.supervisor.boot != system.boot_id():
        return f"the machine went down{when}"
    return f"the supervisor and its warden died{when}"


def _last_step(folder: RunFolder) -> tuple[int | None, float | None]:
    """The last step that was recorded, and when the last record was written, in seconds since 1970."""
    step, seen = None, None
    with contextlib.suppress(OSError):
        for record in read_events(folder.events):
            step = record.get("step", step) if record["event"] == "progress" else step
            seen = int(record.get("time", 0)) / 1000 or seen
    return step, seen


def _sweep(state: State, warden: bool) -> int:
    """End what is left of the stage; returns how many processes that were."""
    found: set[int] = set()
    for _ in range(_TRIES):
        left = _left(state, warden)
        if not left:
            break
        found |= left
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, system.KILL)
        _wait(left)
    return len(found)


def _left(state: State, warden: bool) -> set[int]:
    """Living processes of the stage: what carries its mark, what is in its session, and orphans that came to us."""
    found: set[int] = set()
    if state.trainer is not None and state.trainer.process.boot == system.boot_id():
        leader = state.trainer.process
        found |= set(system.marked(MARK, state.trainer.mark))
        if leader.alive or not system.born(leader.pid):  # else the number belongs to somebody else now
            found |= {process.pid for process in psutil.process_iter() if system.session(process.pid) == leader.pid}
    if warden:
        found |= system.descendants(os.getpid())
    return {pid for pid in found if pid != os.getpid() and system.ident(pid).alive}


def _wait(pids: set[int]) -> None:
    end = time.monotonic() + 2.0
    while time.monotonic() < end and any(system.ident(pid).alive for pid in pids):
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.02)
