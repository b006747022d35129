"""`data new` and `data stats`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lorabridge.cli.main import app
from lorabridge.config.load import load
from tests.data import pictures as make

CONFIG = """\
lorabridge: 1
name: x
trigger: ohwx
model: {family: qwen-image}
train: {for: 10 steps}
"""


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORABRIDGE_CACHE", str(tmp_path_factory.mktemp("cache")))


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, arguments)], standalone_mode=False)


def test_the_entry_is_valid(tmp_path: Path) -> None:
    folder = make.clean(tmp_path / 'a "b" ü', 2)
    make.fill(folder, {"c.mp4": make.mp4(64, 64, 49), "c.txt": "ohwx"})
    result = run("new", folder)
    assert result.return_value == 0
    (tmp_path / "x.yaml").write_text(CONFIG + result.stdout, "utf-8")
    loaded = load(tmp_path / "x.yaml", environ={})
    assert loaded.config is not None, loaded.diagnostics
    assert [data.images or data.videos for data in loaded.config.datasets] == [str(folder)] * 2


def test_a_folder_is_made(tmp_path: Path) -> None:
    assert run("new", tmp_path / "new" / "set").return_value == 0
    assert (tmp_path / "new" / "set").is_dir()


def test_captions_for_pictures_without(tmp_path: Path) -> None:
    folder = make.clean(tmp_path / "pics", 2)
    make.fill(folder, {"bare.png": make.png(9, 9), "dead.png": make.png(9, 8)})
    (folder / "dead.txt").symlink_to(tmp_path / "outside.txt")
    result = run("new", folder, "--caption", "a photo of ohwx")
    assert "1 caption files written" in result.stderr
    assert (folder / "bare.txt").read_text() == "a photo of ohwx\n"
    assert (folder / "p00.txt").read_text() == "ohwx on a beach, picture 0\n"
    assert not (tmp_path / "outside.txt").exists()


def test_lists_in_the_trainers_forms(tmp_path: Path) -> None:
    folder = make.clean(tmp_path / "pics", 2)
    assert run("new", folder, "--list", folder / "captions.json").return_value == 0
    assert json.loads((folder / "captions.json").read_text())["p01.jpg"] == ["ohwx on a beach, picture 1"]
    assert run("new", folder, "--list", tmp_path / "list.jsonl").return_value == 0
    rows = [json.loads(line) for line in (tmp_path / "list.jsonl").read_text().splitlines()]
    assert rows[0] == {"image_path": str(folder / "p00.jpg"), "caption": "ohwx on a beach, picture 0"}
    assert "exists" in str(run("new", folder, "--list", tmp_path / "list.jsonl").exception)
    (tmp_path / "x.yaml").write_text(CONFIG + "datasets: [{jsonl: list.jsonl, resolution: [512]}]\n")
    assert run("check", tmp_path / "x.yaml", "-b", "musubi").return_value == 0
    (tmp_path / "x.yaml").write_text(CONFIG + "datasets: [{images: pics, resolution: [512]}]\n")
    assert run("check", tmp_path / "x.yaml", "-b", "diffusion-pipe", "--fail-level", "warning").return_value == 0


@pytest.mark.parametrize("extension", ["txt", "", "./x"])
def test_a_wrong_extension(extension: str, tmp_path: Path) -> None:
    assert run("new", tmp_path, "--extension", extension).exception is not None


def test_a_file_where_a_folder_belongs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert run("new", tmp_path / "file" / "x").exception is not None


def test_stats(tmp_path: Path) -> None:
    make.clean(tmp_path / "pics", 4)
    make.fill(tmp_path / "pics", {"w.png": make.png(1600, 800), "w.txt": "a wide cat"})
    (tmp_path / "x.yaml").write_text(CONFIG + "datasets: [{images: pics}]\n")
    result = run("stats", tmp_path / "x.yaml", "--format", "json")
    (found,) = json.loads(result.stdout)["datasets"]
    assert (found["pictures"], found["formats"]) == (5, {"JPEG": 4, "PNG": 1})
    assert found["width"] == {"min": 1024, "median": 1024, "max": 1600}
    assert found["shapes"] == {"square": 4, "landscape": 1}
    assert (found["captions"]["with"], found["captions"]["with_trigger"]) == (5, 4)
    assert "5 pictures" in run("stats", tmp_path / "x.yaml", "-b", "musubi").stdout


def test_stats_of_clips(tmp_path: Path) -> None:
    make.fill(tmp_path / "clips", {"a.mp4": make.mp4(64, 48, 48), "a.txt": "x", "b.mkv": make.mkv(64, 48, 0), "b.txt": "y"})
    (tmp_path / "x.yaml").write_text(CONFIG.replace("qwen-image", "wan21") + "datasets: [{videos: clips}]\n")
    (found,) = json.loads(run("stats", tmp_path / "x.yaml", "--format", "json").stdout)["datasets"]
    assert (found["clips"], found["frames"]["max"], found["seconds"]["max"]) == (2, 48, 2.0)


def test_stats_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(CONFIG + "datasets: [{images: none}]\n")
    result = run("stats", tmp_path / "x.yaml")
    assert result.return_value == 1
    assert "LB401" in result.stderr
