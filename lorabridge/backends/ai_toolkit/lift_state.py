"""The state of one decompile: what is still to be read, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lorabridge.backends.ai_toolkit.archs import Arch
from lorabridge.diagnostics import Diagnostic, Severity


@dataclass
class Lifting:
    """`rest` is the process as flat keys; what is taken from it leaves it, what stays is native."""

    rest: dict[str, Any]
    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    arch: Arch | None = None

    def pop(self, key: str, default: Any = None) -> Any:
        """Take a native key."""
        return self.rest.pop(key, default)

    def say(self, path: str, value: Any, key: str = "") -> None:
        """Set a field of the language; None says nothing."""
        if value is None:
            return
        here = self.data
        *parents, last = path.split(".")
        for part in parents:
            here = here.setdefault(part, {})
        here[last] = value
        self.origins[path] = f"process:{key}" if key else ""

    def move(self, key: str, path: str, table: Mapping[Any, Any] | None = None) -> None:
        """One native key, one field. With `table` an unknown value stays native."""
        if key in self.rest and (table is None or self.rest[key] in table):
            value = self.rest.pop(key)
            self.say(path, table[value] if table else value, key)

    def drop(self, key: str, *values: Any) -> None:
        """Take a key that says nothing when it has one of these values."""
        if key in self.rest and (not values or self.rest[key] in values):
            del self.rest[key]

    def problem(self, code: str, message: str, why: str = "", fix: str = "", severity: Severity = "warning") -> None:
        """A finding about the file that was read."""
        self.diagnostics.append(Diagnostic(code, message, None, severity, why, fix))

    def get(self, path: str, default: Any = None) -> Any:
        """What was said so far."""
        here: Any = self.data
        for part in path.split("."):
            here = here.get(part) if isinstance(here, dict) else None
        return default if here is None else here
