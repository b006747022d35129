"""Where ai-toolkit is on this machine: its checkout, its Python, its commit. Nothing is run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from lorabridge.backends.ai_toolkit.archs import COMMIT
from lorabridge.backends.base import Installation

HOME, PYTHON = "LORABRIDGE_AI_TOOLKIT_HOME", "LORABRIDGE_AI_TOOLKIT_PYTHON"


def locate(environ: Mapping[str, str]) -> Installation | None:
    """The checkout that the environment names, or one in a usual place; None when there is none."""
    named = environ.get(HOME)
    for place in [Path(named).expanduser()] if named else _usual(environ):
        if named or _is_checkout(place):
            home = place.absolute()
            python = _python(home, environ)
            commit = _commit(home)
            return Installation(home, python, commit, None, tuple(_problems(home, python, commit)))
    return None


def _usual(environ: Mapping[str, str]) -> Iterator[Path]:
    user = environ.get("HOME") or environ.get("USERPROFILE")
    for base in (Path(user) if user else Path.home(), Path.cwd(), Path.cwd().parent):
        yield base / "ai-toolkit"


def _is_checkout(home: Path) -> bool:
    return (home / "run.py").is_file() and (home / "toolkit" / "config_modules.py").is_file()


def _python(home: Path, environ: Mapping[str, str]) -> Path:
    if environ.get(PYTHON):
        return Path(environ[PYTHON]).expanduser()
    for folder in ("venv", ".venv"):
        for inner in ("bin/python", "Scripts/python.exe"):
            if (home / folder / inner).exists():
                return home / folder / inner
    return Path(sys.executable)


def _problems(home: Path, python: Path, commit: str) -> Iterator[str]:
    if not _is_checkout(home):
        yield f"{home} is not an ai-toolkit checkout: run.py or toolkit/config_modules.py is missing"
    if not python.exists():
        yield f"{python} does not exist; set {PYTHON}"
    if not commit:
        yield f"{home} is no git checkout: its commit is not known"
    elif commit != COMMIT:
        yield f"its commit is {commit[:7]}; what lorabridge knows was read at {COMMIT[:7]}"


def _commit(home: Path) -> str:
    """The commit of HEAD, read from git's files; empty when it cannot be read."""
    try:
        git = home / ".git"
        if git.is_file():
            git = (home / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()).resolve()
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref:"):
            return head
        return _ref(git, head.removeprefix("ref:").strip())
    except (OSError, UnicodeDecodeError):
        return ""


def _ref(git: Path, ref: str) -> str:
    common = git / "commondir"
    base = (git / common.read_text(encoding="utf-8").strip()).resolve() if common.is_file() else git
    for folder in (git, base):
        if (folder / ref).is_file():
            return (folder / ref).read_text(encoding="utf-8").strip()
    packed = (base / "packed-refs").read_text(encoding="utf-8").splitlines()
    return next((line.split()[0] for line in packed if line.endswith(f" {ref}")), "")
