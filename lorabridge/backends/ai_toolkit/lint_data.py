"""The datasets: what is read, at which size, and what lies inside what."""

from __future__ import annotations

import posixpath
from typing import Any

from lorabridge.backends.ai_toolkit.lint_job import Process, number, spell, truthy
from lorabridge.backends.ai_toolkit.lint_tables import CONTROL_CRASHES, NEEDS_CONTROL, PICTURES

_CAPTIONS = ("txt", "caption", "captions", "tags")
_COMPANIONS = ("mask_path", "control_path", "control_path_1", "control_path_2", "control_path_3", "unconditional_path", "clip_image_path")
_CONTROLS = ("depth", "line", "pose", "inpaint", "mask", "sapiens2_mask")
_VIDEO = ("wan21", "wan21_i2v", "wan22_5b", "wan22_14b", "wan22_14b_i2v", "ltx2", "ltx2.3", "ltx2.5", "minimax_h3", "minimax_h3_ref2va")


def check_datasets(process: Process) -> None:
    """All rules about datasets."""
    raw = process.data.get("datasets")
    if process.kind != "concept_slider" and (raw is None or raw in ([], {})):
        why = "the trainer loads the model and stops at the first training step"
        process.say("LB318", ("datasets",), "no dataset is given", why, "write `datasets:` and `- folder_path: ...` below it", on="key")
        return
    if raw is None:
        return
    if not isinstance(raw, list):
        why = "the trainer goes through its keys and stops at once"
        process.say("LB313", ("datasets",), "`datasets` is no list", why, "put `- ` before the first key of each dataset", on="key")
        return
    for index, entry in enumerate(raw):
        if not isinstance(entry, dict):
            process.say("LB313", ("datasets", index), "a dataset is a section", "the trainer stops at once", "write `- folder_path: ...`")
    entries = process.datasets
    for index, entry in entries:
        _folder(process, index, entry)
        _resolution(process, index, entry)
        _captions(process, index, entry)
        _companions(process, index, entry)
        _control(process, index, entry)
        _words(process, index, entry)
    _together(process, entries)


def _folder(process: Process, index: int, entry: dict[str, Any]) -> None:
    folder, data = entry.get("folder_path"), entry.get("dataset_path")
    if not folder and not data:
        key = next((key for key in ("folder_path", "dataset_path") if key in entry), "")
        place = ("datasets", index, key) if key else ("datasets", index)
        why = "the trainer stops when the dataset is loaded, after the model"
        process.say("LB318", place, "the dataset names no folder", why, "write `folder_path:`")
    elif folder and data and folder != data:
        process.say(
            "LB319",
            ("datasets", index, "folder_path"),
            "`folder_path` has no effect beside `dataset_path`",
            "`dataset_path` wins",
            "keep one of them",
            "warning",
        )
    if entry.get("poi") is not None:
        process.say(
            "LB315",
            ("datasets", index, "poi"),
            "`poi` is no longer supported",
            "the trainer stops at once (ValueError)",
            "remove it",
            on="key",
        )


def _resolution(process: Process, index: int, entry: dict[str, Any]) -> None:
    if "resolution" not in entry:
        return
    value = entry["resolution"]
    place: tuple[str | int, ...] = ("datasets", index, "resolution")
    if value == []:
        why = "a dataset without a size is dropped: with no other one the trainer stops at the first training step"
        process.say("LB315", place, "`resolution` is an empty list", why, "write `[1024]`")
        return
    sizes = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
    seen: set[Any] = set()
    for position, size in sizes:
        here = place if position is None else (*place, position)
        if not number(size):
            fix = (
                f"write `{size}` without quotes"
                if isinstance(size, str) and size.isdigit()
                else "write whole numbers: `[512, 768]` is two sizes, not width and height"
            )
            process.say(
                "LB313",
                here,
                f"the resolution {spell(size)} is no number",
                "the trainer stops when the dataset is loaded, after the model (TypeError)",
                fix,
            )
            continue
        if size < 1:
            process.say(
                "LB317", here, f"the resolution {size} is no size", "all pictures are shrunk to a few pixels", "write 512, 768, 1024, ..."
            )
        elif size < 16 or size > 8192:
            process.say(
                "LB317", here, f"the resolution {size} is far from what models are made for", "", "write 512, 768, 1024, ...", "warning"
            )
        elif isinstance(size, float) and not size.is_integer():
            process.say("LB317", here, f"the resolution {size} is no whole number", "", "round it", "warning")
        if size in seen:
            why = "the dataset is copied for each entry: its pictures come twice as often"
            process.say("LB317", here, f"the resolution {size} stands twice", why, "write it once, and use `num_repeats`", "warning")
        seen.add(size)


