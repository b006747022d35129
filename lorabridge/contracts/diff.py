"""What changes between two contracts, and what of it concerns the keys that a config writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lorabridge.contracts.model import Contract, Entry, Section

Kind = Literal["section-added", "section-removed", "added", "removed", "default", "type", "choices", "required", "refused"]
Used = Mapping[str, Mapping[str, Any]]
"""Native keys that a config writes, by section. A section that is named without keys is used, too."""


@dataclass(frozen=True)
class Change:
    """One change of one key of one section (`key` is empty for a whole section). `before` and `after` are what changed."""

    kind: Kind
    section: str
    key: str = ""
    before: Any = None
    after: Any = None
    at: str = ""


@dataclass(frozen=True)
class Concern:
    """A change that concerns a config, and what it does to it."""

    change: Change
    text: str


def compare(old: Contract, new: Contract) -> list[Change]:
    """Every change from one contract to another, sorted by section and key. Positions are no change."""
    found: list[Change] = []
    for name in sorted({*old.sections, *new.sections}):
        before, after = old.sections.get(name), new.sections.get(name)
        if before is None and after is not None:
            found.append(Change("section-added", name, after=len(after.keys)))
        elif after is None and before is not None:
            found.append(Change("section-removed", name, before=len(before.keys)))
        elif before is not None and after is not None:
            found += _section(name, before, after)
    return found


def _section(name: str, before: Section, after: Section) -> Iterator[Change]:
    for key in sorted({*before.keys, *after.keys}):
        old, new = before.keys.get(key), after.keys.get(key)
        if old is None and new is not None:
            yield Change("added", name, key, after=new.facts(), at=new.at)
        elif new is None and old is not None:
            yield Change("removed", name, key, before=old.facts(), at=old.at)
        elif old is not None and new is not None:
            yield from _entry(name, key, old, new)


def _entry(name: str, key: str, old: Entry, new: Entry) -> Iterator[Change]:
    pairs: tuple[tuple[Kind, Any, Any], ...] = (
        ("default", _default(old), _default(new)),
        ("type", _type(old), _type(new)),
        ("choices", _choices(old), _choices(new)),
        ("required", old.required, new.required),
        ("refused", old.refused, new.refused),
    )
    for kind, before, after in pairs:
        if before != after or type(before) is not type(after):
            yield Change(kind, name, key, before, after, new.at)


def _default(entry: Entry) -> Any:
    return entry.default if entry.default_of is None else {"of": entry.default_of, "value": entry.default}


def _type(entry: Entry) -> Any:
    """The declared type with what shapes a value on the command line; the type of the default is told by the default."""
    named = entry.type.lstrip("_") if entry.type is not None else None
    shape = [str(part) for part in (named, entry.action, entry.nargs) if part is not None]
    return " ".join(shape) or None


def _choices(entry: Entry) -> Any:
    return list(entry.choices) if entry.choices is not None else entry.choices_of


def concerns(changes: Iterable[Change], used: Used) -> list[Concern]:
    """The changes that touch what a config writes, or a default that it relies on."""
    found: list[Concern] = []
    for change in changes:
        keys = used.get(change.section)
        text = _told(change, keys) if keys is not None else ""
        if text:
            found.append(Concern(change, text))
    return found


def _told(change: Change, keys: Mapping[str, Any]) -> str:
    if change.kind == "section-removed":
        return "the config uses it, and it is gone"
    written, value = change.key in keys, keys.get(change.key)
    if change.kind == "removed" and written:
        return "the config writes it, and nothing reads it any more"
    if change.kind == "default" and not written and _differs(change, keys):
        return f"the config does not write it: the value becomes {spelled(change.after)} instead of {spelled(change.before)}"
    if change.kind == "choices" and written and isinstance(change.after, list) and value not in change.after:
        return f"the config writes {spelled(value)}, which is no choice any more"
    if change.kind == "type" and written:
        return f"the config writes {spelled(value)}; the type was {change.before or 'free'} and is {change.after or 'free'}"
    return _demanded(change, written)


def _differs(change: Change, keys: Mapping[str, Any]) -> bool:
    """Whether the value that is used changes: not so when only its source does, and the config writes neither source."""
    sides = [side if _follows(side) else {"of": "", "value": side} for side in (change.before, change.after)]
    return bool(sides[0]["value"] != sides[1]["value"] or any(side["of"] in keys for side in sides))


def _follows(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"of", "value"}


def _demanded(change: Change, written: bool) -> str:
    wanted = (change.kind == "required" and change.after) or (change.kind == "added" and change.after.get("required"))
    if wanted and not written:
        return "it is required, and the config does not write it"
    if change.kind == "refused" and change.after and written:
        return "the config writes it, and the trainer now stops on it"
    return "the config writes it, and it is read from now on" if change.kind == "added" and written else ""


def spelled(value: Any) -> str:
    """A value as a line of the report shows it."""
    if _follows(value):
        return f"that of `{value['of']}`" + (f" ({spelled(value['value'])})" if value["value"] is not None else "")
    if isinstance(value, list):
        return "[" + ", ".join(spelled(item) for item in value) + "]"
    return (
        "none"
        if value is None
        else str(value).lower()
        if isinstance(value, bool)
        else f'"{value}"'
        if isinstance(value, str)
        else str(value)
    )
