"""bf16 and fp8 by hand: known values, every code there and back, ties, and torch where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from lorabridge.artifacts.numbers import FLOATS, decode, encode, fp8_values, scalar

FP8 = ("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")
KNOWN = [
    ("F8_E4M3", 0x7E, 448.0),
    ("F8_E4M3", 0x01, 2.0**-9),
    ("F8_E4M3", 0x38, 1.0),
    ("F8_E4M3", 0xB8, -1.0),
    ("F8_E5M2", 0x7B, 57344.0),
    ("F8_E5M2", 0x7C, float("inf")),
    ("F8_E5M2", 0x01, 2.0**-16),
    ("F8_E4M3FNUZ", 0x7F, 240.0),
    ("F8_E5M2FNUZ", 0x7F, 57344.0),
    ("F8_E8M0", 127, 1.0),
]


@pytest.mark.parametrize(("dtype", "code", "value"), KNOWN)
def test_known_values(dtype, code, value):
    assert decode(bytes([code]), dtype)[0] == value


@pytest.mark.parametrize("dtype", FP8)
def test_every_code_there_and_back(dtype):
    codes = np.arange(256, dtype=np.uint8)
    values = fp8_values(dtype)
    back = np.frombuffer(encode(values, dtype), np.uint8)
    same = ~np.isnan(values)
    assert (back[same] == codes[same]).all()
    assert np.isnan(decode(back[~same].tobytes(), dtype)).all()


def test_bf16_every_code_there_and_back():
    raw = np.arange(65536, dtype="<u2").tobytes()
    values = decode(raw, "BF16")
    back = np.frombuffer(encode(values, "BF16"), "<u2")
    same = ~np.isnan(values)
    assert (back[same] == np.arange(65536)[same]).all()
    assert np.isnan(decode(back[~same].tobytes(), "BF16")).all()


def test_bf16_rounds_to_even():
    values = np.array([1.0, 1.00390625, 1.01171875, -1.00390625, 3.4e38, np.inf], np.float32)
    assert decode(encode(values, "BF16"), "BF16").tolist() == [1.0, 1.0, 1.015625, -1.0, np.inf, np.inf]


def test_fp8_rounds_to_even():
    values = fp8_values("F8_E4M3")[:127]
    middle = (values[:-1] + values[1:]) / 2
    codes = np.frombuffer(encode(np.concatenate([middle, -middle[1:]]), "F8_E4M3"), np.uint8)
    lower = np.arange(126)
    even = np.where(lower % 2 == 0, lower, lower + 1)
    assert (codes[:126] == even).all()
    assert (codes[126:] == even[1:] | 0x80).all()


@pytest.mark.parametrize("dtype", ["F16", "F32", "F64", "I64", "I8", "U8", "BOOL"])
def test_plain(dtype):
    values = np.array([0, 1, 1, 0])
    assert decode(encode(values, dtype), dtype).astype(int).tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("dtype", sorted(FLOATS - {"F8_E8M0"}))
def test_scalar_agrees_with_decode(dtype):
    raw = encode(np.array([2.5]), dtype)
    assert scalar(raw, dtype) == decode(raw, dtype)[0]
    assert scalar(b"", dtype) is None


def test_small_dtypes_are_refused():
    with pytest.raises(ValueError, match="F4"):
        decode(b"\0", "F4")
    with pytest.raises(ValueError, match="F4"):
        encode(np.zeros(2), "F4")


@pytest.mark.parametrize(("dtype", "name"), [("F8_E4M3", "float8_e4m3fn"), ("F8_E5M2", "float8_e5m2"), ("F8_E4M3FNUZ", "float8_e4m3fnuz"), ("F8_E5M2FNUZ", "float8_e5m2fnuz"), ("BF16", "bfloat16")])  # fmt: skip
def test_as_torch_does(dtype, name):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    values = np.concatenate(
        [rng.standard_normal(20_000) * scale for scale in (1e-5, 1e-2, 1.0, 50.0, 300.0, 1e5)]
        + [np.array([0.0, -0.0, np.inf, -np.inf, np.nan])]
    ).astype(np.float32)
    values = np.concatenate([values, fp8_values("F8_E4M3")[:127], (fp8_values("F8_E4M3")[:126] + fp8_values("F8_E4M3")[1:127]) / 2]).astype(
        np.float32
    )
    theirs = torch.from_numpy(values).to(getattr(torch, name)).view(torch.uint8 if name != "bfloat16" else torch.uint16).numpy()
    ours = np.frombuffer(encode(values, dtype), np.uint8 if name != "bfloat16" else "<u2")
    both = decode(ours.tobytes(), dtype), decode(theirs.tobytes(), dtype)
    aside = np.isnan(both[0]) & (np.isnan(both[1]) | np.isinf(values))
    different = (ours != theirs) & ~aside
    assert not different.any(), (values[different][:5], ours[different][:5], theirs[different][:5])
