"""What the functions of the way back share: keys that are left, intent that was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Lifting:
    """`rest` holds the keys of the main file that nobody took yet, by dotted name."""

    rest: dict[str, Any]
    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    native: dict[str, Any] = field(default_factory=dict)

    def pop(self, key: str, default: Any = None) -> Any:
        """Take a native key."""
        return self.rest.pop(key, default)

    def set(self, path: str, value: Any, origin: str = "") -> None:
        """Set an intent field, making the sections on the way."""
        *parents, last = path.split(".")
        here = self.data
        for part in parents:
            here = here.setdefault(part, {})
        here[last] = value
        if origin:
            self.origins[path] = origin

    def move(self, key: str, path: str) -> None:
        """A native key that is an intent field under another name."""
        if key in self.rest:
            self.set(path, self.rest.pop(key), f"main:{key}")
