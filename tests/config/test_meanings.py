"""What 0, "", [], null and absence become: for every field, exactly what its declaration says."""

from __future__ import annotations

from typing import Any

import pytest

from lorabridge.config.build import absent_value
from lorabridge.config.fields import FieldRow
from lorabridge.config.load import Loaded
from lorabridge.config.meanings import WORDS, Meaning
from lorabridge.config.paths import show
from lorabridge.diagnostics import Diagnostic
from lorabridge.families.resolve import Resolved, get, resolve
from tests.support import LoadText

from .whole import KEYS, LEAVES, Pairs, edited, spots, whole, write

WHOLE = whole()
SPOTS = spots(WHOLE)
RAW: dict[str, tuple[Any, ...]] = {"zero": (0, 0.0), "empty": ("", []), "null": (None,)}
CASES = [
    pytest.param(path, slot, raw, id=f"{path}-{slot}-{raw!r}")
    for path, row in KEYS.items()
    for slot, raws in RAW.items()
    if getattr(row.meanings, slot) is not None
    for raw in raws
    if not (raw == 0.0 and isinstance(raw, float) and getattr(row.kind, "whole", False)) and (raw != [] or row.listed)
]


def _here(loaded: Loaded, path: str) -> list[Diagnostic]:
    return [item for item in loaded.diagnostics if item.path == path and item.severity == "error" and item.code < "LB202"]


def _default(row: FieldRow) -> Any:
    return None if row.required else absent_value(row)


@pytest.mark.parametrize(("path", "slot", "raw"), CASES)
def test_every_declared_meaning(path: str, slot: str, raw: Any, load_text: LoadText) -> None:
    row = KEYS[path]
    meaning: Meaning = getattr(row.meanings, slot)
    spot = SPOTS[path]
    if meaning.kind == "number" and row.kind is None:
        raw = [int(raw)]  # the meaning is that of the list's items
    written = write(edited(WHOLE, spot, lambda key, value: [(key, raw)]))
    loaded = load_text(written.text)
    place = written.values[spot][0]
    here = _here(loaded, show(spot))
    readings = [(item.raw, item.meaning) for item in loaded.readings if item.path == spot]
    if meaning.kind == "invalid":
        assert [(item.code, (item.span.line, item.span.column)) for item in here if item.span] == [("LB201", place)]
        assert here[0].why == meaning.note
        assert not loaded.ok
    elif meaning.kind in ("number", "value"):
        assert not here
        assert not readings
        if loaded.config is not None:
            assert get(loaded.config, show(spot)) == raw
    else:
        assert not here, here
        assert readings == [(raw, meaning)]
        assert loaded.config is not None
        value = get(loaded.config, show(spot))
        if meaning.kind in row.words:
            assert value == meaning.kind
        elif meaning.kind == "off" and getattr(row.kind, "blank", False) and raw == "":
            assert value == ""
        else:
            assert value == _default(row)


@pytest.mark.parametrize("path", [path for path, row in LEAVES.items() if row.meanings.zero is None])
def test_a_zero_without_a_meaning_is_judged_by_the_kind(path: str, load_text: LoadText) -> None:
    spot = SPOTS[path]
    loaded = load_text(write(edited(WHOLE, spot, lambda key, value: [(key, 0)])).text)
    here = _here(loaded, show(spot))
    assert [item.code for item in here] in (["LB105"], ["LB106"], ["LB107"], ["LB108"]), "a zero must never pass unnoticed"


@pytest.mark.parametrize("path", KEYS)
def test_absence(path: str, load_text: LoadText) -> None:
    row, spot = KEYS[path], SPOTS[path]
    loaded = load_text(write(edited(WHOLE, spot, lambda key, value: [])).text)
    missing = [item for item in loaded.diagnostics if item.code == "LB104" and item.path == show(spot)]
    if row.required:
        assert len(missing) == 1
        assert f"`{show(spot)}` is missing" in missing[0].message
        assert row.meanings.absent.kind == "invalid"
    else:
        assert not missing
        assert loaded.config is not None
        value = get(loaded.config, show(spot))
        assert value == _default(row)
        if row.meanings.absent.kind in row.words and not isinstance(value, bool):
            assert value == row.meanings.absent.kind


@pytest.mark.parametrize("path", LEAVES)
def test_a_word_that_a_meaning_needs_can_be_written(path: str, load_text: LoadText) -> None:
    row, spot = LEAVES[path], SPOTS[path]
    for word in row.words:
        loaded = load_text(write(edited(WHOLE, spot, lambda key, value, word=word: [(key, word)])).text)
        assert not _here(loaded, show(spot))


