"""What an installed trainer at another commit means for a config that was checked against a contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabridge.contracts.diff import Change, Concern, compare, concerns
from lorabridge.contracts.extract import READERS, extract
from lorabridge.contracts.store import nearest


@dataclass(frozen=True)
class Drift:
    """The contract's commit, the installed one, what changed between them, and what of it concerns the config.

    `problem` says why nothing could be compared; `problem` is empty and `known` equals `installed` when there is no drift.
    """

    known: str
    installed: str
    changes: tuple[Change, ...] = ()
    concerns: tuple[Concern, ...] = ()
    problem: str = ""
    home: Path = Path()

    @property
    def any(self) -> bool:
        """Whether the installed trainer is at another commit than the facts."""
        return self.known != self.installed


def drift(home: Path, trainer: str, commit: str = "", used: Mapping[str, Mapping[str, Any]] | None = None, known: str = "") -> Drift | None:
    """Compare an installed trainer with the contract at `known` (by default: of its own commit, or the nearest one).

    `commit`: what the installation is at. `used`: the native keys that a config writes. Reads the installed source where the commits
    differ (some seconds); None for a trainer that has no contracts.
    """
    found = nearest(trainer, known or commit) if trainer in READERS else None
    if found is None:
        return None
    base = found.contract
    if commit and (base.commit == commit or (len(commit) >= 7 and base.commit.startswith(commit))):
        return Drift(base.commit, base.commit)
    try:
        live = extract(home, trainer)
    except (OSError, ValueError) as error:
        return Drift(base.commit, commit, problem=str(error), home=home)
    changes = compare(base, live)
    return Drift(base.commit, live.commit or commit, tuple(changes), tuple(concerns(changes, used or {})), home=home)
