"""The shape of a backend, and of the rows that tie the language to a trainer's own keys.

A backend is a package with the same few modules and names as every other (see `Backend`). What a
table can say is a `Row`; what it cannot is a named function in the backend's `lower.py`, which
lists the intent paths it takes care of in `HANDLED`. Together they cover every field of the language: what
neither mentions is refused when a user says it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from lorabridge.backends.control import Control
from lorabridge.backends.events import LogParser
from lorabridge.backends.resume import Resume
from lorabridge.diagnostics import Diagnostic


class Omit:
    """The native spelling "leave the key out"."""

    def __repr__(self) -> str:
        return "left out"


OMIT = Omit()


@dataclass(frozen=True)
class Cannot:
    """The native spelling "cannot be said". `why` ends the sentence "<trainer> cannot say it: "."""

    why: str
    fix: str = ""


@dataclass(frozen=True)
class Row:
    """One intent path and its native spelling.

    `path` is a dotted path of the language, `[]` for list items. `at` is the native address,
    `document:dotted.key` (`train:learning_rate`, `main:optimizer.lr`). `to` and `back` convert an ordinary value; `words` spells
    the special words (`off`, `auto`, `unlimited`, `random`) and any other single value. `families`
    restricts the row. `exact=False` marks a rewrite, told in the report with `note`. `evidence` is
    the commit's file:line, or the test, that the spelling was read from.
    """

    path: str
    at: str = ""
    to: Callable[[Any], Any] | None = None
    back: Callable[[Any], Any] | None = None
    words: Mapping[Any, Any] = field(default_factory=dict)
    families: frozenset[str] | None = None
    exact: bool = True
    note: str = ""
    evidence: str = ""
    cannot: Cannot | None = None
    neutral: tuple[Any, ...] = ()

    def spell(self, value: Any) -> Any:
        """The native value, `OMIT`, or `Cannot`."""
        if self.cannot is not None:
            return OMIT if value is None or value in self.neutral else self.cannot
        for word, spelled in self.words.items():
            if word == value and type(word) is type(value):
                return spelled
        if value is None:
            return OMIT
        return self.to(value) if self.to else value

    def unspell(self, native: Any) -> Any:
        """The intent value for a native one (the other direction of `spell`)."""
        for word, spelled in self.words.items():
            if not isinstance(spelled, Omit | Cannot) and spelled == native and type(spelled) is type(native):
                return word
        return self.back(native) if self.back else native


def same(
    path: str, at: str, *, evidence: str = "", families: Sequence[str] | None = None, note: str = "", exact: bool = True, **words: Any
) -> Row:
    """The native key takes the value as it is; `off=0`, `auto=OMIT` spell the words."""
    return Row(path, at, words=words, evidence=evidence, families=_only(families), note=note, exact=exact)


def via(
    path: str,
    at: str,
    to: Callable[[Any], Any],
    back: Callable[[Any], Any] | None = None,
    *,
    evidence: str = "",
    families: Sequence[str] | None = None,
    note: str = "",
    exact: bool = True,
    **words: Any,
) -> Row:
    """The native key takes `to(value)`."""
    return Row(path, at, to, back, words, _only(families), exact, note, evidence)


def choice(
    path: str,
    at: str,
    table: Mapping[Any, Any],
    *,
    evidence: str = "",
    families: Sequence[str] | None = None,
    note: str = "",
    exact: bool = True,
) -> Row:
    """The native key takes a word from `table`; a value that is not in it cannot be said."""
    known = ", ".join(f"`{word}`" for word, spelled in table.items() if not isinstance(spelled, Cannot))
    return Row(
        path, at, lambda value: Cannot("it has no such choice", f"it knows {known}"), None, table, _only(families), exact, note, evidence
    )


def flag(path: str, at: str, *, evidence: str = "", families: Sequence[str] | None = None) -> Row:
    """A switch that is written when on and left out when off."""
    return Row(path, at, words={True: True, False: OMIT}, evidence=evidence, families=_only(families))


def cannot(path: str, why: str, *neutral: Any, fix: str = "", evidence: str = "", families: Sequence[str] | None = None) -> Row:
    """The trainer has no way to say this; `neutral` values need no saying. The field's default always is."""
    return Row(path, cannot=Cannot(why, fix), neutral=neutral, evidence=evidence, families=_only(families))


