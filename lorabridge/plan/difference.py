"""What changed between two configurations: intent by path, everything that is left out filled in first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lorabridge.backends.engine import spell
from lorabridge.config.base import Section
from lorabridge.config.fields import rows_of
from lorabridge.config.load import Loaded
from lorabridge.families.resolve import Missing, resolve


@dataclass(frozen=True)
class Change:
    """One path whose value differs; `not set` where a side has none."""

    path: str
    old: str
    new: str


NOT_SET = "not set"


def changes(one: Loaded, two: Loaded, trainer_one: str = "", trainer_two: str = "") -> list[Change]:
    """The differences in the order of the language. Family values are those that a trainer's users get."""
    left, right = intent(one, trainer_one), intent(two, trainer_two)
    return [
        Change(path, _spelled(left, path), _spelled(right, path))
        for path in dict.fromkeys([*left, *right])
        if path not in left or path not in right or not _same(left[path], right[path])
    ]


def intent(loaded: Loaded, trainer: str = "") -> dict[str, Any]:
    """Every value of a resolved configuration by dotted path. One that does not validate is shown as it is written."""
    config = loaded.config or loaded.partial
    if config is None:
        return dict(_plain(loaded.data, ""))
    resolved = resolve(config, trainer)
    return dict(_section(config if isinstance(resolved, Missing) else resolved.config, ""))


def _section(node: Section, prefix: str) -> Iterator[tuple[str, Any]]:
    for key, row in rows_of(type(node)).items():
        value, path = getattr(node, row.name), f"{prefix}{key}"
        if isinstance(value, Section):
            yield from _section(value, f"{path}.")
        elif isinstance(value, list) and any(isinstance(item, Section) for item in value):
            for index, item in enumerate(value):
                yield from _section(item, f"{path}[{index}].")
        else:
            yield from _plain(value, path)


def _plain(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _plain(inner, f"{path}.{key}" if path else str(key))
    elif value is not None and value != []:
        yield path, value


def _spelled(side: dict[str, Any], path: str) -> str:
    return (spell(side[path]) or '""') if path in side else NOT_SET


def _same(one: Any, two: Any) -> bool:
    return bool(one == two) and (isinstance(one, bool) == isinstance(two, bool))
