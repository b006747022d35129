"""ISO base media files: AVIF and HEIC pictures, MP4 and MOV clips, JPEG XL containers (ISO/IEC 14496-12, 23008-12, QuickTime)."""

from __future__ import annotations

from collections.abc import Iterator

from lorabridge.data.headers.source import HeaderError, Source
from lorabridge.data.items import Header

Box = tuple[bytes, int, int]
"""Kind, where its content starts, where it ends."""

PICTURES = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC"}
_MAX_BOXES = 200
_MAX_RUNS = 10_000
_TURNS = {(0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6, (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5}
"""Quarter turns to the left, mirrored (1: left to right) -> EXIF orientation. Mirroring top to bottom is two turns more."""
_MATRIX = {(0, 1, -1, 0): 6, (-1, 0, 0, -1): 3, (0, -1, 1, 0): 8}


def _big(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


def boxes(source: Source, start: int, end: int) -> Iterator[Box]:
    """The boxes between two positions. A box that runs past `end` is yielded with its stated end."""
    at = start
    for _ in range(_MAX_BOXES):
        raw = source.at(at, 16)
        if len(raw) < 8 or at + 8 > end:
            return
        size, kind, lead = _big(raw[:4]), raw[4:8], 8
        if size == 1:
            size, lead = _big(raw[8:16]), 16
        elif size == 0:
            size = end - at
        if size < lead:
            raise HeaderError(f"a box of {size} bytes")
        yield kind, at + lead, at + size
        at += size
    if at < end:
        raise HeaderError("more boxes than any header has")


def _find(source: Source, start: int, end: int, *path: bytes) -> Box | None:
    """The first box down a path of kinds."""
    found: Box | None = None
    for kind in path:
        found = next((box for box in boxes(source, start, end) if box[0] == kind), None)
        if found is None:
            return None
        start, end = found[1], min(found[2], end)
    return found


def read_iso(source: Source) -> Header:
    """A picture or a clip, by its brand."""
    brand = source.head[8:12]
    kind = PICTURES.get(brand)
    if kind:
        return _picture(source, kind)
    return _clip(source, "MOV" if brand == b"qt  " or source.head[4:8] != b"ftyp" else "MP4")


def _picture(source: Source, kind: str) -> Header:
    meta = _find(source, 0, source.size, b"meta")
    if meta is None:
        raise HeaderError("no meta box")
    start, end = meta[1] + 4, min(meta[2], source.size)
    store = _find(source, start, end, b"iprp", b"ipco")
    links = _find(source, start, end, b"iprp", b"ipma")
    primary = _find(source, start, end, b"pitm")
    if store is None or links is None or primary is None:
        raise HeaderError("the picture's properties are missing")
    raw = source.need(primary[1], 6)
    number = _big(raw[4:6]) if raw[0] == 0 else _big(source.need(primary[1] + 4, 4))
    properties = list(boxes(source, store[1], store[2]))
    mine = [properties[index - 1] for index in _links(source, links, number) if 0 < index <= len(properties)]
    width = height = 0
    channels, turn, mirror, bits, frames = 3, 0, None, 8, 2 if source.head[8:12] in (b"avis", b"msf1", b"hevc") else 1
    for name, at, _ in mine:
        if name == b"ispe":
            size = source.need(at + 4, 8)
            width, height = _big(size[:4]), _big(size[4:8])
        elif name == b"irot":
            turn = source.need(at, 1)[0] & 3
        elif name == b"imir":
            mirror = source.need(at, 1)[0] & 1
        elif name == b"pixi":
            channels, bits = source.need(at + 4, 2)
    if not width or not height:
        raise HeaderError("the picture states no size")
    alpha = any(name == b"auxC" and b"alpha" in source.at(at, min(64, stop - at)) for name, at, stop in properties)
    turned = _TURNS[turn, mirror] if mirror in (None, 1) else _TURNS[(turn + 2) % 4, 1]
    cut = any(stop > source.size for _, _, stop in boxes(source, 0, source.size))
    mode = ("L" if channels == 1 else "RGB") + ("A" if alpha else "")
    return Header(kind, width, height, frames, None, turned, mode, bits, alpha, cut=cut)


def _links(source: Source, box: Box, number: int) -> list[int]:
    """The 1-based properties of item `number`."""
    raw = source.need(box[1], min(box[2], source.size) - box[1]) if box[2] - box[1] < 1 << 20 else b""
    if len(raw) < 8:
        raise HeaderError("the picture's properties are cut")
    wide_item, wide_index = raw[0] > 0, bool(raw[3] & 1)
    at = 8
    for _ in range(min(_big(raw[4:8]), 10_000)):
        width = 4 if wide_item else 2
        item, count = _big(raw[at : at + width]), raw[at + width] if at + width < len(raw) else 0
        at += width + 1
        step = 2 if wide_index else 1
        if item == number:
            mask = 0x7FFF if wide_index else 0x7F
            return [_big(raw[at + i * step : at + (i + 1) * step]) & mask for i in range(count)]
        at += count * step
    return []


def _clip(source: Source, kind: str) -> Header:
    movie, cut = None, False
    for name, start, end in boxes(source, 0, source.size):
        cut |= end > source.size
        if name == b"moov":
            movie = (start, min(end, source.size))
    if movie is None:
        raise HeaderError("no index (moov) of the clip; its end is missing" if cut else "no index (moov) of the clip")
    for name, start, end in boxes(source, *movie):
        if name == b"trak":
            header = _track(source, start, end, kind, cut)
            if header:
                return header
    raise HeaderError("no video track")


def _track(source: Source, start: int, end: int, kind: str, cut: bool) -> Header | None:
    handler = _find(source, start, end, b"mdia", b"hdlr")
    if handler is None or source.need(handler[1] + 8, 4) != b"vide":
        return None
    clock = _find(source, start, end, b"mdia", b"mdhd")
    entry = _find(source, start, end, b"mdia", b"minf", b"stbl", b"stsd")
    sizes = _find(source, start, end, b"mdia", b"minf", b"stbl", b"stsz")
    place = _find(source, start, end, b"tkhd")
    if clock is None or entry is None:
        raise HeaderError("the video track has no description")
    wide = source.need(clock[1], 1)[0] == 1
    raw = source.need(clock[1] + (20 if wide else 12), 12 if wide else 8)
    rate, long = _big(raw[:4]), _big(raw[4:])
    size = source.need(entry[1] + 8 + 32, 4)
    frames = _big(source.need(sizes[1] + 8, 4)) if sizes else 0
    count, long = _durations(source, _find(source, start, end, b"mdia", b"minf", b"stbl", b"stts")) or (frames, long)
    fps = count * rate / long if count and rate and long else None
    return Header(
        kind, _big(size[:2]), _big(size[2:4]), frames, fps, _turn(source, place), cut=cut, problem="" if size != b"\0\0\0\0" else "no size"
    )


def _durations(source: Source, box: Box | None) -> tuple[int, int] | None:
    """Frames and their durations in ticks. The track's own duration also counts the delay of reordered frames."""
    if box is None:
        return None
    runs = _big(source.at(box[1] + 4, 4))
    if not 0 < runs <= _MAX_RUNS:
        return None
    raw = source.need(box[1] + 8, 8 * runs)
    pairs = [(_big(raw[at : at + 4]), _big(raw[at + 4 : at + 8])) for at in range(0, len(raw), 8)]
    return sum(count for count, _ in pairs), sum(count * ticks for count, ticks in pairs)


def _turn(source: Source, place: Box | None) -> int:
    if place is None:
        return 1
    at = place[1] + (52 if source.need(place[1], 1)[0] == 1 else 40)
    raw = source.need(at, 20)
    a, b, c, d = (int.from_bytes(raw[i : i + 4], "big", signed=True) for i in (0, 4, 12, 16))
    return _MATRIX.get((a >> 16, b >> 16, c >> 16, d >> 16), 1)


def read_jxl(source: Source) -> Header:
    """JPEG XL: the size alone (ISO/IEC 18181-1), from a bare codestream or a container."""
    at = 0
    if not source.head.startswith(b"\xff\x0a"):
        start = next(
            (at + (4 if kind == b"jxlp" else 0) for kind, at, _ in boxes(source, 0, source.size) if kind in (b"jxlc", b"jxlp")), None
        )
        if start is None:
            raise HeaderError("no JPEG XL codestream")
        at = start
    word = int.from_bytes(source.need(at + 2, 12), "little")

    def take(count: int) -> int:
        nonlocal word
        value = word & ((1 << count) - 1)
        word >>= count
        return value

    def side(small: int) -> int:
        return (take(5) + 1) * 8 if small else take((9, 13, 18, 30)[take(2)]) + 1

    small = take(1)
    height, ratio = side(small), take(3)
    shapes = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
    width = height * shapes[ratio][0] // shapes[ratio][1] if ratio else side(small)
    return Header("JXL", width, height)
