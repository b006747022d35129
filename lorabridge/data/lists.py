"""Lists of data in JSON: `captions.json` of a folder, and JSON Lines files. Each problem knows its line and column."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lorabridge.data.problems import Problem

MOST_BYTES = 256 << 20
_IMAGE, _VIDEO = ("image_path", "image_path_0"), ("video_path",)


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a list: the path as written, its caption (None: none), control pictures, and the line."""

    path: str
    caption: str | None
    control: tuple[str, ...]
    line: int


def read_text(path: str) -> tuple[str, Problem | None]:
    """The text of a list. A BOM is taken off (JSON readers stop at it: that is a problem of its own)."""
    try:
        facts = os.stat(path)
        if not stat.S_ISREG(facts.st_mode):
            return "", Problem("odd", path, "no regular file")
        if facts.st_size > MOST_BYTES:
            return "", Problem("too_many", path, f"{facts.st_size:,} bytes")
        with open(path, "rb") as handle:
            raw = handle.read(MOST_BYTES)
    except OSError as error:
        return "", Problem("unreadable", path, error.strerror or "")
    try:
        return raw.decode("utf-8"), None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return "", Problem("caption_encoding", path, f"byte {raw[error.start]:#04x}", line, error.start - raw.rfind(b"\n", 0, error.start))


def read_jsonl(path: str, video: bool) -> tuple[list[Record], list[Problem]]:
    """The records of a JSON Lines file."""
    text, problem = read_text(path)
    if problem:
        return [], [problem]
    records: list[Record] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() and number > text.count("\n"):
            continue  # what stands after the last line end
        found = _record(path, line.removesuffix("\r"), number, video)
        if isinstance(found, Problem):
            problems.append(found)
        else:
            records.append(found)
    return records, problems


def _record(path: str, line: str, number: int, video: bool) -> Record | Problem:
    def wrong(detail: str, column: int = 1) -> Problem:
        return Problem("jsonl_line", path, f"{detail} (line {number})", number, column)

    if not line.strip():
        return wrong("an empty line; the trainer's reader stops at it")
    if line.startswith("\ufeff"):
        return wrong("a byte order mark; save it as UTF-8 without BOM")
    try:
        data = json.loads(line)
    except json.JSONDecodeError as error:
        return wrong(error.msg, error.colno)
    except (ValueError, RecursionError):
        return wrong("numbers or nesting beyond reason")
    detail, name = _keys(data, video)
    if detail:
        return wrong(detail)
    control = tuple(str(data[key]) for key in sorted(data, key=_control_order) if key == "control_path" or key.startswith("control_path_"))
    return Record(name, data["caption"], control, number)


def _keys(data: Any, video: bool) -> tuple[str, str]:
    """What is wrong with a line's object ("" for nothing), and the path that it names."""
    if not isinstance(data, dict):
        return "no JSON object", ""
    keys = _VIDEO if video else _IMAGE
    name = next((data[key] for key in keys if key in data), None)
    if not isinstance(name, str) or not name or "\0" in name:
        other = next((key for key in (*_IMAGE, *_VIDEO) if key in data), "")
        return (f"`{other}` in a list of {'clips' if video else 'pictures'}" if other and name is None else f"no `{keys[0]}`"), ""
    caption = data.get("caption")
    return ("" if isinstance(caption, str) else "no `caption`" if caption is None else "`caption` is no text"), name


def _control_order(key: str) -> tuple[int, str]:
    last = key.rsplit("_", 1)[-1]
    return (int(last) if last.isdecimal() and len(last) < 10 else -1, key)


def read_captions_json(path: str) -> tuple[dict[str, tuple[str, ...]] | None, list[Problem]]:
    """File name to captions, in diffusion-pipe's form. None when the file holds no object."""
    text, problem = read_text(path)
    if problem:
        return None, [problem]
    if text.startswith("\ufeff"):
        return None, [Problem("captions_json", path, "it starts with a byte order mark", 1, 1)]
    try:
        data = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        return None, [Problem("captions_json", path, f"{error.msg} (line {error.lineno}, column {error.colno})", error.lineno, error.colno)]
    except (ValueError, RecursionError):
        return None, [Problem("captions_json", path, "numbers or nesting beyond reason", 1, 1)]
    if not isinstance(data, _Pairs):
        return None, [Problem("captions_json", path, "it holds no object of file names", 1, 1)]
    return _table(path, text, data)


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with its repeated keys."""


def _table(path: str, text: str, data: _Pairs) -> tuple[dict[str, tuple[str, ...]], list[Problem]]:
    table: dict[str, tuple[str, ...]] = {}
    problems = []
    for name, value in data:
        detail = ""
        if name in table:
            detail = "is named twice; the last one counts"
        if isinstance(value, list) and not isinstance(value, _Pairs) and all(isinstance(item, str) for item in value):
            if not value:
                detail = "has an empty list: it has no caption"
            table[name] = tuple(value)
        else:
            detail = "has no list of captions"
            table[name] = (value,) if isinstance(value, str) else ()
        if detail:
            problems.append(Problem("captions_json", path, f"`{name}` {detail}", *_place(text, name)))
    return table, problems


def _place(text: str, name: str) -> tuple[int, int]:
    """The last place where a key is written, as it may be escaped."""
    at = max(text.rfind(json.dumps(name)), text.rfind(json.dumps(name, ensure_ascii=False)), 0)
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def relative(records: list[Record]) -> Iterator[Record]:
    """The records whose paths are not absolute."""
    return (record for record in records if not os.path.isabs(os.path.expanduser(record.path)))
