"""The native keys that files give to a trainer, by the sections of its contract, whether a person or a compile wrote the files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from lorabridge.backends.base import Plan
from lorabridge.contracts.extract import READERS
from lorabridge.plan.reading import BROKEN
from lorabridge.plan.sources import Gathered, compiled

Used = dict[str, dict[str, Any]]
_NUMBER = re.compile(r"\[\d+\]")


def used_in(files: Gathered, normal: bool = False) -> Used:
    """By section; entries of lists by number (`directory[0]`). Empty for a trainer without contracts.

    `normal`: with one spelling of what means the same.
    """
    if files.trainer not in READERS:
        return {}
    found: Used = _module(files.trainer).used(files.given())
    return dict(_module(files.trainer).normal(found)) if normal else found


def free_keys(trainer: str) -> frozenset[str]:
    """Keys that a compile writes where the files are silent, and that leave the training as it was."""
    found: frozenset[str] = _module(trainer).FREE
    return found


def _module(trainer: str) -> Any:
    return import_module(f"lorabridge.backends.{trainer.replace('-', '_')}.lift_used")


def used_keys(source: Plan | Gathered) -> Used:
    """The same under the names that the contract has for its sections: the entries of a list are one section."""
    found: Used = {}
    for name, keys in used_in(compiled(source) if isinstance(source, Plan) else source).items():
        found.setdefault(section_of(name), {}).update(keys)
    return found


def used_keys_of(files: Gathered) -> tuple[Used, str]:
    """The keys of native files, and why they cannot be told, where a value is of a kind that nobody expects there."""
    try:
        return used_keys(files), ""
    except BROKEN as error:
        return {}, f"the files cannot be read ({type(error).__name__}); `lorabridge check` says where"


def section_of(name: str) -> str:
    """The contract's name of a section: `directory[0]` and `eval directory[1]` are both `directory[]`."""
    return _NUMBER.sub("[]", name.removeprefix("eval "))


def default_of(sections: Mapping[str, Any], name: str, key: str) -> tuple[bool, Any]:
    """Whether the trainer's default for a key of a section is known, and the default."""
    section = sections.get(section_of(name))
    entry = section.keys.get(key) if section is not None else None
    if entry is None or entry.default_of is not None or entry.required:
        return False, None
    return True, entry.default
