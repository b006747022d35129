"""Keys that the trainer does not read, reads elsewhere, or reads and never uses. It reports none of them itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from lorabridge.backends.ai_toolkit.lint_job import Process, number, spell, truthy
from lorabridge.backends.ai_toolkit.lint_tables import DEAD, FOREIGN, NETWORK_KWARGS, SECTIONS, TAKEN_KWARGS, keys_of
from lorabridge.backends.native.findings import nearest

DROPPED = "an unknown key is dropped in silence and its default is used"
_NAMES = {"datasets": "datasets[]"}
_INNER = {
    ("train", "ema_config"): "train.ema_config",
    ("train", "validation_config"): "train.validation_config",
    ("network", "lorm"): "network.lorm",
}
_PLAIN = ("guidance", "embedding", "decorator", "adapter")


def check_keys(process: Process) -> None:
    """Unknown, misplaced and dead keys of a process and its sections."""
    for key in process.data:
        if key not in keys_of("process") and key not in ("slider", "device"):
            _stray(process, (key,), keys_of("process"), "")
    for section in SECTIONS:
        if section == "datasets":
            for index, entry in process.datasets:
                _section(process, ("datasets", index), entry, "datasets")
        else:
            _section(process, (section,), process.section(section), section)
    for section in _PLAIN:
        _unknown(process, (section,), process.section(section), keys_of(section), section)
    for (section, key), name in _INNER.items():
        inner = process.get(section, key)
        if isinstance(inner, dict):
            _unknown(process, (section, key), inner, keys_of(name), name)
    if process.kind == "concept_slider":
        _unknown(process, ("slider",), process.section("slider"), keys_of("slider (concept_slider)"), "slider")
    _lists(process)
    _network_kwargs(process)
    _model_kwargs(process)
    _dead(process)


def _section(process: Process, place: tuple[str | int, ...], data: Mapping[str, Any], section: str) -> None:
    _unknown(process, place, data, keys_of(_NAMES.get(section, section)), section)


def _unknown(process: Process, place: tuple[str | int, ...], data: Mapping[str, Any], known: Collection[str], section: str) -> None:
    for key in data:
        if key not in known:
            _stray(process, (*place, key), known, section)


def _stray(process: Process, place: tuple[str | int, ...], known: Collection[str], section: str) -> None:
    key = str(place[-1])
    near = nearest(key, known)
    home = FOREIGN.get(key, "") or next((name for name in homes(key) if name != section), "")
    here = f"`{section}`" if section else "the process"
    if home and key in (home.rpartition(".")[2], *homes_keys(home)) and not (near and near.replace("_", "") == key.replace("_", "")):
        process.say("LB311", place, f"`{key}` does not belong in {here}", DROPPED, f"it is read as `{home}`", on="key")
    elif home and not near:
        process.found.unknown(process.file, (*process.path, *place), (), why=f"{DROPPED}; what you mean is `{home}`", where=here)
    else:
        process.found.unknown(process.file, (*process.path, *place), known, why=DROPPED, where=here)


def homes(key: str) -> list[str]:
    """Where the trainer does read a key."""
    if key in keys_of("process"):
        return ["config.process[0]"]
    names = [name for name in SECTIONS if name != "first_sample" and key in keys_of(_NAMES.get(name, name))]
    return [f"{_NAMES.get(name, name)}.{key}" for name in names]


def homes_keys(home: str) -> frozenset[str]:
    """The keys of a home that is a whole process."""
    return keys_of("process") if home == "config.process[0]" else frozenset()


def _lists(process: Process) -> None:
    """Sections inside lists."""
    for section in ("sample", "first_sample"):
        items = process.get(section, "samples")
        for index, item in enumerate(items if isinstance(items, list) else ()):
            if isinstance(item, dict):
                _unknown(process, (section, "samples", index), item, keys_of("sample.samples[]"), f"{section}.samples")
    validation = process.get("train", "validation_config")
    items = validation.get("validation_items") if isinstance(validation, dict) else None
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            place = ("train", "validation_config", "validation_items", index)
            _unknown(process, place, item, keys_of("train.validation_config.validation_items[]"), "validation_items")


def _network_kwargs(process: Process) -> None:
    kwargs = process.get("network", "network_kwargs")
    for key in kwargs if isinstance(kwargs, dict) else ():
        place = ("network", "network_kwargs", key)
        if key in TAKEN_KWARGS:
            home = {"alpha": "network.linear_alpha", "lora_dim": "network.linear", "conv_lora_dim": "network.conv"}.get(
                key, f"network.{key}"
            )
            why = "the trainer hands it over itself: TypeError when the network is built, after the model load"
            process.say(
                "LB315", place, f"`{key}` is given twice to the network", why, f"write it as `{home}`, not in `network_kwargs`", on="key"
            )
        elif key not in NETWORK_KWARGS:
            process.found.unknown(
                process.file,
                (*process.path, *place),
                NETWORK_KWARGS,
                why="the network swallows unknown names in silence",
                where="`network_kwargs`",
            )


def _model_kwargs(process: Process) -> None:
    kwargs = process.get("model", "model_kwargs")
    known = keys_of("model.model_kwargs")
    for key in kwargs if isinstance(kwargs, dict) else ():
        if key not in known:
            near = nearest(str(key), known)
            fix = f"did you mean `{near}`?" if near else "check the name with the model's loader"
            process.say(
                "LB310", ("model", "model_kwargs", key), f"no loader reads `{key}` from `model_kwargs`", DROPPED, fix, "warning", "key"
            )


def _dead(process: Process) -> None:
    places: list[tuple[tuple[str | int, ...], str, Mapping[str, Any]]] = [((name,), name, process.section(name)) for name in DEAD]
    for place, section, data in (*places, *((("datasets", index), "datasets", entry) for index, entry in process.datasets)):
        for key, value in data.items():
            if key in DEAD[section] and truthy(value):
                _dead_key(process, (*place, key), key, value)
    device = process.data.get("device")
    if isinstance(device, str) and device not in ("cuda", "cuda:0", "cpu", "auto"):
        fix = "choose the GPU with the variable CUDA_VISIBLE_DEVICES"
        process.say("LB312", ("device",), f"`device: {device}` has no effect", "the trainer takes the first visible GPU", fix, "warning")
    model = process.section("model")
    dtype = process.get("train", "dtype", "fp32")
    if "dtype" in model and model["dtype"] != dtype:
        why = f"`train.dtype` ({spell(dtype)}) is written over it"
        process.say("LB312", ("model", "dtype"), "`model.dtype` has no effect", why, "write it as `train.dtype`", "warning")


def _dead_key(process: Process, place: tuple[str | int, ...], key: str, value: Any) -> None:
    rate = process.get("train", "lr", 1e-6)
    if key.endswith("_lr"):
        same = number(value) and number(rate) and float(value) == float(rate)
        why = f"only `train.lr` ({spell(rate)}) is used, for all parts"
        process.say(
            "LB312",
            place,
            f"`{key}` is read and never used",
            why,
            "write the rate as `train.lr`",
            "hint" if same else "error",
            "key",
        )
    else:
        process.say(
            "LB312",
            place,
            f"`{key}` is read and never used",
            "the model's own is written over it" if key == "bucket_tolerance" else "it changes nothing",
            "remove it",
            "warning",
            "key",
        )
