"""The header of a safetensors file, read without trust: what is in the file, where, and what is wrong with it.

Only the header is read, never the tensors. No byte of the file can make this crash, hang, or use more memory than the
limits below allow.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from math import prod
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from lorabridge.diagnostics import Diagnostic

LONGEST_HEADER = 64 << 20
"""Bytes. The reference implementation stops at 100 MB; 100,000 tensors need 12."""
MOST_PARTS = 1_500_000
"""JSON objects and arrays: three for each tensor."""
_MOST_TOLD = 5

BITS: dict[str, int] = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32, "C64": 64, "U64": 64, "I64": 64, "F64": 64,
}  # fmt: skip
"""The dtypes of safetensors 0.8 and the bits of one element."""

_STRANGERS = (
    (b"PK\x03\x04", "a zip archive, most likely a PyTorch pickle (.pt, .bin)"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"GGUF", "a GGUF file, made for drawing"),
    (b"version https://git-lfs", "a Git LFS pointer: the real file was never downloaded"),
    (b"<!DOCTYPE", "a web page: the download went wrong"),
    (b"<!doctype", "a web page: the download went wrong"),
    (b"<html", "a web page: the download went wrong"),
)


class Tensor(NamedTuple):
    """One tensor. `start` and `end` are byte positions in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def elements(self) -> int:
        """How many numbers."""
        return prod(self.shape)


@dataclass(slots=True)
class Header:
    """What a file says of itself. `tensors` are in file order; with `problems` of severity error they must not be read."""

    path: str
    size: int = 0
    length: int = 0
    tensors: dict[str, Tensor] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether the tensors can be read where the header says they are."""
        return not any(item.severity == "error" for item in self.problems)


def read_header(path: Path | str) -> Header:
    """The header of a file; reads 8 bytes and the header. What is wrong is in `problems`, also a file that is not there."""
    header = Header(str(path))
    try:
        with open(path, "rb") as file:
            header.size = os.fstat(file.fileno()).st_size
            first = file.read(8)
            header.length = int.from_bytes(first, "little") if len(first) == 8 else 0
            start = first + file.read(24)
            if not _plausible(header, start):
                return header
            raw = start[8 : 8 + header.length] + file.read(max(0, header.length - 24))
    except OSError as error:
        header.problems.append(_unreadable(header, error.strerror or str(error)))
        return header
    return parse(raw, header)


def parse_bytes(data: bytes, size: int | None = None) -> Header:
    """The header of a file whose beginning is at hand; `size` is that of the whole file."""
    header = Header("", len(data) if size is None else size)
    header.length = int.from_bytes(data[:8], "little") if len(data) >= 8 else 0
    return parse(data[8 : 8 + header.length], header) if _plausible(header, data[:32]) else header


def _plausible(header: Header, start: bytes) -> bool:
    """Whether a header of the stated length can follow; the finding is noted where not."""
    # The first bytes of a sound file are its header's length: 0x0280 is 640, and a pickle's magic too.
    stranger = "" if start[8:9] == b"{" else next((what for magic, what in _STRANGERS if start.startswith(magic)), "")
    if stranger:
        header.problems.append(_problem("LB801", f"is no safetensors file: it is {stranger}", header, fix="give a .safetensors file"))
    elif header.size < 8:
        header.problems.append(_cut(header, f"has {header.size} bytes"))
    elif start[8:9] not in (b"{", b""):
        fix = "give a .safetensors file"
        header.problems.append(_problem("LB801", "is no safetensors file: no header begins at byte 8", header, fix))
    elif header.length > LONGEST_HEADER:
        text = f"states a header of {header.length:,} bytes; {LONGEST_HEADER:,} are read at most"
        header.problems.append(_problem("LB802", text, header))
    elif header.length + 8 > header.size:
        header.problems.append(_cut(header, f"ends within the header: {header.size:,} of at least {header.length + 8:,} bytes"))
    else:
        return True
    return False


def parse(raw: bytes, header: Header) -> Header:
    """Read the JSON `raw` into `header`, whose `size` and `length` are known."""
    if len(raw) != header.length:
        header.problems.append(_cut(header, f"has {len(raw):,} of the {header.length:,} bytes of its header"))
        return header
    with no_collection():
        return _parse(raw, header)


@contextmanager
def no_collection() -> Iterator[None]:
    """Garbage collection off: it walks each of the many objects of a large header again and again, and finds no garbage."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _parse(raw: bytes, header: Header) -> Header:
    document = _json(raw, header)
    if document is None:
        return header
    metadata = document.pop("__metadata__", None)
    if isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values()):
        header.metadata = metadata
    elif metadata is not None:
        header.problems.append(_problem("LB802", "has metadata that is not a map of texts", header))
    wrong: dict[str, list[str]] = {}
    tensors = _all_at_once(document, 8 + header.length)
    if tensors is None:
        tensors = []
        for name, entry in document.items():
            try:
                tensors.append(_tensor(name, entry, 8 + header.length))
            except _WrongError as error:
                wrong.setdefault(error.code, []).append(str(error))
    for code, texts in wrong.items():
        header.problems += [_problem(code, text, header) for text in _few(texts)]
    tensors.sort(key=itemgetter(3, 4))
    header.tensors = dict(zip(map(itemgetter(0), tensors), tensors, strict=True))
    if not wrong:
        header.problems += _layout(header, tensors)
    return header


