"""A run in a few values, for lists and pages: read from its folder, true even when its supervisor is gone."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from typing import Any

from lorabridge.run.folder import RunFolder
from lorabridge.run.index import plan_of
from lorabridge.run.record import Record
from lorabridge.run.settle import settle
from lorabridge.run.state import State

_TAIL = 1 << 16


@dataclass(frozen=True)
class Summary:
    """One run. `status` is `running`, `paused`, `waiting`, or how it ended; times in Unix milliseconds."""

    folder: RunFolder
    name: str
    backend: str
    status: str
    created: int
    state: State
    step: int | None
    total: int | None
    loss: float | None
    origin: dict[str, Any] | None

    def record(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "run": self.folder.path.name,
            "path": str(self.folder.path),
            "name": self.name,
            "backend": self.backend,
            "status": self.status,
            "created": self.created,
            "step": self.step,
            "total": self.total,
            "loss": self.loss,
            "cause": self.state.cause,
            "gpus": list(self.state.gpus),
            "origin": self.origin,
        }


def summary(folder: RunFolder) -> Summary:
    """The summary of a run; a run that nobody supervises any more is ended first, in truth and in the record."""
    state, plan, progress = settle(folder), plan_of(folder), last_progress(folder)
    status = {"prepared": "waiting", "ended": state.reason or "ended"}.get(state.phase, state.phase)
    step = progress.get("step", state.step)
    loss = progress.get("loss")
    return Summary(
        folder,
        str(plan.get("name", folder.path.name)),
        str(plan.get("backend", "")),
        status,
        int(plan.get("created", 0)),
        state,
        step,
        progress.get("total") or plan.get("total_steps"),
        loss if isinstance(loss, int | float) else None,
        plan.get("origin"),
    )


def last_progress(folder: RunFolder) -> Record:
    """The newest `progress` of a run; empty when there was none lately."""
    for record in reversed(tail_of(folder)):
        if record["event"] == "progress" and "step" in record:
            return record
    return {}


def tail_of(folder: RunFolder, size: int = _TAIL) -> list[Record]:
    """The records in the last bytes of the event log."""
    try:
        with folder.events.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - size))
            lines = file.read().split(b"\n")
    except OSError:
        return []
    found = []
    for line in lines:
        with contextlib.suppress(ValueError):
            record = json.loads(line)
            if isinstance(record, dict) and "event" in record:
                found.append(record)
    return found


def age(milliseconds: int) -> str:
    """A moment as a person says it: the time of today, or the date."""
    moment, today = time.localtime(milliseconds / 1000), time.localtime()
    same = (moment.tm_year, moment.tm_yday) == (today.tm_year, today.tm_yday)
    return time.strftime("%H:%M:%S" if same else "%Y-%m-%d %H:%M", moment)
