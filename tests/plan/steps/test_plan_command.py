"""`lorabridge plan`: options, formats, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from lorabridge.cli.main import app
from tests.data.pictures import png

CONFIG = """\
lorabridge: 1
name: cat-toy
model: {family: z-image, paths: {transformer: /m/t.safetensors, vae: /m/v.safetensors, text_encoder: /m/q.safetensors}}
datasets: [{images: pictures, resolution: [512]}]
adapter: {rank: 8}
train: {for: 1600 steps}
"""
EMBEDDED = CONFIG.replace(
    "paths: {transformer: /m/t.safetensors, vae: /m/v.safetensors, text_encoder: /m/q.safetensors}", "paths: {repo: /m/z}"
)


def _run(*arguments: str, standalone: bool = False) -> Result:
    return CliRunner().invoke(app, ["plan", *arguments], standalone_mode=standalone)


def config(folder: Path, text: str = CONFIG) -> str:
    path = folder / "x.yaml"
    path.write_text(text, "utf-8")
    return str(path)


@pytest.mark.parametrize("backend", ["musubi", "diffusion-pipe", "ai-toolkit", "embedded"])
def test_json_and_text(tmp_path: Path, backend: str) -> None:
    file = config(tmp_path, CONFIG if backend in ("musubi", "diffusion-pipe") else EMBEDDED)
    told = json.loads(_run(file, "-b", backend, "--format", "json").output)
    assert told["backend"] == backend
    assert list(told["sections"])[:2] == ["data", "steps"]
    output = _run(file, "-b", backend).output
    assert "Data\n" in output
    assert "Steps\n" in output


def test_what_does_not_compile_is_not_planned(tmp_path: Path) -> None:
    file = config(tmp_path, CONFIG + "optimizer: {lr: fast}\n")
    result = _run(file, "-b", "musubi")
    assert result.return_value == 1
    assert "LB1" in result.output
    told = json.loads(_run(file, "-b", "musubi", "--format", "json").output)
    assert told["sections"] == {}
    assert told["diagnostics"][0]["severity"] == "error"


@pytest.mark.parametrize(
    "arguments",
    [("--size", "3", "--pictures", "1"), ("--size", "4x4"), ("--frames", "3"), ("--data", ".", "--pictures", "2"), ("--pictures", "0")],
)
def test_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    file = config(tmp_path)
    result = _run(file, "-b", "musubi", *arguments, standalone=True)
    assert result.exit_code == 2
    assert "Error" in result.output
    assert _run(file, "-b", "nothing", standalone=True).exit_code == 2


def _pictures(folder: Path, count: int, size: tuple[int, int] = (512, 512)) -> None:
    """Whole pictures with captions."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.png").write_bytes(png(*size, seed=number))
        (folder / f"{number}.txt").write_text("a cat", "utf-8")


def test_the_data_of_the_config_is_read(tmp_path: Path) -> None:
    _pictures(tmp_path / "pictures", 10)
    told = json.loads(_run(config(tmp_path), "-b", "musubi", "--format", "json").output)
    facts = told["sections"]["data"]["facts"]
    assert [(one["width"], one["height"], one["samples"]) for one in facts["buckets"]] == [(512, 512, 10)]
    assert told["sections"]["steps"]["facts"]["steps_per_epoch"] == 10
    assert all(line["exact"] for line in told["sections"]["steps"]["lines"])


def test_the_data_lies_somewhere_else(tmp_path: Path) -> None:
    _pictures(tmp_path / "elsewhere", 7)
    file = config(tmp_path)
    told = json.loads(_run(file, "-b", "musubi", "--data", str(tmp_path / "elsewhere"), "--format", "json").output)
    assert told["sections"]["data"]["facts"]["samples"] == 7
    missing = _run(file, "-b", "musubi", "--data", str(tmp_path / "nowhere"))
    assert missing.return_value == 1
    assert "LB401" in missing.output
    twice = _run(file, "-b", "musubi", "--data", ".", "--data", ".", standalone=True)
    assert twice.exit_code == 2
    assert "1 dataset" in twice.output


def test_without_the_data_it_says_what_is_unknown(tmp_path: Path) -> None:
    result = _run(config(tmp_path, CONFIG.replace("1600 steps", "4 epochs")), "-b", "musubi")
    assert result.return_value == 0
    assert "buckets ~ unknown" in result.output
    assert "length   ~ 4 epochs" in result.output
    assert not [path for path in tmp_path.iterdir() if path.name != "x.yaml"]


