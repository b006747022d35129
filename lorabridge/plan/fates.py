"""What becomes of each native key on the way back, found out by experiment and not by trust.

A key is read again without it: what changes in the intent is what it says. A key whose absence changes nothing and whose
change does has the trainer's default. A key that changes nothing either way is not used: the contract says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

from lorabridge.backends.base import Lifted
from lorabridge.plan.sources import Gathered, Key, Source

Kind = Literal["carried", "native", "default", "dead", "unknown", "unused"]
KINDS: dict[Kind, str] = {
    "carried": "said in the language",
    "native": "kept as a native option",
    "default": "equal to the trainer's default, need not be said",
    "dead": "without effect there, left out",
    "unknown": "unknown to the trainer, left out",
    "unused": "not part of a training intent, left out",
}
_SHOWN = 3
_OTHERS: tuple[Any, ...] = (True, False, 3, 0.375, "other", ["other"])


@dataclass(frozen=True)
class Fate:
    """One native key: what became of it, where it went, why it was left out."""

    key: Key
    kind: Kind
    to: tuple[str, ...] = ()
    why: str = ""


def fates(gathered: Gathered, lift: Callable[[Mapping[str, str]], Lifted]) -> Iterator[Fate]:
    """The fate of every key of every source."""
    whole = _flat(_lifted(lift, gathered.given()))
    told = _told(gathered)
    for source in gathered.sources:
        for key in source.keys():
            yield _fate(gathered, source, key, lift, whole, told)


def _fate(gathered: Gathered, source: Source, key: Key, lift: Any, whole: Mapping[str, Any], told: Mapping[tuple[str, str], tuple[str, str]]) -> Fate:
    file = source.native.name if source.native else source.name
    code, why = told.get((file, key.name), ("", ""))
    gone = _flat(_lifted(lift, gathered.given(source.name, source.without(key))))
    paths = _different(whole, gone)
    if not paths:
        for value in _others(key.value):
            other = _flat(_lifted(lift, gathered.given(source.name, source.changed(key, value))))
            if moved := _different(whole, other):
                break
        else:
            moved = ()
        if moved and not code:
            return Fate(key, "default", moved)
        kind: Kind = "dead" if code == "LB312" else "unknown" if code in ("LB310", "LB311") else "unused"
        return Fate(key, kind, (), why)
    kept = tuple(path for path in paths if path.startswith("native "))
    said = tuple(path for path in paths if not path.startswith("native "))
    if kept and not said:
        return Fate(key, "native", tuple(path.removeprefix("native ") for path in kept))
    return Fate(key, "carried", said)


def shown(paths: tuple[str, ...]) -> str:
    """A few paths of many."""
    return ", ".join(paths[:_SHOWN]) + (f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else "")


def _lifted(lift: Any, sources: Mapping[str, str]) -> Lifted:
    """A read of changed files may meet what no file holds; that counts as a difference."""
    try:
        found: Lifted = lift(sources)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError) as error:
        return Lifted({"unreadable": type(error).__name__})
    return found


def _others(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
        yield value / 2 + 0.125
    elif isinstance(value, list):
        yield [*value, value[0] if value else "other"]
        yield []
    elif isinstance(value, str):
        yield f"{value}x"
    yield from (other for other in _OTHERS if type(other) is not type(value))


def _flat(lifted: Lifted) -> dict[str, Any]:
    found = dict(_leaves(lifted.data, ""))
    return found | {f"native {address}": value for address, value in _leaves(dict(lifted.native), "")}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
    else:
        yield path, value


def _different(one: Mapping[str, Any], two: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(path for path in dict.fromkeys([*one, *two]) if path not in one or path not in two or not _same(one[path], two[path]))


def _same(one: Any, two: Any) -> bool:
    return type(one) is type(two) and (one == two or one is two or repr(one) == repr(two))


def _told(gathered: Gathered) -> dict[tuple[str, str], tuple[str, str]]:
    """What the native check says about keys that the trainer does not use, by file and key."""
    from lorabridge.plan.native import check_native

    if find_spec(f"lorabridge.backends.{gathered.trainer.replace('-', '_')}.lint") is None:
        return {}
    files = [source.native for source in gathered.sources if source.native is not None]
    found = {}
    for item in check_native(files, trainer=gathered.trainer):
        if item.code in ("LB310", "LB311", "LB312") and item.span is not None:
            found[item.span.file, item.path] = (item.code, item.message + (f": {item.why}" if item.why else ""))
    return found
