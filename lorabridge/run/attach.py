"""Watching a run from outside: its event log on a display, Ctrl-C as a request. Going away leaves the run alone."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

from lorabridge.run.desk import write_request
from lorabridge.run.display import Display
from lorabridge.run.folder import RunFolder
from lorabridge.run.process import Interrupt
from lorabridge.run.record import Tail
from lorabridge.run.settle import settle, supervised
from lorabridge.run.state import State, read_state
from lorabridge.run.view import View

_TICK = 0.1
_REPORT = 120.0
"""Seconds that the page may take after the end before we go without it."""


@dataclass(frozen=True)
class Seen:
    """What became of the run while we looked: its state, and whether we went away before its end."""

    state: State
    view: View
    left: bool = False


def attach(folder: RunFolder, display: Display, interrupt: Interrupt, *, stops: bool) -> Seen:
    """Show a run until it ends. `interrupt` notes the signals, from before the run began if this is the terminal that began it.

    `stops`: SIGINT and SIGTERM ask the run to stop, a second one kills its trainer. Without it they end the watching only; so does
    a terminal that is closed, in any case.
    """
    view, tail = View(), Tail(folder.events)
    try:
        left = _follow(folder, display, view, tail, interrupt, stops)
    finally:
        display.close()
    if left:
        return Seen(read_state(folder), view, left=True)
    return Seen(_finished(folder), view)


def _follow(folder: RunFolder, display: Display, view: View, tail: Tail, interrupt: Interrupt, stops: bool) -> bool:
    heeded, checked = 0, time.monotonic()
    while True:
        records = tail.read()
        for record in records:
            view.feed(record)
            display.show(record, view)
        if view.end is not None:
            return False
        if interrupt.count > heeded and not folder.request("stop").exists():  # one that was not taken yet must not be lost
            heeded += 1
            if interrupt.name == "SIGHUP" or not stops:
                return True
            with contextlib.suppress(OSError):
                write_request(folder, "stop", interrupt.name)
        if not records and time.monotonic() - checked > 1.0:
            checked = time.monotonic()
            if not supervised(folder) and settle(folder).phase != "running" and view.end is None:
                _last(tail, view, display)
                return False
        view.pass_time(round(time.time() * 1000))
        display.tick(view)
        if not records:
            time.sleep(_TICK)


def _last(tail: Tail, view: View, display: Display) -> None:
    """What was written between our last look and the end of the supervisor."""
    for record in tail.read():
        view.feed(record)
        display.show(record, view)


def _finished(folder: RunFolder) -> State:
    """The state at the end; the supervisor writes the page meanwhile."""
    end = time.monotonic() + _REPORT
    while supervised(folder) and time.monotonic() < end:
        time.sleep(0.05)
    return settle(folder)