def _captions(process: Process, index: int, entry: dict[str, Any]) -> None:
    ext, place = entry.get("caption_ext"), ("datasets", index, "caption_ext")
    unread = entry.get("default_caption") or "nothing"
    why = (
        f"where no caption is found the picture is trained on {spell(unread) if entry.get('default_caption') else 'empty text'}, in silence"
    )
    if isinstance(ext, str):
        plain = ext.lstrip(".").lower()
        if plain in PICTURES or "*" in ext or "/" in ext or ext != ext.strip() or plain in ("bmp", "gif", "mp4"):
            process.say("LB317", place, f"`caption_ext: {spell(ext)}` is no ending of a caption file", why, "write `txt`")
        elif plain == "":
            process.say("LB317", place, "`caption_ext` is empty", why, "write `txt`", "warning")
        elif plain == "json":
            what = "the file is read as plain text: its braces and keys become the caption"
            if process.arch_name != "ideogram4":
                process.say("LB317", place, "`caption_ext: json` is not taken apart", what, "write `txt`", "warning")
        elif plain not in _CAPTIONS:
            process.say("LB317", place, f"`caption_ext: {ext}` is unusual", why, "write `txt`, or check the files' ending", "warning")
    if entry.get("caption_type"):
        process.say(
            "LB312",
            ("datasets", index, "caption_type"),
            "`caption_type` is the old name of `caption_ext`, and wins over it",
            "no dot is put before it",
            "write `caption_ext`",
            "warning",
            "key",
        )


def _companions(process: Process, index: int, entry: dict[str, Any]) -> None:
    folder = entry.get("dataset_path") or entry.get("folder_path")
    if not isinstance(folder, str) or not folder:
        return
    for key in _COMPANIONS:
        values = entry.get(key)
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, str) and value:
                _inside(process, ("datasets", index, key), folder, value, key)


def _inside(process: Process, place: tuple[str | int, ...], folder: str, value: str, key: str) -> None:
    outer, inner = (posixpath.normpath(path.replace("\\", "/")) for path in (folder, value))
    if inner == outer:
        what = "their own masks" if key == "mask_path" else "their own companions"
        process.say(
            "LB319", place, f"`{key}` is the dataset's own folder", f"the pictures are taken for {what}", "name another folder", "warning"
        )
    elif inner.startswith(outer.rstrip("/") + "/"):
        parts = inner[len(outer.rstrip("/")) + 1 :].split("/")
        if parts[-1] != "_controls" and not any(part.startswith(".") for part in parts):
            why = "the dataset is read with all folders below it: these pictures are trained, too"
            process.say("LB319", place, f"`{key}` lies inside the dataset's folder", why, "move it beside the folder", on="value")


