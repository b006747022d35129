"""Rules between fields: each fires on its case, at its place, and stays quiet beside it."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from lorabridge.config.rules import RULES
from tests.support import SMALL, LoadText

BARE = SMALL.replace("trigger: ohwx\n", "")
NO_DATA = SMALL.replace("datasets: [{images: pictures}]\n", "")


class Case(NamedTuple):
    rule: str
    code: str
    path: str
    bad: str
    good: str
    base: str = SMALL


CASES = [
    Case("_one_source", "LB104", "datasets[0]", "datasets: [{repeats: 2}]", "datasets: [{images: x, repeats: 2}]", NO_DATA),
    Case(
        "_one_source", "LB202", "datasets[0].videos", "datasets: [{images: x, videos: y}]", "datasets: [{images: x}, {videos: y}]", NO_DATA
    ),
    Case(
        "_one_source",
        "LB204",
        "datasets[0].video",
        "datasets: [{images: x, video: {frames: [9]}}]",
        "datasets: [{videos: x, video: {frames: [9]}}]",
        NO_DATA,
    ),
    Case(
        "_one_source",
        "LB202",
        "datasets[0].aspect",
        "datasets: [{images: x, bucket: false, aspect: {}}]",
        "datasets: [{images: x, aspect: {}}]",
        NO_DATA,
    ),
    Case(
        "_one_source",
        "LB206",
        "datasets[0].aspect.min",
        "datasets: [{images: x, aspect: {min: 3}}]",
        "datasets: [{images: x, aspect: {min: 1}}]",
        NO_DATA,
    ),
    Case(
        "_one_source",
        "LB202",
        "datasets[0].mask_floor",
        "datasets: [{images: x, mask_floor: 0.1}]",
        "datasets: [{images: x, masks: y, mask_floor: 0.1}]",
        NO_DATA,
    ),
    Case("_one_source", "LB104", "evaluate.datasets[0]", "evaluate: {datasets: [{repeats: 2}]}", "evaluate: {datasets: [{images: x}]}"),
    Case(
        "_ranges",
        "LB206",
        "noise.min_timestep",
        "noise: {min_timestep: 900, max_timestep: 100}",
        "noise: {min_timestep: 100, max_timestep: 900}",
    ),
    Case(
        "_ranges",
        "LB206",
        "noise.min_timestep",
        "noise: {min_timestep: 500, max_timestep: 500}",
        "noise: {min_timestep: 499, max_timestep: 500}",
    ),
    Case("_scheduler", "LB202", "scheduler.warmup", "scheduler: {warmup: 1600 steps}", "scheduler: {warmup: 1599 steps}"),
    Case(
        "_scheduler",
        "LB202",
        "scheduler.decay",
        "scheduler: {type: cosine, decay: 10%}",
        "scheduler: {type: warmup-stable-decay, decay: 10%}",
    ),
    Case("_preservation", "LB202", "preservation", "preservation: {class: cat}", "preservation: {type: blank-prompt}", BARE),
    Case("_preservation", "LB104", "preservation", "preservation: {type: differential}", "preservation: {class: cat}"),
    Case("_trigger", "LB202", "sample.without_trigger", "sample: {without_trigger: true, prompts: [x]}", "sample: {prompts: [x]}", BARE),
    Case("_trigger_in_prompt", "LB204", "sample.prompts[1]", "sample: {prompts: [x, '[trigger] y']}", "sample: {prompts: [x, y]}", BARE),
    Case("_sample_prompts", "LB202", "sample.every", "sample: {every: 5 steps}", "sample: {every: 5 steps, prompts: [x]}"),
    Case("_save_beyond", "LB204", "save.every", "save: {every: 1601 steps}", "save: {every: 1600 steps}"),
    Case("_save_beyond", "LB204", "sample.every", "sample: {every: 2000 steps, prompts: [x]}", "sample: {every: 2 epochs, prompts: [x]}"),
    Case("_keep_last", "LB204", "save.keep_last", "save: {keep_last: 3}", "save: {keep_last: 3, every: 10 steps}"),
    Case(
        "_seed_zero",
        "LB203",
        "train.seed",
        "train: {for: 10 steps, seed: 0}",
        "train: {for: 10 steps, seed: random}",
        SMALL.replace("train: {for: 1600 steps}\n", ""),
    ),
    Case(
        "_no_effect", "LB202", "noise.shift", "noise: {timestep_sampling: uniform, shift: 3}", "noise: {timestep_sampling: shift, shift: 3}"
    ),
    Case(
        "_no_effect",
        "LB202",
        "noise.logit_mean",
        "noise: {timestep_sampling: shift, logit_mean: 1}",
        "noise: {timestep_sampling: logit-normal, logit_mean: 1}",
    ),
    Case(
        "_no_effect",
        "LB202",
        "noise.logit_std",
        "noise: {timestep_sampling: uniform, logit_std: 2}",
        "noise: {timestep_sampling: uniform, logit_std: 1}",
    ),
    Case("_conv", "LB202", "adapter.conv_alpha", "adapter: {conv_alpha: 4}", "adapter: {conv_alpha: 4, conv_rank: 4}"),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.rule}-{case.path}" for case in CASES])
def test_a_rule_fires_on_its_case_and_not_beside_it(case: Case, load_text: LoadText) -> None:
    bad = load_text(f"{case.base}{case.bad}\n")
    assert [(item.code, item.path) for item in bad.diagnostics] == [(case.code, case.path)]
    (item,) = bad.diagnostics
    assert item.message
    assert item.why
    assert item.fix
    assert item.span is not None
    assert item.span.line == case.base.count("\n") + 1
    good = load_text(f"{case.base}{case.good}\n")
    assert good.diagnostics == []
    assert good.ok


def test_every_rule_has_a_case() -> None:
    assert {rule.__name__ for rule in RULES} == {case.rule for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=[f"{case.rule}-{case.path}" for case in CASES])
def test_severities_are_those_of_the_table(case: Case, load_text: LoadText) -> None:
    (item,) = load_text(f"{case.base}{case.bad}\n").diagnostics
    severity = next(level for rule, level in RULES.items() if rule.__name__ == case.rule)
    assert item.severity == severity


def test_all_findings_in_one_pass(load_text: LoadText) -> None:
    text = """\
