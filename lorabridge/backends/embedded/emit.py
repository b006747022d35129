"""`job.json` as text: sorted keys, two spaces, no header (JSON has no comments), the same bytes everywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lorabridge.backends.base import File
from lorabridge.backends.emit import EmitError


def job_file(path: str, tree: Mapping[str, Any], sources: Mapping[str, str]) -> File:
    """`sources` maps dotted keys (list items by index) to intent paths. Raises EmitError when it does not read back equal."""
    text = json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    if json.loads(text) != tree:
        raise EmitError(f"{path}: the trainer's reader reads something else")
    lines = {number: sources[dotted] for number, dotted in enumerate(_lines(tree, ""), 1) if sources.get(dotted)}
    return File(path, text, lines)


def _lines(value: Any, dotted: str) -> Iterator[str]:
    """The dotted key of each line that `json.dumps` writes for `value`; none for a closing bracket."""
    yield dotted
    inner = sorted(value.items()) if isinstance(value, Mapping) else list(enumerate(value)) if isinstance(value, list | tuple) else []
    for key, item in inner:
        yield from _lines(item, f"{dotted}.{key}".lstrip("."))
    if inner:
        yield ""
