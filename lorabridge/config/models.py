"""The sections of the language as pydantic models, for programs that build forms, requests or editors on them.

`check` does without: importing pydantic takes longer than all of its work. Both faces come from the same
declarations and the same kinds, and a test holds their verdicts equal.
"""

from __future__ import annotations

from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, create_model
from pydantic_core import PydanticCustomError, core_schema

from lorabridge.config.amounts import Amount
from lorabridge.config.base import Section
from lorabridge.config.fields import FieldRow, parts_of, rows_of
from lorabridge.config.kinds import KindError, ValueKind
from lorabridge.config.schema import Config

STRICT = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=False)


class _Kind:
    """A value kind as pydantic wants it; the error keeps its code in the context."""

    def __init__(self, kind: ValueKind) -> None:
        self.kind = kind

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        plain = core_schema.plain_serializer_function_ser_schema(lambda value: str(value) if isinstance(value, Amount) else value)
        return core_schema.no_info_plain_validator_function(self._check, serialization=plain)

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return self.kind.schema()

    def _check(self, value: Any) -> Any:
        try:
            return self.kind.check(value)
        except KindError as error:
            # Braces would be read as a format by pydantic: the message goes in as a value.
            said = {"code": error.code, "message": error.message, "fix": error.fix}
            raise PydanticCustomError("lorabridge", "{message}", said) from None


_MODELS: dict[type, type[BaseModel]] = {}


def pydantic_model(section: type[Section] = Config) -> type[BaseModel]:
    """The model of a section, by default of the whole document. It validates meant values, as `Loaded.data` holds them.

    Keys are aliases (`for`), fields have the names of the declaration (`length`). A refused value is an error of
    the type `lorabridge` whose context has the diagnostic's code, message and fix.
    """
    if section not in _MODELS:
        fields: dict[str, Any] = {row.name: (_annotation(row), _default(row)) for row in rows_of(section).values()}
        _MODELS[section] = create_model(section.__name__, __config__=STRICT, __doc__=section.__doc__, **fields)
    return _MODELS[section]


def _default(row: FieldRow) -> Any:
    texts: dict[str, Any] = {"description": row.doc, "alias": row.key}
    if row.required:
        return Field(**texts)
    if row.made and row.section is not None:
        return Field(default_factory=pydantic_model(row.section), **texts)
    return Field(default_factory=row.knob.factory, **texts) if row.knob.factory else Field(default=row.knob.default, **texts)


def _annotation(row: FieldRow) -> Any:
    plain = Annotated[Any, _Kind(row.kind)] if row.kind is not None else _shape(parts_of(row.annotation)[0])
    return plain | None if row.nullable else plain


def _shape(annotation: Any) -> Any:
    """The annotation with models for sections and kinds as pydantic wants them."""
    kind = next((item for item in getattr(annotation, "__metadata__", ()) if isinstance(item, ValueKind)), None)
    if kind is not None:
        return Annotated[Any, _Kind(kind)]
    if get_origin(annotation) is list:
        return list[_shape(get_args(annotation)[0])]  # type: ignore[misc]
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return pydantic_model(annotation)
    return annotation
