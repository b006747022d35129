"""Options under `backends.ai-toolkit`: checked, merged, told."""

from __future__ import annotations

import pytest

from .conftest import at, codes

BAD = [
    ("{train: {skip_first_sampl: true}}", "LB303", "train.skip_first_sampl", "skip_first_sample"),
    ("{trian: {}}", "LB303", "trian", "train"),
    ("{save_every: 5}", "LB303", "save_every", "save"),
    ("{train: {max_loss_debug: 1}}", "LB304", "train.max_loss_debug", ""),
    ("{train: {steps: '4'}}", "LB304", "train.steps", ""),
    ("{train: {loss_target: nois}}", "LB304", "train.loss_target", "noise"),
    ("{train: {noise_scheduler: flowmach}}", "LB304", "train.noise_scheduler", "flowmatch"),
    ("{train: {unet_lr: 0.1}}", "LB304", "train.unet_lr", "remove"),
    ("{train: 4}", "LB304", "train", ""),
    ("{train: {lr: 0.1}}", "LB305", "train.lr", "optimizer.lr"),
    ("{network: {linear: 8}}", "LB305", "network.linear", "adapter.rank"),
    ("{datasets: {resolution: [768]}}", "LB305", "datasets.resolution", "datasets[0].resolution"),
    ("{training_folder: /x}", "LB305", "training_folder", "output.dir"),
]


@pytest.mark.parametrize(("written", "code", "path", "fix"), BAD, ids=lambda value: str(value)[:40])
def test_bad(compiled, written, code, path, fix):
    plan = compiled(more=f"backends: {{ai-toolkit: {written}}}\n")
    found = {item.path: item for item in plan.diagnostics if item.severity == "error"}
    item = found[f"backends.ai-toolkit.{path}"]
    assert item.code == code
    assert fix in item.fix
    assert item.span is not None


def test_a_fight_names_both(compiled):
    plan = compiled(more="backends: {ai-toolkit: {train: {lr: 0.1}}}\n")
    item = next(item for item in plan.diagnostics if item.code == "LB305")
    assert "backends.ai-toolkit.train.lr" in item.message
    assert "optimizer.lr" in item.message


def test_a_default_is_overridden_and_told(compiled, process):
    more = "backends: {ai-toolkit: {train: {max_loss: 5.0, timestep_type: shift}, sqlite_db_path: /db, datasets: {random_crop: true}}}\n"
    tree = process(more=more)
    assert at(tree, "train.max_loss") == 5.0
    assert at(tree, "train.timestep_type") == "shift"
    assert at(tree, "datasets.0.random_crop") is True
    assert at(tree, "sqlite_db_path") == "/db"
    told = {note.path for note in compiled(more=more).notes if note.kind == "native"}
    assert "backends.ai-toolkit.train.timestep_type" in told


def test_free_form_sections_are_merged_key_by_key(process):
    more = "backends: {ai-toolkit: {network: {network_kwargs: {full_if_contains: [proj]}}}}\n"
    tree = process("adapter.targets=attention", more=more)
    assert tree["network"]["network_kwargs"] == {"only_if_contains": ["attention."], "full_if_contains": ["proj"]}


def test_a_free_form_key_that_fights_is_found(compiled):
    more = "backends: {ai-toolkit: {network: {network_kwargs: {only_if_contains: [x]}}}}\n"
    assert "LB305" in codes(compiled("adapter.targets=attention", more=more)).values()


def test_prompts_can_not_hide_in_native_options(compiled):
    more = "backends: {ai-toolkit: {train: {unconditional_prompt: 'a ${HOME}'}}}\n"
    assert "LB307" in codes(compiled(more=more)).values()
