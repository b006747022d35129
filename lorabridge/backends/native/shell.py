"""Launch scripts and command lines as words with positions.

Not a shell: quotes, escapes, line continuations, comments, `NAME=value`, `$NAME` of variables that the script sets itself, and
the operators between commands. What only a running shell can know stays unknown.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from pathlib import PurePath

from lorabridge.backends.native.model import Command, NativeFile, Word
from lorabridge.diagnostics import Diagnostic, Span

_ASSIGN = re.compile(r"([A-Za-z_]\w*)=")
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?::?-([^}]*))?\}|\$\{[^}]*\}")
_PERCENT = re.compile(r"%(\w+)%")
_OPERATORS = "\n;|&<>()"
_CONTINUE = {".bat": "^", ".cmd": "^", ".ps1": "`", ".txt": "\\^`"}
"""The characters that continue a line; a command line kept in a text file may be for any shell."""
_SETTERS = {"export", "set", "setx", "declare", "local", "readonly", "env"}


def read_shell(name: str, text: str) -> NativeFile:
    """Split a script into commands."""
    file = NativeFile(name, text, "shell")
    reader = _Reader(file)
    reader.run()
    return file


@dataclass
class _Part:
    """A word in the making."""

    start: int
    text: str = ""
    quoted: bool = False
    literal: bool = False
    unknown: tuple[str, ...] = ()


class _Reader:
    def __init__(self, file: NativeFile) -> None:
        suffix = PurePath(file.name).suffix.lower()
        self.file, self.text = file, file.text
        self.next = _CONTINUE.get(suffix, "\\")
        self.windows = suffix in (".bat", ".cmd", ".ps1")
        self.dos = suffix in (".bat", ".cmd")
        self.at = 0
        self.words: list[Word] = []
        self.vars: dict[str, Word] = {}
        self.exported: dict[str, Word] = {}
        self.starts = [0, *(match.end() for match in re.finditer("\n", file.text))]

    def run(self) -> None:
        if "\r" in self.text and not self.windows:
            self.crlf()
        while self.at < len(self.text):
            char = self.text[self.at]
            if self.continued():
                continue
            if char in " \t\r":
                self.at += 1
            elif char == "#" or (self.dos and re.match(r"(?i)(rem\b|::)", self.text[self.at :]) and not self.words):
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif char in _OPERATORS:
                self.at += 1
                self.finish()
            else:
                self.word()
        self.finish()

    def continued(self) -> bool:
        """Past a line continuation."""
        match = re.compile(rf"[{re.escape(self.next)}][ \t]*\r?\n").match(self.text, self.at)
        if match is None:
            return False
        if match[0][0] == "\\" and match[0] not in ("\\\n", "\\\r\n"):
            following = self.text[match.end() :].lstrip(" \t")
            if following.startswith("--"):
                self.broken(
                    self.at,
                    "a blank after the backslash ends the command here",
                    "remove the blank: the backslash must be the last character of the line",
                )
        self.at = match.end()
        return True

    def broken(self, offset: int, message: str, fix: str) -> None:
        line, column = self.mark(offset)
        why = "the options on the following lines are not given to the trainer"
        self.file.diagnostics.append(Diagnostic("LB320", message, Span(self.file.name, line, column, line, column + 1), why=why, fix=fix))

    def crlf(self) -> None:
        line, column = self.mark(self.text.index("\r"))
        span = Span(self.file.name, line, column, line, column + 1)
        why = "a backslash then escapes the carriage return, not the line end: the command stops there; options carry an invisible \\r"
        fix = "save the script with Unix line ends (LF)"
        severe = "\\\r\n" in self.text
        self.file.diagnostics.append(
            Diagnostic("LB320", "the script has Windows line ends", span, "error" if severe else "warning", why, fix)
        )

    def word(self) -> None:
        part = _Part(self.at)
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in " \t\r" or char in _OPERATORS:
                break
            if char in self.next and self.text[self.at + 1 : self.at + 3].startswith(("\n", "\r\n")):
                break
            if char in "\"'":
                self.quoted(part, char)
            elif char == "\\" and not self.windows and self.at + 1 < len(self.text):
                part.text += self.text[self.at + 1]
                self.at += 2
            elif (char == "$" and not self.dos) or (char == "%" and self.dos):
                self.variable(part)
            else:
                part.text += char
                self.at += 1
        if "~" in part.text[1:] and re.search(r"=~(/|$)", part.text):
            part.literal = True
        if part.text.startswith("~") and part.quoted:
            part.literal = True
        line, column = self.mark(part.start)
        end_line, end_column = self.mark(self.at)
        self.words.append(Word(part.text, Span(self.file.name, line, column, end_line, end_column), part.unknown, part.literal))

    def quoted(self, part: _Part, quote: str) -> None:
        part.quoted = part.quoted or not part.text
        self.at += 1
        while self.at < len(self.text) and self.text[self.at] != quote:
            char = self.text[self.at]
            if quote == '"' and char == "\\" and not self.windows and self.text[self.at + 1 : self.at + 2] in ('"', "\\", "$", "`"):
                part.text += self.text[self.at + 1]
                self.at += 2
            elif quote == '"' and ((char == "$" and not self.dos) or (char == "%" and self.dos)):
                self.variable(part)
            else:
                part.literal = part.literal or (quote == "'" and char == "$" and bool(_VARIABLE.match(self.text, self.at)))
                part.text += char
                self.at += 1
        self.at += 1

    def variable(self, part: _Part) -> None:
        if self.text.startswith("$(", self.at) and ")" in self.text[self.at :]:
            self.at = self.text.index(")", self.at) + 1
            part.unknown += ("$(...)",)
            return
        match = (_PERCENT if self.dos else _VARIABLE).match(self.text, self.at)
        if match is None:
            part.text += self.text[self.at]
            self.at += 1
            return
        name = next((group for group in match.groups()[:2] if group), match[0])
        known = self.vars.get(name)
        if known is not None:
            part.text += known.text
            part.unknown += known.unknown
        elif (match.lastindex or 0) >= 3 and match[3] is not None:
            part.text += match[3]
        else:
            part.text += match[0]
            part.unknown += (name,)
        self.at = match.end()

    def finish(self) -> None:
        words, self.words = self.words, []
        env: dict[str, Word] = {}
        exports = bool(words) and words[0].text in _SETTERS
        while words and (_ASSIGN.match(words[0].text) or (words[0].text in _SETTERS)):
            word = words.pop(0)
            if match := _ASSIGN.match(word.text):
                env[match[1]] = Word(word.text[match.end() :], word.span, word.unknown, word.literal)
        if not words:
            self.vars |= env
            self.exported |= env if exports else {key: word for key, word in env.items() if key in self.exported}
            return
        if words[0].text.startswith("--") and self.file.commands:
            self.stray(words)
            return
        self.file.commands.append(Command(tuple(words), self.exported | env))

    def stray(self, words: list[Word]) -> None:
        """Options that begin a command: the line above was to be continued. They are read as if it were."""
        line, column = words[0].span.line, words[0].span.column
        if not any(item.span and item.span.line == line - 1 for item in self.file.diagnostics):
            message = f"`{words[0].text}` is not part of the command above"
            self.broken(
                self.starts[line - 1] + column - 1, message, "end the line above with the continuation character, without a comment between"
            )
        last = self.file.commands[-1]
        self.file.commands[-1] = Command((*last.words, *words), last.env)

    def mark(self, offset: int) -> tuple[int, int]:
        line = bisect.bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1
