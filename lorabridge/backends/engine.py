"""The engine that walks rows: intent to native documents, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from lorabridge.backends.base import OMIT, Cannot, File, Note, NoteKind, Omit, Plan, Row, Site, Stage
from lorabridge.backends.paths import absolute
from lorabridge.config.amounts import Amount
from lorabridge.config.build import absent_value
from lorabridge.config.fields import leaves, walk
from lorabridge.config.load import Loaded
from lorabridge.config.paths import split_path
from lorabridge.config.schema import Config
from lorabridge.diagnostics import Diagnostic, Severity
from lorabridge.families import Family, Variant
from lorabridge.families.resolve import Resolved, get

Documents = dict[str, dict[str, Any]]


@dataclass
class Lowering:
    """The state of one compile: what is being written, what was said about it."""

    backend: str
    resolved: Resolved
    loaded: Loaded
    site: Site
    documents: Documents = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    @property
    def config(self) -> Config:
        return self.resolved.config

    @property
    def family(self) -> Family:
        return self.resolved.family

    @property
    def variant(self) -> Variant:
        return self.resolved.variant

    def path(self, value: str) -> str:
        """A path of the config as the trainer must see it: absolute, forward slashes; hub ids stay."""
        return absolute(value, self.site.root)

    @property
    def output(self) -> str:
        """Absolute folder for results."""
        return self.site.output or self.path(
            "./" + self.config.output.dir if not _rooted(self.config.output.dir) else self.config.output.dir
        )

    def wrote(self, path: str) -> bool:
        """Whether the user wrote this path, in any layer (a longer or equal path counts); a null that means the default is not written."""
        parts = split_path(path)
        blank = any(item.path == parts and item.raw is None and item.meaning.kind == "default" for item in self.loaded.readings)
        return parts in self.loaded.places and not blank

    def put(self, at: str, value: Any, path: str = "") -> None:
        """Set a native key. `at` is `document:dotted.key`; list indices are not supported."""
        document, _, dotted = at.partition(":")
        here = self.documents.setdefault(document, {})
        *parents, last = dotted.split(".")
        for part in parents:
            here = here.setdefault(part, {})
        here[last] = value
        self.sources[at] = path

    def note(self, kind: NoteKind, path: str, value: Any = "", at: str = "", native: Any = "", text: str = "") -> None:
        """Add a line to the translation report."""
        self.notes.append(Note(kind, path, spell(value), at, spell(native), text))

    def add(self, at: str, value: Any, why: str) -> None:
        """Set a native key that no intent field asks for, and tell why in the report."""
        self.put(at, value)
        self.note("added", "", "", at, value, why)

    def problem(self, code: str, path: str, message: str, why: str = "", fix: str = "", severity: Severity = "error") -> None:
        """Report a finding at the place where `path` was written."""
        self.diagnostics.append(Diagnostic(code, message, self.loaded.place(path), severity, why, fix, path))

    def refuse(self, path: str, value: Any, why: str, fix: str = "") -> None:
        """The trainer cannot say it: an error, or a warning with `--unsupported warn`."""
        severity: Severity = "error" if self.site.unsupported == "error" else "warning"
        fix = fix or "remove it, compile for another trainer, or go on without it: `--unsupported warn`"
        self.problem(
            "LB301", path, f"{self.backend} cannot say `{path}: {spell(value)}`: {why}", "it would be dropped in silence", fix, severity
        )
        self.note("refused", path, value, text=why)

    def rows(self, rows: Iterable[Row], item: str = "") -> dict[str, Any]:
        """Walk rows. `item` (`datasets[0]`) replaces the list's `[]` in their paths.

        Native values are put into the documents; rows whose address has no document (`:key`) are collected and
        returned instead, for lists of tables.
        """
        collected: dict[str, Any] = {}
        for row in rows:
            if row.families is not None and self.family.name not in row.families:
                continue
            path = _index(row.path, item)
            self.seen.add(row.path)
            value = get(self.config, path)
            native = row.spell(value)
            if isinstance(native, Cannot):
                self._cannot(row, path, value, native)
            elif native is not OMIT:
                self._put(row, path, value, native, collected)
            elif self.wrote(path) and row.at:
                self.note("exact", path, value, row.at, "left out")
        return collected

    def _put(self, row: Row, path: str, value: Any, native: Any, collected: dict[str, Any]) -> None:
        if row.at.startswith(":"):
            collected[row.at[1:]] = native
        else:
            self.put(row.at, native, path)
        self.note("exact" if row.exact else "rewritten", path, value, row.at, native, row.note)

    def _cannot(self, row: Row, path: str, value: Any, spelled: Cannot) -> None:
        if value in row.neutral or (
            value == default_of(row.path) and not (self.wrote(path) and _optional(row.path) and value not in _NOTHING)
        ):
            return
        if self.wrote(path) or path not in self.resolved.origins:
            self.refuse(path, value, spelled.why, spelled.fix)
        else:
            self.note("defaulted", path, value, text=spelled.why)

    def finish(self, files: Iterable[File], stages: Iterable[Stage], handled: Mapping[str, str], total_steps: int | None = None) -> Plan:
        """Refuse what nobody took care of, and hand over the plan (without files when there are errors)."""
        self._leftovers(handled)
        broken = any(item.severity == "error" for item in self.diagnostics)
        made = () if broken else (tuple(files), tuple(stages))
        parts = made or ((), ())
        return Plan(self.backend, parts[0], parts[1], tuple(self.notes), tuple(self.diagnostics), total_steps)

    def _leftovers(self, handled: Mapping[str, str]) -> None:
        """Every path that the user wrote must be known to a row or to a named function."""
        known = self.seen | set(handled)
        for parts in self.loaded.places:
            general = "".join("[]" if isinstance(p, int) else f".{p}" for p in parts).lstrip(".")
            if general not in leaves(Config) or general in known:
                continue
            path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts).lstrip(".")
            value = get(self.config, path)
            if value != default_of(general):
                self.refuse(path, value, f"it has no such setting for {self.family.name}")


_NOTHING: tuple[Any, ...] = (False, "off", "", None)


@cache
def _optional(path: str) -> bool:
    """Whether the path lies in a section that says something by being there (`train.ema`, `preservation`)."""
    rows = dict(walk(Config))
    parts = path.split(".")
    above = [rows.get(".".join(parts[:end])) for end in range(1, len(parts))]
    return any(row is not None and row.section is not None and not row.many and not row.made and not row.required for row in above)


def default_of(path: str) -> Any:
    """The default of a leaf of the language (None where it is required)."""
    row = leaves(Config).get(path)
    if row is None or row.required:
        return None
    return absent_value(row)


def spell(value: Any) -> str:
    """A value as a user would write it in YAML flow style."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(spell(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {spell(item)}" for key, item in value.items()) + "}"
    return str(value) if isinstance(value, Amount | Omit | str | int) else type(value).__name__


def lift_rows(rows: Iterable[Row], documents: Documents, family: str | None = None) -> tuple[dict[str, Any], dict[str, str], Documents]:
    """Read native documents back along the rows.

    Returns the language data by dotted path, the native address of each, and what no row took.
    """
    rest: Documents = {name: dict(_flat(tree)) for name, tree in documents.items()}
    data: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for row in rows:
        document, _, key = row.at.partition(":")
        if not row.at or (row.families is not None and family is not None and family not in row.families):
            continue
        flat = rest.get(document, {})
        if key in flat:
            data[row.path] = row.unspell(flat.pop(key))
            origins[row.path] = row.at
    return data, origins, {name: flat for name, flat in rest.items() if flat}


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _index(path: str, item: str) -> str:
    return item + path[path.index("[]") + 2 :] if item and "[]" in path else path


def _rooted(path: str) -> bool:
    return path.startswith(("/", "~", "./", "../")) or path[1:3] in (":\\", ":/")
