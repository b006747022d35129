"""Collecting findings about native files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from lorabridge.backends.native.model import NativeFile
from lorabridge.config.paths import KeyPath, show
from lorabridge.diagnostics import Diagnostic, Severity, Span


class Findings:
    """A list of findings with one short call per finding."""

    def __init__(self) -> None:
        self.items: list[Diagnostic] = []

    def add(
        self,
        code: str,
        where: Span | tuple[NativeFile, KeyPath],
        message: str,
        why: str = "",
        fix: str = "",
        *,
        severity: Severity = "error",
        on: Literal["key", "value"] = "value",
        related: Sequence[tuple[Span, str]] = (),
    ) -> None:
        """Add one finding at a span or at a key path of a file. The same finding is not added twice."""
        span, path = (where, "") if isinstance(where, Span) else (where[0].span(where[1], on), show(where[1]))
        item = Diagnostic(code, message, span, severity, why, fix, path, related=tuple(related))
        if item not in self.items:
            self.items.append(item)

    def unknown(self, file: NativeFile, path: KeyPath, known: Iterable[str], *, why: str, where: str = "") -> None:
        """LB310 for the last key of `path`, with the nearest name of `known`."""
        key = str(path[-1])
        near = nearest(key, known)
        hint = f"did you mean `{near}`?" if near else "remove it, or look the name up in the trainer's documentation"
        place = f" in {where}" if where else ""
        self.add("LB310", (file, path), f"unknown key `{key}`{place}", why, hint, on="key")


def nearest(key: str, known: Iterable[str]) -> str:
    """The known name that is most like `key`, or nothing."""
    import difflib

    names = list(known)
    plain = key.replace("-", "_").lower()
    for name in names:
        if name.lower() == plain:
            return name
    found = difflib.get_close_matches(plain, names, 1, 0.7)
    return found[0] if found else ""
