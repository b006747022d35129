"""Amounts and their units."""

from __future__ import annotations

import pytest

from lorabridge.config.amounts import UNITS, Amount, Unit, parse_amount

STEPS: tuple[Unit, ...] = ("steps", "epochs", "samples")


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("1600 steps", 1600, "steps"),
        ("1 step", 1, "steps"),
        ("1600steps", 1600, "steps"),
        ("16 epochs", 16, "epochs"),
        ("16 Epoch", 16, "epochs"),
        ("20_000 samples", 20000, "samples"),
        ("  5   STEPS ", 5, "steps"),
        ("10%", 10, "percent"),
        ("2.5 %", 2.5, "percent"),
        ("100%", 100, "percent"),
        ("30 minutes", 30, "minutes"),
        ("3.0 steps", 3, "steps"),
        (f"{2**53 + 1} steps", 2**53 + 1, "steps"),
    ],
)
def test_amounts(text: str, value: float, unit: Unit) -> None:
    found = parse_amount(text, UNITS)
    assert found == Amount(value, unit)
    assert unit == "percent" or isinstance(found.value, int)
    assert parse_amount(str(found), UNITS) == found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1600", "not an amount"),
        ("steps", "not an amount"),
        ("-5 steps", "not an amount"),
        ("1e3 steps", "not an amount"),
        ("5 steps more", "not an amount"),
        ("", "not an amount"),
        ("_5 steps", "not an amount"),
        ("5 weeks", "unit"),
        ("10%", "unit"),
        ("10 minutes", "unit"),
        ("1.5 steps", "fraction"),
        ("0 steps", "zero"),
        ("0.0 epochs", "zero"),
        ("9" * 400 + " steps", "larger than any"),
        ("9" * 900_000 + " steps", "larger than any"),
    ],
)
def test_what_is_not_an_amount(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as error:
        parse_amount(text, STEPS)
    if len(text) < 100 and says in ("unit", "not an amount"):
        assert "`1600 steps` or `16 epochs` or `20000 samples`" in str(error.value)


def test_more_than_the_whole_run() -> None:
    with pytest.raises(ValueError, match="more than the whole run"):
        parse_amount("101%", ("steps", "percent"))


def test_spelling() -> None:
    assert [str(Amount(1, "steps")), str(Amount(2, "epochs")), str(Amount(12.5, "percent"))] == ["1 step", "2 epochs", "12.5%"]
