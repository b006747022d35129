"""The transformer's layers as blocks, and their bytes at a precision. Counts are exact where the tables of `schemas/lora_keys` have the model."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from math import prod

from lorabridge.artifacts.tables import Row, Table, tables
from lorabridge.backends.footprint import Only
from lorabridge.families.base import Family, Variant

BITS: dict[str, float] = {
    "off": 16,
    "fp8": 8,
    "fp8-scaled": 8.02,
    "fp8-e5m2": 8,
    "int8": 8.06,
    "int4": 4.5,
    "nf4": 4.5,
    "uint3": 3.5,
    "uint4": 4.5,
    "uint6": 6.5,
}
"""Bits of one stored number with its scales. 8-bit scales stand per row or per block of 64 or more, 4-bit ones per group of 32 to 128."""
DTYPE_BYTES = {"bf16": 2, "fp16": 2, "fp32": 4}
_BLOCK = re.compile(r"^(.*?)\.\{[^}]*\}")
_ATTENDS = re.compile(r"attn|attention|linear1$|to_q|qkv|\.q$|\.wq$")
_LEAST = 4
"""Groups with fewer repetitions are heads, refiners and embedders, not the model's blocks."""


UNSURE: dict[tuple[str, str], str] = {
    ("ernie-image", ""): "the table has the class's default sizes, 2.8 billion weights; the published model has 8",
    ("nucleus-image", ""): "the table does not hold the experts, which are most of the 17 billion weights",
    ("sdxl", "ssd-1b"): "a pruned UNet",
    ("sdxl", "vega"): "a pruned UNet",
}
"""Families (and variants) whose key tables have the right names and not the size of the published model."""


@dataclass(frozen=True)
class Block:
    """One kind of block: its name before the number, how many there are, its modules with their shapes."""

    name: str
    count: int
    rows: tuple[Row, ...]

    @property
    def width(self) -> int:
        """The width of its stream: what most of its layers read, the smaller where two are as many."""
        return max(_widths(self.rows).items(), key=lambda item: (item[1], -item[0]))[0]

    def elements(self, rule: Only | None = None, *, matching: bool = True) -> float:
        """Numbers in one block; with a rule only those of the modules that match it, or that do not."""
        return sum(_elements(row) for row in self.rows if rule is None or chosen(row.name, rule) is matching) / self.count


def _widths(rows: tuple[Row, ...]) -> Counter[int]:
    found: Counter[int] = Counter()
    for row in rows:
        if len(row.shape) > 1:
            found[row.shape[1]] += row.count
    return found


def _elements(row: Row) -> int:
    return row.count * prod(row.shape)


@dataclass(frozen=True)
class Layers:
    """A model's modules: its blocks in order, and everything else."""

    table: Table
    blocks: tuple[Block, ...]
    rest: tuple[Row, ...]

    @property
    def elements(self) -> int:
        """All weights but biases and norms, which are less than a thousandth."""
        return sum(map(_elements, self.table.rows))

    def small(self, rule: Only) -> int:
        """The numbers in modules that a quantization rule takes."""
        return sum(_elements(row) for row in self.table.rows if chosen(row.name, rule))

    def bytes(self, quantized: str, dtype: str, rule: Only) -> float:
        """The transformer's bytes at a precision: what the rule leaves out stays in `dtype`."""
        wide = DTYPE_BYTES[dtype]
        if quantized == "off":
            return self.elements * wide
        small = self.small(rule)
        return small * BITS[quantized] / 8 + (self.elements - small) * wide

    def block_bytes(self, block: Block, quantized: str, dtype: str, rule: Only) -> float:
        """The bytes of one block."""
        wide = DTYPE_BYTES[dtype]
        if quantized == "off":
            return block.elements() * wide
        return block.elements(rule) * BITS[quantized] / 8 + block.elements(rule, matching=False) * wide


def chosen(name: str, rule: Only) -> bool:
    """Whether a rule takes a module."""
    if rule.include and not re.search(rule.include, name):
        return False
    return not (rule.exclude and re.search(rule.exclude, name))


@cache
def layers_of(family: str, variant: str, *, native: bool) -> Layers | None:
    """The layers under the trainer's names where it has its own, else under diffusers'; None where no table knows the sizes."""
    if (family, variant) in UNSURE or (family, "") in UNSURE:
        return None
    fits = [table for table in tables() if (family, variant) in table.variants and table.sized]
    whole = [table for table in fits if "blocks only" not in table.source] or fits
    best = next((table for table in whole if (table.naming == "native") is native), whole[0] if whole else None)
    return None if best is None else _layers(best)


def layers_for(family: Family, variant: Variant, trainer: str) -> Layers | None:
    """The layers of a variant as a trainer names them."""
    return layers_of(family.name, variant.name, native=trainer in family.native)


def _layers(table: Table) -> Layers:
    groups: dict[str, list[Row]] = {}
    for row in table.rows:
        match = _BLOCK.match(row.name)
        groups.setdefault(match[1] if match else "", []).append(row)
    blocks = []
    for name, rows in groups.items():
        count = max(_repeats(row) for row in rows)
        if name and count >= _LEAST and any(_ATTENDS.search(row.name) for row in rows):
            blocks.append(Block(name, count, tuple(rows)))
    taken = {row.name for block in blocks for row in block.rows}
    return Layers(table, tuple(blocks), tuple(row for row in table.rows if row.name not in taken))


def _repeats(row: Row) -> int:
    """How often the block of a row stands: the numbers of its first range."""
    first = re.search(r"\{([0-9,-]+)\}", row.name)
    return Row("{" + first[1] + "}", (1,)).count if first else 1
