"""The supervisor's own work: run the job, and have checkpoints verified and the page written by helpers."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lorabridge.run.another import another
from lorabridge.run.folder import RunFolder
from lorabridge.run.job import Job, job_of
from lorabridge.run.launch import launch
from lorabridge.run.leases import Lease, wish_of
from lorabridge.run.process import helper
from lorabridge.run.record import Record
from lorabridge.run.verdict import Verdict
from lorabridge.run.view import View

_PATIENCE = 900.0
"""Seconds for a helper: a checkpoint of many gigabytes on a slow disk."""


class Silent:
    """No screen: whoever wants to see reads the event log."""

    def show(self, record: Record, view: View) -> None:
        """Keep the points of the curve few: the record has them all."""
        if len(view.points) > 20_000:
            for step in list(view.points)[::2]:
                del view.points[step]

    def tick(self, view: View) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


def supervise(folder: RunFolder, lease: Lease) -> int:
    """Run the job of a folder to its end on leased GPUs; returns the exit code of the verdict."""
    job = _bound(job_of(folder, dict(os.environ)), lease, bool(wish_of(folder).pinned))
    if folder.resolved.is_file():
        helper([sys.executable, "-m", "lorabridge.run.helpers", "lock", str(folder.path)], stdout=subprocess.DEVNULL)
    return launch(job, Silent()).code


def _bound(job: Job, lease: Lease, pinned: bool) -> Job:
    return dataclasses.replace(
        job,
        check=lambda path: verify(job.folder, path),
        report=lambda view, verdict: report(job.folder, verdict),
        gpus=lease.gpus,
        pinned=pinned,
        keep=lease.handles,
        bound=True,
        verifier=Verifying(job),
        again=lambda verdict: another(job, verdict),
    )


def verify(folder: RunFolder, checkpoint: Path) -> str:
    """Why a checkpoint is not what the config asks for, empty when it is; looked at by a process of its own, for its memory."""
    child = _look(folder, checkpoint)
    try:
        said, _ = child.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return ""
    return _problem(said) or ""


class Verifying:
    """Each checkpoint is looked at by a niced process of its own, one at a time; of those that wait the newest is enough.

    What is found is told: `verified`, with `problem` when it is not the LoRA that the config asks for, and a warning then.
    """

    _SETTLED = 2.0

    def __init__(self, job: Job) -> None:
        self._job = job
        self._waiting: tuple[str, str, int | None, float] | None = None
        self._looking: tuple[subprocess.Popen[bytes], str, str, int | None] | None = None

    def add(self, stage: str, path: str, step: int | None) -> None:
        """A checkpoint was announced; some trainers do so before they write it, so it is given a moment."""
        self._waiting = (stage, path, step, time.monotonic() + self._SETTLED)

    def poll(self, tell: Callable[[str | None, Mapping[str, Any]], None]) -> None:
        """Take an answer, ask the next question."""
        if self._looking is not None and self._looking[0].poll() is not None:
            child, stage, path, step = self._looking
            self._looking = None
            self._tell(tell, stage, path, step, _problem(child.stdout.read() if child.stdout else b""))
        if self._looking is None and self._waiting is not None and time.monotonic() >= self._waiting[3]:
            stage, path, step, _ = self._waiting
            self._waiting = None
            found = self._find(path)
            if found is not None:
                self._looking = (_look(self._job.folder, found), stage, str(found), step)

    def _find(self, path: str) -> Path | None:
        """The checkpoint among what the trainer left; logs name it in many ways."""
        name = Path(path).name
        made = self._job.artifacts.checkpoints
        return next((item for item in reversed(made) if name in (item.name, item.parent.name)), None)

    def _tell(self, tell: Callable[..., None], stage: str, path: str, step: int | None, problem: str | None) -> None:
        if problem is None:
            return
        about = {"path": path, **({"step": step} if step is not None else {})}
        tell(stage, {"event": "verified", "ok": not problem, **about, **({"problem": problem} if problem else {})})
        if problem:
            tell(
                stage, {"event": "warning", "code": "LB706", "text": f"the checkpoint is not what the config asks for: {problem}", **about}
            )


def _look(folder: RunFolder, checkpoint: Path) -> subprocess.Popen[bytes]:
    return helper([sys.executable, "-m", "lorabridge.run.helpers", "verify", str(folder.path), str(checkpoint)], stdout=subprocess.PIPE)


def _problem(said: bytes) -> str | None:
    """What the helper found; None when it failed itself."""
    try:
        return str(json.loads(said)["problem"])
    except (ValueError, KeyError, TypeError):
        return None


def report(folder: RunFolder, verdict: Verdict) -> None:
    """Have the page written."""
    child = helper([sys.executable, "-m", "lorabridge.run.helpers", "report", str(folder.path)], stdout=subprocess.DEVNULL)
    try:
        child.wait(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
