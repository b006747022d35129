"""Commits and dates from `.git` folders of every kind."""

from __future__ import annotations

import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from lorabridge.contracts.git import commit_of, date_of

ONE, TWO = "1" * 40, "2" * 40


def make(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("files", "commit"),
    [
        ({".git/HEAD": f"{ONE}\n"}, ONE),
        ({".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": f"{ONE}\n"}, ONE),
        (
            {
                ".git/HEAD": "ref: refs/heads/main\n",
                ".git/packed-refs": f"# pack-refs\n{TWO} refs/heads/dev\n{ONE} refs/heads/main\n^{TWO}\n",
            },
            ONE,
        ),
        ({".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": ONE, ".git/packed-refs": f"{TWO} refs/heads/main\n"}, ONE),
        (
            {
                ".git": "gitdir: ../store\n",
                "../store/HEAD": "ref: refs/heads/w\n",
                "../store/commondir": "common\n",
                "../store/common/refs/heads/w": ONE,
            },
            ONE,
        ),
        ({".git/HEAD": "ref: refs/heads/new\n"}, ""),
        ({".git/HEAD": "what is this"}, ""),
        ({".git": "gitdir: nowhere\n"}, ""),
        ({"train.py": ""}, ""),
    ],
    ids=["detached", "loose", "packed", "loose-wins", "worktree", "unborn", "garbage", "lost", "none"],
)
def test_commit(tmp_path: Path, files: dict[str, str], commit: str) -> None:
    assert commit_of(make(tmp_path / "home", files)) == commit


def test_date_of_a_loose_object(tmp_path: Path) -> None:
    make(tmp_path, {".git/HEAD": ONE})
    raw = b"commit 99\0tree x\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1782345600 +0900\n\ncommitter A <x> 5 +0000\n"
    path = tmp_path / ".git/objects" / ONE[:2] / ONE[2:]
    path.parent.mkdir(parents=True)
    path.write_bytes(zlib.compress(raw))
    assert date_of(tmp_path, ONE) == "2026-06-25"
    assert date_of(tmp_path, TWO) == ""
    assert date_of(tmp_path, "../../etc/passwd") == ""


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_real_repository_with_packed_objects(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        settings = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *settings, *words], cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "x", "--date", "2020-02-02T00:00:00+0000")
    commit = git("rev-parse", "HEAD")
    day = git("log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%d")
    assert commit_of(tmp_path) == commit
    loose = date_of(tmp_path, commit)
    git("repack", "-adq")
    git("prune-packed")
    git("pack-refs", "--all")
    assert commit_of(tmp_path) == commit
    assert date_of(tmp_path, commit) == loose
    assert abs(int(loose[-2:]) - int(day[-2:])) in (0, 1, 27, 28, 29, 30)
