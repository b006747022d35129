"""One NaN anywhere is found, in every dtype, across the borders of chunks; zeros are told from numbers."""

from __future__ import annotations

import numpy as np
import pytest

from lorabridge.artifacts import read
from lorabridge.artifacts.header import read_header
from lorabridge.artifacts.read import CutError, Reader, look

from .makers import write

FLOATS = ("F16", "BF16", "F32", "F64", "F8_E5M2", "F8_E4M3", "F8_E4M3FNUZ", "F8_E5M2FNUZ")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(read, "CHUNK", 64)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf, -np.inf])
def test_one_bad_number_at_every_place(tmp_path, dtype, value):
    if dtype not in ("F16", "BF16", "F32", "F64", "F8_E5M2") and np.isinf(value):
        value = np.nan
    for place in range(0, 150, 7):
        array = np.linspace(-1, 1, 150)
        array[place] = value
        path = write(tmp_path / "x.safetensors", {"good": np.linspace(-2, 2, 30), "bad": array, "more": np.zeros(9)}, dtype=dtype)
        header = read_header(path)
        found = dict(zip(header.tensors, look(path, header), strict=True))
        assert (found["good"].finite, found["bad"].finite, found["more"].finite) == (True, False, True), place
        assert (found["good"].zero, found["bad"].zero, found["more"].zero) == (False, False, True)


@pytest.mark.parametrize("dtype", [*FLOATS, "I8", "I64", "U8", "BOOL"])
def test_zero_and_not_zero(tmp_path, dtype):
    for place in (0, 63, 64, 149):
        array = np.zeros(150)
        array[place] = 1
        minus = -array if dtype in FLOATS else array
        path = write(tmp_path / "x.safetensors", {"a": array, "b": minus, "c": np.zeros(150) * -1.0}, dtype=dtype)
        header = read_header(path)
        found = dict(zip(header.tensors, look(path, header), strict=True))
        assert [found[name].zero for name in "abc"] == [False, False, True]
        assert all(item.finite for item in found.values())


def test_largest_numbers_are_finite(tmp_path):
    largest = {"F16": 65504.0, "BF16": 3.38e38, "F32": 3.4e38, "F64": 1e308, "F8_E5M2": 57344.0, "F8_E4M3": 448.0}
    for dtype, value in largest.items():
        path = write(tmp_path / "x.safetensors", {"a": np.array([value, -value])}, dtype=dtype)
        assert look(path, read_header(path))[0].finite, dtype


def test_a_file_cut_after_its_header_was_read(tmp_path):
    path = write(tmp_path / "x.safetensors", {"a": np.ones(1000)})
    header = read_header(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CutError):
        look(path, header)


def test_empty_tensors_and_odd_sizes(tmp_path):
    path = write(tmp_path / "x.safetensors", {"a": np.zeros((0, 4)), "b": (np.array([1, 0, 1]), "U8"), "c": np.ones(3)})
    header = read_header(path)
    assert [item.zero for item in look(path, header)] == [look_.zero for look_ in look(path, header, workers=1)]
    with Reader(path) as reader:
        assert reader.array(header.tensors["c"]).tolist() == [1, 1, 1]
        assert reader.array(header.tensors["a"]).shape == (0, 4)


def test_unaligned_header(tmp_path):
    """A header that is not padded to 8 bytes shifts every number."""
    import json

    text = json.dumps({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}).encode()
    text += b" " * ((3 - len(text)) % 4)
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + np.array([0, np.nan, 1], "<f4").tobytes())
    found = look(path, read_header(path))[0]
    assert not found.finite
    assert not found.zero


def test_single_numbers_near_and_far(tmp_path):
    arrays = {}
    for number in range(40):
        arrays[f"a{number}.alpha"] = (np.float32(number), "F16" if number % 3 else "BF16")
        arrays[f"a{number}.lora_up.weight"] = np.zeros((number % 5 * 300, 4), np.float32)
    path = write(tmp_path / "x.safetensors", arrays)
    tensors = [tensor for tensor in read_header(path).tensors.values() if tensor.name.endswith("alpha")]
    with Reader(path) as reader:
        assert reader.scalars(tensors) == [float(number) for number in range(40)]
        assert reader.scalars(tensors[::-1]) == [float(number) for number in reversed(range(40))]
        assert reader.scalars([tensors[0]._replace(shape=(2,))]) == [None]
        with pytest.raises(CutError):
            reader.scalars([tensors[0]._replace(start=1 << 30, end=(1 << 30) + 2)])
