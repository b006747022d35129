"""The terms: exact counts, what each switch does, and that an estimate always exists or says why not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabridge.backends import BACKENDS, get_backend
from lorabridge.backends.footprint import footprint_of
from lorabridge.families import FAMILIES
from lorabridge.plan.memory.activations import heaviest
from lorabridge.plan.memory.adapter import states_of
from lorabridge.plan.memory.bytes import GB, Amount, read_size, size
from lorabridge.plan.memory.estimate import Estimate, Unknown, estimate, swapped
from lorabridge.plan.memory.models import GEOMETRY, geometry_of
from lorabridge.plan.memory.parts import ENCODERS, VAES
from lorabridge.plan.memory.section import fits, verdict
from lorabridge.plan.memory.weights import UNSURE, layers_for, layers_of
from tests.plan.memory.support import config, estimated, resolved

BILLIONS = {
    ("qwen-image", "base"): 20.4,
    ("z-image", "base"): 6.15,
    ("flux1", "dev"): 11.9,
    ("flux2", "dev"): 32.2,
    ("flux2", "klein-base-4b"): 3.88,
    ("flux2", "klein-base-9b"): 9.08,
    ("wan21", "t2v-14b"): 14.3,
    ("wan21", "t2v-1.3b"): 1.42,
    ("hunyuan-video", "t2v"): 12.8,
    ("sd3", "3.5-large"): 8.05,
    ("sdxl", "base"): 2.57,
    ("sd15", "base"): 0.86,
    ("sana", "1.6b"): 1.6,
    ("hidream", "full"): 17.1,
    ("lumina2", "base"): 2.61,
}
"""The sizes that the models are published with."""


@pytest.mark.parametrize("name", BILLIONS, ids=":".join)
def test_the_weights_are_those_of_the_published_model(name: tuple[str, str]) -> None:
    layers = layers_of(*name, native=False)
    assert layers is not None
    assert layers.elements / 1e9 == pytest.approx(BILLIONS[name], rel=0.01)


@pytest.mark.parametrize(
    ("trainer", "family", "variant", "rank", "millions"),
    [
        ("ai-toolkit", "flux1", "dev", 16, 85.9),
        ("ai-toolkit", "z-image", "base", 32, 85.0),
        ("ai-toolkit", "qwen-image", "base", 16, 147.5),
        ("diffusion-pipe", "wan21", "t2v-14b", 32, 153.4),
        ("musubi", "wan21", "t2v-14b", 32, 153.4),
        ("ai-toolkit", "sdxl", "base", 16, 42.5),
    ],
)
def test_the_trained_numbers_are_exact(trainer: str, family: str, variant: str, rank: int, millions: float) -> None:
    """Files of FLUX.1 rank 16 have 172 MB in bf16, of Wan 14B rank 32 307 MB."""
    assert estimated(config(family, variant, rank=rank), trainer).trained.mid / 1e6 == pytest.approx(millions, abs=0.06)


MODULES = {
    ("flux1", "dev"): 494,
    ("qwen-image", "base"): 840,
    ("z-image", "base"): 240,
    ("flux2", "dev"): 160,
    ("flux2", "klein-base-4b"): 80,
    ("flux2", "klein-base-9b"): 112,
    ("chroma", "base"): 228,
    ("lumina2", "base"): 238,
    ("wan21", "t2v-14b"): 400,
    ("sdxl", "base"): 722,
    ("sd15", "base"): 192,
}
"""backends/ai_toolkit.md 1: modules at the default targets (Wan 2.1 1.3B has 300 in 30 blocks, so 14B 400 in 40)."""


@pytest.mark.parametrize("name", MODULES, ids=":".join)
def test_ai_toolkit_adapts_the_modules_that_it_prints(name: tuple[str, str]) -> None:
    from lorabridge.plan.memory.adapter import modules_of

    found = resolved(config(*name), "ai-toolkit")
    layers, geometry = layers_for(found.family, found.variant, "ai-toolkit"), geometry_of(*name)
    facts = footprint_of(get_backend("ai-toolkit"))
    assert layers is not None
    assert geometry is not None
    assert facts is not None
    rows = modules_of(layers, found.config.adapter, found.family, "ai-toolkit", facts, unet=bool(geometry.unet))
    expected = MODULES[name]
    if name[0] == "lumina2":  # its transformer_only also takes the two pairs of refiners
        assert sum(row.count for row in rows) == pytest.approx(expected, rel=0.15)
    else:
        assert sum(row.count for row in rows) == expected


def _need(more: str = "", model: str = "", **other: object) -> Amount:
    return estimated(config("qwen-image", "base", model=model, more=more, **other), "musubi").training.amount  # type: ignore[arg-type]


def test_each_switch_goes_the_right_way() -> None:
    plain = _need().mid
    assert _need(model=", quantize: {transformer: fp8}").mid < plain - 15 * GB
    assert _need("memory: {gradient_checkpointing: false}\n").mid > plain + 20 * GB
    assert _need("memory: {checkpoint_offload: true}\n").mid < plain
    assert _need("memory: {blocks_to_swap: 20}\n").mid < plain - 10 * GB
    assert _need(side=1536).mid > plain
    assert _need(rank=128).mid > plain
    assert _need(optimizer="prodigy").mid > _need(optimizer="adamw").mid > plain
    assert _need("cache: {text: off}\n").mid > plain + 13 * GB
    assert _need("preservation: {class: cat}\n").mid > plain


def test_kinds_of_adapters_and_stages() -> None:
    lora = estimated(config("qwen-image", "base", rank=16), "musubi").trained.mid
    loha = "model: {family: qwen-image}\ndatasets: [{images: p}]\nadapter: {type: loha, rank: 16}\n"
    lokr, dora = loha.replace("loha", "lokr"), loha.replace("loha", "dora")
    assert estimated(loha, "musubi").trained.mid == 2 * lora
    assert lora < estimated(dora, "musubi").trained.mid < 1.05 * lora
    assert 0 < estimated(lokr, "musubi").trained.mid < estimated(lokr, "musubi").trained.high
    one, two = (
        estimated(config("flux2", "dev", more=f"hardware: {{pipeline_stages: {stages}}}\n"), "diffusion-pipe").training.terms
        for stages in (1, 2)
    )
    assert {term.name: term.amount.mid for term in two}["transformer"] == {term.name: term.amount.mid for term in one}["transformer"] / 2


def test_the_phase_that_needs_most_is_named() -> None:
    found = estimated(config("sana", "1.6b"), "embedded")
    assert found.peak.name == "encoding captions"
    assert found.peak.amount.mid == found.need.mid == max(phase.amount.mid for phase in found.phases)
    assert estimated(config("qwen-image", "base"), "musubi").peak.name == "training"


def test_swapping_goes_to_main_memory() -> None:
    swap = estimated(config("qwen-image", "base", more="memory: {blocks_to_swap: 30}\n"), "musubi")
    assert (
        sum(term.amount.mid for term in swap.main)
        > sum(term.amount.mid for term in estimated(config("qwen-image", "base"), "musubi").main) + 18 * GB
    )


def test_blocks_of_two_kinds_are_swapped_by_halves() -> None:
    """backends/diffusion_pipe.md: double = n // 2, single = (n - n // 2) * 2 + 1."""
    layers = layers_of("flux1", "dev", native=True)
    assert layers is not None
    assert [(block.name, count) for block, count in swapped(layers.blocks, 20, pairs=True)] == [
        ("double_blocks", 10),
        ("single_blocks", 21),
    ]
    assert [count for _, count in swapped(layers.blocks, 5000, pairs=True)] == [19, 38]


