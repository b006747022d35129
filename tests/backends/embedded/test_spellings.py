"""Spellings that the mutation test (`scripts/mutate_rows.py`) found unguarded."""

from __future__ import annotations

import pytest

from .helpers import at, errors, job, plan


@pytest.mark.parametrize("field", ["adapter.type=loha", "scheduler.type=warmup-stable-decay", "scheduler.type=inverse-sqrt"])
def test_what_it_has_not_is_refused(field: str) -> None:
    assert errors(plan(field)) == [("LB301", field.partition("=")[0])]


def test_words_are_spelled_as_its_reader_knows_them() -> None:
    assert at(job("scheduler.type=polynomial"), "scheduler.type") == "polynomial"
    assert at(job("noise.bias=content"), "noise.bias") == "content"


@pytest.mark.parametrize("field", ["cache.text.batch_size=1", "cache.text.workers=0"])
def test_what_it_does_anyway_may_be_said(field: str) -> None:
    assert plan(field).ok


def test_a_null_that_means_the_default_is_what_leaving_it_out_is() -> None:
    assert at(job("optimizer.type=null"), "optimizer.type") == at(job(), "optimizer.type")
