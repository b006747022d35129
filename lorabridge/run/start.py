"""Starting the supervisor of a prepared run, so that it has nothing to do with this terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from lorabridge.run import system
from lorabridge.run.folder import RunFolder
from lorabridge.run.notify import hooks_in
from lorabridge.run.record import last_record
from lorabridge.run.state import read_state
from lorabridge.run.supervise import EXIT_NO_GPU, EXIT_TAKEN

_SUPERVISOR = "lorabridge.run.supervise"
_WAIT = 60.0


class StartError(RuntimeError):
    """The supervisor did not start; the message says why."""


class NoGpuError(StartError):
    """Its GPUs are taken; it waits to be started."""


def start(folder: RunFolder, environ: Mapping[str, str] | None = None) -> None:
    """Start the supervisor and wait until the run has begun, or ended. Raises StartError, and OSError.

    Secrets reach it by its environment only, which is ours or `environ`.
    """
    try:
        hooks_in(os.environ if environ is None else environ)
    except ValueError as error:
        raise StartError(str(error)) from None
    with folder.supervisor_log.open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", _SUPERVISOR, str(folder.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder.path,
            env=environment(environ),
            **system.detached(),
        )
    end = time.monotonic() + _WAIT
    while time.monotonic() < end:
        if read_state(folder).phase != "prepared" or last_record(folder.events) is not None:
            return
        if child.poll() == EXIT_TAKEN:
            return  # somebody else started it
        if child.poll() is not None:
            break
        time.sleep(0.02)
    if read_state(folder).phase == "prepared" and last_record(folder.events) is None:
        raise (NoGpuError if child.poll() == EXIT_NO_GPU else StartError)(_why(folder, child.poll()))


def environment(environ: Mapping[str, str] | None) -> dict[str, str]:
    """Ours, with the place that this lorabridge was imported from: the supervisor must be the same."""
    env = dict(os.environ if environ is None else environ)
    root = str(Path(__file__).resolve().parents[2])
    parts = [part for part in env.get("PYTHONPATH", "").split(os.pathsep) if part]
    if root not in parts and not root.endswith("site-packages"):
        env["PYTHONPATH"] = os.pathsep.join([*parts, root])
    return env


def _why(folder: RunFolder, code: int | None) -> str:
    try:
        words = folder.supervisor_log.read_text("utf-8", "replace").strip().splitlines()
    except OSError:
        words = []
    if code == EXIT_NO_GPU and words:
        return words[-1]
    said = f": {words[-1]}" if words else ""
    return f"the supervisor ended with code {code} before the run began{said}" if code is not None else "the supervisor does not answer"
