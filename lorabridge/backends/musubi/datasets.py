"""The dataset TOML: one table per dataset and training size, every parameter written.

The trainer looks a missing parameter up in its own options and the caching script's (config_utils.py:226); what is written
everywhere cannot leak in from there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from lorabridge.backends.engine import Lowering
from lorabridge.backends.musubi.archs import Arch
from lorabridge.backends.musubi.model import local_path
from lorabridge.backends.musubi.rows import DATASET_ROWS
from lorabridge.config.schema.data import Dataset, Video

EXTRACTS = ("head", "chunk", "slide", "uniform", "full")
_USED_BY = {"stride": "slide", "samples": "uniform", "max_frames": "full"}
_VIDEO_KEYS = {"stride": "frame_stride", "samples": "frame_sample", "max_frames": "max_frames"}


def datasets(low: Lowering, arch: Arch) -> list[str]:
    """Fill the `dataset` document. Returns the cache folders."""
    tables: list[dict[str, Any]] = []
    for index, data in enumerate(low.config.datasets):
        here = f"datasets[{index}]"
        common = _table(low, arch, here, data)
        sides = data.resolution or [low.family.resolution]
        if len(sides) > 1:
            low.note(
                "rewritten",
                f"{here}.resolution",
                list(sides),
                "dataset:datasets",
                len(sides),
                "a dataset of its own for each size, with its own cache",
            )
        for width, height in _sizes(low, here, sides):
            _check_side(low, arch, here, data, width, height)
            table = common | {"resolution": [width, height]}
            table["cache_directory"] = _cache_dir(low, arch, here, index, data, table, len(sides) > 1)
            tables.append(table)
            _sources(low, len(tables) - 1, table, here)
        if len(sides) == 1:
            low.note("exact", f"{here}.resolution", sides[0], "dataset:resolution", tables[-1]["resolution"])
    low.documents["dataset"] = {"datasets": tables}
    caches = [table["cache_directory"] for table in tables]
    _distinct(low, caches)
    _trigger(low)
    return caches


def _sizes(low: Lowering, here: str, sides: Sequence[int | tuple[int, int]]) -> list[tuple[int, int]]:
    sizes = [side if isinstance(side, tuple) else (side, side) for side in sides]
    for width, height in sorted({size for size in sizes if sizes.count(size) > 1}):
        low.problem(
            "LB307",
            f"{here}.resolution",
            f"the size {width} x {height} is listed twice",
            "its two copies would share a cache",
            "list it once; `repeats` shows pictures more often",
        )
    return list(dict.fromkeys(sizes))


def _table(low: Lowering, arch: Arch, here: str, data: Dataset) -> dict[str, Any]:
    table = _source(low, arch, here, data)
    rows = low.rows(DATASET_ROWS, item=here)
    if data.jsonl is not None:
        rows.pop("caption_extension", None)
        if low.wrote(f"{here}.captions.extension"):
            low.refuse(f"{here}.captions.extension", data.captions.extension, "the captions of a list stand in the list", "remove it")
    table |= rows
    if data.aspect is not None:
        low.refuse(f"{here}.aspect", "", "it makes its own buckets, in steps of pixels", "remove it")
    if not data.bucket and not data.upscale:
        low.problem(
            "LB307",
            f"{here}.upscale",
            "`upscale: false` does nothing with `bucket: false`",
            "the trainer keeps small pictures small only inside buckets (IV:286)",
            "remove one of the two",
        )
    if data.regularization:
        low.note(
            "rewritten",
            f"{here}.regularization",
            True,
            "dataset:datasets",
            "",
            "an ordinary dataset: its pictures are trained like the others",
        )
    return table | _control(low, here, data)


def _source(low: Lowering, arch: Arch, here: str, data: Dataset) -> dict[str, Any]:
    video = data.videos is not None or (data.jsonl is not None and data.video is not None)
    if video and not arch.video:
        low.problem(
            "LB307",
            f"{here}.videos",
            f"{low.family.title} is trained on pictures",
            "the trainer stops: unsupported architecture (IV:640)",
            "name `images:`",
        )
    kind = "video" if video else "image"
    if data.jsonl is not None:
        key, path, value = f"{kind}_jsonl_file", f"{here}.jsonl", data.jsonl
    elif data.videos is not None:
        key, path, value = "video_directory", f"{here}.videos", data.videos
    else:
        key, path, value = "image_directory", f"{here}.images", data.images or ""
    native = low.path(value)
    low.note("exact", path, value, f"dataset:{key}", native)
    return {key: native} | (_video(low, here, data) if video else {})


def _video(low: Lowering, here: str, data: Dataset) -> dict[str, Any]:
    video = data.video or Video()
    where = f"{here}.video"
    odd = [count for count in video.frames if count % 4 != 1]
    if odd:
        near = ", ".join(str(max(1, (count - 1) // 4 * 4 + 1)) for count in odd)
        low.problem(
            "LB308",
            f"{where}.frames",
            f"frame counts of {odd} are not 4n + 1",
            "the trainer rounds them down (IV:649)",
            f"write {near} instead",
        )
    if video.extract not in EXTRACTS:
        low.refuse(f"{where}.extract", video.extract, "it has no such way", f"known there: {', '.join(EXTRACTS)}")
    table: dict[str, Any] = {
        "target_frames": list(video.frames),
        "frame_extraction": video.extract if video.extract in EXTRACTS else "head",
    }
    for name, key in _VIDEO_KEYS.items():
        if video.extract == _USED_BY[name] or low.wrote(f"{where}.{name}"):
            table[key] = getattr(video, name)
    if video.fps != "auto":
        table["source_fps"] = float(video.fps)
    if not data.bucket and (data.batch_size or 1) > 1:
        low.problem(
            "LB307",
            f"{here}.bucket",
            "clips in batches need `bucket: true`",
            "they are always cached in buckets, but batched as one shape (IV:698, IV:858): the run crashes in the first epoch",
            "remove `bucket: false`",
        )
    for name, key in {"frames": "target_frames", "extract": "frame_extraction", **_VIDEO_KEYS, "fps": "source_fps"}.items():
        low.note("exact", f"{where}.{name}", getattr(video, name), f"dataset:{key}", table.get(key, "left out"))
    return table


def _control(low: Lowering, here: str, data: Dataset) -> dict[str, Any]:
    table: dict[str, Any] = {}
    if len(data.control) > 1:
        low.refuse(f"{here}.control", data.control, "it takes one folder", "put the pictures into one folder as `<name>_0`, `<name>_1`, …")
    if data.control:
        table["control_directory"] = low.path(data.control[0])
        low.note("exact", f"{here}.control", data.control, "dataset:control_directory", table["control_directory"])
    side = data.control_resolution
    if side is not None:
        table["control_resolution"] = list(side) if isinstance(side, tuple) else [side, side]
        low.note("exact", f"{here}.control_resolution", side, "dataset:control_resolution", table["control_resolution"])
    return table


def _check_side(low: Lowering, arch: Arch, here: str, data: Dataset, width: int, height: int) -> None:
    if data.bucket or not (width % arch.step or height % arch.step):
        return
    near = [max(arch.step, round(side / arch.step) * arch.step) for side in (width, height)]
    low.problem(
        "LB307",
        f"{here}.resolution",
        f"{width} x {height} is no multiple of {arch.step}",
        "without buckets the size is used as it is; the run crashes at the first step",
        f"write `[{near[0]}, {near[1]}]`, or `bucket: true`",
    )


def _cache_dir(low: Lowering, arch: Arch, here: str, index: int, data: Dataset, table: dict[str, Any], several: bool) -> str:
    """The user's folder, or one whose name changes with every setting that changes its contents."""
    size = "x".join(map(str, table["resolution"]))
    if data.cache_dir is not None:
        folder = local_path(low, f"{here}.cache_dir", data.cache_dir) + (f"/{size}" if several else "")
        low.note(
            "exact" if not several else "rewritten",
            f"{here}.cache_dir",
            data.cache_dir,
            "dataset:cache_directory",
            folder,
            "a folder per size" if several else "",
        )
        return folder
    model = low.config.model
    matters = {key: value for key, value in table.items() if key not in ("num_repeats", "batch_size")}
    scripts = [arch.latents, *arch.latent_flags, arch.text, *arch.text_flags]
    facts = [scripts, model.paths.vae, model.paths.text_encoder, model.vae_dtype, model.quantize.text_encoder, matters]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]
    return f"{low.output}/cache/{index}-{digest}"


