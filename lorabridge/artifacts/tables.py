"""The key tables of `schemas/lora_keys/`: what the weights of each model are called, and their shapes.

A table is one implementation of one architecture at one size. Names are compared flat (dots as underscores) and with
numbers taken out, so that one comparison serves dotted and flat dialects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from typing import Literal

from lorabridge.resources import schema_dir

Shape = tuple[int, ...]
_NUMBER = re.compile(r"(?<![^_])\d+(?![^_])")
_RANGE = re.compile(r"\{([0-9,-]+)\}")


def flat(name: str) -> str:
    """A module's name as kohya writes it."""
    return name.replace(".", "_")


def pattern(name: str) -> str:
    """The flat name with its numbers taken out."""
    return _NUMBER.sub("#", flat(name))


@dataclass(frozen=True)
class Row:
    """Modules of one shape. `name` holds ranges, as in `blocks.{0-39}.attn.q`."""

    name: str
    shape: Shape

    @cached_property
    def pattern(self) -> str:
        """The flat name without numbers."""
        return pattern(_RANGE.sub("0", self.name))

    @cached_property
    def count(self) -> int:
        """How many modules the row stands for."""
        total = 1
        for text in _RANGE.findall(self.name):
            total *= sum(1 for _ in _numbers(text))
        return total

    def names(self) -> Iterator[str]:
        """The names written out."""
        parts = _RANGE.split(self.name)
        choices = [[part] if index % 2 == 0 else [str(number) for number in _numbers(part)] for index, part in enumerate(parts)]
        for combination in product(*choices):
            yield "".join(combination)


def _numbers(text: str) -> Iterator[int]:
    for span in text.split(","):
        first, _, last = span.partition("-")
        yield from range(int(first), int(last or first) + 1)


@dataclass(frozen=True)
class Table:
    """One implementation at one size. `variants` are `(family, variant)`; several where shapes cannot tell them apart.

    `sized` is False where only the names are facts.
    """

    architecture: str
    name: str
    naming: Literal["diffusers", "native"]
    variants: tuple[tuple[str, str], ...]
    source: str
    rows: tuple[Row, ...]

    @property
    def sized(self) -> bool:
        return "names only" not in self.source

    @cached_property
    def families(self) -> tuple[str, ...]:
        """The families of the variants, in order."""
        return tuple(dict.fromkeys(family for family, _ in self.variants))

    @cached_property
    def by_pattern(self) -> Mapping[str, tuple[Row, ...]]:
        """Rows by flat name without numbers."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.pattern, []).append(row)
        return {key: tuple(rows) for key, rows in found.items()}

    @cached_property
    def dotted(self) -> Mapping[str, str]:
        """Every module's dotted name, by its flat one."""
        return {flat(name): name for row in self.rows for name in row.names()}

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Every module's shape, by its dotted name."""
        return {name: row.shape for row in self.rows for name in row.names()}


@cache
def tables() -> tuple[Table, ...]:
    """All tables."""
    found: list[Table] = []
    for path in sorted((schema_dir() / "lora_keys").glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        for item in data["tables"]:
            rows = tuple(Row(name, tuple(shape)) for name, shape in item["modules"].items())
            variants = tuple((family, variant) for family, _, variant in (text.partition(":") for text in item["variants"]))
            found.append(Table(data["architecture"], item["name"], item["naming"], variants, item["source"], rows))
    return tuple(found)


@dataclass(frozen=True)
class Match:
    """How well a table fits. `names` and `shapes` are shares of the modules asked for.

    `depth` is the share of the table's modules of these names that are there, `strange` of those there that it does not have.
    """

    table: Table
    names: float
    shapes: float
    depth: float
    strange: float = 0.0

    @property
    def exact(self) -> bool:
        """Every name and every shape is the table's."""
        return self.names == 1.0 and self.shapes == 1.0 and self.table.sized

    @property
    def rank(self) -> tuple[float, ...]:
        """What decides between tables. Shapes that fit in part (an odd layer) still count."""
        return (round(self.names, 3), round(self.shapes, 3) if self.table.sized else 0.0, round(self.depth, 3), -self.strange)


Wanted = Mapping[str, tuple[int, frozenset[Shape]]]
"""Modules that were found, by pattern: how many, and their shapes. A module whose shape is not known has none."""


def wanted(modules: Iterable[tuple[str, Shape | None]]) -> Wanted:
    """Found modules, grouped for `matches`."""
    counts: dict[str, int] = {}
    shapes: dict[str, set[Shape]] = {}
    for name, shape in modules:
        key = pattern(name)
        counts[key] = counts.get(key, 0) + 1
        shapes.setdefault(key, set()).update([shape] if shape is not None else [])
    return {key: (count, frozenset(shapes[key])) for key, count in counts.items()}


def matches(found: Wanted, *, whole: bool = False) -> list[Match]:
    """The tables that fit, best first; equal ones stay together.

    A LoRA holds some of a model's modules, so it is asked what share of its own the table knows. With `whole`, for a base
    model, what share of the table's modules is there.
    """
    total = sum(count for count, _ in found.values())
    fits = [match for table in tables() if (match := _match(table, found, total, whole)).names > 0.5]
    return sorted(fits, key=lambda match: match.rank, reverse=True)


def _match(table: Table, found: Wanted, total: int, whole: bool) -> Match:
    known = table.by_pattern
    if whole:
        size = sum(row.count for row in table.rows)
        there = sum(sum(row.count for row in rows) for key, rows in known.items() if key in found)
        fitting = sum(row.count for key, rows in known.items() if key in found for row in rows if _fits(row.shape, found[key][1]))
    else:
        size = total
        there = sum(count for key, (count, _) in found.items() if key in known)
        fitting = sum(count for key, (count, shapes) in found.items() if key in known and _all_fit(shapes, known[key]))
    here = sum(count for key, (count, _) in found.items() if key in known)
    blocks = sum(sum(row.count for row in rows) for key, rows in known.items() if key in found)
    depth = min(here, blocks) / max(here, blocks, 1)
    return Match(table, there / max(size, 1), fitting / max(size, 1), depth, 1 - here / max(total, 1))


def _all_fit(shapes: frozenset[Shape], rows: tuple[Row, ...]) -> bool:
    return all(any(same(row.shape, shape) for row in rows) for shape in shapes)


def _fits(shape: Shape, shapes: frozenset[Shape]) -> bool:
    return any(same(shape, other) for other in shapes)


def same(one: Shape, two: Shape) -> bool:
    """Whether two weights are the same but for trailing ones: a 1x1 convolution is a linear layer."""
    if one == two:
        return True
    longest = max(len(one), len(two))
    return one + (1,) * (longest - len(one)) == two + (1,) * (longest - len(two))


def leaders(found: list[Match]) -> list[Match]:
    """The best match and those that fit just as well."""
    return [match for match in found if match.rank == found[0].rank] if found else []
