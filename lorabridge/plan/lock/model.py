"""The lock as data, and its file: deterministic JSON without a secret and without a place of this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

FORMAT = 1
_TEXTS = ("lorabridge", "backend", "source", "unsupported")


class LockError(ValueError):
    """The text is no lock that can be read; the message says why."""


@dataclass(frozen=True)
class Model:
    """One weights input: `files` maps relative names (`.` is the file itself) to digests; a hub id has none."""

    name: str
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Data:
    """One data input. `digest` covers names and contents in any order; `files` maps relative names to digests."""

    digest: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Trainer:
    """The trainer's code: its commit, its changed tracked files and new Python files by content, its Python and packages.

    `known` is False where the code is no git checkout and its changes cannot be told.
    """

    commit: str
    modified: Mapping[str, str] = field(default_factory=dict)
    known: bool = True
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lock:
    """Everything that decides what a run computes. `seed` is the number that a random seed became."""

    lorabridge: str
    backend: str
    source: str
    unsupported: str
    overrides: tuple[str, ...]
    seed: int | None
    values: Mapping[str, Any]
    plan: Mapping[str, str]
    trainer: Trainer | None
    models: Mapping[str, Model]
    data: Mapping[str, Data]

    @property
    def config(self) -> str:
        """The digest of the resolved values."""
        return digest_of(self.values)

    def text(self) -> str:
        """The file's content. Equal locks have equal texts."""
        found = {"lock": FORMAT, **asdict(self), "overrides": list(self.overrides), "config": self.config}
        return json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def digest_of(value: Any) -> str:
    """The SHA-256 of plain data in one fixed spelling."""
    plain = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def parse_lock(text: str) -> Lock:
    """Read a lock. Raises LockError for anything that `Lock.text` did not write, also one that was edited by hand."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LockError(f"it is not JSON ({error})") from error
    if not isinstance(found, dict) or "lock" not in found:
        raise LockError("it is no lock of lorabridge")
    if found["lock"] != FORMAT:
        raise LockError(f"it has format {found['lock']!r}, and this lorabridge reads format {FORMAT}")
    try:
        lock = _lock(found)
    except (KeyError, TypeError, AttributeError) as error:
        raise LockError(f"it is incomplete or damaged ({type(error).__name__}: {error})") from error
    if lock.text() != text.replace("\r\n", "\n"):
        raise LockError("it was changed by hand: its parts do not fit together")
    return lock


def _lock(found: Mapping[str, Any]) -> Lock:
    trainer = found["trainer"]
    return Lock(
        **{key: _text(found[key]) for key in _TEXTS},
        overrides=tuple(_text(item) for item in found["overrides"]),
        seed=found["seed"],
        values=dict(found["values"].items()),
        plan=_texts(found["plan"]),
        trainer=None if trainer is None else Trainer(**trainer),
        models={key: Model(_text(item["name"]), _texts(item["files"])) for key, item in found["models"].items()},
        data={key: Data(_text(item["digest"]), _texts(item["files"])) for key, item in found["data"].items()},
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text was expected")
    return value


def _texts(value: Mapping[str, Any]) -> dict[str, str]:
    return {key: _text(item) for key, item in value.items()}
