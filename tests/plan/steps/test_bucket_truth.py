"""Buckets and steps equal what the trainers' own code computes: recorded results on random sets, and again where a checkout is given."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lorabridge.backends import get_backend
from lorabridge.backends.outlook import Native, Rules, rules_of
from lorabridge.data.buckets import Bucketing, Media

TRUTH = Path(__file__).parent / "truth"
TRAINERS = ("musubi", "diffusion-pipe", "ai-toolkit", "embedded")


def recorded(trainer: str) -> list[dict[str, Any]]:
    with gzip.open(TRUTH / f"{trainer}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def media_of(case: dict[str, Any]) -> Any:
    found = {
        folder: [
            Media(name, width, height, frames, fps, captions, tuple(tuple(one) for one in controls), turned)
            for name, width, height, frames, fps, captions, controls, turned in items
        ]
        for folder, items in case["folders"].items()
    }

    def look(folder: str, extension: str) -> Sequence[Media]:
        assert extension == ".txt"
        return found[folder]

    return look


def foretold(trainer: str, case: dict[str, Any]) -> tuple[Rules, Native, Bucketing]:
    rules = rules_of(get_backend(trainer))
    assert rules is not None
    native = Native(case["files"], case["stages"], case["family"], case["variant"])
    return rules, native, rules.bucketing(native, media_of(case))


def told(trainer: str, case: dict[str, Any]) -> dict[str, Any]:
    """lorabridge's answer in the words of the truth."""
    rules, native, bucketing = foretold(trainer, case)
    if any(one.code == "LB460" for one in bucketing.findings):
        return {"error": "ZeroDivisionError"}
    line = rules.timeline(native, bucketing)
    tables = [[*one.datasets, one.width, one.height, one.frames, one.samples, one.batches] for one in bucketing.buckets]
    if trainer == "musubi":
        per_process = -(-bucketing.batches // case["files"]["accelerate.yaml"]["num_processes"])
        return {
            "buckets": sorted(tables),
            "batches": bucketing.batches,
            "samples": bucketing.samples,
            "per_process": per_process,
            "steps": line.steps,
        }
    if trainer == "diffusion-pipe":
        pieces = line.accumulation * (line.processes // case["files"]["main.toml"]["pipeline_stages"])
        buckets = [[one.width, one.height, one.frames, one.samples, one.batches // pieces] for one in bucketing.buckets]
        return {"buckets": sorted(buckets), "length": line.steps_per_epoch}
    if trainer == "ai-toolkit":
        return {"buckets": sorted(tables), "batches": bucketing.batches}
    buckets = [[one.width, one.height, one.samples, one.batches] for one in bucketing.buckets]
    return {"buckets": sorted(buckets), "per_epoch": line.steps_per_epoch, "steps": line.steps}


@pytest.mark.parametrize("trainer", TRAINERS)
def test_as_the_trainer_computes_it(trainer: str) -> None:
    cases = recorded(trainer)
    wrong = [case["id"] for case in cases if told(trainer, case) != case["truth"]]
    assert not wrong
    assert sum(case["id"].startswith("pictures") for case in cases) >= 200
    assert trainer == "embedded" or sum(case["id"].startswith("clips") for case in cases) >= 50


HOMES = {"musubi": "MUSUBI", "diffusion-pipe": "DIFFUSION_PIPE", "ai-toolkit": "AI_TOOLKIT"}


@pytest.mark.trainer
@pytest.mark.slow
@pytest.mark.parametrize("trainer", HOMES)
def test_the_record_is_what_the_checkout_says(trainer: str, tmp_path: Path) -> None:
    home, python = (os.environ.get(f"LORABRIDGE_{HOMES[trainer]}_{part}") for part in ("HOME", "PYTHON"))
    if not home:
        pytest.skip(f"no checkout: set LORABRIDGE_{HOMES[trainer]}_HOME (and _PYTHON)")
    out = tmp_path / "again.jsonl.gz"
    command = [python or sys.executable, str(TRUTH / "make_bucket_truth.py"), trainer, home, str(out)]
    ended = subprocess.run(
        command, cwd=home, capture_output=True, text=True, check=False, timeout=600, env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    )
    if "ModuleNotFoundError" in ended.stderr:
        pytest.skip(f"the trainer's packages are not installed: {ended.stderr.splitlines()[-1]}")
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert gzip.decompress(out.read_bytes()) == gzip.decompress((TRUTH / f"{trainer}.jsonl.gz").read_bytes())
