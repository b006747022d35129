"""What lorabridge says to a person: codes, positions, fixes and the formats they are printed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lorabridge.diagnostics.model import Diagnostic, Edit, Severity, Span, sort_key

if TYPE_CHECKING:
    from lorabridge.diagnostics.codes import CODES, Code

__all__ = ["CODES", "Code", "Diagnostic", "Edit", "Severity", "Span", "sort_key"]


def __getattr__(name: str) -> Any:
    """The table of codes is read when someone asks: a check that finds nothing does not."""
    if name not in ("CODES", "Code"):
        raise AttributeError(name)
    from lorabridge.diagnostics import codes

    return getattr(codes, name)
