"""Types and choices of single values. The trainer checks none of them; it fails where it first computes with the value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lorabridge.backends.diffusion_pipe.lint_job import numeric, report, spell
from lorabridge.backends.native import Findings, NativeFile
from lorabridge.backends.native.findings import nearest
from lorabridge.config.paths import KeyPath

LATE = "the trainer checks no types and fails where it first uses the value, after the models are loaded"
HANG = "the caching process dies on it and the run waits for it for ever"
_WORDS = {
    "bf16": "bfloat16", "fp16": "float16", "half": "float16", "fp32": "float32", "float": "float32", "fp8": "float8", "fp8_e4m3fn": "float8_e4m3fn",
    "fp8_e5m2": "float8_e5m2", "float8_e4m3": "float8_e4m3fn",
}  # fmt: skip
"""What other trainers call the precisions."""
_OFF = frozenset({"false", "no", "off", "0", "none", "null"})
_NAMES = {
    "int": "a whole number", "float": "a number", "bool": "`true` or `false`", "str": "text", "Path": "text", "ints": "a list of whole numbers",
    "strs": "a list of texts", "list": "a list", "table": "a section", "tables": "a list of tables", "sizes": "a list of `[side, batch]` pairs",
}  # fmt: skip
_ROUND = frozenset({
    "epochs", "max_steps", "save_every_n_epochs", "save_every_n_steps", "save_every_n_examples", "checkpoint_every_n_epochs", "eval_every_n_steps",
    "eval_every_n_epochs", "eval_every_n_examples", "logging_steps", "steps_per_print", "warmup_steps",
})  # fmt: skip
"""Counts that the trainer only compares and divides: `2.0` does there what `2` does."""

_ASKED = frozenset({
    "blocks_to_swap", "save_every_n_examples", "eval_every_n_steps", "eval_every_n_epochs", "eval_every_n_examples", "map_num_proc", "shift",
    "subsample_ratio", "init_from_existing", "transformer_path", "llm_path", "activation_checkpointing",
})  # fmt: skip
"""Keys that the trainer only asks whether they hold something: an empty value of any kind is `off`."""


def fits(kind: str, value: Any) -> bool:
    """Whether a value is of a kind of the contract."""
    if kind == "int":
        return type(value) is int
    if kind == "float":
        return numeric(value)
    if kind in ("bool", "flag"):
        return type(value) is bool
    if kind in ("str", "Path"):
        return type(value) is str
    if kind == "table":
        return isinstance(value, dict)
    return isinstance(value, list) and all(_item(kind, item) for item in value)


def _item(kind: str, item: Any) -> bool:
    if kind == "sizes":
        return isinstance(item, list) and len(item) == 2 and all(numeric(number) for number in item)
    return {"ints": type(item) is int, "strs": type(item) is str, "tables": isinstance(item, dict)}.get(kind, True)


def check_value(found: Findings, file: NativeFile, path: KeyPath, value: Any, facts: Mapping[str, Any], why: str = LATE) -> bool:
    """Report a value of the wrong kind or choice. True when rules that compute with it may go on."""
    key = str(path[-1])
    if key in _ASKED and not value and not any(key_kind in ("str", "bool") for key_kind in str(facts.get("type", "")).split("|")):
        if not isinstance(value, int | float):
            report(found, file, "LB313", path, f"`{key} = {spell(value)}` counts as off", "the value is empty", "remove it", "warning")
        return True
    if "choices" in facts:
        return _choice(found, file, path, value, list(facts["choices"]), why)
    kinds = str(facts.get("type", "")).split("|")
    if not kinds[0] or any(fits(kind, value) for kind in kinds):
        return True
    if "bool" in kinds:
        return _switch(found, file, path, value)
    if _works(found, file, path, value, kinds[0]):
        return True
    says = f"`{key} = {spell(value)}` is {_kind_of(value)}, not {' or '.join(_NAMES[kind] for kind in kinds)}"
    report(found, file, "LB313", path, says, why, _remedy(kinds[0], value))
    return False


def _works(found: Findings, file: NativeFile, path: KeyPath, value: Any, kind: str) -> bool:
    """Whether the trainer can compute with a value of another kind."""
    key = path[-1]
    if isinstance(value, bool) and kind in ("int", "float"):
        says = f"`{key} = {spell(value)}` counts as {int(value)}"
        report(found, file, "LB313", path, says, "a switch stands where a number belongs", "write the number", "warning")
    elif not isinstance(value, float) or key not in _ROUND:
        return False
    elif not value.is_integer():
        report(
            found,
            file,
            "LB317",
            path,
            f"`{key} = {value}` is no whole number",
            "it is compared with whole steps and epochs",
            "round it",
            "warning",
        )
    return True


def _switch(found: Findings, file: NativeFile, path: KeyPath, value: Any) -> bool:
    key = path[-1]
    if isinstance(value, int | float) and value in (0, 1):
        return True
    if isinstance(value, str) and value.strip().lower() in _OFF:
        says = f'`{key} = "{value}"` switches it on'
        report(found, file, "LB317", path, says, "any text counts as true", "write `false`, without quotes")
        return False
    says = f"`{key} = {spell(value)}` is {_kind_of(value)} and counts as {'true' if value else 'false'}"
    report(found, file, "LB313", path, says, "the trainer asks only whether the value is empty", "write `true` or `false`", "warning")
    return True


def _choice(found: Findings, file: NativeFile, path: KeyPath, value: Any, choices: list[Any], why: str) -> bool:
    if any(value == item for item in choices if isinstance(value, bool | int) == isinstance(item, bool | int)):
        return True
    words = [item for item in choices if isinstance(item, str)]
    near = (_WORDS.get(value, "") if "float32" in words else "") or nearest(value, words) if isinstance(value, str) else ""
    if isinstance(value, str) and value.lower() in ("true", "false") and True in choices:
        fix = f"write `{value.lower()}` without quotes"
    elif near:
        fix = f'did you mean "{near}"?'
    else:
        fix = "known: " + ", ".join(spell(item) for item in choices)
    report(found, file, "LB314", path, f"`{path[-1]}` knows no {spell(value)}", why, fix)
    return False


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "a switch"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, float):
        return "written with a decimal point" if value.is_integer() else "a fraction"
    if isinstance(value, str):
        return "text"
    if isinstance(value, dict):
        return "a table"
    return "a list" if isinstance(value, list) else f"of the type {type(value).__name__}"


def _remedy(kind: str, value: Any) -> str:
    if isinstance(value, str) and kind in ("int", "float"):
        try:
            float(value)
        except ValueError:
            return "write a number"
        return f"write `{value}` without quotes"
    if isinstance(value, float) and kind == "int" and value.is_integer():
        return f"write `{int(value)}`"
    if kind in ("ints", "strs", "list", "tables") and not isinstance(value, list | dict):
        return f"write `[{spell(value)}]`" if kind != "tables" else "write an array of tables"
    return f"write {_NAMES[kind]}"
