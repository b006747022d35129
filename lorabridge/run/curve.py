"""The learning curve as a small SVG, readable on light and on dark paper: loss, smoothed loss, learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape

from lorabridge.run.view import Point

_WIDTH, _HEIGHT = 880, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 816, 36, 292
_MOST = 600
"""Points drawn; of more, each stretch keeps its lowest and its highest."""

_STYLE = """
.lb-curve{--ink:#1d2430;--soft:#6b7684;--grid:#e3e7ec;--raw:#9cc3ee;--smooth:#1663b7;--lr:#c2691c;--bad:#c62f3b;font:12px system-ui,sans-serif}
@media (prefers-color-scheme:dark){.lb-curve{--ink:#e6eaf0;--soft:#98a3b1;--grid:#2c343f;--raw:#355b85;--smooth:#6db3ff;--lr:#f0a35e;--bad:#ff7a82}}
.lb-curve text{fill:var(--soft)}.lb-curve .t{fill:var(--ink)}.lb-curve path{fill:none;stroke-linejoin:round}.lb-curve .g{stroke:var(--grid)}
.lb-curve .raw{stroke:var(--raw);stroke-width:1}.lb-curve .smooth{stroke:var(--smooth);stroke-width:2.2}
.lb-curve .lr{stroke:var(--lr);stroke-width:1.1;stroke-dasharray:5 3}.lb-curve .bad{stroke:var(--bad);stroke-width:1.5}
"""

Series = list[tuple[int, float]]


def curve_svg(points: Mapping[int, Point], title: str) -> str:
    """The picture. With no points it says so."""
    raw = [(step, point.loss) for step, point in sorted(points.items()) if point.loss is not None]
    finite = [(step, loss) for step, loss in raw if math.isfinite(loss)]
    rates = [(step, point.lr) for step, point in sorted(points.items()) if point.lr is not None and math.isfinite(point.lr)]
    body = list(_drawing(finite, rates, [step for step, loss in raw if not math.isfinite(loss)])) if finite else [_nothing(bool(raw))]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="lb-curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Learning curve of {escape(title)}">'
    return "\n".join([head, f"<style>{_STYLE}</style>", *body, "</svg>\n"])


def smoothed(values: Series) -> Series:
    """A moving average over about a twentieth of the values, fair to the first ones."""
    span = max(2.0, len(values) / 20)
    found: Series = []
    average = weight = 0.0
    for step, value in values:
        average += (value - average) / span
        weight += (1 - weight) / span
        found.append((step, average / weight))
    return found


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, about `count` of them."""
    if not high > low:
        return [low]
    rough = (high - low) / count
    size = 10 ** math.floor(math.log10(rough))
    step = next(factor * size for factor in (1, 2, 2.5, 5, 10) if factor * size >= rough * 0.8)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 12) for index in range(first, math.floor(high / step + 1e-9) + 1)]


class _Scale:
    """Data to pixels along one axis."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high = (low, high) if high > low else (low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1))
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        return self._start + (value - self.low) / (self.high - self.low) * (self._end - self._start)


def _drawing(losses: Series, rates: Series, bad: list[int]) -> Iterator[str]:
    steps = [step for step, _ in losses] + bad
    x = _Scale(min(1, *steps), max(2, *steps), _LEFT, _RIGHT)
    lowest, highest = min(loss for _, loss in losses), max(loss for _, loss in losses)
    room = (highest - lowest) * 0.06
    y = _Scale(max(0.0, lowest - room) if lowest >= 0 else lowest - room, highest + room, _BOTTOM, _TOP)
    yield from _grid(x, y)
    yield _path("raw", thinned(losses), x, y)
    yield _path("smooth", thinned(smoothed(losses)), x, y)
    if rates:
        yield from _rates(rates, x)
    if bad:
        yield f'<path class="bad" d="M{x(bad[0]):.1f} {_TOP}V{_BOTTOM}"/><text class="t" x="{x(bad[0]) - 4:.1f}" y="{_TOP + 12}" text-anchor="end">not finite</text>'
    yield from _legend(bool(rates))


def _grid(x: _Scale, y: _Scale) -> Iterator[str]:
    for value in ticks(y.low, y.high):
        yield f'<path class="g" d="M{_LEFT} {y(value):.1f}H{_RIGHT}"/><text x="{_LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
    yield f'<path class="g" d="M{_LEFT} {_BOTTOM}H{_RIGHT}"/>'
    for value in ticks(x.low, x.high, 8):
        if value == int(value):
            yield f'<path class="g" d="M{x(value):.1f} {_BOTTOM}v5"/><text x="{x(value):.1f}" y="{_BOTTOM + 19}" text-anchor="middle">{value:g}</text>'
    yield f'<text x="{(_LEFT + _RIGHT) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">step</text>'


def _rates(rates: Series, x: _Scale) -> Iterator[str]:
    top = max(rate for _, rate in rates)
    scale = _Scale(0.0, top * 1.08 or 1.0, _BOTTOM, _TOP)
    yield _path("lr", thinned(rates), x, scale)
    for value in ticks(0.0, top, 4):
        yield f'<text x="{_RIGHT + 8}" y="{scale(value) + 4:.1f}">{_short(value)}</text>'


def _short(value: float) -> str:
    mantissa, _, exponent = f"{value:.3g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else (mantissa if value == 0 or value >= 0.01 else _scientific(value))


def _scientific(value: float) -> str:
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _legend(rates: bool) -> Iterator[str]:
    left = _LEFT
    for name, text, width in (("raw", "loss", 62), ("smooth", "smoothed", 92), ("lr", "learning rate (right)", 0))[: 3 if rates else 2]:
        yield f'<path class="{name}" d="M{left} 18h22"/><text class="t" x="{left + 28}" y="22">{text}</text>'
        left += width + 12


def _path(name: str, values: Series, x: _Scale, y: _Scale) -> str:
    return f'<path class="{name}" d="M{"L".join(f"{x(step):.1f} {y(value):.1f}" for step, value in values)}"/>'


def thinned(values: Series) -> Series:
    """At most about `_MOST` values that draw the same line: first, last, and the extremes of each stretch."""
    if len(values) <= _MOST:
        return values
    size = math.ceil(len(values) / (_MOST / 2))
    kept = {0, len(values) - 1}
    for start in range(0, len(values), size):
        stretch = range(start, min(start + size, len(values)))
        kept |= {min(stretch, key=lambda i: values[i][1]), max(stretch, key=lambda i: values[i][1])}
    return [values[index] for index in sorted(kept)]


def _nothing(seen: bool) -> str:
    text = "every loss was not a finite number" if seen else "no loss was reported"
    return f'<text class="t" x="{_WIDTH / 2}" y="{_HEIGHT / 2}" text-anchor="middle">{text}</text>'
