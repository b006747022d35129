"""`datasets` and `evaluate.datasets`: the dataset files, and the keys of the main file that serve all datasets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lorabridge.backends.diffusion_pipe.archs import CLIPS_ONLY, Arch
from lorabridge.backends.diffusion_pipe.rows import DATASET_ROWS, EVAL_ROWS
from lorabridge.backends.engine import Lowering
from lorabridge.config.schema.data import Aspect, Dataset

MANY = 3
"""More sizes than this and the trainer asks, with exit code 0, whether you know what you are doing."""

COSMOS_SIZES = frozenset({(960, 960), (960, 704), (704, 960), (1280, 704), (704, 1280)})
"""Sizes that Cosmos was trained on (models/cosmos.py SUPPORTED_SIZE_BUCKETS)."""

_CLIPS = {"head": "single_beginning", "middle": "single_middle"}


@dataclass(frozen=True)
class Batches:
    """Samples of one optimizer step, None when that varies; and whether the size warning must be waved through."""

    per_step: int | None
    many: bool


def datasets(out: Lowering, arch: Arch, ranks: int) -> Batches:
    """Both dataset documents. `ranks` is the number of copies of the model that train side by side."""
    groups = [("dataset", "datasets", out.config.datasets, DATASET_ROWS)]
    if out.config.evaluate is not None:
        groups.append(("eval", "evaluate.datasets", out.config.evaluate.datasets, EVAL_ROWS))
    for document, base, items, rows in groups:
        tables = [_directory(out, arch, f"{base}[{index}]", data, rows) for index, data in enumerate(items)]
        _top(out, document, base, items, tables)
    _shared_folders(out)
    everything = [data for _document, _base, items, _rows in groups for data in items]
    _whole_run(out, everything)
    batch = _batches(out, "datasets", out.config.datasets, "")
    if out.config.evaluate is not None:
        _batches(out, "evaluate.datasets", out.config.evaluate.datasets, "eval_")
    per_step = batch * out.config.train.gradient_accumulation * ranks if batch is not None else None
    return Batches(per_step, any(len(data.resolution) > MANY for data in everything))


def _shared_folders(out: Lowering) -> None:
    """The trainer keeps its cache inside the folder: two readings of one folder overwrite each other's captions and buckets."""
    seen: dict[str, dict[str, Any]] = {}
    for document, base in (("dataset", "datasets"), ("eval", "evaluate.datasets")):
        for index, table in enumerate(out.documents.get(document, {}).get("directory", ())):
            read = {key: value for key, value in table.items() if key not in ("num_repeats", "resolutions")}
            if seen.setdefault(table.get("path", ""), read) != read:
                out.problem(
                    "LB307",
                    f"{base}[{index}]",
                    "the same folder is read in two ways",
                    "both share one cache inside the folder, and the last one written serves both",
                    "copy or link the pictures to a second folder, or make the settings equal",
                )


