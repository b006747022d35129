"""Amounts of memory with an interval, and how they are read and written. GB are GiB here, as GPUs are sold and as trainers print them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

GB = 1 << 30
_SIZE = re.compile(r"\s*(\d{1,6}(?:\.\d{1,3})?)\s*(g|gb|gib|m|mb|mib)?\s*", re.IGNORECASE)
Basis = Literal["exact", "measured", "published", "guess"]


@dataclass(frozen=True)
class Amount:
    """Bytes: the best estimate and the ends of its interval."""

    low: float
    mid: float
    high: float

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.low + other.low, self.mid + other.mid, self.high + other.high)

    def times(self, factor: float) -> Amount:
        """Scaled."""
        return Amount(self.low * factor, self.mid * factor, self.high * factor)

    @property
    def text(self) -> str:
        """As a person reads it."""
        return f"{size(self.mid)} ({size(self.low)} to {size(self.high)})" if size(self.low) != size(self.high) else size(self.mid)


ZERO = Amount(0, 0, 0)


def exactly(value: float) -> Amount:
    """An amount that is known."""
    return Amount(value, value, value)


def total(amounts: Iterable[Amount]) -> Amount:
    """The sum; the ends are sums of the ends, so the interval is at least as wide as it need be."""
    found = ZERO
    for amount in amounts:
        found += amount
    return found


@dataclass(frozen=True)
class Term:
    """One thing that takes memory. `basis` says how well it is known, `note` what it rests on."""

    name: str
    amount: Amount
    basis: Basis
    note: str = ""


def size(value: float) -> str:
    """`23.9 GB`, or `340 MB` below half a GB."""
    return f"{value / GB:.1f} GB" if value >= GB / 2 else f"{value / (1 << 20):.0f} MB"


def read_size(text: str) -> int:
    """`24GB`, `24` and `24576 MB` in bytes. Raises ValueError with a sentence for the user."""
    match = _SIZE.fullmatch(text)
    if match is None or not float(match[1]):
        raise ValueError(f"`{text}` is not an amount of memory; write it as 24GB")
    return int(float(match[1]) * (GB if (match[2] or "g").lower().startswith("g") else 1 << 20))
