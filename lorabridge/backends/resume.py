"""How a trainer takes up an earlier run, as data: what comes back, what does not, and what has to lie where."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

PARTS = ("weights", "optimizer", "step counter", "schedule", "data order")


@dataclass(frozen=True)
class Point:
    """A place in a run to go on from. `step` is None where the trainer does not tell; `weights` are the LoRA files in it."""

    path: Path
    step: int | None
    weights: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Resume:
    """One trainer. `parts` tells for each of `PARTS` what becomes of it; an empty text means that it comes back as it was.

    `counts_on`: the step counter comes back, so that the length of the new run is the whole length; otherwise it is what remains.
    `points` lists the places, oldest first; `problem` tells why one cannot be used, without loading it; `carry` puts it where
    the trainer will look below the new output folder and returns the overrides of the config that name it.
    """

    parts: Mapping[str, str]
    counts_on: bool
    points: Callable[[Path, str], tuple[Point, ...]]
    problem: Callable[[Point], str]
    carry: Callable[[Point, Path, str], tuple[str, ...]]


def said(path: str, value: object) -> str:
    """An override as `--set` takes it; JSON is YAML."""
    return f"{path}={json.dumps(value)}"


def link(source: Path, target: Path) -> None:
    """A file or folder at another place too, without its bytes twice where the file system can. The original is never written."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        for item in source.iterdir():
            link(item, target / item.name)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def hollow(files: Iterable[Path]) -> str:
    """The first of some files that is missing or empty, as a sentence; empty when there is none."""
    for path in files:
        try:
            if path.stat().st_size == 0:
                return f"`{path.name}` is empty"
        except OSError:
            return f"`{path.name}` is missing"
    return ""


def broken_archive(path: Path) -> str:
    """Why a file that torch.save wrote is not whole: it is a zip archive, whose table of contents is written last."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "" if archive.namelist() else f"`{path.name}` holds nothing"
    except (OSError, zipfile.BadZipFile) as error:
        return f"`{path.name}` is not whole: {error}"


def broken_safetensors(path: Path) -> str:
    """Why a safetensors file is not whole: its header tells how long it must be."""
    try:
        size = os.stat(path).st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length <= size - 8:
                return f"`{path.name}` is cut off"
            header = json.loads(file.read(length))
        ends = [int(entry["data_offsets"][1]) for key, entry in header.items() if key != "__metadata__"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        return f"`{path.name}` cannot be read: {error}"
    return "" if ends and 8 + length + max(ends) == size else f"`{path.name}` is cut off"
