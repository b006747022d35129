"""Which picture and which clip lands in which bucket, as diffusion-pipe computes it.

Read at commit 8f83dbf; DS is utils/dataset.py, MB models/base.py. A source goes to the nearest aspect ratio and the longest frame count that it
has; each of these groups exists once per training size. Equal buckets of all folders are batched together, and what does not fill a global
batch is dropped, the same files in every epoch (DS:395-401).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from lorabridge.backends.diffusion_pipe.archs import Arch, arch_of
from lorabridge.backends.outlook import MediaOf, Native
from lorabridge.data.buckets import Bucket, Bucketing, Finding, Fit, LeftOut, Media

BY_32 = frozenset(("hunyuan_image", "ltx-video"))
"""Types whose bucket sides are multiples of 32; Wan 5B too (pixels_round_to_multiple in models/)."""


@dataclass(frozen=True)
class Grid:
    """The ratios, sizes and frame counts of one folder (DS:448-522). `sizes` replaces the others where it is given."""

    ratios: tuple[float, ...]
    areas: tuple[float, ...]
    frames: tuple[int, ...]
    sizes: tuple[tuple[int, int, int], ...] = ()

    def ratio_and_frames(self, media: Media, frames: int) -> tuple[float, int] | None:
        """The nearest ratio in log space and the longest frame count that fits; None for a clip that is too short (DS:843-862)."""
        where = math.log(media.width / media.height)
        ratio = min(self.ratios, key=lambda one: abs(where - math.log(one)))
        fitting = [count for count in self.frames if count <= frames]
        if not fitting or (frames > 1 and fitting[-1] == 1):
            return None
        return ratio, fitting[-1]

    def size(self, media: Media, frames: int) -> tuple[int, int, int] | None:
        """The size whose place among the ratios is the nearest, with no more frames than the clip has (DS:864-885)."""
        where = math.log(media.width / media.height)
        logs = [math.log(one) for one in self.ratios]
        for index in sorted(range(len(logs)), key=lambda one: abs(where - logs[one])):
            count = self.sizes[index][2]
            if frames >= count and not (frames > 1 and count == 1):
                return self.sizes[index]
        return None


def thousandths(value: float) -> float:
    """Rounded as numpy rounds to three decimals."""
    return round(value * 1000) / 1000


def even_ratios(least: float, most: float, number: int) -> list[float]:
    """`number` ratios at equal distances in log space."""
    if number == 1:
        return [least]
    return [least, *(least * (most / least) ** (index / (number - 1)) for index in range(1, number - 1)), most]


def grid_of(folder: Mapping[str, Any], top: Mapping[str, Any]) -> Grid:
    """The grid of one `[[directory]]`; what it leaves out is looked up at the top."""

    def get(key: str, default: Any = None) -> Any:
        return folder.get(key, top.get(key, default))

    counts = sorted({1, *get("frame_buckets", [1])})
    given = get("size_buckets")
    if given is not None:
        sizes = tuple(sorted((tuple(one) for one in given), key=lambda one: -one[2]))
        # The ratios are sorted and made unique, the sizes are not (DS:474, DS:509), and both are indexed alike: so a source may get
        # a size of another ratio, and the last sizes none at all.
        return Grid(tuple(sorted({thousandths(width / height) for width, height, _ in sizes})), (), tuple(counts), sizes)
    sides = [one if isinstance(one, int | float) else math.sqrt(one[0] * one[1]) for one in get("resolutions", [])]
    return Grid(_ratios(get), tuple(sorted({round(one, 3) for one in sides})), tuple(counts))


def _ratios(get: Any) -> tuple[float, ...]:
    if not get("enable_ar_bucket", False):
        return (1.0,)
    given = get("ar_buckets")
    if given:
        return tuple(sorted({round(one if isinstance(one, int | float) else one[0] / one[1], 3) for one in given}))
    return tuple(sorted({thousandths(one) for one in even_ratios(get("min_ar"), get("max_ar"), get("num_ar_buckets"))}))


def nearest_multiple(value: float, step: int) -> int:
    """Halves go to the even multiple (utils/common.py:106)."""
    return round(value / step) * step


def clip_frames(media: Media, rate: float | None) -> int:
    """Frames after the conversion to the model's rate (DS:800)."""
    return int(media.frames * rate / media.fps) if media.clip and rate and media.fps else media.frames


