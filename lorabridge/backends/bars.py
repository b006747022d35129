"""tqdm's bars in a line of a log: `name:  33%|███▎      | 4/12 [00:13<00:29,  3.70s/it, postfix]`, and those without a total."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

BAR = re.compile(
    rb"(?P<percent>\d+)%\|[^|]*\| *(?P<n>[\d.]+)(?P<kn>[kMGTP]?)/(?P<total>[\d.]+)(?P<kt>[kMGTP]?) "
    rb"\[(?P<elapsed>-?[\d:]+)<(?P<eta>-?[\d:]+|\?)(?:, *(?P<rate>[\d.]+(?:e[+-]?\d+)?|\?|inf|nan)(?P<kr>[kMGTP]?) ?(?P<unit>s/\w+|\w*/s))?(?:, ?(?P<postfix>[^\]]*))?\]"
)
COUNT = re.compile(
    rb"(?P<n>\d+)(?P<what>\w+) \[(?P<elapsed>-?[\d:]+)(?:, *(?P<rate>[\d.]+(?:e[+-]?\d+)?|\?|inf|nan)[kMGTP]? ?(?P<unit>s/\w+|\w*/s))?(?:, ?(?P<postfix>[^\]]*))?\]"
)
_ONE = re.compile(
    rb"\s*([^|\[]*?): +\d+%\|[^|]*\| (\d{1,15})/(\d{1,15}) \[\d[\d:]*<([\d:]+|\?), +([\d.]+|\?)(it/s|s/it)(?:, ([^\]]*))?\]\s*$"
)
"""The usual line: one named bar and nothing else."""
_SCALE = {b"": 1, b"k": 10**3, b"M": 10**6, b"G": 10**9, b"T": 10**12, b"P": 10**15}
_LONGEST = 18


@dataclass(slots=True)
class Bar:
    """One bar. `rate` is items per second, `eta` seconds, `start` and `end` the place in the line."""

    name: bytes
    n: int
    total: int | None
    rate: float | None
    eta: float | None
    postfix: bytes
    start: int
    end: int


def one_bar(line: bytes) -> Bar | None:
    """The bar of a line that holds one named bar and nothing else: the usual case, read at once."""
    match = _ONE.match(line)
    if match is None:
        return None
    name, n, total, eta, rate, unit, postfix = match.groups()
    return Bar(name, int(n), int(total), rate_of(rate, unit), seconds(eta), postfix or b"", 0, len(line))


def bars_in(line: bytes) -> list[Bar]:
    """Every bar of a line, in order; a bar's name is what stands between it and the bar before it."""
    found: list[Bar] = []
    at = 0
    if b"%|" in line:
        for match in BAR.finditer(line):
            bar = _bar(match, line[at : match.start()].rstrip(b" :").lstrip())
            if bar is not None:
                found.append(bar)
                at = match.end()
    elif b"[" in line and b":" in line:
        for match in COUNT.finditer(line):
            n = whole(match["n"])
            if n is not None:
                rate = rate_of(match["rate"], match["unit"])
                name = line[at : match.start()].rstrip(b" :").lstrip()
                found.append(Bar(name, n, None, rate, None, match["postfix"] or b"", match.start(), match.end()))
                at = match.end()
    return found


def _bar(match: re.Match[bytes], name: bytes) -> Bar | None:
    _, n, kn, total, kt, _, eta, rate, kr, unit, postfix = match.groups()
    count, planned = scaled(n, kn), scaled(total, kt)
    if count is None or planned is None:
        return None
    return Bar(name, count, planned, rate_of(rate, unit, kr), seconds(eta), postfix or b"", match.start(), match.end())


def without(line: bytes, bars: list[Bar]) -> bytes:
    """What a line says beside its bars, their names included only where the bar has no total."""
    rest, at = [], 0
    for bar in bars:
        rest.append(line[at : max(at, bar.start)])
        at = bar.end
    rest.append(line[at:])
    return b"".join(rest[-1:] if bars and bars[-1].total is not None else rest).strip()


def whole(text: bytes) -> int | None:
    """A number of sane length."""
    return int(text) if len(text) <= _LONGEST and text.isdigit() else None


def scaled(text: bytes, unit: bytes) -> int | None:
    """`1.23k` as 1230."""
    if not unit:
        return whole(text)
    value = number(text)
    return None if value is None or value > 1e15 else round(value * _SCALE[unit])


def number(text: bytes | str | None) -> float | None:
    """A float, also `nan` and `inf`; None for what is none."""
    try:
        return float(text) if text else None
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def rate_of(text: bytes | None, unit: bytes | None, scale: bytes = b"") -> float | None:
    """Items per second from `3.70` and `s/it`; None where tqdm does not know it either."""
    value = number(text)
    if not value or not math.isfinite(value):
        return None
    return 1 / value if unit and unit.startswith(b"s/") else value * _SCALE[scale]


@lru_cache(maxsize=4096)
def seconds(clock: bytes) -> float | None:
    """`1:02:03` as seconds; None for `?` and for what is negative."""
    total = 0
    for part in clock.split(b":"):
        if not part.isdigit() or len(part) > 9:
            return None
        total = total * 60 + int(part)
    return float(total)
