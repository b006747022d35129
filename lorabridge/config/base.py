"""The base of every section of the language."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping of the language: strict, closed, immutable.

    `shorthand` names the key that a bare value stands for: `optimizer: adamw` is
    `optimizer: {type: adamw}`.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)
    shorthand: ClassVar[str] = ""

    def said(self) -> dict[str, Any]:
        """The keys that were written or filled in, as plain data."""
        return self.model_dump(exclude_unset=True)
