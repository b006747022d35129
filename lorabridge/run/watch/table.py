"""The table of watchdogs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lorabridge.run.watch import dogs
from lorabridge.run.watch.facts import Action, Facts, Sign
from lorabridge.run.watch.seen import Seen

Check = Callable[[Seen, Sign | None, Facts, float], str]
"""The sentence that tells of the fault, or an empty text. The sign is None when only time has passed."""


@dataclass(frozen=True)
class Watchdog:
    """One row: the fault, what is done about it unless the user says otherwise, when it is seen, and what a run dies of then."""

    name: str
    code: str
    check: Check
    action: Action
    when: str
    reason: str = "failed"


WATCHDOGS: tuple[Watchdog, ...] = (
    Watchdog("loss-not-finite", "LB720", dogs.not_finite, "stop", "at the first loss that is NaN or infinite, or the trainer's own words for it (ai-toolkit prints `loss is nan`, shows 0 and goes on)", reason="diverged"),
    Watchdog("loss-zero", "LB721", dogs.zero_loss, "stop", "at the second loss in a row that is exactly 0", reason="diverged"),
    Watchdog("divergence", "LB722", dogs.diverged, "stop", "at the second loss in a row above 20 times the best average of 20; or when the median of the last 20 is above 5 times it, after 40", reason="diverged"),
    Watchdog("loss-frozen", "LB732", dogs.frozen, "warn", "when 51 updates in a row show the same loss"),
    Watchdog("stall", "LB723", dogs.stalled, "stop", "after silence of 30 min while loading, 15 min while caching, 10 min while training (or 5 times the longest pause so far)", reason="stalled"),
    Watchdog("hang", "LB724", dogs.hanging, "stop", "60 s after the trainer said that it failed, when it still lives (diffusion-pipe after an exception while caching)", reason="failed"),
    Watchdog("no-training", "LB725", dogs.untrained, "warn", "when a training stage ends with exit code 0 and the planned steps were not done"),
    Watchdog("steps-backwards", "LB726", dogs.backwards, "warn", "when the step counter runs back, or begins below the step that a resumed run goes on from"),
    Watchdog("out-of-memory", "LB727", dogs.out_of_memory, "warn", "when an error tells of memory that was not there; the trainer ends by itself (one that does not is ended as a `hang`)", reason="out of memory"),
    Watchdog("oom-skipped", "LB728", dogs.batches_skipped, "warn", "when ai-toolkit leaves out a batch that did not fit (it gives up at the fourth in a row)"),
    Watchdog("disk-full", "LB729", dogs.disk_short, "stop", "when less is free than the next save takes"),
    Watchdog("disk-low", "LB730", dogs.disk_low, "warn", "when fewer than three more saves fit, or 1 GB where their size is not known"),
    Watchdog("gpu-lost", "LB731", dogs.gpu_lost, "stop", "when the driver reports a fatal Xid or does not answer, or an error says so"),
    Watchdog("gpu-hot", "LB733", dogs.hot, "warn", "at 90 °C, or when the driver slows the GPU down for heat or power faults in two readings in a row"),
    Watchdog("wrong-rate", "LB734", dogs.wrong_rate, "warn", "when the learning rate differs from the plan by more than 6 % in two updates in a row, or is above its peak"),
    Watchdog("wrong-total", "LB738", dogs.wrong_total, "warn", "when the trainer counts to another number of steps than the plan"),
)  # fmt: skip
"""In the order in which they are asked."""


def watchdog_table() -> str:
    """The table as Markdown, for the documentation."""
    rows = [f"| `{dog.name}` | {dog.code} | {dog.action.replace('_', ' ')} | {dog.when} |" for dog in WATCHDOGS]
    return "\n".join(["| watchdog | code | does | when |", "|---|---|---|---|", *rows, ""])