def test_the_heaviest_batch_counts() -> None:
    text = (
        "model: {family: wan21, variant: t2v-14b}\ndatasets:\n  - {images: p, resolution: [1024], batch_size: 4}\n"
        "  - {videos: v, resolution: [512, 640], video: {frames: [1, 81]}}\n"
    )
    load = heaviest(resolved(text, "musubi").config)
    assert (load.batch, load.pixels, load.frames) == (1, 640 * 640, 81)


def test_every_variant_has_an_estimate_or_a_reason() -> None:
    unknown = []
    for family in FAMILIES.values():
        for variant in family.variants:
            for trainer in [name for name in BACKENDS if name in family.needs and (variant.trainers is None or name in variant.trainers)]:
                facts = footprint_of(get_backend(trainer))
                found = estimate(resolved(config(family.name, f'"{variant.name}"', side=512), trainer), trainer, facts)
                if isinstance(found, Unknown):
                    unknown.append(f"{family.name}:{variant.name}")
                    assert found.why
                    continue
                for phase in found.phases:
                    assert 0 < phase.amount.low <= phase.amount.mid <= phase.amount.high, (family.name, variant.name, phase)
                assert found.trained.mid > 0, (family.name, variant.name, trainer)
    assert len(set(unknown)) <= 20, sorted(set(unknown))


