"""The dataset file: its schema as the trainer checks it, and what the schema lets through."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lorabridge.backends.musubi.lint_model import Setup
from lorabridge.backends.musubi.lint_tables import AT_ONCE
from lorabridge.backends.musubi.native import contract
from lorabridge.backends.native import Findings, NativeFile
from lorabridge.backends.native.findings import nearest
from lorabridge.config.paths import KeyPath

SHARED = ("caption_extension", "batch_size", "num_repeats", "resolution", "enable_bucket", "bucket_no_upscale")
RENAMED = {
    "flux_kontext_no_resize_control": "no_resize_control",
    "qwen_image_edit_no_resize_control": "no_resize_control",
    "qwen_image_edit_control_resolution": "control_resolution",
}
EXTRACTIONS = ("head", "chunk", "slide", "uniform", "full")
VIDEO_SCRIPTS = (
    "hv_train_network",
    "hv_1_5_train_network",
    "wan_train_network",
    "fpack_train_network",
    "flux_kontext_train_network",
    "kandinsky5_train_network",
)
ONLY_FOR = {
    "fp_latent_window_size": "FramePack",
    "fp_1f_clean_indices": "FramePack and Wan",
    "fp_1f_target_index": "FramePack and Wan",
    "fp_1f_no_post": "FramePack",
    "multiple_target": "Qwen-Image-Layered",
}
_REFUSED = f"{AT_ONCE}: `Invalid user config`"


def check_dataset(file: NativeFile, say: Findings, setup: Setup | None = None) -> None:
    """Every finding about one dataset file. `setup` is the training that uses it, where that is known."""
    for key in file.data:
        if key not in ("general", "datasets"):
            home = (
                "`[general]` or `[[datasets]]`"
                if key in SHARED
                else "a `[[datasets]]` table"
                if key in _known("image") or key in _known("video")
                else ""
            )
            near = nearest(str(key), ("general", "datasets"))
            fix = f"move it into {home}" if home else f"did you mean `{near}`?" if near else "remove it"
            say.add(
                "LB311" if home else "LB310", (file, (key,)), f"`{key}` cannot stand at the top of a dataset file", _REFUSED, fix, on="key"
            )
    general, tables = file.data.get("general", {}), file.data.get("datasets")
    if not isinstance(general, dict):
        say.add("LB313", (file, ("general",)), "`general` is a table", _REFUSED, "write `[general]`")
        general = {}
    _table(file, ("general",), general, say)
    if not isinstance(tables, list) or not tables:
        wrong = "`datasets` is missing" if tables is None else "`datasets` holds no dataset"
        say.add(
            "LB318" if not isinstance(tables, dict) else "LB313",
            (file, ("datasets",)),
            wrong,
            "the trainer stops after it has read the file",
            "write `[[datasets]]`, with two brackets, and an image_directory",
        )
        tables = []
    for index, table in enumerate(tables):
        if isinstance(table, dict):
            _table(file, ("datasets", index), table, say)
            _dataset(file, index, {**general, **table}, table, say, setup)
        else:
            say.add("LB313", (file, ("datasets", index)), "a dataset is a table", _REFUSED, "write `[[datasets]]`")
    _caches(file, tables, say)


def _known(kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = contract()["dataset"][kind]
    return found


def _is_video(table: Mapping[str, Any]) -> bool:
    return "video_directory" in table or "video_jsonl_file" in table


def _table(file: NativeFile, path: KeyPath, table: Mapping[str, Any], say: Findings) -> None:
    """Names and types, as the schema has them: anything else stops the trainer."""
    shared = path == ("general",)
    kind = "video" if _is_video(table) else "image"
    known = {key: _known("image")[key] for key in SHARED} if shared else _known(kind)
    for written, value in table.items():
        here, key = (*path, written), written if shared else RENAMED.get(written, written)
        if key != written:
            say.add(
                "LB310",
                (file, here),
                f"`{written}` is now called `{key}`",
                "the trainer renames it, with a warning",
                f"write `{key}`",
                severity="warning",
                on="key",
            )
        if key not in known:
            _stranger(file, here, str(key), known, kind, shared, say)
            continue
        wrong = _wrong(value, known[key]["type"])
        if wrong:
            say.add("LB313", (file, here), f"`{key}` wants {wrong}", _REFUSED, _right(key, value, known[key]["type"]))
            continue
        _value(file, here, str(key), value, say)


def _stranger(file: NativeFile, path: KeyPath, key: str, known: Mapping[str, Any], kind: str, shared: bool, say: Findings) -> None:
    other = "image" if kind == "video" else "video"
    if shared and (key in _known("image") or key in _known("video")):
        say.add(
            "LB311",
            (file, path),
            f"`{key}` cannot stand in `[general]`",
            f"{_REFUSED}; only {', '.join(SHARED)} can",
            "write it in each `[[datasets]]`",
            on="key",
        )
    elif not shared and key in _known(other):
        say.add(
            "LB311",
            (file, path),
            f"`{key}` is for {other} datasets, this one has {kind}s",
            f"{_REFUSED}: a dataset has pictures or clips",
            f"remove it, or make a second `[[datasets]]` for the {other}s",
            on="key",
        )
    else:
        near = nearest(key, known)
        say.add(
            "LB310",
            (file, path),
            f"a dataset has no key `{key}`",
            f"{_REFUSED}: `extra keys not allowed`",
            f"did you mean `{near}`?" if near else f"known are {', '.join(known)}",
            on="key",
        )


def _wrong(value: Any, kind: str) -> str:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if kind == "size":
        pair = isinstance(value, list) and len(value) == 2 and all(isinstance(item, int) for item in value)
        return "" if isinstance(value, int) or pair else "a side or `[width, height]`, in whole numbers"
    if kind == "flag":
        return "" if isinstance(value, bool) else "`true` or `false`"
    if kind == "int":
        return "" if whole or isinstance(value, bool) else "a whole number"
    if kind == "float":
        return "" if isinstance(value, float) else "a number with a point: the trainer refuses `30` and takes `30.0`"
    if kind.startswith("list:"):
        return "" if isinstance(value, list) and all(isinstance(item, int) for item in value) else "a list of whole numbers"
    return "" if isinstance(value, str) else "a text"


def _right(key: str, value: Any, kind: str) -> str:
    if kind == "float" and isinstance(value, int):
        return f"write {float(value)}"
    if kind in ("int", "size") and isinstance(value, float) and math.isfinite(value):
        return f"write {int(value)}"
    if kind.startswith("list:") and isinstance(value, int):
        return f"write [{value}]"
    if isinstance(value, str) and kind in ("int", "flag", "size"):
        return f"write it without quotes: {key} = {value.strip().lower()}"
    return "write it in quotes" if kind == "str" else "write a value of that kind"


def _value(file: NativeFile, path: KeyPath, key: str, value: Any, say: Findings) -> None:
    if isinstance(value, bool) and _known("image").get(key, _known("video").get(key, {})).get("type") in ("int", "size"):
        say.add(
            "LB313",
            (file, path),
            f"`{key} = {str(value).lower()}` counts as {int(value)}",
            "the trainer's schema takes it for a number",
            "write a number",
            severity="error" if not value or key == "resolution" else "warning",
        )
    elif key in ("batch_size", "num_repeats") and value < 1:
        what = "no batch can be made" if key == "batch_size" else "the dataset is empty"
        say.add(
            "LB315",
            (file, path),
            f"`{key}` must be 1 or more",
            f"the schema lets it pass; {what}, and the trainer stops or trains nothing",
            "write 1 or more",
        )
    elif key in ("resolution", "control_resolution"):
        _resolution(file, path, key, value if isinstance(value, list) else [value, value], say)
    elif key == "caption_extension" and value and not value.startswith("."):
        say.add(
            "LB315",
            (file, path),
            f"`{value}` lacks its dot",
            f"the caption file is looked for as `picture{value}`; the caching script stops (FileNotFoundError)",
            f'write ".{value}"',
        )
    elif key == "caption_extension" and not value:
        say.add("LB315", (file, path), "the caption ending is empty", "the caching script stops (FileNotFoundError)", 'write ".txt"')
    elif key == "frame_extraction" and value not in EXTRACTIONS:
        near = nearest(value, EXTRACTIONS)
        say.add(
            "LB314",
            (file, path),
            f"there is no frame_extraction `{value}`",
            "the latent caching script stops after it has loaded the VAE",
            f"did you mean `{near}`?" if near else f"write one of {', '.join(EXTRACTIONS)}",
        )
    elif key == "target_frames":
        _frames(file, path, value, say)
    elif key in ("frame_stride", "frame_sample", "max_frames") and value < 1:
        say.add("LB315", (file, path), f"`{key}` must be 1 or more", "the latent caching script stops, or finds no clip", "write 1 or more")
    elif key == "source_fps" and value <= 0:
        say.add(
            "LB315",
            (file, path),
            "`source_fps` must be above 0",
            "the latent caching script divides by it",
            "write for example 30.0, or leave it out",
        )
    elif key == "cache_directory" and not value:
        say.add(
            "LB317",
            (file, path),
            "`cache_directory` is empty",
            "caches are written to the folder that the command runs in",
            "write a path, or leave the key out",
        )
    elif key.endswith(("_directory", "_jsonl_file")) and not value:
        say.add(
            "LB315",
            (file, path),
            f"`{key}` is empty",
            "the trainer looks in no folder and finds nothing",
            "write a path, or leave the key out",
        )


def _resolution(file: NativeFile, path: KeyPath, key: str, sides: Sequence[int], say: Findings) -> None:
    if min(sides) < 1:
        say.add(
            "LB315",
            (file, path),
            f"`{key}` must be above 0",
            "the schema lets it pass; the latent caching script stops after it has loaded the VAE",
            "write for example [1024, 1024]",
        )
    elif min(sides) < 64:
        say.add(
            "LB317",
            (file, path),
            f"{sides[0]}x{sides[1]} is very small",
            "no model was made for it",
            "write for example [1024, 1024]",
            severity="warning",
        )


def _frames(file: NativeFile, path: KeyPath, value: Sequence[int], say: Findings) -> None:
    if not value or min(value) < 1:
        say.add(
            "LB315",
            (file, path),
            "`target_frames` needs numbers of 1 or more",
            "no clip has that length; the trainer finds no items",
            "write for example [1, 25, 45]",
        )
        return
    odd = [frames for frames in value if (frames - 1) % 4]
    if odd:
        rounded = sorted({frames - (frames - 1) % 4 for frames in value})
        say.add(
            "LB317",
            (file, path),
            f"{', '.join(map(str, odd))} frames cannot be cut: the length must be 4 n + 1",
            "the trainer rounds down, with a warning",
            f"write {rounded}",
            severity="warning",
        )


def _dataset(file: NativeFile, index: int, merged: Mapping[str, Any], table: Mapping[str, Any], say: Findings, setup: Setup | None) -> None:
    path: KeyPath = ("datasets", index)
    sources = [key for key in ("image_directory", "image_jsonl_file", "video_directory", "video_jsonl_file") if key in table]
    if not sources:
        say.add(
            "LB318",
            (file, path),
            "the dataset has no source",
            f"{AT_ONCE}, with a misleading `Unsupported architecture`",
            "write `image_directory`, `image_jsonl_file`, `video_directory` or `video_jsonl_file`",
        )
        return
    video = _is_video(table)
    if len(sources) > 1 and not (video and len({source[:5] for source in sources}) > 1):
        say.add(
            "LB319",
            (file, (*path, sources[1])),
            f"`{sources[0]}` and `{sources[1]}` exclude each other",
            f"`{sources[0]}` is used in silence",
            "keep one of them",
            related=((file.span((*path, sources[0])), "this one is used"),),
        )
    jsonl = any(source.endswith("jsonl_file") for source in sources) and not any(source.endswith("_directory") for source in sources)
    if jsonl and "cache_directory" not in table:
        say.add(
            "LB318",
            (file, (*path, sources[0])),
            "a JSONL dataset needs `cache_directory`",
            "the caching script stops after it has loaded the VAE (AssertionError)",
            "write `cache_directory`",
        )
    if not jsonl and not merged.get("caption_extension"):
        say.add(
            "LB318",
            (file, (*path, sources[0])),
            "`caption_extension` is missing",
            "the caching script stops (FileNotFoundError: '')",
            'write `caption_extension = ".txt"` in `[general]`',
        )
    if "resolution" not in merged:
        say.add(
            "LB318",
            (file, path),
            "`resolution` is missing: 960 x 544 is used",
            "that is the default for video",
            "write `resolution = [1024, 1024]`",
            severity="warning",
        )
    _buckets(file, path, merged, video, say)
    if setup is not None and setup.script:
        _for_model(file, path, table, video, say, setup)


def _buckets(file: NativeFile, path: KeyPath, merged: Mapping[str, Any], video: bool, say: Findings) -> None:
    if merged.get("enable_bucket"):
        return
    here = next((place for place in ((*path, "resolution"), ("general", "resolution")) if place in file.places), path)
    resolution = merged.get("resolution")
    sides = [
        side for side in (resolution if isinstance(resolution, list) else [resolution, resolution]) if isinstance(side, int) and side > 0
    ]
    if len(sides) == 2 and any(side % 16 for side in sides):
        say.add(
            "LB315",
            (file, here),
            f"{sides[0]}x{sides[1]} is not a multiple of 16, and buckets are off",
            "caching works; the first training step fails on the shape",
            "write multiples of 16 (32 for HiDream), or `enable_bucket = true`",
        )
    if merged.get("bucket_no_upscale"):
        where = (*path, "bucket_no_upscale") if (*path, "bucket_no_upscale") in file.places else ("general", "bucket_no_upscale")
        say.add(
            "LB312",
            (file, where),
            "`bucket_no_upscale` has no effect without `enable_bucket`",
            "every picture is scaled to the resolution",
            "write `enable_bucket = true`",
            severity="warning",
        )
    elif not video:
        say.add(
            "LB317",
            (file, path),
            "without `enable_bucket` every picture is cropped to one shape",
            "that is the trainer's default",
            "write `enable_bucket = true` unless that is meant",
            severity="hint",
        )
    batch = merged.get("batch_size", 1)
    if video and isinstance(batch, int) and batch > 1:
        say.add(
            "LB315",
            (file, path),
            "clips in batches need `enable_bucket`",
            "clips are cached in buckets, and without it the training mixes their sizes in one batch",
            "write `enable_bucket = true`",
            severity="warning",
        )


def _for_model(file: NativeFile, path: KeyPath, table: Mapping[str, Any], video: bool, say: Findings, setup: Setup) -> None:
    if video and setup.script not in VIDEO_SCRIPTS:
        say.add(
            "LB315", (file, path), "this model trains on pictures only", f"{AT_ONCE}: `Unsupported architecture`", "use image_directory"
        )
    edit = setup.script == "qwen_image_train_network" and str(setup.get("model_version", "")).startswith("edit")
    if (
        not video
        and (edit or setup.script == "flux_kontext_train_network")
        and "control_directory" not in table
        and "image_jsonl_file" not in table
    ):
        stops = (
            "the caching script stops"
            if setup.script == "flux_kontext_train_network"
            else "the model is trained as plain text-to-image in silence"
        )
        say.add("LB318", (file, path), "an edit model needs `control_directory`", stops, "write `control_directory`", severity="warning")
    for key, models in ONLY_FOR.items():
        fits = {"FramePack": "fpack", "Wan": "wan", "Qwen": "qwen"}
        if key in table and not any(name in models and setup.script.startswith(script) for name, script in fits.items()):
            say.add(
                "LB312",
                (file, (*path, key)),
                f"`{key}` is for {models}",
                "this model's dataset does not use it",
                "remove it",
                severity="warning",
            )


def _caches(file: NativeFile, tables: Sequence[Any], say: Findings) -> None:
    seen: dict[str, tuple[str, KeyPath]] = {}
    for index, table in enumerate(tables):
        if not isinstance(table, dict):
            continue
        key = next((key for key in ("cache_directory", "image_directory", "video_directory") if table.get(key)), "")
        value = table.get(key)
        if not isinstance(value, str):
            continue
        path, plain = ("datasets", index, key), value.replace("\\", "/").rstrip("/")
        if plain in seen:
            first, where = seen[plain]
            same = first == value
            why = (
                f"{AT_ONCE}: `cache directory should be unique`"
                if same
                else "the trainer compares letter by letter and lets it pass: caching the second deletes the first one's files"
            )
            say.add(
                "LB319",
                (file, path),
                f"two datasets have the cache folder `{plain}`",
                why,
                "write another `cache_directory` for each",
                related=((file.span(where), "the other one"),),
            )
        else:
            seen[plain] = (value, path)
