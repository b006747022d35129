"""Tensors read from a file whose header is sound: single ones, or all of them in one bounded pass.

Files are read, not mapped: a mapped file that its trainer rewrites or cuts while it is looked at kills the process with
a bus error, and mapped pages count as resident. Reads of a few MiB are as fast from the page cache.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from lorabridge.artifacts.header import Header, Tensor
from lorabridge.artifacts.numbers import decode, scalar

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 2 << 20
"""Bytes read at a time: small enough for the checks to find it in a cache, large enough to hide the calls."""


_NEAR = 4096
"""Bytes read around a single number."""


class CutError(OSError):
    """The file ended before the tensor did: it was cut after its header had been read."""


class Reader:
    """Random access to the tensors of one file."""

    def __init__(self, path: Path | str) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115  (closed by __exit__)

    def into(self, start: int, buffer: memoryview) -> None:
        """Fill the buffer from a position. Raises CutError."""
        self._file.seek(start)
        while buffer:
            count = self._file.readinto(buffer)
            if not count:
                raise CutError(f"the file ends at byte {self._file.tell():,}")
            buffer = buffer[count:]

    def raw(self, tensor: Tensor) -> bytearray:
        """The bytes of a tensor."""
        data = bytearray(tensor.end - tensor.start)
        self.into(tensor.start, memoryview(data))
        return data

    def array(self, tensor: Tensor) -> NDArray[Any]:
        """A tensor as numbers, in its shape (see `numbers.decode`)."""
        return decode(self.raw(tensor), tensor.dtype).reshape(tensor.shape)

    def scalars(self, tensors: Sequence[Tensor]) -> list[float | None]:
        """The values of tensors with one element; those that lie close together are read together. Raises CutError."""
        found: list[float | None] = []
        begin, near = 0, b""
        for tensor in tensors:
            if tensor.elements != 1:
                found.append(None)
                continue
            if not begin <= tensor.start <= tensor.end <= begin + len(near):
                begin, near = tensor.start, self._near(tensor)
            found.append(scalar(near[tensor.start - begin : tensor.end - begin], tensor.dtype))
        return found

    def _near(self, tensor: Tensor) -> bytes:
        self._file.seek(tensor.start)
        data = self._file.read(_NEAR)
        if len(data) < tensor.end - tensor.start:
            raise CutError(f"the file ends at byte {tensor.start + len(data):,}")
        return data

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()


@dataclass(slots=True)
class Look:
    """What one pass over a tensor found. `checked` is False for dtypes that cannot be decoded: only zeros are known."""

    finite: bool = True
    zero: bool = True
    checked: bool = True


class _Piece(NamedTuple):
    """A stretch of the file and the parts of tensors in it: index, start and end within the stretch."""

    start: int
    end: int
    parts: list[tuple[int, int, int]]


_EXPONENTS: dict[str, tuple[str, int]] = {
    "F16": ("2", 0x7C00), "BF16": ("2", 0x7F80), "F32": ("4", 0x7F800000), "F64": ("8", 0x7FF0000000000000),
    "F8_E5M2": ("1", 0x7C), "F8_E4M3": ("1", 0x7F),
}  # fmt: skip
"""Element size and the smallest bit pattern that is no finite number."""


def look(path: Path | str, header: Header, tensors: Sequence[Tensor] | None = None, workers: int | None = None) -> list[Look]:
    """Whether each tensor is finite and whether it is all zero, in one pass; memory is `workers` times CHUNK.

    Raises CutError when the file is cut meanwhile, OSError when it cannot be read.
    """
    import numpy as np

    chosen = list(header.tensors.values()) if tensors is None else list(tensors)
    found = [Look() for _ in chosen]
    checks = [checker(tensor.dtype) for tensor in chosen]
    pieces = list(_pieces(chosen))
    count = max(1, min(workers or os.cpu_count() or 1, 4, len(pieces)))

    def work(first: int) -> None:
        memory = memoryview(bytearray(CHUNK))
        buffer = np.frombuffer(memory, np.uint8)
        with Reader(path) as reader:
            for piece in pieces[first::count]:
                reader.into(piece.start, memory[: piece.end - piece.start])
                for index, start, end in piece.parts:
                    checks[index](buffer[start:end], found[index])

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))
    return found


def _pieces(tensors: Sequence[Tensor]) -> Iterator[_Piece]:
    """The tensors cut at CHUNK bytes, small neighbours put together."""
    order = sorted(range(len(tensors)), key=lambda index: tensors[index].start)
    start = end = 0
    parts: list[tuple[int, int, int]] = []
    for index in order:
        tensor, here = tensors[index], tensors[index].start
        while here < tensor.end:
            if parts and (here != end or end - start >= CHUNK):
                yield _Piece(start, end, parts)
                parts = []
            if not parts:
                start = end = here
            stop = min(tensor.end, start + CHUNK)
            parts.append((index, here - start, stop - start))
            here = end = stop
    if parts:
        yield _Piece(start, end, parts)


def checker(dtype: str) -> Callable[[NDArray[Any], Look], None]:
    """The function that looks at a stretch of bytes of this dtype."""
    if dtype in _EXPONENTS:
        size, limit = _EXPONENTS[dtype]
        return lambda data, result: _float(data, result, size, limit)
    if dtype in ("F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0"):
        nan = 0xFF if dtype == "F8_E8M0" else 0x80
        return lambda data, result: _with_nan(data, result, nan)
    return _other if dtype == "C64" or dtype[0] in "IUB" else _unknown


def _float(data: NDArray[Any], result: Look, size: str, limit: int) -> None:
    """Two maxima say it all: as signed integers the largest positive number, as unsigned ones the largest negative.

    Bit patterns of floats order like their magnitudes, with infinity and NaN on top; no float is ever computed.
    """
    sign = 1 << (8 * int(size) - 1)
    signed, unsigned = int(data.view("<i" + size).max()), int(data.view("<u" + size).max())
    if signed >= limit or unsigned >= sign + limit:
        result.finite = False
    if signed > 0 or unsigned > sign:
        result.zero = False


def _with_nan(data: NDArray[Any], result: Look, nan: int) -> None:
    if (data == nan).any():
        result.finite = False
    result.zero = result.zero and not (data != 0).any()


def _other(data: NDArray[Any], result: Look) -> None:
    result.zero = result.zero and not data.any()


def _unknown(data: NDArray[Any], result: Look) -> None:
    result.checked = False
    _other(data, result)
