"""Defects of single items and between them that headers and captions tell: orientation, mode, size, trigger, length, copies."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence

from lorabridge.config.schema.data import Dataset, Video
from lorabridge.data.items import Item
from lorabridge.data.problems import Problem
from lorabridge.data.rules import Rules, ending_of

MOST_PIXELS = 2 * 89_478_485
"""Pillow raises DecompressionBombError above twice `Image.MAX_IMAGE_PIXELS`."""
_ENDINGS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif", ".avifs"),
    "HEIC": (".heic", ".heif"),
    "JXL": (".jxl",),
    "MP4": (".mp4", ".m4v", ".mov"),
    "MOV": (".mov", ".mp4", ".m4v"),
    "MKV": (".mkv", ".webm"),
    "AVI": (".avi",),
}
_CLIP_WEBM = "WEBM"
_RATE = 0.02
"""Relative difference up to which two frame rates count as one: 23.976 and 24, 29.97 and 30."""
_PART = 1 << 16


def judge_items(items: Sequence[Item], data: Dataset, rules: Rules, family: str, resolution: int, trigger: str) -> list[Problem]:
    """Every defect of the items."""
    problems = [problem for item in items for problem in (*_form(item), *_size(item, data, resolution))]
    if trigger and not rules.adds_trigger and not data.regularization:
        problems += _trigger(items, data, trigger)
    if data.videos is not None or data.video is not None:
        problems += [problem for item in items if item.kind == "video" for problem in _length(item, data, rules, family)]
    return problems + copies(items)


def _form(item: Item) -> Iterator[Problem]:
    ending = ending_of(item.path).lower()
    known = _ENDINGS.get(item.format)
    if known and ending not in known and item.format != _CLIP_WEBM:
        yield Problem("misnamed", item.path, f"it is {item.format}")
    if item.kind == "video":
        return
    if item.orientation != 1:
        yield Problem("turned", item.path, f"orientation {item.orientation}")
    if item.frames > 1:
        yield Problem("animated", item.path)
    if item.mode == "CMYK":
        yield Problem("cmyk", item.path)
    elif item.mode == "P":
        yield Problem("palette", item.path, "with transparency" if item.alpha else "")
    elif item.alpha:
        yield Problem("alpha", item.path)
    if item.bits > 8:
        yield Problem("deep_grey" if item.mode in ("L", "LA") and item.bits == 16 else "deep", item.path, f"{item.bits} bits")
    if item.width * item.height > MOST_PIXELS:
        yield Problem("bomb", item.path, f"{item.width:,} x {item.height:,}")


def _size(item: Item, data: Dataset, resolution: int) -> Iterator[Problem]:
    """Whether the item must be enlarged for the smallest of the training sizes that it is too small for."""
    if not item.width or not item.height:
        return
    width, height = item.upright
    worst = 1.0
    wanted = (0, 0)
    for side in data.resolution or [resolution]:
        target = side if isinstance(side, tuple) else (side, side)
        area = (target[0] * target[1] / (width * height)) ** 0.5
        factor = area if data.bucket else max(target[0] / width, target[1] / height)
        if factor > worst:
            worst, wanted = factor, target
    if worst > 1:
        kind = "small" if data.upscale or not data.bucket else "small_kept"
        yield Problem(kind, item.path, f"{width} x {height} for {wanted[0]} x {wanted[1]}: {worst:.2g} times")


def _trigger(items: Sequence[Item], data: Dataset, trigger: str) -> Iterator[Problem]:
    around = data.captions.prefix + " " + data.captions.suffix
    if trigger in around:
        return
    for item in items:
        if any(caption and trigger not in caption for caption in item.captions):
            near = any(trigger.lower() in caption.lower() for caption in item.captions)
            yield Problem("trigger_absent", item.path, f"`{trigger}` is written in another case" if near else f"`{trigger}`")


def _length(item: Item, data: Dataset, rules: Rules, family: str) -> Iterator[Problem]:
    if not item.frames:
        yield Problem("unknown_length", item.path)
        return
    video = data.video or Video()
    rate = rules.fps.get(family)
    source = item.fps if video.fps == "auto" else float(video.fps)
    converts = rules.retimes or video.fps != "auto"
    frames = item.frames
    if rate and source and converts and (rules.retimes or rate < source):
        frames = int(item.frames * rate / source)
    shortest = min((count for count in video.frames if count > 1), default=1)
    if frames < shortest and video.extract != "full":
        at = f" at {rate:g} fps" if frames != item.frames else ""
        yield Problem("short", item.path, f"{'about ' if item.estimated else ''}{frames} frames{at}, {shortest} are wanted")
    if rate and item.fps and not converts and abs(item.fps / rate - 1) > _RATE:
        yield Problem("retimed", item.path, f"{item.fps:.4g} fps, the model's is {rate:g}")


def copies(items: Sequence[Item]) -> list[Problem]:
    """Files with the same bytes: same length first, then the first and last 64 KiB, then all of it."""
    groups: list[list[Item]] = [list(items)]
    for key in (_length_of, _ends, _digest):
        finer = []
        for group in groups:
            sorted_in: dict[object, list[Item]] = {}
            for item in group:
                value = key(item)
                if value is not None:
                    sorted_in.setdefault(value, []).append(item)
            finer += [found for found in sorted_in.values() if len(found) > 1]
        groups = finer
    return [Problem("duplicate", item.path, f"of `{os.path.basename(group[0].path)}`") for group in groups for item in group[1:]]


def _length_of(item: Item) -> object:
    return item.size_bytes or None


def _ends(item: Item) -> object:
    try:
        with open(item.path, "rb") as handle:
            first = handle.read(_PART)
            handle.seek(max(0, item.size_bytes - _PART))
            return hashlib.sha256(first + handle.read(_PART)).digest()
    except OSError:
        return None


def _digest(item: Item) -> object:
    try:
        with open(item.path, "rb") as handle:
            return hashlib.file_digest(handle, "sha256").digest()
    except OSError:
        return None
