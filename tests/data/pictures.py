"""Small files of every kind that the header readers know, made by hand: no Pillow needed, and every field can be set wrong."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *, colour: int = 2, bits: int = 8, extra: bytes = b"", seed: int = 0) -> bytes:
    """A PNG; its pixels are real for 8 bits (rows of one changing byte), so Pillow can decode it."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = b"\0" + bytes((x * 7 + seed) % 251 for x in range((width * samples * bits + 7) // 8))
    palette = chunk(b"PLTE", bytes(range(256)) * 3) if colour == 3 else b""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(row * height, 1))
    return b"\x89PNG\r\n\x1a\n" + header + palette + extra + body + chunk(b"tEXt", b"seed\0" + str(seed).encode()) + chunk(b"IEND", b"")


def exif(orientation: int, order: str = ">") -> bytes:
    """An EXIF block (without the `Exif` mark) that states an orientation."""
    mark = b"MM\0*" if order == ">" else b"II*\0"
    return mark + struct.pack(order + "IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)


def jpeg(width: int, height: int, *, turned: int = 0, parts: int = 3, before: bytes = b"", seed: int = 0) -> bytes:
    """JPEG markers around pixels that nobody decodes."""
    block = b"Exif\0\0" + exif(turned)
    app1 = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block if turned else b""
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 8 + 3 * parts, 8, height, width, parts) + bytes(3 * parts)
    scan = b"\xff\xda" + struct.pack(">HB", 6 + 2 * parts, parts) + bytes(2 * parts + 3)
    return b"\xff\xd8" + app1 + before + frame + scan + b"pixels %d" % seed + b"\0" * 200 + b"\xff\xd9"


def gif(width: int, height: int, frames: int = 1, *, clear: bool = False) -> bytes:
    control = b"\x21\xf9\x04" + bytes([1 if clear else 0]) + b"\0\0\0\0"
    picture = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02" + b"\x02\x4c\x01\0"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + (control + picture) * frames + b"\x3b"


def bmp(width: int, height: int, bits: int = 24) -> bytes:
    pixels = bytes((width * bits + 31) // 32 * 4 * height)
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, len(pixels), 0, 0, 0, 0)
    start = 14 + 40 + (4 * 2**bits if bits <= 8 else 0)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + head + bytes(start - 54) + pixels


def webp(width: int, height: int, *, alpha: bool = False, frames: int = 1, turned: int = 0, kind: str = "X") -> bytes:
    if kind == "L":
        word = (width - 1) | (height - 1) << 14 | (1 << 28 if alpha else 0)
        body = b"VP8L" + struct.pack("<I", 12) + b"\x2f" + struct.pack("<I", word) + bytes(7)
    elif kind == "Y":
        body = b"VP8 " + struct.pack("<I", 16) + bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(6)
    else:
        flags = (16 if alpha else 0) | (2 if frames > 1 else 0) | (8 if turned else 0)
        sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        body = b"VP8X" + struct.pack("<I", 10) + bytes([flags, 0, 0, 0]) + sides + b"VP8 " + struct.pack("<I", 8) + bytes(8)
        body += (b"EXIF" + struct.pack("<I", 26) + exif(turned)) if turned else b""
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def tiff(width: int, height: int, *, photometric: int = 2, bits: int = 8, turned: int = 1, order: str = "<") -> bytes:
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, bits),
        (262, 3, photometric),
        (273, 4, 200),
        (274, 3, turned),
        (277, 3, 1),
        (279, 4, 50),
    ]
    body = struct.pack(order + "H", len(tags))
    for tag, form, value in tags:
        body += struct.pack(order + "HHI", tag, form, 1) + (
            struct.pack(order + "HH", value, 0) if form == 3 else struct.pack(order + "I", value)
        )
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8) + body + bytes(4)
    return head + bytes(250 - len(head))


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def avif(width: int, height: int, *, turn: int = 0, alpha: bool = False, bits: int = 8, brand: bytes = b"avif") -> bytes:
    properties = [box(b"ispe", bytes(4), struct.pack(">II", width, height)), box(b"pixi", bytes(4), bytes([3, bits, bits, bits]))]
    properties += [box(b"irot", bytes([turn]))] if turn else []
    properties += [box(b"auxC", bytes(4), b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")] if alpha else []
    links = bytes(range(1, 3 + bool(turn)))
    ipma = box(b"ipma", bytes(4), struct.pack(">IHB", 1, 1, len(links)), links)
    meta = box(b"meta", bytes(4), box(b"pitm", bytes(4), b"\0\1"), box(b"iprp", box(b"ipco", *properties), ipma))
    return box(b"ftyp", brand, bytes(4), b"mif1") + meta + box(b"mdat", bytes(40))


def mp4(width: int, height: int, frames: int, fps: float = 24.0, *, turn: int = 0, late: bool = False) -> bytes:
    rate = 24_000
    clock = box(b"mdhd", bytes(12), struct.pack(">II", rate, round(frames * rate / fps)), bytes(4))
    handler = box(b"hdlr", bytes(8), b"vide", bytes(12))
    entry = box(b"stsd", bytes(4), struct.pack(">I", 1), box(b"avc1", bytes(24), struct.pack(">HH", width, height), bytes(50)))
    sizes = box(b"stsz", bytes(8), struct.pack(">I", frames))
    matrix = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0)}[turn]
    a, b, c, d = (value << 16 for value in matrix)
    place = box(b"tkhd", bytes(40), struct.pack(">iiiiiiiii", a, b, 0, c, d, 0, 0, 0, 1 << 30), bytes(8))
    track = box(b"trak", place, box(b"mdia", clock, handler, box(b"minf", box(b"stbl", entry, sizes))))
    sound = box(b"trak", box(b"mdia", box(b"hdlr", bytes(8), b"soun", bytes(12))))
    moov, mdat = box(b"moov", box(b"mvhd", bytes(100)), sound, track), box(b"mdat", bytes(9000))
    return box(b"ftyp", b"isom", bytes(4)) + (mdat + moov if late else moov + mdat)


