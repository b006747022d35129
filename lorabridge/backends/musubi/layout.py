"""What a run leaves in its output folder (utils/train_utils.py:18-24)."""

from __future__ import annotations

import re
from pathlib import Path

from lorabridge.backends.base import Artifacts

_LAST = 1 << 62


def artifacts(output: Path, name: str) -> Artifacts:
    """Checkpoints `name-000004`, `name-step00000250` and `name`, their states, and the sample pictures; oldest first."""
    numbered = re.compile(rf"{re.escape(name)}(?:-(?:step)?(\d+))?(-state)?(\.safetensors)?")
    checkpoints: list[tuple[tuple[float, int], Path]] = []
    states: list[tuple[tuple[float, int], Path]] = []
    for path in output.iterdir() if output.is_dir() else ():
        match = numbered.fullmatch(path.name)
        if match is None or bool(match[2]) == bool(match[3]):
            continue
        (states if match[2] else checkpoints).append((_age(path, match[1]), path))
    return Artifacts(tuple(path for _, path in sorted(checkpoints)), tuple(path for _, path in sorted(states)), _samples(output, name))


def _age(path: Path, number: str | None) -> tuple[float, int]:
    """By time; within one second of the file system by number, the final one last."""
    try:
        return (path.stat().st_mtime // 1, int(number) if number else _LAST)
    except OSError:
        return (0.0, 0)


def _samples(output: Path, name: str) -> tuple[Path, ...]:
    folder = output / "sample"
    found = [
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.name.startswith(f"{name}_") and path.suffix in (".png", ".mp4")
    ]
    return tuple(sorted(found, key=lambda path: (_age(path, None)[0], path.name)))
