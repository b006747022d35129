"""The bytes of one file, read by position and within a budget: hostile headers cannot make a scan read on and on."""

from __future__ import annotations

import os

HEAD = 4096
TAIL = 16
_READS = 512
_BYTES = 8 << 20
_SEARCH = 256 << 20


class HeaderError(ValueError):
    """The header is broken; the text says how."""


class Source:
    """A regular file: `head` holds its first bytes, `tail` its last ones, `size` its length; `at` reads elsewhere.

    Raises HeaderError when a header asks for more than the budget of reads.
    """

    __slots__ = ("_bytes", "_handle", "_reads", "head", "size", "tail")

    def __init__(self, head: bytes, tail: bytes, size: int, handle: int = -1) -> None:
        self.head, self.tail, self.size, self._handle = head, tail, size, handle
        self._reads, self._bytes = _READS, _BYTES

    def at(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset`; fewer at the end of the file."""
        if offset + count <= len(self.head):
            return self.head[offset : offset + count]
        if offset >= self.size or count <= 0:
            return b""
        self._reads -= 1
        self._bytes -= count
        if self._reads < 0 or self._bytes < 0:
            raise HeaderError("the header is spread over too many places")
        if self._handle < 0:
            return self.head[offset : offset + count]
        if hasattr(os, "pread"):
            return os.pread(self._handle, count, offset)
        os.lseek(self._handle, offset, os.SEEK_SET)
        return os.read(self._handle, count)

    def need(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes. Raises HeaderError where the file ends before."""
        raw = self.at(offset, count)
        if len(raw) < count:
            raise HeaderError("the file ends inside its header")
        return raw

    def contains(self, needle: bytes, start: int) -> bool:
        """Whether `needle` stands at or after `start`; looks at no more than 256 MiB, from the end backwards in large steps."""
        if self._handle < 0:
            return needle in self.head[start:]
        step, end = 1 << 20, self.size
        while end > start and self.size - end < _SEARCH:
            begin = max(start, end - step)
            self._reads, self._bytes = _READS, _BYTES
            if needle in self.at(begin, end - begin + len(needle) - 1):
                return True
            end = begin
        return False
