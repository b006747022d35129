"""One pure function per fault: what was seen, the newest sign and the facts in; the sentence that tells of the fault out, or nothing."""

from __future__ import annotations

import math
import statistics

from lorabridge.backends.events import Event
from lorabridge.run.delivery import readable
from lorabridge.run.watch.facts import DiskReading, Facts, GpuReading, Sign, StageEnded
from lorabridge.run.watch.seen import RECENT, Seen

STALL = {"load": 1800.0, "cache": 900.0, "train": 600.0}
"""Seconds of silence that are allowed in each phase: weights may come over a network, a video may take minutes to encode."""
PATIENCE = 60.0
"""Seconds that a trainer gets to end after it said that it failed."""
_GAPS = 5.0
"""While training, silence of this many times the longest pause so far is allowed as well (saves, samples, an evaluation)."""
_JUMP, _DRIFT = 20.0, 5.0
"""Times the best average: in two losses in a row, and in the median of the last 20. Losses of a batch of one are that noisy."""
_SAME = 50
_RATE = 0.06
"""ai-toolkit prints two digits of the learning rate: 1.04e-04 and 1.0e-04 are the same."""
_HOT = 90
_FATAL_XID = {48: "double-bit memory error", 62: "micro-controller halted", 63: "memory row cannot be remapped", 64: "memory row cannot be remapped", 74: "NVLink error", 79: "fallen off the bus", 94: "contained memory error", 95: "uncontained memory error", 119: "GPU firmware does not answer", 120: "GPU firmware error"}  # fmt: skip
_LOST = (
    "fallen off the bus",
    "GPU is lost",
    "uncorrectable ECC error",
    "CUDA error: device-side assert",
    "unspecified launch failure",
    "CUDA-capable device(s) is/are busy",
)
_CONSTANT = ("constant", "constant_with_warmup", "")
_NOT_FINITE = ("nan", "not_finite")


def _progress(sign: Sign | None) -> Event | None:
    return sign if isinstance(sign, Event) and sign.event == "progress" else None


