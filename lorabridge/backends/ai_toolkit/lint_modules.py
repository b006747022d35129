"""Which modules the filters of `network_kwargs` can match, for architectures whose modules are known."""

from __future__ import annotations

from typing import Any

from lorabridge.backends.ai_toolkit.archs import find_native
from lorabridge.backends.ai_toolkit.lint_job import Process
from lorabridge.backends.ai_toolkit.lint_network import is_pattern
from lorabridge.diagnostics import Severity


def check_filters(process: Process) -> None:
    """Filters that match no module: the trainer compares them as plain text with each module's dotted name."""
    kwargs = process.get("network", "network_kwargs")
    filters = {key: texts(kwargs.get(key)) for key in ("only_if_contains", "ignore_if_contains")} if isinstance(kwargs, dict) else {}
    if not any(filters.values()) or not process.arch_known:
        return
    names = modules(process)
    for key, items in filters.items() if names else ():
        lost = [(index, word) for index, word in items if not any(_flat(word) in name for name in names)]
        if lost and len(lost) == len(items) and key == "only_if_contains":
            why = "no module gets a LoRA: the trainer stops after the model is loaded (ValueError)"
            message = f"`{key}` matches no module of {process.arch_name}"
            process.say("LB315", ("network", "network_kwargs", key), message, why, _like(names))
        else:
            severity: Severity = "warning" if key == "only_if_contains" else "hint"
            for index, word in ((index, word) for index, word in lost if not is_pattern(word)):
                why = f"the modules of {process.arch_name} have other names"
                process.say("LB317", ("network", "network_kwargs", key, index), f"`{word}` matches no module", why, _like(names), severity)


def texts(value: Any) -> list[tuple[int, str]]:
    """The words of a filter that are text, with their places."""
    return [(index, item) for index, item in enumerate(value) if isinstance(item, str) and item] if isinstance(value, list) else []


def modules(process: Process) -> list[str]:
    """The flat names of all modules of the architecture's family, in every size and naming; empty where they are not known."""
    from lorabridge.artifacts.tables import tables

    found = find_native(process.arch_name)
    family = found[0] if found else ""
    chosen = [table for table in tables() if family in table.families]
    return sorted({f"transformer_{name}" for table in chosen for name in table.dotted})


def _flat(word: str) -> str:
    return word.replace(".", "_").replace("$$", "_")


def _like(names: list[str]) -> str:
    return f"a module's name is like `{names[len(names) // 2].removeprefix('transformer_')}`"
