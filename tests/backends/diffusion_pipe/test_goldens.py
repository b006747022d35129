"""Configs beside what becomes of them. `LORABRIDGE_UPDATE_GOLDENS=1` writes them anew."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from lorabridge.backends.base import Plan, Site
from lorabridge.backends.diffusion_pipe import lift
from lorabridge.config.load import load
from lorabridge.families.resolve import Resolved, resolve
from lorabridge.plan.compile import compile_config

GOLDENS = Path(__file__).parents[2] / "goldens" / "diffusion_pipe"
CASES = sorted(path.name for path in GOLDENS.iterdir() if path.is_dir())
SITE = Site(root="/data", files="/srv/compiled")


def compiled(case: str) -> Plan:
    return compile_config(load(GOLDENS / case / "config.yaml", shown="config.yaml"), "diffusion-pipe", SITE)


def texts(plan: Plan) -> dict[str, str]:
    (stage,) = plan.stages
    command = "".join(f"{key}={value}\n" for key, value in stage.env.items()) + shlex.join(stage.argv) + "\n"
    notes = "".join(
        f"{note.kind}: {note.path or '-'}{f' {note.value}' if note.value else ''} -> {note.at or '-'} {note.native}{f' ({note.text})' if note.text else ''}".rstrip()
        + "\n"
        for note in plan.notes
        if note.kind != "exact"
    )
    return {item.path: item.text for item in plan.files} | {"command.txt": command, "notes.txt": notes}


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str) -> None:
    plan = compiled(case)
    assert plan.ok, [(item.code, item.path, item.message) for item in plan.diagnostics]
    found = texts(plan)
    for name, text in found.items():
        path = GOLDENS / case / name
        if os.environ.get("LORABRIDGE_UPDATE_GOLDENS"):
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text, name
    assert {path.name for path in (GOLDENS / case).iterdir()} == {*found, "config.yaml"}


def again(plan: Plan, tmp_path: Path) -> tuple[Plan, Any]:
    """Compile, read back, write as a config, compile again."""
    (stage,) = plan.stages
    lifted = lift({item.path: item.text for item in plan.files} | {"stages.json": json.dumps([{"argv": stage.argv}])})
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(lifted.data, indent=1, default=str), encoding="utf-8")
    loaded = load(path, shown="config.yaml")
    return compile_config(loaded, "diffusion-pipe", SITE), loaded


def trees(plan: Plan) -> dict[str, Any]:
    import tomllib

    return {item.path: tomllib.loads(item.text) for item in plan.files}


@pytest.mark.parametrize("case", CASES)
def test_read_back_and_compiled_again_it_is_the_same(case: str, tmp_path: Path) -> None:
    plan = compiled(case)
    second, _ = again(plan, tmp_path)
    assert second.ok, [(item.code, item.path, item.message) for item in second.diagnostics]
    want, have = trees(plan), trees(second)
    if case == "kontext_edit":  # native options come back as native options, which are not part of the intent
        want["main.toml"].pop("partition_method"), want["dataset.toml"].pop("cache_shuffle_delimiter")
    assert have == want
    assert set(second.stages[0].argv) == set(plan.stages[0].argv)


SAME = {
    "character": [
        "name",
        "train.for",
        "adapter.rank",
        "adapter.targets.include",
        "optimizer.weight_decay",
        "scheduler.warmup",
        "save.every",
        "hardware.gpus",
        "model.quantize.transformer",
        "logging.wandb.project",
    ],
    "sdxl_both_encoders": [
        "model.variant",
        "adapter.text_encoder",
        "optimizer.text_encoder_lr",
        "optimizer.betas",
        "optimizer.max_grad_norm",
        "scheduler.type",
        "loss.min_snr_gamma",
        "loss.debiased",
        "save.state",
        "evaluate.every",
    ],
    "wan22_low_noise": [
        "model.family",
        "model.variant",
        "model.experts.train",
        "adapter.type",
        "adapter.factor",
        "noise.sigmoid_scale",
        "loss.delta",
        "memory.checkpoint_offload",
        "cache.latents.workers",
        "cache.reuse",
        "datasets[0].video.frames",
        "datasets[0].video.extract",
        "datasets[1].batch_size",
    ],
    "kontext_edit": ["model.family", "noise.timestep_sampling", "save.every", "hardware.pipeline_stages", "model.guidance"],
    "zimage_turbo": [
        "model.family",
        "datasets[0].resolution",
        "datasets[0].bucket",
        "noise.timestep_sampling",
        "loss.type",
        "logging.every",
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_intent_comes_back(case: str, tmp_path: Path) -> None:
    from lorabridge.families.resolve import get

    _, loaded = again(compiled(case), tmp_path)
    first, second = resolve(load(GOLDENS / case / "config.yaml").config), resolve(loaded.config)  # type: ignore[arg-type]
    assert isinstance(first, Resolved)
    assert isinstance(second, Resolved)
    for path in SAME[case]:
        assert get(second.config, path) == get(first.config, path), path
