"""The text of a contract, and the nearest one to a commit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lorabridge.contracts import store
from lorabridge.contracts.model import Contract, Entry, Section, dumps, loads

A = Contract(
    "musubi",
    "a" * 40,
    {
        "train": Section(
            {"b": Entry("shared.py:2", type="int", default=0), "a": Entry("shared.py:1"), "own": Entry("train.py:9", default=False)}
        ),
        "tune": Section({"a": Entry("shared.py:1"), "b": Entry("shared.py:2", type="int", default=0)}, ("other.package",)),
        "cache": Section(
            {"b": Entry("shared.py:2", type="int", default=1), "c": Entry("x.py:1", choices=("x", None), default_of="a.b", required=True)}
        ),
        "empty": Section({}),
    },
    "1.0",
    "2026-01-10",
)


def test_text_and_back() -> None:
    text = dumps(A)
    back = loads(text)
    assert {name: (dict(section.keys), section.takes) for name, section in back.sections.items()} == {
        name: (dict(section.keys), section.takes) for name, section in A.sections.items()
    }
    assert (back.trainer, back.commit, back.version, back.date) == ("musubi", "a" * 40, "1.0", "2026-01-10")
    assert dumps(back) == text


def test_text_is_sorted_and_shared_and_one_line_an_entry() -> None:
    text = dumps(A)
    assert text == dumps(Contract(A.trainer, A.commit, dict(reversed(A.sections.items())), A.version, A.date))
    assert text.count('"shared.py:1"') == 1
    assert '   "own": {"default": false, "at": "train.py:9"}\n' in text
    assert list(json.loads(text)["sections"]) == ["cache", "empty", "train", "tune"]
    assert text.endswith("}\n")


def test_a_change_of_one_entry_is_a_change_of_one_line() -> None:
    sections = {**A.sections, "train": Section({**A.sections["train"].keys, "own": Entry("train.py:9", default=True)})}
    before, after = dumps(A).splitlines(), dumps(Contract(A.trainer, A.commit, sections, A.version, A.date)).splitlines()
    assert sum(1 for one, two in zip(before, after, strict=True) if one != two) == 1


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"format": 2}',
        "nonsense",
        '{"format": 1}',
        '{"format": 1, "trainer": "x", "shared": {}, "sections": {"a": {"with": ["b"], "keys": {}}}}',
        '{"commit": "30c658c", "groups": {}}',
    ],
)
def test_other_files_are_no_contracts(text: str) -> None:
    with pytest.raises(ValueError, match=r"contract|Expecting"):
        loads(text)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(store, "schema_dir", lambda: tmp_path)
    home = tmp_path / "contracts" / "musubi"
    home.mkdir(parents=True)
    for letter, day in (("a", "2026-01-10"), ("b", "2026-03-01"), ("c", "")):
        (home / f"{letter * 40}.json").write_text(dumps(Contract("musubi", letter * 40, A.sections, "", day)), encoding="utf-8")
    (home / "30c658c.json").write_text('{"something": "else"}', encoding="utf-8")
    return home


@pytest.mark.parametrize(
    ("commit", "day", "found", "why"),
    [
        ("a" * 40, "", "a", ""),
        ("b" * 7, "", "b", ""),
        ("f" * 40, "2026-01-20", "a", "no contract of musubi at ffffffffff; the nearest is aaaaaaaaaa, 10 days apart"),
        ("f" * 40, "2026-02-28", "b", "no contract of musubi at ffffffffff; the nearest is bbbbbbbbbb, 1 day apart"),
        ("f" * 40, "2026-03-01", "b", "no contract of musubi at ffffffffff; the nearest is bbbbbbbbbb, of the same day"),
        ("f" * 40, "", "b", "no contract of musubi at ffffffffff; the newest is bbbbbbbbbb of 2026-03-01"),
        ("", "", "b", "no contract of musubi at an unknown commit; the newest is bbbbbbbbbb of 2026-03-01"),
        ("aaaa", "", "b", "no contract of musubi at aaaa; the newest is bbbbbbbbbb of 2026-03-01"),
    ],
)
def test_nearest(shelf: Path, commit: str, day: str, found: str, why: str) -> None:
    near = store.nearest("musubi", commit, day)
    assert near is not None
    assert (near.contract.commit[0], near.why, near.exact) == (found, why, not why)


def test_no_contracts_at_all(shelf: Path) -> None:
    assert store.nearest("embedded", "a" * 40) is None
