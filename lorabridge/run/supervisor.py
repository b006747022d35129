"""The supervisor's own work: run the job, and have checkpoints verified and the page written by helpers."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

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
    return launch(_bound(job_of(folder, dict(os.environ)), lease, bool(wish_of(folder).pinned)), Silent()).code


def _bound(job: Job, lease: Lease, pinned: bool) -> Job:
    return dataclasses.replace(
        job,
        check=lambda path: verify(job.folder, path),
        report=lambda view, verdict: report(job.folder, verdict),
        gpus=lease.gpus,
        pinned=pinned,
        keep=lease.handles,
        bound=True,
    )


def verify(folder: RunFolder, checkpoint: Path) -> str:
    """Why a checkpoint is not what the config asks for, empty when it is; looked at by a process of its own, for its memory."""
    child = helper([sys.executable, "-m", "lorabridge.run.helpers", "verify", str(folder.path), str(checkpoint)], stdout=subprocess.PIPE)
    try:
        said, _ = child.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return ""
    try:
        return str(json.loads(said)["problem"])
    except (ValueError, KeyError, TypeError):
        return ""


def report(folder: RunFolder, verdict: Verdict) -> None:
    """Have the page written."""
    child = helper([sys.executable, "-m", "lorabridge.run.helpers", "report", str(folder.path)], stdout=subprocess.DEVNULL)
    try:
        child.wait(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