Key = tuple[float | int, ...]


@dataclass
class _Group:
    datasets: list[int] = field(default_factory=list)
    fits: list[Fit] = field(default_factory=list)
    samples: int = 0


def bucketing(native: Native, media: MediaOf) -> Bucketing:
    """The buckets of the training data over all folders."""
    return bucket_document(native, "dataset.toml", media)


def bucket_document(native: Native, name: str, media: MediaOf, prefix: str = "") -> Bucketing:
    """The buckets of one dataset document. `prefix` is `eval_` for held-out data."""
    document, main = native.files[name], native.files["main.toml"]
    arch = arch_of(native.family, native.variant)
    step = 32 if arch.type in BY_32 or (arch.type == "wan" and arch.rounds == 32) else 16
    groups: dict[Key, _Group] = {}
    left: list[LeftOut] = []
    for index, folder in enumerate(document.get("directory", ())):
        _folder(index, folder, document, arch, step, media, groups, left)
    share = data_parallel(native)
    buckets = tuple(_bucket(key, group, main, arch, share, prefix) for key, group in sorted(groups.items()))
    return Bucketing(buckets, tuple(left), _notes(document), tuple(_findings(buckets)))


def _folder(
    index: int,
    folder: Mapping[str, Any],
    top: Mapping[str, Any],
    arch: Arch,
    step: int,
    media: MediaOf,
    groups: dict[Key, _Group],
    left: list[LeftOut],
) -> None:
    """Adds one `[[directory]]` to `groups`, and what it skips to `left`."""
    grid, repeats = grid_of(folder, top), folder.get("num_repeats", top.get("num_repeats", 1))
    captions, skip = _captions_per_source(folder, top), folder.get("skip_empty_caption", top.get("skip_empty_caption", True))
    inside: dict[Key, _Group] = defaultdict(_Group)
    for item in media(str(folder["path"]), ".txt") if "path" in folder else ():
        if not item.captions and skip:
            left.append(LeftOut(index, item, "no caption"))
            continue
        if item.clip and arch.fps is None:
            left.append(LeftOut(index, item, "not its kind"))
            continue
        keys = _keys(grid, item, clip_frames(item, arch.fps) if item.clip else 1, step)
        if not keys:
            left.append(LeftOut(index, item, "too short"))
        for key in keys:
            inside[key].fits.append(Fit(item, _cover(item, _final(key, arch))))
            inside[key].samples += max(1, item.captions) * captions
    for key, part in inside.items():
        group = groups.setdefault(key, _Group())
        group.datasets.append(index)
        group.fits += part.fits
        group.samples += int(part.samples * repeats)


def _captions_per_source(folder: Mapping[str, Any], top: Mapping[str, Any]) -> int:
    """Each shuffled copy of a caption is a sample of its own (DS:54-68)."""
    shuffled = folder.get("cache_shuffle_num", top.get("cache_shuffle_num", 0))
    return max(1, int(shuffled))


def _keys(grid: Grid, item: Media, frames: int, step: int) -> list[Key]:
    if grid.sizes:
        size = grid.size(item, frames)
        return [] if size is None else [size]
    found = grid.ratio_and_frames(item, frames)
    if found is None:
        return []
    keys: list[Key] = []
    for side in grid.areas:
        area = side**2
        width = math.sqrt(area * found[0])
        keys.append((found[0], nearest_multiple(width, step), nearest_multiple(area / width, step), found[1]))
    return keys


