"""Where the keys and values of a TOML text stand. A scanner, not a reader: values are skipped, not understood."""

from __future__ import annotations

import bisect
import contextlib
import re

from lorabridge.config.document import Place
from lorabridge.config.paths import KeyPath
from lorabridge.diagnostics import Span

_BARE = re.compile(r"[^\s=.\[\]{}#,'\"]+")
_SCALAR = re.compile(r"[^\s,\]}#][^,\]}#\n]*")


def places_of(name: str, text: str, shift: int = 0) -> dict[KeyPath, Place]:
    """All positions up to the first place that is no TOML. `shift` is the width of a mark cut from line 1."""
    scanner = _Scanner(name, text, shift)
    with contextlib.suppress(_StrayError, RecursionError):
        scanner.run()
    return scanner.places


class _StrayError(Exception):
    pass


class _Scanner:
    def __init__(self, name: str, text: str, shift: int) -> None:
        self.name, self.text, self.shift = name, text, shift
        self.at = 0
        self.places: dict[KeyPath, Place] = {}
        self.counts: dict[KeyPath, int] = {}
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def run(self) -> None:
        table: KeyPath = ()
        while self.skip():
            try:
                table = self.statement(table)
            except _StrayError:
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end

    def statement(self, table: KeyPath) -> KeyPath:
        start = self.at
        if self.text[start] != "[":
            self.pair(table)
            return table
        double = self.text.startswith("[[", start)
        self.at += 2 if double else 1
        keys = [part for part, _ in self.keys()]
        self.space()
        self.at = self.text.find("\n", self.at) if "\n" in self.text[self.at :] else len(self.text)
        header = self.span(start, start + len(self.text[start : self.at].split("#")[0].rstrip()))
        return self.header(keys, double, header)

    def header(self, keys: list[str], double: bool, span: Span) -> KeyPath:
        path: KeyPath = ()
        for index, key in enumerate(keys):
            path = (*path, key)
            last = index == len(keys) - 1
            if path not in self.places:
                self.places[path] = Place(span, span)
            if double and last:
                self.counts[path] = self.counts.get(path, -1) + 1
                path = (*path, self.counts[path])
                self.places[path] = Place(span, span)
            elif path in self.counts:
                path = (*path, self.counts[path])
        return path

    def pair(self, table: KeyPath) -> None:
        keys = self.keys()
        self.space()
        if self.peek() != "=":
            raise _StrayError
        self.at += 1
        self.space()
        path = table
        for key, span in keys[:-1]:
            path = (*path, key)
            self.places.setdefault(path, Place(span, span))
        key, span = keys[-1]
        self.places[(*path, key)] = Place(span, span)
        self.places[(*path, key)] = Place(span, self.value((*path, key)))

    def keys(self) -> list[tuple[str, Span]]:
        found: list[tuple[str, Span]] = []
        while True:
            self.space()
            start = self.at
            if self.peek() in "\"'":
                self.string()
                key = self.text[start + 1 : self.at - 1]
            elif match := _BARE.match(self.text, start):
                key, self.at = match[0], match.end()
            else:
                raise _StrayError
            found.append((key, self.span(start, self.at)))
            self.space()
            if self.peek() != ".":
                return found
            self.at += 1

    def value(self, path: KeyPath) -> Span:
        start = self.at
        char = self.peek()
        if char in "\"'":
            self.string()
        elif char == "[":
            self.array(path)
        elif char == "{":
            self.inline(path)
        elif match := _SCALAR.match(self.text, start):
            self.at = start + len(match[0].rstrip())
        else:
            raise _StrayError
        return self.span(start, self.at)

    def array(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        while self.skip(",") and self.peek() != "]":
            here = (*path, index)
            span = self.value(here)
            self.places[here] = Place(span, span)
            index += 1
        self.at += 1

    def inline(self, path: KeyPath) -> None:
        self.at += 1
        while self.skip(",") and self.peek() != "}":
            self.pair(path)
        self.at += 1

    def string(self) -> None:
        quote = self.peek()
        if self.text.startswith(quote * 3, self.at):
            end = self.text.find(quote * 3, self.at + 3)
            if end < 0:
                raise _StrayError
            self.at = end + 3
            return
        at = self.at + 1
        while at < len(self.text) and self.text[at] not in (quote, "\n"):
            at += 2 if self.text[at] == "\\" and quote == '"' else 1
        if at >= len(self.text) or self.text[at] != quote:
            raise _StrayError
        self.at = at + 1

    def peek(self) -> str:
        return self.text[self.at : self.at + 1] or "\0"

    def space(self) -> None:
        while self.peek() in " \t":
            self.at += 1

    def skip(self, also: str = "") -> bool:
        """Past blanks, line ends, comments and `also`; whether anything is left."""
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif char in " \t\r\n" or char in also:
                self.at += 1
            else:
                return True
        return False

    def span(self, start: int, end: int) -> Span:
        line, column = self.mark(start)
        end_line, end_column = self.mark(end)
        return Span(self.name, line, column, end_line, end_column)

    def mark(self, offset: int) -> tuple[int, int]:
        line = bisect.bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1 + (self.shift if line == 1 else 0)
