"""Every key of the language, mutated in five ways in a full valid document: each is reported exactly where it stands."""

from __future__ import annotations

import pytest

from lorabridge.config.document import parse_text
from lorabridge.config.fields import rows_of
from lorabridge.config.load import Loaded
from lorabridge.config.paths import KeyPath, show
from lorabridge.config.schema import Config
from lorabridge.config.validate import ALIASES, row_at, unknown_key
from lorabridge.diagnostics import Diagnostic
from tests.support import LoadText

from .whole import KEYS, Pairs, edited, spots, whole, write, wrong_value

WHOLE = whole()
SPOTS = spots(WHOLE)
EVERY_KEY = [pytest.param(path, id=path) for path in KEYS]


def _at(items: list[Diagnostic], spot: tuple[int, int]) -> list[Diagnostic]:
    return [item for item in items if item.span and (item.span.line, item.span.column) == spot]


def _only(loaded: Loaded, code: str, spot: tuple[int, int], path: KeyPath) -> Diagnostic:
    """The one finding with `code` at `spot`. Beside it, only what follows from the key being gone."""
    here = [item for item in _at(loaded.diagnostics, spot) if item.code == code]
    assert len(here) == 1, [(d.code, d.span, d.message) for d in loaded.diagnostics]
    others = [item for item in loaded.diagnostics if item is not here[0]]
    gone = {show(path), show(path[:-1])}
    stray = [item for item in others if not (item.code in ("LB104", "LB202", "LB204") or item.path in gone)]
    assert not stray, stray
    return here[0]


def test_the_whole_document_has_every_key_and_no_finding(load_text: LoadText) -> None:
    assert set(SPOTS) >= set(KEYS)
    loaded = load_text(write(WHOLE).text)
    assert loaded.diagnostics == []
    assert loaded.ok


def test_every_position_is_the_one_that_was_written() -> None:
    for flow in (lambda path: False, lambda path: True, lambda path: len(path) > 1, lambda path: len(path) == 2):
        written = write(WHOLE, flow)
        document = parse_text(written.text, "x")
        assert not document.diagnostics
        keys = {path: [(place.key.line, place.key.column)] for path, place in document.places.items()}
        values = {path: [(place.value.line, place.value.column)] for path, place in document.places.items()}
        assert keys == written.keys
        assert values == written.values


def _typo(key: str) -> str:
    return key[:2] + key[3:] if len(key) > 5 else key + "z"


@pytest.mark.parametrize("path", EVERY_KEY)
def test_a_typo(path: str, load_text: LoadText) -> None:
    spot = SPOTS[path]
    bad = _typo(str(spot[-1]))
    written = write(edited(WHOLE, spot, lambda key, value: [(bad, value)]))
    loaded = load_text(written.text)
    item = _only(loaded, "LB102", written.keys[*spot[:-1], bad][0], spot)
    assert f"`{bad}`" in item.message
    assert not loaded.ok
    if len(bad) > 4:
        assert f"did you mean `{spot[-1]}`?" in item.fix
        assert item.edits[0].text == spot[-1]


@pytest.mark.parametrize("path", EVERY_KEY)
def test_a_wrong_case(path: str, load_text: LoadText) -> None:
    spot = SPOTS[path]
    key = str(spot[-1])
    for bad in (key.upper(), key.replace("_", "-").capitalize()):
        written = write(edited(WHOLE, spot, lambda key, value, bad=bad: [(bad, value)]))
        loaded = load_text(written.text)
        item = _only(loaded, "LB102", written.keys[*spot[:-1], bad][0], spot)
        assert item.fix == f"did you mean `{key}`?"
        assert [edit.text for edit in item.edits] == [key]
        assert not loaded.ok


@pytest.mark.parametrize("path", EVERY_KEY)
def test_a_wrong_type(path: str, load_text: LoadText) -> None:
    spot = SPOTS[path]
    bad, code = wrong_value(KEYS[path])
    written = write(edited(WHOLE, spot, lambda key, value: [(key, bad)]))
    loaded = load_text(written.text)
    item = _only(loaded, code, written.values[spot][0], spot)
    assert item.path == show(spot)
    assert not loaded.ok


@pytest.mark.parametrize("path", EVERY_KEY)
def test_a_duplicate(path: str, load_text: LoadText) -> None:
    spot = SPOTS[path]
    written = write(edited(WHOLE, spot, lambda key, value: [(key, value), (key, value)]))
    loaded = load_text(written.text)
    first, second = written.keys[spot]
    assert [(item.code, (item.span.line, item.span.column)) for item in loaded.diagnostics if item.span] == [("LB101", second)]
    (place, text) = loaded.diagnostics[0].related[0]
    assert (place.line, place.column) == first
    assert text == "first written here"
    assert not loaded.ok


def _host(key: str) -> str:
    """Another section that has neither the key nor one with a similar name."""
    for section in ("output", "loss", "scheduler", "cache", "hardware", "memory"):
        item = unknown_key((section, key), {})
        if key != section and key not in rows_of(row_at((section,)).section) and item.code == "LB103":  # type: ignore[union-attr,arg-type]
            return section
    raise AssertionError(f"no section is unlike `{key}`")


@pytest.mark.parametrize("path", EVERY_KEY)
def test_a_wrong_section(path: str, load_text: LoadText) -> None:
    spot = SPOTS[path]
    key = str(spot[-1])
    host = _host(key)
    moved: list[object] = []

    def take(key: str, value: object) -> list[tuple[str, object]]:
        moved.append(value)
        return []

    without = edited(WHOLE, spot, take)
    written = write(edited(without, (host,), lambda name, value: [(name, Pairs([*value, (key, moved[0])]))]))
    loaded = load_text(written.text)
    item = _only(loaded, "LB103", written.keys[host, key][0], spot)
    homes = [home for home in KEYS if home.rpartition(".")[2] == key]
    assert any(f"`{home}`" in item.fix for home in homes)
    assert f"`{path}`" in item.fix or len(homes) > 3
    assert not loaded.ok


SECTIONS = [""] + [path for path, row in KEYS.items() if row.section is not None]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_in_every_other_section(section: str) -> None:
    """The whole matrix: never silent, always at the key, and a near name or the right home is told."""
    inside = tuple(part for part in section.replace("[]", ".0").split(".") if part)
    prefix: KeyPath = tuple(int(part) if part == "0" else part for part in inside)
    known = rows_of(row_at(prefix).section if prefix else Config)  # type: ignore[union-attr,arg-type]
    for key in {path.rpartition(".")[2] for path in KEYS} - set(known):
        item = unknown_key((*prefix, key), {})
        assert item.code in ("LB102", "LB103")
        assert item.fix
        if item.code == "LB102":
            assert any(f"`{name}`" in item.fix for name in known), (section, key, item)


@pytest.mark.parametrize("alias", ALIASES)
def test_names_of_other_trainers_are_known(alias: str, load_text: LoadText, small: str) -> None:
    loaded = load_text(f"{small}{alias}: 1\n")
    (item,) = [item for item in loaded.diagnostics if item.path == alias]
    assert item.code == "LB103"
    assert ALIASES[alias] in item.fix
    assert (item.span.line, item.span.column) == (7, 1)  # type: ignore[union-attr]
    assert ALIASES[alias] in KEYS