def _directory(out: Lowering, arch: Arch, here: str, data: Dataset, rows: Sequence[Any]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    folder = data.images or data.videos
    if folder is not None:
        table["path"] = out.path(folder)
        out.note(
            "exact",
            f"{here}.{'images' if data.images else 'videos'}",
            folder,
            ":path",
            table["path"],
            "files of the folder itself; sub-folders are not read",
        )
    table |= out.rows(rows, item=here)
    for key in ("mask_path", "control_path"):
        if key in table:
            table[key] = out.path(table[key])
    if data.control and not arch.edit:
        out.problem(
            "LB307",
            f"{here}.control",
            f"the type `{arch.type}` takes no control pictures",
            "the trainer fails at the first batch, or hangs while caching",
            "remove `control`",
        )
    _sizes(out, arch, here, data, table)
    _captions(out, here, data, table)
    _video(out, arch, here, data, table)
    if data.regularization:
        out.note("rewritten", f"{here}.regularization", True, text="an ordinary folder, without the trigger word")
    return table


def _sizes(out: Lowering, arch: Arch, here: str, data: Dataset, table: dict[str, Any]) -> None:
    frames = sorted({1, *(data.video.frames if data.video else [])}) if data.videos else [1]
    pairs = [size for size in data.resolution if not isinstance(size, int)]
    if arch.type == "cosmos" or (pairs and not data.bucket):
        _fixed(out, arch, here, data, frames, table)
        return
    sizes: list[Any] = list(data.resolution)
    if pairs:
        sizes = [[size, size] if isinstance(size, int) else list(size) for size in sizes]
    table["resolutions"] = sizes
    text = f"sides are rounded to multiples of {arch.rounds}" if any(_off(size, arch.rounds) for size in data.resolution) else ""
    text = "; ".join(part for part in (text, "a picture is trained once per size" if len(sizes) > 1 else "") if part)
    out.note("exact", f"{here}.resolution", data.resolution, ":resolutions", sizes, text)
    table["enable_ar_bucket"] = data.bucket
    out.note("exact", f"{here}.bucket", data.bucket, ":enable_ar_bucket", data.bucket, "" if data.bucket else "all are cropped to a square")
    if data.bucket:
        aspect = data.aspect or Aspect()
        table |= {"min_ar": float(aspect.min), "max_ar": float(aspect.max), "num_ar_buckets": aspect.buckets}
        if data.aspect is not None:
            out.note("exact", f"{here}.aspect", f"{aspect.min} to {aspect.max}", ":min_ar, max_ar, num_ar_buckets", aspect.buckets)


def _off(size: int | tuple[int, int], step: int) -> bool:
    return any(side % step for side in ((size,) if isinstance(size, int) else size))


def _fixed(out: Lowering, arch: Arch, here: str, data: Dataset, frames: list[int], table: dict[str, Any]) -> None:
    """`size_buckets`: exact widths and heights. A picture goes to the one with the nearest ratio."""
    sizes = [(size, size) if isinstance(size, int) else tuple(size) for size in data.resolution]
    if arch.type == "cosmos" and (bad := [size for size in sizes if size not in COSMOS_SIZES]):
        listed = ", ".join(f"[{w}, {h}]" for w, h in sorted(COSMOS_SIZES))
        out.problem(
            "LB307",
            f"{here}.resolution",
            f"Cosmos was not trained at {list(bad[0])}",
            "the trainer ends at once, with exit code 0",
            f"choose from {listed}",
        )
    if arch.type != "cosmos" and len(sizes) > 1:
        out.refuse(f"{here}.resolution", data.resolution, "with `bucket: false` a picture gets one size", "make one dataset per size")
    buckets = [[width, height, count] for width, height in sizes for count in frames]
    table["size_buckets"] = buckets
    out.note(
        "exact" if not data.bucket else "rewritten",
        f"{here}.resolution",
        data.resolution,
        ":size_buckets",
        buckets,
        "" if not data.bucket else "these sizes only; the ratio decides",
    )


def _captions(out: Lowering, here: str, data: Dataset, table: dict[str, Any]) -> None:
    captions = data.captions
    trigger = data.trigger or ""
    prefix = f"{trigger}, {captions.prefix}" if trigger else captions.prefix
    if prefix:
        table["caption_prefix"] = prefix
    if trigger:
        path = f"{here}.trigger" if out.wrote(f"{here}.trigger") else "trigger"
        text = "put before every caption of the folder, also where it stands already; `[trigger]` in a caption file is not replaced"
        out.note("rewritten", path, trigger, ":caption_prefix", prefix, text)
        out.problem(
            "LB302",
            path,
            f"`{trigger}` is put before every caption",
            "where a caption holds it already it then stands twice",
            "leave `trigger` out if the captions hold it",
            "hint",
        )
    if captions.prefix:
        out.note("exact", f"{here}.captions.prefix", captions.prefix, ":caption_prefix", prefix, "before shuffled tags too")
    if captions.shuffle:
        table["shuffle_tags"] = True
        text = "once, while caching: a picture keeps its order in all epochs; tags are cut at `, `"
        out.note("rewritten", f"{here}.captions.shuffle", True, ":shuffle_tags", True, text)


def _video(out: Lowering, arch: Arch, here: str, data: Dataset, table: dict[str, Any]) -> None:
    if data.videos is None:
        if (out.family.name, out.variant.name) in CLIPS_ONLY:
            out.problem(
                "LB307",
                f"{here}.images",
                f"{out.family.title} ({out.variant.name}) trains on clips only",
                "the trainer asserts it while caching, and hangs",
                "name `videos:`",
            )
        return
    if arch.fps is None:
        out.problem(
            "LB307",
            f"{here}.videos",
            f"the type `{arch.type}` reads no clips",
            "the trainer skips each of them with a warning",
            "name `images:`",
        )
        return
    frames = data.video.frames if data.video else [1]
    table["frame_buckets"] = sorted({1, *frames})
    text = f"a clip goes to the longest count that it has, at {arch.fps:g} frames a second" + (
        "; 1 is always added" if 1 not in frames else ""
    )
    out.note("exact" if len(frames) == 1 else "rewritten", f"{here}.video.frames", frames, ":frame_buckets", table["frame_buckets"], text)
    odd = [count for count in frames if count > 1 and not _fits(count, arch.frames)]
    if odd:
        rule = f"{arch.frames}n" if arch.frames == 17 else f"{arch.frames}n + 1"
        out.problem(
            "LB307",
            f"{here}.video.frames",
            f"{odd[0]} frames do not fit {out.family.title}",
            f"the trainer shortens it to {rule} in silence",
            f"write a count of the form {rule}",
        )


def _fits(count: int, step: int) -> bool:
    return count % step == 0 if step == 17 else (count - 1) % step == 0


def _top(out: Lowering, document: str, base: str, items: Sequence[Dataset], tables: list[dict[str, Any]]) -> None:
    """The trainer reads some keys at the top of the file even when every folder has its own (utils/dataset.py:469,508)."""
    for key in ("resolutions", "min_ar", "max_ar", "num_ar_buckets"):
        first = next((table[key] for table in tables if key in table), None)
        if first is not None:
            path = "resolution" if key == "resolutions" else "aspect"
            out.put(f"{document}:{key}", first, f"{base}[0].{path}")
    if all("size_buckets" in table for table in tables):
        out.put(f"{document}:size_buckets", tables[0]["size_buckets"], f"{base}[0].resolution")
    out.put(f"{document}:skip_empty_caption", True)
    out.note(
        "added", "", "", f"{document}:skip_empty_caption", True, "a picture without a caption file is left out, with a warning in the log"
    )
    out.put(f"{document}:directory", tables, base)


def _whole_run(out: Lowering, items: Sequence[Dataset]) -> None:
    """Keys of the main file that hold for every dataset."""
    _dropout(out)
    cuts = {data.video.extract for data in items if data.video is not None}
    for cut in sorted(cuts - set(_CLIPS)):
        out.refuse("datasets[0].video.extract", cut, "one clip is taken from each file", "write `head` or `middle`")
    if len(cuts) > 1:
        out.refuse("datasets[0].video.extract", ", ".join(sorted(cuts)), "one way to cut serves all datasets", "use the same in all")
    elif cuts and cuts <= set(_CLIPS):
        cut = cuts.pop()
        out.put("main:video_clip_mode", _CLIPS[cut], "datasets[0].video.extract")
        out.note("exact", "datasets[].video.extract", cut, "main:video_clip_mode", _CLIPS[cut])


def _dropout(out: Lowering) -> None:
    """One share serves all datasets. Held-out ones follow when nobody said otherwise."""
    groups = [("datasets", out.config.datasets)] + ([("evaluate.datasets", out.config.evaluate.datasets)] if out.config.evaluate else [])
    said = {
        f"{base}[{index}].captions.dropout": 0.0 if data.captions.dropout == "off" else float(data.captions.dropout)
        for base, items in groups
        for index, data in enumerate(items)
        if base == "datasets" or out.wrote(f"{base}[{index}].captions.dropout")
    }
    first, share = next(iter(said.items()), ("", 0.0))
    other = next((path for path, value in said.items() if value != share), None)
    if other is not None:
        out.refuse(
            other,
            said[other],
            f"one share serves all datasets, and `{first}` is {share:g}",
            "give every dataset the same `captions.dropout`",
        )
    elif share:
        out.put("main:uncond_fraction", share, first)
        text = "for the held-out pictures too" if out.config.evaluate else ""
        out.note("rewritten" if text else "exact", first, share, "main:uncond_fraction", share, text)


def _batches(out: Lowering, base: str, items: Sequence[Dataset], prefix: str) -> int | None:
    """The batch keys; returns the batch size when there is one for all."""
    sizes = {data.batch_size or out.config.train.batch_size for data in items}
    path = f"{base}[0].batch_size" if out.wrote(f"{base}[0].batch_size") else "train.batch_size"
    at = f"main:{prefix}micro_batch_size_per_gpu"
    if len(sizes) == 1:
        size = sizes.pop()
        out.put(at, size, path)
        out.note("exact", path, size, at, size)
        return size
    clips = {data.batch_size for data in items if data.videos is not None}
    pictures = {data.batch_size for data in items if data.videos is None}
    if len(clips) == 1 and len(pictures) == 1:
        (clip,), (picture,) = clips, pictures
        out.put(at, clip, path)
        where = next(index for index, data in enumerate(items) if data.videos is None)
        out.put(f"main:{prefix}image_micro_batch_size_per_gpu", picture, f"{base}[{where}].batch_size")
        out.note("exact", path, f"{clip} for clips, {picture} for pictures", at, clip)
        return None
    by_side = {side: data.batch_size for data in items for side in data.resolution}
    agree = all(by_side[side] == data.batch_size for data in items for side in data.resolution)
    if agree and all(isinstance(side, int) for side in by_side):
        table = [[side, size] for side, size in by_side.items()]
        out.put(at, table, path)
        out.note(
            "rewritten",
            path,
            sorted(sizes),
            at,
            table,
            "batches follow the size of the picture, not its folder; each size has one batch size here",
        )
    else:
        out.refuse(
            f"{base}[0].batch_size",
            sorted(sizes),
            "batches follow the size of the picture, not its folder",
            "give all datasets the same batch size, or each its own resolution",
        )
    return None