SAID_BY_THE_DEFAULT = {
    ("model.training_adapter", "empty"),  # no adapter
    ("model.training_adapter", "null"),
    ("model.experts", "null"),  # both
    ("noise.weighting", "empty"),  # none
    ("noise.weighting", "null"),
    ("loss.type", "empty"),  # mse
    ("loss.type", "null"),
    ("logging.wandb.key_env", "empty"),  # WANDB_API_KEY
    ("logging.wandb.key_env", "null"),
    ("datasets[].trigger", "empty"),  # the empty text
    ("evaluate.datasets[].trigger", "empty"),
    ("sample.prompts[].negative", "empty"),
}


def test_no_meaning_is_declared_that_could_not_be_told_apart() -> None:
    """A raw zero that means a word of the language must have that word, or the field's default."""
    for path, row in LEAVES.items():
        for slot in ("zero", "empty", "null"):
            meaning = getattr(row.meanings, slot)
            if meaning is not None and meaning.kind in WORDS and meaning.kind not in row.words:
                assert not row.required, (path, slot)
                assert row.meanings.absent.kind == meaning.kind or (path, slot) in SAID_BY_THE_DEFAULT, (path, slot, meaning)


REPRESENTATIVE = [
    ("save.every", 0, "off"),
    ("save.every", None, "off"),
    ("save.keep_last", 0, "unlimited"),
    ("train.seed", 0, "random"),
    ("train.seed", None, "random"),
    ("adapter.dropout", 0, "off"),
    ("adapter.dropout", 0.0, "off"),
    ("adapter.rank", None, "auto"),
    ("adapter.alpha", None, None),
    ("memory.blocks_to_swap", 0, "off"),
    ("optimizer.max_grad_norm", 0, "off"),
    ("optimizer.weight_decay", 0, 0.0),
    ("train.workers", 0, 0),
    ("sample.seed", 0, 0),
    ("hardware.gpus", [], []),
    ("sample.width", 0, "auto"),
    ("logging.to", "", "auto"),
    ("cache.latents.to", None, "off"),
    ("train.ema", 0, None),
    ("preservation", None, None),
    ("model.training_adapter", "", None),
    ("sample.negative", "", ""),
]


@pytest.mark.parametrize(("path", "raw", "meant"), REPRESENTATIVE)
def test_representative_fields(path: str, raw: Any, meant: Any, load_text: LoadText, small: str) -> None:
    section, _, key = path.rpartition(".")
    tree: Any = Pairs([(key, raw)])
    for part in reversed(section.split(".") if section else []):
        tree = Pairs([(part, tree)])
    text = small if not section.startswith("train") else small.replace("train: {for: 1600 steps}\n", "")
    if section.startswith("train"):
        tree[0][1].append(("for", "1600 steps"))
    if section == "model":
        text, tree = small.replace("model: {family: qwen-image}\n", ""), Pairs([("model", Pairs([("family", "qwen-image"), (key, raw)]))])
    loaded = load_text(text + write(tree).text)
    assert [item for item in loaded.diagnostics if item.severity == "error"] == []
    assert get(loaded.config, path) == meant
    assert type(get(loaded.config, path)) is type(meant)


def test_an_empty_text_is_not_inherited_over(load_text: LoadText, small: str) -> None:
    text = (
        small.replace("images: pictures", 'images: pictures, trigger: ""')
        + 'sample: {negative: blurry, prompts: [{prompt: x, negative: ""}, y]}\n'
    )
    loaded = load_text(text)
    assert loaded.config is not None
    resolved = resolve(loaded.config)
    assert isinstance(resolved, Resolved)
    assert resolved.config.datasets[0].trigger == ""
    assert [item.negative for item in resolved.config.sample.prompts] == ["", "blurry"]


def test_booleans_are_not_zeros(load_text: LoadText, small: str) -> None:
    loaded = load_text(small + "save: {every: false}\n")
    assert [(item.code, item.path) for item in loaded.diagnostics] == [("LB105", "save.every")]
    assert not loaded.readings


def test_the_place_of_a_value_in_a_list_is_written_with_its_index(load_text: LoadText, small: str) -> None:
    loaded = load_text(small.replace("images: pictures", "images: pictures, repeats: 0"))
    assert [(item.code, item.path) for item in loaded.diagnostics] == [("LB201", "datasets[0].repeats")]
