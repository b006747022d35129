"""Which picture lands in which bucket with the embedded trainer: the rules of `trainer/data.py`, without its libraries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lorabridge.backends.outlook import MediaOf, Native
from lorabridge.data.buckets import Bucket, Bucketing, Fit, LeftOut, Media

GRANULARITY = {"flux2-klein": 16, "qwen-image": 16, "z-image": 16, "sdxl": 32, "sana": 32}
"""What sides are multiples of for the published models: autoencoder factor times patch (trainer/families/*.py, `granularity`)."""
LARGE_SIDE, LARGE_STEP = 512, 64

Size = tuple[int, int]


def fit_size(original: Size, wanted: int | Size, bucket: bool, step: int) -> Size:
    """The size to train at; with `bucket` of about the wanted area and the picture's own ratio."""
    width, height = (wanted, wanted) if isinstance(wanted, int) else wanted
    if bucket:
        ratio, area = original[0] / original[1], width * height
        width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
    return max(step, round(width / step) * step), max(step, round(height / step) * step)


def step_of(table: Mapping[str, Any], wanted: int | Size, granularity: int) -> int:
    """The grid: what the model needs, coarser for large pictures so that they share buckets."""
    if table.get("bucket_step") is not None:
        return math.lcm(granularity, int(table["bucket_step"]))
    side = wanted if isinstance(wanted, int) else min(wanted)
    return math.lcm(granularity, LARGE_STEP) if table.get("bucket", True) and side >= LARGE_SIDE else granularity


def bucketing(native: Native, media: MediaOf) -> Bucketing:
    """The buckets over all datasets: equal sizes are batched together."""
    job = native.files["job.json"]
    granularity = GRANULARITY[job["model"]["family"]]
    groups: dict[Size, tuple[list[int], list[Fit], list[int]]] = {}
    left: list[LeftOut] = []
    for index, table in enumerate(job["datasets"]):
        for item in media(str(table["images"]), str(table.get("caption_extension", ".txt"))):
            if item.clip:
                left.append(LeftOut(index, item, "not its kind"))
                continue
            for raw in table["resolutions"]:
                wanted = raw if isinstance(raw, int) else (int(raw[0]), int(raw[1]))
                size = fit_size(item.upright, wanted, table.get("bucket", True), step_of(table, wanted, granularity))
                datasets, fits, counts = groups.setdefault(size, ([], [], []))
                datasets.append(index)
                fits.append(Fit(item, _cover(item, size)))
                counts.append(int(table.get("repeats", 1)))
    batch = int(job["train"].get("batch_size", 1))
    buckets = tuple(
        Bucket(
            tuple(sorted(set(datasets))),
            f"{size[0]}x{size[1]}",
            *size,
            1,
            sum(counts),
            batch,
            math.ceil(sum(counts) / batch),
            tuple(fits),
            partial=sum(counts) % batch,
        )
        for size, (datasets, fits, counts) in sorted(groups.items())
    )
    return Bucketing(buckets, tuple(left))


def _cover(item: Media, size: Size) -> Size:
    """PIL's `ImageOps.fit`, told as a resize that covers `size` and a cut around the middle."""
    width, height = item.upright
    scale = max(size[0] / width, size[1] / height)
    return max(size[0], round(width * scale)), max(size[1], round(height * scale))
