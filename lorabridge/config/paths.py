"""Dotted paths of the language: `datasets[0].repeats` and the tuple it stands for."""

from __future__ import annotations

import re

KeyPath = tuple[str | int, ...]


def split_path(path: str) -> KeyPath:
    """`datasets[0].repeats` as a tuple; `[]` stands for the first item."""
    found = re.findall(r"[^.\[\]]+|\[\d*\]", path)
    return tuple((int(part[1:-1] or 0) if part.startswith("[") else part) for part in found)


def show(path: KeyPath) -> str:
    """The dotted form of a tuple path."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
