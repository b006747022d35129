"""Each schedule is the curve that the trainer's own scheduler draws, step by step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lorabridge.backends import get_backend
from lorabridge.backends.outlook import Native, Timeline, rules_of
from lorabridge.data.buckets import Media
from lorabridge.plan.steps.draw import samples_of, sparkline

CURVES = json.loads((Path(__file__).parent / "truth" / "rates.json").read_text("utf-8"))


def _name(curve: dict[str, Any]) -> str:
    settings = curve.get("train") or curve["main"]
    return f"{curve['trainer']}-{settings['lr_scheduler']}"


def _line(curve: dict[str, Any]) -> Timeline:
    files: dict[str, Any] = {
        "musubi": {
            "train.toml": curve.get("train"),
            "accelerate.yaml": {"num_processes": curve.get("processes")},
            "dataset.toml": {"datasets": []},
        },
        "ai-toolkit": {"job.yaml": {"config": {"name": "x", "process": [{"train": curve.get("train")}]}}},
        "diffusion-pipe": {"main.toml": curve.get("main"), "dataset.toml": {"resolutions": [64], "directory": [{"path": "p"}]}},
    }[curve["trainer"]]
    rules = rules_of(get_backend(curve["trainer"]))
    assert rules is not None
    native = Native(files, {}, "sdxl", "base")
    pictures = [Media(f"{number}.png", 64, 64) for number in range(curve.get("per_epoch", 0))]
    return rules.timeline(native, rules.bucketing(native, lambda folder, extension: pictures) if pictures else None)


@pytest.mark.parametrize("curve", CURVES, ids=_name)
def test_the_curve_of_the_trainer(curve: dict[str, Any]) -> None:
    line = _line(curve)
    assert line.rate is not None
    assert [line.rate(step) for step in range(1, len(curve["rates"]) + 1)] == pytest.approx(curve["rates"], abs=1e-8)


def test_every_trainer_is_there() -> None:
    assert {curve["trainer"] for curve in CURVES} == {"musubi", "diffusion-pipe", "ai-toolkit"}
    assert len(CURVES) == 31


def test_a_line_of_blocks() -> None:
    assert sparkline([0, 0.5, 1]) == "▁▅█"
    assert sparkline([]) == ""
    assert sparkline([0, 0]) == "▁▁"
    assert samples_of(lambda step: step, 10, 4) == [1, 4, 7, 10]
    assert samples_of(lambda step: step, 3, 60) == [1, 2, 3]
