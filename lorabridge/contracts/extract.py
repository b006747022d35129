"""From a checkout to a contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lorabridge.contracts import ai_toolkit, diffusion_pipe, musubi
from lorabridge.contracts.git import commit_of, date_of
from lorabridge.contracts.model import Contract, Section
from lorabridge.contracts.source import Checkout


@dataclass(frozen=True)
class Reader:
    """How one trainer's source is read."""

    recognises: Callable[[Path], bool]
    checkout: Callable[[Path], Checkout]
    version: Callable[[Path], str]
    extract: Callable[[Checkout], dict[str, Section]]


READERS: dict[str, Reader] = {
    "musubi": Reader(musubi.recognises, musubi.checkout, musubi.version, musubi.extract),
    "diffusion-pipe": Reader(diffusion_pipe.recognises, diffusion_pipe.checkout, diffusion_pipe.version, diffusion_pipe.extract),
    "ai-toolkit": Reader(ai_toolkit.recognises, ai_toolkit.checkout, ai_toolkit.version, ai_toolkit.extract),
}


class NotATrainerError(ValueError):
    """A folder that is no checkout of a known trainer, or not of the one that was named."""


def recognise(root: Path) -> str | None:
    """The trainer that a folder is a checkout of."""
    return next((name for name, reader in READERS.items() if reader.recognises(root)), None)


def extract(root: Path, trainer: str | None = None) -> Contract:
    """Read a checkout; nothing of it is imported or run. Raises NotATrainerError."""
    root = root.resolve()
    name = trainer or recognise(root)
    if name is None:
        raise NotATrainerError(f"`{root}` is no checkout of {', '.join(READERS)}")
    if name not in READERS:
        raise NotATrainerError(f"no trainer `{name}`; known: {', '.join(READERS)}")
    reader = READERS[name]
    sections = reader.extract(reader.checkout(root)) if reader.recognises(root) else {}
    if not any(section.keys for section in sections.values()):
        raise NotATrainerError(f"`{root}` has nothing that {name} reads options with")
    commit = commit_of(root)
    return Contract(name, commit, sections, reader.version(root), date_of(root, commit))
