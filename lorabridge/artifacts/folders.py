"""Folders and archives of training runs: recognised and described, never executed."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lorabridge.artifacts.identity import read_json
from lorabridge.artifacts.modules import peft_config
from lorabridge.diagnostics import Diagnostic

_MANY = 1000
_SHOWN = 20


@dataclass(slots=True)
class Folder:
    """What a folder is. `adapters` are the LoRA files in it, oldest first; `lines` describe the rest."""

    path: Path
    kind: str
    adapters: list[Path] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def describe(path: Path) -> Folder:
    """Recognise a folder by the files in it."""
    names = {entry.name for entry in _entries(path)}
    lines = [*_lines(path, names), *_inner(path)]
    return Folder(path, _kind(names) or "folder", adapters_in(path), lines)


def _kind(names: set[str]) -> str:
    return next((kind for kind, marks in _KINDS if marks(names)), "")


def _inner(path: Path) -> Iterator[str]:
    """The states and adapters that lie in folders of a folder, as trainers leave them."""
    folders = [entry for entry in _entries(path) if entry.is_dir() and not entry.is_symlink()]
    found = [(folder.name, kind) for folder in folders if (kind := _kind({entry.name for entry in _entries(folder)}))]
    yield from (f"{name}/: {kind}" for name, kind in found[:_SHOWN])
    if len(found) > _SHOWN:
        yield f"and {len(found) - _SHOWN:,} more of these"


_KINDS = (
    ("a diffusers pipeline", lambda names: "model_index.json" in names),
    ("a PEFT adapter", lambda names: "adapter_config.json" in names),
    ("a DeepSpeed state", lambda names: any(name.startswith("mp_rank_") for name in names)),
    ("a diffusion-pipe run", lambda names: "latest" in names or any(name.startswith("global_step") for name in names)),
    ("an accelerate state", lambda names: "optimizer.bin" in names or any(name.startswith("random_states_") for name in names)),
    ("a state of the embedded trainer", lambda names: {"state.json", "adapter.safetensors"} <= names),
    ("an ai-toolkit run", lambda names: "loss_log.db" in names or {"config.yaml", "optimizer.pt"} <= names),
)


def adapters_in(path: Path) -> list[Path]:
    """The safetensors files that a folder offers, oldest first; those of `epochN` and `stepN` folders too."""
    files = [entry for entry in _entries(path) if entry.suffix == ".safetensors" and entry.is_file()]
    for inner in _entries(path):
        if inner.is_dir() and inner.name.startswith(("epoch", "step")):
            files += [entry for entry in _entries(inner) if entry.suffix == ".safetensors" and entry.is_file()]
    return sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name))


def _entries(path: Path) -> list[Path]:
    try:
        return sorted(path.iterdir())[:_MANY]
    except OSError:
        return []


def _lines(path: Path, names: set[str]) -> Iterator[str]:
    config = peft_config(path) if "adapter_config.json" in names else None
    if config is not None:
        yield f"adapter_config.json: {config.get('peft_type')}, rank {config.get('r')}, alpha {config.get('lora_alpha')}"
    index = read_json(path / "model_index.json") if "model_index.json" in names else {}
    if index:
        yield f"model_index.json: {str(index.get('_class_name'))[:80]}"
    if "latest" in names:
        yield f"latest: {_text(path / 'latest')}"
    for name in sorted(names):
        if name.endswith((".pt", ".bin", ".pth", ".ckpt", ".pkl")):
            yield f"{name}: {pickled(path / name)}"


def _text(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(200).decode("utf-8", "replace").strip()
    except OSError:
        return "cannot be read"


def pickled(path: Path) -> str:
    """What can be said of a PyTorch file from its zip directory alone: nothing in it is unpickled."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "a pickle; never opened" if path.is_file() else "cannot be read"
    data = [entry for entry in entries if "/data/" in entry.filename]
    total = sum(entry.file_size for entry in data)
    return f"a PyTorch archive, listed only: {len(data):,} tensor{'' if len(data) == 1 else 's'}, {total:,} bytes"


def pickle_finding(path: Path) -> Diagnostic:
    """The finding for a pickle in place of a LoRA."""
    text = f"`{path.name}` is {pickled(path)}"
    return Diagnostic("LB820", text, fix="give the .safetensors file; where only a pickle exists, convert it where it came from")
