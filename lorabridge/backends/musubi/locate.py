"""Where musubi-tuner is on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from lorabridge.backends.base import Installation
from lorabridge.backends.checkout import find

_MARK = "src/musubi_tuner/training/trainer_base.py"


def locate(environ: Mapping[str, str]) -> Installation | None:
    """The checkout named by LORABRIDGE_MUSUBI_HOME, or one in a usual place. None when there is none."""
    return find(environ, "LORABRIDGE_MUSUBI", ("musubi-tuner", "musubi_tuner"), (_MARK,), _problems)


def _problems(home: Path, python: Path) -> Iterator[str]:
    if (home / "src/musubi_tuner").is_dir() and not (home / _MARK).is_file():
        yield "it is an older musubi-tuner, with another layout: update it"
