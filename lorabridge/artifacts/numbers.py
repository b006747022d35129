"""Elements of every dtype as numpy numbers and back. bf16 and fp8 by bit patterns and tables; no other library.

numpy is imported when a function is called: listing and checking headers must not pay for it.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PLAIN = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8", "I64": "<i8",
    "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip
"""dtypes that numpy has."""

_FP8 = {"F8_E4M3": (4, 3, 7), "F8_E5M2": (5, 2, 15), "F8_E4M3FNUZ": (4, 3, 8), "F8_E5M2FNUZ": (5, 2, 16)}
"""Exponent bits, mantissa bits, bias."""

FLOATS = frozenset({"F16", "BF16", "F32", "F64", *_FP8, "F8_E8M0"})
"""dtypes whose elements can be decoded to floats here."""

FRIENDLY = {
    "F32": "fp32", "F16": "fp16", "BF16": "bf16", "F64": "fp64", "F8_E4M3": "fp8 (e4m3)", "F8_E5M2": "fp8 (e5m2)",
    "U8": "uint8", "I8": "int8", "I64": "int64", "I32": "int32", "BOOL": "bool",
}  # fmt: skip
"""dtypes as the language and people write them."""


def decode(raw: Any, dtype: str) -> NDArray[Any]:
    """A buffer as numbers: float32 for bf16 and fp8, else numpy's own type. Flat.

    Raises ValueError for dtypes that are smaller than a byte.
    """
    import numpy as np

    if dtype in PLAIN:
        return np.frombuffer(raw, PLAIN[dtype])
    if dtype == "BF16":
        return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
    if dtype in _FP8 or dtype == "F8_E8M0":
        return fp8_values(dtype)[np.frombuffer(raw, np.uint8)]
    raise ValueError(f"elements of {dtype} cannot be decoded here")


def encode(values: Any, dtype: str) -> bytes:
    """Numbers as bytes of `dtype`, rounded to nearest, ties to even.

    What is too large becomes infinite or NaN as in torch 2.13; F8_E4M3, which has no infinity, then holds its largest number,
    and NaN for infinity itself.

    Raises ValueError for dtypes that cannot be written here.
    """
    import numpy as np

    array = np.ascontiguousarray(values)
    if dtype in PLAIN:
        return bytes(array.astype(PLAIN[dtype]).tobytes())
    if dtype == "BF16":
        return bytes(_bf16(array.astype(np.float32)).tobytes())
    if dtype in _FP8:
        return bytes(_to_fp8(array.astype(np.float32).ravel(), dtype).tobytes())
    raise ValueError(f"elements of {dtype} cannot be written here")


def _bf16(array: NDArray[np.float32]) -> NDArray[np.uint16]:
    import numpy as np

    bits = array.view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(array), ((bits >> 16) | 0x40) & 0xFFFF, rounded).astype("<u2")


def _to_fp8(array: NDArray[np.float32], dtype: str) -> NDArray[np.uint8]:
    """The nearest of the table's values. A midpoint goes to the even code, which is the even mantissa."""
    import numpy as np

    codes: NDArray[np.uint8] = np.arange(128, dtype=np.uint8)
    table = fp8_values(dtype)[:128]
    finite = np.isfinite(table)
    values, codes = table[finite].astype(np.float64), codes[finite]
    size = np.abs(array.astype(np.float64))
    above = np.searchsorted(values, size).clip(1, len(values) - 1)
    low, high = size - values[above - 1], values[above] - size
    pick = np.where((high < low) | ((high == low) & (codes[above] % 2 == 0)), above, above - 1)
    found = codes[pick]
    step = values[-1] - values[-2]
    nan = {"F8_E4M3": 0x7F, "F8_E5M2": 0x7F}.get(dtype, 0x80)
    over = size > values[-1] + step / 2 if values[-1] % (2 * step) == 0 else size >= values[-1] + step / 2
    found = np.where(over, {"F8_E5M2": 0x7C, "F8_E4M3": 0x7E}.get(dtype, nan), found)
    found = np.where(np.isinf(array) & (dtype == "F8_E4M3"), nan, found)
    zero = dtype.endswith("FNUZ") & (found == 0)
    signed = np.where(np.signbit(array) & ~zero & (found != 0x80), found | 0x80, found)
    return np.where(np.isnan(array), nan, signed).astype(np.uint8)


@cache
def fp8_values(dtype: str) -> NDArray[np.float32]:
    """The 256 values of an 8-bit float."""
    import numpy as np

    return np.array([_fp8_value(code, dtype) for code in range(256)], dtype=np.float32)


def _fp8_value(code: int, dtype: str) -> float:
    if dtype == "F8_E8M0":
        return float("nan") if code == 255 else 2.0 ** (code - 127)
    exponent_bits, mantissa_bits, bias = _FP8[dtype]
    sign = -1.0 if code & 0x80 else 1.0
    exponent, mantissa = (code & 0x7F) >> mantissa_bits, code & ((1 << mantissa_bits) - 1)
    if dtype.endswith("FNUZ"):
        if code == 0x80:
            return float("nan")
    elif dtype == "F8_E4M3" and code & 0x7F == 0x7F:
        return float("nan")
    elif dtype == "F8_E5M2" and exponent == (1 << exponent_bits) - 1:
        return float("nan") if mantissa else sign * float("inf")
    fraction = mantissa / (1 << mantissa_bits)
    return float(sign * (fraction * 2.0 ** (1 - bias) if exponent == 0 else (1 + fraction) * 2.0 ** (exponent - bias)))


_SCALARS = {
    "F16": "<e",
    "F32": "<f",
    "F64": "<d",
    "I8": "<b",
    "U8": "<B",
    "I16": "<h",
    "U16": "<H",
    "I32": "<i",
    "U32": "<I",
    "I64": "<q",
    "U64": "<Q",
}


def scalar(raw: bytes, dtype: str) -> float | None:
    """One number, without numpy: alphas are read with this. None where the dtype has no such reading."""
    try:
        if dtype == "BF16":
            return float(struct.unpack("<f", b"\0\0" + raw[:2])[0])
        if dtype in _FP8:
            return _fp8_value(raw[0], dtype)
        return float(struct.unpack_from(_SCALARS[dtype], raw)[0])
    except (KeyError, struct.error, IndexError):
        return None