def _control(process: Process, index: int, entry: dict[str, Any]) -> None:
    name = process.arch_name
    given = any(
        entry.get(key)
        for key in ("control_path", "control_path_1", "control_path_2", "control_path_3", "controls", "control_from_same_folder")
    )
    if process.arch_known and name in NEEDS_CONTROL and not given and not truthy(entry.get("is_reg")):
        if name in CONTROL_CRASHES:
            why = f"the trainer stops {CONTROL_CRASHES[name]} (ValueError)"
            process.say("LB318", ("datasets", index), f"{name} needs control pictures", why, "write `control_path:`")
        else:
            why = "the model is taught to make pictures, not to edit them"
            process.say(
                "LB318", ("datasets", index), f"{name} is trained without control pictures", why, "write `control_path:`", "warning"
            )
    path = entry.get("control_path")
    many = isinstance(path, list) and len(path) > 1
    if many and process.arch_known and process.arch is not None and process.arch.controls == 1:
        process.say(
            "LB317",
            ("datasets", index, "control_path"),
            f"{name} takes one control picture",
            "more than one is not used as written",
            "name one folder",
            "warning",
        )
    items = entry.get("controls")
    for item in items if isinstance(items, list) else [items] if isinstance(items, str) else []:
        if isinstance(item, str) and item.strip() and item not in _CONTROLS:
            process.say(
                "LB314",
                ("datasets", index, "controls"),
                f"unknown control {spell(item)}",
                "the trainer stops when controls are made",
                "known: " + ", ".join(_CONTROLS),
            )
    frames = entry.get("num_frames", 1)
    if number(frames) and frames > 1 and process.arch_known and name not in _VIDEO:
        process.say(
            "LB319",
            ("datasets", index, "num_frames"),
            f"{name} is no video model",
            "videos are looked for in the folder",
            "write `num_frames: 1`",
            "warning",
        )


def _words(process: Process, index: int, entry: dict[str, Any]) -> None:
    cached = truthy(process.get("train", "cache_text_embeddings")) or truthy(entry.get("cache_text_embeddings"))
    frozen = [key for key in ("shuffle_tokens", "token_dropout_rate", "random_triggers") if truthy(entry.get(key))]
    if cached:
        for key in frozen:
            why = "the text is encoded once, before training"
            process.say(
                "LB312",
                ("datasets", index, key),
                f"`{key}` has no effect with cached text",
                why,
                "remove it, or switch `cache_text_embeddings` off",
                "warning",
                "key",
            )
    if (entry.get("augments") or entry.get("augmentations")) and (entry.get("cache_latents") or entry.get("cache_latents_to_disk")):
        key = "augments" if entry.get("augments") else "augmentations"
        process.say(
            "LB319",
            ("datasets", index, key),
            f"`{key}` switches the caching of latents off",
            "the trainer says so in its output only",
            "keep one of them",
            "warning",
            "key",
        )
    if entry.get("batch_size") is not None and "buckets" in entry and not entry["buckets"]:
        why = "the trainer stops when the dataset is loaded (ValueError)"
        process.say(
            "LB319", ("datasets", index, "batch_size"), "`batch_size` of a dataset needs `buckets: true`", why, "remove it", on="key"
        )


def _together(process: Process, entries: list[tuple[int, dict[str, Any]]]) -> None:
    if entries and all(truthy(entry.get("is_reg")) for _, entry in entries):
        why = "the trainer stops at the first training step that is no regularisation"
        process.say("LB318", ("datasets",), "all datasets are regularisation sets", why, "add one without `is_reg`", on="key")
    cached = [index for index, entry in entries if truthy(entry.get("cache_text_embeddings"))]
    if cached and len(cached) < len(entries) and not truthy(process.get("train", "cache_text_embeddings")):
        why = "the trainer stops at once (ValueError)"
        place = ("datasets", cached[0], "cache_text_embeddings")
        process.say("LB319", place, "only some datasets cache their text", why, "write `cache_text_embeddings: true` in `train`", on="key")
    without = [index for index, entry in entries if "buckets" in entry and not entry["buckets"]]
    if without and len(without) < len(entries):
        why = "the trainer stops when the datasets are loaded (AssertionError)"
        process.say(
            "LB319", ("datasets", without[0], "buckets"), "only some datasets have buckets", why, "write the same for all", on="key"
        )
    for position, (index, entry) in enumerate(entries):
        if any(entry == other for _, other in entries[:position]):
            why = "its pictures come twice as often"
            process.say("LB317", ("datasets", index), "the same dataset stands twice", why, "use `num_repeats`", "warning")
