"""The value kinds of the language, as annotations: strict, one error per value, JSON Schema included.

Each kind is put into `Annotated[...]` beside the Python type that it yields. A union of a number and
words (`float | "off"`) would be reported once per branch; these report exactly one thing.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from lorabridge.config.amounts import Amount, Unit, parse_amount

Json = dict[str, Any]
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


class KindError(ValueError):
    """A value that its kind refuses; becomes the diagnostic `code`."""

    def __init__(self, code: str, message: str, fix: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fix = fix


def fail(code: str, message: str, fix: str = "") -> NoReturn:
    """Refuse a value.

    Raises:
        KindError: always.
    """
    raise KindError(code, message, fix)


def kind_name(value: object) -> str:
    """The YAML word for a value's type, for messages."""
    names = {bool: "true/false", int: "a whole number", float: "a number", str: "text", list: "a list", dict: "a section"}
    return "nothing (null)" if value is None else names.get(type(value), type(value).__name__)


class ValueKind:
    """Base of the kinds: `check` returns the value of the language or fails with one code."""

    def check(self, value: Any) -> Any:
        raise NotImplementedError

    def schema(self) -> Json:
        raise NotImplementedError


@dataclass(frozen=True)
class Num(ValueKind):
    """A finite number in a range, or one of `words`. `whole` asks for an integer."""

    whole: bool = False
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    words: tuple[str, ...] = ()

    def check(self, value: Any) -> Any:
        if isinstance(value, str) and value in self.words:
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._wrong_type(value)
        if isinstance(value, float) and not math.isfinite(value):
            fail("LB106", f"`{value}` is not a finite number", "write an ordinary number")
        if self.whole:
            if isinstance(value, float) and value != int(value):
                fail("LB105", f"a whole number is expected here, found `{value}`")
            if isinstance(value, float):
                fail("LB105", f"a whole number is expected here, found the float `{value}`", f"write `{int(value)}`")
        for bad, text in (
            (self.gt is not None and value <= self.gt, f"greater than {self.gt}"),
            (self.ge is not None and value < self.ge, f"at least {self.ge}"),
            (self.lt is not None and value >= self.lt, f"less than {self.lt}"),
            (self.le is not None and value > self.le, f"at most {self.le}"),
        ):
            if bad:
                fail("LB106", f"`{value}` is out of range", f"write a number that is {text}")
        return value if self.whole else float(value)

    def _wrong_type(self, value: Any) -> NoReturn:
        wanted = ("a whole number" if self.whole else "a number") + "".join(f" or `{w}`" for w in self.words)
        if isinstance(value, str):
            try:
                number = float(value)
            except ValueError:
                near = difflib.get_close_matches(value.lower(), self.words, 1)
                fail("LB105", f"{wanted} is expected here, found the text `{value}`", f"did you mean `{near[0]}`?" if near else "")
            if math.isfinite(number):
                fail("LB105", f'{wanted} is expected here, found the text `"{value}"`', f"write it without quotes: `{value}`")
        fail("LB105", f"{wanted} is expected here, found {kind_name(value)}")

    def schema(self) -> Json:
        limits = {"exclusiveMinimum": self.gt, "minimum": self.ge, "exclusiveMaximum": self.lt, "maximum": self.le}
        number = {"type": "integer" if self.whole else "number"} | {k: v for k, v in limits.items() if v is not None}
        return {"anyOf": [number, {"enum": list(self.words)}]} if self.words else number


@dataclass(frozen=True)
class Text(ValueKind):
    """Non-empty text. `pattern` must match whole; `hint` is said when it does not."""

    pattern: str = ""
    hint: str = ""
    blank: bool = False

    def check(self, value: Any) -> Any:
        if not isinstance(value, str):
            fix = f'write it in quotes: `"{value}"`' if isinstance(value, int | float) else ""
            fail("LB105", f"text is expected here, found {kind_name(value)}", fix)
        if _NO_TEXT.search(value):
            fail("LB105", "the text contains a NUL byte, or half a character")
        if not self.blank and not value.strip():
            fail("LB105", "the text is empty")
        if self.pattern and not re.fullmatch(self.pattern, value):
            fail("LB106", f"`{value}` is not accepted here", self.hint)
        return value

    def schema(self) -> Json:
        pattern = f"^(?:{self.pattern})$" if self.pattern else "" if self.blank else r"\S"
        return {"type": "string"} | ({"pattern": pattern} if pattern else {})


