"""The contact sheet: one self-contained HTML page with a thumbnail, the caption and the problems of every picture."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lorabridge.data.items import Item, Scan
from lorabridge.data.judge import MOST_PIXELS
from lorabridge.data.problems import KINDS, Problem, effect_of, shown
from lorabridge.data.rules import Rules
from lorabridge.resources import template_dir

SIDE = 160
MOST_CARDS = 2000
"""Cards of one page; those with problems come first and the rest is counted."""
_CAPTION = 400
_RANK = {"error": 0, "warning": 1, "hint": 2}


@dataclass(frozen=True, slots=True)
class Mark:
    """One problem of one file."""

    code: str
    severity: str
    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """One file on the page. `picture` is a data URI, or "" where there is none."""

    name: str
    facts: str
    caption: str
    picture: str
    marks: tuple[Mark, ...]


def sheet(title: str, scans: Sequence[Scan], rules: Rules) -> str:
    """The page."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(template_dir()), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    parts = [_part(scan, rules) for scan in scans]
    return environment.get_template("sheet.html.jinja").render(
        title=shown(title), trainer=rules.title if rules.trainer else "", parts=parts
    )


def _part(scan: Scan, rules: Rules) -> dict[str, Any]:
    marks: dict[str, list[Mark]] = {}
    for problem in scan.problems:
        mark = _mark(problem, rules)
        if mark:
            marks.setdefault(problem.path, []).append(mark)
    for item in scan.items:  # a caption's problem is its picture's
        if item.caption_path in marks and not item.caption_path.endswith(".json"):
            marks.setdefault(item.path, []).extend(marks[item.caption_path])
    captions = {item.caption_path for item in scan.items}
    known = {item.path for item in scan.items}
    items = sorted(scan.items, key=lambda item: _rank(marks.get(item.path, ())))
    other = [path for path in sorted(marks) if path not in known and path not in captions]
    return {
        "here": scan.here,
        "count": len(scan.items),
        "bad": sum(item.path in marks for item in scan.items) + len(other),
        "cards": [*_cards(items[:MOST_CARDS], marks), *(Card(_name(path), "", "", "", tuple(marks[path])) for path in other[:MOST_CARDS])],
        "more": max(0, len(items) - MOST_CARDS) + max(0, len(other) - MOST_CARDS),
    }


def _rank(marks: Sequence[Mark]) -> int:
    return min((_RANK[mark.severity] for mark in marks), default=3)


def _mark(problem: Problem, rules: Rules) -> Mark | None:
    effect = effect_of(problem.kind, rules)
    if effect is None:
        return None
    row = KINDS[problem.kind]
    return Mark(row.code, effect.severity, row.one + (f": {shown(problem.detail)}" if problem.detail else ""))


def _cards(items: Sequence[Item], marks: dict[str, list[Mark]]) -> Iterator[Card]:
    for item in items:
        facts = f"{item.upright[0]} x {item.upright[1]} {item.format} {item.mode}"
        if item.kind == "video":
            facts += f", {item.frames} frames" + (f", {item.fps:.4g} fps" if item.fps else "")
        caption = item.caption or ""
        text = caption if len(caption) <= _CAPTION else caption[:_CAPTION] + " …"
        yield Card(_name(item.path), facts, text.encode("utf-8", "replace").decode(), thumbnail(item), tuple(marks.get(item.path, ())))


def _name(path: str) -> str:
    return shown(os.path.basename(path))


def thumbnail(item: Item) -> str:
    """A small JPEG as a data URI; "" without Pillow, or where the picture cannot be decoded."""
    if item.kind == "video" or not 0 < item.width * item.height <= MOST_PIXELS:
        return ""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        return ""
    try:
        with Image.open(item.path) as source:
            source.draft("RGB", (SIDE * 2, SIDE * 2))
            source.thumbnail((SIDE * 2, SIDE * 2))
            upright = ImageOps.exif_transpose(source).convert("RGB")
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, MemoryError, Image.DecompressionBombError):
        return ""
    upright.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    upright.save(buffer, "JPEG", quality=70)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
