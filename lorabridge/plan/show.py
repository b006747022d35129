"""A configuration as lines of YAML, each with the origin of its value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lorabridge.config.base import Section
from lorabridge.config.fields import rows_of
from lorabridge.config.load import Loaded
from lorabridge.config.paths import KeyPath, split_path
from lorabridge.config.spell import flow
from lorabridge.families.resolve import Missing, resolve, spelled_out

Line = tuple[str, str]


def shown_lines(loaded: Loaded, *, resolved: bool) -> Iterator[Line]:
    """`(line, origin)` pairs; the lines together are YAML that loads to the same configuration."""
    config = loaded.config
    origins: dict[KeyPath, str] = {}
    if config is not None and resolved:
        full = resolve(config)
        if not isinstance(full, Missing):
            full = spelled_out(full)
            config = full.config
            origins = {split_path(path): f"from {source}" for path, source in full.origins.items()}
    if config is not None:
        yield from _section(config, (), loaded, origins, resolved, 0)


def _section(node: Section, path: KeyPath, loaded: Loaded, origins: dict[KeyPath, str], resolved: bool, depth: int) -> Iterator[Line]:
    for key, row in rows_of(type(node)).items():
        value, here = getattr(node, row.name), (*path, key)
        if not resolved and not any(place[: len(here)] == here for place in loaded.places):
            continue
        if value is None or (value in ([], {}) and row.name != "datasets"):
            continue
        yield from _entry(key, value, here, loaded, origins, resolved, depth)


def _entry(key: str, value: Any, path: KeyPath, loaded: Loaded, origins: dict[KeyPath, str], resolved: bool, depth: int) -> Iterator[Line]:
    pad = "  " * depth
    if isinstance(value, Section):
        inner = list(_section(value, path, loaded, origins, resolved, depth + 1))
        if inner:
            yield f"{pad}{key}:", ""
            yield from inner
    elif isinstance(value, list) and value and isinstance(value[0], Section):
        yield f"{pad}{key}:", ""
        for index, item in enumerate(value):
            lines = list(_section(item, (*path, index), loaded, origins, resolved, depth + 2))
            for number, (text, source) in enumerate(lines):
                yield (f"{pad}  - {text.strip()}" if number == 0 else text), source
    else:
        yield f"{pad}{key}: {flow(value)}", _origin(path, loaded, origins)


def _origin(path: KeyPath, loaded: Loaded, origins: dict[KeyPath, str]) -> str:
    reading = next((item for item in loaded.readings if item.path == path), None)
    place = loaded.places.get(path)
    if place is not None:
        where = f"{place.value.file}:{place.value.line}:{place.value.column}" if not place.value.file.startswith("--set") else "--set"
        return (
            f"{where}, {json.dumps(reading.raw)} means {reading.meaning}"
            if reading
            else f"{where}, {origins[path]}"
            if path in origins
            else where
        )
    return origins.get(path, "default")
