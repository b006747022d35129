"""Options under `backends.musubi`, checked against the trainer's contract.

Top-level keys are options of the training script. `cache_latents` and `cache_text` hold options of the caching scripts, `dataset`
parameters for every dataset. The trainer itself checks nothing that comes from TOML, and takes an option that is named like
a dataset parameter for one: neither can happen here.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from lorabridge.backends.engine import Lowering, spell
from lorabridge.backends.musubi.archs import Arch
from lorabridge.backends.musubi.owners import OWNERS
from lorabridge.resources import schema_dir

PARTS = ("cache_latents", "cache_text", "dataset")
_OURS = {
    "config_file": "the compiled file itself",
    "dataset_config": "the compiled dataset file",
    "sample_prompts": "the compiled prompt file; write `sample.prompts`",
}
_SECRETS = ("wandb_api_key", "huggingface_token")
_MERGED = ("network_args", "optimizer_args", "lr_scheduler_args")
_WHERE = "backends.musubi"
_TYPES: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "int|float": (int, float), "str": (str,)}


@cache
def contract() -> dict[str, Any]:
    """The trainer's options at the commit that this backend was read from."""
    found: dict[str, Any] = json.loads((schema_dir() / "contracts" / "musubi" / "30c658c.json").read_text(encoding="utf-8"))
    return found


@cache
def options_of(script: str) -> Mapping[str, Mapping[str, Any]]:
    """The options of one script by name."""
    facts = contract()
    own = facts["scripts"][script]
    return {**facts["groups"][own["group"]], **own["options"]}


def native(low: Lowering, arch: Arch) -> tuple[list[str], list[str]]:
    """Apply the native options. Returns what the two caching scripts get on top."""
    wanted = low.config.backends.get("musubi", {})
    if not wanted:
        return [], []
    options = options_of(arch.train)
    for key, value in wanted.items():
        if key not in PARTS and _allowed(low, f"{_WHERE}.{key}", key, value, options, arch.train):
            _set(low, key, _converted(value, options[key]["type"]), options[key]["type"])
    _datasets(low, _table(low, wanted, "dataset"))
    return _arguments(low, arch.latents, "cache_latents", _table(low, wanted, "cache_latents")), _arguments(
        low, arch.text, "cache_text", _table(low, wanted, "cache_text")
    )


def _table(low: Lowering, wanted: Mapping[str, Any], part: str) -> dict[str, Any]:
    value = wanted.get(part, {})
    if isinstance(value, dict):
        return value
    low.problem("LB304", f"{_WHERE}.{part}", f"`{part}` is a section of options", fix=f"write `{part}: {{option: value}}`")
    return {}


def _allowed(low: Lowering, path: str, key: str, value: Any, options: Mapping[str, Mapping[str, Any]], script: str) -> bool:
    if key in _OURS:
        low.problem("LB305", path, f"`{key}` is {_OURS[key]}", "lorabridge writes it", "remove it")
    elif key in _SECRETS:
        low.problem(
            "LB205",
            path,
            f"`{key}` is a secret",
            "files and command lines are kept and shared",
            "set it in the environment (WANDB_API_KEY, HF_TOKEN)",
        )
    elif key not in options:
        near = difflib.get_close_matches(key.replace("-", "_"), options, 1, 0.6)
        hint = f"did you mean `{near[0]}`?" if near else f"`{script}.py --help` lists them"
        low.problem("LB303", path, f"{script}.py has no option `{key}`", "the trainer ignores what it does not know", hint)
    else:
        why = _wrong(value, options[key])
        if not why:
            return True
        low.problem("LB304", path, f"`{key}: {spell(value)}` {why}", "the trainer does not check values that come from a file")
    return False


def _wrong(value: Any, option: Mapping[str, Any]) -> str:
    kind, choices = option["type"], option.get("choices")
    if kind in ("flag", "unflag"):
        return "" if isinstance(value, bool) else "is not `true` or `false`"
    if kind == "size":
        pair = isinstance(value, list) and len(value) == 2 and all(type(item) is int for item in value)
        return "" if type(value) is int or pair else "is not a side or `[width, height]`"
    if kind.startswith("list:"):
        inner = kind.removeprefix("list:")
        return "" if isinstance(value, list) and all(_is(item, inner) for item in value) else f"is not a list of {_name(inner)}"
    if not _is(value, kind):
        return f"is not {_name(kind, one=True)}"
    return f"is not one of {', '.join(map(str, choices))}" if choices and value not in choices else ""


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and not isinstance(value, bool)


