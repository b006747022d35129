"""The shape of one finding: where it is, what it says, why it matters, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "hint"]
_RANK: dict[str, int] = {"error": 0, "warning": 1, "hint": 2}


@dataclass(frozen=True, slots=True)
class Span:
    """A range of one file. Lines and columns count from 1, in characters; the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text of `span` with `text`. An empty span inserts."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    `message` says what is wrong, `why` what would happen, `fix` what to do; `edits` apply that fix
    where it is mechanical. `path` is the intent path (`save.every`), `related` other places that
    take part in a contradiction, `about` what the key is for.
    """

    code: str
    message: str
    span: Span | None = None
    severity: Severity = "error"
    why: str = ""
    fix: str = ""
    path: str = ""
    about: str = ""
    edits: tuple[Edit, ...] = ()
    related: tuple[tuple[Span, str], ...] = ()


def sort_key(item: Diagnostic) -> tuple[str, int, int, int, str]:
    """Order by file, position, severity, code: what a reader follows down the page."""
    span = item.span
    if span is None:
        return ("", 0, 0, _RANK[item.severity], item.code)
    return (span.file, span.line, span.column, _RANK[item.severity], item.code)
