"""Learning rate schedules as shares of the full rate: the closed forms of transformers and torch that trainers call.

Each function takes the count of schedule steps done so far (0 for the first optimizer step). Sources: transformers/optimization.py
(4.57), torch/optim/lr_scheduler.py (2.13).
"""

from __future__ import annotations

import math
from collections.abc import Callable

Rate = Callable[[int], float]


def warmed(warmup: float, after: Rate) -> Rate:
    """A straight rise from 0 over `warmup` steps, then `after`."""
    return lambda done: done / max(1.0, warmup) if done < warmup else after(done)


def progress(warmup: float, total: float) -> Callable[[int], float]:
    """Share of the way from the end of the warm-up to `total`."""
    return lambda done: (done - warmup) / max(1.0, total - warmup)


def constant(warmup: float = 0) -> Rate:
    """The full rate."""
    return warmed(warmup, lambda done: 1.0)


def linear(warmup: float, total: float) -> Rate:
    """Down to 0 at `total`."""
    return warmed(warmup, lambda done: max(0.0, (total - done) / max(1.0, total - warmup)))


def cosine(warmup: float, total: float, cycles: float = 0.5, least: float = 0.0) -> Rate:
    """Half a cosine wave down to `least`."""
    way = progress(warmup, total)
    return warmed(warmup, lambda done: max(0.0, 0.5 * (1 + math.cos(math.pi * cycles * 2 * way(done))) * (1 - least) + least))


def restarts(warmup: float, total: float, cycles: float) -> Rate:
    """`cycles` cosine falls, each from the full rate."""
    way = progress(warmup, total)
    return warmed(warmup, lambda done: 0.0 if way(done) >= 1 else max(0.0, 0.5 * (1 + math.cos(math.pi * (cycles * way(done) % 1.0)))))


def polynomial(warmup: float, total: float, power: float, full: float, end: float = 1e-7) -> Rate:
    """A power of what is left, from the rate `full` to the rate `end` (absolute, not a share)."""

    def fall(done: int) -> float:
        if done > total:
            return end / full
        left = 1 - (done - warmup) / max(1.0, total - warmup)
        return ((full - end) * float(max(0.0, left) ** power) + end) / full

    return warmed(warmup, fall)


def inverse_sqrt(warmup: float, timescale: float | None = None) -> Rate:
    """One over the root of the time."""
    scale = timescale or warmup or 10_000.0
    return warmed(warmup, lambda done: 1.0 / math.sqrt((done + scale - warmup) / scale))


def stable_then_decay(warmup: float, stable: float, decay: float, cycles: float = 0.5, least: float = 0.0) -> Rate:
    """A rise, a plateau, and half a cosine wave down to `least`."""

    def rate(done: int) -> float:
        if done < warmup:
            return max(0.0, done / max(1.0, warmup) * (1 - least) + least)
        if done < warmup + stable:
            return 1.0
        if done < warmup + stable + decay:
            way = (done - warmup - stable) / max(1.0, decay)
            return max(0.0, 0.5 * (1 + math.cos(math.pi * cycles * 2 * way)) * (1 - least) + least)
        return least

    return rate


def reflected_exponential(warmup: int, total: int, least: float, alpha: float = 0.1, beta: float = 0.9) -> Rate:
    """REX (arXiv 2107.04197) with a rise from `least`; it begins and ends there."""

    def rate(done: int) -> float:
        if warmup == 1 and done == 1:
            return least
        if warmup > 1 and 1 <= done <= warmup - 1:
            return least + (1 - least) * (done - 1) / (warmup - 1)
        after, room = done - warmup, total - warmup
        if after >= room or after == -1 or room <= 0:
            return least
        left = (room - after % room) / room
        return least + (1 - least) * (left / (alpha + beta * left))

    return rate
