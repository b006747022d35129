"""Whole compiled jobs that a person can read, and the way back from them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from lorabridge.backends import embedded
from lorabridge.backends.base import Plan
from lorabridge.config.load import load
from lorabridge.plan.compile import compile_config

from .helpers import GOLDENS, SITE

CASES = sorted(path.name for path in GOLDENS.iterdir() if path.is_dir())
UPDATE = os.environ.get("LORABRIDGE_UPDATE_GOLDENS") == "1"


def compiled(path: Path) -> Plan:
    return compile_config(load(path, shown="config.yaml", environ={}), "embedded", SITE)


def expected_files(made: Plan) -> dict[str, str]:
    report = "".join(
        f"{note.kind:9} {note.path or '-'}: {note.value} -> {note.at} {note.native}{'  # ' + note.text if note.text else ''}\n"
        for note in made.notes
    )
    stages = "".join(" ".join([*(f"{key}={value}" for key, value in stage.env.items()), *stage.argv]) + "\n" for stage in made.stages)
    return {file.path: file.text for file in made.files} | {"stages.txt": stages, "report.txt": report}


@pytest.mark.parametrize("case", CASES)
def test_compiles_to_the_golden(case: str) -> None:
    made = compiled(GOLDENS / case / "config.yaml")
    assert made.ok, made.diagnostics
    files, folder = expected_files(made), GOLDENS / case
    if UPDATE:
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.name != "config.yaml"} == files


def relift(tmp_path: Path, text: str) -> str:
    """The job of the config that was read back from a job."""
    lifted = embedded.lift({"job.json": text})
    assert lifted.data, lifted.diagnostics
    data = lifted.data | ({"backends": {"embedded": native(lifted.native)}} if lifted.native else {})
    (tmp_path / "lifted.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    made = compiled(tmp_path / "lifted.yaml")
    assert made.ok, made.diagnostics
    return made.files[0].text


def native(found: dict[str, object]) -> dict[str, object]:
    tree: dict[str, object] = {}
    for address, value in found.items():
        here = tree
        *parents, last = [part for part in address.removeprefix("job:").split(".") if not part.isdigit()]
        for part in parents:
            here = here.setdefault(part, {})  # type: ignore[assignment]
        here[last] = value
    return tree


@pytest.mark.parametrize("case", CASES)
def test_the_way_back_leads_to_the_same_job(case: str, tmp_path: Path) -> None:
    text = (GOLDENS / case / "job.json").read_text(encoding="utf-8")
    assert relift(tmp_path, text) == text


def test_what_the_language_can_say_is_read_back() -> None:
    lifted = embedded.lift({"job.json": (GOLDENS / "qwen_dop" / "job.json").read_text(encoding="utf-8")})
    assert lifted.data["preservation"] == {"class": "cat", "multiplier": 0.5, "every": "2 steps"}
    assert lifted.data["train"] == {"ema": {"decay": 0.99}, "gradient_accumulation": 2, "for": "16 epochs", "batch_size": 2, "seed": 42}
    assert lifted.data["trigger"] == "sks cat"
    assert lifted.data["model"]["variant"] == "2512"
    assert lifted.native == {
        "job:model.max_sequence_length": 256,
        "job:datasets.0.shuffle_variants": 4,
        "job:datasets.1.shuffle_variants": 4,
    }
    assert lifted.origins["train.ema.decay"] == "job:ema_decay"


def test_a_job_by_hand_means_what_the_trainer_takes_for_left_out() -> None:
    text = '{"name": "a", "output": "/o", "model": {"family": "sdxl", "path": "/m/x"}, "datasets": [{"images": "/d", "resolutions": [64]}], "train": {"length": {"steps": 4}}}'
    lifted = embedded.lift({"mine.json": text})
    assert lifted.data["train"] == {"for": "4 steps", "seed": 42}
    assert lifted.data["scheduler"] == {"power": 2.0}
    assert lifted.data["memory"] == {"gradient_checkpointing": False}
    assert lifted.data["save"] == {"state": True, "dtype": "fp32"}
    assert "sample" not in lifted.data
    assert [item.severity for item in lifted.diagnostics] == ["hint"]
    assert lifted.native == {}


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({}, "no job file"),
        ({"a.toml": "x = 1"}, "no job file"),
        ({"job.json": '{"datasets": 5}'}, "is no job"),
        ({"job.json": '{"datasets"'}, "is no job"),
    ],
)
def test_what_is_no_job_is_a_finding(sources: dict[str, str], words: str) -> None:
    lifted = embedded.lift(sources)
    assert lifted.data == {}
    assert words in lifted.diagnostics[0].message
