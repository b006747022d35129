"""A document in which every key of the language stands, written by an emitter that knows where it put each of them.

The emitter shares nothing with the reader, so the positions that it counts are an independent witness.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lorabridge.config.base import Section
from lorabridge.config.fields import FieldRow, rows_of, walk
from lorabridge.config.kinds import Choice, Count, Flag, Num, Size
from lorabridge.config.paths import KeyPath
from lorabridge.config.schema import Config

Spot = tuple[int, int]

CHOSEN: dict[str, Any] = {
    "lorabridge": 1,
    "name": "whole-1",
    "model.merge[].weight": 0.5,
    "datasets[].captions.extension": ".txt",
    "datasets[].aspect.min": 0.5,
    "datasets[].aspect.max": 2,
    "evaluate.datasets[].captions.extension": ".txt",
    "evaluate.datasets[].aspect.min": 0.5,
    "evaluate.datasets[].aspect.max": 2,
    "train.for": "1600 steps",
    "scheduler.type": "warmup-stable-decay",
    "noise.timestep_sampling": "auto",
    "noise.min_timestep": 10,
    "noise.max_timestep": 900,
    "logging.wandb.key_env": "WANDB_API_KEY",
}
"""Where the first value that a kind accepts would contradict another key."""

SOURCES = ("images", "videos", "jsonl")


class Pairs(list[tuple[str, Any]]):
    """A mapping that can hold a key twice."""


def whole() -> Pairs:
    """Every key of the language, with a value of its own kind. Datasets name one source each, so there are three."""
    return _section(Config, "")


def _section(model: type[Section], prefix: str, skip: frozenset[str] = frozenset()) -> Pairs:
    return Pairs((key, _value(row, prefix + key)) for key, row in rows_of(model).items() if key not in skip)


def _value(row: FieldRow, path: str) -> Any:
    if row.section is None:
        return CHOSEN.get(path) if path in CHOSEN else sample_value(row)
    if not row.many:
        return _section(row.section, f"{path}.")
    if path.endswith("datasets"):
        return [_dataset(row.section, f"{path}[].", source) for source in SOURCES]
    return [_section(row.section, f"{path}[].")]


def _dataset(model: type[Section], prefix: str, source: str) -> Pairs:
    others = frozenset(SOURCES) - {source}
    if source == "images":
        return _section(model, prefix, others | {"video"})
    return _section(model, prefix, others | frozenset(rows_of(model)) - {source, "video"})


def sample_value(row: FieldRow) -> Any:
    """A value that the field accepts and that has no special meaning."""
    kind = row.kind
    if isinstance(kind, Choice):
        return kind.words[-1]
    if isinstance(kind, Count):
        return {"steps": "20 steps", "percent": "10%", "minutes": "30 minutes"}[kind.units[0]]
    if isinstance(kind, Num):
        return max(2, int(kind.ge or 0)) if kind.whole else 0.25
    if isinstance(kind, Flag):
        return True
    if isinstance(kind, Size):
        return 512
    if kind is not None:
        return "some text"
    if "dict" in str(row.annotation):
        return Pairs([("some_key", Pairs([("inner", 1)]) if row.key == "backends" else 1)])
    return [_item(str(row.annotation))]


def _item(annotation: str) -> Any:
    if "Size" in annotation:
        return 512
    if "Num(whole=True" in annotation:
        return 1
    return 0.25 if "Num(" in annotation else "some text"


def wrong_value(row: FieldRow) -> tuple[Any, str]:
    """A value of a type that the field never takes, and the code it must get."""
    kind = row.kind
    if isinstance(kind, Choice):
        return 7, "LB107"
    if isinstance(kind, Num | Flag | Count):
        return [1, 2], "LB105"
    if isinstance(kind, Size):
        return "wide", "LB105"
    if kind is not None:
        return 5, "LB105"
    return (5, "LB105") if row.many or row.section is None else ([5], "LB105")


@dataclass
class Written:
    """A text and the places of its keys and values; a duplicate key has two."""

    text: str = ""
    keys: dict[KeyPath, list[Spot]] = field(default_factory=dict)
    values: dict[KeyPath, list[Spot]] = field(default_factory=dict)


Flow = Callable[[KeyPath], bool]


def write(data: Pairs, flow: Flow = lambda path: False) -> Written:
    """Emit YAML. `flow` says which sections and lists are written in one line."""
    emitter = _Emitter(flow)
    emitter.mapping(data, (), 0)
    emitter.out.text = "".join(emitter.chunks)
    return emitter.out


class _Emitter:
    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.out = Written()
        self.chunks: list[str] = []
        self.line, self.column = 1, 1

    def put(self, text: str) -> None:
        self.chunks.append(text)
        if "\n" in text:
            self.line += text.count("\n")
            self.column = len(text) - text.rindex("\n")
        else:
            self.column += len(text)

    def mark(self, where: dict[KeyPath, list[Spot]], path: KeyPath) -> None:
        where.setdefault(path, []).append((self.line, self.column))

    def mapping(self, data: Pairs, path: KeyPath, indent: int) -> None:
        for number, (key, value) in enumerate(data):
            if number:
                self.put(" " * indent)
            here = (*path, key)
            self.mark(self.out.keys, here)
            self.put(f"{scalar(key)}:")
            self.value(value, here, indent)

    def value(self, value: Any, path: KeyPath, indent: int) -> None:
        block = isinstance(value, list) and value and not self.flow(path)
        nested = block and (isinstance(value, Pairs) or any(isinstance(item, Pairs) for item in value))
        if not nested:
            self.put(" ")
            self.inline(value, path)
            self.put("\n")
        elif isinstance(value, Pairs):
            self.put("\n" + " " * (indent + 2))
            self.mark(self.out.values, path)
            self.mapping(value, path, indent + 2)
        else:
            self.put("\n")
            for index, item in enumerate(value):
                self.put(" " * (indent + 2))
                if index == 0:
                    self.mark(self.out.values, path)
                self.put("- ")
                here = (*path, index)
                self.mark(self.out.keys, here)
                self.mark(self.out.values, here)
                if isinstance(item, Pairs):
                    self.mapping(item, here, indent + 4)
                else:
                    self.inline(item, here, mark=False)
                    self.put("\n")

    def inline(self, value: Any, path: KeyPath, *, mark: bool = True) -> None:
        if mark:
            self.mark(self.out.values, path)
        if isinstance(value, Pairs):
            self.put("{")
            for number, (key, inner) in enumerate(value):
                self.put(", " if number else "")
                here = (*path, key)
                self.mark(self.out.keys, here)
                self.put(f"{scalar(key)}: ")
                self.inline(inner, here)
            self.put("}")
        elif isinstance(value, list):
            self.put("[")
            for index, inner in enumerate(value):
                self.put(", " if index else "")
                self.mark(self.out.keys, (*path, index))
                self.inline(inner, (*path, index))
            self.put("]")
        else:
            self.put(scalar(value))


def scalar(value: Any) -> str:
    """A scalar; text is quoted unless it is plainly text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int | float):
        return repr(value)
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_ -]*[A-Za-z0-9_]|[a-z]|[0-9]+ [a-z]+|[0-9]+%|\.[a-z]+", value) and value not in (
        "true",
        "false",
        "null",
    ):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def general(path: KeyPath) -> str:
    """A concrete path as `walk` writes it: `datasets[].images`."""
    return "".join("[]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def spots(data: Pairs) -> dict[str, KeyPath]:
    """Each path of `walk` with the first concrete place where the document has it."""
    found: dict[str, KeyPath] = {}
    for path in _paths(data, ()):
        if not isinstance(path[-1], int):
            found.setdefault(general(path), path)
    return found


def _paths(node: Any, path: KeyPath) -> Iterator[KeyPath]:
    if path:
        yield path
    if isinstance(node, Pairs):
        for key, value in node:
            yield from _paths(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _paths(value, (*path, index))


def edited(data: Any, path: KeyPath, change: Callable[[str, Any], list[tuple[str, Any]]]) -> Any:
    """A copy in which the pair at `path` is replaced by what `change` makes of it."""
    if not isinstance(data, list):
        return data  # an earlier edit took the section away
    if not isinstance(data, Pairs):
        return [edited(item, path[1:], change) if index == path[0] else item for index, item in enumerate(data)]
    result = Pairs()
    for key, value in data:
        if key != path[0]:
            result.append((key, value))
        elif len(path) == 1:
            result += change(key, value)
        else:
            result.append((key, edited(value, path[1:], change)))
    return result


KEYS = dict(walk(Config))
LEAVES = {path: row for path, row in KEYS.items() if row.section is None}
