"""Where the trainer is, and what a run leaves behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lorabridge.backends.diffusion_pipe import artifacts, locate


def checkout(home: Path) -> Path:
    for name in (
        "train.py",
        "utils/dataset.py",
        "submodules/ComfyUI/x",
        "submodules/HunyuanVideo/x",
        "venv/bin/python",
        "venv/bin/deepspeed",
    ):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("")
    return home


def test_the_environment_names_it(tmp_path: Path) -> None:
    home = checkout(tmp_path / "dp")
    (home / ".git").mkdir()
    (home / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (home / ".git" / "packed-refs").write_text("# pack-refs\n" + "a" * 40 + " refs/heads/main\n")
    found = locate({"LORABRIDGE_DIFFUSION_PIPE_HOME": str(home)})
    assert found is not None
    assert (found.home, found.python, found.commit, found.dirty, found.problems) == (home, home / "venv/bin/python", "a" * 40, None, ())


def test_another_python(tmp_path: Path) -> None:
    found = locate({"LORABRIDGE_DIFFUSION_PIPE_HOME": str(checkout(tmp_path)), "LORABRIDGE_DIFFUSION_PIPE_PYTHON": "/nowhere/python"})
    assert found is not None
    assert found.python == Path("/nowhere/python")
    assert "does not exist" in found.problems[0]


def test_empty_submodules_are_told(tmp_path: Path) -> None:
    home = checkout(tmp_path)
    (home / "submodules/ComfyUI/x").unlink()
    found = locate({"LORABRIDGE_DIFFUSION_PIPE_HOME": str(home)})
    assert found is not None
    assert "submodules/ComfyUI" in found.problems[0]


def test_a_wrong_place_is_told(tmp_path: Path) -> None:
    found = locate({"LORABRIDGE_DIFFUSION_PIPE_HOME": str(tmp_path)})
    assert found is not None
    assert "train.py" in found.problems[0]


def test_a_detached_head_and_a_worktree(tmp_path: Path) -> None:
    home = checkout(tmp_path / "dp")
    git = tmp_path / "main" / ".git" / "worktrees" / "dp"
    git.mkdir(parents=True)
    (git / "HEAD").write_text("b" * 40 + "\n")
    (home / ".git").write_text(f"gitdir: {git}\n")
    found = locate({"LORABRIDGE_DIFFUSION_PIPE_HOME": str(home)})
    assert found is not None
    assert found.commit == "b" * 40


def test_usual_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.chdir(checkout(tmp_path / "diffusion-pipe"))
    found = locate({})
    assert found is not None
    assert found.home == tmp_path / "diffusion-pipe"


def test_artifacts(tmp_path: Path) -> None:
    first, second = tmp_path / "cat" / "20260101_00-00-00", tmp_path / "cat" / "20260102_00-00-00"
    made = [
        first / "epoch1/lora.safetensors",
        second / "step20/adapter_model.safetensors",
        second / "epoch1/adapter_model.safetensors",
        second / "step30/x.safetensors",
    ]
    for age, path in enumerate(made):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
        os.utime(path.parent, (1000 + age, 1000 + age))
    (second / "step30" / "tmp").mkdir()
    for number in (10, 9):
        (second / f"global_step{number}").mkdir()
    (tmp_path / "cat" / "notes").mkdir()
    found = artifacts(tmp_path, "cat")
    assert found.checkpoints == tuple(made[:3])
    assert [path.name for path in found.states] == ["global_step9", "global_step10"]
    assert artifacts(tmp_path, "dog").checkpoints == ()