def _few(texts: list[str]) -> list[str]:
    more = len(texts) - _MOST_TOLD
    return texts[:_MOST_TOLD] + ([f"has {more:,} more of these"] if more > 0 else [])


def _json(raw: bytes, header: Header) -> dict[str, Any] | None:
    try:
        text = raw.decode("utf-8")
        if _too_many_parts(raw):
            raise ValueError(f"it has more than {MOST_PARTS:,} objects and arrays")
        document = json.loads(text, parse_constant=_constant)
        if not _each_once(raw, document):
            document = json.loads(text, object_pairs_hook=_once, parse_constant=_constant)
        if not isinstance(document, dict):
            raise ValueError("it is no object")
    except (ValueError, RecursionError, MemoryError) as error:
        why = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        header.problems.append(_problem("LB802", f"has a header that cannot be read: {why}", header))
        return None
    return document


def _too_many_parts(raw: bytes) -> bool:
    if raw.count(b"{") + raw.count(b"[") <= MOST_PARTS:
        return False
    import re

    outside = re.sub(rb'"(?:[^"\\]|\\.)*"', b"", raw)
    return outside.count(b"{") + outside.count(b"[") > MOST_PARTS


def _each_once(raw: bytes, document: Any) -> bool:
    """Whether it is certain that no key stands twice: every colon belongs to a key that is there, or to a text.

    Three times as fast as looking at the pairs. False where it is not certain, as with colons that are written as escapes.
    """
    if not isinstance(document, dict) or b"\\u003" in raw:
        return False
    stated = document.get("__metadata__", {})
    if set(map(type, document.values())) - {dict} or set(map(type, stated.values())) - {str}:
        return False
    texts = chain(document, stated, stated.values())
    keys = len(document) + sum(map(len, document.values()))
    return raw.count(b":") == keys + "".join(texts).count(":")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"`{next(name for name in names if names.count(name) > 1)[:100]}` stands twice in one object")
    return found


def _constant(word: str) -> Any:
    raise ValueError(f"it holds {word}, which is not JSON")


