"""From what was written to what is meant in full."""

from __future__ import annotations

import pytest

from lorabridge.config.load import Loaded
from lorabridge.config.paths import show
from lorabridge.families import FAMILIES
from lorabridge.families.resolve import Missing, Resolved, get, resolve
from tests.support import SMALL, LoadText

from .whole import LEAVES, spots, whole, write


def _resolved(loaded: Loaded, trainer: str = "") -> Resolved:
    assert loaded.config is not None
    found = resolve(loaded.config, trainer)
    assert isinstance(found, Resolved)
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_resolving_twice_changes_nothing(family: str, load_text: LoadText) -> None:
    text = SMALL.replace("qwen-image", family) + "sample: {prompts: [x]}\nadapter: {conv_rank: 4}\n"
    once = _resolved(load_text(text))
    again = resolve(once.config)
    assert isinstance(again, Resolved)
    assert again.config == once.config
    assert once.config.model.family == family
    assert once.config.model.variant == FAMILIES[family].variants[0].name


@pytest.mark.parametrize("family", FAMILIES)
def test_what_the_family_recommends_is_filled_in(family: str, load_text: LoadText) -> None:
    resolved = _resolved(load_text(SMALL.replace("qwen-image", family)))
    for path in FAMILIES[family].defaults.values:
        value = get(resolved.config, path)
        assert value != "auto"
        variant = FAMILIES[family].variants[0].defaults
        expected = (variant.values if variant and path in variant.values else FAMILIES[family].defaults.values)[path]
        assert value == expected
        assert resolved.origins[path]


def test_what_was_written_is_kept(load_text: LoadText) -> None:
    loaded = load_text(write(whole()).text, "model.family=wan22", "model.variant=t2v-a14b", "datasets[0].control=null")
    assert loaded.ok
    resolved = _resolved(loaded)
    places = spots(whole())
    for path, row in LEAVES.items():
        if path not in ("model.family", "model.variant") and get(loaded.config, show(places[path])) not in ("auto", None):
            assert get(resolved.config, show(places[path])) == get(loaded.config, show(places[path])), (path, row.key)


def test_inherited_values(load_text: LoadText) -> None:
    text = SMALL + "adapter: {rank: 24, conv_rank: 8}\nsample: {seed: 7, negative: blurry, frames: 5, prompts: [a, {prompt: b, seed: 9}]}\n"
    config = _resolved(load_text(text)).config
    assert (config.adapter.alpha, config.adapter.conv_alpha) == (24.0, 8.0)
    assert [(item.seed, item.negative, item.frames) for item in config.sample.prompts] == [(7, "blurry", 5), (9, "blurry", 5)]
    assert config.datasets[0].trigger == "ohwx"
    assert config.datasets[0].batch_size == config.train.batch_size
    assert config.datasets[0].resolution == [FAMILIES["qwen-image"].resolution]
    assert config.logging.wandb.run_name == "cat-toy"


def test_alpha_follows_the_familys_rank(load_text: LoadText) -> None:
    config = _resolved(load_text(SMALL)).config
    assert config.adapter.rank == FAMILIES["qwen-image"].defaults.values["adapter.rank"]
    assert config.adapter.alpha == float(config.adapter.rank)


def test_regularization_pictures_get_no_trigger(load_text: LoadText) -> None:
    text = SMALL.replace("[{images: pictures}]", "[{images: pictures}, {images: reg, regularization: true}]")
    assert [data.trigger for data in _resolved(load_text(text)).config.datasets] == ["ohwx", ""]


@pytest.mark.parametrize(("dtype", "mixed", "save"), [("bf16", "bf16", "bf16"), ("fp16", "fp16", "fp16"), ("fp32", "off", "fp32")])
def test_precisions_follow_the_models(dtype: str, mixed: str, save: str, load_text: LoadText) -> None:
    config = _resolved(load_text(SMALL, f"model.dtype={dtype}")).config
    assert (config.train.mixed_precision, config.save.dtype) == (mixed, save)


@pytest.mark.parametrize(("directory", "meant"), [("logs", "tensorboard"), (None, "off")])
def test_the_tracker_follows_the_folder(directory: str | None, meant: str, load_text: LoadText) -> None:
    config = _resolved(load_text(SMALL, *([f"logging.dir={directory}"] if directory else []))).config
    assert config.logging.to == meant


def test_a_trainers_own_recommendation_goes_first(load_text: LoadText) -> None:
    family = next(row for row in FAMILIES.values() if row.trainer_defaults and not row.variants[0].defaults)
    trainer, own = next(iter(family.trainer_defaults.items()))
    loaded = load_text(SMALL.replace("qwen-image", family.name))
    for path, value in own.values.items():
        assert get(_resolved(loaded, trainer).config, path) == value


@pytest.mark.parametrize(("override", "path"), [("model.family=qwen-imgae", "model.family"), ("model.variant=nope", "model.variant")])
def test_unknown_names(override: str, path: str, load_text: LoadText) -> None:
    loaded = load_text(SMALL, override)
    assert loaded.config is not None
    missing = resolve(loaded.config)
    assert isinstance(missing, Missing)
    assert missing.path == path
    assert missing.names
