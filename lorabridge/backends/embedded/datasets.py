"""`datasets`: one entry of the job per data set, captions and triggers, the cache."""

from __future__ import annotations

from typing import Any

from lorabridge.backends.embedded.archs import TITLE
from lorabridge.backends.embedded.rows import DATASET_ROWS
from lorabridge.backends.engine import Lowering
from lorabridge.config.schema.data import Dataset


def datasets(low: Lowering) -> None:
    """The `datasets` list, the batch and the cache folder."""
    entries = [_entry(low, f"datasets[{index}]", data) for index, data in enumerate(low.config.datasets)]
    low.put("job:datasets", entries, "datasets")
    names = {row.at[1:]: row.path.removeprefix("datasets[].") for row in DATASET_ROWS if row.at}
    names |= {"images": "images", "masks": "masks", "trigger": "trigger", "caption_shuffle": "captions.shuffle"}
    for index, entry in enumerate(entries):
        for key in entry:
            path = f"datasets[{index}].{names[key]}"
            low.sources[f"job:datasets.{index}.{key}"] = "trigger" if key == "trigger" and not low.wrote(path) else path
    _batch(low)
    _cache(low)


def _entry(low: Lowering, here: str, data: Dataset) -> dict[str, Any]:
    entry = low.rows(DATASET_ROWS, item=here)
    for key in ("images", "masks"):
        value = getattr(data, key)
        if value is not None:
            entry[key] = low.path(value)
            low.note("exact", f"{here}.{key}", value, f":{key}", entry[key])
    if data.captions.shuffle:
        entry["caption_shuffle"] = True
        text = (
            "in up to nine fixed orders, since each text is encoded once; `backends.embedded.datasets.shuffle_variants` sets another number"
        )
        low.note("rewritten", f"{here}.captions.shuffle", True, ":caption_shuffle", True, text)
    if data.trigger:
        entry["trigger"] = data.trigger
        text = "" if data.regularization else "stands for `[trigger]` in captions, and is put in front of those that lack it"
        low.note("exact", f"{here}.trigger", data.trigger, ":trigger", data.trigger, text)
    _refusals(low, here, data)
    return entry


def _refusals(low: Lowering, here: str, data: Dataset) -> None:
    if data.aspect is not None:
        low.refuse(f"{here}.aspect", "…", "its buckets follow the pictures' own ratios", "remove it")
    if data.video is not None:
        low.refuse(f"{here}.video", "…", "it trains on pictures", "remove it")
    if data.control and low.variant.control:
        low.refuse(f"{here}.control", data.control, "it trains no edit models", "remove it, or compile for another trainer")


def _batch(low: Lowering) -> None:
    sizes = {data.batch_size or 1 for data in low.config.datasets}
    odd = next((i for i, data in enumerate(low.config.datasets) if data.batch_size != low.config.datasets[0].batch_size), None)
    if odd is not None:
        path, value = f"datasets[{odd}].batch_size", low.config.datasets[odd].batch_size
        low.refuse(path, value, "one batch size holds for all data sets", "write `train.batch_size` and give the data sets none")
    if len(sizes) == 1:
        path = "datasets[0].batch_size" if low.wrote("datasets[0].batch_size") else "train.batch_size"
        low.put("job:train.batch_size", sizes.pop(), path)
        low.note(
            "exact", path, low.documents["job"]["train"]["batch_size"], "job:train.batch_size", low.documents["job"]["train"]["batch_size"]
        )


def _cache(low: Lowering) -> None:
    """One store for all data sets: its entries are named by content."""
    folders = list(dict.fromkeys(data.cache_dir for data in low.config.datasets if data.cache_dir is not None))
    for index, data in enumerate(low.config.datasets):
        if data.cache_dir is not None and data.cache_dir != folders[0]:
            low.refuse(
                f"datasets[{index}].cache_dir", data.cache_dir, "all data sets share one cache", f"write `{folders[0]}` for all of them"
            )
    if folders:
        path = next(f"datasets[{i}].cache_dir" for i, data in enumerate(low.config.datasets) if data.cache_dir == folders[0])
        low.put("job:cache", low.path(folders[0]), path)
        low.note("exact", path, folders[0], "job:cache", low.path(folders[0]), "shared by all data sets and by prompts")
    else:
        low.put("job:cache", f"{low.output}/cache")
    if low.wrote("cache.reuse"):
        low.note("exact", "cache.reuse", low.config.cache.reuse, text=f"{TITLE} names entries by content: what is found is never stale")
