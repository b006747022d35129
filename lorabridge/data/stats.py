"""Counts and measures of a scan: plain numbers, for people and machines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any

from lorabridge.data.items import Item, Scan

_WORD = re.compile(r"[^\W\d_][\w'-]*")
_SHAPES = (
    (0.4, "tall, below 2:5"),
    (0.7, "portrait"),
    (0.95, "slightly tall"),
    (1.05, "square"),
    (1.43, "slightly wide"),
    (2.5, "landscape"),
)
_MOST = 15


def stats(scan: Scan, trigger: str = "") -> dict[str, Any]:
    """What one dataset holds. Sizes in pixels after EXIF orientation, bytes of the files, lengths of captions in characters and words."""
    items = scan.items
    pictures = [item for item in items if item.kind == "image"]
    clips = [item for item in items if item.kind == "video"]
    found: dict[str, Any] = {
        "dataset": scan.here,
        "pictures": len(pictures),
        "clips": len(clips),
        "left_out": len(scan.left),
        "bytes": sum(item.size_bytes for item in items),
        "formats": dict(Counter(item.format for item in items).most_common()),
        "modes": dict(Counter(item.mode for item in pictures).most_common()),
    }
    sized = [item.upright for item in items if item.width and item.height]
    if sized:
        found["width"] = _spread([width for width, _ in sized])
        found["height"] = _spread([height for _, height in sized])
        found["megapixels"] = _spread([round(width * height / 1e6, 2) for width, height in sized])
        found["shapes"] = dict(Counter(_shape(width / height) for width, height in sized).most_common())
    if clips:
        found["frames"] = _spread([item.frames for item in clips if item.frames])
        found["fps"] = dict(Counter(f"{item.fps:.4g}" if item.fps else "unknown" for item in clips).most_common())
        found["seconds"] = _spread([round(item.frames / item.fps, 2) for item in clips if item.frames and item.fps])
    found["captions"] = _captions(items, trigger)
    return found


def _captions(items: Sequence[Item], trigger: str) -> dict[str, Any]:
    texts = [caption for item in items for caption in item.captions if caption]
    words = [_WORD.findall(text.lower()) for text in texts]
    tags = Counter(tag.strip() for text in texts for tag in text.split(",") if tag.strip())
    found: dict[str, Any] = {
        "with": sum(bool(item.caption) for item in items),
        "without": sum(not item.caption for item in items),
        "distinct": len(set(texts)),
        "characters": _spread([len(text) for text in texts]),
        "words": _spread([len(row) for row in words]),
        "common_words": dict(Counter(word for row in words for word in set(row) if len(word) > 3).most_common(_MOST)),
        "common_tags": {tag: count for tag, count in tags.most_common(_MOST) if count > 1},
    }
    if trigger:
        found["with_trigger"] = sum(trigger in text for text in texts)
    return found


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    """Least, middle and most; None of nothing."""
    return {"min": min(values), "median": median(values), "max": max(values)} if values else None


def _shape(ratio: float) -> str:
    return next((name for limit, name in _SHAPES if ratio < limit), "wide, above 5:2")


def as_text(found: dict[str, Any]) -> str:
    """The same for a terminal, one line per fact."""
    lines: list[str] = [f"{found['dataset']}: {found['pictures']:,} pictures, {found['clips']:,} clips, {found['left_out']:,} left out"]
    for name, value in found.items():
        if name in ("dataset", "pictures", "clips", "left_out"):
            continue
        if name == "captions":
            lines += [f"  captions {key.replace('_', ' '):<13} {_value(item)}" for key, item in value.items() if item not in (None, {})]
        elif value not in (None, {}):
            lines.append(f"  {name:<22} {_value(value)}")
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"min", "median", "max"}:
        return f"{value['min']:,} to {value['max']:,}, middle {value['median']:,}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {count:,}" for key, count in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
