"""Bytes to lines to events: the part that every log parser shares.

A log is mostly quiet. A parser names the few words (`KEYS`) without which a line says nothing to it; stretches without any
are passed over at the speed of `bytes.find`.
"""

from __future__ import annotations

import re

from lorabridge.backends.events import Event

MAX_LINE = 1 << 20
"""A longer line is read in pieces of this many bytes."""
_PIECE = 1 << 13
_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")


class LineReader:
    """Lines, ended by \\n or \\r, from bytes in any cuts. Bad UTF-8 is replaced, terminal escapes are left out.

    Subclasses give `_line`: True when it has understood a line. `text=True` makes a `text` event of each line that was not.
    """

    KEYS: tuple[bytes, ...] = ()

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
            self._block(block.replace(b"\r", b"\n"), out)
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
        keys, take, start, size = self.KEYS, self._take, 0, len(block)
        while start < size:
            end = block.rfind(b"\n", start, start + _PIECE) + 1 or block.find(b"\n", start + _PIECE) + 1
            piece = block[start:end]
            start = end
            if self._text or self._busy or _has(piece, keys):
                for line in piece.split(b"\n"):
                    if line:
                        take(line, out)

    def _take(self, line: bytes, out: list[Event]) -> None:
        while len(line) > MAX_LINE:
            self._take(line[:MAX_LINE], out)
            line = line[MAX_LINE:]
        if b"\x1b" in line:
            line = _ESCAPE.sub(b"", line)
        # also here, so that a line means the same whatever stands around it
        understood = (self._busy or _has(line, self.KEYS)) and self._line(line, out)
        if not understood and self._text and (text := decoded(line).strip()):
            out.append(Event("text", text=text))


def _has(data: bytes, keys: tuple[bytes, ...]) -> bool:
    for key in keys:  # noqa: SIM110 - any() is three times slower here
        if key in data:
            return True
    return False


def decoded(line: bytes) -> str:
    """The text of a line, whatever its bytes."""
    return line.decode("utf-8", "replace")
