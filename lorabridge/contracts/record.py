"""What a walk through the source has found: the keys read from each table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from lorabridge.contracts.model import Entry, Section
from lorabridge.contracts.values import MISSING, Table, Unknown, is_plain, jsonable

Key = tuple[tuple[str, ...], str]


@dataclass
class Read:
    """Everything that was seen of one key."""

    at: str
    ways: set[str] = field(default_factory=set)
    type: str | None = None
    default: Any = None
    default_of: str | None = None
    choices: list[Any] = field(default_factory=list)
    suggested: tuple[Any, ...] = ()
    compared: list[Any] = field(default_factory=list)
    certain: bool = False
    refused: bool = False
    overwritten: bool = False

    def entry(self) -> Entry:
        """The key as a contract holds it."""
        required = "required" in self.ways or (self.certain and self.ways == {"[]"} and not self.overwritten)
        own = [self.default] if self.choices and self.default is not None and self.default not in self.choices else []
        choices = (*own, *self.choices) or None
        return Entry(
            self.at,
            self.type,
            self.default,
            self.default_of,
            choices,
            suggested=() if choices else self.suggested,
            required=required,
            refused=self.refused,
            overwritten=self.overwritten,
        )


@dataclass
class Record:
    """Reads by table and key; `open` holds what else takes a table's keys, by the table's path. `root` goes without saying."""

    root: str = ""
    reads: dict[Key, Read] = field(default_factory=dict)
    written: set[Key] = field(default_factory=set)
    open: dict[tuple[str, ...], list[str]] = field(default_factory=dict)

    def read(self, table: Table, key: str, way: str, at: str, *, default: Any = MISSING, certain: bool = False) -> Read:
        """Note one read. Reading a key of a table says that the table is one."""
        mark = (table.path, key)
        if mark not in self.reads:
            self.reads[mark] = Read(at, overwritten=mark in self.written)
        found = self.reads[mark]
        found.ways.add(way)
        found.certain |= certain
        if default is not MISSING and found.default is None and found.default_of is None:
            self._default(found, table, default)
        return found

    def _default(self, found: Read, table: Table, default: Any) -> None:
        if isinstance(default, Table):
            outer = default.path[1:] if default.path[0] == self.root and len(default.path) > 1 else default.path
            found.default_of = default.path[-1] if default.path[:-1] == table.path else ".".join(outer)
            inner = self.reads.get((default.path[:-1], default.path[-1]))
            if inner is not None and found.default is None:
                found.default = inner.default
        elif isinstance(default, Unknown):
            found.default_of = default.name or "computed"
        elif is_plain(default):
            found.default = jsonable(default)
        else:
            found.default_of = "computed"

    def write(self, table: Table, key: str) -> None:
        """Note that the trainer sets a key itself, for certain."""
        self.written.add((table.path, key))

    def of(self, leaf: Table) -> Read | None:
        """The read that a value came from."""
        return self.reads.get((leaf.path[:-1], leaf.path[-1]))

    def choose(self, leaf: Table, values: Collection[Any]) -> None:
        """Note the values that a key is held against where anything else is refused."""
        found = self.of(leaf)
        if found is not None:
            found.choices += [value for value in values if value not in found.choices]

    def compare(self, leaf: Table, values: Collection[Any]) -> None:
        """Note the values that a key is compared with, whatever the branches do."""
        found = self.of(leaf)
        if found is not None:
            found.compared += [value for value in values if value not in found.compared]

    def sections(self, roots: Collection[tuple[str, ...]]) -> dict[tuple[str, ...], Section]:
        """The tables with their keys. A value that was only ever searched with `in` is no table."""
        found: dict[tuple[str, ...], dict[str, Entry]] = {}
        real = {path for (path, _), read in self.reads.items() if read.ways - {"in"}} | set(roots)
        for (path, key), read in self.reads.items():
            if path in real:
                found.setdefault(path, {})[key] = read.entry()
        for path in self.open:
            if path in real:
                found.setdefault(path, {})
        return {path: Section(keys, tuple(sorted(set(self.open.get(path, ()))))) for path, keys in found.items()}


def merged(parts: dict[str, Section]) -> Section:
    """One section from the walks with each value of a selecting key: what not all of them read says `only` for which."""
    names = list(parts)
    keys: dict[str, Entry] = {}
    for name in sorted({key for section in parts.values() for key in section.keys}):
        users = [part for part in names if name in parts[part].keys]
        first = parts[users[0]].keys[name]
        keys[name] = first if len(users) == len(names) else replace(first, only=tuple(users))
    takes = sorted({item for section in parts.values() for item in section.takes})
    return Section(keys, tuple(takes))