lorabridge: 1
name: two words
model: {familly: qwen-image}
datasets: [{images: x, repeats: 0}]
train: {for: 100}
optimizer: {lr: "1e-4", typ: adamw}
save: {keep_last: 3}
noise: {min_timestep: 900, max_timestep: 100}
"""
    loaded = load_text(text)
    assert [(item.code, item.path) for item in loaded.diagnostics] == [
        ("LB106", "name"),
        ("LB104", "model.family"),
        ("LB102", "model.familly"),
        ("LB201", "datasets[0].repeats"),
        ("LB108", "train.for"),
        ("LB105", "optimizer.lr"),
        ("LB102", "optimizer.typ"),
        ("LB204", "save.keep_last"),
        ("LB206", "noise.min_timestep"),
    ]


@pytest.mark.parametrize("gone", ["lorabridge", "name", "model", "datasets", "train"])
def test_rules_are_still_checked_when_a_required_key_is_missing(gone: str, load_text: LoadText) -> None:
    text = "".join(line for line in SMALL.splitlines(keepends=True) if not line.startswith(gone))
    loaded = load_text(f"{text}save: {{keep_last: 3}}\n")
    assert [(item.code, item.path) for item in loaded.diagnostics] == [("LB104", gone), ("LB204", "save.keep_last")]


def test_a_rule_is_silent_about_a_section_that_is_already_wrong(load_text: LoadText, small: str) -> None:
    loaded = load_text(f"{small}save: {{keep_last: 3, every: often}}\n")
    assert [(item.code, item.path) for item in loaded.diagnostics] == [("LB108", "save.every")]
