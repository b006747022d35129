"""The way back for `datasets` and `sample`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lorabridge.backends.ai_toolkit.lift_state import Lifting
from lorabridge.backends.ai_toolkit.rows import DATASET_ROWS
from lorabridge.backends.ai_toolkit.samples import untriggered
from lorabridge.backends.engine import lift_rows

_FLIPS = {(True, False): "horizontal", (False, True): "vertical", (True, True): "both"}
_SAMPLE = {
    "prompt": "prompt",
    "neg": "negative",
    "width": "width",
    "height": "height",
    "num_frames": "frames",
    "seed": "seed",
    "sample_steps": "steps",
    "guidance_scale": "guidance",
}
_EFFECTIVE = {"resolution": 512, "num_repeats": 1, "caption_ext": ".txt"}


def lift_datasets(state: Lifting) -> None:
    """Every entry of `datasets`; what an entry says for the whole run is taken from the first."""
    entries = state.pop("datasets") or []
    datasets = [_dataset(state, index, dict(entry)) for index, entry in enumerate(entries) if isinstance(entry, dict)]
    state.say("datasets", datasets, "datasets")


def _dataset(state: Lifting, index: int, entry: dict[str, Any]) -> dict[str, Any]:
    entry = _EFFECTIVE | entry
    rows, _, rest = lift_rows(DATASET_ROWS, {"": entry})
    left = rest.get("", {})
    data: dict[str, Any] = {}
    for path, value in rows.items():
        _put(data, path.removeprefix("datasets[]."), value)
    _caption(data)
    _folder(data, left)
    _flip(data, left)
    _control(data, left)
    for key, path in (("mask_path", "masks"), ("batch_size", "batch_size"), ("trigger_word", "trigger")):
        if left.get(key):
            _put(data, path, left.pop(key))
    _run(state, index, left)
    for key, value in left.items():
        state.rest[f"datasets.{index}.{key}"] = value
    return data


def _put(data: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    for part in parents:
        data = data.setdefault(part, {})
    data[last] = value


def _caption(data: dict[str, Any]) -> None:
    """An extension is accepted with and without a dot; the language writes it."""
    extension = data.get("captions", {}).get("extension")
    if isinstance(extension, str) and extension and not extension.startswith("."):
        data["captions"]["extension"] = f".{extension}"


def _folder(data: dict[str, Any], left: dict[str, Any]) -> None:
    folder = left.pop("folder_path", None) or left.pop("dataset_path", None)
    frames, whole = left.pop("num_frames", 1), left.pop("auto_frame_count", False)
    data["videos" if frames > 1 or whole else "images"] = folder
    if whole:
        data["video"] = {"extract": "full"} | ({"fps": left.pop("fps")} if "fps" in left else {})
    elif frames > 1:
        data["video"] = {"frames": [frames]}
        if left.get("shrink_video_to_frames", True):
            left.pop("shrink_video_to_frames", None)


def _flip(data: dict[str, Any], left: dict[str, Any]) -> None:
    flips = (bool(left.pop("flip_x", False)), bool(left.pop("flip_y", False)))
    if flips in _FLIPS:
        data["flip"] = _FLIPS[flips]


def _control(data: dict[str, Any], left: dict[str, Any]) -> None:
    folders = left.pop("control_path", None)
    numbered = [left.pop(f"control_path_{number}", None) for number in (1, 2, 3)]
    named = [folder for folder in numbered if folder]
    folders = named or ([folders] if isinstance(folders, str) else folders)
    if folders:
        data["control"] = list(folders)


def _run(state: Lifting, index: int, left: dict[str, Any]) -> None:
    """What the language says once for all datasets."""
    disk, memory = left.pop("cache_latents_to_disk", False), left.pop("cache_latents", False)
    workers, cachers = left.pop("num_workers", None), left.pop("cache_latents_num_workers", None)
    if index:
        return
    state.say("cache.latents.to", "disk" if disk else "memory" if memory else "off", "datasets")
    state.say("train.workers", workers, "datasets")
    state.say("cache.latents.workers", cachers, "datasets")


def lift_samples(state: Lifting) -> None:
    """`sample`: its common values, then the prompts with what differs from them."""
    off = state.pop("train.disable_sampling", False)
    every = state.pop("sample.sample_every")
    skip = state.pop("train.skip_first_sample", False)
    entries = _entries(state)
    state.drop("sample.sampler")
    arch = state.arch
    state.drop("sample.fps", *([arch.fps] if arch is not None else []))
    for native, path in (
        ("width", "width"),
        ("height", "height"),
        ("seed", "seed"),
        ("sample_steps", "steps"),
        ("guidance_scale", "guidance"),
        ("num_frames", "frames"),
    ):
        key = f"sample.{native}"
        if off:
            state.drop(key)
        else:
            state.move(key, f"sample.{path}")
    walk = bool(state.pop("sample.walk_seed", False)) and not off
    state.say("sample.negative", state.pop("sample.neg", "") or None, "sample.neg")
    if off or not entries:
        return
    state.say("sample.every", f"{every} steps" if every else "never", "sample.sample_every")
    state.say("sample.before", not skip, "train.skip_first_sample")
    entries = _seeded(state, entries, walk)
    entries, paired = _unpaired(entries, state.get("trigger", ""))
    if paired:
        state.say("sample.without_trigger", True, "sample.samples")
    state.say("sample.prompts", [_prompt(state, entry) for entry in entries], "sample.samples")


def _seeded(state: Lifting, entries: list[dict[str, Any]], walk: bool) -> list[dict[str, Any]]:
    """Each entry with the seed that it is drawn with: counted up with `walk_seed`, or that of the last entry that names one."""
    seed = start = state.get("sample.seed", 0)
    found = []
    for number, entry in enumerate(entries):
        seed = entry.get("seed", start + number if walk else seed)
        found.append({**entry, "seed": seed})
    return found


def _entries(state: Lifting) -> list[dict[str, Any]]:
    prompts = state.pop("sample.prompts") or []
    given = state.pop("sample.samples")
    entries = given if given is not None else [{"prompt": text} for text in prompts]
    found = [prompt_entry(entry) for entry in entries if isinstance(entry, dict)]
    if empty := sum(not entry.get("prompt") for entry in found):
        state.problem(
            "LB302", f"{empty} of {len(found)} sample prompts are empty", "the language has no sample without a text", "they were left out"
        )
    return [entry for entry in found if entry.get("prompt")]


_FLAGS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "n": ("neg", str),
    "w": ("width", int),
    "h": ("height", int),
    **dict.fromkeys(("d", "seed"), ("seed", int)),
    **dict.fromkeys(("l", "cfg"), ("guidance_scale", float)),
    **dict.fromkeys(("s", "steps"), ("sample_steps", int)),
    **dict.fromkeys(("m", "network_multiplier"), ("network_multiplier", float)),
    **dict.fromkeys(("frames", "num_frames"), ("num_frames", int)),
    "ctrl_img": ("ctrl_img", str),
}
"""Flags in the text of a prompt (toolkit/config_modules.py:1396). One that is not here leaves the prompt as it is."""


def prompt_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """`a cat --w 512` as the trainer takes it apart: flags in the text win over the entry's keys."""
    text, *flags = str(entry["prompt"]).split("--")
    found: dict[str, Any] = {}
    for flag in flags:
        name, _, content = flag.strip().partition(" ")
        if name not in _FLAGS:
            return dict(entry)
        key, kind = _FLAGS[name]
        try:
            found[key] = kind(content.strip())
        except ValueError:
            return dict(entry)
    return {**entry, "prompt": text.strip(), **found}


