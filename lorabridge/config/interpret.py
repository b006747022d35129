"""From written values to meant values: shorthands are spelled out, zero and empty get their meaning.

Works on plain data before validation, so that the models only ever see the words of the language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lorabridge.config.base import Section
from lorabridge.config.document import Place
from lorabridge.config.fields import FieldRow, rows_of
from lorabridge.config.meanings import WORDS, Meaning
from lorabridge.config.paths import KeyPath, show
from lorabridge.diagnostics import Diagnostic

_DROP = object()
_KEEP = object()


@dataclass(frozen=True, slots=True)
class Reading:
    """A raw value that was not taken at face value."""

    path: KeyPath
    raw: Any
    meaning: Meaning


@dataclass(slots=True)
class Interpreter:
    """Walks data along the models. Places of shorthands are added so that findings still point at the text."""

    places: dict[KeyPath, Place]
    readings: list[Reading]
    diagnostics: list[Diagnostic]

    def section(self, model: type[Section], data: dict[str, Any], path: KeyPath = ()) -> dict[str, Any]:
        """The section with its meanings made plain; unknown keys are left for validation to report."""
        rows = rows_of(model)
        result: dict[str, Any] = {}
        for key, value in data.items():
            row = rows.get(key)
            meant = value if row is None else self._field(row, value, (*path, key))
            if meant is not _DROP:
                result[key] = meant
        for key, row in rows.items():
            if row.made and row.section is not None and key not in result:
                result[key] = self.section(row.section, {}, (*path, key))
        return result

    def _field(self, row: FieldRow, value: Any, path: KeyPath) -> Any:
        meant = self._special(row, value, path)
        if meant is not _KEEP:
            return meant
        if row.section is None:
            return value
        if row.many:
            return [self._nested(row.section, item, (*path, i)) for i, item in enumerate(value)] if isinstance(value, list) else value
        return self._nested(row.section, value, path)

    def _nested(self, model: type[Section], value: Any, path: KeyPath) -> Any:
        value = long_form(model, value, path, self.places)
        return self.section(model, value, path) if isinstance(value, dict) else value

    def _special(self, row: FieldRow, value: Any, path: KeyPath) -> Any:
        meaning = _meaning(row, value)
        if meaning is None or meaning.kind in ("number", "value"):
            return _KEEP
        if meaning.kind == "invalid":
            self._invalid(value, meaning, path)
            return _DROP
        self.readings.append(Reading(path, value, meaning))
        if meaning.kind == "off" and row.meanings.absent.kind == "inherit":
            return _KEEP  # left out it would inherit: an empty text that means "none" has to stay
        if meaning.kind in WORDS and meaning.kind in row.words:
            return meaning.kind
        if meaning.kind == "off" and value == "" and getattr(row.kind, "blank", False):
            return value  # the empty text is the word for none: leaving it out would inherit another one
        return _DROP

    def _invalid(self, value: Any, meaning: Meaning, path: KeyPath) -> None:
        place = self.places.get(path)
        shown = "null" if value is None else value if isinstance(value, int | float) else '""' if value == "" else "[]"
        dotted = show(path)
        self.diagnostics.append(
            Diagnostic(
                "LB201",
                f"`{dotted}: {shown}` has no meaning",
                place.value if place else None,
                why=meaning.note,
                fix="write the value that is meant, or leave the key out",
                path=dotted,
            )
        )


def long_form(model: type[Section], value: Any, path: KeyPath, places: dict[KeyPath, Place]) -> Any:
    """`adamw` as `{type: adamw}`, where the section has such a short form."""
    if not model.shorthand or value is None or isinstance(value, dict | list):
        return value
    if path in places:
        places[*path, model.shorthand] = places[path]
    return {model.shorthand: value}


def spell_out(model: type[Section], data: dict[str, Any], places: dict[KeyPath, Place], path: KeyPath = ()) -> None:
    """Write sections in their long form, in place, so that layers merge key by key. Off and the like stay."""
    for key, row in rows_of(model).items():
        value = data.get(key)
        if row.section is None or row.many or value is None:
            continue
        if _meaning(row, value) is None:
            value = data[key] = long_form(row.section, value, (*path, key), places)
        if isinstance(value, dict):
            spell_out(row.section, value, places, (*path, key))


def _meaning(row: FieldRow, value: Any) -> Meaning | None:
    if value is None:
        return row.meanings.null
    if isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
        return row.meanings.zero
    if value == "" or (value == [] and row.listed) or (value == {} and row.section is None and row.kind is None and not row.listed):
        return row.meanings.empty
    return None
