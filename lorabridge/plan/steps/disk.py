"""The section `disk`: what checkpoints and states take at most, and whether it is free where they go."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lorabridge.backends import get_backend
from lorabridge.backends.footprint import footprint_of
from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.memory.adapter import states_of
from lorabridge.plan.memory.bytes import Amount, size
from lorabridge.plan.memory.estimate import Unknown, estimate
from lorabridge.plan.sections import Line, Section, Subject
from lorabridge.plan.steps.steps import open_kinds

_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
_HEADER = Amount(1.0, 1.01, 1.1)
"""A file over its tensors: names, alphas, metadata."""


def section(subject: Subject) -> Section | None:
    """Bytes per checkpoint and state, the most of them at once, and the free space of the output's file system."""
    line = subject.forecast.timeline if subject.forecast else None
    if line is None or line.kept is None or "checkpoint" in open_kinds(subject):
        return None
    found = estimate(subject.resolved, subject.backend, footprint_of(get_backend(subject.backend)))
    if isinstance(found, Unknown):
        return Section((Line("each checkpoint", "unknown", False, found.why),), {"known": False})
    checkpoint = _checkpoint(subject, found.trained)
    state = _state(subject, found.trained)
    kept, states = line.kept, line.kept_states or 0
    most = checkpoint.times(kept) + state.times(states)
    lines = [Line("each checkpoint", checkpoint.text, False, "rank times the layers' widths, and a header")]
    if states:
        lines.append(Line("each state", state.text, False, "weights and the optimizer's moments"))
    lines.append(Line("at most", f"{most.text} at once" + _counts(kept, states), False))
    folder, free = _free(subject)
    facts = {"known": True, "checkpoint": _ends(checkpoint), "state": _ends(state), "most": _ends(most), "free": free}
    if free is not None:
        lines.append(Line("free", f"{size(free)} at {folder}"))
    return Section(tuple(lines), facts, _findings(subject, most, free, folder))


def _counts(kept: int, states: int) -> str:
    return f", {kept} checkpoint{'s' if kept != 1 else ''}" + (f" and {states} state{'s' if states != 1 else ''}" if states else "")


def _checkpoint(subject: Subject, trained: Amount) -> Amount:
    width = _BYTES.get(str(subject.resolved.config.save.dtype), 2)
    return Amount(trained.low * width * _HEADER.low, trained.mid * width * _HEADER.mid, trained.high * width * _HEADER.high)


def _state(subject: Subject, trained: Amount) -> Amount:
    """The weights in two or four bytes, and what the optimizer keeps for each."""
    moments, _ = states_of(subject.resolved.config.optimizer.type)
    return Amount(trained.low * (2 + moments.low), trained.mid * (4 + moments.mid), trained.high * (4 + moments.high) * 1.1)


def _free(subject: Subject) -> tuple[str, int | None]:
    """The nearest folder that exists on the way to the output, and the bytes that a user may still write there."""
    root, output = subject.site.root, subject.site.output or subject.resolved.config.output.dir
    folder = Path(root) / os.path.expanduser(output)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return str(folder), shutil.disk_usage(folder).free
    except OSError:
        return str(folder), None


def _findings(subject: Subject, most: Amount, free: int | None, folder: str) -> tuple[Diagnostic, ...]:
    if free is None or most.high <= free:
        return ()
    sure = most.low > free
    return (
        Diagnostic(
            "LB607",
            f"checkpoints and states take {most.text}, and {size(free)} is free at {folder}",
            subject.loaded.place("output.dir") or subject.loaded.place("save"),
            "error" if sure else "warning",
            "the save that fills the disk is lost, and often the run with it",
            "write a smaller `save.keep_last`, save less often, or name a larger disk in `output.dir`",
            "output.dir",
        ),
    )


def _ends(amount: Amount) -> list[int]:
    return [round(amount.low), round(amount.mid), round(amount.high)]
