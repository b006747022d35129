"""What `check --paths` says about the disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lorabridge.config.load import load
from lorabridge.data.paths import check_paths, is_local
from tests.support import SMALL

Check = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def run(datasets: str = "[{images: pictures}]", paths: str = "{}", **folders: list[str]) -> list[tuple[str, str]]:
        for name, names in folders.items():
            (tmp_path / name).mkdir()
            for file in names:
                (tmp_path / name / file).touch()
        text = SMALL.replace("[{images: pictures}]", datasets).replace("{family: qwen-image}", f"{{family: qwen-image, paths: {paths}}}")
        path = tmp_path / "config.yaml"
        path.write_text(text, "utf-8")
        before = sorted(str(item) for item in tmp_path.rglob("*"))
        found = check_paths(load(path, environ={}))
        assert sorted(str(item) for item in tmp_path.rglob("*")) == before, "a check writes nothing"
        assert all(item.span is not None and item.fix for item in found)
        return [(item.code, item.path) for item in found]

    return run


def test_all_is_there(check: Check) -> None:
    assert check(pictures=["a.png", "a.txt", "B.JPG", "B.txt", "notes.md"]) == []


def test_a_missing_folder(check: Check) -> None:
    assert check() == [("LB401", "datasets[0].images")]


def test_every_kind_of_folder(check: Check) -> None:
    found = check("[{images: pictures, masks: m, control: [c, d]}, {videos: v}, {jsonl: list.jsonl}]", pictures=["a.png", "a.txt"], c=[])
    assert found == [
        ("LB401", "datasets[0].masks"),
        ("LB401", "datasets[0].control[1]"),
        ("LB401", "datasets[1].videos"),
        ("LB401", "datasets[2].jsonl"),
    ]


@pytest.mark.parametrize("names", [[], ["a.txt"], ["a.gif"], ["clip.mp4"]])
def test_a_folder_without_pictures(names: list[str], check: Check) -> None:
    assert check(pictures=names) == [("LB402", "datasets[0].images")]


def test_a_folder_without_clips(check: Check) -> None:
    assert check("[{videos: v}]", v=["a.png"]) == [("LB402", "datasets[0].videos")]


def test_captions(check: Check) -> None:
    assert check(pictures=["a.png", "b.png", "b.txt"]) == [("LB403", "datasets[0].images")]


@pytest.mark.parametrize("item", ["captions: {default: a cat}", "regularization: true", "captions: .caption"])
def test_where_no_caption_is_needed(item: str, check: Check) -> None:
    assert check(f"[{{images: pictures, {item}}}]", pictures=["a.png", "a.caption"]) == []


def test_a_file_where_a_folder_is_meant(check: Check, tmp_path: Path) -> None:
    (tmp_path / "pictures").touch()
    assert check() == [("LB401", "datasets[0].images")]


def test_model_files(check: Check) -> None:
    found = check(
        paths="{vae: ./gone.safetensors, transformer: models/x.safetensors, text_encoder: Qwen/Qwen-Image, repo: /nowhere}",
        pictures=["a.png", "a.txt"],
    )
    assert found == [("LB505", "model.paths.repo"), ("LB505", "model.paths.transformer"), ("LB505", "model.paths.vae")]


@pytest.mark.parametrize("name", ["a\\0b", "x" * 5000, "ring/inside", "~nobody-has-this-name/x", "a/../../b", "con", "\\ud83d\\ude00"])
def test_names_that_no_disk_takes(name: str, check: Check, tmp_path: Path) -> None:
    (tmp_path / "ring").symlink_to(tmp_path / "ring")
    if "ud83d" in name:
        name = "😀"
    found = check(f'[{{images: "{name}"}}]')
    assert [code for code, _ in found] in (["LB401"], [])


def test_a_folder_that_cannot_be_listed(check: Check, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir(mode=0)
    try:
        os.listdir(tmp_path / "pictures")
    except OSError:
        assert check() == [("LB401", "datasets[0].images")]
    else:
        pytest.skip("this user may read everything")
    finally:
        (tmp_path / "pictures").chmod(0o700)


@pytest.mark.parametrize(
    ("value", "local"),
    [
        ("/models/x", True),
        ("./x", True),
        ("~/x", True),
        ("C:\\x", True),
        ("C:/x", True),
        ("\\\\server\\x", True),
        ("x.safetensors", True),
        ("models/x.gguf", True),
        ("Qwen/Qwen-Image", False),
        ("org/repo/file.safetensors", False),
    ],
)
def test_local_paths_and_hub_ids(value: str, local: bool) -> None:
    assert is_local(value) is local
