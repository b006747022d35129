"""From a run that ran out of memory to the attempt that follows it."""

from __future__ import annotations

import time
from pathlib import Path

from lorabridge.run.folder import RunFolder
from lorabridge.run.record import read_events
from lorabridge.run.settle import supervised
from lorabridge.run.state import read_state


def following(folder: RunFolder) -> RunFolder | None:
    """The attempt that was prepared when a run ended without memory; None where there is none."""
    try:
        told = [str(record["run"]) for record in read_events(folder.events) if record["event"] == "retry" and record.get("run")]
    except OSError:
        return None
    return RunFolder(Path(told[-1])) if told and Path(told[-1]).is_dir() else None


def awaited(folder: RunFolder) -> RunFolder | None:
    """As `following`, once it is begun; one that was prepared and that nobody took up (its warden was killed) is None too."""
    after = following(folder)
    while after is not None and not supervised(after) and read_state(after).phase == "prepared":
        if not supervised(folder):
            return after if supervised(after) or read_state(after).phase != "prepared" else None
        time.sleep(0.05)
    return after
