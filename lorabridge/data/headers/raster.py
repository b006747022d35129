"""PNG, GIF, BMP and WebP headers (W3C PNG 3, GIF89a, BITMAPINFOHEADER, RFC 9649)."""

from __future__ import annotations

import zlib

from lorabridge.data.headers.source import HeaderError, Source
from lorabridge.data.headers.tiff import orientation
from lorabridge.data.items import Header

_PNG_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
_PNG_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PNG_END = b"IEND\xaeB`\x82"
_MAX_CHUNKS = 300


def _big(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


def _little(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def read_png(source: Source) -> Header:
    """IHDR and the small chunks before the pixels."""
    first = source.need(8, 25)
    if first[4:8] != b"IHDR" or _big(first[:4]) != 13:
        raise HeaderError("the first PNG chunk is no header")
    if zlib.crc32(first[4:21]) != _big(first[21:25]):
        raise HeaderError("the PNG header's checksum is wrong")
    width, height, bits, colour = _big(first[8:12]), _big(first[12:16]), first[16], first[17]
    if not width or not height or bits not in _PNG_BITS.get(colour, ()):
        raise HeaderError(f"a PNG of {width} x {height} pixels, {bits} bits, colour type {colour}")
    alpha, frames, turned, at = colour in (4, 6), 1, 1, 33
    for _ in range(_MAX_CHUNKS):
        raw = source.at(at, 8)
        if len(raw) < 8:
            return Header("PNG", width, height, frames, None, turned, _PNG_MODES[colour], bits, alpha, cut=True)
        size, kind = _big(raw[:4]), raw[4:8]
        if kind == b"IDAT":
            break
        if kind == b"tRNS":
            alpha = True
        elif kind == b"acTL":
            frames = max(1, _big(source.need(at + 8, 4)))
        elif kind == b"eXIf":
            turned = orientation(source.at(at + 8, min(size, 65_536)))
        at += 12 + size
    cut = not source.tail.endswith(_PNG_END) and not source.contains(_PNG_END, at)
    return Header("PNG", width, height, frames, None, turned, _PNG_MODES[colour], bits, alpha, cut=cut)


def read_gif(source: Source) -> Header:
    """Screen size; a second picture block makes it animated (2 frames: how many more is not counted)."""
    head = source.need(6, 7)
    width, height, flags = _little(head[:2]), _little(head[2:4]), head[4]
    if not width or not height:
        raise HeaderError(f"a GIF of {width} x {height} pixels")
    at = 13 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)
    pictures, alpha = 0, False
    while pictures < 2:
        mark = source.at(at, 11)
        if not mark or mark[0] == 0x3B:
            break
        if mark[0] == 0x21:
            alpha |= mark[1:2] == b"\xf9" and len(mark) > 3 and bool(mark[3] & 1)
            at = _blocks(source, at + 2)
        elif mark[0] == 0x2C and len(mark) > 9:
            pictures += 1
            if pictures < 2:
                at = _blocks(source, at + 11 + (3 * 2 ** ((mark[9] & 7) + 1) if mark[9] & 0x80 else 0))
        else:
            break
    return Header("GIF", width, height, max(1, pictures), None, 1, "P", 8, alpha, cut=not source.tail.rstrip(b"\0").endswith(b";"))


def _blocks(source: Source, at: int) -> int:
    """The position after a chain of sub-blocks; gives up softly where it is longer than a header's budget."""
    while True:
        try:
            raw = source.at(at, 4096)
        except HeaderError:
            return source.size
        if not raw:
            return source.size
        here = 0
        while here < len(raw):
            if raw[here] == 0:
                return at + here + 1
            here += raw[here] + 1
        at += here


def read_bmp(source: Source) -> Header:
    """BITMAPCOREHEADER and later."""
    head = source.need(10, 24)
    start, kind = _little(head[:4]), _little(head[4:8])
    if kind == 12:
        width, height, bits, packed = _little(head[8:10]), _little(head[10:12]), _little(head[14:16]), 0
    elif 40 <= kind <= 200:
        width, height = (int.from_bytes(head[i : i + 4], "little", signed=True) for i in (8, 12))
        bits, packed = _little(head[18:20]), _little(head[20:24])
    else:
        raise HeaderError(f"a BMP header of {kind} bytes")
    width, height = abs(width), abs(height)
    if not width or not height or bits not in (1, 2, 4, 8, 16, 24, 32):
        raise HeaderError(f"a BMP of {width} x {height} pixels, {bits} bits")
    mode = "RGB"
    if bits <= 8:
        colours = source.at(14 + kind, (3 if kind == 12 else 4) << bits)
        mode = "L" if colours[::4] == colours[1::4] == colours[2::4] and kind > 12 else "P"
    alpha = bits == 32 and kind >= 56 and _little(source.at(66, 4)) != 0
    cut = packed in (0, 3) and start + (width * bits + 31) // 32 * 4 * height > source.size
    return Header("BMP", width, height, 1, None, 1, "RGBA" if alpha else mode, 8, alpha, cut=cut)


def read_webp(source: Source) -> Header:
    """Lossy, lossless and extended files."""
    head = source.need(0, 30)
    cut = _little(head[4:8]) + 8 > source.size
    kind = head[12:16]
    if kind == b"VP8 ":
        if head[23:26] != b"\x9d\x01\x2a":
            raise HeaderError("no VP8 key frame")
        return _webp(_little(head[26:28]) & 0x3FFF, _little(head[28:30]) & 0x3FFF, cut=cut)
    if kind == b"VP8L":
        if head[20] != 0x2F:
            raise HeaderError("no VP8L mark")
        word = _little(head[21:25])
        return _webp(1 + (word & 0x3FFF), 1 + (word >> 14 & 0x3FFF), alpha=bool(word >> 28 & 1), cut=cut)
    if kind != b"VP8X":
        raise HeaderError("no WebP picture chunk")
    flags, width, height = head[20], 1 + _little(head[24:27]), 1 + _little(head[27:30])
    turned = _webp_exif(source) if flags & 8 else 1
    return _webp(width, height, 2 if flags & 2 else 1, turned, alpha=bool(flags & 16), cut=cut)


def _webp(width: int, height: int, frames: int = 1, turned: int = 1, *, alpha: bool = False, cut: bool = False) -> Header:
    if not width or not height:
        raise HeaderError(f"a WebP of {width} x {height} pixels")
    return Header("WEBP", width, height, frames, None, turned, "RGBA" if alpha else "RGB", 8, alpha, cut=cut)


def _webp_exif(source: Source) -> int:
    at = 12
    for _ in range(_MAX_CHUNKS):
        raw = source.at(at, 8)
        if len(raw) < 8:
            return 1
        size = _little(raw[4:8])
        if raw[:4] == b"EXIF":
            return orientation(source.at(at + 8, min(size, 65_536)))
        at += 8 + size + (size & 1)
    return 1
