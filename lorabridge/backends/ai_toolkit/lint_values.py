"""Kinds, choices and ranges of single values. The trainer checks next to none; it fails, late, where it first computes with the value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lorabridge.backends.ai_toolkit.lint_job import Process, number, spell
from lorabridge.backends.ai_toolkit.lint_tables import (
    CHOICE_OUTCOME,
    CHOICES,
    COERCED,
    EARLY,
    LOOSE_INT,
    NULL_CRASHES,
    NULL_FINE,
    PROCESS_KINDS,
    SECTIONS,
    STRICT_INT,
    WHEN,
    default_of,
    kind_of,
)  # fmt: skip
from lorabridge.backends.native.findings import nearest
from lorabridge.diagnostics import Severity

_OFF = frozenset({"false", "no", "off", "0", "none", "null"})
_TITLES = {
    "int": "a whole number",
    "number": "a number",
    "bool": "`true` or `false`",
    "str": "text",
    "list": "a list",
    "dict": "a section",
    "str|list": "text or a list",
}
_PER_SAMPLE = ("width", "height", "seed", "sample_steps", "guidance_scale", "num_frames", "fps", "neg")
_ASIDE = frozenset({("train", "dtype"), ("save", "dtype")})
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Range:
    """What a number must lie in, and what happens outside."""

    low: float
    high: float = float("inf")
    code: str = "LB315"
    why: str = ""
    severity: Severity = "error"
    open: bool = False


_SHARE = Range(0, 1, "LB317", "it is a share between 0 and 1")
RANGES: dict[tuple[str, str], Range] = {
    ("train", "batch_size"): Range(1, why="the trainer stops when the dataset is loaded, after the model (ValueError)"),
    ("datasets", "batch_size"): Range(1, why="the trainer stops when the dataset is loaded, after the model (ValueError)"),
    ("train", "gradient_accumulation"): Range(1, why="no batch is drawn: the trainer stops at the first step"),
    ("train", "steps"): Range(1, code="LB323", why="the trainer loads everything, saves an untouched LoRA and exits with 0"),
    ("train", "max_grad_norm"): Range(0, code="LB317", why="gradients are turned around"),
    ("train", "num_train_timesteps"): Range(1),
    ("network", "linear"): Range(1, why="no module gets a LoRA: the trainer stops after the model is loaded (ValueError)"),
    ("network", "rank"): Range(1, why="no module gets a LoRA: the trainer stops after the model is loaded (ValueError)"),
    ("network", "dropout"): Range(0, 0.999, why="it is the share of values that is dropped"),
    ("save", "save_every"): Range(0, code="LB317", why="the remainder by a negative number decides about saves"),
    ("save", "max_step_saves_to_keep"): Range(0, code="LB317", why="a negative number counts from the other end: the oldest saves are removed, not all but the newest"),
    ("sample", "width"): Range(1, code="LB317", why="no picture has such a size or so few steps", severity="warning"),
    ("sample", "height"): Range(1, code="LB317", why="no picture has such a size or so few steps", severity="warning"),
    ("sample", "sample_steps"): Range(1, code="LB317", why="no picture has such a size or so few steps", severity="warning"),
    ("datasets", "num_repeats"): Range(1, code="LB317", why="the pictures are used once all the same; this does not switch the dataset off"),
    ("datasets", "num_workers"): Range(0, why="the trainer stops when the dataset is loaded (ValueError)"),
    ("datasets", "num_frames"): Range(1, code="LB317", why="pictures are loaded as for 1", severity="warning"),
    ("datasets", "caption_dropout_rate"): _SHARE, ("datasets", "token_dropout_rate"): _SHARE, ("datasets", "mask_min_value"): _SHARE,
    ("datasets", "loss_multiplier"): Range(0, code="LB323", why="at 0 the pictures teach nothing, below they are unlearned", severity="warning", open=True),
    ("datasets", "scale"): Range(0, why="pictures of no size are made: the trainer stops when the dataset is loaded", open=True),
    ("train", "prompt_dropout_prob"): _SHARE,
    ("model", "layer_offloading_transformer_percent"): Range(0, 1, "LB317", "it is a share: 1.0 is all layers, 0.5 is half", "warning"),
    ("model", "layer_offloading_text_encoder_percent"): Range(0, 1, "LB317", "it is a share: 1.0 is all layers, 0.5 is half", "warning"),
}  # fmt: skip


def check_values(process: Process) -> None:
    """Look at every value whose kind is known."""
    for key, kind in PROCESS_KINDS.items():
        if key in process.data and process.data[key] is not None:
            _kind(process, (key,), "process", key, process.data[key], kind)
    for section in SECTIONS:
        if section == "datasets":
            for index, entry in process.datasets:
                _values(process, ("datasets", index), section, entry)
        elif section in process.data:
            _section(process, section)
    ema = process.get("train", "ema_config")
    if isinstance(ema, dict):
        if ema.get("use_ema") is not None:
            _switch(process, ("train", "ema_config", "use_ema"), "use_ema", ema["use_ema"])
        if ema.get("use_ema"):
            _ema(process, ema)
    for section in ("sample", "first_sample"):
        items = process.get(section, "samples")
        for index, item in enumerate(items if isinstance(items, list) else ()):
            if isinstance(item, dict):
                _values(process, (section, "samples", index), section, {key: value for key, value in item.items() if key in _PER_SAMPLE})


def _section(process: Process, section: str) -> None:
    value = process.data[section]
    if value is None:
        return
    if not isinstance(value, dict):
        process.say(
            "LB313", (section,), f"`{section}` is no section", "the trainer stops at once (TypeError)", "write `key: value` lines below it"
        )
        return
    _values(process, (section,), section, value)


def _values(process: Process, place: Place, section: str, data: Mapping[str, Any]) -> None:
    for key, value in data.items():
        kind, here = kind_of(section, key), (*place, key)
        named = ("sample" if section == "first_sample" else section, key)
        if value is None:
            _null(process, here, named)
        elif not kind or _kind(process, here, section, key, value, kind):
            _choice(process, here, named, value)
            _range(process, here, named, value)


def _null(process: Process, place: Place, named: tuple[str, str]) -> None:
    """An empty value replaces the default by nothing."""
    section, key = named
    if section == "sample" and not process.samples and named not in EARLY:
        return
    default = default_of(section, key)
    if named in NULL_CRASHES:
        why = f"the trainer stops {NULL_CRASHES[named]}"
        process.say("LB315", place, f"`{key}` is empty", why, "write a value, or remove the key for its default")
    elif number(default) and named not in NULL_FINE:
        why = "it replaces the default by nothing, and the trainer computes with it"
        process.say("LB317", place, f"`{key}` is empty", why, f"remove the key for its default, {spell(default)}", "warning")


def _kind(process: Process, place: Place, section: str, key: str, value: Any, kind: str) -> bool:
    """Report a value of the wrong kind. True when rules that compute with it may go on."""
    if kind == "bool":
        return _switch(process, place, key, value)
    if any(_fits(one, value) for one in kind.split("|")):
        return True
    named = "sample" if section == "first_sample" else section
    if kind == "int" and isinstance(value, float):
        if key not in STRICT_INT.get(named, ()) and (value.is_integer() or key not in LOOSE_INT):
            return True
        if key in LOOSE_INT:
            process.say("LB317", place, f"`{key}: {value}` is no whole number", "it is compared with whole steps", "round it", "warning")
            return True
    elif key == "neg" and value is False:
        return True  # the trainer's own default; its own rule tells more
    severity, why = _outcome(process, named, key, value, kind)
    process.say(
        "LB313", place, f"`{key}: {spell(value)}` is {_what(value)}, not {_TITLES.get(kind, kind)}", why, _remedy(value, kind), severity
    )
    return False


def _fits(kind: str, value: Any) -> bool:
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return number(value)
    return isinstance(value, {"str": str, "list": list, "dict": dict}.get(kind, object))


def _outcome(process: Process, section: str, key: str, value: Any, kind: str) -> tuple[Severity, str]:
    if key in COERCED and isinstance(value, str) and _numeric(value):
        return "warning", "the trainer happens to convert it"
    if section == "network" and key in ("linear_alpha", "conv_alpha") and process.arch is not None and not process.arch.alpha:
        return "warning", "this architecture does not use it"
    if section == "sample" and key not in ("prompts", "samples", "num_frames", "sample_every", "sample_start_step") and not process.samples:
        return "warning", "the first sample would fail; none is made here"
    if key in ("prompts", "samples") and isinstance(value, str):
        return "error", "the trainer goes through it letter by letter"
    if isinstance(value, bool) and kind in ("int", "number"):
        return "error", f"a switch counts as {int(value)}"
    when = "at once" if (section, key) in EARLY else WHEN[section]
    return "error", f"the trainer checks no kinds and stops {when}"


def _switch(process: Process, place: Place, key: str, value: Any) -> bool:
    if isinstance(value, bool) or value in (0, 1):
        return True
    if isinstance(value, str) and value.strip().lower() in _OFF:
        why = "any text counts as true: this switches it on"
        process.say("LB317", place, f"`{key}: {spell(value)}` is text", why, f"write `{key}: false` without quotes")
        return False
    why = "the trainer asks only whether the value is empty"
    process.say(
        "LB313",
        place,
        f"`{key}: {spell(value)}` is {_what(value)} and counts as {str(bool(value)).lower()}",
        why,
        "write `true` or `false`",
        "warning",
    )
    return True


def _choice(process: Process, place: Place, named: tuple[str, str], value: Any) -> None:
    choices = CHOICES.get(named)
    if choices is None or not isinstance(value, str) or value in choices:
        return
    key = named[1]
    plain = value.lower()
    if (named == ("network", "type") or key == "attention_backend") and plain in choices:
        return  # these two are lower-cased by who reads them
    code, why = CHOICE_OUTCOME.get(named, ("LB314", "another word is not understood"))
    near = "bf16" if named in _ASIDE and plain in ("bf", "bfloat", "b16") else nearest(value, choices)
    fix = f"did you mean `{near}`?" if near else "known: " + ", ".join(f"`{item}`" for item in choices[:12])
    process.say(code, place, f"`{key}` knows no {spell(value)}", why, fix, "error")


def _range(process: Process, place: Place, named: tuple[str, str], value: Any) -> None:
    limits = RANGES.get(named)
    if limits is None or not number(value) or (limits.low <= value <= limits.high and not (limits.open and value == limits.low)):
        return
    if named[0] == "sample" and not process.samples:
        return
    fix = (
        f"write {'more than ' if limits.open else ''}{limits.low:g}{'' if limits.open else ' or more'}"
        if limits.high == float("inf")
        else f"write a number from {limits.low:g} to {1 if limits.high == 0.999 else limits.high:g}"
    )
    process.say(limits.code, place, f"`{place[-1]}: {value}` is out of range", limits.why, fix, limits.severity)


def _ema(process: Process, ema: Mapping[str, Any]) -> None:
    for key in ("ema_decay", "param_multiplier"):
        value = ema.get(key)
        place = ("train", "ema_config", key)
        if key in ema and not number(value):
            why = "the trainer stops when the optimizer is made, after the model load"
            process.say("LB313", place, f"`{key}: {spell(value)}` is {_what(value)}, not a number", why, _remedy(value, "number"))
        elif key == "ema_decay" and isinstance(value, int | float) and not 0 <= value <= 1:
            process.say("LB315", place, f"`ema_decay: {value}` is out of range", "it lies between 0 and 1", "0.99 to 0.9999 are usual")


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _what(value: Any) -> str:
    names = {bool: "a switch", int: "a number", float: "a number with a fraction", str: "text", list: "a list", dict: "a section"}
    return "empty" if value is None else names.get(type(value), type(value).__name__)


def _remedy(value: Any, kind: str) -> str:
    if isinstance(value, str) and kind in ("int", "number") and _numeric(value):
        return f"write `{value}` without quotes"
    if isinstance(value, float) and kind == "int" and value.is_integer():
        return f"write `{int(value)}`"
    if kind == "str" and isinstance(value, bool | int | float):
        return "put it in quotes"
    if kind == "list" and not isinstance(value, dict):
        return f"write `[{spell(value)}]`, or one `- ` line for each"
    return f"write {_TITLES.get(kind, kind)}"
