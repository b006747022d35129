"""Whether each size has enough samples for a batch: what is left over is dropped, and when nothing is left the run fails."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from lorabridge.backends.diffusion_pipe.lint_folder import Place
from lorabridge.backends.diffusion_pipe.lint_job import Job, numeric, report
from lorabridge.backends.diffusion_pipe.lint_main import ranks
from lorabridge.backends.diffusion_pipe.lint_zero import good_count
from lorabridge.backends.native import NativeFile
from lorabridge.config.paths import KeyPath

Size = tuple[float, int, int]
"""Aspect ratio, width, height."""


def check_counts(job: Job, file: NativeFile, places: Sequence[Place], held_out: bool) -> None:
    """Pictures only: how long a clip is, its header alone does not tell."""
    batch = _batch(job, held_out)
    if batch is None:
        return
    counts: dict[Size, int] = defaultdict(int)
    for place in places:
        here = _count(job, place)
        if here is None:
            return
        for size, samples in here.items():
            counts[size] += samples
    left = sum(number // _needed(batch, size) for size, number in counts.items())
    dropped = [size for size, number in counts.items() if 0 < number < _needed(batch, size)]
    ratio = file.data.get("subsample_ratio")
    if left and numeric(ratio) and ratio and int(left * ratio) == 0:
        why = "RuntimeError after the models are loaded: the dataset is empty"
        report(job.found, file, "LB322", "subsample_ratio", f"`subsample_ratio = {ratio}` leaves none of {left} batches", why, "raise it")
    if left and not dropped:
        return
    key: KeyPath = (
        "eval_micro_batch_size_per_gpu" if held_out and "eval_micro_batch_size_per_gpu" in job.data else "micro_batch_size_per_gpu",
    )
    total, most = sum(counts.values()), max((_needed(batch, size) for size in counts), default=0)
    target = job.main if job.main is not None and key[0] in job.data else file
    where = key if target is job.main else (*places[0].here, "path")
    if not left:
        says = f"no batch of {most} can be made of {total} samples" if total else "no sample is left"
        why = "samples are batched by size; all are dropped: RuntimeError (`Processed dataset was empty`) after the models are loaded"
        report(job.found, target, "LB322", where, says, why, "lower the batch size or the accumulation, or raise `num_repeats`")
    else:
        names = ", ".join(f"{width}x{height}" for _, width, height in dropped[:4])
        says = f"{sum(counts[size] for size in dropped)} of {total} samples are never used: too few for a batch at {names}"
        report(
            job.found,
            target,
            "LB322",
            where,
            says,
            "samples are batched by size, and what does not fill a batch is dropped",
            "use fewer sizes, or a smaller batch",
            "warning",
        )


def _batch(job: Job, held_out: bool) -> tuple[Any, int] | None:
    """The batch size of pictures, and its factor: accumulation times ranks."""
    keys = ["image_micro_batch_size_per_gpu", "micro_batch_size_per_gpu"]
    if held_out:
        keys = ["eval_image_micro_batch_size_per_gpu", "eval_micro_batch_size_per_gpu", "micro_batch_size_per_gpu"]
    value = next((job.data[key] for key in keys if key in job.data), 1)
    pile = job.data.get("eval_gradient_accumulation_steps" if held_out else "gradient_accumulation_steps", 1)
    if not good_count(pile):
        return None
    if isinstance(value, list):
        pairs = [pair for pair in value if isinstance(pair, list) and len(pair) == 2 and numeric(pair[0]) and good_count(pair[1])]
        return (pairs, pile * (ranks(job) or 1)) if pairs and len(pairs) == len(value) else None
    return (value, pile * (ranks(job) or 1)) if good_count(value) else None


def _needed(batch: tuple[Any, int], size: Size) -> int:
    value, factor = batch
    if isinstance(value, list):
        side = math.sqrt(size[1] * size[2])
        value = min(value, key=lambda pair: abs(pair[0] - side))[1]
    return int(value * factor)


def _count(job: Job, place: Place) -> dict[Size, int] | None:
    """Samples of each size in one folder; None where that cannot be known."""
    settings, samples = place.settings, place.folder.samples
    repeats = settings.get("num_repeats", 1)
    if not isinstance(repeats, int | float) or repeats <= 0 or any(sample.path.suffix == ".tar" for sample in samples):
        return None
    takes_clips = job.arch is None or job.arch.fps is not None
    if takes_clips and any(sample.clip for sample in samples):
        return None
    shuffles = settings.get("cache_shuffle_num", 0) or int(bool(settings.get("shuffle_tags")))
    if type(shuffles) is not int:
        return None
    groups: dict[Size, int] = defaultdict(int)
    for sample in samples:
        captions = sample.captions
        if captions is None and not settings.get("skip_empty_caption", True):
            captions = 1
        if not captions or sample.clip:
            continue
        if sample.size is None:
            return None
        for size in _sizes(job, settings, sample.size):
            groups[size] += captions * max(shuffles, 1)
    return {size: int(number * repeats) for size, number in groups.items()}


def _sizes(job: Job, settings: dict[str, Any], size: tuple[int, int]) -> Iterator[Size]:
    """The buckets that one picture goes to (utils/dataset.py:412-427, 839-880)."""
    shape = math.log(size[0] / size[1])
    buckets = settings.get("size_buckets")
    if isinstance(buckets, list):
        pictures = [
            item
            for item in buckets
            if isinstance(item, list) and len(item) == 3 and all(numeric(number) and number > 0 for number in item) and item[2] == 1
        ]
        if pictures:
            best = min(pictures, key=lambda item: abs(shape - math.log(item[0] / item[1])))
            yield best[0] / best[1], int(best[0]), int(best[1])
        return
    ratio = min(_ratios(settings), key=lambda item: abs(shape - math.log(item)), default=1.0)
    step = job.arch.rounds if job.arch else 16
    for value in sorted(set(_sides(settings))):
        width = math.sqrt(value * value * ratio)
        yield ratio, int(round(width / step) * step), int(round(value * value / width / step) * step)


def _sides(settings: dict[str, Any]) -> list[float]:
    found = settings.get("resolutions")
    sides = [
        math.sqrt(item[0] * item[1]) if isinstance(item, list) and len(item) == 2 else item
        for item in (found if isinstance(found, list) else [])
    ]
    return [round(side, 3) for side in sides if numeric(side) and side > 0]


def _ratios(settings: dict[str, Any]) -> list[float]:
    if not settings.get("enable_ar_bucket"):
        return [1.0]
    given = settings.get("ar_buckets")
    if isinstance(given, list) and given:
        ratios = [item[0] / item[1] if isinstance(item, list) and len(item) == 2 and item[1] else item for item in given]
        return [round(item, 3) for item in ratios if numeric(item) and item > 0]
    low, high, count = (settings.get(key) for key in ("min_ar", "max_ar", "num_ar_buckets"))
    if not (numeric(low) and numeric(high) and good_count(count) and low > 0 and high > 0):
        return []
    if count == 1:
        return [round(low, 3)]
    return [round(low * (high / low) ** (index / (count - 1)), 3) for index in range(count)]
