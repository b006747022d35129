"""What is trained: the numbers of the adapter from its rank and its modules, its gradients, the optimizer's states."""

from __future__ import annotations

import math
import re

from lorabridge.artifacts.tables import Row, flat
from lorabridge.backends.footprint import Footprint, Only
from lorabridge.config.schema.adapter import Adapter
from lorabridge.families.base import Family
from lorabridge.plan.memory.bytes import Amount, exactly
from lorabridge.plan.memory.weights import Layers, chosen

STATES: tuple[tuple[str, float, float, float, str], ...] = (
    (r"paged.*8bit", 0, 0, 2.1, "two 8-bit moments, paged to main memory when short"),
    (r"ademamix.*8bit", 3.05, 3.1, 3.2, "three 8-bit moments with scales per 256"),
    (r"adamw?8bitkahan", 4.05, 4.1, 4.2, "two 8-bit moments and a 16-bit compensation"),
    (r"(adamw?|radam|lamb).*8bit", 2.0, 2.05, 2.3, "two 8-bit moments with scales per 256; small tensors stay in 32 bits"),
    (r"lion.*8bit", 1.0, 1.02, 1.2, "one 8-bit moment"),
    (r"adafactor|automagic|came", 0.1, 1.2, 4.5, "rows and columns of the second moment; some keep a mask or a first moment"),
    (r"prodigy|dadapt", 8, 12, 16, "two moments, the first weights and a slow sum"),
    (r"schedulefree", 8, 8, 12, "a second copy of the weights and a second moment"),
    (r"lion", 2, 4, 4, "one moment"),
    (r"sgd", 0, 2, 4, "a momentum, if any"),
    (r"adam", 4, 8, 8, "two moments in the precision of the weights"),
    (r"", 0, 8, 16, "an optimizer that is not in the table: a guess"),
)
"""Bytes of optimizer state for one trained number: least, usual, most. The first pattern that the lower-case name matches counts."""


def states_of(name: str) -> tuple[Amount, str]:
    """Bytes of optimizer state for one trained number, and what they are."""
    word = name.lower().rsplit(".", 1)[-1].replace("_", "").replace("-", "")
    row = next(row for row in STATES if re.search(row[0], word))
    return Amount(row[1], row[2], row[3]), row[4]


def modules_of(layers: Layers, adapter: Adapter, family: Family, trainer: str, facts: Footprint, *, unet: bool = False) -> list[Row]:
    """The modules that get an adapter: those of the blocks (of a UNet: of its attentions), narrowed by the config and by the trainer."""
    blocks = [row for block in layers.blocks for row in block.rows]
    rows = [row for row in (layers.table.rows if unet else blocks) if _linear(row) and (not unet or _UNET.search(row.name))]
    targets = adapter.targets
    if targets.layers == "auto":
        rule: Only = facts.trained(family.name)
        rows = [row for row in rows if chosen(row.name, rule)]
    else:
        words = family.modules(trainer)
        wanted = words.attention + (words.feed_forward if targets.layers == "all" else ())
        rows = [row for row in rows if not wanted or any(flat(word) in flat(row.name) + "_" for word in wanted)]
    if targets.include:
        rows = [row for row in rows if any(word in row.name for word in targets.include)]
    return [row for row in rows if not any(word in row.name for word in targets.exclude)]


_UNET = re.compile(r"attentions|transformer_blocks|proj_in|proj_out")


def _linear(row: Row) -> bool:
    """A linear layer, or a convolution that is one."""
    return len(row.shape) == 2 or (len(row.shape) > 2 and set(row.shape[2:]) == {1})


def trained_numbers(rows: list[Row], adapter: Adapter) -> Amount:
    """How many numbers are trained. Exact for LoRA and DoRA; LoHa has two pairs; LoKr depends on the factor."""
    rank = adapter.rank if isinstance(adapter.rank, int) else 16
    lora = sum(row.count * rank * (row.shape[0] + row.shape[1]) for row in rows)
    if adapter.type == "dora":
        return exactly(lora + sum(row.count * row.shape[0] for row in rows))
    if adapter.type == "loha":
        return exactly(2 * lora)
    if adapter.type == "lokr":
        factor = adapter.factor if isinstance(adapter.factor, int) else None
        least = sum(row.count * _lokr(row.shape, factor or 16, rank) for row in rows)
        return Amount(least, least, sum(row.count * _lokr(row.shape, factor or 4, 1 << 30) for row in rows))
    return exactly(lora)


def _lokr(shape: tuple[int, ...], factor: int, rank: int) -> float:
    """A small full matrix, and a second one that is full or of low rank."""
    one = math.gcd(shape[0], factor) or 1, math.gcd(shape[1], factor) or 1
    two = shape[0] // one[0], shape[1] // one[1]
    return one[0] * one[1] + min(two[0] * two[1], rank * (two[0] + two[1]))
