"""ai-toolkit resumes by name from the newest file in its own folder (BaseSDTrainProcess.py:823-866), with the one `optimizer.pt`."""

from __future__ import annotations

import json
import re
from pathlib import Path

from lorabridge.backends.ai_toolkit.layout import artifacts
from lorabridge.backends.resume import Point, Resume, broken_archive, broken_safetensors, link, said

_LONGEST = 100_000_000
_STEP = re.compile(r"_(\d{9})(?:_(?:high|low)_noise)?$")


def _points(output: Path, name: str) -> tuple[Point, ...]:
    """Checkpoints with their step; those of two experts are one point, named by the first."""
    found: dict[int | None, Point] = {}
    for path in artifacts(output, name).checkpoints:
        step = _told(path) or _named(path)
        before = found.get(step)
        found[step] = Point(before.path if before else path, step, (*(before.weights if before else ()), path))
    return tuple(found.values())


def _named(path: Path) -> int | None:
    match = _STEP.search(path.stem)
    return int(match[1]) if match else None


def _told(path: Path) -> int | None:
    """The step in the metadata, which is where the trainer goes on."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length < _LONGEST else {}
        return int(json.loads(header["__metadata__"]["training_info"])["step"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _problem(point: Point) -> str:
    return next((problem for problem in map(broken_safetensors, point.weights) if problem), "") or _optimizer(point)


def _optimizer(point: Point) -> str:
    path = point.path.parent / "optimizer.pt"
    if not path.exists():
        return ""  # it begins with a fresh optimizer then, which `parts` tells
    return broken_archive(path)


def _carry(point: Point, output: Path, name: str) -> tuple[str, ...]:
    """Weights and optimizer in the folder of the new run, where the trainer finds them by its own name."""
    folder = output / name
    for path in point.weights:
        link(path, folder / path.name)
    optimizer = point.path.parent / "optimizer.pt"
    if optimizer.exists():
        link(optimizer, folder / optimizer.name)
    return (said("train.resume_from", folder.as_posix()),)


RESUME = Resume(
    {
        "weights": "",
        "optimizer": "as of the last save of the earlier run, whichever checkpoint is taken",
        "step counter": "read from the checkpoint's metadata",
        "schedule": "set to the counter, over the new length (BaseSDTrainProcess.py:2512)",
        "data order": "begins anew",
    },
    True,
    _points,
    _problem,
    _carry,
)
