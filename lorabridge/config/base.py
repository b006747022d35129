"""The base of every section of the language: a closed, immutable mapping, declared as a pydantic model is.

Importing pydantic and building its validators took longer than everything else in a `check`, so the
sections are read by `config/build.py`; `config/models.py` gives the same declarations as pydantic models.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, Self


class Section:
    """A mapping of the language: strict, closed, immutable.

    Fields are annotations with a `knob`. `shorthand` names the key that a bare value stands for:
    `optimizer: adamw` is `optimizer: {type: adamw}`.
    """

    shorthand: ClassVar[str] = ""

    def __init__(self, values: dict[str, Any] | None = None) -> None:
        """Take values by field name, complete and already checked (`config/build.py` does both); none: the defaults."""
        self.__dict__.update(_defaults(type(self)) if values is None else values)

    def replace(self, **values: Any) -> Self:
        """A copy with other values in some fields, which are not checked again."""
        return type(self)(self.__dict__ | values)

    def plain(self, *, by_key: bool = False, nulls: bool = True) -> dict[str, Any]:
        """The section as plain data, amounts as text, in the order of the declaration.

        `by_key` names fields as they are written (`for` instead of `length`); `nulls=False` leaves out
        what is None.
        """
        from lorabridge.config.fields import rows_of

        names = {row.name: row.key if by_key else row.name for row in rows_of(type(self)).values()}
        return {
            shown: _plain(self.__dict__[name], by_key, nulls) for name, shown in names.items() if nulls or self.__dict__[name] is not None
        }

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable; use replace()")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.__dict__!r})"


def _defaults(model: type[Section]) -> dict[str, Any]:
    from lorabridge.config.build import absent_value
    from lorabridge.config.fields import rows_of

    return {row.name: absent_value(row) for row in rows_of(model).values()}


def _plain(value: Any, by_key: bool, nulls: bool) -> Any:
    if isinstance(value, Section):
        return value.plain(by_key=by_key, nulls=nulls)
    if isinstance(value, list | tuple):
        return [_plain(item, by_key, nulls) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item, by_key, nulls) for key, item in value.items()}
    return value if value is None or isinstance(value, str | int | float) else str(value)
