"""What a backend's `prove.py` says: which questions to put to the trainer's own code, and how its answers compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from lorabridge.backends.base import Plan

Verdict = Literal["same", "differs", "unread", "outside", "refused"]


class Nothing:
    """The trainer knows no such key."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = Nothing()


@dataclass(frozen=True)
class Question:
    """One message to the probe, `name` for people. `documents` are the files whose keys it answers for."""

    name: str
    ask: Mapping[str, Any]
    documents: tuple[str, ...]


@dataclass(frozen=True)
class Claim:
    """A value that the trainer must use: document and dotted key, the native value, the line of the document, the intent path.

    `left_out`: the key is not written, and `value` is the default that the meaning relies on (`evidence`: where it was read).
    """

    document: str
    key: str
    value: Any
    line: int = 0
    path: str = ""
    said: str = ""
    left_out: bool = False
    evidence: str = ""

    @property
    def at(self) -> str:
        """`train.toml: network_dim`."""
        return f"{self.document}: {self.key}"


@dataclass(frozen=True)
class Row:
    """A claim beside what the trainer uses. `note` says what a verdict means for this key."""

    claim: Claim
    verdict: Verdict
    used: Any = NOTHING
    note: str = ""


class Prover(Protocol):
    """The names that a backend's `prove.py` offers."""

    DOCUMENTS: Mapping[str, str]
    """Document name of a row's address (`train`) to the file and the prefix of its keys (`train.toml:`)."""

    def questions(self, plan: Plan, folder: str) -> Iterator[Question]: ...

    def same(self, claim: Claim, used: Any) -> bool: ...

    def sections(self, plan: Plan, document: str, key: str) -> tuple[str, ...]: ...


def script(argv: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The Python file of a command line (without its folder), and what follows it."""
    place = next((index for index, word in enumerate(argv) if word.endswith(".py")), len(argv))
    name = argv[place].rpartition("/")[2] if place < len(argv) else ""
    return name.removesuffix(".py"), argv[place + 1 :]


def options(words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """`--key value`, `--key a b` and `--switch` of a command line."""
    key = ""
    values: list[str] = []
    for word in (*words, "--"):
        if word.startswith("--"):
            if key:
                yield key, values[0] if len(values) == 1 else (values or True)
            key, values = word, []
        else:
            values.append(word)


def alike(meant: Any, used: Any) -> bool:
    """Equal as the trainer would treat them: tuples are lists, 1 is 1.0, but true is not 1 and "1" is not 1."""
    if isinstance(meant, bool) or isinstance(used, bool):
        return meant is used
    if isinstance(meant, int | float) and isinstance(used, int | float):
        return float(meant) == float(used)
    if isinstance(meant, list | tuple) and isinstance(used, list | tuple):
        return len(meant) == len(used) and all(map(alike, meant, used))
    if isinstance(meant, Mapping) and isinstance(used, Mapping):
        return meant.keys() == used.keys() and all(alike(value, used[key]) for key, value in meant.items())
    return type(meant) is type(used) and bool(meant == used)


def alike_word(meant: Any, used: Any) -> bool:
    """As `alike`, for a word of a command line, which is text before argparse reads it."""
    if isinstance(meant, str) and isinstance(used, int | float) and not isinstance(used, bool):
        try:
            return float(meant) == float(used)
        except ValueError:
            return False
    if isinstance(used, list) and isinstance(meant, str):
        return len(used) == 1 and alike_word(meant, used[0])
    if isinstance(used, list) and isinstance(meant, list):
        return len(used) == len(meant) and all(map(alike_word, meant, used))
    return alike(meant, used)
