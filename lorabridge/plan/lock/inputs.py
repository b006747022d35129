"""What a config names on the disk: the fields that hold places, and the config with the machine taken out of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal

from lorabridge.config.amounts import Amount
from lorabridge.config.base import Section
from lorabridge.config.fields import rows_of
from lorabridge.config.paths import KeyPath, show
from lorabridge.config.schema import Config
from lorabridge.data.paths import is_local

Kind = Literal["model", "data", "place"]
PLACES: tuple[tuple[str, Kind], ...] = (
    (r"model\.paths\.\w+", "model"),
    (r"model\.training_adapter\.path", "model"),
    (r"model\.merge\[\d+\]\.path", "model"),
    (r"adapter\.init_from", "model"),
    (r"train\.resume_from", "model"),
    (r"(evaluate\.)?datasets\[\d+\]\.(images|videos|jsonl|masks)", "data"),
    (r"(evaluate\.)?datasets\[\d+\]\.control\[\d+\]", "data"),
    (r"sample\.prompts\[\d+\]\.control\[\d+\]", "data"),
    (r"(evaluate\.)?datasets\[\d+\]\.cache_dir", "place"),
    (r"output\.dir", "place"),
    (r"logging\.dir", "place"),
)
"""Fields that hold a place: of weights, of data, or to write to."""
_KINDS = [(re.compile(pattern), kind) for pattern, kind in PLACES]
ELSEWHERE = "/elsewhere"
"""Stands for an absolute place outside the config's folder: what is there is told by content."""


@dataclass(frozen=True)
class Input:
    """One input: its field, the value as written, and where that is on this machine (None for a hub id)."""

    path: str
    value: str
    kind: Kind
    place: Path | None


def kind_of(path: str) -> Kind | None:
    """What a field's place is for; None where it holds no place."""
    return next((kind for pattern, kind in _KINDS if pattern.fullmatch(path)), None)


def leaves_of(node: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Every value of a configuration with its path; what is None or an empty list says nothing and is left out."""
    if isinstance(node, Section):
        for key, row in rows_of(type(node)).items():
            yield from leaves_of(getattr(node, row.name), (*path, key))
    elif isinstance(node, list | tuple):
        for index, item in enumerate(node):
            yield from leaves_of(item, (*path, index))
    elif isinstance(node, dict):
        for key in sorted(node, key=str):
            yield from leaves_of(node[key], (*path, str(key)))
    elif node is not None:
        yield path, str(node) if isinstance(node, Amount) else node


def inputs(config: Config, root: Path) -> list[Input]:
    """The weights and the data that a configuration names, in its order."""
    found = []
    for path, value in leaves_of(config):
        kind = kind_of(show(path))
        if kind in ("model", "data") and isinstance(value, str):
            place = _place(value, root)
            local = kind == "data" or is_local(value) or is_absolute(value) or _exists(place)
            found.append(Input(show(path), value, kind, place if local else None))
    return found


def listed_files(place: Path) -> Iterator[tuple[str, Path]]:
    """The files that a JSON Lines list names, by the spelling that both machines see. Lines that are no objects are passed over.

    Relative names start at the list's folder, or at the working folder where the file is found there only.
    """
    for line in place.read_bytes().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        for key, value in sorted(entry.items()) if isinstance(entry, dict) else ():
            if isinstance(value, str) and "path" in str(key).lower():
                near = _place(value, place.parent)
                path = near if _exists(near) else Path(value)
                yield (PurePosixPath(value).name if is_absolute(value) else value.replace("\\", "/")), path


def portable(path: str, value: str, root: Path) -> str:
    """A place as both machines see it: relative to the config, or its name alone."""
    if not is_absolute(value):
        return value
    try:
        return Path(value).expanduser().relative_to(root).as_posix()
    except (ValueError, RuntimeError):
        name = (PureWindowsPath(value) if "\\" in value else PurePosixPath(value)).name
        return f"{ELSEWHERE}/{path}/{name}"


def portable_config(config: Config, root: Path) -> Config:
    """The configuration with every place made portable."""
    changed: Config = _replaced(config, (), root)
    return changed


def _replaced(node: Any, path: KeyPath, root: Path) -> Any:
    if isinstance(node, Section):
        update = {row.name: _replaced(getattr(node, row.name), (*path, key), root) for key, row in rows_of(type(node)).items()}
        return node.replace(**update)
    if isinstance(node, list):
        return [_replaced(item, (*path, index), root) for index, item in enumerate(node)]
    if isinstance(node, str) and kind_of(show(path)):
        return portable(show(path), node, root)
    return node


def is_absolute(value: str) -> bool:
    """Whether a place is absolute on any system, or starts at a home folder."""
    return value.startswith(("/", "~", "\\")) or PureWindowsPath(value).is_absolute()


def _place(value: str, root: Path) -> Path:
    try:
        path = Path(value).expanduser()
    except RuntimeError:
        path = Path(value)
    return path if path.is_absolute() else root / value.replace("\\", "/")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
