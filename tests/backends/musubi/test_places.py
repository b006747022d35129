"""Finding the trainer, and what a run left."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lorabridge.backends import musubi

COMMIT = "30c658c4f4b0bf05038b3346eff9670259b10fc7"


def checkout(folder: Path, git: str = "ref") -> Path:
    mark = folder / "src/musubi_tuner/training/trainer_base.py"
    mark.parent.mkdir(parents=True)
    mark.touch()
    head = folder / ".git/HEAD"
    head.parent.mkdir()
    if git == "detached":
        head.write_text(COMMIT + "\n")
    else:
        head.write_text("ref: refs/heads/main\n")
        if git == "ref":
            (folder / ".git/refs/heads").mkdir(parents=True)
            (folder / ".git/refs/heads/main").write_text(COMMIT + "\n")
        else:
            (folder / ".git/packed-refs").write_text(f"# pack-refs with: peeled\n{COMMIT} refs/heads/main\n^abc\n")
    return folder


@pytest.mark.parametrize("git", ["ref", "packed", "detached"])
def test_commit_without_git(tmp_path: Path, git: str) -> None:
    home = checkout(tmp_path / "musubi-tuner", git)
    found = musubi.locate({"LORABRIDGE_MUSUBI_HOME": str(home)})
    assert found is not None
    assert (found.home, found.commit, found.dirty, found.problems) == (home, COMMIT, None, ())


def test_a_worktree(tmp_path: Path) -> None:
    home = checkout(tmp_path / "wt")
    common = tmp_path / "main/.git"
    (home / ".git").rename(tmp_path / "unused")
    worktree = common / "worktrees/wt"
    worktree.mkdir(parents=True)
    (worktree / "HEAD").write_text("ref: refs/heads/x\n")
    (worktree / "commondir").write_text("../..\n")
    (common / "packed-refs").write_text(f"{COMMIT} refs/heads/x\n")
    (home / ".git").write_text("gitdir: ../main/.git/worktrees/wt\n")
    found = musubi.locate({"LORABRIDGE_MUSUBI_HOME": str(home)})
    assert found is not None
    assert found.commit == COMMIT


def test_python(tmp_path: Path) -> None:
    home = checkout(tmp_path / "musubi-tuner")
    found = musubi.locate({"LORABRIDGE_MUSUBI_HOME": str(home)})
    assert found is not None
    assert found.python == Path(sys.executable)
    python = home.joinpath(".venv", *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
    python.parent.mkdir(parents=True)
    python.touch()
    found = musubi.locate({"LORABRIDGE_MUSUBI_HOME": str(home)})
    assert found is not None
    assert found.python == python
    found = musubi.locate({"LORABRIDGE_MUSUBI_HOME": str(home), "LORABRIDGE_MUSUBI_PYTHON": "/opt/python"})
    assert found is not None
    assert found.python == Path("/opt/python").absolute()
    assert found.problems


def test_usual_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "work/here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    assert musubi.locate({"HOME": str(tmp_path / "home")}) is None
    home = checkout(tmp_path / "home/musubi-tuner")
    found = musubi.locate({"HOME": str(tmp_path / "home")})
    assert found is not None
    assert found.home == home
    beside = checkout(tmp_path / "work/musubi-tuner")
    found = musubi.locate({"HOME": str(tmp_path / "home")})
    assert found is not None
    assert found.home == beside


def test_a_wrong_place_is_told(tmp_path: Path) -> None:
    found = musubi.locate({"LORABRIDGE_MUSUBI_HOME": str(tmp_path)})
    assert found is not None
    assert "holds no such checkout" in found.problems[0]


def test_what_a_run_left(tmp_path: Path) -> None:
    names = [
        "cat-000001.safetensors",
        "cat-step00000005.safetensors",
        "cat.safetensors",
        "catalog.safetensors",
        "cat-2-step00000001.safetensors",
        "cat-000001.txt",
    ]
    states = ["cat-000001-state", "cat-step00000005-state", "cat-state"]
    for age, name in enumerate(names):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 + age, 1000 + age))
    (tmp_path / "cat-000007").mkdir()
    (tmp_path / "cat-000001-state.safetensors").touch()
    for age, name in enumerate(states):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1000 + age, 1000 + age))
    (tmp_path / "sample").mkdir()
    for name in (
        "cat_000005_00_20260101000000_42_000.png",
        "cat_e000001_00_20260101000009_42_000.png",
        "dog_000005_00_20260101000000_000.png",
        "cat_notes.txt",
    ):
        (tmp_path / "sample" / name).touch()
    found = musubi.artifacts(tmp_path, "cat")
    assert [path.name for path in found.checkpoints] == names[:3]
    assert [path.name for path in found.states] == states
    assert {path.name[:10] for path in found.samples} == {"cat_000005", "cat_e00000"}


def test_nothing_left(tmp_path: Path) -> None:
    assert musubi.artifacts(tmp_path / "none", "cat").checkpoints == ()
