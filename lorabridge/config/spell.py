"""Values as YAML text that reads back as the same value."""

from __future__ import annotations

import json
import math
from typing import Any

from lorabridge.config.amounts import Amount
from lorabridge.config.document import resolve_scalar


def flow(value: Any) -> str:
    """A value in YAML flow style, quoted where YAML 1.2 would read something else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str):
        plain = (
            value not in ("", "<<")
            and value == value.strip()
            and not any(c in value for c in "[]{}#:,&*!|>'\"%@`\n\t\\")
            and not value.startswith(("-", "?"))
        )
        return value if plain and value.isprintable() and isinstance(resolve_scalar(value), str) else _quoted(value)
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return str(value) if isinstance(value, Amount) else "null" if value is None else repr(value)


def _quoted(value: str) -> str:
    """In double quotes, with escapes for what a terminal would act on."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}" for c in text)