def test_an_outside_trainer_is_unknown() -> None:
    assert isinstance(estimate(resolved(config("z-image", "base"), "musubi"), "other", None), Unknown)


def test_rows_name_what_exists() -> None:
    for name in GEOMETRY:
        family, _, variant = name.partition(":")
        assert family in FAMILIES
        assert not variant or FAMILIES[family].variant(variant)
        assert GEOMETRY[name].source
    assert all(family in FAMILIES for family, _ in UNSURE)
    named = {part for family in FAMILIES.values() for variant in family.variants for part in variant.pairs.values()}
    assert set(ENCODERS) | set(VAES) <= named
    for trainer in BACKENDS:
        facts = footprint_of(get_backend(trainer))
        assert facts is not None
        for family, rule in (*facts.quantized.items(), *facts.adapted.items()):
            assert family in FAMILIES
            assert rule.source
            layers = layers_for(FAMILIES[family], FAMILIES[family].variants[0], trainer)
            if layers is not None and rule.include:
                assert any(re.search(rule.include, row.name) for row in layers.table.rows), (trainer, family)


@pytest.mark.parametrize(
    ("name", "bytes_each"),
    [("AdamW8bit", 2.05), ("torch.optim.AdamW", 8), ("bitsandbytes.optim.PagedAdEMAMix8bit", 0), ("Lion", 4), ("what", 8)],
)
def test_optimizers(name: str, bytes_each: float) -> None:
    assert states_of(name)[0].mid == bytes_each


@given(st.floats(0.01, 900))
def test_sizes_are_read_as_they_are_written(value: float) -> None:
    shown = f"{value:.3f}"
    if float(shown):
        assert read_size(f"{shown} GB") == read_size(shown) == int(float(shown) * GB)
        assert read_size(size(value * GB)) == pytest.approx(value * GB, rel=0.11, abs=GB / 20)


@pytest.mark.parametrize("text", ["", "0", "-3", "24 TB", "much", "1e9", "24GBGB", "nan"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 24GB"):
        read_size(text)


@settings(max_examples=50)
@given(low=st.integers(1, 60), more=st.integers(0, 30), most=st.integers(0, 30), card=st.integers(1, 100))
def test_the_verdict_follows_the_interval(low: int, more: int, most: int, card: int) -> None:
    need = Amount(low * GB, (low + more) * GB, (low + more + most) * GB)
    answer = fits(need, card * GB)
    assert (answer == "yes") == (need.high <= card * GB)
    assert (answer == "no") == (need.low > card * GB)
    assert verdict(need, card * GB).startswith(answer)


def test_the_estimate_is_a_sum_of_its_terms() -> None:
    found = estimated(config("flux2", "klein-base-9b"), "ai-toolkit")
    assert isinstance(found, Estimate)
    for phase in found.phases:
        assert phase.amount.mid == pytest.approx(sum(term.amount.mid for term in phase.terms))
    assert found.need.high == max(phase.amount.high for phase in found.phases)
