"""Find a trainer's checkout, its Python and its commit, without running anything. Shared by the backends' `locate.py`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lorabridge.backends.base import Installation
from lorabridge.contracts.git import commit_of

Problems = Callable[[Path, Path], Iterable[str]]


def find(environ: Mapping[str, str], variable: str, names: Sequence[str], marks: Sequence[str], problems: Problems) -> Installation | None:
    """The checkout that `<variable>_HOME` names, or one called like `names` in a usual place; None when there is none.

    `marks` are files that a checkout holds; `<variable>_PYTHON` names its interpreter. `problems(home, python)`
    adds what only this trainer needs. A problem is what keeps it from running; an unknown commit is none.
    """
    named = environ.get(f"{variable}_HOME")
    places = [Path(os.path.expanduser(named))] if named else _usual(environ, names)
    home = next((place.absolute() for place in places if named or _holds(place, marks)), None)
    if home is None:
        return None
    python = _python(home, environ.get(f"{variable}_PYTHON"))
    found = (
        []
        if _holds(home, marks)
        else [f"{home} holds no such checkout: {' or '.join(m for m in marks if not (home / m).is_file())} is missing"]
    )
    if not python.is_file():
        found.append(f"{python} does not exist; set {variable}_PYTHON")
    return Installation(home, python, commit_of(home), None, (*found, *problems(home, python)))


def _usual(environ: Mapping[str, str], names: Sequence[str]) -> Iterator[Path]:
    user = environ.get("HOME") or environ.get("USERPROFILE")
    here = Path.cwd()
    for folder in (here, here.parent, *([Path(user)] if user else [])):
        yield from (folder / name for name in names)


def _holds(place: Path, marks: Sequence[str]) -> bool:
    return all((place / mark).is_file() for mark in marks)


def _python(home: Path, named: str | None) -> Path:
    if named:
        return Path(os.path.expanduser(named)).absolute()
    inside = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    own = (home.joinpath(folder, *inside) for folder in ("venv", ".venv"))
    return next((python for python in own if python.is_file()), Path(sys.executable))