def test_declared_data_is_marked(tmp_path: Path) -> None:
    output = _run(config(tmp_path), "-b", "musubi", "--pictures", "12", "--size", "600x800").output
    assert "declared: 12 in each dataset, all 600x800" in output
    assert "epochs      ~ 133.33 epochs of 12 steps" in output


def test_a_drawing(tmp_path: Path) -> None:
    out = tmp_path / "plan.svg"
    _run(config(tmp_path), "-b", "diffusion-pipe", "--pictures", "5", "--size", "600x800", "--svg", str(out))
    tree = ElementTree.fromstring(out.read_text("utf-8"))
    texts = [one.text for one in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert "Buckets: samples per epoch" in texts
    assert any(text and text.startswith("5: 5 batches of 1") for text in texts)
    assert "cannot write" in _run(config(tmp_path), "-b", "musubi", "--svg", str(tmp_path), standalone=True).output


UNITS = CONFIG.replace("1600 steps", "16 epochs").replace(
    "paths: {transformer: /m/t.safetensors, vae: /m/v.safetensors, text_encoder: /m/q.safetensors}", "paths: {repo: /m/z}"
)


@pytest.mark.parametrize(
    ("text", "pictures", "wanted"),
    [
        (UNITS, 10, {"train.for": "160 steps"}),
        (UNITS.replace("16 epochs", "16 epochs, batch_size: 4"), 10, {"train.for": "48 steps"}),
        (UNITS + "save: {every: 2 epochs}\n", 10, {"train.for": "160 steps", "save.every": "20 steps"}),
        (UNITS.replace("16 epochs", "3 epochs, batch_size: 4, gradient_accumulation: 2"), 10, {"train.for": "5 steps"}),
    ],
    ids=["plain", "batches", "saves", "rounded"],
)
def test_units_are_turned_with_the_data(tmp_path: Path, text: str, pictures: int, wanted: dict[str, str]) -> None:
    """ai-toolkit counts steps. 10 pictures in batches of 4 are 3 batches, the last one filled up."""
    _pictures(tmp_path / "pictures", pictures)
    result = _run(config(tmp_path, text), "-b", "ai-toolkit", "--format", "json")
    told = json.loads(result.output)
    found = {item["path"]: item for item in told["diagnostics"] if item["code"] == "LB608"}
    assert {path: item["fix"].partition("`")[2].partition(": ")[2].partition("`")[0] for path, item in found.items()} == wanted
    assert told["sections"]["steps"]["facts"]["steps"] == int(wanted["train.for"].split()[0])
    assert ("rounded" in found["train.for"]["message"]) == (wanted["train.for"] == "5 steps")
    assert result.return_value == 1


def test_what_comes_by_epochs_is_open_without_the_data(tmp_path: Path) -> None:
    text = CONFIG + "save: {every: 2 epochs}\nsample: {every: 100 steps, prompts: [a cat]}\n"
    told = json.loads(_run(config(tmp_path, text), "-b", "musubi", "--format", "json").output)
    lines = {line["label"]: line for line in told["sections"]["steps"]["lines"]}
    assert (lines["checkpoints"]["value"], lines["checkpoints"]["exact"]) == ("by epochs", False)
    assert lines["samples at"]["exact"]
    facts = told["sections"]["steps"]["facts"]
    assert (facts["kept"], facts["events_unknown"]) == (None, ["checkpoint", "state"])
    assert "disk" not in told["sections"]
    _pictures(tmp_path / "pictures", 10)
    told = json.loads(_run(config(tmp_path, text), "-b", "musubi", "--format", "json").output)
    assert told["sections"]["steps"]["facts"]["kept"] == 80
    assert told["sections"]["disk"]["facts"]["known"]


def test_check_and_run_say_what_the_plan_says(tmp_path: Path) -> None:
    _pictures(tmp_path / "pictures", 30)
    text = CONFIG.replace("1600 steps", "2 epochs, batch_size: 7") + "save: {every: 3 epochs}\n"
    file = config(tmp_path, text)
    checked = CliRunner().invoke(app, ["check", file, "--data", "-b", "diffusion-pipe", "--format", "json"], standalone_mode=False)
    assert checked.return_value == 1
    assert "LB602" in checked.output
    plain = CliRunner().invoke(app, ["check", file, "--data", "--format", "json"], standalone_mode=False)
    assert "LB602" not in plain.output
    ran = CliRunner().invoke(app, ["run", file, "-b", "diffusion-pipe"], standalone_mode=False)
    assert ran.return_value == 1
    assert "LB602" in ran.output
    assert not (tmp_path / "output").exists()