def _only(families: Sequence[str] | None) -> frozenset[str] | None:
    return None if families is None else frozenset(families)


NoteKind = Literal["exact", "rewritten", "refused", "defaulted", "added", "native"]


@dataclass(frozen=True)
class Note:
    """One line of the translation report: what became of an intent path.

    `added` lines have no path: they are written for safety, `text` says why. `defaulted` are values that the family
    recommends and the trainer cannot say; its own default then holds.
    """

    kind: NoteKind
    path: str
    value: str
    at: str = ""
    native: str = ""
    text: str = ""


@dataclass(frozen=True)
class File:
    """A file to write, `path` relative to the compiled folder. `sources` maps its 1-based lines to intent paths."""

    path: str
    text: str
    sources: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """One process to run.

    `argv`, `env` values and `cwd` may hold the placeholders `{python}` (the trainer's interpreter),
    `{home}` (its checkout), `{files}` (the folder of the compiled files) and, for argv[0] only, `{bin}` (the folder
    of the interpreter); nothing else is substituted and no shell is involved. `needs` names stages
    that must have ended well, `makes` what it leaves.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "{home}"
    needs: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True)
class Plan:
    """What a compile yields. There are no files when a diagnostic is an error."""

    backend: str
    files: tuple[File, ...] = ()
    stages: tuple[Stage, ...] = ()
    notes: tuple[Note, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    total_steps: int | None = None

    @property
    def ok(self) -> bool:
        return not any(item.severity == "error" for item in self.diagnostics)


@dataclass(frozen=True)
class Site:
    """Where the compiled files will be used.

    `root`: absolute folder that relative paths of the config start from. `output`: absolute folder for
    results; None puts `output.dir` below root. `unsupported`: severity of what a trainer cannot
    say. `seed`: the number that a random seed becomes. `source`: file name for headers. `files`: absolute
    folder of the compiled files, for files that name each other; None means `compiled/NAME-BACKEND` below root. `control`: absolute folder
    by which a running trainer is asked for things; None when lorabridge will not be there.
    """

    root: str
    output: str | None = None
    unsupported: Literal["error", "warn"] = "error"
    seed: int | None = None
    source: str = "config.yaml"
    files: str | None = None
    control: str | None = None


@dataclass(frozen=True)
class Installation:
    """A trainer found on this machine. `dirty`: tracked files were changed; None where git cannot tell."""

    home: Path
    python: Path
    commit: str = ""
    dirty: bool | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lifted:
    """Native files read back: language data, where each key came from, and what stayed behind."""

    data: dict[str, Any]
    origins: Mapping[str, str] = field(default_factory=dict)
    native: Mapping[str, Any] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True)
class Artifacts:
    """What a run left in its output folder, oldest first: LoRA files or folders, states, sample pictures."""

    checkpoints: tuple[Path, ...] = ()
    states: tuple[Path, ...] = ()
    samples: tuple[Path, ...] = ()


class Backend(Protocol):
    """What every backend package offers under these names. Packages are used as they are, without a class."""

    @property
    def NAME(self) -> str: ...

    @property
    def TITLE(self) -> str: ...

    @property
    def COMMIT(self) -> str: ...

    @property
    def ROWS(self) -> tuple[Row, ...]: ...

    @property
    def HANDLED(self) -> Mapping[str, str]: ...

    def lower(self, resolved: Any, loaded: Any, site: Site) -> Plan: ...

    def lift(self, sources: Mapping[str, str]) -> Lifted: ...

    def locate(self, environ: Mapping[str, str]) -> Installation | None: ...

    def parser(self, stage: str, text: bool = False) -> LogParser: ...

    def artifacts(self, output: Path, name: str) -> Artifacts: ...

    @property
    def CONTROL(self) -> Control: ...

    @property
    def RESUME(self) -> Resume: ...
