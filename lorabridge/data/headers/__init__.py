"""Headers of pictures and clips, read by position and without decoding: size, orientation, mode, depth, frames, and whether the end is there.

Own readers, since none of the small libraries tells EXIF orientation, alpha, depth, CMYK and truncation together (docs/data.md), and
Pillow, which tells most of it, is no dependency of the core.
"""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Callable

from lorabridge.data.headers.boxes import read_iso, read_jxl
from lorabridge.data.headers.clips import read_avi, read_matroska
from lorabridge.data.headers.jpeg import read_jpeg
from lorabridge.data.headers.raster import read_bmp, read_gif, read_png, read_webp
from lorabridge.data.headers.source import HEAD, TAIL, HeaderError, Source
from lorabridge.data.headers.tiff import read_tiff
from lorabridge.data.items import Header

__all__ = ["HEAD", "TAIL", "header_of", "parse", "read_header"]

Reader = Callable[[Source], Header]
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
"""Not blocking: a FIFO that takes a file's place between listing and opening must not stop the scan."""
_MOVIE_ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")

_MARKS: tuple[tuple[bytes, Reader], ...] = (
    (b"GIF87a", read_gif),
    (b"GIF89a", read_gif),
    (b"BM", read_bmp),
    (b"II*\0", read_tiff),
    (b"MM\0*", read_tiff),
    (b"II+\0", read_tiff),
    (b"MM\0+", read_tiff),
    (b"\x1aE\xdf\xa3", read_matroska),
    (b"\xff\x0a", read_jxl),
    (b"\0\0\0\x0cJXL ", read_jxl),
)


def _reader(head: bytes) -> Reader | None:
    if head.startswith(b"\xff\xd8"):
        return read_jpeg
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return read_png
    if head[:4] == b"RIFF":
        return {b"WEBP": read_webp, b"AVI ": read_avi}.get(head[8:12])
    if head[4:8] == b"ftyp" or head[4:8] in _MOVIE_ATOMS:
        return read_iso
    return next((reader for mark, reader in _MARKS if head.startswith(mark)), None)


def parse(source: Source) -> Header:
    """The header of a file's bytes. Never raises: what is wrong is `problem`; an unknown kind has an empty `format`."""
    reader = _reader(source.head)
    if reader is None:
        return Header(problem="empty file" if not source.size else "neither a picture nor a clip of a known kind", frames=0)
    try:
        return reader(source)
    except (HeaderError, IndexError, ValueError, OverflowError) as error:
        return Header(
            reader.__name__.removeprefix("read_").upper(), problem=str(error) if isinstance(error, HeaderError) else "the header is broken"
        )


def header_of(data: bytes) -> Header:
    """The header of a file that is in memory."""
    return parse(Source(data, data[-TAIL:], len(data)))


def read_header(path: str) -> tuple[os.stat_result, Header, int]:
    """Open, stat, read the first and last bytes, parse. The number is a checksum of those bytes. Links are followed.

    Raises OSError; a file that is not regular raises it too (errno EINVAL), without having been read.
    """
    handle = os.open(path, _FLAGS)
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(22, "not a regular file")
        head = os.read(handle, HEAD)
        size = facts.st_size
        source = Source(head, head[-TAIL:], size, handle)
        if size > len(head):
            source.tail = source.at(size - TAIL, TAIL)
        return facts, parse(source), zlib.crc32(source.tail, zlib.crc32(head))
    finally:
        os.close(handle)