def _unpaired(entries: list[dict[str, Any]], trigger: str) -> tuple[list[dict[str, Any]], bool]:
    """The prompts without their twins; twins stand right after their prompt."""
    kept: list[dict[str, Any]] = []
    twins = 0
    for entry in entries:
        last = kept[-1] if kept else None
        if last is not None and last["prompt"] != entry["prompt"] and entry == last | {"prompt": untriggered(last["prompt"], trigger)}:
            twins += 1
        else:
            kept.append(entry)
    needed = sum(untriggered(entry["prompt"], trigger) != entry["prompt"] for entry in kept)
    return (kept, True) if twins and twins == needed else (entries, False)


def _prompt(state: Lifting, entry: dict[str, Any]) -> dict[str, Any]:
    prompt: dict[str, Any] = {}
    for native, key in _SAMPLE.items():
        if native in entry:
            value = entry.pop(native)
            if key == "prompt" or value != state.get(f"sample.{key}", {"seed": 42, "negative": ""}.get(key)):
                prompt[key] = value
    controls = [entry.pop(key) for key in ("ctrl_img", "ctrl_img_1", "ctrl_img_2", "ctrl_img_3") if entry.get(key)]
    if controls:
        prompt["control"] = controls
    for key, value in entry.items():
        state.rest[f"sample.samples.{key}"] = value
    return prompt
