"""Watchdogs: what goes wrong in a run, seen in its events while it goes on.

`facts` holds what is known before (the plan) and what comes in (events, readings, stages that begin and end), `seen` the fold
over it, `dogs` one small pure function per fault, `table` the row of each: code, default action, what it looks for. `Watchdogs`
puts them together. Nothing here does I/O but `sensors`.
"""

from __future__ import annotations

from lorabridge.run.watch.facts import Action, Alarm, DiskReading, Facts, GpuReading, Sign, StageEnded, StageStarted
from lorabridge.run.watch.table import WATCHDOGS, Watchdog
from lorabridge.run.watch.watchdogs import Watchdogs

__all__ = [
    "WATCHDOGS",
    "Action",
    "Alarm",
    "DiskReading",
    "Facts",
    "GpuReading",
    "Sign",
    "StageEnded",
    "StageStarted",
    "Watchdog",
    "Watchdogs",
]
