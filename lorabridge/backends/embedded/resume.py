"""The embedded trainer goes on from a state as if it had never stopped (`trainer/state.py`, tested bit for bit)."""

from __future__ import annotations

import json
from pathlib import Path

from lorabridge.backends.embedded.layout import artifacts
from lorabridge.backends.resume import Point, Resume, broken_archive, broken_safetensors, hollow, said


def _points(output: Path, name: str) -> tuple[Point, ...]:
    states = artifacts(output, name).states
    return tuple(Point(path, int(path.name.removeprefix("step-")), (path / "adapter.safetensors",)) for path in states)


def _problem(point: Point) -> str:
    try:
        json.loads((point.path / "state.json").read_bytes())
    except (OSError, ValueError) as error:
        return f"`state.json` cannot be read: {error}"
    return (
        broken_safetensors(point.path / "adapter.safetensors")
        or broken_archive(point.path / "optimizer.pt")
        or hollow([point.path / "random.pt"])
    )


RESUME = Resume(
    {
        "weights": "",
        "optimizer": "",
        "step counter": "",
        "schedule": "set to the counter, over the length of the new run",
        "data order": "",
    },
    True,
    _points,
    _problem,
    lambda point, output, name: (said("train.resume_from", point.path.as_posix()),),
)