def element(kind: int, data: bytes) -> bytes:
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big") + (len(data) | 1 << 56).to_bytes(8, "big") + data


def mkv(width: int, height: int, frames: int, fps: float = 24.0, doctype: bytes = b"matroska") -> bytes:
    video = element(0xE0, element(0xB0, width.to_bytes(2, "big")) + element(0xBA, height.to_bytes(2, "big")))
    entry = element(0xAE, element(0x83, b"\1") + element(0x23E383, round(1e9 / fps).to_bytes(4, "big")) + video)
    info = element(0x1549A966, element(0x2AD7B1, (1_000_000).to_bytes(4, "big")) + element(0x4489, struct.pack(">d", frames / fps * 1000)))
    body = info + element(0x1654AE6B, entry) + element(0x1F43B675, bytes(100))
    return element(0x1A45DFA3, element(0x4282, doctype)) + element(0x18538067, body)


def avi(width: int, height: int, frames: int, fps: int = 24) -> bytes:
    main = (
        b"avih" + struct.pack("<I", 56) + struct.pack("<IIIIIIIIII", 1_000_000 // fps, 0, 0, 0, frames, 0, 1, 0, width, height) + bytes(16)
    )
    head = b"vids" + b"H264" + struct.pack("<IHHIIIII", 0, 0, 0, 0, 1, fps, 0, frames) + bytes(20)
    stream = b"strh" + struct.pack("<I", len(head)) + head
    inner = b"LIST" + struct.pack("<I", len(stream) + 4) + b"strl" + stream
    body = b"AVI " + b"LIST" + struct.pack("<I", len(main) + len(inner) + 4) + b"hdrl" + main + inner + b"LIST\4\0\0\0movi"
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jxl(width: int, height: int) -> bytes:
    """A bare codestream whose sides take the 9- or 13-bit form."""
    word, place = 0, 1

    def put(value: int, count: int) -> None:
        nonlocal word, place
        word |= value << place
        place += count

    for side in (height, width):
        put(1, 2)
        put(side - 1, 13)
        if side is height:
            put(0, 3)
    return b"\xff\x0a" + word.to_bytes(20, "little")


def fill(folder: Path, files: dict[str, bytes | str]) -> Path:
    """Write files below a folder, texts as UTF-8."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def clean(folder: Path, count: int = 24, side: int = 1024, word: str = "ohwx") -> Path:
    """A dataset without a defect."""
    return fill(
        folder,
        {f"p{at:02}.jpg": jpeg(side, side, seed=at) for at in range(count)}
        | {f"p{at:02}.txt": f"{word} on a beach, picture {at}\n" for at in range(count)},
    )
