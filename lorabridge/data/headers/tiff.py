"""TIFF directories: pictures of their own, and the EXIF block inside other formats (TIFF 6.0; Exif 2.32)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from lorabridge.data.headers.source import HeaderError, Source
from lorabridge.data.items import Header

Read = Callable[[int, int], bytes]
_SIZES = {1: 1, 3: 2, 4: 4, 16: 8}
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _ORIENTATION, _SAMPLES, _EXTRA = 256, 257, 258, 262, 274, 277, 338
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 273, 279, 324, 325
_MODES = {0: "L", 1: "L", 2: "RGB", 3: "P", 5: "CMYK", 6: "RGB", 8: "LAB"}
_MAX_ENTRIES = 1000
_MAX_VALUES = 4096


def orientation(block: bytes) -> int:
    """The orientation (1 to 8) that an EXIF block states; 1 when it states none or is broken."""
    if block[:6] in (b"Exif\0\0", b"Exif\0\xff"):
        block = block[6:]
    order: Literal["little", "big"] = "big" if block[:2] == b"MM" else "little"
    tag = _ORIENTATION.to_bytes(2, order)
    start = int.from_bytes(block[4:8], order)
    count = min(int.from_bytes(block[start : start + 2], order), _MAX_ENTRIES)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        if block[at : at + 2] == tag:
            value = int.from_bytes(block[at + 8 : at + 10], order)
            return value if 1 <= value <= 8 else 1
    return 1


def read_tiff(source: Source) -> Header:
    """The first picture of a TIFF file."""
    tags, more = _directory(source.need)
    width, height = (tags.get(tag, (0,))[0] for tag in (_WIDTH, _HEIGHT))
    if not width or not height:
        raise HeaderError("the TIFF directory states no size")
    bits = max(tags.get(_BITS, (1,)))
    samples = tags.get(_SAMPLES, (1,))[0]
    mode = _MODES.get(tags.get(_PHOTOMETRIC, (1,))[0], "RGB")
    alpha = any(value in (1, 2) for value in tags.get(_EXTRA, ())) and samples in (2, 4, 5)
    turned = tags.get(_ORIENTATION, (1,))[0]
    return Header(
        "TIFF",
        width,
        height,
        2 if more else 1,
        None,
        turned if 1 <= turned <= 8 else 1,
        "1" if bits == 1 and mode == "L" else mode + ("A" if alpha and mode in ("L", "RGB") else ""),
        bits,
        alpha,
        cut=_cut(tags, source.size),
    )


def _cut(tags: Mapping[int, tuple[int, ...]], size: int) -> bool:
    pairs = ((_STRIPS, _STRIP_BYTES), (_TILES, _TILE_BYTES))
    return any(start + count > size for where, long in pairs for start, count in zip(tags.get(where, ()), tags.get(long, ()), strict=False))


def _directory(read: Read) -> tuple[dict[int, tuple[int, ...]], bool]:
    """The whole-number tags of the first directory, and whether another one follows."""
    mark = read(0, 8)
    if mark[:2] not in (b"II", b"MM"):
        raise HeaderError("no TIFF byte order")
    order: Literal["little", "big"] = "little" if mark[:2] == b"II" else "big"

    def number(raw: bytes) -> int:
        return int.from_bytes(raw, order)

    kind = number(mark[2:4])
    if kind not in (42, 43):
        raise HeaderError("no TIFF mark")
    wide = kind == 43
    start = number(read(8, 8)) if wide else number(mark[4:8])
    lead, step, word = (8, 20, 8) if wide else (2, 12, 4)
    count = number(read(start, lead))
    if not 0 < count <= _MAX_ENTRIES:
        raise HeaderError(f"a TIFF directory of {count} entries")
    raw = read(start + lead, count * step + word)
    if len(raw) < count * step:
        raise HeaderError("the TIFF directory is cut")
    tags: dict[int, tuple[int, ...]] = {}
    for at in range(0, count * step, step):
        tag, form = number(raw[at : at + 2]), number(raw[at + 2 : at + 4])
        long = number(raw[at + 4 : at + 4 + word])
        size = _SIZES.get(form)
        if size is None or not 0 < long <= _MAX_VALUES:
            continue
        value = raw[at + 4 + word : at + step]
        if size * long > word:
            value = read(number(value), size * long)
        tags[tag] = tuple(number(value[i * size : (i + 1) * size]) for i in range(long) if len(value) >= (i + 1) * size) or (0,)
    return tags, number(raw[count * step :]) != 0