def _distinct(low: Lowering, caches: list[str]) -> None:
    for folder in sorted({item for item in caches if caches.count(item) > 1}):
        low.problem(
            "LB307",
            "datasets",
            f"two datasets share the cache folder {folder}",
            "the second deletes the first one's latents",
            "give each its own `cache_dir`, or none",
        )


def _trigger(low: Lowering) -> None:
    if any(data.trigger for data in low.config.datasets):
        word = low.config.trigger or next(data.trigger for data in low.config.datasets if data.trigger)
        path = "trigger" if low.config.trigger else "datasets"
        low.problem(
            "LB302",
            path,
            f"captions are used as they are: `{word}` must stand in them",
            "musubi-tuner does not add the trigger word",
            "put it into the caption files",
            "hint",
        )
        low.note("rewritten", path, word, "", "", "put into sample prompts; captions are used as they are")


def _sources(low: Lowering, number: int, table: dict[str, Any], here: str) -> None:
    names = {
        "image_directory": "images",
        "image_jsonl_file": "jsonl",
        "video_directory": "videos",
        "video_jsonl_file": "jsonl",
        "resolution": "resolution",
        "control_directory": "control",
        "control_resolution": "control_resolution",
        "target_frames": "video.frames",
        "frame_extraction": "video.extract",
        "source_fps": "video.fps",
        **{row.at[1:]: row.path.removeprefix("datasets[].") for row in DATASET_ROWS if row.at},
        **{key: f"video.{name}" for name, key in _VIDEO_KEYS.items()},
    }
    for key in table:
        low.sources[f"dataset:datasets.{number}.{key}"] = f"{here}.{names[key]}" if key in names else ""
