"""Bytes to lines to events: the part that every log parser shares.

A log is mostly quiet. A parser names the few words (`KEYS`) without which a line says nothing to it; what has none of them is
passed over by one search. A key begins with a letter that is rare in logs (an upper-case one, `k`, `v`, a sign): the search
then stops at few places.
"""

from __future__ import annotations

import re

from lorabridge.backends.events import Event

MAX_LINE = 1 << 20
"""A longer line is read in pieces of this many bytes."""
_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")


class LineReader:
    """Lines, ended by \\n or \\r, from bytes in any cuts. Bad UTF-8 is replaced, terminal escapes are left out.

    Subclasses give `_line`: True when it has understood a line. `text=True` makes a `text` event of each line that was not.
    """

    KEYS: tuple[bytes, ...] = (b".",)
    """Regular expressions, one of which is in every line that means something."""
    _quick: re.Pattern[bytes]

    def __init_subclass__(cls) -> None:
        cls._quick = re.compile(_joined(cls.KEYS))

    def __init__(self, text: bool = False) -> None:
        self._text = text
        self._busy = False
        """Whether quiet lines matter at present."""
        self._held: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[Event]:
        """The events of the lines that `data` completes."""
        out: list[Event] = []
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if end:
            block = b"".join((*self._held, data[:end]))
            self._held, self._size, data = [], 0, data[end:]
            self._block(b"\n" + block.replace(b"\r", b"\n"), out)
        if data:
            self._held.append(data)
            self._size += len(data)
            if self._size > MAX_LINE:
                self._too_long(out)
        return out

    def close(self) -> list[Event]:
        """The events of a last line without an end, and what the end itself tells."""
        out: list[Event] = []
        last = b"".join(self._held)
        self._held, self._size = [], 0
        if last:
            self._take(last, out)
        self._end(out)
        return out

    def _line(self, line: bytes, out: list[Event]) -> bool:
        raise NotImplementedError

    def _end(self, out: list[Event]) -> None:
        """The stream has ended."""

    def _too_long(self, out: list[Event]) -> None:
        line = b"".join(self._held)
        while len(line) > MAX_LINE:
            self._take(line[:MAX_LINE], out)
            line = line[MAX_LINE:]
        self._held, self._size = [line], len(line)

    def _block(self, block: bytes, out: list[Event]) -> None:
        search, start, size = self._quick.search, 0, len(block)
        while start < size:
            seeking = not self._text and not self._busy
            if seeking:
                found = search(block, start)
                if found is None:
                    return
                start = max(start, block.rfind(b"\n", start, found.start() + 1) + 1)
            end = block.find(b"\n", start)
            if end > start:
                self._take(block[start:end], out, seeking)
            # the line's end is the next line's beginning, which keys may ask for
            start = end if not self._text and not self._busy else end + 1

    def _take(self, line: bytes, out: list[Event], found: bool = False) -> None:
        """One line; `found`: it has a key."""
        while len(line) > MAX_LINE:
            self._take(line[:MAX_LINE], out)
            line, found = line[MAX_LINE:], False
        if b"\x1b" in line:
            line, found = _ESCAPE.sub(b"", line), False
        # the keys are asked for in every case, so that a line means the same whatever stands around it
        understood = (found or self._busy or self._quick.search(b"\n" + line)) and self._line(line, out)
        if not understood and self._text and (text := decoded(line).strip()):
            out.append(Event("text", text=text))


def _joined(keys: tuple[bytes, ...]) -> bytes:
    """One expression, its branches by their first byte: fewer of them are tried at each place."""
    groups: dict[bytes, list[bytes]] = {}
    for key in keys:
        size = 2 if key.startswith(b"\\") else 1
        size = 4 if key.startswith(b"\\x") else size
        groups.setdefault(key[:size], []).append(key[size:])
    return b"|".join(first + b"(?:" + b"|".join(rest) + b")" for first, rest in groups.items())


def decoded(line: bytes) -> str:
    """The text of a line, whatever its bytes."""
    return line.decode("utf-8", "replace")
