"""`lorabridge plan`: options, formats, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lorabridge.cli.main import app

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