def _name(kind: str, one: bool = False) -> str:
    words = {"int": ("a whole number", "whole numbers"), "str": ("text", "texts")}
    return words.get(kind, ("a number", "numbers"))[0 if one else 1]


def _converted(value: Any, kind: str) -> Any:
    if kind == "float":
        return float(value)
    return [float(item) for item in value] if kind == "list:float" else value


def _set(low: Lowering, key: str, value: Any, kind: str) -> None:
    path, at = f"{_WHERE}.{key}", f"train:{key}"
    train = low.documents["train"]
    if key in _MERGED and key in train:
        value = _merged(low, key, train[key], value)
    elif key in train and train[key] == value:
        low.note("native", path, value, at, value, "as it was already")
        return
    elif _fights(low, path, key, value):
        return
    if kind == "flag" and value is False:
        train.pop(key, None)
        low.sources.pop(at, None)
        low.note("native", path, value, at, "left out")
        return
    low.put(at, value, path)
    low.note("native", path, value, at, value)


def _fights(low: Lowering, path: str, key: str, value: Any) -> bool:
    owner = low.sources.get(f"train:{key}") or OWNERS.get(key, "")
    said = [item for item in (owner, *owner.split(", ")) if item and low.wrote(item)]
    if not said:
        return False
    low.problem(
        "LB305",
        path,
        f"`{path}: {spell(value)}` fights `{said[0]}`",
        f"both decide {key}; one of them would lose",
        f"remove one of the two: say it in `{said[0]}` where that can say it",
    )
    return True


def _merged(low: Lowering, key: str, ours: list[str], theirs: list[str]) -> list[str]:
    names = {text.partition("=")[0] for text in ours}
    for text in theirs:
        name = text.partition("=")[0]
        if name in names and text not in ours:
            low.problem(
                "LB305",
                f"{_WHERE}.{key}",
                f"`{text}` in `{_WHERE}.{key}` fights a field that sets {name} already",
                f"compiled: {next(item for item in ours if item.startswith(name + '='))}",
                "say it in that field only",
            )
    return ours + [text for text in theirs if text not in ours]


def _datasets(low: Lowering, wanted: Mapping[str, Any]) -> None:
    tables = low.documents["dataset"]["datasets"]
    for key, value in wanted.items():
        path = f"{_WHERE}.dataset.{key}"
        for number, table in enumerate(tables):
            kind = "video" if "video_directory" in table or "video_jsonl_file" in table else "image"
            if not _allowed(low, path, key, value, contract()["dataset"][kind], "the dataset file"):
                break
            if key in table and table[key] != value:
                low.problem(
                    "LB305",
                    path,
                    f"`{path}` fights `{low.sources.get(f'dataset:datasets.{number}.{key}') or 'datasets'}`",
                    "both set it",
                    "say it in `datasets`",
                )
                break
            table[key] = value
            low.sources.setdefault(f"dataset:datasets.{number}.{key}", path)
        else:
            low.note("native", path, value, f"dataset:{key}", value)


def _arguments(low: Lowering, script: str, part: str, wanted: Mapping[str, Any]) -> list[str]:
    options = options_of(script)
    found: list[str] = []
    for key, value in wanted.items():
        path = f"{_WHERE}.{part}.{key}"
        if not _allowed(low, path, key, value, options, script):
            continue
        owner = OWNERS.get(f"{part}.{key}", "")
        if owner and any(low.wrote(item) for item in owner.split(", ")):
            low.problem("LB305", path, f"`{path}: {spell(value)}` fights `{owner}`", f"both decide --{key}", "remove one of the two")
        elif options[key]["type"] == "flag":
            found += [f"--{key}"] if value else []
        else:
            found += [f"--{key}", *map(str, value if isinstance(value, list) else [value])]
        low.note("native", path, value, f"--{key}", value)
    return found
