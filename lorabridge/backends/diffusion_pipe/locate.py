"""Where the trainer is: its checkout, its Python, its commit. Nothing is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from lorabridge.backends.base import Installation

_HOME, _PYTHON = "LORABRIDGE_DIFFUSION_PIPE_HOME", "LORABRIDGE_DIFFUSION_PIPE_PYTHON"
_SUBMODULES = ("submodules/ComfyUI", "submodules/HunyuanVideo")


def locate(environ: Mapping[str, str]) -> Installation | None:
    """The checkout named by the environment, or in a usual place; None when there is none."""
    for home in _homes(environ):
        if (home / "train.py").is_file() and (home / "utils" / "dataset.py").is_file():
            place = home.absolute()
            python = _python(place, environ)
            return Installation(place, python, _commit(place), None, tuple(_problems(place, python)))
    return None


def _homes(environ: Mapping[str, str]) -> Iterator[Path]:
    if environ.get(_HOME):
        yield Path(environ[_HOME]).expanduser()
        return
    for base in (Path.home(), Path.cwd(), Path.cwd().parent):
        yield base / "diffusion-pipe"


def _python(home: Path, environ: Mapping[str, str]) -> Path:
    import sys

    if environ.get(_PYTHON):
        return Path(environ[_PYTHON]).expanduser()
    for folder in ("venv", ".venv"):
        for inner in ("bin/python", "Scripts/python.exe"):
            if (home / folder / inner).exists():
                return home / folder / inner
    return Path(sys.executable)


def _problems(home: Path, python: Path) -> Iterator[str]:
    if not python.exists():
        yield f"there is no Python at {python}"
    elif not any((python.parent / name).exists() for name in ("deepspeed", "deepspeed.exe", "deepspeed.bat")):
        yield f"DeepSpeed is not installed beside {python}: `pip install -r requirements.txt` in the checkout"
    for folder in _SUBMODULES:
        if not (home / folder).is_dir() or not any((home / folder).iterdir()):
            yield f"{folder} is empty: `git submodule update --init` in the checkout"


def _commit(home: Path) -> str:
    """The commit of HEAD, read from the files of git; empty when it cannot be read."""
    git = home / ".git"
    try:
        if git.is_file():
            git = (home / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()).resolve()
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref:"):
            return head
        ref = head.removeprefix("ref:").strip()
        shared = git / "commondir"
        base = (git / shared.read_text(encoding="utf-8").strip()).resolve() if shared.exists() else git
        for folder in (git, base):
            if (folder / ref).is_file():
                return (folder / ref).read_text(encoding="utf-8").strip()
        packed = (base / "packed-refs").read_text(encoding="utf-8")
        return next((line.split()[0] for line in packed.splitlines() if line.endswith(f" {ref}")), "")
    except (OSError, UnicodeDecodeError):
        return ""
