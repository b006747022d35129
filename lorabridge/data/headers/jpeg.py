"""JPEG: markers up to the first frame header (ITU-T T.81, JFIF, Exif)."""

from __future__ import annotations

from lorabridge.data.headers.source import HeaderError, Source
from lorabridge.data.headers.tiff import orientation
from lorabridge.data.items import Header

_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
_EXIF = 0xE1
_MAX_MARKERS = 400
END = b"\xff\xd9"


def read_jpeg(source: Source) -> Header:
    """Size, mode and orientation. A file whose end marker is nowhere after the picture's start is cut."""
    at, turned = 2, 1
    for _ in range(_MAX_MARKERS):
        raw = source.at(at, 4)
        if len(raw) < 4:
            raise HeaderError("the file ends before the picture's size")
        if raw[0] != 0xFF:
            raise HeaderError(f"byte {raw[0]:#04x} stands where a JPEG marker belongs")
        mark = raw[1]
        if mark == 0xFF:
            at += 1
            continue
        if mark in _BARE:
            at += 2
            continue
        length = raw[2] << 8 | raw[3]
        if mark in _FRAMES:
            return _frame(source, at, turned)
        if mark in (0xD9, 0xDA) or length < 2:
            raise HeaderError("the picture's size is not stated before its data")
        if mark == _EXIF and turned == 1:
            block = source.at(at + 4, min(length - 2, 65_536))
            if block[:4] == b"Exif":
                turned = orientation(block)
        at += 2 + length
    raise HeaderError("more JPEG markers than any picture has")


def _frame(source: Source, at: int, turned: int) -> Header:
    raw = source.need(at + 4, 6)
    bits, height, width, parts = raw[0], raw[1] << 8 | raw[2], raw[3] << 8 | raw[4], raw[5]
    if not width or not height:
        raise HeaderError(f"a JPEG of {width} x {height} pixels")
    cut = not source.tail.endswith(END) and not source.contains(END, at)
    return Header("JPEG", width, height, 1, None, turned, _MODES.get(parts, "RGB"), bits, cut=cut)
