"""Matroska, WebM and AVI headers (RFC 9559; AVIMAINHEADER)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from lorabridge.data.headers.source import HeaderError, Source
from lorabridge.data.items import Header

_SEGMENT, _INFO, _TRACKS, _CLUSTER = 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
_SCALE, _DURATION, _ENTRY, _KIND, _VIDEO = 0x2AD7B1, 0x4489, 0xAE, 0x83, 0xE0
_WIDTH, _HEIGHT, _FRAME_NS = 0xB0, 0xBA, 0x23E383
_MAX_ELEMENTS = 300


def _vint(raw: bytes, at: int, keep: bool) -> tuple[int, int]:
    """A number of variable length and the bytes it takes; `keep` leaves the length mark in (element ids)."""
    first = raw[at] if at < len(raw) else 0
    length = 9 - first.bit_length()
    if first == 0 or at + length > len(raw):
        raise HeaderError("a broken EBML number")
    value = int.from_bytes(raw[at : at + length], "big")
    return (value if keep else value & ((1 << (7 * length)) - 1)), length


def _elements(source: Source, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    at = start
    for _ in range(_MAX_ELEMENTS):
        if at >= end:
            return
        raw = source.at(at, 12)
        if len(raw) < 2:
            return
        kind, lead = _vint(raw, 0, True)
        size, more = _vint(raw, lead, False)
        at += lead + more
        unknown = size == (1 << (7 * more)) - 1
        yield kind, at, end if unknown else at + size
        at = end if unknown else at + size


def _number(source: Source, start: int, end: int) -> int:
    return int.from_bytes(source.need(start, min(8, max(0, end - start))), "big")


def read_matroska(source: Source) -> Header:
    """Size and rate of the first video track. The frames follow from duration and rate: the header does not count them."""
    segment = next(((start, end) for kind, start, end in _elements(source, 0, source.size) if kind == _SEGMENT), None)
    if segment is None:
        raise HeaderError("no Matroska segment")
    scale, duration, track, cut = 1_000_000, 0.0, None, segment[1] > source.size
    for kind, start, end in _elements(source, segment[0], min(segment[1], source.size)):
        if kind == _INFO:
            for inner, at, stop in _elements(source, start, end):
                if inner == _SCALE:
                    scale = _number(source, at, stop)
                elif inner == _DURATION:
                    raw = source.need(at, min(8, max(0, stop - at)))
                    duration = struct.unpack(">f" if len(raw) == 4 else ">d", raw)[0] if len(raw) in (4, 8) else 0.0
        elif kind == _TRACKS:
            track = next(
                (found for inner, at, stop in _elements(source, start, end) if inner == _ENTRY and (found := _track(source, at, stop))),
                None,
            )
        elif kind == _CLUSTER:
            break
    if track is None:
        raise HeaderError("no video track")
    width, height, nanoseconds = track
    seconds = duration * scale / 1e9 if 0 < duration < 1e15 else 0.0
    fps = 1e9 / nanoseconds if nanoseconds else None
    frames = round(seconds * fps) if fps and seconds else 0
    doctype = "WEBM" if b"webm" in source.head[:64] else "MKV"
    return Header(doctype, width, height, frames, fps, estimated=True, cut=cut, problem="" if width and height else "no size")


def _track(source: Source, start: int, end: int) -> tuple[int, int, int] | None:
    kind = width = height = nanoseconds = 0
    for inner, at, stop in _elements(source, start, end):
        if inner == _KIND:
            kind = _number(source, at, stop)
        elif inner == _FRAME_NS:
            nanoseconds = _number(source, at, stop)
        elif inner == _VIDEO:
            for name, here, there in _elements(source, at, stop):
                if name == _WIDTH:
                    width = _number(source, here, there)
                elif name == _HEIGHT:
                    height = _number(source, here, there)
    return (width, height, nanoseconds) if kind == 1 else None


def read_avi(source: Source) -> Header:
    """The main header and the first video stream's."""
    head = source.need(0, 24)
    cut = int.from_bytes(head[4:8], "little") + 8 > source.size
    if head[12:16] != b"LIST" or head[20:24] != b"hdrl":
        raise HeaderError("no AVI header list")
    raw = source.need(24, 64)
    if raw[:4] != b"avih":
        raise HeaderError("no AVI main header")
    micro, frames, width, height = (int.from_bytes(raw[8 + i : 12 + i], "little") for i in (0, 16, 32, 36))
    fps = 1e6 / micro if micro else None
    block = source.at(24, min(int.from_bytes(head[16:20], "little"), 65_536))
    stream = block.find(b"strh")
    while stream >= 0 and block[stream + 8 : stream + 12] != b"vids":
        stream = block.find(b"strh", stream + 4)
    if stream >= 0 and len(block) >= stream + 44:
        scale, rate, _, length = (int.from_bytes(block[stream + 28 + i : stream + 32 + i], "little") for i in (0, 4, 8, 12))
        fps = rate / scale if scale and rate else fps
        frames = length or frames
    total = block.find(b"dmlh")
    if total >= 0 and len(block) >= total + 12:
        frames = int.from_bytes(block[total + 8 : total + 12], "little") or frames
    return Header("AVI", width, height, frames, fps, cut=cut, problem="" if width and height else "no size")
