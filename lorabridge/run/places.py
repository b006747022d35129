"""Where lorabridge keeps what belongs to this user and this machine, not to one run: the index of runs, the queue, the leases."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

HOME = "LORABRIDGE_STATE_HOME"
"""Environment variable that names another folder."""


def state_home(environ: Mapping[str, str] | None = None) -> Path:
    """`~/.local/state/lorabridge`, or as XDG_STATE_HOME or LORABRIDGE_STATE_HOME say. It is made if need be; raises OSError."""
    env = os.environ if environ is None else environ
    named = env.get(HOME)
    if named:
        folder = Path(named).expanduser().absolute()
    elif env.get("XDG_STATE_HOME"):
        folder = Path(env["XDG_STATE_HOME"]) / "lorabridge"
    elif os.name == "nt":
        folder = Path(env.get("LOCALAPPDATA") or Path.home()) / "lorabridge"
    else:
        folder = Path.home() / ".local" / "state" / "lorabridge"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def lease_home(environ: Mapping[str, str] | None = None) -> Path:
    """The folder of the GPU leases."""
    folder = state_home(environ) / "leases"
    folder.mkdir(exist_ok=True)
    return folder