def not_finite(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """NaN or infinity as the loss."""
    if not isinstance(sign, Event):
        return ""
    if sign.event == "progress" and sign.loss is not None and not math.isfinite(sign.loss):
        return f"the loss is {sign.loss}, not a finite number at step {sign.step}: the adapter learns nothing more"
    if sign.event in ("warning", "error") and sign.code in _NOT_FINITE:
        return f"the trainer says `{sign.text}` at step {sign.step or seen.step or 0}: the adapter learns nothing more"
    return ""


def zero_loss(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """A loss of exactly 0, twice."""
    event = _progress(sign)
    if event is None or seen.zeros < 2:
        return ""
    return f"the loss is exactly 0 at step {event.step} and the one before: nothing is learned, or the trainer hides a NaN"


def diverged(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """Two losses far above the best average, or a median well above it."""
    event = _progress(sign)
    if event is None or seen.best is None or seen.best <= 0 or seen.count < RECENT // 2:
        return ""
    last = list(seen.losses)
    if len(last) >= 2 and min(last[-2:]) > _JUMP * seen.best:
        return f"the loss jumped to {last[-1]:.4g} at step {event.step}; its best average was {seen.best:.4g}"
    middle = statistics.median(last)
    if seen.count >= 2 * RECENT and middle > _DRIFT * seen.best:
        return f"the loss has risen to {middle:.4g} by step {event.step}; its best average was {seen.best:.4g}"
    return ""


def frozen(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """The same loss over and over."""
    event = _progress(sign)
    if event is None or seen.same < _SAME or seen.losses[-1] == 0:
        return ""
    return f"the loss is {seen.losses[-1]:g} for {seen.same + 1} updates in a row, up to step {event.step}"


def window(seen: Seen, facts: Facts) -> float:
    """Seconds of silence allowed at present."""
    allowed = facts.stall.get(seen.phase, STALL[seen.phase])
    return max(allowed, _GAPS * seen.longest_gap) if seen.phase == "train" and seen.phase not in facts.stall else allowed


def stalled(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """Silence."""
    if sign is not None or seen.heard_at is None or now - seen.heard_at < window(seen, facts):
        return ""
    doing = {"load": "loading", "cache": "caching", "train": "training"}[seen.phase]
    where = f", last seen at step {seen.step}" if seen.step is not None else ""
    return f"the trainer has said nothing for {now - seen.heard_at:.0f} s while {doing}{where}"


def hanging(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """It said that it failed, and lives."""
    if sign is not None or seen.failed_at is None or now - seen.failed_at < facts.stall.get("failed", PATIENCE):
        return ""
    return f"the trainer failed {now - seen.failed_at:.0f} s ago and does not end: {seen.error or 'it gave no reason'}"


def untrained(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """Exit code 0 without the planned steps."""
    if not isinstance(sign, StageEnded) or sign.code != 0 or sign.asked or not seen.trains:
        return ""
    total = facts.total_steps if facts.total_steps is not None else seen.total
    if seen.step is None:
        return "the trainer ended without an error and took no step"
    if seen.finish == "completed" or total is None or seen.step >= total:
        return ""
    return f"the trainer ended without an error after step {seen.step} of {total}"


def backwards(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """The step counter runs back, or began again after a resume."""
    event = _progress(sign)
    if event is None or event.step is None:
        return ""
    if seen.before is not None and event.step < seen.before:
        return f"step {event.step} comes after step {seen.before}"
    if seen.before is None and event.step < facts.first_step:
        return f"the run was to go on from step {facts.first_step} and began at step {event.step}"
    return ""


def out_of_memory(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """The trainer died of it."""
    if isinstance(sign, Event) and sign.event == "error" and sign.code in ("oom", "out_of_memory", "out-of-memory"):
        return f"out of memory at step {seen.step or 0}: {sign.text}"
    return ""


def batches_skipped(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """The trainer left out a batch that did not fit."""
    if isinstance(sign, Event) and sign.event == "warning" and sign.code == "oom":
        return f"a batch did not fit into the GPU's memory and was left out after step {seen.step or 0}: {sign.text}"
    return ""


def disk_short(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """Less than one save is free."""
    if not isinstance(sign, DiskReading) or facts.save_bytes is None or sign.free >= facts.save_bytes:
        return ""
    return f"{readable(sign.free)} are free and the next save takes about {readable(facts.save_bytes)}: it would fail, or be cut off"


def disk_low(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """Less than three saves are free; or a gigabyte where a save is of unknown size."""
    if not isinstance(sign, DiskReading):
        return ""
    need = 3 * facts.save_bytes if facts.save_bytes is not None else 10**9
    return f"{readable(sign.free)} are free where the saves go, room for fewer than three" if sign.free < need else ""


def gpu_lost(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """The driver or the trainer lost the GPU."""
    if isinstance(sign, GpuReading):
        if sign.xid in _FATAL_XID:
            return f"GPU {sign.index} reports Xid {sign.xid} ({_FATAL_XID[sign.xid]})"
        return f"GPU {sign.index} does not answer any more" if sign.lost else ""
    if isinstance(sign, Event) and sign.event == "error" and any(word in (sign.text or "") for word in _LOST):
        return f"the trainer lost the GPU: {sign.text}"
    return ""


def hot(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """Heat, or a clock that the driver holds down."""
    if not isinstance(sign, GpuReading):
        return ""
    if sign.temperature is not None and sign.temperature >= _HOT:
        return f"GPU {sign.index} is at {sign.temperature} °C"
    if seen.throttled >= 2:
        heat = f" at {sign.temperature} °C" if sign.temperature is not None else ""
        return f"the driver slows GPU {sign.index} down{heat}: {', '.join(sign.throttled)}"
    return ""


def wrong_rate(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """The learning rate is not the planned one, twice."""
    event = _progress(sign)
    if event is None or event.lr is None or facts.lr is None or event.step is None:
        return ""
    constant = facts.schedule in _CONSTANT and event.step > facts.first_step + facts.warmup + 1
    low = facts.lr * (1 - _RATE) if constant else 0.0
    fits = low <= event.lr <= facts.lr * (1 + _RATE) and (event.lr > 0 or not constant)
    seen.off_rate = 0 if fits else seen.off_rate + 1
    if seen.off_rate < 2:
        return ""
    return f"the learning rate is {event.lr:.3g} at step {event.step}, and the plan says {facts.lr:.3g}" + ("" if constant else " at most")


def wrong_total(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """The trainer plans another number of steps."""
    event = _progress(sign)
    if event is None or event.total is None or facts.total_steps is None or event.total == facts.total_steps:
        return ""
    return f"the trainer will take {event.total} steps, and the plan says {facts.total_steps}"
