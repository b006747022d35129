"""From meant values to sections: every value is checked by its kind, and all that is wrong is collected.

`config/models.py` gives the same declarations as pydantic models; a test holds the two verdicts equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin

from lorabridge.config.base import Section
from lorabridge.config.fields import FieldRow, kind_of, parts_of, rows_of
from lorabridge.config.kinds import KindError, ValueKind
from lorabridge.config.paths import KeyPath

T = TypeVar("T", bound=Section)


MAX_PROBLEMS = 500
"""A list is not read further behind so many: nobody reads more, and each costs a search for the nearest name."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: a key too many, a key missing, a value of another shape, or one its kind refuses."""

    path: KeyPath
    what: Literal["unknown", "missing", "list", "section", "refused"]
    value: Any = None
    wrong: KindError | None = None


def build(model: type[T], data: Any, path: KeyPath = ()) -> tuple[T | None, list[Problem]]:
    """The section, or None, and what is wrong, in the order of the declaration; unknown keys last."""
    if not isinstance(data, dict):
        return None, [Problem(path, "section", data)]
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    rows = rows_of(model)
    for key, row in rows.items():
        if key in data:
            values[row.name] = _field(row, data[key], (*path, key), problems)
        elif row.required:
            problems.append(Problem((*path, key), "missing"))
        else:
            values[row.name] = absent_value(row)
    problems += [Problem((*path, key), "unknown", value) for key, value in data.items() if key not in rows]
    return (None if problems else model(values)), problems


def absent_value(row: FieldRow) -> Any:
    """The value of a field that was left out; a section is filled in with its own defaults."""
    if row.section is not None and row.made:
        return build(row.section, {})[0]
    return row.knob.factory() if row.knob.factory else row.knob.default


def _field(row: FieldRow, value: Any, path: KeyPath, problems: list[Problem]) -> Any:
    if value is None and row.nullable:
        return None
    if row.kind is not None:
        return _checked(row.kind, value, path, problems)
    if row.section is not None and not row.many:
        return _nested(row.section, value, path, problems)
    return _value(parts_of(row.annotation)[0], value, path, problems)


def _value(annotation: Any, value: Any, path: KeyPath, problems: list[Problem]) -> Any:
    kind, origin = kind_of(annotation), get_origin(annotation)
    if kind is not None:
        return _checked(kind, value, path, problems)
    if origin is list:
        if isinstance(value, list):
            inner = get_args(annotation)[0]
            return [_value(inner, item, (*path, index), problems) for index, item in enumerate(value) if len(problems) < MAX_PROBLEMS]
        problems.append(Problem(path, "list", value))
        return None
    if origin is dict:
        if isinstance(value, dict):
            inner = get_args(annotation)[1]
            return {key: _value(inner, item, (*path, key), problems) for key, item in value.items()}
        problems.append(Problem(path, "section", value))
        return None
    return _nested(annotation, value, path, problems) if annotation is not Any else value


def _nested(model: type[Section], value: Any, path: KeyPath, problems: list[Problem]) -> Any:
    built, found = build(model, value, path)
    problems += found
    return built


def _checked(kind: ValueKind, value: Any, path: KeyPath, problems: list[Problem]) -> Any:
    try:
        return kind.check(value)
    except KindError as wrong:
        problems.append(Problem(path, "refused", value, wrong))
        return None
