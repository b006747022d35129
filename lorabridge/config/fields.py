"""The fields of the language as a table, derived from the models: one entry per key that can be written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from lorabridge.config.base import Section
from lorabridge.config.kinds import ValueKind
from lorabridge.config.meanings import Meanings, meanings_of


@dataclass(frozen=True)
class FieldRow:
    """One key of one section.

    `section` is the model of a nested section (or of the items when `many`), `kind` the value kind
    of a leaf, `made` says that an absent section is filled in with its defaults.
    """

    key: str
    name: str
    info: FieldInfo
    meanings: Meanings | None
    section: type[Section] | None
    many: bool
    kind: ValueKind | None
    made: bool

    @property
    def doc(self) -> str:
        return self.info.description or ""

    @property
    def source(self) -> str:
        extra = self.info.json_schema_extra
        return str(extra.get("x-source", "")) if isinstance(extra, dict) else ""

    @property
    def listed(self) -> bool:
        """Whether the value is a list."""
        return self.many or any(get_origin(part) is list for part in _parts(self.info.annotation))

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(getattr(self.kind, "words", ()))


@cache
def rows_of(model: type[Section]) -> dict[str, FieldRow]:
    """The keys of a section, by written name."""
    return {row.key: row for row in (_row(name, info) for name, info in model.model_fields.items())}


def walk(model: type[Section], prefix: str = "") -> Iterator[tuple[str, FieldRow]]:
    """Every key of the language with its dotted path; items of lists are marked `[]`."""
    for key, row in rows_of(model).items():
        path = f"{prefix}{key}"
        yield path, row
        if row.section is not None:
            yield from walk(row.section, f"{path}[]." if row.many else f"{path}.")


@cache
def leaves(model: type[Section]) -> dict[str, FieldRow]:
    """The keys that hold a value and not a section, by dotted path."""
    return {path: row for path, row in walk(model) if row.section is None}


def _row(name: str, info: FieldInfo) -> FieldRow:
    section, many = _section(info.annotation)
    kind = next((item for item in info.metadata if isinstance(item, ValueKind)), None) or _kind(info.annotation)
    made = section is not None and not many and info.default_factory is not None
    return FieldRow(info.alias or name, name, info, meanings_of(info), section, many, kind, made)


def _section(annotation: Any) -> tuple[type[Section] | None, bool]:
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, Section):
            return part, False
        if get_origin(part) is list:
            inner, _ = _section(get_args(part)[0])
            if inner is not None:
                return inner, True
    return None, False


def _kind(annotation: Any) -> ValueKind | None:
    for part in _parts(annotation):
        for item in getattr(part, "__metadata__", ()):
            if isinstance(item, ValueKind):
                return item
        if get_origin(part) is list:
            return None
    return None


def _parts(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, UnionType):
        return tuple(part for part in get_args(annotation) if part is not NoneType)
    return (annotation,)
