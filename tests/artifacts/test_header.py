"""Headers without trust: damaged files by construction, each with its code; random bytes, none of them harmful."""

from __future__ import annotations

import json
import random
import shutil
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabridge.artifacts import header as header_module
from lorabridge.artifacts.header import LONGEST_HEADER, parse_bytes, read_header

from .makers import FILES, entry, pair, raw_file, write


def codes(path):
    return sorted({problem.code for problem in read_header(path).problems})


GOOD = {"a": entry(0, 4), "b": entry(4, 12, [2], "F32"), "__metadata__": {"x": "y"}}


def test_good_file(tmp_path):
    header = read_header(raw_file(tmp_path / "a.safetensors", GOOD, bytes(12)))
    assert header.problems == []
    assert header.metadata == {"x": "y"}
    tensor = header.tensors["b"]
    assert (tensor.dtype, tensor.shape, tensor.end - tensor.start, tensor.elements) == ("F32", (2,), 8, 2)
    assert tensor.end == header.size


def test_cut_at_every_offset(tmp_path):
    whole = write(tmp_path / "whole.safetensors", pair("a", 3, 5, rank=1) | pair("b", 5, 3, rank=2), {"x": "y"}).read_bytes()
    path = tmp_path / "cut.safetensors"
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert codes(path) == ["LB803"], end
    path.write_bytes(whole)
    assert codes(path) == []


def test_real_file_cut_here_and_there(tmp_path):
    whole = (FILES / "pipe_sd3_lokr.safetensors").read_bytes()
    path = tmp_path / "cut.safetensors"
    for end in range(0, len(whole), 61):
        path.write_bytes(whole[:end])
        assert codes(path) == ["LB803"], end


def test_every_prefix_of_a_header_without_its_file(tmp_path):
    """The same through the parser alone, with the size that the whole file would have."""
    whole = (FILES / "pipe_sd3_lokr.safetensors").read_bytes()
    length = int.from_bytes(whole[:8], "little") + 8
    for end in (*range(8, length, 13), *range(length - 9, length)):
        assert not parse_bytes(whole[:end], len(whole)).sound, end


