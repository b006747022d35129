"""The fields of the language as a table, derived from the sections: one entry per key that can be written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from lorabridge.config.base import Section
from lorabridge.config.kinds import ValueKind
from lorabridge.config.meanings import Knob, Meanings


@dataclass(frozen=True)
class FieldRow:
    """One key of one section.

    `section` is the class of a nested section (or of the items when `many`), `kind` the value kind
    of a leaf, `made` says that an absent section is filled in with its defaults.
    """

    key: str
    name: str
    annotation: Any
    knob: Knob
    section: type[Section] | None
    many: bool
    kind: ValueKind | None
    made: bool
    nullable: bool

    @property
    def doc(self) -> str:
        return self.knob.doc

    @property
    def source(self) -> str:
        return self.knob.source

    @property
    def meanings(self) -> Meanings:
        return self.knob.meanings

    @property
    def required(self) -> bool:
        return self.knob.required

    @property
    def listed(self) -> bool:
        """Whether the value is a list."""
        return self.many or any(get_origin(part) is list for part in parts_of(self.annotation))

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(getattr(self.kind, "words", ()))


_ROWS: dict[type, dict[str, FieldRow]] = {}
_LEAVES: dict[type, dict[str, FieldRow]] = {}


def rows_of(model: type[Section]) -> dict[str, FieldRow]:
    """The keys of a section, by written name."""
    if model not in _ROWS:
        rows = (_row(name, annotation, model.__dict__[name]) for name, annotation in model.__annotations__.items())
        _ROWS[model] = {row.key: row for row in rows}
    return _ROWS[model]


def walk(model: type[Section], prefix: str = "") -> Iterator[tuple[str, FieldRow]]:
    """Every key of the language with its dotted path; items of lists are marked `[]`."""
    for key, row in rows_of(model).items():
        path = f"{prefix}{key}"
        yield path, row
        if row.section is not None:
            yield from walk(row.section, f"{path}[]." if row.many else f"{path}.")


def leaves(model: type[Section]) -> dict[str, FieldRow]:
    """The keys that hold a value and not a section, by dotted path."""
    if model not in _LEAVES:
        _LEAVES[model] = {path: row for path, row in walk(model) if row.section is None}
    return _LEAVES[model]


def _row(name: str, annotation: Any, knob: Knob) -> FieldRow:
    section, many = _section(annotation)
    made = section is not None and not many and knob.factory is not None
    return FieldRow(knob.alias or name, name, annotation, knob, section, many, kind_of(annotation), made, NoneType in get_args(annotation))


def _section(annotation: Any) -> tuple[type[Section] | None, bool]:
    for part in parts_of(annotation):
        if isinstance(part, type) and issubclass(part, Section):
            return part, False
        if get_origin(part) is list:
            inner, _ = _section(get_args(part)[0])
            if inner is not None:
                return inner, True
    return None, False


def kind_of(annotation: Any) -> ValueKind | None:
    """The kind of a value that is no section, list or mapping."""
    for part in parts_of(annotation):
        for item in getattr(part, "__metadata__", ()):
            if isinstance(item, ValueKind):
                return item
    return None


def parts_of(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of an annotation, without None."""
    if get_origin(annotation) in (Union, UnionType):
        return tuple(part for part in get_args(annotation) if part is not NoneType)
    return (annotation,)
