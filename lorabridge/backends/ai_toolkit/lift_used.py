"""The keys that a job gives to the trainer, by the sections of the contract: what it will use, as written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lorabridge.backends.ai_toolkit.archs import find_native
from lorabridge.backends.ai_toolkit.lift import DTYPES, TRAINERS, read_job
from lorabridge.backends.ai_toolkit.lift_data import prompt_entry
from lorabridge.backends.ai_toolkit.lift_model import FLAGS

Used = dict[str, dict[str, Any]]
FREE = frozenset({"training_seed", "performance_log_every", "use_ui_logger"})
"""Keys that a compile writes where the job is silent: a seed that is drawn otherwise, and what is printed and logged."""


def used(sources: Mapping[str, str]) -> Used:
    """Sections of the first process; entries of lists by number (`datasets[0]`)."""
    name, process, _ = read_job(sources)
    found: Used = {"config": {"name": name}}
    if process is not None:
        _nested(found, "process", process)
    return found


def _nested(found: Used, name: str, table: Mapping[str, Any]) -> None:
    found[name] = {}
    prefix = "" if name == "process" else f"{name}."
    for key, value in table.items():
        if isinstance(value, Mapping):
            _nested(found, f"{prefix}{key}", value)
        elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            for number, item in enumerate(value):
                _nested(found, f"{prefix}{key}[{number}]", item)
        else:
            found[name][key] = value


def normal(found: Used) -> Used:
    """One spelling of what means the same."""
    same = {name: dict(keys) for name, keys in found.items()}
    if same.get("process", {}).get("type") in TRAINERS:
        same["process"]["type"] = TRAINERS[0]
    for name, key in (("save", "dtype"), ("train", "dtype")):
        value = same.get(name, {}).get(key)
        if isinstance(value, str):
            same[name][key] = DTYPES.get(value, value)
    _model(same.get("model", {}))
    _network(same.get("network", {}))
    for name in [name for name in same if name.startswith("datasets[")]:
        _dataset(same[name])
    _samples(same)
    return same


def _model(table: dict[str, Any]) -> None:
    for flag, name in FLAGS.items():
        if table.pop(flag, False):
            table.setdefault("arch", name)
    if isinstance(arch := table.get("arch"), str) and find_native(arch) is not None:
        table["arch"] = arch.partition(":")[0].replace("flex1", "flux")
    if isinstance(kind := table.get("qtype"), str) and "|" in kind:
        table["qtype"], table["accuracy_recovery_adapter"] = kind.split("|", 1)
    table.setdefault("quantize_te", table.get("quantize", False))


def _network(table: dict[str, Any]) -> None:
    for old, new in (("rank", "linear"), ("alpha", "linear_alpha")):
        if old in table:
            table.setdefault(new, table.pop(old))


def _dataset(table: dict[str, Any]) -> None:
    if "dataset_path" in table:
        table.setdefault("folder_path", table.pop("dataset_path"))
    if isinstance(extension := table.get("caption_ext"), str):
        table["caption_ext"] = "." + extension.lstrip(".")
    if isinstance(table.get("resolution"), int):
        table["resolution"] = [table["resolution"]]
    for key in ("control_path", "resolution"):
        if isinstance(table.get(key), list) and len(table[key]) == 1:
            table[key] = table[key][0]


def _samples(same: Used) -> None:
    """Prompts as entries, each with the seed that it is drawn with: a seed that an entry names stays for those after it."""
    sample = same.get("sample", {})
    sample["neg"] = sample.get("neg") or ""
    prompts = sample.pop("prompts", None) or []
    for number, text in enumerate(prompts if not any(name.startswith("sample.samples[") for name in same) else ()):
        same[f"sample.samples[{number}]"] = {"prompt": text}
    walk = sample.pop("walk_seed", False)
    first = sample.get("seed")
    seed = start = first if isinstance(first, int) else 0
    for number, name in enumerate(name for name in list(same) if name.startswith("sample.samples[")):
        entry = same[name] = prompt_entry(same[name])
        seed = entry.get("seed", start + number if walk else seed)
        entry["seed"] = seed
