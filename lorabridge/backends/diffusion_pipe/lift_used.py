"""The keys that native files give to the trainer, by the sections of the contract: what it will use, as written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lorabridge.backends.diffusion_pipe.contract import optimizer_class
from lorabridge.backends.diffusion_pipe.lift import read_files
from lorabridge.backends.diffusion_pipe.lift_data import CAN_BE_ABOVE

Used = dict[str, dict[str, Any]]
FREE: frozenset[str] = frozenset()
"""Keys that a compile writes where the files are silent."""


def used(sources: Mapping[str, str]) -> Used:
    """Tables of the main file; directories by number (`directory[0]`), with what the top of their file says below them."""
    main, datasets, _ = read_files(sources)
    tables = {key: value for key, value in main.items() if isinstance(value, dict)}
    found: Used = {"main": {key: value for key, value in main.items() if key not in tables and key not in ("dataset", "eval_datasets")}}
    for name, table in tables.items():
        found[f"model.{table.get('type')}" if name == "model" else name] = dict(table)
    if "optimizer" in tables:
        found[f"optimizer.{str(tables['optimizer'].get('type')).lower()}"] = dict(tables["optimizer"])
    for document, tree in datasets.items():
        prefix = "" if document == "dataset" else "eval "
        found[f"{prefix}dataset"] = {key: value for key, value in tree.items() if key != "directory"}
        shared = {key: value for key, value in tree.items() if key in CAN_BE_ABOVE}
        for number, table in enumerate(tree.get("directory", ())):
            found[f"{prefix}directory[{number}]"] = shared | table
    found |= _arguments(sources)
    return found


def _arguments(sources: Mapping[str, str]) -> Used:
    """The options of the launch of `train.py`."""
    from lorabridge.backends.native import arguments, launches, read_text

    options: dict[str, Any] = {}
    for name, text in sources.items():
        file = read_text(text, name) if not name.endswith((".toml", ".json", ".md")) else None
        for launch in launches(file) if file is not None else ():
            if launch.script == "train":
                options |= {
                    item.name.lstrip("-"): item.values[0].text if item.values else True for item in arguments(launch.after) if item.name
                }
    return {"args": options} if options else {}


def normal(found: Used) -> Used:
    """One spelling of what means the same: what the top of a dataset file says is said by its directories."""
    same = {name: dict(keys) for name, keys in found.items()}
    dtype = next((keys.get("dtype") for name, keys in same.items() if name.startswith("model.")), None)
    if dtype is not None:
        same["main"].setdefault("save_dtype", dtype)  # train.py:103
    for name in ("dataset", "eval dataset"):
        if name in same:
            same[name] = {key: value for key, value in same[name].items() if key not in CAN_BE_ABOVE}
    if any(name.startswith("optimizer.") for name in same):
        same.pop("optimizer", None)  # the section of its own type knows more
    for name, keys in same.items():
        if "directory[" in name:
            keys.setdefault("num_repeats", 1)
        if name.partition(".")[0] == "optimizer" and isinstance(keys.get("type"), str):
            rate = (optimizer_class(keys["type"]) or {}).get("lr")
            if rate is not None:
                keys.setdefault("lr", rate)
            keys["type"] = keys["type"].lower()
    return same