BROKEN = {
    "overlap": ({"a": entry(0, 8), "b": entry(4, 12)}, 12, "LB804"),
    "hole": ({"a": entry(0, 4), "b": entry(8, 12)}, 12, "LB804"),
    "hole at the start": ({"a": entry(4, 12)}, 12, "LB804"),
    "same place": ({"a": entry(0, 8), "b": entry(0, 8)}, 8, "LB804"),
    "bytes after the end": ({"a": entry(0, 8)}, 9, "LB804"),
    "size is not the shape's": ({"a": entry(0, 8, [3])}, 8, "LB804"),
    "end before start": ({"a": entry(8, 0, [0])}, 8, "LB804"),
    "half a byte": ({"a": entry(0, 1, [3], "F4")}, 1, "LB804"),
    "beyond the file": ({"a": entry(0, 80)}, 8, "LB803"),
    "unknown dtype": ({"a": entry(0, 8, [8], "F12")}, 8, "LB805"),
    "dtype is a number": ({"a": entry(0, 8, [8], 7)}, 8, "LB802"),
    "negative offset": ({"a": {"dtype": "U8", "shape": [1], "data_offsets": [-1, 0]}}, 1, "LB802"),
    "negative side": ({"a": entry(0, 8, [-8])}, 8, "LB802"),
    "fraction": ({"a": entry(0, 8, [8.0])}, 8, "LB802"),
    "bool for a side": ({"a": entry(0, 1, [True])}, 1, "LB802"),
    "three offsets": ({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1, 2]}}, 1, "LB802"),
    "no offsets": ({"a": {"dtype": "U8", "shape": [1]}}, 1, "LB802"),
    "more keys": ({"a": {**entry(0, 1), "more": 1}}, 1, "LB802"),
    "a list": ([1, 2], 1, "LB801"),
    "an entry is a list": ({"a": [1]}, 1, "LB802"),
    "metadata is a list": ({"__metadata__": ["x"], "a": entry(0, 1)}, 1, "LB802"),
    "metadata with a number": ({"__metadata__": {"x": 1}, "a": entry(0, 1)}, 1, "LB802"),
    "many dimensions": ({"a": entry(0, 1, [1] * 40)}, 1, "LB802"),
    "huge numbers": ({"a": {"dtype": "U8", "shape": [1 << 62, 1 << 62], "data_offsets": [0, 1]}}, 1, "LB804"),
    "overflowing numbers": ({"a": {"dtype": "U8", "shape": [1 << 64], "data_offsets": [0, 1]}}, 1, "LB802"),
    "no tensors": ({}, 0, "LB806"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken(tmp_path, name):
    document, size, code = BROKEN[name]
    path = raw_file(tmp_path / "x.safetensors", document, bytes(size))
    assert codes(path) == [code], [item.message for item in read_header(path).problems]
    assert all(item.fix for item in read_header(path).problems)


TEXTS = {
    "not JSON": b"{nonsense",
    "duplicate tensor": b'{"a":' + json.dumps(entry(0, 1)).encode() + b',"a":' + json.dumps(entry(0, 1)).encode() + b"}",
    "duplicate key": b'{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
    "duplicate by escape": b'{"a":' + json.dumps(entry(0, 1)).encode() + b',"\\u0061":' + json.dumps(entry(0, 1)).encode() + b"}",
    "duplicate metadata": b'{"__metadata__":{"a":"b","a":"c"},"t":' + json.dumps(entry(0, 1)).encode() + b"}",
    "NaN": b'{"a":{"dtype":"U8","shape":[NaN],"data_offsets":[0,1]}}',
    "deep": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "not UTF-8": b'{"\xff":' + json.dumps(entry(0, 1)).encode() + b"}",
    "a long number": b'{"a":{"dtype":"U8","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,1]}}',
    "text after it": b"{} {}",
}


@pytest.mark.parametrize("name", TEXTS)
def test_broken_text(tmp_path, name):
    assert codes(raw_file(tmp_path / "x.safetensors", TEXTS[name], bytes(1))) == ["LB802"]


@pytest.mark.parametrize("length", [1 << 60, (1 << 64) - 1, LONGEST_HEADER + 1])
def test_endless_header(tmp_path, length):
    assert codes(raw_file(tmp_path / "x.safetensors", b"{}", bytes(9), length)) == ["LB802"]


def test_too_many_parts_use_little_memory(tmp_path):
    path = raw_file(tmp_path / "x.safetensors", b'{"a":[' + b"{}," * 8_000_000 + b"{}]}")
    tracemalloc.start()
    assert codes(path) == ["LB802"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 << 20


def test_braces_inside_metadata_are_no_parts(tmp_path):
    document = {"__metadata__": {"workflow": json.dumps([{"x": [1]}] * 700_000)}, "a": entry(0, 1)}
    assert codes(raw_file(tmp_path / "x.safetensors", document, b"0")) == []


def test_hundred_thousand_tensors(tmp_path):
    document = {f"t{i}": entry(i, i + 1) for i in range(100_000)}
    header = read_header(raw_file(tmp_path / "x.safetensors", document, bytes(100_000)))
    assert header.sound
    assert len(header.tensors) == 100_000
    for name in list(document)[1000:2000]:
        document[name]["dtype"] = "F13"
    problems = read_header(raw_file(tmp_path / "x.safetensors", document, bytes(100_000))).problems
    assert [item.code for item in problems] == ["LB805"] * 6
    assert "995 more" in problems[-1].message


STRANGERS = {
    b"PK\x03\x04" + bytes(60): "pickle",
    b"\x80\x02}q\x00." + bytes(60): "pickle",
    b"GGUF" + bytes(60): "GGUF",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n": "never downloaded",
    b"<!DOCTYPE html><html><body>401</body></html>" + bytes(9): "web page",
    bytes(64): "no header begins",
    b"\x10" + bytes(7) + b"no json here at all.....": "no header begins",
}


@pytest.mark.parametrize("data", STRANGERS)
def test_other_files(tmp_path, data):
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    problems = read_header(path).problems
    assert [item.code for item in problems] == ["LB801"]
    assert STRANGERS[data] in problems[0].message


def test_missing_file_and_folder(tmp_path):
    assert codes(tmp_path / "none.safetensors") == ["LB801"]
    assert codes(tmp_path) == ["LB801"]


def test_fuzz():
    """Real headers with bytes changed, cut, doubled. Nothing may raise; what is called sound must lie inside the file."""
    rng = random.Random(5)
    sources = [path.read_bytes() for path in sorted(FILES.glob("*.safetensors"))[:6]]
    for _ in range(1500):
        data = bytearray(rng.choice(sources))
        length = int.from_bytes(data[:8], "little") + 8
        for _ in range(rng.randint(1, 6)):
            place, kind = rng.randrange(length), rng.random()
            if kind < 0.6:
                data[place] = rng.choice(b'{}[],":0123456789ABC\\ \x00\xff')
            elif kind < 0.8:
                del data[place : place + rng.randint(1, 30)]
            else:
                data[place:place] = data[place : place + rng.randint(1, 30)]
        header = parse_bytes(bytes(data))
        if header.sound:
            assert all(8 + header.length <= tensor.start <= tensor.end <= len(data) for tensor in header.tensors.values())


def test_reads_only_the_header_of_a_large_file(tmp_path):
    """30 GB, sparse: 8 bytes and the header are read."""
    path = raw_file(tmp_path / "big.safetensors", {"a": entry(0, 30_000_000_000)})
    if shutil.disk_usage(tmp_path).free < 1 << 30:
        pytest.skip("no room")
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size + 30_000_000_000)
    assert read_header(path).sound


ONE, TWO = b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}', b'{"dtype":"U8","shape":[1],"data_offsets":[1,2]}'


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":%s,"a":%s}' % (ONE, TWO),
        b'{"a" : %s, "a" : %s}' % (ONE, TWO),
        b'{"a":1,"a":%s,"b":%s}' % (ONE, TWO),
        b'{"\\u0061":%s,"a":%s}' % (ONE, TWO),
        b'{"a":%s,"b":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[1,2]}}' % ONE,
        b'{"__metadata__":{"x":"1","x":"2"},"a":%s,"b":%s}' % (ONE, TWO),
        b'{"__metadata__":{"x":"{\\"y\\": 1}"},"a":%s,"a":%s}' % (ONE, TWO),
        b'{"__metadata__":{"x":"%s"},"a":%s,"a":%s}' % (b"\\u003a" * 4, ONE, TWO),
        b'{"__metadata__":{"x":"%s"},"a":%s,"a":%s}' % (b"\\u003A" * 4, ONE, TWO),
        b'{"__metadata__":{},"__metadata__":{},"a":%s,"b":%s}' % (ONE, TWO),
    ],
)
def test_duplicates_in_every_hiding_place(text):
    header = parse_bytes(len(text).to_bytes(8, "little") + text + bytes(2))
    assert [item.code for item in header.problems] == ["LB802"]
    assert "twice" in header.problems[0].message


