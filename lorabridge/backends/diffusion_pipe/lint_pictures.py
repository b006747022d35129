"""What a folder holds, as the trainer lists it: pictures and clips with captions, masks and control pictures."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

SKIPPED = frozenset({".txt", ".npz", ".json", ".parquet", ".bak", ".db"})
"""Suffixes that are no media (utils/dataset.py:632); the case of the letters counts."""

_CLIPS = (
    "mp4",
    "mov",
    "mkv",
    "avi",
    "webm",
    "m4v",
    "mpg",
    "mpeg",
    "wmv",
    "flv",
    "ts",
    "mts",
    "m2ts",
    "3gp",
    "ogv",
    "vob",
    "asf",
    "f4v",
    "y4m",
    "264",
    "265",
    "h264",
    "h265",
    "hevc",
)
CLIPS = frozenset(f".{word}" for name in _CLIPS for word in (name, name.upper()))
_MOST = 20_000


@dataclass
class Sample:
    """One medium: where it is, how many captions it has (None: none), and its size when the header tells."""

    path: Path
    captions: int | None
    size: tuple[int, int] | None
    clip: bool


@dataclass
class Folder:
    """A folder's media, and what is wrong with its captions."""

    samples: list[Sample] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    by_json: bool = False


def read_folder(path: Path) -> Folder:
    """List a folder once, not its subfolders."""
    found = Folder()
    texts: dict[str, Any] | None = None
    source = path / "captions.json"
    if source.is_file():
        found.by_json = True
        texts = _captions(found, source)
    for file in sorted(islice(path.glob("*"), _MOST)):
        if not file.is_file() or file.suffix in SKIPPED:
            continue
        clip = file.suffix in CLIPS
        captions = _from_json(found, texts, file.name) if found.by_json else _from_text(found, file.with_suffix(".txt"))
        found.samples.append(Sample(file, captions, None if clip else picture_size(file), clip))
    return found


def _captions(found: Folder, source: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        found.broken.append(f"captions.json cannot be read: {error}")
        return None
    if isinstance(data, dict):
        return data
    found.broken.append("captions.json is no object of file names")
    return None


def _from_json(found: Folder, texts: dict[str, Any] | None, name: str) -> int | None:
    value = (texts or {}).get(name)
    if value is None:
        return None
    if isinstance(value, list):
        return len(value)
    found.broken.append(f"captions.json holds no list for {name}")
    return 1


def _from_text(found: Folder, file: Path) -> int | None:
    if not file.is_file():
        return None
    try:
        file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        found.broken.append(f"{file.name} is not UTF-8")
    except OSError as error:
        found.broken.append(f"{file.name} cannot be read: {error.strerror}")
    return 1


def picture_size(path: Path) -> tuple[int, int] | None:
    """Width and height from the header of a PNG, JPEG, WebP, GIF or BMP; None for anything else."""
    try:
        with path.open("rb") as handle:
            head = handle.read(32)
            if head.startswith(b"\x89PNG\r\n\x1a\n"):
                return _pair(head[16:24], ">II")
            if head.startswith((b"GIF87a", b"GIF89a")):
                return _pair(head[6:10], "<HH")
            if head.startswith(b"BM"):
                width, height = struct.unpack("<ii", head[18:26])
                return abs(width), abs(height)
            if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
                return _webp(head)
            return _jpeg(path) if head.startswith(b"\xff\xd8") else None
    except (OSError, struct.error):
        return None


def _pair(raw: bytes, shape: str) -> tuple[int, int]:
    width, height = struct.unpack(shape, raw)
    return width, height


def _webp(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg(path: Path) -> tuple[int, int] | None:
    with path.open("rb") as handle:
        handle.seek(2)
        for _ in range(1000):
            mark = handle.read(2)
            if len(mark) < 2 or mark[0] != 0xFF:
                return None
            if mark[1] == 0xFF or mark[1] == 0x01 or 0xD0 <= mark[1] <= 0xD8:
                handle.seek(-1, 1)
                continue
            raw = handle.read(2)
            length = int.from_bytes(raw, "big")
            if 0xC0 <= mark[1] <= 0xCF and mark[1] not in (0xC4, 0xC8, 0xCC):
                height, width = struct.unpack(">xHH", handle.read(5))
                return width, height
            handle.seek(length - 2, 1)
    return None
