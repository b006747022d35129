"""The way back of the dataset files and of the keys that serve all datasets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lorabridge.backends.diffusion_pipe.archs import ARCHS, Arch
from lorabridge.backends.diffusion_pipe.lift_state import Lifting
from lorabridge.backends.diffusion_pipe.rows import DATASET_ROWS

_CLIPS = {"single_beginning": "head", "single_middle": "middle"}
CAN_BE_ABOVE = (
    *("resolutions", "enable_ar_bucket", "min_ar", "max_ar", "num_ar_buckets", "size_buckets", "frame_buckets"),
    *("caption_prefix", "num_repeats", "shuffle_tags"),
)


def lift_datasets(state: Lifting, datasets: Mapping[str, Mapping[str, Any]], main: Mapping[str, Any], type_: str) -> None:
    """`datasets`, `evaluate`, and the batch sizes."""
    arch = ARCHS.get(type_)
    dropout, cut = state.pop("uncond_fraction", 0.0), state.pop("video_clip_mode")
    for document, path, prefix in (("dataset", "datasets", ""), ("eval", "evaluate.datasets", "eval_")):
        tree = datasets.get(document)
        batch, pictures = state.pop(f"{prefix}micro_batch_size_per_gpu", 1), state.pop(f"{prefix}image_micro_batch_size_per_gpu")
        if tree is None:
            continue
        items = [_item(state, tree, table, document, arch) for table in tree.get("directory", ())]
        for item in items:
            _shared(item, dropout, cut)
        _batches(state, items, batch, pictures, prefix)
        state.set(path, items, f"{document}:directory")
    _evaluation(state, "eval" in datasets)


def _item(state: Lifting, tree: Mapping[str, Any], table: Mapping[str, Any], document: str, arch: Arch | None) -> dict[str, Any]:
    left = {key: tree[key] for key in CAN_BE_ABOVE if key in tree and not (key == "resolutions" and "size_buckets" in table)} | dict(table)
    counts = {count for bucket in left.get("size_buckets", ()) if len(bucket) > 2 for count in bucket[2:]}
    clips = ("frame_buckets" in left or bool(counts - {1})) and (arch is None or arch.fps is not None)
    item: dict[str, Any] = {"videos" if clips else "images": left.pop("path", "")}
    for row in DATASET_ROWS:
        key = row.at.removeprefix(":")
        if key and key in left:
            item[row.path.removeprefix("datasets[].")] = row.unspell(left.pop(key))
    _sizes(state, item, left, arch, clips, document)
    if prefix := left.pop("caption_prefix", ""):
        item.setdefault("captions", {})["prefix"] = prefix
    if left.pop("shuffle_tags", False):
        item.setdefault("captions", {})["shuffle"] = True
    frames = left.pop("frame_buckets", sorted(counts))
    if clips:
        item["video"] = {"frames": [count for count in frames if count != 1] or [1]}
    for key, value in left.items():
        if key in table:
            state.native[f"{document}:directory.{key}"] = value
    for key in ("cache_shuffle_num", "cache_shuffle_delimiter", "ar_buckets", "shuffle_metadata", "online_captions", "subsample_ratio"):
        if key in tree:
            state.native[f"{document}:{key}"] = tree[key]
    return item


def _sizes(state: Lifting, item: dict[str, Any], left: dict[str, Any], arch: Arch | None, clips: bool, document: str) -> None:
    fixed = left.pop("size_buckets", None)
    ratios = {key: left.pop(native, None) for key, native in (("min", "min_ar"), ("max", "max_ar"), ("buckets", "num_ar_buckets"))}
    bucket = left.pop("enable_ar_bucket", False)
    sizes = left.pop("resolutions", None)
    if fixed:
        sizes = [list(size) for size in dict.fromkeys(tuple(size[:2]) for size in fixed)]
        several = len(sizes) > 1 and (arch is None or arch.type != "cosmos")
        if several or len({len(bucket) for bucket in fixed}) > 1 or len(fixed) % len(sizes):
            # The language gives a picture one fixed size; the buckets stay as they are.
            state.native[f"{document}:directory.size_buckets"] = fixed
            sizes = sizes[:1]
        item |= {"resolution": sizes, "bucket": False}
        return
    if sizes is not None:
        item["resolution"] = sizes
    item["bucket"] = bool(bucket)
    if bucket and None not in ratios.values():
        item["aspect"] = ratios


def _shared(item: dict[str, Any], dropout: float, cut: str | None) -> None:
    if dropout:
        item.setdefault("captions", {})["dropout"] = dropout
    if cut and "video" in item:
        item["video"]["extract"] = _CLIPS.get(cut, cut)


def _batches(state: Lifting, items: list[dict[str, Any]], batch: Any, pictures: Any, prefix: str) -> None:
    if isinstance(batch, int) and pictures is None:
        if prefix:
            for item in items:
                item["batch_size"] = batch
        else:
            state.set("train.batch_size", batch, "main:micro_batch_size_per_gpu")
    elif isinstance(batch, int) and isinstance(pictures, int):
        if not any("images" in item for item in items):
            # Folders do not tell what they hold; the batch of the pictures among the clips stays native.
            state.native[f"main:{prefix}image_micro_batch_size_per_gpu"] = pictures
        for item in items:
            item["batch_size"] = batch if "videos" in item else pictures
    elif isinstance(batch, list):
        by_side = dict(batch)
        for item in items:
            side = item.get("resolution", [None])[0]
            item["batch_size"] = by_side.get(side, batch[0][1])


def _evaluation(state: Lifting, there: bool) -> None:
    before = state.pop("eval_before_first_step", True)
    every = {unit: state.pop(f"eval_every_n_{unit}") for unit in ("steps", "epochs")}
    if not there:
        return
    state.pop("eval_datasets")
    found = next((f"{count} {unit}" for unit, count in every.items() if count), "never")
    state.set("evaluate.every", found, "main:eval_every_n_epochs")
    state.set("evaluate.before", before, "main:eval_before_first_step")