def _final(key: Key, arch: Arch) -> tuple[int, int]:
    """The size that pictures are cut to: the bucket's, on the grid of the model's reader (MB:171), 16 for HunyuanImage (MB:398)."""
    grid = 16 if arch.type == "hunyuan_image" else arch.rounds
    return nearest_multiple(key[-3], grid), nearest_multiple(key[-2], grid)


def _cover(item: Media, size: tuple[int, int]) -> tuple[int, int]:
    """PIL's `ImageOps.fit`, told as a resize that covers `size` and a cut around the middle."""
    scale = max(size[0] / item.width, size[1] / item.height)
    return max(size[0], round(item.width * scale)), max(size[1], round(item.height * scale))


def data_parallel(native: Native) -> int:
    """Copies of the model that train side by side: GPUs over pipeline stages (deepspeed runtime/pipe/topology.py)."""
    return max(1, gpus(native) // int(native.files["main.toml"].get("pipeline_stages", 1)))


def gpus(native: Native) -> int:
    """GPUs of the launch command; without a word about them deepspeed takes all, here one."""
    argv = list(native.stages.get("train", ()))
    for option, value in pairwise(argv):
        if option == "--include":
            return max(1, len([one for one in value.partition(":")[2].split(",") if one]))
        if option == "--num_gpus" and value.isdigit():
            return int(value)
    return next((int(one.partition("=")[2]) for one in argv if one.startswith("--num_gpus=")), 1)


def _batch(main: Mapping[str, Any], key: Key, prefix: str) -> int:
    """Samples per GPU and micro-batch; a list picks the entry whose side is nearest (DS:360-375)."""
    names = ("micro_batch_size_per_gpu", "eval_micro_batch_size_per_gpu")[: 2 if prefix else 1]
    sizes = main.get(names[0], 1)
    sizes = main.get(names[-1], sizes)
    if key[-1] == 1:
        sizes = main.get("image_micro_batch_size_per_gpu", sizes) if not prefix else main.get("eval_image_micro_batch_size_per_gpu", sizes)
    if isinstance(sizes, int):
        return sizes
    side = math.sqrt(key[-2] * key[-3])
    # A dict of the pairs, as the trainer makes it: of equal sides the last batch counts, at the place of the first.
    best: int = min(dict(map(tuple, sizes)).items(), key=lambda pair: abs(pair[0] - side))[1]
    return best


def _bucket(key: Key, group: _Group, main: Mapping[str, Any], arch: Arch, share: int, prefix: str) -> Bucket:
    accumulation = int(main.get(f"{prefix}gradient_accumulation_steps", 1))
    micro = _batch(main, key, prefix)
    full = micro * accumulation * share
    batches = group.samples // full
    width, height = _final(key, arch)
    frames = int(key[-1])
    name = f"{width}x{height}" + (f"x{frames}f" if frames > 1 else "") + (f" (ratio {key[0]:g})" if len(key) > 3 else "")
    return Bucket(
        tuple(dict.fromkeys(group.datasets)),
        name,
        width,
        height,
        frames,
        group.samples,
        micro,
        batches * accumulation * share,
        tuple(group.fits),
        dropped=group.samples - batches * full,
    )


def _notes(document: Mapping[str, Any]) -> tuple[str, ...]:
    ratio = document.get("subsample_ratio")
    return (f"subsample_ratio keeps {ratio:g} of the steps; which samples are in them is not said here",) if ratio else ()


def _findings(buckets: Sequence[Bucket]) -> list[Finding]:
    gone = [bucket for bucket in buckets if not bucket.batches and bucket.samples]
    if buckets and len(gone) == len(buckets):
        return [
            Finding(
                "LB462",
                "datasets",
                "no bucket holds a whole batch: nothing would be trained",
                "each bucket is rounded down to batch_size x gradient_accumulation x GPUs; the trainer stops after the model is loaded",
                "use a smaller batch, more `repeats`, or fewer buckets",
            )
        ]
    return []
