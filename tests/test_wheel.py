"""The wheel in a clean virtual environment, used from an empty folder: data files come along."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_a_wheel_works_in_a_clean_environment(tmp_path: Path) -> None:
    pytest.importorskip("build")
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path / "dist", ROOT], check=True, capture_output=True)
    wheel = next((tmp_path / "dist").glob("*.whl"))
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    tools = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([tools / "python", "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel], check=True)
    empty = tmp_path / "empty"
    empty.mkdir()

    def run(*arguments: str) -> str:
        ended = subprocess.run([tools / "lorabridge", *arguments], cwd=empty, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    assert "0.1.0" in run("--version")
    assert "musubi" in run("families")
    assert "draft-07" in run("schema")
    run("init", "cat.yaml", "--family", "z-image")
    assert "no findings" in run("check", "cat.yaml", "--backend", "musubi")
    run("compile", "cat.yaml", "--backend", "musubi")
    assert (empty / "compiled" / "cat-musubi" / "train.toml").is_file()
    assert list((tmp_path / "venv").glob("**/lorabridge/py.typed"))
    assert list((tmp_path / "venv").glob("**/lorabridge/schemas/lorabridge-1.schema.json"))
