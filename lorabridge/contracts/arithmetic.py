"""Operators on known values, with a bound on what a hostile file could make of them."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from lorabridge.contracts.values import Unknown

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitOr: operator.or_,
}
LONGEST = 400
"""Items of a list, and letters of a text, beyond which a computed value is not followed."""
_LARGEST = 2**64


def combined(op: ast.operator, left: Any, right: Any) -> Any:
    """The result of an operator on two known values; unknown where it fails or would be too large."""
    apply = _OPERATORS.get(type(op))
    if apply is None or _size(left) > LONGEST or _size(right) > LONGEST or _repeats(op, left, right):
        return Unknown()
    try:
        return apply(left, right)
    except Exception:
        return Unknown()


def _size(value: Any) -> float:
    if isinstance(value, str | list | tuple | dict | set):
        return len(value)
    return float("inf") if isinstance(value, int) and abs(value) > _LARGEST else 0


def _repeats(op: ast.operator, left: Any, right: Any) -> bool:
    """A text or list that is repeated often, or a text that is formatted (widths can be any number)."""
    if isinstance(op, ast.Mod):
        return isinstance(left, str)
    numbers = [value for value in (left, right) if isinstance(value, int)]
    return (
        isinstance(op, ast.Mult)
        and len(numbers) == 1
        and numbers[0] > LONGEST
        and not isinstance(left, float)
        and not isinstance(right, float)
    )
