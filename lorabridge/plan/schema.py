"""The JSON Schema of the language, draft-07: what editors read. Meanings are part of the descriptions."""

from __future__ import annotations

from typing import Any

from lorabridge.backends import BACKENDS
from lorabridge.config.base import Section
from lorabridge.config.fields import FieldRow, rows_of
from lorabridge.config.meanings import Meaning
from lorabridge.config.schema import Config
from lorabridge.families import FAMILIES

Json = dict[str, Any]
SCHEMA_ID = "https://raw.githubusercontent.com/lorabridge/lorabridge/main/schemas/lorabridge-1.schema.json"


def language_schema() -> Json:
    """The whole schema, with a definition per section."""
    definitions: dict[str, Json] = {}
    root = _section(Config, definitions)
    root["properties"] = {"extends": _extends(), **root["properties"]}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": SCHEMA_ID,
        "title": "lorabridge 1",
        **root,
        "definitions": definitions,
    }


def _extends() -> Json:
    name = {"type": "string", "minLength": 1}
    return {"description": "Presets or files that this one builds on.", "anyOf": [name, {"type": "array", "items": name}]}


def _section(model: type[Section], definitions: dict[str, Json]) -> Json:
    rows = rows_of(model)
    properties = {key: _field(row, definitions) for key, row in rows.items()}
    required = [key for key, row in rows.items() if row.required]
    text = (model.__doc__ or "").split("\n\n")[0].strip()
    return {"type": "object", "description": text, "additionalProperties": False, "properties": properties} | (
        {"required": required} if required else {}
    )


def _field(row: FieldRow, definitions: dict[str, Json]) -> Json:
    accepted = [_value(row, definitions), *_special(row)]
    body = accepted[0] if len(accepted) == 1 else {"anyOf": accepted}
    return {"description": description(row), **body}


def _value(row: FieldRow, definitions: dict[str, Json]) -> Json:
    if row.section is not None:
        name = row.section.__name__
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _section(row.section, definitions)
        item: Json = {"$ref": f"#/definitions/{name}"}
        if row.section.shorthand:
            short = rows_of(row.section)[row.section.shorthand]
            zero = [special for special in _special(short) if special["const"] == 0]
            item = {"anyOf": [item, *_flat(_value(short, definitions)), *zero]}
        return _array(row, item) if row.many else item
    if row.key == "family" and row.kind is not None:
        return {"anyOf": [{"enum": list(FAMILIES)}, row.kind.schema()]}
    if row.key == "backends":
        return {"type": "object", "additionalProperties": {"type": "object"}, "properties": {name: {"type": "object"} for name in BACKENDS}}
    if row.kind is not None:
        return row.kind.schema()
    return _container(row)


def _flat(schema: Json) -> list[Json]:
    return list(schema.get("anyOf", [schema]))


def _container(row: FieldRow) -> Json:
    """Lists of values and free mappings."""
    from typing import get_args, get_origin

    from lorabridge.config.kinds import ValueKind

    for part in (row.annotation, *get_args(row.annotation)):
        if get_origin(part) is list:
            inner = get_args(part)[0]
            kind = next((item for item in getattr(inner, "__metadata__", ()) if isinstance(item, ValueKind)), None)
            return _array(row, kind.schema() if kind else {})
    return {"type": "object"}


def _array(row: FieldRow, item: Json) -> Json:
    """A list, with at least one item where an empty one means nothing."""
    says_nothing = row.meanings.empty.kind == "invalid"
    return {"type": "array", "items": item} | ({"minItems": 1} if says_nothing else {})


def _special(row: FieldRow) -> list[Json]:
    """The raw values that have a meaning although the kind alone would refuse them."""
    return [{"const": raw} for name, raw in (("zero", 0), ("empty", ""), ("null", None)) if _accepted(getattr(row.meanings, name))]


def _accepted(meaning: Meaning | None) -> bool:
    return meaning is not None and meaning.kind not in ("invalid", "number", "value")


def description(row: FieldRow) -> str:
    """The field's text with its meanings, as editors show it."""
    parts = [row.doc]
    for name, label in (("zero", "0"), ("empty", '""'), ("null", "null"), ("absent", "left out")):
        meaning = getattr(row.meanings, name)
        if meaning is not None and (name == "absent" or meaning.kind != "invalid"):
            parts.append(f"{label}: {meaning}.")
    return " ".join(parts)
