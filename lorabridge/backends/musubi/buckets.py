"""Which picture and which clip lands in which bucket, as musubi-tuner computes it.

Read at commit 30c658c, paths relative to `src/musubi_tuner/dataset`; BK is bucket.py, IV image_video_dataset.py, MU media_utils.py.
Sizes are chosen twice, when caching (IV:363) and when training reads the cache files back (IV:505); a cache file is named after the
source's stem and size (IV:152), so sources that share both are one sample.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from lorabridge.backends.musubi.archs import find
from lorabridge.backends.outlook import MediaOf, Native
from lorabridge.data.buckets import Bucket, Bucketing, Finding, Fit, LeftOut, Media, stem

Size = tuple[int, int]

DEFAULTS: Mapping[str, Any] = {
    "resolution": [960, 544], "batch_size": 1, "num_repeats": 1, "enable_bucket": False, "bucket_no_upscale": False,
    "frame_extraction": "head", "frame_stride": 1, "frame_sample": 1, "max_frames": 129, "target_frames": [1],
}  # fmt: skip
"""What a table leaves out (config_utils.py:37-82)."""

TARGET_FPS = {
    "hv_train_network": 24.0,
    "wan_train_network": 16.0,
    "fpack_train_network": 30.0,
    "kandinsky5_train_network": 24.0,
    "hv_1_5_train_network": 24.0,
}
"""Frame rate that clips are thinned to when `source_fps` is set, by training script (IV:579-583, IV:627-640)."""


@cache
def bucket_sizes(width: int, height: int, step: int) -> tuple[Size, ...]:
    """The sizes that `resolution` makes, sorted (BK:88-101). Raises ValueError when it is too small for one."""
    area = width * height
    side = int(math.sqrt(area))
    first = side // 2 - side // 2 % step
    if first <= 0:
        raise ValueError(f"{width} x {height}")
    found: set[Size] = set()
    for one in range(first, side + step, step):
        other = area // one - area // one % step
        found |= {(one, other), (other, one)}
    return tuple(sorted(found))


@dataclass(frozen=True)
class Selector:
    """How one dataset table chooses sizes (BK:68-125)."""

    resolution: Size
    step: int
    enabled: bool = True
    no_upscale: bool = False

    def choose(self, size: Size) -> Size:
        """The bucket of a source of `size`: the nearest ratio of width to height, the first of equals."""
        return _choose(self.resolution, self.step, self.enabled, self.enabled and self.no_upscale, size)


@cache
def _choose(resolution: Size, step: int, enabled: bool, keep_small: bool, size: Size) -> Size:
    width, height = size
    if keep_small and width * height <= resolution[0] * resolution[1]:
        return width - width % step, height - height % step
    if not enabled:
        return resolution
    ratio = width / height
    sizes = [one for one in bucket_sizes(*resolution, step) if one[1]]
    return min(sizes, key=lambda one: abs(one[0] / one[1] - ratio))


def scaled_to_cover(size: Size, bucket: Size) -> Size:
    """Size after the resize and before the crop (MU:105-133)."""
    if size == bucket:
        return size
    scale = max(bucket[0] / size[0], bucket[1] / size[1])
    return int(size[0] * scale + 0.5), int(size[1] * scale + 0.5)


def best_size(size: Size, resolution: Size, step: int) -> Size:
    """The size of a control picture with `control_resolution` (BK:127-170). Raises ZeroDivisionError where the trainer does."""
    area, ratio = resolution[0] * resolution[1], size[0] / size[1]
    base = int(math.sqrt(area * ratio))
    base -= base % step
    best, least = (base, base), math.inf
    for number in range(-2, 3):
        width = base + number * step
        height = area // width - area // width % step
        if abs(width / height - ratio) < least:
            best, least = (width, height), abs(width / height - ratio)
    return best


@dataclass
class _Group:
    fits: list[Fit] = field(default_factory=list)
    samples: int = 0


def bucketing(native: Native, media: MediaOf) -> Bucketing:
    """The buckets of all dataset tables. Each table batches on its own, so equal sizes of two tables are two buckets."""
    document = native.files["dataset.toml"]
    arch = find(native.family, native.variant)
    step, script = (arch.step, arch.train) if arch else (16, "")
    buckets: list[Bucket] = []
    left: list[LeftOut] = []
    found: list[Finding] = []
    for index, raw in enumerate(document.get("datasets", ())):
        table = {**DEFAULTS, **document.get("general", {}), **raw}
        resolution = table["resolution"]
        table["resolution"] = (resolution, resolution) if isinstance(resolution, int) else tuple(resolution)
        items, out = _sources(table, media, index)
        left += out
        try:
            groups = _clips(table, items, step, script) if _is_clips(table) else _pictures(table, items, step)
        except ValueError as error:
            found.append(_tiny_resolution(str(error), step))
            continue
        except ZeroDivisionError:
            found.append(_narrow_control())
            continue
        left += _collided(items, groups, index)
        found += _too_small(groups, step)
        buckets += [
            _bucket(key, group, table, index) for key, group in sorted(groups.items(), key=lambda pair: str(pair[0])) if 0 not in key[:2]
        ]
    return Bucketing(tuple(buckets), tuple(left), (), tuple(found))


def _is_clips(table: Mapping[str, Any]) -> bool:
    return "video_directory" in table or "video_jsonl_file" in table


def _sources(table: Mapping[str, Any], media: MediaOf, index: int) -> tuple[list[Media], list[LeftOut]]:
    """What the table reads: pictures without a caption file are not there for it (MU:75-90)."""
    keys = ("image_directory", "image_jsonl_file", "video_directory", "video_jsonl_file")
    folder = next((str(table[key]) for key in keys if table.get(key)), "")
    clips = _is_clips(table)
    items = [one for one in (media(folder, str(table.get("caption_extension", ""))) if folder else ()) if one.clip == clips]
    without = [LeftOut(index, one, "no caption") for one in items if not one.captions]
    return [one for one in items if one.captions], without


Groups = dict[tuple[Any, ...], _Group]


def _pictures(table: Mapping[str, Any], items: Sequence[Media], step: int) -> Groups:
    selector = Selector(table["resolution"], step, table["enable_bucket"], table["bucket_no_upscale"])
    groups: Groups = defaultdict(_Group)
    seen: set[tuple[str, Size]] = set()
    for item in items:
        size = (item.width, item.height)
        if (stem(item.name), size) in seen:
            continue
        seen.add((stem(item.name), size))
        bucket = selector.choose(size)
        key = (*bucket, 1, *(_control(table, one, bucket, step) for one in item.controls))
        groups[key].fits.append(Fit(item, scaled_to_cover(size, bucket) if 0 not in bucket else size))
        groups[key].samples += int(table["num_repeats"])
    return groups


def _control(table: Mapping[str, Any], size: Size, bucket: Size, step: int) -> Size:
    """The size of a control picture, which is part of the bucket (IV:446-474, IV:530-548)."""
    wanted = table.get("control_resolution")
    if table.get("no_resize_control"):
        if wanted is not None:
            return best_size(size, tuple(wanted), step) if size[0] * size[1] > wanted[0] * wanted[1] else size
        return size[0] - size[0] % step, size[1] - size[1] % step
    return best_size(size, tuple(wanted), step) if wanted is not None else bucket


def _clips(table: Mapping[str, Any], items: Sequence[Media], step: int, script: str) -> Groups:
    """Clips are always cached in buckets and never kept small (IV:698), whatever the table says; the table counts when training."""
    first = Selector(table["resolution"], step)
    second = Selector(table["resolution"], step, table["enable_bucket"], table["bucket_no_upscale"])
    counts = rounded_frames(table["target_frames"])
    kind, per_clip = table["frame_extraction"], table["frame_sample"]
    if kind == "uniform" and per_clip == 1:
        kind = "head"
    groups: Groups = defaultdict(_Group)
    seen: set[tuple[str, int, int, Size]] = set()
    for item in items:
        size = first.choose((item.width, item.height))
        frames = read_frames(item.frames, table.get("source_fps"), TARGET_FPS.get(script), max(counts) if kind == "head" else None)
        cut = set(windows(kind, frames, counts, table["frame_stride"], per_clip, table["max_frames"]))
        for start, count in sorted(cut):
            name = (stem(item.name), start, count, size)
            if name in seen:
                continue
            seen.add(name)
            group = groups[(*second.choose(size), count)]
            group.samples += int(table["num_repeats"])
            if not group.fits or group.fits[-1].media is not item:
                group.fits.append(Fit(item, scaled_to_cover((item.width, item.height), size)))
    return groups


def rounded_frames(counts: Sequence[int]) -> tuple[int, ...]:
    """Frame counts rounded down to 4n + 1 (IV:642-660)."""
    return tuple(sorted({(count - 1) // 4 * 4 + 1 for count in counts}))


@cache
def read_frames(frames: int, source: float | None, target: float | None, limit: int | None) -> int:
    """Frames that are read from a clip: thinned to the target rate when the source rate is stated, cut off at `limit` (MU:150-290)."""
    if source is None or target is None:
        return frames if limit is None else min(frames, limit)
    kept, position, previous = 0, 0.0, -1
    for _ in range(frames):
        index = int(position)
        position += target / source
        if index == previous:
            continue
        previous = index
        if limit is not None and index >= limit:
            break
        kept += 1
    return kept


def windows(kind: str, frames: int, counts: Sequence[int], stride: int, per_clip: int, longest: int) -> Iterator[tuple[int, int]]:
    """Start and length of the samples cut from a clip (IV:741-775)."""
    if kind == "full":
        count = min(frames, longest)
        yield 0, (count - 1) // 4 * 4 + 1
        return
    for count in counts:
        room = frames - count
        if room < 0:
            continue
        if kind == "head":
            yield 0, count
        elif kind == "chunk":
            yield from ((start, count) for start in range(0, room + 1, count))
        elif kind == "slide":
            yield from ((start, count) for start in range(0, room + 1, stride))
        elif kind == "uniform":
            yield from ((start, count) for start in evenly(room, per_clip))


def evenly(last: int, number: int) -> Iterator[int]:
    """`number` whole positions from 0 to `last`, as numpy's `linspace(0, last, number, dtype=int)` gives them."""
    if number == 1:
        yield 0
        return
    step = last / (number - 1)
    for index in range(number):
        yield last if index == number - 1 else math.floor(index * step if step else index / (number - 1) * last)


