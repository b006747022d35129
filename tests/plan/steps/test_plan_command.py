"""`lorabridge plan`: options, formats, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lorabridge.cli.main import app
from tests.support import SMALL


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plan", *arguments], standalone_mode=True)


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "x.yaml"
    path.write_text(SMALL, "utf-8")
    return str(path)


@pytest.mark.parametrize("backend", ["musubi", "diffusion-pipe", "ai-toolkit", "embedded"])
def test_json_and_text(config: str, backend: str) -> None:
    told = json.loads(_run(config, "-b", backend, "--format", "json").output)
    assert told["backend"] == backend
    assert list(told["sections"])[:2] == ["data", "steps"]
    output = _run(config, "-b", backend).output
    assert "Data\n" in output and "Steps\n" in output


def test_what_does_not_compile_is_not_planned(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(SMALL + "optimizer: {LR: 1}\n", "utf-8")
    result = _run(str(path), "-b", "musubi")
    assert result.exit_code == 1 and "LB1" in result.output
    told = json.loads(_run(str(path), "-b", "musubi", "--format", "json").output)
    assert told["sections"] == {} and told["diagnostics"][0]["severity"] == "error"


@pytest.mark.parametrize(
    "arguments",
    [("--size", "3", "--pictures", "1"), ("--size", "4x4"), ("--frames", "3"), ("--data", ".", "--pictures", "2"), ("--pictures", "0")],
)
def test_usage(config: str, arguments: tuple[str, ...]) -> None:
    result = _run(config, "-b", "musubi", *arguments)
    assert result.exit_code == 2 and "Error" in result.output
    assert _run(config, "-b", "nothing").exit_code == 2
