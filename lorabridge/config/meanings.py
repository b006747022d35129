"""What zero, empty, null and absence mean to the person who writes them, as data on each field.

Every special meaning has one canonical word of the language (`off`, `auto`, `unlimited`, `random`),
so that the rest of the program sees `"off"` and never has to ask what a 0 was meant to be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["number", "value", "off", "auto", "unlimited", "random", "inherit", "default", "invalid"]
WORDS: tuple[Kind, ...] = ("off", "auto", "unlimited", "random")


@dataclass(frozen=True, slots=True)
class Meaning:
    """`kind` says what the raw value means; `note` who decides, which field, or why it is invalid."""

    kind: Kind
    note: str = ""

    def __str__(self) -> str:
        if self.kind == "inherit":
            return f"inherit({self.note})"
        return f"{self.kind}: {self.note}" if self.note else self.kind


NUMBER = Meaning("number", "an ordinary value")
VALUE = Meaning("value", "taken as written")
OFF = Meaning("off")
UNLIMITED = Meaning("unlimited")
RANDOM = Meaning("random", "drawn once per run, written into the compiled files and the lock")


def auto(who: str) -> Meaning:
    """The value is decided elsewhere; `who` names the one that decides, and how."""
    return Meaning("auto", who)


def inherit(path: str) -> Meaning:
    """The value of the field at `path` is used."""
    return Meaning("inherit", path)


def default(value: object) -> Meaning:
    """The field's documented default is used."""
    return Meaning("default", str(value))


def invalid(why: str) -> Meaning:
    """Refused; `why` tells the writer what it would have done."""
    return Meaning("invalid", why)


@dataclass(frozen=True, slots=True)
class Meanings:
    """The meanings of the four raw values that trainers disagree about, for one field."""

    zero: Meaning | None
    empty: Meaning
    null: Meaning
    absent: Meaning


@dataclass(frozen=True, slots=True)
class Knob:
    """The declaration of one field: its text, its default (a value, or a `factory`), its meanings, its source."""

    doc: str
    default: Any
    factory: Callable[[], Any] | None
    alias: str | None
    meanings: Meanings
    source: str

    @property
    def required(self) -> bool:
        return self.default is ... and self.factory is None


_EMPTY = invalid("an empty value says nothing; leave the key out or write the word that is meant")


def knob(
    doc: str,
    *,
    default_value: Any = ...,
    zero: Meaning | None = None,
    empty: Meaning = _EMPTY,
    null: Meaning | None = None,
    absent: Meaning | None = None,
    factory: Any = None,
    source: str = "",
    alias: str | None = None,
) -> Any:
    """Declare one field of the language: its text, its default and its four meanings.

    `null` defaults to what absence means; absence defaults to the stated default, or to
    "required" when there is none. `zero=None` says that a zero is not special (the field's
    own range decides). `source` names the paper or report the intent was taken from;
    `alias` is the written key where Python reserves the word.
    """
    required = default_value is ... and factory is None
    if absent is None:
        absent = invalid("this key is required") if required else default(_spell(default_value, factory))
    return Knob(doc, default_value, factory, alias, Meanings(zero, empty, null or absent, absent), source)


def _spell(value: object, factory: object) -> str:
    if factory is not None or value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
