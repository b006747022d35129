"""Lifting whatever is in a file: a value that cannot be read is named, left out, and the rest is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lorabridge.backends.base import Lifted
from lorabridge.diagnostics import Diagnostic, Span
from lorabridge.plan.sources import Gathered, Key, Source

BROKEN = (ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError, RecursionError)
"""What a value of a kind that nobody expects there makes of code that reads it."""
_MOST = 10

Lift = Callable[[Mapping[str, str]], Lifted]


def readable(gathered: Gathered, lift: Lift) -> tuple[Lifted, list[Diagnostic]]:
    """The lift of the files without the keys that cannot be read, each of them a finding. Takes those keys out of `gathered`."""
    found: list[Diagnostic] = []
    for source, key in list(_keys(gathered)):
        if _endless(key.value):
            source.drop(key)
            found.append(_unread(source, key, "it is no finite number"))
    for _ in range(_MOST):
        try:
            return lift(gathered.given()), found
        except BROKEN as error:
            blamed = _culprit(gathered, lift, repr(error))
            if blamed is None:
                break
            source, key = blamed
            found.append(_unread(source, key, f"nothing here reads a value like `{_short(key.value)}`"))
            source.drop(key)
    found.append(
        Diagnostic(
            "LB325",
            f"the files of {gathered.trainer} cannot be read as a whole",
            None,
            "error",
            "several values are of a kind that nobody expects there",
            f"`lorabridge check {' '.join(gathered.texts)}` names them; mend them and import again",
        )
    )
    return Lifted({}), found


def _culprit(gathered: Gathered, lift: Lift, error: str) -> tuple[Source, Key] | None:
    """The key without which a model can be read from the files, or without which another fault comes first, or none."""
    other = None
    for source, key in _keys(gathered):
        try:
            found = lift(gathered.given(source.name, source.without(key)))
        except BROKEN as fault:
            if repr(fault) != error:
                other = other or (source, key)
            continue
        if found.data.get("model"):
            return source, key
        other = other or (source, key)
    return other


def _keys(gathered: Gathered) -> Iterator[tuple[Source, Key]]:
    for source in gathered.sources:
        for key in source.entries():
            if key.path:
                yield source, key


def _endless(value: Any) -> bool:
    if isinstance(value, list):
        return any(_endless(item) for item in value)
    return isinstance(value, float) and not math.isfinite(value)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _unread(source: Source, key: Key, why: str) -> Diagnostic:
    span = source.native.span(key.path) if source.native is not None and source.native.places else Span(source.file, 1, 1, 1, 1)
    return Diagnostic(
        "LB325",
        f"`{key.name}` cannot be read and was left out",
        span,
        "error",
        why,
        "give it the value that is meant and import again",
        key.name,
    )
