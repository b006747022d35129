"""The `key=value` lists of optimizer, scheduler and network."""

from __future__ import annotations

import ast
from typing import Any

from lorabridge.backends.musubi.lint_model import Setup
from lorabridge.backends.musubi.lint_tables import AFTER_DIT
from lorabridge.diagnostics import Span


def pairs(setup: Setup, key: str, literal: bool) -> dict[str, Any]:
    """The arguments by name; what cannot be taken apart is reported."""
    setting = setup.settings.get(key)
    found: dict[str, Any] = {}
    if setting is None or not setting.known or not isinstance(setting.value, list):
        return found
    for index, item in enumerate(setting.value):
        if not isinstance(item, str):
            continue
        if item.count("=") != 1:
            many = "one `=` each: the trainer splits at every one" if "=" in item else "no `=` in it"
            setup.findings.add(
                "LB315",
                place_of(setup, key, index),
                f"`{item}` in `{key}` has {many}",
                f"{AFTER_DIT} (ValueError)",
                f'write one text per argument: {key} = ["a=1", "b=2"]',
            )
            continue
        name, value = item.split("=")
        if name != name.strip():
            why = (
                "the blank belongs to the name: the argument is not recognised and ignored in silence"
                if not literal
                else f"the blank belongs to the name; {AFTER_DIT} (TypeError)"
            )
            setup.findings.add(
                "LB317" if not literal else "LB315",
                place_of(setup, key, index),
                f"`{item}` has blanks around `=`",
                why,
                f'write "{name.strip()}={value.strip()}"',
            )
            continue
        if literal:
            try:
                found[name] = ast.literal_eval(value)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                quoted = f"\"{name}='{value}'\""
                setup.findings.add(
                    "LB315",
                    place_of(setup, key, index),
                    f"`{value}` is no Python value",
                    f"{AFTER_DIT}: the value is read by ast.literal_eval",
                    f"write text in quotes: {quoted}; True, False and None in capitals",
                )
        else:
            found[name] = value
    return found


def place_of(setup: Setup, key: str, index: int) -> Span:
    """Where one text of a list stands."""
    setting = setup.settings[key]
    if setup.file is not None and not setting.typed:
        for path, place in setup.file.places.items():
            if path[-2:] == (key, index):
                return place.value
    return setting.span
