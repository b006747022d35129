"""Runs whose trainer is a script of ours, for the benchmarks of the supervisor: no model, no GPU, the embedded trainer's words."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lorabridge.run.folder import RunFolder, fresh
from lorabridge.run.state import State, write_state


def make_run(parent: Path, name: str, script: str, *args: str, total: int, gpus: Sequence[int] = ()) -> RunFolder:
    """A run folder as `prepare` writes it, except that nothing was compiled. `script` is Python; `args` are its argv."""
    for folder in fresh(parent, name, time.time()):
        try:
            folder.create()
        except FileExistsError:
            continue
        break
    (folder.compiled / "train.py").write_text(script, encoding="utf-8")
    stage = {
        "name": "train",
        "argv": ["{python}", "{files}/train.py", str(folder.output), *args],
        "env": {},
        "cwd": "{files}",
        "needs": [],
        "makes": [],
        "title": "train",
    }
    plan = {
        "name": name,
        "created": round(time.time() * 1000),
        "source": str(folder.source),
        "backend": "embedded",
        "module": "lorabridge.backends.embedded",
        "gpus": {"pinned": list(gpus), "count": 0},
        "trainer": {"home": str(parent), "python": sys.executable, "commit": "", "dirty": None},
        "total_steps": total,
        "stages": [stage],
        "notes": [],
    }
    folder.plan.write_text(json.dumps(plan), encoding="utf-8")
    write_state(folder, State(since=round(time.time() * 1000)))
    return folder