class _WrongError(Exception):
    """What is wrong with one tensor's description, and its code."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def _all_at_once(document: dict[str, Any], base: int) -> list[Tensor] | None:
    """All tensors; None where one of them is not as it should be: `_tensor` then says which, and why."""
    entries = list(document.values())
    if set(map(type, entries)) - {dict} or set(map(len, entries)) - {3}:
        return None
    try:
        dtypes, shapes, offsets = ([entry[key] for entry in entries] for key in ("dtype", "shape", "data_offsets"))
        bits = [BITS[dtype] for dtype in dtypes]
    except (KeyError, TypeError):
        return None
    if set(map(type, chain(shapes, offsets))) - {list} or set(map(len, offsets)) - {2} or max(map(len, shapes), default=0) > 32:
        return None
    numbers = [*chain.from_iterable(shapes), *chain.from_iterable(offsets)]
    if set(map(type, numbers)) - {int} or min(numbers, default=0) < 0 or max(numbers, default=0) >= 1 << 63:
        return None
    sizes = [end - start for start, end in offsets]
    if min(sizes, default=0) < 0 or [size * 8 for size in sizes] != [prod(shape) * one for shape, one in zip(shapes, bits, strict=True)]:
        return None
    new = tuple.__new__  # a third of the time of the class's own constructor
    return [
        new(Tensor, (name, dtype, tuple(shape), base + start, base + end))
        for name, dtype, shape, (start, end) in zip(document, dtypes, shapes, offsets, strict=True)
    ]


def _tensor(name: str, entry: Any, base: int) -> Tensor:
    """The tensor that an entry describes. Raises _WrongError."""
    if type(entry) is not dict or len(entry) != 3 or "dtype" not in entry or "shape" not in entry or "data_offsets" not in entry:
        raise _WrongError("LB802", f"describes `{name[:100]}` with other keys than dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if type(shape) is not list or type(offsets) is not list or len(offsets) != 2 or type(dtype) is not str:
        raise _WrongError("LB802", f"describes `{name[:100]}` with values of the wrong type")
    for number in (*shape, *offsets):
        if type(number) is not int or not 0 <= number < 1 << 63:
            raise _WrongError("LB802", f"has a size or position of `{name[:100]}` that is no whole number of 0 or more")
    if len(shape) > 32:
        raise _WrongError("LB802", f"gives `{name[:100]}` {len(shape):,} dimensions")
    bits = BITS.get(dtype)
    if bits is None:
        raise _WrongError("LB805", f"holds `{name[:100]}` in the unknown dtype `{dtype[:40]}`")
    start, end = offsets
    if end < start or (end - start) * 8 != prod(shape) * bits:
        raise _WrongError(
            "LB804", f"gives `{name[:100]}` {end - start:,} bytes; {dtype} {list(shape)!s:.100} takes {prod(shape) * bits / 8:,.10g}"
        )
    return Tensor(name, dtype, tuple(shape), base + start, base + end)


def _layout(header: Header, tensors: list[Tensor]) -> Iterator[Diagnostic]:
    """Overlaps, holes, a cut end, bytes that belong to nothing."""
    here, last, told = 8 + header.length, "", 0
    ends = [here, *map(itemgetter(4), tensors)]
    gapless = ends[:-1] == [*map(itemgetter(3), tensors)]
    here = ends[-1] if gapless else here
    for tensor in () if gapless else tensors:
        if tensor.start == here:
            here, last = tensor.end, tensor.name
            continue
        told += 1
        if told <= _MOST_TOLD:
            apart = abs(tensor.start - here)
            what = f"overlaps `{last[:100]}` by" if tensor.start < here else f"begins after a hole of {apart:,} bytes, not"
            yield _problem(
                "LB804", f"has a wrong layout: `{tensor.name[:100]}` {what} {apart if tensor.start < here else 0:,} bytes", header
            )
        here, last = max(here, tensor.end), tensor.name
    if here > header.size:
        yield _cut(header, f"has {header.size:,} of {here:,} bytes")
    elif here < header.size:
        yield _problem("LB804", f"has {header.size - here:,} bytes after the last tensor", header)
    if not tensors:
        yield _problem("LB806", "holds no tensors", header)


def _unreadable(header: Header, why: str) -> Diagnostic:
    return _problem("LB801", f"cannot be read: {why}", header)


def _cut(header: Header, text: str) -> Diagnostic:
    return _problem("LB803", f"is cut off: it {text}", header, fix="copy or download it again; look for a full disk in the trainer's log")


def _problem(code: str, text: str, header: Header, fix: str = "") -> Diagnostic:
    name = os.path.basename(header.path) or "the file"
    return Diagnostic(code, f"`{name}` {text}", fix=fix or "take an earlier checkpoint, or copy the file again from where it came")
