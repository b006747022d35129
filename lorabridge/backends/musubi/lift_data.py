"""Datasets and prompts, read back."""

from __future__ import annotations

import re
from typing import Any

from lorabridge.backends.engine import lift_rows
from lorabridge.backends.musubi.archs import Arch
from lorabridge.backends.musubi.lift import Lifting
from lorabridge.backends.musubi.rows import DATASET_ROWS
from lorabridge.backends.musubi.samples import IDEOGRAM_PRESETS
from lorabridge.config.amounts import Amount
from lorabridge.diagnostics import Diagnostic

_OWN_CACHE = re.compile(r"(.*)/cache/(\d+)-[0-9a-f]{8}")
_DEFAULTS: dict[str, Any] = {
    "resolution": [960, 544],
    "enable_bucket": False,
    "bucket_no_upscale": False,
    "batch_size": 1,
    "num_repeats": 1,
}
_VIDEO = {
    "target_frames": "frames",
    "frame_extraction": "extract",
    "frame_stride": "stride",
    "frame_sample": "samples",
    "max_frames": "max_frames",
    "source_fps": "fps",
}
_SOURCES = {"image_directory": "images", "video_directory": "videos", "image_jsonl_file": "jsonl", "video_jsonl_file": "jsonl"}


def datasets(work: Lifting, arch: Arch) -> None:
    """Tables that differ in size and in a cache of lorabridge's own only are one dataset."""
    found: list[dict[str, Any]] = []
    owners: list[str] = []
    native: dict[str, Any] = {}
    for table in work.tables:
        data, owner = _dataset(_DEFAULTS | table, native)
        twin = bool(owner) and bool(owners) and owners[-1] == owner and _same(found[-1], data)
        if twin:
            found[-1]["resolution"] += data["resolution"]
        else:
            found.append(data)
            owners.append(owner)
    if native:
        work.native["dataset"] = native
    work.say("datasets", found or None, "dataset:datasets")
    for number, table in enumerate(found):
        work.origins |= {f"datasets[{number}].{key}": "dataset:datasets" for key in table}


def _same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return {key: value for key, value in left.items() if key != "resolution"} == {
        key: value for key, value in right.items() if key != "resolution"
    }


def _dataset(table: dict[str, Any], native: dict[str, Any]) -> tuple[dict[str, Any], str]:
    data: dict[str, Any] = {}
    video = False
    for key, name in _SOURCES.items():
        if key in table:
            data[name] = table.pop(key)
            video = key.startswith("video")
    resolution = table.pop("resolution")
    data["resolution"] = [_side(resolution)]
    cache = str(table.pop("cache_directory", data.get("images") or data.get("videos") or ""))
    own = _OWN_CACHE.fullmatch(cache)
    if cache and not own:
        data["cache_dir"] = cache
    control = table.pop("control_directory", None)
    if control:
        data["control"] = [control]
    if "control_resolution" in table:
        data["control_resolution"] = _side(table.pop("control_resolution"))
    clip = {name: table.pop(key) for key, name in _VIDEO.items() if key in table}
    if clip or (data.get("jsonl") and video):
        data["video"] = clip
    said, _, rest = lift_rows(DATASET_ROWS, {"": table})
    for path, value in said.items():
        _put(data, path.removeprefix("datasets[]."), value)
    native |= rest.get("", {})
    return data, f"{own[1]}/{own[2]}" if own else ""


def _side(value: Any) -> Any:
    if isinstance(value, int):
        return value
    return value[0] if value[0] == value[1] else list(value)


def _put(data: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for part in parents:
        data = data.setdefault(part, {})
    data[last] = value


def prompts(work: Lifting, arch: Arch) -> None:
    """Sample prompts, each with all of its settings."""
    if not work.prompts:
        for key in ("sample_every_n_steps", "sample_every_n_epochs", "sample_at_first"):
            if work.take(key):
                why = "there are no sample prompts among these files, and without them none is drawn"
                work.diagnostics.append(Diagnostic("LB312", f"`{key}` has no effect", None, "hint", why, "", key))
        return
    for unit in ("steps", "epochs"):
        every = work.take(f"sample_every_n_{unit}")
        if every is not None and "every" not in work.data.get("sample", {}):
            work.say("sample.every", str(Amount(every, "steps" if unit == "steps" else "epochs")), f"train:sample_every_n_{unit}")
        elif every is not None:
            work.native[f"sample_every_n_{unit}"] = every
    first = work.take("sample_at_first")
    if "sample" not in work.data:
        return
    work.say("sample.before", bool(first), "train:sample_at_first")
    work.say("sample.prompts", [_prompt(work, arch, entry) for entry in work.prompts] or None, "samples.json")


def _prompt(work: Lifting, arch: Arch, entry: dict[str, Any]) -> dict[str, Any]:
    keys = {"prompt": "prompt", "width": "width", "height": "height", "frame_count": "frames", "seed": "seed", "sample_steps": "steps"}
    found = {name: entry[key] for key, name in keys.items() if key in entry}
    if arch.guide and arch.guide in entry:
        found["guidance"] = entry[arch.guide]
    if "sampler_preset" in entry:
        found["steps"] = next((steps for steps, name in IDEOGRAM_PRESETS.items() if name == entry["sampler_preset"]), 20)
    negative = entry.get("negative_prompt")
    if negative is not None and negative != arch.negative:
        found["negative"] = negative
    pictures = [
        *entry.get("control_image_path", []),
        *[entry[key] for key in ("image_path", "end_image_path", "control_video_path") if key in entry],
    ]
    if pictures:
        found["control"] = pictures
    unused = sorted(
        entry.keys()
        - {
            *keys,
            "guidance_scale",
            "cfg_scale",
            "sampler_preset",
            "negative_prompt",
            "control_image_path",
            "image_path",
            "end_image_path",
            "control_video_path",
            "enum",
        }
    )
    if unused:
        work.problem("LB303", f"sample prompts: {', '.join(unused)} cannot be said", fix="it was left out")
    return found
