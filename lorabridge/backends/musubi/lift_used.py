"""The options that native files give to each script, by the sections of the contract: what the trainer will use, as written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lorabridge.backends.musubi.archs import ARCHS, NOISE_SCALES
from lorabridge.backends.musubi.lift import Lifting
from lorabridge.backends.musubi.lift_fields import script_of
from lorabridge.backends.musubi.lift_files import read

Used = dict[str, dict[str, Any]]
_EFFECTIVE: dict[str, Any] = {
    "network_dim": 4,
    "optimizer_type": "AdamW",
    "save_precision": "fp32",
    "max_train_steps": 1600,
}
"""What an option that is left out, or empty, comes to where the parser's default does not say it (networks/lora.py, hv_train_network.py)."""
FREE = frozenset({"seed", "persistent_data_loader_workers"})
"""Options that a compile writes where the files are silent: the trainer draws the seed, and keeps or restarts its loaders."""
_LINKS = ("config_file", "dataset_config", "sample_prompts")
"""Options that name another of the files."""


def used(sources: Mapping[str, str]) -> Used:
    """Options by script; tables of datasets by number (`dataset.datasets[0] (image)`), with the general table below them."""
    work = Lifting()
    read(work, sources)
    found: Used = {}
    for script, command in work.commands.items():
        if command["kind"] != "train":
            found[script] = {key: value for key, value in command["options"].items() if key not in _LINKS}
    if work.train:
        found[script_of(work)] = {key: value for key, value in work.train.items() if key not in _LINKS}
    for number, table in enumerate(work.tables):
        kind = "video" if "video_directory" in table or "video_jsonl_file" in table else "image"
        found[f"dataset.datasets[{number}] ({kind})"] = dict(table)
    for number, prompt in enumerate(work.prompts):
        found[f"prompts[{number}]"] = dict(prompt)
    return found


def normal(found: Used) -> Used:
    """One spelling of what means the same: what the trainer puts in place of nothing, names in any case, paths of any script."""
    train = next((name for name in found if "_train" in name), "")
    same = {name: {key: _plain(key, value) for key, value in keys.items() if value not in ("", None)} for name, keys in found.items()}
    for name in [name for name in same if name.startswith("dataset.datasets[")]:
        folder = same[name].get("image_directory") or same[name].get("video_directory")
        if folder:
            same[name].setdefault("cache_directory", folder)  # dataset/image_video_dataset.py:341
    if train:
        _files(same, train)
        steps = {"max_train_steps"} if "max_train_epochs" in same[train] else set()
        for key, value in _EFFECTIVE.items():
            if key not in steps:
                same[train].setdefault(key, _plain(key, value))
        for key in steps:
            same[train].pop(key, None)
    return same


def _files(same: Used, train: str) -> None:
    """Model files that a caching script is told serve the training script for samples only; fp8 and trackers by their effect."""
    keys = next((arch.keys for arch in ARCHS.values() if arch.train == train), {})
    for name in [name for name in same if "cache_" in name]:
        for key in {*keys.values(), "vae_dtype"} - {"dit"}:
            if key in same[name]:
                same[train].setdefault(key, same[name][key])
    options = same[train]
    if options.get("logging_dir"):
        options.setdefault("log_with", "tensorboard")
    if train == "kandinsky5_train_network" and options.get("fp8_base"):
        options["fp8_scaled"] = True  # kandinsky5_train_network.py:973
    if train == "hidream_o1_train_network":
        options.setdefault("sdpa", not options.get("flash_attn"))  # it has no other kernel to choose
        for key, value in NOISE_SCALES.get(str(options.get("model_type", "full")), {}).items():
            options.setdefault(key, value)


def _plain(key: str, value: Any) -> Any:
    if key == "network_module" and isinstance(value, str):
        return value.removeprefix("musubi_tuner.")
    if key in ("optimizer_type", "lr_scheduler") and isinstance(value, str):
        return value.lower()
    if key == "resolution" and isinstance(value, int):
        return [value, value]
    return (
        sorted(str(item).replace(" ", "") for item in value)
        if key in ("network_args", "optimizer_args") and isinstance(value, list)
        else value
    )
