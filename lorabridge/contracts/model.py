"""A contract: what one trainer at one commit reads, and the text that it is stored as."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any

FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """One option or key.

    `default` is None where there is none; `default_of` names what it comes from when that is another key (`train.lr`) or a
    value outside the trainer's source (`os.cpu_count`), and `choices_of` does so for choices. Nothing but `choices` is let through;
    `suggested` values are named by an annotation or a registry that nothing enforces. `type` is what the source
    declares; `kind` guesses from the default where nothing is declared. `refused`: the trainer stops when it is set.
    `overwritten`: the trainer replaces what was written before it reads it. `only`: the values of the selecting key
    (the model type) that it is read for; empty means all.
    """

    at: str
    type: str | None = None
    default: Any = None
    default_of: str | None = None
    choices: tuple[Any, ...] | None = None
    choices_of: str | None = None
    suggested: tuple[Any, ...] = ()
    required: bool = False
    nargs: str | int | None = None
    action: str | None = None
    dest: str | None = None
    flags: tuple[str, ...] = ()
    const: Any = None
    hidden: bool = False
    refused: bool = False
    overwritten: bool = False
    only: tuple[str, ...] = ()

    @property
    def kind(self) -> str | None:
        """The declared type, or the type of the default."""
        return self.type or (None if self.default is None else type(self.default).__name__)

    def facts(self) -> dict[str, Any]:
        """What is worth writing down, without the position, in a fixed order."""
        found = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "at"}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items() if _said(name, value)}


def _said(name: str, value: Any) -> bool:
    return value is not None and value != () and not (value is False and name != "default")


@dataclass(frozen=True)
class Section:
    """The keys of one script, table or class by name. `takes` names what else hands keys to it (a foreign class, `*`)."""

    keys: Mapping[str, Entry]
    takes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contract:
    """The facts of one trainer at one commit."""

    trainer: str
    commit: str
    sections: Mapping[str, Section] = field(default_factory=dict)
    version: str = ""
    date: str = ""

    @property
    def size(self) -> int:
        """The number of entries."""
        return sum(len(section.keys) for section in self.sections.values())


def dumps(contract: Contract) -> str:
    """The stored text: sorted, one entry a line; entries that several sections share are written once, under their file."""
    shared, rest = _factor(contract)
    head = {"format": FORMAT, "trainer": contract.trainer, "commit": contract.commit, "version": contract.version, "date": contract.date}
    lines = [f" {_text(key)}: {_text(value)}," for key, value in head.items() if value]
    lines += [' "shared": {', *_joined(_block(name, {}, keys) for name, keys in shared.items()), " },"]
    lines += [' "sections": {', *_joined(_block(name, extra, keys) for name, (extra, keys) in rest.items()), " }"]
    return "\n".join(["{", *lines, "}", ""])


def _block(name: str, extra: Mapping[str, Any], keys: Mapping[str, Entry]) -> list[str]:
    written = [f"   {_text(key)}: {_text({**entry.facts(), 'at': entry.at})}" for key, entry in sorted(keys.items())]
    head = "".join(f"{_text(word)}: {_text(value)}, " for word, value in extra.items())
    if not written:
        return [f'  {_text(name)}: {{{head}"keys": {{}}}}']
    return [f'  {_text(name)}: {{{head}"keys": {{', *(line + "," for line in written[:-1]), written[-1], "  }}"]


def _joined(blocks: Iterator[list[str]]) -> list[str]:
    found = [list(block) for block in blocks]
    for block in found[:-1]:
        block[-1] += ","
    return [line for block in found for line in block]


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


Shared = dict[str, dict[str, Entry]]
Rest = dict[str, tuple[dict[str, Any], dict[str, Entry]]]


def _factor(contract: Contract) -> tuple[Shared, Rest]:
    """Entries by the set of sections that hold them: sets of two and more become blocks named after their file."""
    users: dict[tuple[str, str], list[str]] = {}
    entries: dict[tuple[str, str], Entry] = {}
    for name, section in sorted(contract.sections.items()):
        for key, entry in section.keys.items():
            mark = (key, _text({**entry.facts(), "at": entry.at}))
            users.setdefault(mark, []).append(name)
            entries[mark] = entry
    groups: dict[tuple[str, tuple[str, ...]], dict[str, Entry]] = {}
    rest: Rest = {name: ({}, {}) for name in sorted(contract.sections)}
    for mark, names in users.items():
        if len(names) > 1:
            groups.setdefault((_file(entries[mark].at), tuple(names)), {})[mark[0]] = entries[mark]
        else:
            rest[names[0]][1][mark[0]] = entries[mark]
    shared: Shared = {}
    for (file, names_), keys in sorted(groups.items()):
        number = sum(1 for other in shared if other.partition("#")[0] == file)
        title = f"{file}#{number + 1}" if number else file
        shared[title] = keys
        for name in names_:
            rest[name][0].setdefault("with", []).append(title)
    for name, section in contract.sections.items():
        if section.takes:
            rest[name][0]["takes"] = list(section.takes)
    return dict(sorted(shared.items())), rest


def _file(at: str) -> str:
    return str(PurePosixPath(at.rpartition(":")[0] or at))


def loads(text: str) -> Contract:
    """Read a stored contract. Raises ValueError for anything else."""
    raw = json.loads(text)
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise ValueError(f"not a contract of format {FORMAT}")
    try:
        return _contract(raw)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a broken contract: {type(error).__name__} {error}") from error


def _contract(raw: Mapping[str, Any]) -> Contract:
    shared = {name: _entries(block["keys"]) for name, block in raw["shared"].items()}
    sections: dict[str, Section] = {}
    for name, block in raw["sections"].items():
        keys: dict[str, Entry] = {}
        for title in block.get("with", ()):
            keys |= shared[title]
        keys |= _entries(block["keys"])
        sections[name] = Section(dict(sorted(keys.items())), tuple(block.get("takes", ())))
    return Contract(raw["trainer"], raw.get("commit", ""), sections, raw.get("version", ""), raw.get("date", ""))


_TUPLES = ("choices", "suggested", "flags", "only")


def _entries(raw: Mapping[str, Mapping[str, Any]]) -> dict[str, Entry]:
    return {key: _entry(facts) for key, facts in raw.items()}


def _entry(facts: Mapping[str, Any]) -> Entry:
    read: dict[str, Any] = {word: tuple(value) if word in _TUPLES else value for word, value in facts.items()}
    return Entry(**read)
