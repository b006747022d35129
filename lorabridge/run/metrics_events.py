"""TensorBoard event files, read and written: TFRecords with checksums around a few protobuf fields.

Only scalars are read; pictures, histograms and texts are passed over. No library is used: tensorboard and tbparse bring
tensorflow's protobufs or pandas, for forty lines of format. Format: tensorflow/core/lib/io/record_writer.h, util/event.proto.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

_LONGEST = 1 << 16
"""A record that holds scalars is smaller; longer ones (pictures) are passed over, unread."""
_LIMIT = 1 << 31
_FLOAT, _DOUBLE, _BYTES, _VARINT = 5, 1, 2, 0


class DamagedError(ValueError):
    """The file is no event file, or it is damaged at `offset` (bytes)."""

    def __init__(self, offset: int, why: str) -> None:
        super().__init__(why)
        self.offset = offset
        self.why = why


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value of one curve. `time` is Unix seconds."""

    step: int
    tag: str
    value: float
    time: float


def _table() -> tuple[int, ...]:
    rows = []
    for index in range(256):
        value = index
        for _ in range(8):
            value = (value >> 1) ^ 0x82F63B78 if value & 1 else value >> 1
        rows.append(value)
    return tuple(rows)


_CRC = _table()


def masked_crc(data: bytes) -> int:
    """CRC-32C as TFRecords store it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def is_event_file(head: bytes) -> bool:
    """Whether a file begins with a record."""
    return len(head) >= 12 and struct.unpack_from("<Q", head)[0] < _LIMIT and masked_crc(head[:8]) == struct.unpack_from("<I", head, 8)[0]


def read_scalars(file: BinaryIO) -> Iterator[Scalar]:
    """The scalars in the order of the file. A record that the writer has not finished ends it; damage raises DamagedError."""
    offset = 0
    while len(head := file.read(12)) == 12:
        length, check = struct.unpack("<QI", head)
        if masked_crc(head[:8]) != check or length > _LIMIT:
            raise DamagedError(offset, "the length of a record does not fit its checksum")
        if length > _LONGEST:
            file.seek(length + 4, os.SEEK_CUR)
        else:
            data, tail = file.read(length), file.read(4)
            if len(tail) < 4:
                return
            if masked_crc(data) != struct.unpack("<I", tail)[0]:
                raise DamagedError(offset, "a record does not fit its checksum")
            try:
                yield from _event(data)
            except (ValueError, struct.error, IndexError) as error:
                raise DamagedError(offset, "a record is not what TensorBoard writes") from error
        offset += length + 16


def _event(data: bytes) -> Iterator[Scalar]:
    when, step, summary = 0.0, 0, b""
    for field, kind, value in _fields(data):
        if field == 1 and kind == _DOUBLE:
            when = struct.unpack("<d", value)[0]
        elif field == 2 and kind == _VARINT:
            step = int.from_bytes(value, "little")
            step -= (step >> 63) << 64
        elif field == 5 and kind == _BYTES:
            summary = value
    for field, kind, item in _fields(summary):
        if field == 1 and kind == _BYTES:
            tag, number = _value(item)
            if tag is not None and number is not None:
                yield Scalar(step, tag, number, when)


def _value(data: bytes) -> tuple[str | None, float | None]:
    tag, number = None, None
    for field, kind, value in _fields(data):
        if field == 1 and kind == _BYTES:
            tag = value.decode("utf-8", "replace")
        elif field == 2 and kind == _FLOAT:
            number = float(struct.unpack("<f", value)[0])
        elif field == 8 and kind == _BYTES:
            number = _tensor(value) if number is None else number
    return tag, number


def _tensor(data: bytes) -> float | None:
    """A tensor of one number: packed or plain floats and doubles, or its bytes."""
    kind_of = 1
    for field, kind, value in _fields(data):
        if field == 1 and kind == _VARINT:
            kind_of = int.from_bytes(value, "little")
        elif field == 5 and len(value) == 4:
            return float(struct.unpack("<f", value)[0])
        elif field == 6 and len(value) == 8:
            return float(struct.unpack("<d", value)[0])
        elif field == 4 and kind == _BYTES and len(value) in (4, 8):
            return float(struct.unpack("<f" if kind_of == 1 else "<d", value)[0]) if kind_of in (1, 2) else None
    return None


def _fields(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Number, wire type and bytes of each field."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, kind, value.to_bytes(10, "little")
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FLOAT, _DOUBLE):
            size = 4 if kind == _FLOAT else 8
        else:
            raise ValueError("a wire type that is not used")
        if at + size > len(data):
            raise ValueError("a field longer than its record")
        yield key >> 3, kind, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        if shift > 63:
            raise ValueError("a number too long")


class EventWriter:
    """Writes an event file in `folder` that TensorBoard shows. Use as a context manager."""

    def __init__(self, folder: Path, when: float | None = None) -> None:
        """Raises OSError when the folder cannot be made or written."""
        began = time.time() if when is None else when
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"events.out.tfevents.{int(began)}.lorabridge"
        self._file = self.path.open("wb")
        self._record(_double(1, began) + _bytes(3, b"brain.Event:2"))

    def write(self, scalars: Iterable[Scalar]) -> None:
        """Append scalars, one record each."""
        for scalar in scalars:
            value = _bytes(1, scalar.tag.encode()) + b"\x15" + struct.pack("<f", scalar.value)
            self._record(_double(1, scalar.time) + b"\x10" + _packed(scalar.step) + _bytes(5, _bytes(1, value)))

    def _record(self, data: bytes) -> None:
        head = struct.pack("<Q", len(data))
        self._file.write(head + struct.pack("<I", masked_crc(head)) + data + struct.pack("<I", masked_crc(data)))

    def __enter__(self) -> EventWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()


def _packed(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _double(field: int, value: float) -> bytes:
    return bytes([field << 3 | _DOUBLE]) + struct.pack("<d", value)


def _bytes(field: int, data: bytes) -> bytes:
    return bytes([field << 3 | _BYTES]) + _packed(len(data)) + data
