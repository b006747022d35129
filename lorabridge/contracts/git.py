"""The commit of a checkout, read from its `.git`; git itself is asked only for the date of a packed commit."""

from __future__ import annotations

import re
import shutil
import subprocess
import zlib
from datetime import UTC, datetime
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}")


def commit_of(root: Path) -> str:
    """The full commit that is checked out; empty when the folder is no git checkout or has none yet."""
    folder = _git_folder(root)
    if folder is None:
        return ""
    head = _read(folder / "HEAD")
    name = head.removeprefix("ref:").strip()
    return name if _COMMIT.fullmatch(name) else _reference(folder, name) if head.startswith("ref:") else ""


def date_of(root: Path, commit: str) -> str:
    """The day of a commit (`2026-06-24`, UTC); empty where it cannot be told."""
    folder = _git_folder(root)
    if folder is None or not _COMMIT.fullmatch(commit):
        return ""
    found = re.search(rb"^committer .*> (\d{1,11}) [+-]\d{4}$", _loose(folder, commit) or _packed(folder, commit), re.MULTILINE)
    return datetime.fromtimestamp(int(found[1]), UTC).date().isoformat() if found else ""


def _loose(folder: Path, commit: str) -> bytes:
    for home in _homes(folder):
        try:
            return zlib.decompress((home / "objects" / commit[:2] / commit[2:]).read_bytes())
        except (OSError, zlib.error):
            continue
    return b""


def _packed(folder: Path, commit: str) -> bytes:
    """The commit as `git cat-file` prints it, which runs nothing that the checkout's own settings name."""
    tool = shutil.which("git")
    if tool is None:
        return b""
    try:
        done = subprocess.run([tool, "--git-dir", str(folder), "cat-file", "commit", commit], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""


def _git_folder(root: Path) -> Path | None:
    """`.git` itself, or the folder that a worktree's or submodule's `.git` file names."""
    place = root / ".git"
    if place.is_dir():
        return place
    named = _read(place)
    if not named.startswith("gitdir:"):
        return None
    folder = (root / named.removeprefix("gitdir:").strip()).resolve()
    return folder if folder.is_dir() else None


def _homes(folder: Path) -> list[Path]:
    """Where references and objects are: the folder, and for a worktree the repository that it belongs to."""
    common = _read(folder / "commondir")
    return [folder, (folder / common).resolve()] if common else [folder]


def _reference(folder: Path, name: str) -> str:
    for home in _homes(folder):
        loose = _read(home / name)
        if _COMMIT.fullmatch(loose):
            return loose
        for line in _read(home / "packed-refs").splitlines():
            commit, _, packed = line.partition(" ")
            if packed == name and _COMMIT.fullmatch(commit):
                return commit
    return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
