"""The contracts that ship with lorabridge: `schemas/contracts/<trainer>/<commit>.json`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from lorabridge.contracts.model import Contract, loads
from lorabridge.resources import schema_dir

_NAME = re.compile(r"[0-9a-f]{40}")
_SHORTEST = 7


@dataclass(frozen=True)
class Nearest:
    """A contract, and how it was chosen. `why` is empty when it is the very commit that was asked for."""

    contract: Contract
    why: str = ""

    @property
    def exact(self) -> bool:
        """Whether it is the very commit."""
        return not self.why


def folder(trainer: str) -> Path:
    """Where a trainer's contracts are."""
    return schema_dir() / "contracts" / trainer


def path_of(contract: Contract) -> Path:
    """Where a contract belongs."""
    return folder(contract.trainer) / f"{contract.commit}.json"


def stored(trainer: str) -> list[Path]:
    """The shipped contracts of a trainer, sorted by commit."""
    return sorted(path for path in folder(trainer).glob("*.json") if _NAME.fullmatch(path.stem))


@cache
def read(path: Path) -> Contract:
    """A contract file. Raises OSError or ValueError."""
    return loads(path.read_text(encoding="utf-8"))


def nearest(trainer: str, commit: str = "", day: str = "") -> Nearest | None:
    """The contract of a commit, else the nearest one by date, else the newest; None when there is none at all.

    `commit` may be short. `day` is the commit's date (`2026-06-24`), where it is known.
    """
    contracts = [read(path) for path in stored(trainer)]
    if not contracts:
        return None
    if len(commit) >= _SHORTEST:
        same = [item for item in contracts if item.commit.startswith(commit) or commit.startswith(item.commit)]
        if len(same) == 1:
            return Nearest(same[0])
    asked = f"no contract of {trainer} at {commit[:10] or 'an unknown commit'}"
    apart = {item.commit: _days(item.date, day) for item in contracts}
    if any(value is not None for value in apart.values()):
        found = min(contracts, key=lambda item: (apart[item.commit] is None, apart[item.commit] or 0, item.commit))
        return Nearest(found, f"{asked}; the nearest is {found.commit[:10]}, {_gap(apart[found.commit] or 0)}")
    found = max(contracts, key=lambda item: (item.date, item.commit))
    return Nearest(found, f"{asked}; the newest is {found.commit[:10]}" + (f" of {found.date}" if found.date else ""))


def _days(first: str, second: str) -> int | None:
    try:
        return abs((date.fromisoformat(first) - date.fromisoformat(second)).days)
    except ValueError:
        return None


def _gap(days: int) -> str:
    return "of the same day" if days == 0 else f"{days} day{'s' if days > 1 else ''} apart"
