"""YAML 1.2 text to data with positions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from lorabridge.config.document import TOO_LARGE, Document, parse_bytes, parse_text, parse_value, read_document, resolve_scalar

SCALARS: list[tuple[str, Any]] = [
    ("1e-4", 1e-4),
    ("1E5", 1e5),
    ("1.", 1.0),
    (".5", 0.5),
    ("+.5e+3", 500.0),
    ("-0.0", -0.0),
    ("42", 42),
    ("+42", 42),
    ("-7", -7),
    ("007", 7),
    ("0o17", 15),
    ("0x1F", 31),
    ("0b11", "0b11"),
    ("1_000", "1_000"),
    ("12:30", "12:30"),
    ("1:20:30", "1:20:30"),
    ("2026-01-01", "2026-01-01"),
    ("no", "no"),
    ("Yes", "Yes"),
    ("on", "on"),
    ("OFF", "OFF"),
    ("y", "y"),
    ("true", True),
    ("True", True),
    ("FALSE", False),
    ("tRue", "tRue"),
    ("null", None),
    ("~", None),
    ("NULL", None),
    ("nUll", "nUll"),
    ("", None),
    (".inf", math.inf),
    ("-.INF", -math.inf),
    ("+.Inf", math.inf),
    ("1e", "1e"),
    ("e5", "e5"),
    (".", "."),
    ("0x", "0x"),
    ("0o8", "0o8"),
    ("-0x10", "-0x10"),
    ("1e999", TOO_LARGE),
    ("9" * 30, TOO_LARGE),
    ("9" * 5000, TOO_LARGE),
    ("0x" + "f" * 5000, TOO_LARGE),
    (str(2**64 - 1), 2**64 - 1),
    (str(2**64), TOO_LARGE),
    ("=", "="),
    ("<<", "<<"),
]


@pytest.mark.parametrize(("text", "value"), SCALARS, ids=[text[:12] or "nothing" for text, _ in SCALARS])
def test_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    found = resolve_scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_one() -> None:
    assert math.isnan(resolve_scalar(".nan"))


def test_quotes_and_blocks_make_text() -> None:
    document = parse_text("a: '1'\nb: \"no\"\nc: |\n  1\nd: >-\n  true\ne: \"\"\nf: '~'\n", "x")
    assert document.data == {"a": "1", "b": "no", "c": "1\n", "d": "true", "e": "", "f": "~"}
    assert not document.diagnostics


def _codes(document: Document) -> list[tuple[str, int, int]]:
    return [(item.code, item.span.line, item.span.column) for item in document.diagnostics if item.span]


def test_positions_of_keys_values_and_flow_items() -> None:
    document = parse_text("a: {b: [10, 20, {c: x}]}\nlist:\n  - one\n  - k: v\n", "x")
    spans = {path: (place.value.line, place.value.column, place.value.end_column) for path, place in document.places.items()}
    assert spans["a", "b", 0] == (1, 9, 11)
    assert spans["a", "b", 1] == (1, 13, 15)
    assert spans["a", "b", 2, "c"] == (1, 21, 22)
    assert spans["list", 0] == (3, 5, 8)
    assert spans["list", 1, "k"] == (4, 8, 9)
    assert (document.places["a", "b", 2, "c"].key.line, document.places["a", "b", 2, "c"].key.column) == (1, 18)
    item = document.places["a", "b", 0]
    assert item.key == item.value


def test_columns_count_characters_not_bytes() -> None:
    document = parse_text('n: {"ключ": "😀😀", b: x}\n', "x")
    assert document.places["n", "b"].key.column == 19
    assert document.places["n", "ключ"].value.end_column == 17


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends(ending: str) -> None:
    document = parse_bytes(ending.join(["a: 1", "b:", "  c: 2", ""]).encode(), "x")
    assert document.data == {"a": 1, "b": {"c": 2}}
    assert document.places["b", "c"].key.line == 3


def test_a_byte_order_mark_is_not_part_of_the_first_key() -> None:
    document = parse_bytes(b"\xef\xbb\xbfa: 1\n", "x")
    assert document.data == {"a": 1}
    assert document.places[("a",)].key.column == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"])
def test_other_encodings_are_refused(encoding: str) -> None:
    document = parse_bytes("a: é — x\n".encode(encoding, "replace") if encoding != "latin-1" else "a: é\n".encode("latin-1"), "x")
    assert [item.code for item in document.diagnostics] in (["LB109"], ["LB100"])
    assert document.data == {}


def test_the_line_of_a_wrong_byte() -> None:
    document = parse_bytes(b"a: 1\nb: 2\nc: \xff\n", "x")
    assert _codes(document) == [("LB109", 3, 1)]


def test_a_nul_byte() -> None:
    assert _codes(parse_bytes(b"a: 1\nb: \0\n", "x")) == [("LB109", 2, 1)]


def test_duplicate_keys_at_every_depth() -> None:
    document = parse_text("a: 1\nb: {c: 1, c: 2}\na: 3\nl:\n  - {d: 1, e: 2, d: 3}\n", "x")
    assert _codes(document) == [("LB101", 2, 11), ("LB101", 3, 1), ("LB101", 5, 18)]
    assert document.data["a"] == 1
    assert document.data["b"] == {"c": 1}


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a: !!int '3'", 4),
        ("a: !secret x", 4),
        ("a: !!python/object:os.system x", 4),
        ("a: !!str 3", 4),
        ("a: !x {b: 1}", 4),
        ("a: !!seq [1]", 4),
    ],
)
def test_tags_are_refused(text: str, column: int) -> None:
    assert _codes(parse_text(text, "x")) == [("LB100", 1, column)]


def test_merge_keys_are_refused_but_not_their_quoted_name() -> None:
    document = parse_text("base: &b {a: 1}\nx: {<<: *b, c: 2}\n", "x")
    assert _codes(document) == [("LB100", 2, 5)]
    assert "extends" in document.diagnostics[0].fix
    assert parse_text('x: {"<<": 1}\n', "x").data == {"x": {"<<": 1}}


def test_aliases_are_written_out() -> None:
    document = parse_text("a: &a [1, 2]\nb: *a\nc: {d: *a}\n", "x")
    assert document.data == {"a": [1, 2], "b": [1, 2], "c": {"d": [1, 2]}}
    assert document.data["a"] is not document.data["b"]


@pytest.mark.parametrize(
    "text",
    [
        "a: *nowhere\n",
        "a: 1\n---\nb: 2\n",
        "a: [1, 2\n",
        "a: {b: 1\n",
        "a: 'x\n",
        "a:\n\tb: 1\n",
        "a: b: c\n",
        "- 1\n- 2\n",
        "text\n",
        "? [a, b]\n: 1\n",
        "%YAML 1.2 x\n---\na: 1\n",
        "a: @x\n",
        "a: `x`\n",
    ],
)
def test_what_is_not_one_mapping(text: str) -> None:
    document = parse_text(text, "x")
    assert [item.code for item in document.diagnostics] == ["LB100"]
    item = document.diagnostics[0]
    assert item.fix
    assert item.span is not None
    assert item.span.line <= text.count("\n") + 1


def test_a_tab_is_told() -> None:
    assert "tabs" in parse_text("a:\n\tb: 1\n", "x").diagnostics[0].fix


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "--- \n...\n"])
def test_an_empty_file(text: str) -> None:
    document = parse_text(text, "x")
    assert document.data == {}
    assert [item.code for item in document.diagnostics] == ["LB100"]


def test_document_marks_and_directives_are_fine() -> None:
    assert parse_text("%YAML 1.2\n---\na: 1\n...\n", "x").data == {"a": 1}


def test_null_values_stand_after_their_key() -> None:
    document = parse_text("a:\nb: 1\n", "x")
    assert document.data == {"a": None, "b": 1}
    assert document.places[("a",)].value.line == 1


def test_numbers_beyond_64_bits_are_told_where_they_stand() -> None:
    document = parse_text("a: {b: 0x" + "f" * 5000 + "}\nc: 1e999\n", "x")
    assert [(item.code, item.path) for item in document.diagnostics] == [("LB106", "a.b"), ("LB106", "c")]
    assert _codes(document) == [("LB106", 1, 8), ("LB106", 2, 4)]


def test_control_characters_are_refused() -> None:
    document = parse_text("a: 1\nb: \x1b[31m\n", "x")
    assert _codes(document) == [("LB100", 2, 1)]
    assert "U+001B" in document.diagnostics[0].message


def test_one_value_for_set() -> None:
    assert parse_value("1e-4", "--set a=1e-4") == (1e-4, [])
    assert parse_value("[1, {a: b}]", "s") == ([1, {"a": "b"}], [])
    assert parse_value("", "s") == (None, [])
    value, problems = parse_value("[1", "--set a=[1")
    assert value is None
    assert [(item.code, item.span.file) for item in problems if item.span] == [("LB100", "--set a=[1")]


@pytest.mark.parametrize(("name", "text"), [("gone.yaml", None), ("folder", "dir"), ("x\0y.yaml", None), ("n" * 300, None)])
def test_files_that_cannot_be_read(name: str, text: str | None, tmp_path: Path) -> None:
    path = tmp_path / name
    if text == "dir":
        path.mkdir()
    document = read_document(path, "shown")
    assert [item.code for item in document.diagnostics] == ["LB109"]
    assert document.diagnostics[0].message.startswith("cannot read `shown`")


def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: 1")
    path.chmod(0)
    try:
        path.read_text()
    except OSError:
        assert [item.code for item in read_document(path).diagnostics] == ["LB109"]
    else:
        pytest.skip("this user may read everything")
    finally:
        path.chmod(0o600)
