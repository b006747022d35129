"""Two LoRAs beside each other: norms, direction, what moved, and how much of the rank is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import Any

from lorabridge.artifacts.lora import Item, Lora, load_lora
from lorabridge.artifacts.lowrank import dot, matrices, singular
from lorabridge.artifacts.modules import Module
from lorabridge.artifacts.tables import flat
from lorabridge.artifacts.targets import block_of


@dataclass(slots=True)
class Both:
    """Squared norms and inner product of one module, or of a block: they add up. `use` are the ranks in use."""

    one: float = 0.0
    two: float = 0.0
    dot: float = 0.0
    modules: int = 0
    use: list[tuple[float, float]] = field(default_factory=list)

    def add(self, other: Both) -> None:
        """Another module of the same block."""
        self.one, self.two, self.dot = self.one + other.one, self.two + other.two, self.dot + other.dot
        self.modules, self.use = self.modules + other.modules, self.use + other.use

    @property
    def cosine(self) -> float | None:
        """1 for the same direction; None where one of them is zero."""
        return self.dot / sqrt(self.one * self.two) if self.one > 0 and self.two > 0 else None

    @property
    def moved(self) -> float | None:
        """Norm of the difference over the norm of the first; None where that is zero."""
        return sqrt(max(self.one + self.two - 2 * self.dot, 0.0) / self.one) if self.one > 0 else None

    @property
    def ranks(self) -> tuple[float, float]:
        """The mean number of directions in use (participation ratio), of either."""
        count = max(len(self.use), 1)
        return sum(first for first, _ in self.use) / count, sum(second for _, second in self.use) / count


@dataclass(slots=True)
class Comparison:
    """Blocks in the order of the first file; `only` are modules that one file lacks."""

    names: tuple[str, str]
    blocks: dict[str, Both]
    total: Both
    only: tuple[list[str], list[str]]


def compare(one: Path, two: Path) -> Comparison:
    """Compare module by module; prefixes may differ. Raises RefusedError, OSError."""
    loras = load_lora(one), load_lora(two)
    left, right = map(_by_name, loras)
    blocks: dict[str, Both] = {}
    total = Both()
    for name, item in left.items():
        if name in right:
            found = _both(item, right[name])
            blocks.setdefault(_block(loras[0], item), Both()).add(found)
            total.add(found)
    only = [item.key for name, item in left.items() if name not in right], [item.key for name, item in right.items() if name not in left]
    return Comparison((one.name, two.name), blocks, total, only)


def _by_name(lora: Lora) -> Mapping[str, Item]:
    return {f"{item.part} {flat(item.name)}": item for item in lora.items}


def _block(lora: Lora, item: Item) -> str:
    module = lora.source[item.key]
    name, index = block_of(Module(module.name, module.prefix, module.kind))
    return name if index < 0 else f"{name} {index}"


def _both(one: Item, two: Item) -> Both:
    import numpy as np

    first, second = matrices(one), matrices(two)
    if first[0].shape[0] != second[0].shape[0] or first[1].shape[1] != second[1].shape[1]:
        return Both(dot(first, first), dot(second, second), 0.0, 1)
    use = []
    for pair in (first, second):
        squares = singular(pair)[1] ** 2
        use.append(float(squares.sum() ** 2 / np.sum(squares**2)) if squares.any() else 0.0)
    if (
        all(mine.equal(yours) for mine, yours in ((one.tensors[role], two.tensors[role]) for role in one.tensors))
        and one.scale == two.scale
    ):
        norm = dot(first, first)
        return Both(norm, norm, norm, 1, [(use[0], use[1])])
    return Both(max(dot(first, first), 0.0), max(dot(second, second), 0.0), dot(first, second), 1, [(use[0], use[1])])


def record(found: Comparison) -> dict[str, Any]:
    """The comparison as JSON data."""
    return {
        "format_version": "1",
        "files": list(found.names),
        "total": _record(found.total),
        "blocks": [{"name": name, **_record(both)} for name, both in found.blocks.items()],
        "only_in_first": found.only[0],
        "only_in_second": found.only[1],
    }


def _record(both: Both) -> dict[str, Any]:
    numbers = {"norm_first": sqrt(both.one), "norm_second": sqrt(both.two), "cosine": both.cosine, "moved": both.moved}
    safe = {key: value if value is not None and abs(value) < float("inf") else None for key, value in numbers.items()}
    return {"modules": both.modules, **safe, "rank_used_first": both.ranks[0], "rank_used_second": both.ranks[1]}


def lines(found: Comparison) -> Iterator[str]:
    """The comparison as text: a row for each block."""
    width = max([len(name) for name in found.blocks] + [len("together")])
    yield f"A: {found.names[0]}\nB: {found.names[1]}"
    yield f"{'':{width}}  {'norm A':>10}  {'norm B':>10}  {'cosine':>8}  {'moved':>8}  {'rank used':>13}"
    for name, both in [*found.blocks.items(), ("together", found.total)]:
        cosine = "-" if both.cosine is None else f"{both.cosine:.4f}"
        moved = "-" if both.moved is None else f"{both.moved:.1%}"
        use = f"{both.ranks[0]:.1f} -> {both.ranks[1]:.1f}"
        yield f"{name:{width}}  {sqrt(both.one):10.4g}  {sqrt(both.two):10.4g}  {cosine:>8}  {moved:>8}  {use:>13}"
    for word, keys in zip("AB", found.only, strict=True):
        if keys:
            yield f"only in {word}: {len(keys):,} modules, as {keys[0][:100]}"
