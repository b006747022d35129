"""What a run leaves in `<training_folder>/<name>/`."""

from __future__ import annotations

import re
from pathlib import Path

from lorabridge.backends.base import Artifacts

_STEP = re.compile(r"_(\d{9})(?:_(?:high|low)_noise)?\.safetensors")
_SAMPLE = re.compile(r"(\d+)__(\d{9})_(\d+)\.\w+")


def artifacts(output: Path, name: str) -> Artifacts:
    """Checkpoints by step with the last one at the end, the optimizer, and the samples by step and prompt."""
    folder = output / name
    if not folder.is_dir():
        folder = output
    own = [path for path in folder.glob("*.safetensors") if path.name.startswith(name)]
    steps = sorted((path for path in own if _STEP.fullmatch(path.name[len(name) :])), key=lambda path: (_number(path, name), path.name))
    last = [folder / f"{name}{tail}.safetensors" for tail in ("", "_high_noise", "_low_noise")]
    states = [folder / "optimizer.pt"]
    return Artifacts(
        (*steps, *(path for path in last if path.exists())),
        tuple(path for path in states if path.is_file()),
        tuple(sorted((path for path in (folder / "samples").glob("*.*") if _SAMPLE.fullmatch(path.name)), key=_order)),
    )


def _number(path: Path, name: str) -> int:
    match = _STEP.fullmatch(path.name[len(name) :])
    return int(match[1]) if match else 0


def _order(path: Path) -> tuple[int, int, int]:
    match = _SAMPLE.fullmatch(path.name)
    return (int(match[2]), int(match[1]), int(match[3])) if match else (0, 0, 0)