def _bucket(key: tuple[Any, ...], group: _Group, table: Mapping[str, Any], index: int) -> Bucket:
    batch = int(table["batch_size"])
    width, height, frames, *controls = key
    name = f"{width}x{height}" + (f"x{frames}f" if _is_clips(table) else "") + "".join(f"+{one[0]}x{one[1]}" for one in controls)
    return Bucket(
        (index,),
        name,
        width,
        height,
        frames,
        group.samples,
        batch,
        math.ceil(group.samples / batch),
        tuple(group.fits),
        partial=group.samples % batch,
    )


def _collided(items: Sequence[Media], groups: Groups, index: int) -> list[LeftOut]:
    """Sources whose cache file another one writes too, and clips that are shorter than every window."""
    used = {id(fit.media) for group in groups.values() for fit in group.fits}
    names = {(stem(fit.media.name)) for group in groups.values() for fit in group.fits}
    return [LeftOut(index, item, "same name" if stem(item.name) in names else "too short") for item in items if id(item) not in used]


def _too_small(groups: Groups, step: int) -> list[Finding]:
    tiny = [fit.media for key, group in groups.items() if 0 in key[:2] for fit in group.fits]
    if not tiny:
        return []
    return [
        Finding(
            "LB460",
            "datasets",
            f"{len(tiny)} pictures are narrower than {step} pixels, first `{tiny[0].name}` ({tiny[0].width} x {tiny[0].height})",
            "they are not enlarged, and a side rounded down to 0 stops the caching",
            "remove them, or write `upscale: true`",
        )
    ]


def _narrow_control() -> Finding:
    return Finding(
        "LB460",
        "datasets",
        "a control picture is too narrow for `control_resolution`",
        "the trainer tries widths around the wanted one and divides by the one that is 0; the caching stops (BK:156)",
        "crop the control picture, or write a larger `control_resolution`",
    )


def _tiny_resolution(size: str, step: int) -> Finding:
    return Finding(
        "LB460",
        "datasets",
        f"the training size {size} is too small for buckets in steps of {step} pixels",
        "the trainer divides by a side of 0 when it makes its buckets",
        f"write at least {2 * step}",
    )
