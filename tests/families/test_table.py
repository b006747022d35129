"""The rows keep their promises: values the language accepts, paths that exist, names that find one row."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lorabridge.config.fields import leaves, rows_of
from lorabridge.config.schema import Config
from lorabridge.config.schema.model import Paths
from lorabridge.families import FAMILIES, Defaults, Family, Variant, find_family
from lorabridge.families.check import needs_of
from lorabridge.families.table import plain

TRAINERS = ("musubi", "diffusion-pipe", "ai-toolkit", "embedded")
PROMISED = {"adapter.rank", "optimizer.lr", "noise.timestep_sampling", "noise.shift", "sample.steps", "sample.guidance"}
EVERYONE = [pytest.param(row, id=row.name) for row in FAMILIES.values()]
VARIANTS = [pytest.param(row, variant, id=f"{row.name}:{variant.name}") for row in FAMILIES.values() for variant in row.variants]


def _trainers(family: Family, variant: Variant) -> list[str]:
    return [name for name in TRAINERS if needs_of(family, variant, name) is not None]


def _all_defaults(family: Family) -> list[Defaults]:
    own = [variant.defaults for variant in family.variants if variant.defaults is not None]
    return [family.defaults, *family.trainer_defaults.values(), *own]


@pytest.mark.parametrize("family", EVERYONE)
def test_defaults_answer_every_open_field(family: Family) -> None:
    assert set(family.defaults.values) == PROMISED


@pytest.mark.parametrize("family", EVERYONE)
def test_defaults_are_values_of_the_language(family: Family) -> None:
    fields = leaves(Config)
    for row in _all_defaults(family):
        assert row.source
        assert set(row.values) <= PROMISED
        for path, value in row.values.items():
            kind = fields[path].kind
            assert kind is not None
            assert kind.check(value) == value
            assert type(kind.check(value)) is type(value), path
            assert value != "auto"


@pytest.mark.parametrize("family", EVERYONE)
def test_a_family_is_complete(family: Family) -> None:
    assert family.name == plain(family.name)
    assert family.title
    assert family.evidence
    assert family.variants
    assert family.attention
    assert family.resolution % 16 == 0
    assert 256 <= family.resolution <= 2048
    assert set(family.trainer_defaults) <= set(family.needs)
    assert set(family.native) <= set(family.needs)
    assert family.frame_rule is None or family.media == "video"


@pytest.mark.parametrize("family", EVERYONE)
def test_paths_are_keys_of_the_language(family: Family) -> None:
    known = set(rows_of(Paths))
    assert set(family.needs) <= set(TRAINERS)
    assert family.needs
    for needs in (family.needs, *(variant.needs for variant in family.variants)):
        for trainer, options in needs.items():
            assert trainer in family.needs
            assert options
            assert all(option and set(option) <= known for option in options)


@pytest.mark.parametrize(("family", "variant"), VARIANTS)
def test_a_variant_is_complete(family: Family, variant: Variant) -> None:
    assert variant.name == plain(variant.name)
    assert variant.name != "auto"
    assert variant.doc.endswith(".")
    assert variant.repo.count("/") == 1
    assert variant.lora_group
    assert set(variant.pairs) <= set(rows_of(Paths))
    assert _trainers(family, variant), "somebody must be able to train it"
    assert variant.trainers is None or set(variant.trainers) <= set(family.needs)


@pytest.mark.parametrize(("family", "variant"), VARIANTS)
def test_what_is_distilled_has_a_way_out(family: Family, variant: Variant) -> None:
    if variant.distilled:
        assert variant.adapter or any(not sibling.distilled for sibling in family.variants)
    else:
        assert not variant.adapter


@pytest.mark.parametrize("family", EVERYONE)
def test_auto_means_an_undistilled_variant_where_there_is_one(family: Family) -> None:
    first = family.variant("auto")
    assert first is family.variants[0]
    assert not first.distilled or all(variant.distilled for variant in family.variants)
    assert not first.control or first.control == "optional" or len(family.variants) == 1


@pytest.mark.parametrize(("family", "variant"), VARIANTS)
def test_musubi_gets_single_files(family: Family, variant: Variant) -> None:
    for option in needs_of(family, variant, "musubi") or ():
        assert "transformer" in option or "transformer_high_noise" in option
        assert not {"repo", "checkpoint", "extras"} & set(option)


@pytest.mark.parametrize(("family", "variant"), VARIANTS)
def test_edit_variants_take_control_pictures(family: Family, variant: Variant) -> None:
    if "edit" in variant.name or "fun-control" in variant.name or "kontext" in family.name:
        assert variant.control is True
    if variant.experts:
        options = needs_of(family, variant, "musubi") or ()
        assert {path for option in options for path in option} >= {"transformer", "transformer_high_noise"}


def test_names_are_unique() -> None:
    names = [plain(name) for row in FAMILIES.values() for name in (row.name, *row.aliases)]
    assert sorted(names) == sorted(set(names))
    for row in FAMILIES.values():
        variants = [variant.name for variant in row.variants]
        assert sorted(variants) == sorted(set(variants))


def test_a_lora_group_belongs_to_one_family_or_one_architecture() -> None:
    owners: dict[str, set[str]] = {}
    for row in FAMILIES.values():
        for variant in row.variants:
            owners.setdefault(variant.lora_group, set()).add(row.name)
    shared = {group: names for group, names in owners.items() if len(names) > 1}
    assert shared == {"flux1": {"flux1", "flux1-kontext"}}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("qwen-image", "qwen-image"),
        ("Qwen_Image", "qwen-image"),
        ("zimage", "z-image"),
        ("Z Image", "z-image"),
        ("FLUX.2", "flux2"),
        ("flux2_klein", "flux2"),
        ("Wan2.2", "wan22"),
        ("SD1.5", "sd15"),
        ("sd-xl", "sdxl"),
        ("kontext", "flux1-kontext"),
        ("HunyuanVideo_1.5", "hunyuan-video-1.5"),
    ],
)
def test_people_write_names_in_many_ways(written: str, meant: str) -> None:
    assert find_family(written) is FAMILIES[meant]


@pytest.mark.parametrize("vague", ["", "flux", "wan", "hunyuan", "sd", "klein-4b", "klein-9b", "flux2_klein_4b", "auto"])
def test_a_name_that_would_lose_a_choice_is_unknown(vague: str) -> None:
    assert find_family(vague) is None


def test_the_table_is_cheap_to_import() -> None:
    code = "import sys, lorabridge.families; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "lorabridge.families.table" in loaded
    assert not {"pydantic", "pydantic_core", "yaml", "typer", "rich", "torch", "lorabridge.config"} & set(loaded)
