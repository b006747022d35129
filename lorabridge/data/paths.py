"""Whether the folders and files that a config names are there, and hold what they should (LB4xx, LB505)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from lorabridge.config.load import Loaded
from lorabridge.config.schema.data import Dataset
from lorabridge.diagnostics import Diagnostic

PICTURES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".avif"))
CLIPS = frozenset((".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v"))
_LOCAL = (".", "/", "~", "\\")
_WEIGHTS = (".safetensors", ".sft", ".gguf", ".pth", ".pt", ".bin", ".ckpt")


def check_paths(loaded: Loaded) -> list[Diagnostic]:
    """Look at the disk; read-only. Relative paths start at the config's folder."""
    config = loaded.config
    if config is None:
        return []
    found = [item for index, data in enumerate(config.datasets) for item in _dataset(loaded, data, f"datasets[{index}]")]
    return [*found, *check_model_paths(loaded)]


def check_model_paths(loaded: Loaded) -> Iterator[Diagnostic]:
    """Whether the local files of the model are there."""
    for key, value in loaded.config.model.paths.plain(nulls=False).items() if loaded.config else ():
        if is_local(value) and not _exists(_under(loaded, value)):
            yield _missing(loaded, "LB505", f"model.paths.{key}", value)


def is_local(value: str) -> bool:
    """Whether a model path is meant as a local one (and not as a hub id)."""
    return value.startswith(_LOCAL) or value[1:3] in (":\\", ":/") or (value.endswith(_WEIGHTS) and value.count("/") < 2)


def _dataset(loaded: Loaded, data: Dataset, here: str) -> Iterator[Diagnostic]:
    for key in ("images", "videos", "jsonl", "masks"):
        value = getattr(data, key)
        if value is not None and not _exists(_under(loaded, value)):
            yield _missing(loaded, "LB401", f"{here}.{key}", value)
    for index, value in enumerate(data.control):
        if not _exists(_under(loaded, value)):
            yield _missing(loaded, "LB401", f"{here}.control[{index}]", value)
    for key, endings in (("images", PICTURES), ("videos", CLIPS)):
        value = getattr(data, key)
        if value is not None and _exists(_under(loaded, value)):
            yield from _contents(loaded, _under(loaded, value), endings, data, f"{here}.{key}")


def _contents(loaded: Loaded, folder: Path, endings: frozenset[str], data: Dataset, path: str) -> Iterator[Diagnostic]:
    try:
        names = [entry.name for entry in islice(os.scandir(folder), 200_000)]
    except OSError as error:
        yield Diagnostic(
            "LB401", f"`{folder}` cannot be listed: {error.strerror}", loaded.place(path), fix="name a folder that can be read", path=path
        )
        return
    media = [name for name in names if Path(name).suffix.lower() in endings]
    if not media:
        yield Diagnostic(
            "LB402",
            f"`{folder}` holds no {'pictures' if endings is PICTURES else 'clips'}",
            loaded.place(path),
            why="known endings: " + ", ".join(sorted(endings)),
            fix="trainers do not look into sub-folders alike; name the folder itself",
            path=path,
        )
        return
    present = set(names)
    bare = [name for name in media if Path(name).stem + data.captions.extension not in present]
    if bare and not data.captions.default and not data.regularization:
        yield Diagnostic(
            "LB403",
            f"{len(bare)} of {len(media)} files in `{folder}` have no `{data.captions.extension}` caption, first `{sorted(bare)[0]}`",
            loaded.place(path),
            "warning",
            "some trainers drop them, others train on an empty prompt",
            "write the captions, or set `captions.default`",
            path,
        )


def _under(loaded: Loaded, value: str) -> Path:
    path = Path(os.path.expanduser(value.replace("\\", "/"))) if value.startswith("~") else Path(value)
    return path if path.is_absolute() else loaded.root / path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _missing(loaded: Loaded, code: str, path: str, value: str) -> Diagnostic:
    return Diagnostic(
        code,
        f"`{path}`: `{value}` does not exist",
        loaded.place(path),
        fix="check the path; relative ones start at the config's folder",
        path=path,
    )
