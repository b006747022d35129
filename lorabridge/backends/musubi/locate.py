"""Find the checkout, its Python and its commit, without running anything."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from lorabridge.backends.base import Installation

_MARK = Path("src/musubi_tuner/training/trainer_base.py")


def locate(environ: Mapping[str, str]) -> Installation | None:
    """The checkout named by LORABRIDGE_MUSUBI_HOME, or one in a usual place. None when there is none."""
    named = environ.get("LORABRIDGE_MUSUBI_HOME")
    if named:
        return _installation(Path(named).expanduser().absolute(), environ)
    for place in _usual(environ):
        if (place / _MARK).is_file():
            return _installation(place, environ)
    return None


def _usual(environ: Mapping[str, str]) -> Iterator[Path]:
    home = environ.get("HOME") or environ.get("USERPROFILE")
    here = Path.cwd()
    for folder in (here, here.parent, *([Path(home)] if home else [])):
        yield from (folder / name for name in ("musubi-tuner", "musubi_tuner"))


def _installation(home: Path, environ: Mapping[str, str]) -> Installation:
    problems: list[str] = []
    if not (home / _MARK).is_file():
        old = (home / "src/musubi_tuner").is_dir()
        problems.append(f"{home} holds {'an older musubi-tuner' if old else 'no musubi-tuner'}: {_MARK.as_posix()} is missing")
    python = _python(home, environ)
    if not python.is_file():
        problems.append(f"{python} does not exist; set LORABRIDGE_MUSUBI_PYTHON")
    commit = _commit(home)
    if not commit:
        problems.append(f"{home} is no git checkout: its commit is not known")
    return Installation(home, python, commit, None, tuple(problems))


def _python(home: Path, environ: Mapping[str, str]) -> Path:
    named = environ.get("LORABRIDGE_MUSUBI_PYTHON")
    if named:
        return Path(named).expanduser().absolute()
    inside = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    for folder in ("venv", ".venv"):
        python = home.joinpath(folder, *inside)
        if python.is_file():
            return python
    return Path(sys.executable)


def _commit(home: Path) -> str:
    """The commit that is checked out, read from git's own files."""
    git = home / ".git"
    try:
        if git.is_file():
            git = (home / git.read_text(encoding="utf-8").partition("gitdir:")[2].strip()).resolve()
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref:"):
            return head
        return _reference(git, head.removeprefix("ref:").strip())
    except OSError:
        return ""


def _reference(git: Path, name: str) -> str:
    common = git / "commondir"
    folders = [git] + ([(git / common.read_text(encoding="utf-8").strip()).resolve()] if common.is_file() else [])
    for folder in folders:
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8").strip()
        packed = folder / "packed-refs"
        for line in packed.read_text(encoding="utf-8").splitlines() if packed.is_file() else ():
            commit, _, ref = line.partition(" ")
            if ref.strip() == name:
                return commit
    return ""
