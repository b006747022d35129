"""Drawings of a plan: buckets and the learning rate, as SVG elements and for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from lorabridge.data.buckets import Bucket
from lorabridge.plan.sections import Picture

_LEVELS = "▁▂▃▄▅▆▇█"
_WIDTH, _PLOT, _MARGIN = 760, 160, 44
_INK, _FILL, _LOST = "#1f2937", "#3b82f6", "#d1d5db"
MOST_BUCKETS = 48
"""Buckets that are drawn; a set with more has its smallest ones summed up."""


def samples_of(rate: Callable[[int], float], steps: int, width: int) -> list[float]:
    """The rate at `width` steps spread evenly from the first to the last."""
    if steps <= width:
        return [rate(step) for step in range(1, steps + 1)]
    return [rate(1 + round(index * (steps - 1) / (width - 1))) for index in range(width)]


def sparkline(values: Sequence[float]) -> str:
    """One character per value, the highest as a full block."""
    top = max(values, default=0.0) or 1.0
    return "".join(_LEVELS[max(0, min(len(_LEVELS) - 1, round(value / top * (len(_LEVELS) - 1))))] for value in values)


def bars(buckets: Sequence[Bucket], width: int = 24) -> list[str]:
    """One line per bucket: its size, a bar of its samples, and what becomes of them."""
    most = max((bucket.samples for bucket in buckets), default=1) or 1
    names = max((len(bucket.key) for bucket in buckets), default=0)
    numbers = max((len(str(bucket.samples)) for bucket in buckets), default=0)
    return [f"{one.key:<{names}}  {one.samples:>{numbers}} {_bar(one, most, width)}  {_fate(one)}".rstrip() for one in buckets]


def _bar(bucket: Bucket, most: int, width: int) -> str:
    length = max(1, round(bucket.samples / most * width)) if bucket.samples else 0
    lost = min(length, max(1, round(bucket.dropped / most * width))) if bucket.dropped else 0
    return ("█" * (length - lost) + "░" * lost).ljust(width)


def _fate(bucket: Bucket) -> str:
    parts = [f"{bucket.batches} batch{'es' if bucket.batches != 1 else ''} of {bucket.batch}"]
    if bucket.partial:
        parts.append(f"the last with {bucket.partial}")
    if bucket.padded:
        parts.append(f"{bucket.padded} shown twice to fill up")
    if bucket.dropped:
        parts.append(f"{bucket.dropped} dropped" if bucket.batches else "all dropped")
    return ", ".join(parts)


def folded(buckets: Sequence[Bucket]) -> tuple[list[Bucket], int]:
    """The largest buckets, largest first, and how many are left out of the list."""
    ordered = sorted(buckets, key=lambda one: (-one.samples, one.key))
    return ordered[:MOST_BUCKETS], max(0, len(ordered) - MOST_BUCKETS)


def buckets_picture(buckets: Sequence[Bucket]) -> Picture:
    """Each bucket as a shape of its proportions beside a bar of its samples; grey is what is dropped."""
    shown, more = folded(buckets)
    most = max((one.samples for one in shown), default=1) or 1
    row, parts = 30, [f'<text x="8" y="16" fill="{_INK}" font-weight="600">Buckets: samples per epoch</text>']
    for index, one in enumerate(shown):
        top = 26 + index * row
        scale = 24 / max(one.width, one.height, 1)
        wide, high = max(2.0, one.width * scale), max(2.0, one.height * scale)
        bar = (_WIDTH - 420) * one.samples / most
        lost = (_WIDTH - 420) * one.dropped / most
        parts.append(
            f'<rect x="{20 - wide / 2:.1f}" y="{top + 13 - high / 2:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="none" stroke="{_INK}"/>'
        )
        parts.append(f'<text x="40" y="{top + 17}" fill="{_INK}">{escape(one.key)}</text>')
        parts.append(f'<rect x="200" y="{top + 5}" width="{max(0.0, bar - lost):.1f}" height="16" fill="{_FILL}"/>')
        if lost:
            parts.append(f'<rect x="{200 + bar - lost:.1f}" y="{top + 5}" width="{lost:.1f}" height="16" fill="{_LOST}"/>')
        parts.append(f'<text x="{206 + bar:.1f}" y="{top + 17}" fill="{_INK}">{one.samples}: {escape(_fate(one))}</text>')
    height = 30 + len(shown) * row
    if more:
        parts.append(f'<text x="40" y="{height + 10}" fill="{_INK}">and {more} smaller buckets</text>')
        height += 20
    return Picture(_WIDTH, height, "\n".join(parts) + "\n")


def rate_picture(rate: Callable[[int], float], steps: int, saves: Sequence[int], warmup: int) -> Picture:
    """The learning rate over the steps, with a tick for each checkpoint."""
    values = samples_of(rate, steps, 240)
    top, wide = max([*values, 1e-9]), _WIDTH - 2 * _MARGIN

    def across(step: float) -> float:
        return _MARGIN + wide * (step - 1) / max(1, steps - 1)

    positions = [1 + index * (steps - 1) / max(1, len(values) - 1) for index in range(len(values))]
    line = " ".join(f"{across(at):.1f},{24 + _PLOT * (1 - value / top):.1f}" for at, value in zip(positions, values, strict=True))
    base = 24 + _PLOT
    parts = [
        f'<text x="8" y="16" fill="{_INK}" font-weight="600">Learning rate (share of optimizer.lr) and checkpoints</text>',
        f'<line x1="{_MARGIN}" y1="{base}" x2="{_WIDTH - _MARGIN}" y2="{base}" stroke="{_INK}"/>',
        f'<polyline points="{line}" fill="none" stroke="{_FILL}" stroke-width="2"/>',
        f'<text x="8" y="30" fill="{_INK}">{top:.3g}</text><text x="{_MARGIN}" y="{base + 26}" fill="{_INK}">step 1</text>',
        f'<text x="{_WIDTH - _MARGIN}" y="{base + 26}" text-anchor="end" fill="{_INK}">step {steps}</text>',
    ]
    ticks = [across(step) for step in dict.fromkeys(saves[:400])]
    parts += [f'<line x1="{at:.1f}" y1="{base}" x2="{at:.1f}" y2="{base + 8}" stroke="{_INK}"/>' for at in ticks]
    rise = f'x1="{across(warmup):.1f}" y1="24" x2="{across(warmup):.1f}" y2="{base}"'
    parts += [f'<line {rise} stroke="{_LOST}" stroke-dasharray="4 3"/>'] if 1 < warmup < steps else []
    return Picture(_WIDTH, base + 34, "\n".join(parts) + "\n")
