"""What holds for every trainer and every set: samples are conserved, order does not matter, nothing raises."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabridge.backends import get_backend
from lorabridge.backends.outlook import Native, rules_of
from lorabridge.data.buckets import Bucketing, Media
from tests.plan.steps.truth.cases import MAKERS

TRAINERS = list(MAKERS)


def bucketing(trainer: str, case: dict[str, Any], order: random.Random | None = None) -> tuple[Bucketing, Any]:
    rules = rules_of(get_backend(trainer))
    assert rules is not None
    native = Native(case["files"], case["stages"], case["family"], case["variant"])
    media = {
        folder: [
            Media(name, width, height, frames, fps, captions, tuple(map(tuple, controls)), turned)
            for name, width, height, frames, fps, captions, controls, turned in items
        ]
        for folder, items in case["folders"].items()
    }
    for items in media.values() if order else ():
        order.shuffle(items)  # type: ignore[union-attr]
    made = rules.bucketing(native, lambda folder, extension: media[folder])
    return made, rules.timeline(native, made)


def case_of(trainer: str, seed: int, clips: bool) -> dict[str, Any]:
    return MAKERS[trainer](random.Random(seed), clips and trainer != "embedded")


@pytest.mark.parametrize("trainer", TRAINERS)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9), clips=st.booleans())
def test_samples_are_conserved(trainer: str, seed: int, clips: bool) -> None:
    made, line = bucketing(trainer, case_of(trainer, seed, clips))
    for one in made.buckets:
        assert 0 <= one.dropped <= one.samples
        assert one.seen == one.samples - one.dropped + one.padded
        full = one.batches - bool(one.partial)
        if trainer != "embedded":
            assert one.seen == full * one.batch + one.partial, one
        assert one.samples == 0 or one.fits
        for fit in one.fits:
            assert 0 <= fit.lost(one.width, one.height) < 1
            assert fit.scaled[0] >= one.width or one.width == 0
            assert fit.scaled[1] >= one.height or one.height == 0
    assert line.samples is None or line.samples >= 0
    assert line.steps is None or line.steps >= 0


@pytest.mark.parametrize("trainer", TRAINERS)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**9), clips=st.booleans())
def test_the_order_of_files_does_not_matter(trainer: str, seed: int, clips: bool) -> None:
    """Equal names are the exception: the first of them is kept."""
    case = case_of(trainer, seed, clips)
    for items in case["folders"].values():
        for number, item in enumerate(items):
            item[0] = f"{number:03d}{item[0][-4:]}"
    one, two = bucketing(trainer, case)[0], bucketing(trainer, case, random.Random(seed))[0]
    assert sorted((b.key, b.samples, b.batches, b.dropped, b.padded) for b in one.buckets) == sorted(
        (b.key, b.samples, b.batches, b.dropped, b.padded) for b in two.buckets
    )


@pytest.mark.parametrize("trainer", TRAINERS)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**9), more=st.integers(1, 5))
def test_more_pictures_never_make_fewer_samples(trainer: str, seed: int, more: int) -> None:
    case = case_of(trainer, seed, False)
    before = bucketing(trainer, case)[0]
    for items in case["folders"].values():
        items += [
            [f"more-{number}.png", 700, 700, 0, 0.0, 1, [[512, 512]] if items and items[0][6] else [], False] for number in range(more)
        ]
    after = bucketing(trainer, case)[0]
    if not before.findings and not after.findings:
        assert after.samples >= before.samples
        assert after.batches >= before.batches


@pytest.mark.parametrize("trainer", TRAINERS)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_the_rate_is_a_share(trainer: str, seed: int) -> None:
    _, line = bucketing(trainer, case_of(trainer, seed, False))
    if line.rate and line.steps:
        for step in {1, 2, line.steps // 2 or 1, line.steps}:
            assert 0 <= line.rate(step) <= 1 + 1e-9
