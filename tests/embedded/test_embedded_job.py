"""The job file: what is refused, and how it is told. Needs neither torch nor a model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lorabridge.backends.embedded.trainer.job import JobError, load_job, parse_job


def job(**changes: Any) -> dict[str, Any]:
    return {
        "name": "x",
        "output": "out",
        "model": {"family": "sana", "path": "models/sana"},
        "datasets": [{"images": "data", "resolutions": [512]}],
        "train": {"length": {"steps": 10}},
        **changes,
    }


def test_the_smallest_job_has_defaults() -> None:
    parsed = parse_job(json.dumps(job()))
    assert parsed.adapter.rank == 16
    assert parsed.train.max_grad_norm == 1.0
    assert parsed.train.threads == 1


def test_a_job_survives_its_own_json() -> None:
    data = job(
        datasets=[{"images": "data", "resolutions": [512, [768, 512]], "trigger": "sks"}], optimizer={"betas": [0.9, 0.99]}, ema_decay=0.99
    )
    parsed = parse_job(json.dumps(data))
    assert parse_job(parsed.model_dump_json()) == parsed


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"nmae": 1}, "nmae: no such key"),
        ({"name": "../x"}, "name: "),
        ({"name": "x/y"}, "name: "),
        ({"train": {"length": {"steps": 0}}}, "train.length.steps: "),
        ({"train": {"length": {"steps": "10"}}}, "train.length.steps: "),
        ({"train": {"length": {"steps": True}}}, "train.length.steps: "),
        ({"train": {"length": {"steps": 10, "epochs": 1}}}, "train.length: give exactly one"),
        ({"train": {"length": {}}}, "train.length: give exactly one"),
        ({"train": {"length": {"steps": 1}, "max_grad_norm": 0}}, "train.max_grad_norm: "),
        ({"train": {"length": {"steps": 1}, "seed": -1}}, "train.seed: "),
        ({"model": {"family": "sdxl2", "path": "x"}}, "model.family: "),
        ({"model": {"family": "sana", "path": ""}}, "model.path: "),
        ({"model": {"family": "sana", "path": "x", "quantize": "int8"}}, "model.quantize: "),
        ({"datasets": []}, "datasets: "),
        ({"datasets": [{"images": "d", "resolutions": []}]}, "datasets.0.resolutions: "),
        ({"datasets": [{"images": "d", "resolutions": [[64]]}]}, "datasets.0.resolutions.0"),
        ({"datasets": [{"images": "d", "resolutions": [64], "caption_dropout": 1.5}]}, "datasets.0.caption_dropout: "),
        ({"datasets": [{"images": "d", "resolutions": [64], "caption_extension": "txt"}]}, "datasets.0.caption_extension: must be a dot"),
        ({"datasets": [{"images": "d", "resolutions": [64], "regularization": True}]}, "all of them are regularization"),
        ({"adapter": {"rank": 0}}, "adapter.rank: "),
        ({"adapter": {"alpha": 0.0}}, "adapter.alpha: "),
        ({"adapter": {"conv_alpha": 1.0}}, "adapter: conv_alpha is given without"),
        ({"adapter": {"targets": "mlp"}}, "adapter.targets"),
        ({"optimizer": {"lr": float("nan")}}, "optimizer.lr: "),
        ({"optimizer": {"type": "lion"}}, "optimizer.type: "),
        ({"noise": {"min_timestep": 0.9, "max_timestep": 0.1}}, "noise: min_timestep must be below"),
        ({"noise": {"noise_offset": 0.1}}, "noise.noise_offset: sana is a flow model"),
        ({"noise": {"weighting": "min_snr"}}, "noise.weighting: min_snr has no meaning"),
        ({"preservation": {"class_word": "cat"}}, "preservation: no data set has a trigger"),
        ({"sample": {"prompts": ["a [trigger]"]}}, "sample.prompts: [trigger] is used"),
        ({"save": {"keep_last": 0}}, "save.keep_last: "),
        ({"save": {"every": {"steps": 1, "epochs": 1}}}, "save.every: give exactly one"),
        ({"ema_decay": 1.0}, "ema_decay: "),
        ({"version": 2}, "version: "),
    ],
)
def test_a_bad_value_is_told_at_its_place(changes: dict[str, Any], finding: str) -> None:
    with pytest.raises(JobError) as caught:
        parse_job(json.dumps(job(**changes)))
    assert any(finding in line for line in caught.value.findings), caught.value.findings


def test_all_findings_come_at_once() -> None:
    with pytest.raises(JobError) as caught:
        parse_job(json.dumps(job(adapter={"rank": 0}, optimizer={"type": "x"}, extra=1)))
    assert len(caught.value.findings) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"name": "a", "name": "b"}', "[" * 100_000, b"\xff\xfe{}", '"x"'])
def test_what_is_no_job_is_refused(text: str | bytes) -> None:
    with pytest.raises(JobError):
        parse_job(text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="No such file"):
        load_job(tmp_path / "job.json")


def test_the_job_module_needs_no_torch() -> None:
    code = (
        "import sys, lorabridge.backends.embedded.trainer.job, lorabridge.backends.embedded.trainer.events;"
        "print(sorted({'torch', 'diffusers', 'peft', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
