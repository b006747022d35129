"""The trainer's code and its Python, as they are now: commit, changed files, packages."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from lorabridge import __version__
from lorabridge.backends.base import Installation
from lorabridge.contracts.git import commit_of
from lorabridge.plan.lock.content import whole
from lorabridge.plan.lock.model import Trainer

PACKAGES = (
    "accelerate", "bitsandbytes", "deepspeed", "diffusers", "flash-attn", "lycoris-lora", "numpy", "optimum-quanto", "peft", "prodigyopt",
    "pytorch-optimizer", "safetensors", "sageattention", "torch", "torchao", "torchvision", "transformers", "triton", "xformers",
)  # fmt: skip
"""What decides the numbers of a training."""
_ASK = (
    "import json, platform, sys\nfrom importlib.metadata import PackageNotFoundError, version\nfound = {}\n"
    "for name in sys.argv[1:]:\n    try:\n        found[name] = version(name)\n    except PackageNotFoundError:\n        pass\n"
    "print(json.dumps([platform.python_version(), found]))"
)
_SECONDS = 60
_SKIP = ("venv/", ".venv/", "env/")


def trainer_now(installation: Installation, *, embedded: bool) -> Trainer:
    """The installed trainer's identity. Runs git and the trainer's Python (its standard library only); neither can fail this."""
    python, packages = _python(installation.python)
    if embedded:
        return Trainer(f"lorabridge {__version__}", {}, True, python, packages)
    modified = _modified(installation.home) if installation.commit else None
    return Trainer(installation.commit, modified or {}, modified is not None, python, packages)


def _python(python: Path) -> tuple[str, Mapping[str, str]]:
    try:
        answer = subprocess.run([python, "-I", "-c", _ASK, *PACKAGES], capture_output=True, timeout=_SECONDS, check=True)
        version, packages = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return "", {}
    return str(version), {str(name): str(text) for name, text in packages.items()}


def _modified(home: Path) -> dict[str, str] | None:
    """Changed tracked files and new Python files with their contents; None where git cannot tell."""
    command = ["git", "-C", str(home), "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"]
    try:
        answer = subprocess.run(
            command, capture_output=True, timeout=_SECONDS, check=True, env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = {}
    for entry in answer.stdout.decode("utf-8", "surrogateescape").split("\0"):
        state, name = entry[:2], entry[3:]
        if name and not (state == "??" and (not name.endswith(".py") or name.startswith(_SKIP))):
            found[name] = _state(home / name)
    return found


def _state(path: Path) -> str:
    try:
        return f"commit:{commit_of(path)}" if path.is_dir() else whole(path)
    except OSError:
        return "deleted"
