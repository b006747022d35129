"""`lorabridge data check` and `check --data` as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lorabridge.cli.main import app
from tests.data import pictures as make

CONFIG = """\
lorabridge: 1
name: cat-toy
trigger: ohwx
model: {family: qwen-image}
datasets: [{images: pics, resolution: [512]}]
train: {for: 1600 steps}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LORABRIDGE_CACHE", str(tmp_path / "cache"))
    make.clean(tmp_path / "pics")
    path = tmp_path / "x.yaml"
    path.write_text(CONFIG, "utf-8")
    return str(path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), standalone_mode=False)


def test_clean(config: str) -> None:
    result = run("data", "check", config, "-b", "musubi")
    assert (result.exception, result.return_value) == (None, 0)
    assert "no findings" in result.output
    assert "musubi-tuner: 1 dataset, 24 pictures" in result.output


def test_findings(config: str, tmp_path: Path) -> None:
    make.fill(tmp_path / "pics", {"p03.jpg": b"broken", "p04.txt": "no word"})
    result = run("data", "check", config, "-b", "musubi")
    assert result.return_value == 1
    assert "LB412" in result.output
    assert "LB409" in result.output
    assert run("data", "check", config, "-b", "musubi", "--set", "datasets=[]").return_value == 1
    (tmp_path / "pics" / "p03.jpg").write_bytes(make.jpeg(600, 600))
    assert run("data", "check", config, "-b", "musubi").return_value == 0
    assert run("data", "check", config, "-b", "musubi", "--fail-level", "warning").return_value == 1


@pytest.mark.parametrize("style", ["json", "github", "sarif"])
def test_machines_get_every_file(style: str, config: str, tmp_path: Path) -> None:
    make.fill(tmp_path / "pics", {f"p{at:02}.txt": "no word" for at in range(24)})
    out = run("data", "check", config, "-b", "musubi", "--format", style).output
    assert all(f"p{at:02}.jpg" in out for at in range(24))
    if style != "github":
        json.loads(out)


def test_check_data(config: str, tmp_path: Path) -> None:
    make.fill(tmp_path / "pics", {"p03.jpg": b"broken"})
    assert "LB412" not in run("check", config).output
    result = run("check", config, "--data")
    assert "LB412" in result.output
    assert result.return_value == 1


def test_an_unknown_trainer(config: str) -> None:
    assert "is not one of" in str(run("data", "check", config, "-b", "nobody").exception)


def test_a_broken_config_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("lorabridge: [", "utf-8")
    result = run("data", "check", str(tmp_path / "x.yaml"))
    assert "LB100" in result.output
    assert result.return_value == 1


def test_deep_without_pillow_says_so(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lorabridge.data.similar.installed", lambda: False)
    result = run("data", "check", config, "--deep")
    assert "LB447" in result.output


def test_the_sheet(config: str, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    make.fill(tmp_path / "pics", {'"><img src=x>.png': make.png(600, 600, colour=6), '"><img src=x>.txt': hostile, "p03.jpg": b"?"})
    out = tmp_path / "sheet.html"
    result = run("data", "check", config, "--html", str(out), "-b", "musubi")
    assert result.exception is None
    page = out.read_text("utf-8")
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    for text in ("LB416", "LB412", "p03.jpg", "p00.jpg", "musubi-tuner"):
        assert text in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize("name", ["check", "stats"])
def test_a_folder_is_no_config(name: str, tmp_path: Path) -> None:
    assert "data new" in str(run("data", name, str(tmp_path)).exception)


def test_a_sheet_that_cannot_be_written(config: str, tmp_path: Path) -> None:
    result = run("data", "check", config, "--html", str(tmp_path / "x.yaml" / "sheet.html"))
    assert "cannot be written" in str(result.exception)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    assert "no UTF-8" in str(run("data", "caption-edit", str(tmp_path), "--prefix", "a\udcff").exception)
    assert "no UTF-8" in str(run("data", "new", str(tmp_path), "--caption", "a\udcff").exception)
