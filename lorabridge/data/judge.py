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
_RATE = 0.02
"""Relative difference up to which two frame rates count as one: 23.976 and 24, 29.97 and 30."""
_SPEED = 0.1
"""Relative change of speed that nobody sees."""


def judge_items(items: Sequence[Item], data: Dataset, rules: Rules, family: str, resolution: int, trigger: str) -> list[Problem]:
    """Every defect of the items."""
    targets = [side if isinstance(side, tuple) else (side, side) for side in data.resolution or [resolution]]
    largest = max(width * height for width, height in targets)
    broadest = max(max(target) for target in targets)
    problems: list[Problem] = []
    for item in items:
        problems += _form(item)
        if item.width * item.height < largest or (not data.bucket and min(item.width, item.height) < broadest):
            problems += _size(item, data, targets)
    if trigger and not rules.adds_trigger and not data.regularization:
        problems += _trigger(items, data, trigger)
    if data.videos is not None or data.video is not None:
        problems += [problem for item in items if item.kind == "video" for problem in _length(item, data, rules, family)]
    return problems + copies(items)


def _form(item: Item) -> Iterator[Problem]:
    known = _ENDINGS.get(item.format)
    if known and not item.path.endswith(known) and ending_of(item.path).lower() not in known:
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


def _size(item: Item, data: Dataset, targets: Sequence[tuple[int, int]]) -> Iterator[Problem]:
    """Whether the item must be enlarged for the training size that asks most of it."""
    if not item.width or not item.height:
        return
    width, height = item.upright
    factors = []
    for target in targets:
        area = (target[0] * target[1] / (width * height)) ** 0.5
        factors.append((area if data.bucket else max(target[0] / width, target[1] / height), target))
    factor, wanted = max(factors)
    if factor > 1:
        kind = "small" if data.upscale or not data.bucket else "small_kept"
        yield Problem(kind, item.path, f"{width} x {height} for {wanted[0]} x {wanted[1]}: {factor:.2g} times")


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
    elif rate and item.fps and rules.squeezes and video.extract != "full":
        speed = item.frames / item.fps * rate / max(video.frames)
        if abs(speed - 1) > _SPEED:
            yield Problem("retimed", item.path, f"{item.frames} frames become {max(video.frames)}: {speed:.2g} times the speed")
    if rate and item.fps and not converts and not rules.squeezes and abs(item.fps / rate - 1) > _RATE:
        yield Problem("retimed", item.path, f"{item.fps:.4g} fps, the model's is {rate:g}")


def copies(items: Sequence[Item]) -> list[Problem]:
    """Files with the same bytes: same length and ends first, then all of it."""
    groups: dict[object, list[Item]] = {}
    for item in items:
        groups.setdefault((item.size_bytes, item.ends), []).append(item)
    same: dict[object, list[Item]] = {}
    for group in groups.values():
        for item in group if len(group) > 1 else ():
            digest = _digest(item.path)
            if digest:
                same.setdefault(digest, []).append(item)
    return [Problem("duplicate", item.path, f"of `{os.path.basename(group[0].path)}`") for group in same.values() for item in group[1:]]


def _digest(path: str) -> bytes:
    try:
        with open(path, "rb") as handle:
            return hashlib.file_digest(handle, "sha256").digest()
    except OSError:
        return b""