@dataclass(frozen=True)
class Flag(ValueKind):
    """`true` or `false`, nothing else."""

    words: tuple[str, ...] = ()

    def check(self, value: Any) -> Any:
        if isinstance(value, bool) or (isinstance(value, str) and value in self.words):
            return value
        wanted = " or ".join(["`true` or `false`", *(f"`{word}`" for word in self.words)])
        fix = ""
        if isinstance(value, str) and value.lower() in ("yes", "on", "true", "1"):
            fix = "write `true`"
        elif isinstance(value, str) and value.lower() in ("no", "off", "false", "0"):
            fix = "write `false`"
        elif value in (0, 1):
            fix = f"write `{'true' if value else 'false'}`"
        shown = f"the text `{value}`" if isinstance(value, str) else kind_name(value)
        fail("LB105", f"{wanted} is expected here, found {shown}", fix)

    def schema(self) -> Json:
        return {"anyOf": [{"type": "boolean"}, {"enum": list(self.words)}]} if self.words else {"type": "boolean"}


@dataclass(frozen=True)
class Choice(ValueKind):
    """One of a closed list of words."""

    words: tuple[str, ...]

    def check(self, value: Any) -> Any:
        if isinstance(value, str) and value in self.words:
            return value
        shown = f"`{value}`" if isinstance(value, str) else kind_name(value)
        fix = ""
        if isinstance(value, str):
            plain = value.lower().replace("_", "-")
            near = [w for w in self.words if w.lower() == plain] or difflib.get_close_matches(plain, self.words, 1, 0.5)
            fix = f"did you mean `{near[0]}`?" if near else ""
        fail("LB107", f"{shown} is not one of {', '.join(f'`{word}`' for word in self.words)}", fix)

    def schema(self) -> Json:
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class Count(ValueKind):
    """An amount with a unit, or one of `words` (`never` is read as `off`)."""

    units: tuple[Unit, ...]
    words: tuple[str, ...] = ()

    def check(self, value: Any) -> Any:
        if isinstance(value, Amount):
            return value
        if isinstance(value, str):
            word = "off" if value == "never" else value
            if word in self.words:
                return word
            try:
                return parse_amount(value, self.units)
            except ValueError as error:
                fail("LB108", str(error))
        if isinstance(value, int | float) and not isinstance(value, bool):
            fix = f"write `{value} {self.units[0]}`" if self.units[0] != "percent" else f"write `{value}%`"
            fail("LB108", f"`{value}` has no unit; units are written, never guessed", fix)
        fail("LB105", f"an amount such as `100 {self.units[0]}` is expected here, found {kind_name(value)}")

    def schema(self) -> Json:
        names = "|".join(f"{_any_case(unit.removesuffix('s'))}[Ss]?" for unit in self.units if unit != "percent")
        forms = [rf"(\.0+)?\s*({names})"] * bool(names) + [r"(\.[0-9]+)?\s*%"] * ("percent" in self.units)
        amount = {"type": "string", "pattern": rf"^\s*(?=[0-9_.]*[1-9])[0-9][0-9_]*({'|'.join(forms)})\s*$"}
        words = [*self.words, *(["never"] if "off" in self.words else [])]
        return {"anyOf": [amount, {"enum": words}]} if words else amount


def _any_case(word: str) -> str:
    return "".join(f"[{letter.upper()}{letter}]" for letter in word)


@dataclass(frozen=True)
class Size(ValueKind):
    """A side in pixels, or `[width, height]`."""

    def check(self, value: Any) -> Any:
        side = Num(whole=True, ge=16)
        if isinstance(value, list):
            if len(value) != 2:
                fail("LB105", f"a size is one side or `[width, height]`, found a list of {len(value)}")
            return (side.check(value[0]), side.check(value[1]))
        return value if isinstance(value, tuple) else side.check(value)

    def schema(self) -> Json:
        side = {"type": "integer", "minimum": 16}
        return {"anyOf": [side, {"type": "array", "items": side, "minItems": 2, "maxItems": 2}]}
