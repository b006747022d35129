"""Whether an import and a compile for the same trainer give back what it was told: value by value, its defaults filled in."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lorabridge.backends import get_backend
from lorabridge.backends.engine import spell
from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.fates import Fate
from lorabridge.plan.sources import Gathered
from lorabridge.plan.used import default_of, free_keys, used_in

_MISSING = object()


@dataclass(frozen=True)
class Difference:
    """One value that the trainer would take otherwise. None stands for a key that is left out."""

    section: str
    key: str
    was: Any
    now: Any


def differences(before: Gathered, after: Gathered, fates: Sequence[Fate], root: str) -> Iterator[Difference]:
    """Every value of either side that the other one does not have, relative paths starting at `root`.

    Keys that an import left out as without effect do not count.
    """
    from lorabridge.contracts.store import nearest

    facts = nearest(before.trainer, get_backend(before.trainer).COMMIT)
    sections = facts.contract.sections if facts else {}
    one, two = used_in(before, normal=True), used_in(after, normal=True)
    gone = {str(fate.key.path[-1]).lstrip("-") for fate in fates if fate.kind in ("dead", "unknown", "unused") and fate.key.path}
    free = free_keys(before.trainer) if one else frozenset()
    for name in one:
        for item in _section(name, one[name], two.get(name, {}), sections, root):
            if item.key not in gone and not (item.was is None and item.key in free):
                yield item


def unlike(found: Iterable[Difference], files: Gathered) -> Iterator[Diagnostic]:
    """The differences as findings about an import."""
    for item in found:
        now = "leaves it out" if item.now is None else f"says {spell(item.now)}"
        was = f"`{item.key}` is left out in the files" if item.was is None else f"the files say `{item.key}: {spell(item.was)}`"
        yield Diagnostic(
            "LB324",
            f"{was}; a compile of this config {now}",
            None,
            "warning",
            f"section `{item.section}` of {files.trainer}: the training would differ there",
            f"look at it before the training; a native option under `backends.{files.trainer}` keeps a value as it is",
        )


def _section(name: str, one: Mapping[str, Any], two: Mapping[str, Any], sections: Mapping[str, Any], root: str) -> Iterator[Difference]:
    for key in dict.fromkeys([*one, *two]):
        known, default = default_of(sections, name, key)
        was, now = one.get(key, default if known else _MISSING), two.get(key, default if known else _MISSING)
        if not same(was, now, root):
            yield Difference(name, key, one.get(key), two.get(key))


def same(one: Any, two: Any, root: str) -> bool:
    """Equal for the trainer: numbers by value, paths by the place they name."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, str) and isinstance(two, str):
        return one == two or _path(one, root) == _path(two, root)
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        return len(one) == len(two) and all(same(a, b, root) for a, b in zip(one, two, strict=True))
    return bool(one == two)


def _path(text: str, root: str) -> str:
    return posixpath.normpath(posixpath.join(root, text.replace("\\", "/")))
