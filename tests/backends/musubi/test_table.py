"""The tables are complete, and they fit the trainer's contract."""

from __future__ import annotations

import pytest

from lorabridge.backends import musubi
from lorabridge.backends.musubi.archs import ARCHS, Arch
from lorabridge.backends.musubi.native import options_of
from lorabridge.backends.musubi.rows import DATASET_ROWS, ROWS
from lorabridge.backends.musubi.training import OPTIMIZERS, SCHEDULES
from lorabridge.config.fields import leaves
from lorabridge.config.schema import Config
from lorabridge.families.check import needs_of
from lorabridge.families.table import FAMILIES

from .helpers import plan

NAMES = [f"{family}:{variant}" for family, variant in ARCHS]


def test_every_field_of_the_language_has_a_row_or_a_function() -> None:
    covered = {row.path for row in musubi.ROWS} | set(musubi.HANDLED)
    assert set(leaves(Config)) - covered == set()


def test_nothing_is_covered_that_does_not_exist() -> None:
    covered = {row.path for row in musubi.ROWS} | set(musubi.HANDLED)
    assert covered - set(leaves(Config)) == set()


def test_rows_that_write_say_where_it_was_read() -> None:
    assert [row.path for row in ROWS + DATASET_ROWS if row.cannot is None and not row.evidence] == []


def test_rows_write_options_that_the_trainer_has() -> None:
    options = options_of("hv_train_network")
    assert [row.at for row in ROWS if row.at and row.at.removeprefix("train:") not in options] == []


def test_every_variant_that_the_families_promise_is_known() -> None:
    promised = {
        (family.name, variant.name)
        for family in FAMILIES.values()
        for variant in family.variants
        if needs_of(family, variant, "musubi") is not None
    }
    assert promised == set(ARCHS)


@pytest.mark.parametrize("arch", ARCHS.values(), ids=NAMES)
def test_architectures_name_options_that_their_scripts_have(arch: Arch) -> None:
    train, latents, text = options_of(arch.train), options_of(arch.latents), options_of(arch.text)
    assert set(arch.keys.values()) <= train.keys()
    assert set(arch.latent_paths.values()) <= latents.keys()
    assert set(arch.text_paths.values()) <= text.keys()
    assert {word[2:] for word in arch.latent_flags if word.startswith("--")} <= latents.keys()
    assert {word[2:] for word in arch.text_flags if word.startswith("--")} <= text.keys()
    for key, value in arch.flags.items():
        assert value in (train[key].get("choices") or [value])
    assert arch.sampling in train["timestep_sampling"]["choices"]
    assert not arch.resolution_shift or arch.resolution_shift in train["timestep_sampling"]["choices"]
    assert not arch.text_fp8 or (arch.text_fp8 in text and (arch.text_fp8 in train or not arch.text_fp8_train))
    assert ("fp8_scaled" in train) == ("fp8-scaled" in arch.fp8) or arch.train == "ideogram4_train_network"
    required = {key for key, option in text.items() if option.get("required")} - {"dataset_config"}
    assert required <= set(arch.text_paths.values())


@pytest.mark.parametrize(("family", "variant"), ARCHS, ids=NAMES)
def test_every_variant_compiles(family: str, variant: str) -> None:
    arch = ARCHS[family, variant]
    paths = ", ".join(f"{name}: /m/{name}.safetensors" for name in [*arch.keys, *(["transformer_high_noise"] if family == "wan22" else [])])
    made = plan(
        base=f"lorabridge: 1\nname: x\nmodel: {{family: {family}, variant: '{variant}', paths: {{{paths}}}}}\ndatasets: [{{images: /a}}]\ntrain: {{for: 10 steps}}\n"
    )
    assert made.ok, made.diagnostics
    options = options_of(arch.train)
    lines = [line for line in made.files[0].text.splitlines() if " = " in line]
    assert {line.partition(" = ")[0] for line in lines} <= options.keys()
    for stage in made.stages:
        words = stage.argv[stage.argv.index(next(word for word in stage.argv if word.endswith(".py"))) :]
        script = words[0].rpartition("/")[2].removesuffix(".py")
        given = {word[2:] for word in words if word.startswith("--")}
        assert given <= options_of(script).keys()
        assert {key for key, option in options_of(script).items() if option.get("required")} <= given


@pytest.mark.parametrize(
    ("family", "variant", "most"),
    [
        ("wan21", "t2v-14b", 39),
        ("wan21", "t2v-1.3b", 29),
        ("wan22", "t2v-a14b", 39),
        ("qwen-image", "base", 59),
        ("z-image", "base", 28),
        ("flux2", "dev", 29),
        ("flux2", "klein-base-9b", 16),
        ("flux2", "klein-base-4b", 13),
        ("flux1-kontext", "dev", 34),
        ("hunyuan-video", "t2v", 38),
        ("hunyuan-video-1.5", "i2v", 51),
        ("framepack", "f1", 38),
        ("krea2", "raw", 26),
        ("ideogram4", "base", 33),
        ("hidream-o1", "full", None),
        ("kandinsky5", "pro-t2v-5s-hd", None),
    ],
)
def test_most_blocks_that_can_be_swapped(family: str, variant: str, most: int | None) -> None:
    assert ARCHS[family, variant].swap == most


def test_schedules_and_optimizers_are_said_once() -> None:
    assert len(set(SCHEDULES.values())) == len(SCHEDULES)
    assert len(set(OPTIMIZERS.values())) == len(OPTIMIZERS)
