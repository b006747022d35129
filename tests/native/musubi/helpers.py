"""A training file that trains as meant, and how to change it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lorabridge.plan.native import check_texts

HERE = Path(__file__).parent
BASE = (HERE / "base.toml").read_text(encoding="utf-8")
MISSING = "<missing>"
DATASET = """\
[general]
resolution = [1024, 1024]
caption_extension = ".txt"
batch_size = 1
enable_bucket = true

[[datasets]]
image_directory = "/data/images"
cache_directory = "/data/cache"
"""


def toml(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def train(**changes: Any) -> str:
    """The base training file with other values; `MISSING` removes a key."""
    lines = [line for line in BASE.splitlines() if line.split(" = ")[0] not in changes]
    lines += [f"{key} = {toml(value)}" for key, value in changes.items() if value != MISSING]
    return "\n".join(lines) + "\n"


def lines(*levels: str, **texts: str) -> list[str]:
    """`code file line:column` of the findings of these severities; keyword `train_toml` is the file `train.toml`."""
    files = {name.replace("_", "."): text for name, text in texts.items()}
    found = check_texts(files, trainer="musubi")
    return [f"{item.code} {item.span.line}:{item.span.column}" for item in found if item.severity in levels and item.span]


def codes(text: str, *levels: str, name: str = "train_toml") -> list[str]:
    """The codes of the findings about one file."""
    return [line.split()[0] for line in lines(*(levels or ("error",)), **{name: text})]
