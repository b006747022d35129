"""Contracts as a person reads them: which are shipped, their sections, the entries of one."""

from __future__ import annotations

from typing import Any

from lorabridge.contracts.diff import spelled
from lorabridge.contracts.extract import READERS
from lorabridge.contracts.model import Contract, Entry, Section
from lorabridge.contracts.store import read, stored

Listing = tuple[Any, list[str]]


def shipped() -> Listing:
    """The contracts that come with lorabridge."""
    found = [read(path) for name in READERS for path in stored(name)]
    data = [
        {"trainer": item.trainer, "commit": item.commit, "version": item.version, "date": item.date, "entries": item.size} for item in found
    ]
    return data, [f"{item.trainer:<16}{item.commit}  {item.date:<12}{item.version or '-':<10}{item.size:>5} entries" for item in found]


def listed(contract: Contract) -> Listing:
    """The sections of a contract, with the number of their entries."""
    data = {name: len(section.keys) for name, section in contract.sections.items()}
    width = max(map(len, data), default=0)
    return data, [f"{name:<{width}}  {count:>4}" for name, count in data.items()]


def section_data(section: Section) -> dict[str, Any]:
    """The entries of a section as they are stored."""
    entries = {key: {**entry.facts(), "at": entry.at} for key, entry in section.keys.items()}
    return {"takes": list(section.takes), "keys": entries}


def section_lines(name: str, section: Section) -> list[str]:
    """The entries of a section, one line each."""
    width = max(map(len, section.keys), default=0)
    lines = [f"{key:<{width}}  {_told(entry)}  {entry.at}" for key, entry in sorted(section.keys.items())]
    takes = [f"{name} also takes what {item} does" if item != "*" else f"{name} takes further keys" for item in section.takes]
    return [*lines, *takes]


def _told(entry: Entry) -> str:
    words = [entry.kind or "any", *(word for word in (entry.action, entry.nargs and f"nargs {entry.nargs}") if word)]
    if entry.default is not None or entry.default_of is not None:
        words.append(f"default {spelled({'of': entry.default_of, 'value': entry.default} if entry.default_of else entry.default)}")
    if entry.choices is not None:
        words.append(f"one of {spelled(list(entry.choices))}")
    if entry.choices_of is not None:
        words.append(f"choices of {entry.choices_of}")
    words += [word for word in ("required", "refused", "overwritten", "hidden") if getattr(entry, word)]
    return ", ".join(words + ([f"only {', '.join(entry.only)}"] if entry.only else []))
