"""Options under `backends.ai-toolkit`: checked against the facts of the trainer, then merged into the job.

Sections are those of `config.process[0]` (`train`, `model`, `network`, `save`, `sample`, `logging`,
`datasets` for every dataset) and its plain keys. The trainer itself reports nothing: an unknown key
is dropped in silence.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from lorabridge.backends.ai_toolkit.archs import COMMIT, NAME, TITLE
from lorabridge.backends.engine import Lowering
from lorabridge.resources import schema_dir

_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "number": (int, float),
    "str": (str,),
    "list": (list,),
    "dict": (dict,),
}
META: dict[str, Any] = {"name": "[name]", "version": "1.0"}
"""What every job says about its file: it goes into the metadata of each checkpoint; the trainer fills in the run's name."""
_FREE = {
    "model_kwargs",
    "quantize_kwargs",
    "network_kwargs",
    "optimizer_params",
    "lr_scheduler_params",
    "ema_config",
    "validation_config",
    "lorm",
}
"""Keys whose value is handed on as it is."""


@cache
def contract() -> dict[str, Any]:
    """Keys, types, defaults and choices by section."""
    text = (schema_dir() / "contracts" / "ai_toolkit" / f"{COMMIT[:7]}.json").read_text(encoding="utf-8")
    facts: dict[str, Any] = json.loads(text)
    return facts


def native(low: Lowering) -> None:
    """Check and merge. A native key that only overrides a default wins, and is told."""
    options = low.config.backends.get(NAME, {})
    here = f"backends.{NAME}"
    sections = contract()["sections"] if options else {}
    for key, value in options.items():
        if key == "meta":
            _meta(low, f"{here}.meta", value)
        elif key in sections and key != "process":
            _section(low, f"{here}.{key}", key, value)
        elif key in sections.get("process", {}):
            _option(low, f"{here}.{key}", "process", key, value, [f"process:{key}"])
        else:
            _unknown(low, f"{here}.{key}", key, [*(name for name in sections if name != "process"), *sections.get("process", {})], sections)


def _meta(low: Lowering, path: str, value: Any) -> None:
    """Further metadata of the files: any key, as text or number (toolkit/metadata.py:13-28)."""
    if not isinstance(value, Mapping):
        low.problem("LB304", path, "`meta` is a table of keys", f"{TITLE} writes each key into the file", "write `meta: {version: '2'}`")
        return
    for key, inner in value.items():
        low.put(f"meta:{key}", inner)
        low.note("native", f"{path}.{key}", inner, f"meta.{key}", inner)


def _section(low: Lowering, path: str, section: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        low.problem("LB304", path, f"`{path}` is a section", f"{TITLE} reads keys below it", "write `key: value` below it")
        return
    known = contract()["sections"][section]
    for key, inner in value.items():
        if key not in known:
            _unknown(low, f"{path}.{key}", key, known, contract()["sections"])
        else:
            _option(low, f"{path}.{key}", section, key, inner, _addresses(low, section, key))


def _addresses(low: Lowering, section: str, key: str) -> list[str]:
    if section != "datasets":
        return [f"process:{section}.{key}"]
    return [f"process:datasets.{index}.{key}" for index in range(len(low.config.datasets))]


def _unknown(low: Lowering, path: str, key: str, known: Any, sections: Mapping[str, Any]) -> None:
    near = difflib.get_close_matches(key, list(known), 1, 0.6)
    homes = [name for name, keys in sections.items() if key in keys]
    fix = f"did you mean `{near[0]}`?" if near else f"`{key}` belongs below `{homes[0]}`" if homes else "remove it"
    low.problem("LB303", path, f"{TITLE} has no option `{key}` here", "an unknown key is dropped in silence", fix)


def _option(low: Lowering, path: str, section: str, key: str, value: Any, addresses: list[str]) -> None:
    fact = contract()["sections"][section][key]
    if _wrong(low, path, key, value, fact):
        return
    if fact.get("dead"):
        low.problem("LB304", path, f"`{key}` has no effect", f"{TITLE} reads it and never uses it", "remove it")
        return
    fights = [intent for at in addresses for intent in _fights(low, at, key, value)]
    if fights:
        low.problem(
            "LB305",
            path,
            f"`{path}` fights `{fights[0]}`",
            "both set the same key of the job",
            f"keep one of them: `{fights[0]}` is the language's",
        )
        return
    for at in addresses:
        _set(low, at, value, path)
    low.note("native", path, value, addresses[0] if addresses else "", value)


def _wrong(low: Lowering, path: str, key: str, value: Any, fact: Mapping[str, Any]) -> bool:
    kind = fact.get("type")
    if kind and (not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "bool")):
        low.problem(
            "LB304",
            path,
            f"`{key}` takes {kind}, found `{value}`",
            f"{TITLE} stops, or takes any text for true",
            f"its default is `{fact.get('default')}`",
        )
        return True
    choices = fact.get("choices")
    if choices and any(item not in choices for item in (value if isinstance(value, list) else [value])):
        near = difflib.get_close_matches(str(value), [str(item) for item in choices], 1, 0.5)
        known = ", ".join(f"`{item}`" for item in choices)
        low.problem(
            "LB304",
            path,
            f"`{key}` knows no `{value}`",
            "another word is taken for the default, or stops the run late",
            f"did you mean `{near[0]}`?" if near else f"it knows {known}",
        )
        return True
    return False


def _fights(low: Lowering, at: str, key: str, value: Any) -> list[str]:
    """Intent paths that the user wrote and that this key would undo; keys of free-form sections are looked at one by one."""
    if key in _FREE and isinstance(value, Mapping):
        return [path for inner in value for path in _fights(low, f"{at}.{inner}", inner, value[inner])]
    found = low.sources.get(at, "")
    said = found == "output.dir" or (found != "" and low.wrote(found))
    return [found] if said else []


def _set(low: Lowering, at: str, value: Any, path: str) -> None:
    dotted = at.partition(":")[2].split(".")
    target: Any = low.documents["process"]
    for part in dotted[:-1]:
        target = target[int(part)] if isinstance(target, list) else target.setdefault(part, {})
    last = dotted[-1]
    old = target.get(last)
    target[last] = old | dict(value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    low.sources[at] = path
