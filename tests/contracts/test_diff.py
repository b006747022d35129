"""Changes between contracts, and which of them concern what a config writes."""

from __future__ import annotations

from typing import Any

import pytest

from lorabridge.contracts.diff import Change, compare, concerns
from lorabridge.contracts.model import Contract, Entry, Section


def contract(**sections: dict[str, Entry]) -> Contract:
    return Contract("musubi", "a" * 40, {name: Section(keys) for name, keys in sections.items()})


def entry(**facts: Any) -> Entry:
    return Entry("x.py:1", **facts)


CASES: list[tuple[Entry | None, Entry | None, str, Any, Any]] = [
    (None, entry(), "added", None, {}),
    (entry(type="int"), None, "removed", {"type": "int"}, None),
    (entry(default=1), entry(default=2), "default", 1, 2),
    (entry(default=None), entry(default=False), "default", None, False),
    (entry(default=1), entry(default=True), "default", 1, True),
    (entry(default=1), entry(default=1.0), "default", 1, 1.0),
    (entry(default=1), entry(default=1, default_of="lr"), "default", 1, {"of": "lr", "value": 1}),
    (entry(type="int"), entry(type="float"), "type", "int", "float"),
    (entry(action="store_true"), entry(nargs="?"), "type", "store_true", "?"),
    (entry(choices=("a", "b")), entry(choices=("a",)), "choices", ["a", "b"], ["a"]),
    (entry(), entry(choices=("a",)), "choices", None, ["a"]),
    (entry(), entry(required=True), "required", False, True),
    (entry(), entry(refused=True), "refused", False, True),
]


@pytest.mark.parametrize(("old", "new", "kind", "before", "after"), CASES)
def test_one_change(old: Entry | None, new: Entry | None, kind: Any, before: Any, after: Any) -> None:
    sides = [contract(train={} if item is None else {"key": item}) for item in (old, new)]
    assert compare(*sides) == [Change(kind, "train", "key", before, after, "x.py:1")]


def test_what_is_no_change() -> None:
    old = contract(train={"a": Entry("x.py:1", type="int_or_float"), "b": Entry("x.py:2", suggested=("x",))})
    new = contract(train={"a": Entry("y.py:9", type="_int_or_float"), "b": Entry("x.py:3", suggested=("y",))})
    assert compare(old, new) == []


def test_whole_sections() -> None:
    changes = compare(contract(a={"x": entry()}, c={}), contract(b={"x": entry(), "y": entry()}, c={}))
    assert [(item.kind, item.section, item.before, item.after) for item in changes] == [
        ("section-removed", "a", 1, None),
        ("section-added", "b", None, 2),
    ]


@pytest.mark.parametrize(
    ("change", "used", "text"),
    [
        (("removed", {}, None), {"key": 1}, "the config writes it, and nothing reads it any more"),
        (("removed", {}, None), {}, ""),
        (("default", 1, 2), {}, "the config does not write it: the value becomes 2 instead of 1"),
        (("default", 1, 2), {"key": 1}, ""),
        (("default", 1.0, {"of": "lr", "value": 1.0}), {}, ""),
        (
            ("default", 1.0, {"of": "lr", "value": 1.0}),
            {"lr": 5},
            "the config does not write it: the value becomes that of `lr` (1.0) instead of 1.0",
        ),
        (("choices", ["a", "b"], ["a"]), {"key": "b"}, 'the config writes "b", which is no choice any more'),
        (("choices", ["a", "b"], ["a"]), {"key": "a"}, ""),
        (("choices", ["a"], None), {"key": "a"}, ""),
        (("type", "int", "str"), {"key": 1}, "the config writes 1; the type was int and is str"),
        (("required", False, True), {}, "it is required, and the config does not write it"),
        (("required", False, True), {"key": 1}, ""),
        (("required", True, False), {}, ""),
        (("added", None, {"required": True}), {}, "it is required, and the config does not write it"),
        (("added", None, {}), {}, ""),
        (("added", None, {}), {"key": 1}, "the config writes it, and it is read from now on"),
        (("refused", False, True), {"key": 1}, "the config writes it, and the trainer now stops on it"),
        (("section-removed", 3, None), {}, "the config uses it, and it is gone"),
        (("section-added", None, 3), {}, ""),
    ],
)
def test_concerns(change: tuple[Any, Any, Any], used: dict[str, Any], text: str) -> None:
    item = Change(change[0], "train", "key", change[1], change[2])
    assert [found.text for found in concerns([item], {"train": used})] == ([text] if text else [])
    assert concerns([item], {"other": {"key": 1}}) == []
