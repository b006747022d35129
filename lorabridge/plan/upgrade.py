"""What an upgrade of a trainer changes, in general and for given configs, as lines and as data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lorabridge.backends.base import Plan, Site
from lorabridge.config.load import Loaded
from lorabridge.contracts.diff import Change, Concern, concerns, spelled
from lorabridge.contracts.extract import READERS, NotATrainerError, extract
from lorabridge.contracts.model import Contract
from lorabridge.contracts.store import nearest, read, stored
from lorabridge.plan.compile import compile_config
from lorabridge.plan.sources import gather
from lorabridge.plan.used import used_keys, used_keys_of

_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_SHOWN = 3
"""Sections that a line names before it counts the rest."""


def contract_of(text: str, trainer: str | None = None) -> Contract:
    """The contract that a word names: a checkout, a contract file, a trainer (its newest shipped one), or a commit.

    With `trainer`, a commit that is not shipped is the nearest one that is: compare its commit, and say so.
    Raises NotATrainerError, OSError or ValueError.
    """
    path = Path(text)
    if path.is_dir():
        return extract(path, trainer)
    if path.is_file():
        return read(path)
    if text in READERS:
        found = nearest(text)
        if found is not None:
            return found.contract
    for name in [trainer] if trainer else READERS:
        for known in stored(name):
            if len(text) >= 7 and known.stem.startswith(text):
                return read(known)
    if trainer and _COMMIT.fullmatch(text) and (close := nearest(trainer, text)):
        return close.contract
    shipped = ", ".join(f"{name} {known.stem[:10]}" for name in READERS for known in stored(name))
    raise NotATrainerError(f"`{text}` is no checkout, contract file, trainer or commit that is shipped ({shipped})")


@dataclass(frozen=True)
class ForConfig:
    """What the changes do to one config. `problem` says why it could not be told; `intent` names the fields behind native keys."""

    file: str
    concerns: tuple[Concern, ...] = ()
    problem: str = ""
    intent: tuple[tuple[str, str], ...] = ()


def for_config(file: str, loaded: Loaded, trainer: str, changes: Sequence[Change]) -> ForConfig:
    """Compile a config and hold the keys that it writes against the changes."""
    root = Path(file).absolute().parent.as_posix()
    plan = compile_config(loaded, trainer, Site(root=root, unsupported="warn", source=Path(file).name))
    if not plan.ok:
        first = next(item for item in plan.diagnostics if item.severity == "error")
        return ForConfig(file, problem=f"it does not compile for {trainer}: {first.code} {first.message}")
    return ForConfig(file, tuple(concerns(changes, used_keys(plan))), intent=tuple(sorted(_intent(plan).items())))


def for_native(files: Sequence[str], trainer: str, changes: Sequence[Change]) -> ForConfig:
    """Hold the keys of a trainer's own files, as they stand, against the changes."""
    gathered = gather(files)
    gathered = gathered if gathered.trainer else gather(files, trainer)
    shown = ", ".join(files)
    if gathered.trainer != trainer or not gathered.sources:
        first = next((item.message for item in gathered.diagnostics if item.severity == "error"), f"not recognised as files of {trainer}")
        return ForConfig(shown, problem=first)
    keys, problems = used_keys_of(gathered)
    return ForConfig(shown, tuple(concerns(changes, keys)), problem=problems)


def _intent(plan: Plan) -> dict[str, str]:
    """Field of the language by native key, where only one field writes a key of that name."""
    found: dict[str, set[str]] = {}
    for note in plan.notes:
        if note.at and note.path:
            found.setdefault(note.at.rpartition(":")[2].rpartition(".")[2], set()).add(note.path)
    return {key: min(paths) for key, paths in found.items() if len(paths) == 1}


def headline(contract: Contract) -> str:
    """A contract in a few words."""
    words = [contract.trainer, contract.commit[:10] or "without a commit", contract.version, contract.date]
    return " ".join(word for word in words if word)


def change_lines(changes: Iterable[Change]) -> Iterator[str]:
    """The changes, one line each; the same change in several sections is one line."""
    grouped: dict[tuple[str, ...], list[Change]] = {}
    for change in changes:
        mark = (change.kind, change.key, repr((change.before, change.after)))
        grouped.setdefault(mark if change.key else (*mark, change.section), []).append(change)
    for group in sorted(grouped.values(), key=lambda items: (items[0].section, items[0].key, items[0].kind)):
        where = f"  [{_sections([change.section for change in group])}]  {group[0].at}" if group[0].key else ""
        yield f"  {_line(group[0])}{where}"


def _sections(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown


def _line(change: Change) -> str:
    if change.kind in ("section-added", "section-removed"):
        return f"{'+' if change.kind == 'section-added' else '-'} {change.section}: {change.after or change.before or 0} keys"
    if change.kind == "added":
        return f"+ {change.key}{_facts(change.after)}"
    if change.kind == "removed":
        return f"- {change.key}{_facts(change.before)}"
    if change.kind == "choices" and isinstance(change.before, list) and isinstance(change.after, list):
        gone = [f"-{spelled(value)}" for value in change.before if value not in change.after]
        come = [f"+{spelled(value)}" for value in change.after if value not in change.before]
        return f"~ {change.key}: choices {' '.join([*come, *gone])}"
    return f"~ {change.key}: {change.kind} {spelled(change.before)} -> {spelled(change.after)}"


def _facts(facts: dict[str, Any]) -> str:
    shown = [str(facts[word]) for word in ("type", "action") if facts.get(word)]
    if facts.get("default") is not None:
        shown.append(f"default {spelled(facts['default'])}")
    if facts.get("required"):
        shown.append("required")
    return f" ({', '.join(shown)})" if shown else ""


def config_lines(result: ForConfig) -> Iterator[str]:
    """What the changes do to a config, one line each."""
    if result.problem:
        yield f"{result.file}: {result.problem}"
        return
    count = len(result.concerns)
    yield f"{result.file}: {_counted(count)} this config"
    fields = dict(result.intent)
    for item in result.concerns:
        change = item.change
        name = ".".join(word for word in (change.section, change.key) if word)
        field = f" (from `{fields[change.key]}`)" if change.key in fields else ""
        yield f"  {name}{field}: {item.text}"


def _counted(count: int) -> str:
    return "nothing of it concerns" if not count else "one of them concerns" if count == 1 else f"{count} of them concern"


def as_data(old: Contract, new: Contract, changes: Sequence[Change], configs: Sequence[ForConfig]) -> dict[str, Any]:
    """The whole comparison for `--format json`."""
    heads = ({"trainer": item.trainer, "commit": item.commit, "version": item.version, "date": item.date} for item in (old, new))
    return {
        **dict(zip(("old", "new"), heads, strict=True)),
        "changes": [asdict(change) for change in changes],
        "configs": [
            {
                "file": item.file,
                "problem": item.problem,
                "concerns": [
                    {**asdict(found.change), "text": found.text, "field": dict(item.intent).get(found.change.key, "")}
                    for found in item.concerns
                ],
            }
            for item in configs
        ],
    }
