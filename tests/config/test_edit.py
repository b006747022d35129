"""Edits of a user's file: the value is set, every other byte stays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lorabridge.config.document import parse_text
from lorabridge.config.edit import EditError, edit_text
from lorabridge.config.paths import KeyPath, split_path
from lorabridge.config.spell import flow


def _set(text: str, path: str, value: Any) -> str:
    return edit_text(text, [(split_path(path), value)]).text


CASES = [
    ("a value", "train: {for: 10 steps}  # c\n", "train.for", "20 steps", "train: {for: 20 steps}  # c\n"),
    ("its comment stays", "x: 1   # one\ny: 2\n", "x", 5, "x: 5   # one\ny: 2\n"),
    ("double quotes stay", 'name: "a b" # c\n', "name", "d", 'name: "d" # c\n'),
    ("single quotes stay", "name: 'a''b'\n", "name", "d'e", "name: 'd''e'\n"),
    ("nothing behind the colon", "memory:\nx: 1\n", "memory", 3, "memory: 3\nx: 1\n"),
    ("into braces", "m: {a: 1} # c\n", "m.b", True, "m: {a: 1, b: true} # c\n"),
    ("into empty braces", "m: {}\n", "m.b", 2, "m: {b: 2}\n"),
    ("after a comma", "m: {a: 1,}\n", "m.b", 2, "m: {a: 1, b: 2}\n"),
    ("braces over lines", "m: {\n  a: 1, # one\n  c: 3 # three\n}\n", "m.b", 2, "m: {\n  a: 1, # one\n  c: 3, b: 2 # three\n}\n"),
    ("into a block", "m:\n    a: 1  # c\n\n# end\nx: 2\n", "m.b", 2, "m:\n    a: 1  # c\n    b: 2\n\n# end\nx: 2\n"),
    ("below a nested block", "m:\n  a:\n    k: 1\nx: 2\n", "m.b", 2, "m:\n  a:\n    k: 1\n  b: 2\nx: 2\n"),
    ("a new section at the end", "x: 2\n# end\n", "memory.blocks_to_swap", 8, "x: 2\nmemory: {blocks_to_swap: 8}\n# end\n"),
    ("without a last line end", "x: 2", "y", 3, "x: 2\ny: 3"),
    ("line ends of Windows", "x: 2\r\nm:\r\n  a: 1\r\ny: 3\r\n", "m.b", 2, "x: 2\r\nm:\r\n  a: 1\r\n  b: 2\r\ny: 3\r\n"),
    ("a short form is spelled out", "optimizer: adamw # c\n", "optimizer.lr", 0.0001, "optimizer: {type: adamw, lr: 0.0001} # c\n"),
    ("in an item of a list", "datasets:\n  - images: p\n    repeats: 2\n", "datasets[0].resolution", [512], "datasets:\n  - images: p\n    repeats: 2\n    resolution: [512]\n"),
    ("a list in brackets", "datasets: [{images: p, resolution: [1024]}]\n", "datasets[0].resolution", [512, 768], "datasets: [{images: p, resolution: [512, 768]}]\n"),
    ("a list in lines", "r:\n  - 1\n  - 2\nx: 1\n", "r", [3], "r: [3]\nx: 1\n"),
    ("after text in lines", "m:\n  a: |\n    one\n    two\nx: 1\n", "m.b", 2, "m:\n  a: |\n    one\n    two\n  b: 2\nx: 1\n"),
    ("what is there already", "x: 1 # c\n", "x", 1, "x: 1 # c\n"),
    ("a mark at the start", "\ufeffx: 1\n", "x", 2, "\ufeffx: 2\n"),
    ("text that would be a number", "name: x\n", "name", "12", 'name: "12"\n'),
    ("after the document starts", "---\nx: 1\n...\n", "y", 2, "---\nx: 1\ny: 2\n...\n"),
    ("wide characters", "name: 'ü😀' # ü\nx: 1\n", "x", 2, "name: 'ü😀' # ü\nx: 2\n"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "value", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_edit_touches_one_place(text: str, path: str, value: Any, wanted: str) -> None:
    assert _set(text, path, value) == wanted


@pytest.mark.parametrize(
    ("text", "path", "why"),
    [
        ("m: &a {x: 1}\nn: *a\n", "m.x", "anchor"),
        ("m: &a {x: 1}\nn: *a\n", "n.x", "anchor"),
        ("x: &a 1\n", "x", "anchor"),
        ("x: 1\nx: 2\n", "x", "twice"),
        ("x: [\n", "x", "errors"),
        ("r:\n  - 1 # one\n  - 2\n", "r", "comments"),
        ("x: |\n  text\n", "x", "block of text"),
        ("datasets: [{images: p}]\n", "datasets[3].repeats", "no such item"),
        ("name: a\n", "datasets[0].repeats", "base or a preset"),
        ("name: a\n", "name.b", "not a section"),
        ("- 1\n", "x", "errors"),
        ("a: [0?]\nx: 1\n", "x", "two ways"),
    ],
)
def test_what_cannot_be_done_is_refused(text: str, path: str, why: str) -> None:
    with pytest.raises(EditError, match=why):
        _set(text, path, 9 if path != "name.b" else 1)


_KEYS = st.sampled_from(["a", "b", "c", "d e", "ü", "no", "12"])
_LEAVES = st.one_of(
    st.integers(-99, 99), st.booleans(), st.none(), st.floats(allow_nan=False, allow_infinity=False), st.text(st.characters(codec="utf-8"), max_size=6)
)  # fmt: skip
_DATA = st.recursive(_LEAVES, lambda inner: st.dictionaries(_KEYS, inner, max_size=3) | st.lists(inner, max_size=3), max_leaves=10)


def _lines(value: Any, pad: str, draw: Any) -> str:
    """Data as YAML in a random style, with comments."""
    note = draw(st.sampled_from(["", "  # note", " # {x: 1}"]))
    if isinstance(value, dict) and value and draw(st.booleans()):
        inner = "".join(f"{pad}{flow(key)}:{_lines(item, pad + '  ', draw)}" for key, item in value.items())
        return f"{note}\n{inner}"
    if isinstance(value, list) and value and draw(st.booleans()):
        return f"{note}\n" + "".join(f"{pad}- {flow(item)}\n" for item in value)
    return f" {flow(value)}{note}\n"


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_edit_is_one_splice_that_reads_back(data: st.DataObject) -> None:
    tree = data.draw(st.dictionaries(_KEYS, _DATA, min_size=1, max_size=4))
    text = "".join(f"{flow(key)}:{_lines(item, '  ', data.draw)}" for key, item in tree.items())
    text = text.replace("\n", data.draw(st.sampled_from(["\n", "\r\n"])))
    before = parse_text(text, "")
    assume(not before.diagnostics)
    path: KeyPath = ()
    here: Any = before.data
    while isinstance(here, dict) and (not path or data.draw(st.booleans())):
        path = (*path, data.draw(st.sampled_from(sorted(here)) if here and data.draw(st.booleans()) else _KEYS))
        here = here.get(path[-1])
    value = data.draw(_LEAVES | st.lists(_LEAVES, max_size=2))
    try:
        edited = edit_text(text, [(path, value)])
    except EditError:
        return
    after = parse_text(edited.text, "")
    assert not after.diagnostics
    found: Any = after.data
    for part in path:
        found = found[part]
    assert found == parse_text(f"v: {flow(value)}", "").data["v"]
    if edited.splices:
        (splice,) = edited.splices
        assert edited.text == text[: splice.start] + splice.text + text[splice.end :]
        assert text.count("#") == edited.text.count("#") - splice.text.count("#") + text[splice.start : splice.end].count("#")


def test_few_edits_of_sane_files_are_refused() -> None:
    """The property above passes over refusals; this says that they are rare in files as people write them."""
    text = "lorabridge: 1\nname: a # c\ndatasets:\n  - {images: p}\n  - images: q\n    captions: .txt\ntrain: {for: 10 steps}\noptimizer: adamw\nsave:\n  every: 5 steps\n"
    for path in (
        "name",
        "datasets[0].repeats",
        "datasets[1].repeats",
        "train.for",
        "optimizer.lr",
        "save.every",
        "save.state",
        "memory.low_vram",
        "cache.text.to",
    ):
        assert _set(text, path, True if path == "save.state" else 3) != text
