"""The section `time` of `plan`: hours and money."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from lorabridge.plan.duration.recorded import Speed, speeds, together
from lorabridge.plan.sections import Line, Section, Subject

_RANGE = re.compile(r"\s*(\d{1,7}(?:\.\d{1,6})?)(?:\s*-\s*(\d{1,7}(?:\.\d{1,6})?))?\s*s?\s*")
_PRICE = re.compile(r"\s*(\d{1,6}(?:\.\d{1,4})?)\s*([^\d\s.,-]{0,8})\s*")
_UNKNOWN = "no run with these settings was recorded here; state a speed with --seconds-per-step"


def read_seconds(text: str) -> tuple[float, float]:
    """`2.5` or `2.2-2.9`: seconds of one step. Raises ValueError with a sentence for the user."""
    match = _RANGE.fullmatch(text)
    low = float(match[1]) if match else 0.0
    high = float(match[2]) if match and match[2] else low
    if low <= 0 or high < low:
        raise ValueError(f"`{text}` is no number of seconds; write it as 2.5, or 2.2-2.9")
    return low, high


def read_price(text: str) -> tuple[float, str]:
    """`0.79` or `0.79 EUR`: what one GPU costs an hour. Raises ValueError with a sentence for the user."""
    match = _PRICE.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` is no price; write it as 0.79 or 0.79 EUR (one GPU, one hour)")
    return float(match[1]), match[2]


def section(subject: Subject) -> Section | None:
    """How long, when the first checkpoint is there, and what it costs; unknown where nothing was recorded or stated."""
    steps = subject.facts.get("steps", {}).get("steps")
    speed, why = _speed(subject)
    if speed is None:
        return Section((Line("time", "unknown", False, why),), {"known": False, "why": why})
    lines = [Line("a step", _span(speed.low, speed.mid, speed.high), False, why)]
    facts: dict[str, Any] = {"known": True, "basis": why, "seconds_per_step": [speed.low, speed.mid, speed.high], "before": speed.before}
    if steps is None:
        return Section((*lines, Line("time", "unknown", False, "the number of steps is not known")), facts)
    total = [speed.before + steps * each for each in (speed.low, speed.mid, speed.high)]
    facts["seconds"] = total
    lines.append(
        Line("time", _span(*total), False, f"{steps} steps" + (f" and {_time(speed.before)} before the first" if speed.before else ""))
    )
    first = next((event["step"] for event in subject.facts["steps"].get("events", ()) if event["kind"] == "checkpoint"), None)
    if first:
        facts["first_checkpoint"] = [speed.before + first * each for each in (speed.low, speed.mid, speed.high)]
        lines.append(Line("first checkpoint", f"after {_span(*facts['first_checkpoint'])}", False, f"step {first}"))
    return Section((*lines, *_cost(subject, total, facts)), facts)


def _speed(subject: Subject) -> tuple[Speed | None, str]:
    """The speed and where it is from; None and why not."""
    stated = subject.options.get("seconds_per_step")
    if stated is not None:
        return Speed(stated[0], sum(stated) / 2, stated[1], 0.0, 0, "stated"), "as stated with --seconds-per-step"
    named = subject.options.get("runs") or ()
    folders = [Path(item) for item in named] or [Path(subject.site.root) / os.path.expanduser(subject.resolved.config.output.dir)]
    found = speeds(folders, subject.resolved, subject.backend)
    if not found:
        return None, _UNKNOWN
    speed = together(found)
    return speed, f"{speed.steps} steps of {speed.source} with these settings on this machine"


def _cost(subject: Subject, total: list[float], facts: dict[str, Any]) -> list[Line]:
    price = subject.options.get("gpu_price")
    if price is None:
        return []
    hardware = subject.resolved.config.hardware
    gpus = 0 if hardware.device == "cpu" else max(len(hardware.gpus), hardware.pipeline_stages)
    if not gpus:
        return [Line("cost", "none for a GPU", True)]
    sums = [seconds / 3600 * price[0] * gpus for seconds in total]
    facts["cost"] = {"sum": sums, "unit": price[1], "gpus": gpus}
    unit = f" {price[1]}" if price[1] else ""
    shown = f"{sums[1]:.2f}{unit}" + (f" ({sums[0]:.2f} to {sums[2]:.2f})" if sums[0] != sums[2] else "")
    return [Line("cost", shown, False, f"{gpus} GPU{'s' * (gpus > 1)} at {price[0]:g}{unit} an hour, for the time above")]


def _span(low: float, mid: float, high: float) -> str:
    one, two, three = _time(low), _time(mid), _time(high)
    return two if one == three else f"{two} ({one} to {three})"


def _time(seconds: float) -> str:
    """`2 h 05 min`, `12 min`, `2 min 10 s`, `3.4 s`."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    if seconds < 600:
        return f"{round(seconds) // 60} min {round(seconds) % 60:02} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
