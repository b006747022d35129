"""What becomes of each native key on the way back, found out by experiment and not by trust.

A key is read again without it: what changes in the intent is what it says. A key whose absence changes nothing and whose
change does has the trainer's default. A key that changes nothing either way is not used: the contract says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lorabridge.backends.base import Lifted
from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.sources import Gathered, Key, Source

Kind = Literal["carried", "written", "native", "default", "dead", "unknown", "unused"]
KINDS: dict[Kind, str] = {
    "carried": "said in the language",
    "written": "written again by every compile",
    "native": "kept as a native option",
    "default": "equal to the trainer's default, need not be said",
    "dead": "without effect there, left out",
    "unknown": "unknown to the trainer, left out",
    "unused": "without effect on this training, left out",
}
_SHOWN = 3
_LINKS = ("config_file", "dataset_config", "config", "dataset", "sample_prompts", "deepspeed")
"""Keys by which the files name each other."""
_SECRETS = ("api_key", "token", "secret", "password")
_UNREAD = ("LB310", "LB311", "LB312")
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
    base = _lifted(lift, gathered.given())
    whole = _flat(base)
    told = _told(gathered, base.diagnostics)
    keys = [(source, key) for source in gathered.sources for key in source.entries()]
    for source, key in keys:
        fate = _fate(gathered, source, key, lift, whole, told)
        yield _twins(gathered, fate, keys, lift, whole) if fate.kind == "unused" else fate


def _twins(gathered: Gathered, fate: Fate, keys: Sequence[tuple[Source, Key]], lift: Any, whole: Mapping[str, Any]) -> Fate:
    """A value that several files say has to be taken from all of them to be missed."""
    name = str(fate.key.path[-1]).lstrip("-") if fate.key.path else ""
    same = [(source, key) for source, key in keys if key.path and str(key.path[-1]).lstrip("-") == name]
    if len({source.name for source, _ in same}) < 2 and not (len(same) > 1 and _is_script(same[0][0])):
        return fate
    texts = dict(gathered.given())
    for source in {id(source): source for source, _ in same}.values():
        texts[source.name] = source.without(*[key for other, key in same if other is source])
    paths = _different(whole, _flat(_lifted(lift, texts)))
    return _read(fate.key, paths, whole) if paths else fate


def _is_script(source: Source) -> bool:
    """A script tells several programs the same option."""
    return source.native is not None and source.native.kind == "shell"


def _fate(
    gathered: Gathered, source: Source, key: Key, lift: Any, whole: Mapping[str, Any], told: Mapping[tuple[str, str], tuple[str, str]]
) -> Fate:
    code, why = told.get((key.file, key.name), ("", ""))
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
            return Fate(key, "default", tuple(path for path in moved if not path.startswith("native ")))
        if _name(key).endswith(_SECRETS) and key.value:
            why = "a secret is not carried into a file that is shared: set it in the environment"
        kind: Kind = "dead" if code == "LB312" else "unknown" if code in ("LB310", "LB311") else "unused"
        return Fate(key, kind, (), why)
    return _read(key, paths, whole)


def _read(key: Key, paths: tuple[str, ...], whole: Mapping[str, Any]) -> Fate:
    kept = tuple(path for path in paths if path.startswith("native ") and path in whole)
    said = tuple(path for path in paths if not path.startswith("native "))
    if kept and not said:
        return Fate(key, "native", tuple(path.removeprefix("native ") for path in kept))
    return Fate(key, "carried" if said else "written", said)


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
    return found | {f"native {address}": value for address, value in _leaves(dict(lifted.native), "") if address}


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


def _told(gathered: Gathered, lifted: Sequence[Diagnostic]) -> dict[tuple[str, str], tuple[str, str]]:
    """What the native check and the lift say about keys that the trainer does not use, by file and key."""
    from lorabridge.plan.native import check_native

    files = [source.native for source in gathered.sources if source.native is not None and source.native.trainer]
    checked = check_native(files, trainer=gathered.trainer)
    found = {}
    for item in [*checked, *lifted]:
        if item.code in _UNREAD and item.path:
            said = (item.code, item.message + (f": {item.why}" if item.why else ""))
            for name in [item.span.file] if item.span else [file.name for file in files]:
                found[name, item.path] = said
    return found


def come_back(found: Sequence[Fate], again: Gathered) -> list[Fate]:
    """Unused keys that a compile of the new config writes with the same value, and names of files, are as good as said."""
    written = {(_name(key), repr(key.value)) for source in again.sources for key in source.entries() if key.path}
    return [
        Fate(fate.key, "written")
        if fate.kind == "unused" and fate.key.path and ((_name(fate.key), repr(fate.key.value)) in written or _name(fate.key) in _LINKS)
        else fate
        for fate in found
    ]


def _name(key: Key) -> str:
    return str(key.path[-1]).lstrip("-") if key.path else ""
