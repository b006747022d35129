"""How a run ended, truthfully: its reason, the exit code, the cause and the way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lorabridge.backends.base import Artifacts, Plan
from lorabridge.diagnostics import Diagnostic
from lorabridge.run.cause import cause_of, out_of_memory, read_tail
from lorabridge.run.folder import RunFolder
from lorabridge.run.state import State
from lorabridge.run.view import View, where

Reason = Literal["completed", "failed", "untrained", "out of memory", "diverged", "stalled", "rejected", "interrupted", "stopped", "lost"]

EXIT: dict[Reason, int] = {
    "completed": 0,
    "failed": 3,
    "untrained": 3,
    "out of memory": 4,
    "diverged": 5,
    "stalled": 6,
    "rejected": 7,
    "interrupted": 130,
    "stopped": 130,
    "lost": 3,
}
"""The exit code of `lorabridge run`. `interrupted` is by a signal, `stopped` by a request; `lost`: the supervisor itself died."""

_CODES: dict[Reason, str] = {"untrained": "LB703", "out of memory": "LB704", "diverged": "LB705", "rejected": "LB706", "lost": "LB707"}
_FIXES: dict[Reason, str] = {
    "failed": "the log tells more; `lorabridge check --paths` finds what can be known before",
    "untrained": "look for what the trainer skipped in its log; often the data or a finished earlier run",
    "out of memory": "`memory.blocks_to_swap`, `memory.gradient_checkpointing: true`, `model.quantize`, a smaller resolution or batch",
    "diverged": "lower `optimizer.lr`, set `optimizer.max_grad_norm: 1.0`, prefer bf16 to fp16; earlier checkpoints may be good",
    "lost": "`lorabridge resume` goes on from the last good state",
    "stalled": "look at the last lines of the log for what it waited for; `lorabridge resume` goes on from the last good state",
    "rejected": "do not use this file; look for errors of the last save in the log, and at the free disk space",
}


@dataclass(frozen=True)
class Verdict:
    """The end of a run. `cause` is one sentence, empty when all went well."""

    reason: Reason
    cause: str = ""
    stage: str | None = None
    log: Path | None = None

    @property
    def code(self) -> int:
        """The exit code of the program."""
        return EXIT[self.reason]

    @property
    def fix(self) -> str:
        """What to do next, if there is something to do."""
        return _FIXES.get(self.reason, "")

    def diagnostic(self) -> Diagnostic | None:
        """The finding to print; None where nothing went wrong."""
        if self.reason in ("completed", "interrupted", "stopped"):
            return None
        why = f"the trainer's own words are in {self.log}" if self.log else ""
        return Diagnostic(_CODES.get(self.reason, "LB702"), self.cause, None, "error", why, self.fix)


@dataclass(frozen=True)
class StageEnd:
    """A stage that was started, and its exit code."""

    stage: str
    code: int | None


def judge(
    folder: RunFolder,
    plan: Plan,
    view: View,
    ends: list[StageEnd],
    artifacts: Artifacts,
    interrupted: str,
    check: Callable[[Path], str],
    watched: Verdict | None = None,
) -> Verdict:
    """The verdict on a run that is over.

    `interrupted` names the signal or the request that asked for the end, `check` tells why a checkpoint is no LoRA, `watched` is the
    verdict of a watchdog that ended the run.
    """
    expected = plan.total_steps if plan.total_steps is not None else view.total
    through = len(ends) == len(plan.stages) and all(end.code == 0 for end in ends)
    said = next((stage.finish for stage in reversed(view.stages.values()) if stage.finish), "")
    # where nobody knows the number of steps, one that was asked to end is whole only if it says so itself
    asked = bool(interrupted) or watched is not None
    whole = through and ((not asked or said == "completed") if expected is None else (view.step or 0) >= expected)
    last = ends[-1].stage if ends else None
    log = folder.log(last) if last else None
    if not whole and (watched is not None or interrupted):
        told = _failed(folder, view, ends[-1]) if watched is not None and watched.reason in ("failed", "out of memory") and ends else None
        return told if told and told.reason == "out of memory" else _ended(watched, interrupted, view, last, log)
    if not through:
        return _failed(folder, view, ends[-1]) if ends else Verdict("failed", "nothing was started")
    problem = _shortfall(view, whole, expected, last, log)
    return problem or _delivered(artifacts, check, last, log)


def _shortfall(view: View, whole: bool, expected: int | None, last: str | None, log: Path | None) -> Verdict | None:
    """What is wrong with a run all of whose stages ended without an error."""
    step = view.step or 0
    if diverged := not_finite(view, last, log):
        return diverged
    finish = next((stage.finish for stage in reversed(view.stages.values()) if stage.finish), "")
    if finish == "stopped" and not whole:
        return Verdict("stopped", f"the trainer was asked to stop from outside, at {where(view)}", last, log)
    # A trainer that says it is through may count otherwise than the plan; one that took no step did not train.
    if not whole and (finish != "completed" or step == 0):
        return Verdict("untrained", f"`{last}` ended without an error after {step} of {expected} planned steps", last, log)
    return None


def _delivered(artifacts: Artifacts, check: Callable[[Path], str], last: str | None, log: Path | None) -> Verdict:
    problem = check(artifacts.checkpoints[-1]) if artifacts.checkpoints else "no LoRA file was written"
    return Verdict("rejected", f"the result is no LoRA: {problem}", last, log) if problem else Verdict("completed", stage=last, log=log)


def _ended(watched: Verdict | None, by: str, view: View, stage: str | None, log: Path | None) -> Verdict:
    """The run was ended before its time, by a watchdog or because somebody asked."""
    if watched is not None:
        said = not_finite(view, stage, log) if watched.reason == "diverged" else None
        return said or Verdict(watched.reason, watched.cause, stage, log)
    return Verdict("interrupted" if by.startswith("SIG") else "stopped", f"stopped by {by} at {where(view)}", stage, log)


def not_finite(view: View, stage: str | None, log: Path | None) -> Verdict | None:
    """The verdict on a loss that was NaN or infinite; None where it never was."""
    if view.not_finite_at is None:
        return None
    cause = f"the loss was not a finite number at step {view.not_finite_at}; what was saved after it is worthless"
    return Verdict("diverged", cause, stage, log)


def verdict_in(state: State, view: View, folder: RunFolder) -> Verdict:
    """The verdict as the record of a run tells it."""
    reason: Reason = next((word for word in EXIT if word == state.reason), "failed")
    return Verdict(reason, state.cause, view.current, folder.log(view.current) if view.current else None)


def _failed(folder: RunFolder, view: View, end: StageEnd) -> Verdict:
    stage, log = view.stages[end.stage], folder.log(end.stage)
    lines = read_tail(log)
    cause = f"`{end.stage}` failed: {cause_of(stage, end.code, lines)}"
    if stage.out_of_memory or out_of_memory(lines):
        return Verdict("out of memory", cause, end.stage, log)
    if view.not_finite_at is not None:
        return Verdict("diverged", cause, end.stage, log)
    return Verdict("failed", cause, end.stage, log)
