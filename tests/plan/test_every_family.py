"""Every family and variant that a trainer can train: compiled, imported, and compiled again, the trainer is told the same."""

from __future__ import annotations

import pytest

from lorabridge.backends.base import Site
from lorabridge.families.check import needs_of
from lorabridge.families.table import FAMILIES
from lorabridge.plan.compile import compile_config
from lorabridge.plan.imports import import_texts, load_text
from lorabridge.plan.sources import compiled
from lorabridge.plan.unchanged import differences

TRAINERS = ("musubi", "diffusion-pipe", "ai-toolkit")
CASES = [
    (trainer, family.name, variant.name)
    for trainer in TRAINERS
    for family in FAMILIES.values()
    for variant in family.variants
    if needs_of(family, variant, trainer)
]
SITE = Site(root="/data", output="/data/runs", files="/srv/compiled", seed=7)
_FOLDERS = ("repo", "extras", "text_encoder", "text_encoder_2", "text_encoder_3", "image_encoder")


def _config(trainer: str, family: str, variant: str) -> str:
    entry = FAMILIES[family]
    chosen = entry.variant(variant)
    assert chosen is not None
    needs = needs_of(entry, chosen, trainer)
    assert needs
    paths = "".join(f"    {key}: /m/{key}{'' if key in _FOLDERS else '.safetensors'}\n" for key in needs[0])
    experts = "  experts: low-noise\n" if chosen.experts and trainer == "diffusion-pipe" else ""
    clips = entry.media == "video"
    frames = 34 if family == "minimax-h3" else 33
    data = f"videos: /data/clips, video: {{frames: [{frames}]}}" if clips else "images: /data/pictures"
    side = 960 if family == "cosmos" else 512
    control = ", control: [/data/control]" if "edit" in variant or "kontext" in family else ""
    return (
        f'lorabridge: 1\nname: cat\nmodel:\n  family: {family}\n  variant: "{variant}"\n  paths:\n{paths}{experts}'
        f"datasets: [{{{data}{control}, resolution: [{side}], captions: {{extension: .txt}}}}]\n"
        "adapter: {rank: 16, alpha: 16}\ntrain: {for: 200 steps, seed: 3}\noptimizer: {type: adamw, lr: 1e-4}\nsave: {every: 50 steps}\n"
    )


@pytest.mark.parametrize(("trainer", "family", "variant"), CASES)
def test_a_compile_comes_back(trainer: str, family: str, variant: str) -> None:
    plan = compile_config(load_text(_config(trainer, family, variant), "cat.yaml"), trainer, Site("/data", unsupported="warn", seed=7))
    assert plan.ok, [item.message for item in plan.diagnostics if item.severity == "error"]
    before = compiled(plan)
    made = import_texts(
        {source.file: source.native.text if source.native else source.text for source in before.sources}, trainer=trainer, report=False
    )
    assert made.loaded is not None
    assert not [item.message for item in made.findings if item.severity == "error"]
    if (trainer, family, variant) == ("diffusion-pipe", "wan22", "5b"):
        assert any("Wan 2.1 and Wan 2.2 apart" in item.message for item in made.findings)
    else:
        assert made.loaded.written["model"]["family"] == family
    again = compile_config(made.loaded, trainer, Site("/data", unsupported="warn", seed=7))
    assert list(differences(before, compiled(again), (), "/data")) == []
