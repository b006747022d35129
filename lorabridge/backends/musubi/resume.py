"""musubi-tuner resumes from a state folder by name; its counters begin anew (training/trainer_base.py:1922)."""

from __future__ import annotations

import re
from pathlib import Path

from lorabridge.backends.musubi.layout import artifacts
from lorabridge.backends.resume import Point, Resume, broken_safetensors, hollow, said

_STEP = re.compile(r"-step(\d{8})-state$")


def _points(output: Path, name: str) -> tuple[Point, ...]:
    """States; those of epochs and the last one do not tell their step, the event log does."""
    found = []
    for path in artifacts(output, name).states:
        match = _STEP.search(path.name)
        found.append(Point(path, int(match[1]) if match else None, (path / "model.safetensors",)))
    return tuple(found)


def _problem(point: Point) -> str:
    return broken_safetensors(point.path / "model.safetensors") or hollow(
        point.path / name for name in ("optimizer.bin", "scheduler.bin", "random_states_0.pkl")
    )


RESUME = Resume(
    {
        "weights": "",
        "optimizer": "",
        "step counter": "begins at 0 again, and so do the numbers in file names; the new run has a folder of its own",
        "schedule": "goes on from where it was, over a length that is counted anew",
        "data order": "begins a new epoch; random numbers go on",
    },
    False,
    _points,
    _problem,
    lambda point, output, name: (said("train.resume_from", point.path.as_posix()),),
)
