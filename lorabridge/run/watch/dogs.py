"""One pure function per fault: what was seen, the newest sign and the facts in; the observations that prove the fault out, or nothing."""

from __future__ import annotations

import math

from lorabridge.backends.events import Event
from lorabridge.run.watch.facts import Facts, Sign
from lorabridge.run.watch.seen import Seen


def not_finite(seen: Seen, sign: Sign | None, facts: Facts, now: float) -> str:
    """NaN or infinity as the loss."""
    if not isinstance(sign, Event):
        return ""
    if sign.event == "progress" and sign.loss is not None and not math.isfinite(sign.loss):
        return f"the loss is {sign.loss} at step {sign.step}"
    return f"the trainer says `{sign.text}` at step {seen.step or 0}" if sign.event == "warning" and sign.code == "nan" else ""