@pytest.mark.parametrize(
    "text",
    [
        b'{"a:b":%s,"b":%s}' % (ONE, TWO),
        b'{"__metadata__":{"x":"{\\"y\\": 1}", "k:":":"},"a":%s,"b":%s}' % (ONE, TWO),
        b'{"__metadata__":{"x":"\\u003a"},"a":%s,"b":%s}' % (ONE, TWO),
    ],
)
def test_colons_that_are_no_keys(text):
    assert parse_bytes(len(text).to_bytes(8, "little") + text + bytes(2)).sound


_NUMBERS = st.one_of(st.integers(-2, 9), st.sampled_from([True, 1.0, None, "1", 1 << 63, 1 << 62]))
_ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["U8", "F16", "F4", "X", 3, None]),
        "shape": st.one_of(st.lists(_NUMBERS, max_size=3), st.lists(st.integers(0, 4), max_size=3), st.just({})),
        "data_offsets": st.one_of(st.lists(_NUMBERS, max_size=3), st.lists(st.integers(0, 40), min_size=2, max_size=2)),
    },
    optional={"more": st.none()},
)


@given(st.dictionaries(st.text(max_size=3), st.one_of(_ENTRIES, st.integers()), max_size=4))
def test_all_at_once_is_one_after_the_other(document):
    """The quick way takes only what the thorough one takes, and finds the same."""
    found, wrong = [], False
    for name, said in document.items():
        try:
            found.append(header_module._tensor(name, said, 100))
        except header_module._WrongError:
            wrong = True
    quick = header_module._all_at_once(document, 100)
    assert quick == (None if wrong else found)
