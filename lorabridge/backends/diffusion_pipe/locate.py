"""Where diffusion-pipe is on this machine, with DeepSpeed and the submodules that it imports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from lorabridge.backends.base import Installation
from lorabridge.backends.checkout import find

_SUBMODULES = ("submodules/ComfyUI", "submodules/HunyuanVideo")


def locate(environ: Mapping[str, str]) -> Installation | None:
    """The checkout named by LORABRIDGE_DIFFUSION_PIPE_HOME, or one in a usual place. None when there is none."""
    return find(environ, "LORABRIDGE_DIFFUSION_PIPE", ("diffusion-pipe",), ("train.py", "utils/dataset.py"), _problems)


def _problems(home: Path, python: Path) -> Iterator[str]:
    if python.exists() and not any((python.parent / name).exists() for name in ("deepspeed", "deepspeed.exe", "deepspeed.bat")):
        yield f"DeepSpeed is not installed beside {python}: `pip install -r requirements.txt` in the checkout"
    for folder in _SUBMODULES:
        if not (home / folder).is_dir() or not any((home / folder).iterdir()):
            yield f"{folder} is empty: `git submodule update --init` in the checkout"
