"""What is shown while a run goes on: plain lines, JSON Lines, or a live screen (in `live`)."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TextIO

from lorabridge.run.record import Record
from lorabridge.run.view import View, duration, latest

Style = Literal["auto", "live", "plain", "jsonl"]


class Display(Protocol):
    """A reader of events with a face."""

    def show(self, record: Record, view: View) -> None:
        """An event came; `view` has it in already."""

    def tick(self, view: View) -> None:
        """A moment has passed."""

    def close(self) -> None:
        """The run is over; leave the terminal as it was."""


def choose(style: Style, stream: TextIO) -> Display:
    """The display for `style` on `stream`; `auto` is live on a terminal, plain lines elsewhere."""
    if style == "jsonl":
        return Guarded(JsonLines(stream), stream)
    if style == "live" or (style == "auto" and stream.isatty() and os.environ.get("TERM") != "dumb"):
        from lorabridge.run.live import Live

        return Guarded(Live(stream), stream)
    return Guarded(Plain(stream), stream)


class Guarded:
    """Lets a run outlive its terminal: when writing fails, the display falls silent and the run goes on."""

    def __init__(self, display: Display, stream: TextIO) -> None:
        self._display = display
        self._stream = stream
        self._silent = False

    def show(self, record: Record, view: View) -> None:
        """Pass on."""
        self._try(lambda: self._display.show(record, view))

    def tick(self, view: View) -> None:
        """Pass on."""
        self._try(lambda: self._display.tick(view))

    def close(self) -> None:
        """Pass on."""
        self._try(self._display.close)

    def _try(self, call: Callable[[], None]) -> None:
        if self._silent:
            return
        try:
            call()
        except (OSError, ValueError):
            self._silent = True
            self._mute()

    def _mute(self) -> None:
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        except (OSError, ValueError):
            return


class JsonLines:
    """The records of the event log, one a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, record: Record, view: View) -> None:
        """Print it."""
        self._stream.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
        self._stream.flush()

    def tick(self, view: View) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


class Plain:
    """Lines for logs and pipes: what changes at once, progress at 5 %, each half minute, never twice within 2 s."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._printed_at = float("-inf")
        self._printed_share = 0.0
        self._counted: object = None

    def show(self, record: Record, view: View) -> None:
        """Print the event if it is worth a line."""
        match record["event"]:
            case "progress" | "cache":
                self._progress(record, view)
            case "stage" if record.get("state") == "started":
                self._counted = None
                self._line(f"stage {record['stage']}: {record.get('title') or 'started'}")
            case "stage":
                self._line(
                    f"stage {record['stage']}: {'done' if record.get('code') == 0 else 'failed'} after {duration(record.get('seconds'))}"
                )
            case "save" | "state" | "sample":
                self._line(f"{record['event']} {clean(latest([record]) or str(record.get('text', '')))}".rstrip() + _at(record))
            case "warning" | "error":
                self._line(f"{record['event']}: {clean(str(record.get('text', '')))}")
            case "control" | "alarm" | "retry":
                self._line(requested(record))

    def _progress(self, record: Record, view: View) -> None:
        step, total = record.get("step"), record.get("total") or (view.total if record["event"] == "progress" else None)
        counted = (record["event"], record["stage"], record.get("text"))
        if counted != self._counted:
            self._counted, self._printed_at, self._printed_share = counted, float("-inf"), 0.0
        since = self._clock() - self._printed_at
        share = step / total if step is not None and total else 0.0
        whole = share >= 1 > self._printed_share
        if whole or (since >= 2 and (share - self._printed_share >= 0.05 or since >= 30)):
            self._printed_at, self._printed_share = self._clock(), share
            self._line(progress_line(record, view))

    def _line(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()

    def tick(self, view: View) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


def progress_line(record: Record, view: View) -> str:
    """`train 120/1600 (8 %)  loss 0.1234  lr 1e-04  1.2 s/step  about 30 min left`, as far as known."""
    step, total = record.get("step"), record.get("total") or (view.total if record["event"] == "progress" else None)
    count = "" if step is None else f" {step}/{total} ({100 * step // total} %)" if total else f" {step}"
    what = f" {clean(str(record.get('text') or 'cache'))}" if record["event"] == "cache" else ""
    parts = [f"{record['stage']}{what}{count}"]
    if record["event"] == "progress":
        parts += numbers(view)
    return "  ".join(parts)


def requested(record: Record) -> str:
    """A request to the run, or what a watchdog saw, as a line."""
    what = (
        f"{record['request']} {record.get('state', '')}"
        if record["event"] == "control"
        else f"{record['event']} {record.get('code', '')}".rstrip()
    )
    text = clean(str(record.get("text", "")))
    return f"{what}: {text}" if text else what


def _at(record: Record) -> str:
    return f" (step {record['step']})" if "step" in record else ""


def numbers(view: View) -> list[str]:
    """Loss, learning rate, speed and time left, as far as known."""
    parts = [] if view.loss is None else [f"loss {view.loss if view.smooth is None else view.smooth:.4f}"]
    if view.lr is not None:
        parts.append(f"lr {view.lr:.2e}")
    if view.rate:
        parts.append(f"{view.rate:.2f} steps/s" if view.rate >= 1 else f"{1 / view.rate:.2f} s/step")
    if view.eta is not None and view.step != view.total:
        parts.append(f"about {duration(view.eta)} left")
    return parts


def clean(text: str) -> str:
    """A trainer's text without what could steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """The values as a row of blocks, the newest on the right; each block is the mean of its share of them."""
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < 2:
        return ""
    share = max(1, -(-len(finite) // width))
    means = [sum(finite[at : at + share]) / len(finite[at : at + share]) for at in range(0, len(finite), share)]
    low, high = min(means), max(means)
    span = high - low or 1.0
    return "".join(_BLOCKS[min(7, int((value - low) / span * 8))] for value in means)


def gpu_line(record: Record) -> str:
    """`GPU 0  61.2 of 80.0 GB  98 %  67 °C`, as far as it is known."""
    parts = [f"GPU {record.get('index', 0)}"]
    if record.get("used") is not None and record.get("total"):
        parts.append(f"{record['used'] / 1e9:.1f} of {record['total'] / 1e9:.1f} GB")
    if record.get("utilization") is not None:
        parts.append(f"{record['utilization']} %")
    if record.get("temperature") is not None:
        parts.append(f"{record['temperature']} °C")
    return "  ".join(parts + (["lost"] if record.get("lost") else []) + list(record.get("throttled") or ()))
