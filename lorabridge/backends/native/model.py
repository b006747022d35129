"""The shape of one native file: what its trainer reads from it, and where each part stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from lorabridge.config.document import Place
from lorabridge.config.paths import KeyPath
from lorabridge.diagnostics import Diagnostic, Span

Kind = Literal["toml", "yaml", "json", "shell"]


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command line.

    `text` is the word after quotes, escapes and the variables that the script sets itself. `unknown` names the variables that
    come from elsewhere: their value cannot be known here. `literal` tells that a `$NAME` or `~` in it stays as it is, because
    it is quoted or stands where the shell does not expand it.
    """

    text: str
    span: Span
    unknown: tuple[str, ...] = ()
    literal: bool = False

    @property
    def known(self) -> bool:
        return not self.unknown


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command of a script: its words, and the variables set for it (`NAME=value` before the words, `export`)."""

    words: tuple[Word, ...]
    env: dict[str, Word] = field(default_factory=dict)


@dataclass(slots=True)
class NativeFile:
    """One file as its trainer reads it.

    `data` is empty where the text cannot be read; `diagnostics` then says why. `places` has a row for every key and list
    item of `data`. A script has `commands` instead of data. `trainer` and `role` are empty until `detect` fills them in:
    roles are `train`, `dataset`, `main`, `job`, `launch`.
    """

    name: str
    text: str
    kind: Kind
    data: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    trainer: str = ""
    role: str = ""

    def span(self, path: KeyPath = (), on: Literal["key", "value"] = "value") -> Span:
        """Where `path` stands, or its nearest parent that is written, or the start of the file."""
        while path:
            if place := self.places.get(path):
                return place.key if on == "key" else place.value
            path, on = path[:-1], "key"
        return Span(self.name, 1, 1, 1, 1)

    def get(self, path: KeyPath, default: Any = None) -> Any:
        """The value at `path`, or `default` where a step does not exist."""
        value: Any = self.data
        for step in path:
            if (isinstance(value, dict) and step in value) or (isinstance(value, list) and isinstance(step, int) and step < len(value)):
                value = value[step]  # type: ignore[index]
            else:
                return default
        return value
