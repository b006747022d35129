"""`python -m lorabridge.run.helpers`: what the supervisor lets others do, because it needs much memory or many imports.

`verify RUN CHECKPOINT` prints why the checkpoint is not what the config asks for; `report RUN` writes the page, `lock RUN` the lock.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path

from lorabridge.run.folder import RunFolder


def main(argv: list[str]) -> int:
    """Do what `argv` says."""
    with contextlib.suppress(AttributeError, OSError):
        os.nice(10)  # the training comes first
    folder = RunFolder(Path(argv[1]))
    if argv[0] == "verify":
        print(json.dumps({"problem": _problem(folder, Path(argv[2]))}))
    elif argv[0] == "lock":
        _lock(folder)
    else:
        _report(folder)
    return 0


def _lock(folder: RunFolder) -> None:
    """What the run is made of, read while it begins: weights by their headers, pictures and captions whole."""
    from lorabridge.files import write_atomic
    from lorabridge.plan.lock.build import Wish, build
    from lorabridge.run.again import as_told
    from lorabridge.run.index import plan_of

    plan = plan_of(folder)
    loaded, overrides = as_told(folder, plan)
    lock, _ = build(loaded, Wish(str(plan["backend"]), "warn", overrides, seed=plan.get("seed")), dict(os.environ))
    if lock is not None:
        write_atomic(folder.held, lock.text())


def _problem(folder: RunFolder, checkpoint: Path) -> str:
    from lorabridge.run.delivery import verdict_in

    return verdict_in(folder, checkpoint).problem


def _report(folder: RunFolder) -> None:
    from lorabridge.backends.base import Note, Plan
    from lorabridge.config.load import load
    from lorabridge.families.resolve import Resolved, resolve
    from lorabridge.run.job import job_of
    from lorabridge.run.record import read_events
    from lorabridge.run.report import write_report
    from lorabridge.run.state import read_state
    from lorabridge.run.verdict import verdict_in
    from lorabridge.run.view import view_of

    job = job_of(folder, {})
    notes = tuple(Note(**note) for note in json.loads(folder.plan.read_bytes())["notes"])
    plan = Plan(job.plan.backend, stages=job.plan.stages, notes=notes, total_steps=job.plan.total_steps)
    loaded = load(folder.resolved)
    resolved = resolve(loaded.config, plan.backend) if loaded.config is not None else None
    if not isinstance(resolved, Resolved):
        raise SystemExit("the resolved config of the run cannot be read")
    view = view_of(read_events(folder.events))
    write_report(folder, plan, job.installation, resolved, view, job.artifacts, verdict_in(read_state(folder), view, folder))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
