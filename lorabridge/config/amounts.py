"""Amounts with written units: `1600 steps`, `16 epochs`, `10%`, `30 minutes`. Units are never guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Unit = Literal["steps", "epochs", "samples", "minutes", "percent"]
UNITS: tuple[Unit, ...] = ("steps", "epochs", "samples", "minutes", "percent")
_PATTERN = re.compile(r"\s*([0-9][0-9_]*(?:\.[0-9]+)?)\s*(%|[A-Za-z]+)\s*")


@dataclass(frozen=True, slots=True)
class Amount:
    """A positive count of one unit. Only `percent` may have a fraction."""

    value: int | float
    unit: Unit

    def __str__(self) -> str:
        if self.unit == "percent":
            return f"{self.value:g}%"
        return f"{self.value} {self.unit.removesuffix('s') if self.value == 1 else self.unit}"


def parse_amount(text: str, units: tuple[Unit, ...]) -> Amount:
    """Read `text` as a number and one of `units`.

    Raises ValueError with a sentence for the user when it is not one.
    """
    wanted = " or ".join(f"`{_example(unit)}`" for unit in units)
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` is not an amount with a unit; write {wanted}")
    unit = _unit(match[2])
    if unit is None or unit not in units:
        raise ValueError(f"the unit of `{text}` is not known here; write {wanted}")
    if len(match[1]) > 18:
        raise ValueError("the number is larger than any training")
    digits, _, fraction = match[1].replace("_", "").partition(".")
    if unit != "percent" and int(fraction or 0):
        raise ValueError(f"`{text}` is a fraction of a {unit.removesuffix('s')}; write a whole number")
    number = float(f"{digits}.{fraction or 0}") if unit == "percent" else int(digits)
    if number <= 0:
        raise ValueError(f"`{text}` is zero; write a positive amount, or the word that is meant")
    if unit == "percent" and number > 100:
        raise ValueError(f"`{text}` is more than the whole run; write at most `100%`")
    return Amount(number, unit)


def _unit(word: str) -> Unit | None:
    if word == "%":
        return "percent"
    plural = word.lower() if word.lower().endswith("s") else word.lower() + "s"
    return next((unit for unit in UNITS if unit == plural), None)


def _example(unit: Unit) -> str:
    return {"steps": "1600 steps", "epochs": "16 epochs", "samples": "20000 samples", "minutes": "30 minutes"}.get(unit, "10%")
