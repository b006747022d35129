"""The facts of the trainer at the commit: keys, types, choices, and the arguments of optimizers. Loaded when asked for."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from lorabridge.backends.diffusion_pipe.archs import COMMIT
from lorabridge.resources import schema_dir


@cache
def contract() -> dict[str, Any]:
    """The whole contract."""
    path = schema_dir() / "contracts" / "diffusion_pipe" / f"{COMMIT}.json"
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return facts


def optimizer_class(native: str) -> dict[str, Any] | None:
    """The facts about an optimizer, by the trainer's name for it; None when it has no such class."""
    table: dict[str, dict[str, Any]] = contract()["optimizer"]
    return table.get(native) or table.get(native.lower() if native.lower() in table else native)


def optimizer_named(word: str) -> str | None:
    """The trainer's spelling of an optimizer's name: the class names of pytorch_optimizer are case-sensitive."""
    plain = _plain(word)
    return next((name for name in contract()["optimizer"] if _plain(name) == plain), None)


def _plain(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "").replace(".", "")
