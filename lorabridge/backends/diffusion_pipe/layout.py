"""What a run leaves: `OUTPUT/NAME/<clock>/epochN`, `stepN` (LoRA), `global_stepN` (state)."""

from __future__ import annotations

import re
from pathlib import Path

from lorabridge.backends.base import Artifacts

_RUN = re.compile(r"\d{8}_\d{2}-\d{2}-\d{2}")
_MODEL = re.compile(r"(?:epoch|step)(\d+)")
_STATE = re.compile(r"global_step(\d+)")


def artifacts(output: Path, name: str) -> Artifacts:
    """LoRA files and states of all runs below `output/name`, the oldest run first, in the order they were written.

    A folder that still holds `tmp` was interrupted while it was saved and does not count.
    """
    checkpoints: list[Path] = []
    states: list[Path] = []
    for run in run_folders(output, name):
        models = [folder for folder in _folders(run, _MODEL) if not (folder / "tmp").exists()]
        checkpoints += [path for folder in sorted(models, key=_order) for path in sorted(folder.glob("*.safetensors"))]
        states += sorted(_folders(run, _STATE), key=lambda path: int(path.name.removeprefix("global_step")))
    return Artifacts(tuple(checkpoints), tuple(states))


def run_folders(output: Path, name: str) -> list[Path]:
    """The folders that the trainer made, one per start, the oldest first."""
    return _folders(output / name, _RUN)


def _folders(parent: Path, pattern: re.Pattern[str]) -> list[Path]:
    try:
        return sorted(item for item in parent.iterdir() if item.is_dir() and pattern.fullmatch(item.name))
    except OSError:
        return []


def _order(folder: Path) -> tuple[int, str]:
    try:
        return folder.stat().st_mtime_ns, folder.name
    except OSError:
        return 0, folder.name
