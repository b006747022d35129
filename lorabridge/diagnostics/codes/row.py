"""The row type of the table of codes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding. `bad` and `good` are YAML; `refs` are public threads or documents."""

    code: str
    title: str
    what: str
    why: str
    bad: str = ""
    good: str = ""
    refs: tuple[str, ...] = ()
