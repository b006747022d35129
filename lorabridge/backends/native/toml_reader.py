"""TOML as the trainers read it: by the package `toml` 0.10.2, which knows less than TOML 1.0 does.

The data come from that very package. Positions come from `toml_places`, and a second reading by
`tomllib` tells where the two disagree.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from lorabridge.backends.native.model import NativeFile
from lorabridge.backends.native.toml_places import places_of
from lorabridge.config.paths import KeyPath, show
from lorabridge.diagnostics import Diagnostic, Span

BOM = "\ufeff"
_FIXES = (
    ("homogeneous", "write all numbers of the array alike: `[1.0, 0.5]`"),
    ("leading digit", "write `0.5`, not `.5`; words and paths go in quotes, `true` and `false` in small letters"),
    ("Reserved escape", "write paths with `/`, or in single quotes: 'C:\\models'"),
    ("Duplicate keys", "keep one of the two"),
    ("already exists", "write the section once"),
    ("lowercase booleans", "write `true` or `false`"),
    ("date or number", "put text in quotes; write numbers in plain decimal"),
    ("leading zeroes", "write the number without leading zeros"),
    ("Empty value", "write a value, or remove the key"),
    ("Unterminated", "close the quotes"),
    ("key name", "write `key = value`; quote keys that hold other characters"),
    ("closed string", "remove what follows the closing quote"),
)


def read_toml(name: str, text: str) -> NativeFile:
    """Parse TOML; what the trainer's reader refuses, drops or reads differently is reported."""
    text = text.replace("\r\n", "\n")
    file = NativeFile(name, text, "toml")
    plain = text.removeprefix(BOM)
    file.places = places_of(name, plain, shift=len(text) - len(plain))
    try:
        file.data = _load(text)
    except _RefusedError as error:
        _refused(file, error, text)
        try:
            file.data = tomllib.loads(plain)
        except (tomllib.TOMLDecodeError, RecursionError):
            return file
    _bom(file)
    if not file.diagnostics:
        _compare(file, plain)
    return file


class _RefusedError(Exception):
    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line, self.column = line, column


def _load(text: str) -> dict[str, Any]:
    import toml

    try:
        return dict(toml.loads(text))
    except toml.TomlDecodeError as error:
        message = re.sub(r" \(line \d+ column \d+ char \d+\)$", "", str(error))
        raise _RefusedError(re.sub(r"\{.*\}$", "", message), error.lineno, error.colno) from error
    except (IndexError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _RefusedError(f"{type(error).__name__}: {error}") from error


def _refused(file: NativeFile, error: _RefusedError, text: str) -> None:
    message, line, column = str(error), error.line, error.column
    if text.startswith(BOM):
        message, column = f"{message}, because of the byte-order mark before it", 1
        fix = "save the file as UTF-8 without byte-order mark"
    else:
        fix = next((fix for word, fix in _FIXES if word in message), "check quotes, brackets and the line above")
    span = next((place.value for place in file.places.values() if place.key.line == line and place.value.line == line), None)
    if span is None or column > 1:
        span = Span(file.name, line, column, line, column + 1)
    file.diagnostics.append(
        Diagnostic("LB320", f"not readable: {message}", span, why="the trainer reads TOML with toml 0.10.2 and stops at once", fix=fix)
    )


def _bom(file: NativeFile) -> None:
    for key in [key for key in file.data if isinstance(key, str) and key.startswith(BOM)]:
        value, plain = file.data.pop(key), key.removeprefix(BOM)
        span = file.span((plain,), "key")
        file.places = {path: place for path, place in file.places.items() if path[0] != plain or plain in file.data}
        file.diagnostics.append(
            Diagnostic(
                "LB320",
                f"the file starts with a byte-order mark: `{plain} = {_short(value)}` is not read",
                span,
                why="toml 0.10.2 takes the mark for a part of the first key's name; the key is lost in silence",
                fix="save the file as UTF-8 without byte-order mark",
            )
        )
    if file.text.startswith(BOM) and not file.diagnostics:
        why = "toml 0.10.2 reads it as a part of the first line"
        fix = "save the file as UTF-8 without byte-order mark"
        file.diagnostics.append(
            Diagnostic("LB320", "the file starts with a byte-order mark", Span(file.name, 1, 1, 1, 2), "warning", why, fix)
        )


def _compare(file: NativeFile, text: str) -> None:
    """Where a reader of TOML 1.0 sees something else, the text does not say what its author thinks."""
    try:
        other = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, column = _position(str(error))
        span = Span(file.name, line, column, line, column + 1)
        message = re.sub(r" \(at .*\)$", "", str(error))
        file.diagnostics.append(
            Diagnostic(
                "LB320",
                f"not valid TOML: {message}",
                span,
                why="toml 0.10.2 lets it pass and may have read something else",
                fix="mend the line",
            )
        )
        return
    except RecursionError:
        return
    path = _difference(file.data, other, ())
    if path is not None:
        ours, theirs = _short(file.get(path)), _short(NativeFile("", "", "toml", other).get(path))
        file.diagnostics.append(
            Diagnostic(
                "LB320",
                f"`{show(path)}` is read as {ours}, not as {theirs}",
                file.span(path),
                why="the trainer's reader (toml 0.10.2) knows less than TOML 1.0",
                fix="write it in a simpler way, on one line",
                path=show(path),
            )
        )


def _difference(ours: Any, theirs: Any, path: KeyPath) -> KeyPath | None:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if list(ours.keys() ^ theirs.keys()):
            return (*path, sorted(ours.keys() ^ theirs.keys())[0])
        return next((found for key in ours if (found := _difference(ours[key], theirs[key], (*path, key))) is not None), None)
    if isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            return path
        return next(
            (found for index, item in enumerate(ours) if (found := _difference(item, theirs[index], (*path, index))) is not None), None
        )
    return None if ours == theirs or str(ours) == str(theirs) else path


def _position(message: str) -> tuple[int, int]:
    match = re.search(r"at line (\d+), column (\d+)", message)
    return (int(match[1]), int(match[2])) if match else (1, 1)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
