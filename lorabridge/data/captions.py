"""Reading caption files: bounded, never blocking, and with the place of what is wrong."""

from __future__ import annotations

import os
import re
import stat
from typing import NamedTuple

MOST_BYTES = 1 << 20
"""No caption is longer; a larger file is not read."""
LONG = 4000
"""Characters. The text encoders of the families read 77 to 512 tokens; a token is about four characters of English."""
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MARKS = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class Caption(NamedTuple):
    """One caption as text. `kind` names the defect ("" for none), `detail` says it, `line` and `column` where it stands (from 1)."""

    text: str | None
    kind: str = ""
    detail: str = ""
    line: int = 0
    column: int = 0


def read_caption(path: str) -> Caption:
    """Read and judge a caption file. Never raises: what goes wrong is a `kind`."""
    try:
        handle = os.open(path, _FLAGS)
    except OSError as error:
        return Caption(None, "unreadable", error.strerror or "cannot be opened")
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            return Caption(None, "odd", "no regular file")
        if facts.st_size > MOST_BYTES:
            return Caption(None, "caption_long", f"{facts.st_size:,} bytes; not read")
        return judge(os.read(handle, facts.st_size + 1))
    except OSError as error:
        return Caption(None, "unreadable", error.strerror or "cannot be read")
    finally:
        os.close(handle)


def judge(raw: bytes) -> Caption:
    """The text of a caption file's bytes, with the first defect found."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return Caption(None, "caption_encoding", _guess(raw), *_place(raw, error.start))
    if text.startswith("\ufeff"):
        return Caption(text[1:], "caption_empty" if not text[1:].strip() else "caption_bom", "", 1, 1)
    bad = _CONTROL.search(text)
    if bad:
        at = bad.start()
        return Caption(text, "caption_control", f"U+{ord(text[at]):04X}", text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
    if not text or text.isspace():
        return Caption("", "caption_empty")
    if len(text) > LONG:
        return Caption(text, "caption_long", f"{len(text):,} characters")
    return Caption(text)


def decode(raw: bytes) -> tuple[str, str] | None:
    """Text and the encoding to write it back in; None where that is not certain."""
    try:
        return (raw.decode("utf-8-sig"), "utf-8-sig") if raw.startswith(b"\xef\xbb\xbf") else (raw.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        pass
    name = next((name for mark, name in _MARKS if raw.startswith(mark)), "")
    if not name:
        return None
    exact = name + ("-be" if raw[:2] in (b"\xfe\xff", b"\0\0") else "-le")
    try:
        return raw.decode(name), exact
    except UnicodeDecodeError:
        return None


def encode(text: str, encoding: str) -> bytes:
    """The bytes of a text in an encoding that `decode` named, its mark included."""
    if encoding.startswith(("utf-16", "utf-32")):
        return ("\ufeff" + text).encode(encoding)
    return text.encode(encoding)


def _guess(raw: bytes) -> str:
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return f"it is {name.upper()}"
    even, odd = raw[:4000:2].count(0), raw[1:4000:2].count(0)
    if max(even, odd) > len(raw[:4000]) // 4:
        return "it looks like UTF-16 without a mark"
    return "it looks like Latin-1 or Windows-1252"


def _place(raw: bytes, at: int) -> tuple[int, int]:
    before = raw[:at]
    line = before.count(b"\n") + 1
    return line, len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
