"""The scanning rules against the trainers' own listing code, taken out of a checkout by AST and run on random folders (no torch needed)."""

from __future__ import annotations

import ast
import glob
import os
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lorabridge.config.load import load
from lorabridge.plan.data import scan_config
from tests.data import pictures as make

STEMS = ["a", "b", "c d", ".e", "f.g", "h_0", "i[1]", "ü", "j.", "k.txt"]
ENDINGS = [
    ".jpg",
    ".JPG",
    ".Jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".bmp",
    ".avif",
    ".AVIF",
    ".tif",
    ".gif",
    ".md",
    ".npz",
    ".mp4",
    ".mkv",
    ".JSON",
    "",
]
CLIP = make.mp4(64, 64, 49)


def home(name: str) -> Path:
    value = os.environ.get(f"LORABRIDGE_{name}_HOME")
    if not value:
        pytest.skip(f"LORABRIDGE_{name}_HOME names no checkout")
    return Path(value)


def tree(root: Path, seed: int) -> Path:
    dice = random.Random(seed)
    folder = root / "data"
    for below in ("", "sub/", ".hidden/", "_controls/", "_controls/deep/", "sub/deep/"):
        for stem in dice.sample(STEMS, 7):
            ending = dice.choice(ENDINGS)
            make.fill(
                folder, {f"{below}{stem}{ending}": CLIP if ending in (".mp4", ".mkv") else make.png(600, 600, seed=dice.randrange(10**6))}
            )
            if dice.random() < 0.7:
                make.fill(folder, {f"{below}{stem}.txt": "ohwx"})
    return folder


def ours(root: Path, backend: str, line: str, family: str = "qwen-image") -> dict[str, str]:
    """Path to caption file of what the scan lists, used or left out for a missing caption."""
    config = root / "x.yaml"
    config.write_text(f"lorabridge: 1\nname: x\nmodel: {{family: {family}}}\ntrain: {{for: 9 steps}}\ndatasets: [{line}]\n", "utf-8")
    os.environ["LORABRIDGE_CACHE"] = str(root / "cache")
    scan = scan_config(load(config, environ={}), backend).scans[0]
    unread = [item.path for item in scan.left]
    return {item.path: item.caption_path for item in scan.items} | dict.fromkeys(unread, "")


def functions(path: Path, *names: str) -> dict[str, Any]:
    """The named functions and upper-case constants of a file, run without its imports."""
    space: dict[str, Any] = {"glob": glob, "os": os, "find_spec": lambda name: None}
    for node in ast.parse(path.read_text("utf-8")).body:
        constant = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper()
        if constant or (isinstance(node, ast.FunctionDef) and node.name in names):
            exec(compile(ast.Module([node], []), str(path), "exec"), space)
    return space


def statement(path: Path, wanted: Callable[[ast.stmt], bool]) -> Any:
    """The first statement anywhere in a file that is `wanted`, compiled."""
    node = next(node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.stmt) and wanted(node))
    return compile(ast.Module([node], []), str(path), "exec")


@pytest.mark.trainer
@pytest.mark.parametrize("seed", range(12))
def test_musubi(seed: int, tmp_path: Path) -> None:
    space = functions(home("MUSUBI") / "src/musubi_tuner/dataset/media_utils.py", "glob_images", "glob_videos")
    folder = tree(tmp_path, seed)
    theirs = space["glob_images"](str(folder), caption_extension=".txt")
    found = ours(tmp_path, "musubi", "{images: data}")
    assert sorted(path for path, caption in found.items() if caption) == theirs
    clips = space["glob_videos"](str(folder))
    assert sorted(ours(tmp_path, "musubi", "{videos: data}", "wan21")) == clips


@pytest.mark.trainer
@pytest.mark.parametrize("seed", range(12))
def test_diffusion_pipe(seed: int, tmp_path: Path) -> None:
    path = home("DIFFUSION_PIPE") / "utils/dataset.py"
    loop = statement(
        path, lambda node: isinstance(node, ast.For) and "caption_files.append" in ast.unparse(node) and "image_specs" in ast.unparse(node)
    )
    folder = tree(tmp_path, seed)
    space: dict[str, Any] = {
        "tqdm": list,
        "Path": Path,
        "os": os,
        "process_file": lambda file: [(None, str(file))],
        "has_captions_json": False,
    }
    space |= {name: [] for name in ("image_specs", "caption_files", "mask_files", "control_files")}
    space |= {"files": sorted(folder.glob("*")), "mask_file_stems": {}, "control_file_stems": {}}
    space["self"] = SimpleNamespace(path=folder, mask_path=None, control_path=None, default_mask_file=None)
    exec(loop, space)
    theirs = {name: caption for (_, name), caption in zip(space["image_specs"], space["caption_files"], strict=True)}
    found = ours(tmp_path, "diffusion-pipe", "{images: data}")
    assert {name for name, caption in theirs.items() if caption} >= {name for name, caption in found.items() if caption}
    assert set(found) == set(theirs)


@pytest.mark.trainer
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("video", [False, True])
def test_ai_toolkit(seed: int, video: bool, tmp_path: Path) -> None:
    path = home("AI_TOOLKIT") / "toolkit/data_loader.py"
    space: dict[str, Any] = {"os": os}
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith("_extensions"):
            exec(compile(ast.Module([node], []), str(path), "exec"), space)
    listing = statement(path, lambda node: isinstance(node, ast.If) and ast.unparse(node.test) == "os.path.isdir(self.dataset_path)")
    pruning = statement(path, lambda node: isinstance(node, ast.Assign) and "== '_controls'" in ast.unparse(node))
    folder = tree(tmp_path, seed)
    space["self"] = SimpleNamespace(dataset_path=str(folder), is_audio_model=False, is_video=video)
    exec(listing, space)
    exec(pruning, space)
    line, family = ("{videos: data}", "wan21") if video else ("{images: data}", "qwen-image")
    assert sorted(ours(tmp_path, "ai-toolkit", line, family)) == sorted(space["file_list"])
