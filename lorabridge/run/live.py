"""The live screen. rich is imported here and nowhere else in this package."""

from __future__ import annotations

import time
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live as RichLive
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from lorabridge.run.display import clean, gpu_line, numbers, requested, sparkline
from lorabridge.run.record import Record
from lorabridge.run.view import StageView, View, duration, latest

_EVERY = 0.125
_MARKS = {"waiting": ("○", "dim"), "done": ("✓", "green"), "failed": ("✗", "red")}


class Live:
    """Stages with their bars, the numbers of the training, the last files and warnings; redrawn in place."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, force_terminal=True)
        self._live = RichLive(console=self._console, auto_refresh=False, transient=False, redirect_stdout=False, redirect_stderr=False)
        self._spinner = Spinner("dots", style="cyan")
        self._drawn_at = float("-inf")
        self._live.start()

    def show(self, record: Record, view: View) -> None:
        """Warnings and errors stay above the screen; all else is drawn."""
        if record["event"] in ("warning", "error"):
            color = "yellow" if record["event"] == "warning" else "red"
            self._console.print(
                f"[{color}]{record['event']}[/]: {escape(clean(str(record.get('text', ''))))}", soft_wrap=True, highlight=False
            )
        elif record["event"] in ("control", "alarm", "retry"):
            self._console.print(f"[yellow]{escape(requested(record))}[/]", soft_wrap=True, highlight=False)
        self._draw(view, at_once=record["event"] in ("stage", "end"))

    def tick(self, view: View) -> None:
        """Redraw, not too often."""
        self._draw(view)

    def close(self) -> None:
        """Leave the last picture and give the cursor back."""
        self._live.stop()

    def _draw(self, view: View, at_once: bool = False) -> None:
        now = time.monotonic()
        if at_once or now - self._drawn_at >= _EVERY:
            self._drawn_at = now
            self._live.update(self.screen(view), refresh=True)

    def screen(self, view: View) -> RenderableType:
        """The picture of a view."""
        table = Table.grid(padding=(0, 1))
        for stage in view.stages.values():
            table.add_row(self._mark(stage), stage.name, _bar(stage), _count(stage), Text(_time(stage, view), style="dim"))
        lines: list[RenderableType] = [table]
        if view.step is not None:
            lines.append(Text("  " + "   ".join(numbers(view)), style="bold"))
        lines += _curves(view)
        lines += [Text(f"  {gpu_line(record)}", style="dim") for _, record in sorted(view.gpus.items())]
        for label, records in (("saved", view.saves), ("sample", view.samples)):
            if records:
                step = f" (step {records[-1]['step']})" if "step" in records[-1] else ""
                lines.append(Text(f"  {label} {clean(latest(records))}{step}", style="dim"))
        if view.alarms:
            lines.append(Text(f"  {requested(view.alarms[-1])}", style="red"))
        if view.warnings:
            lines.append(Text(f"  {len(view.warnings)} warning{'s' if len(view.warnings) > 1 else ''}", style="yellow"))
        return Group(*lines)

    def _mark(self, stage: StageView) -> RenderableType:
        if stage.state == "running":
            return self._spinner
        sign, style = _MARKS[stage.state]
        return Text(sign, style=style)


def _curves(view: View) -> list[RenderableType]:
    """The loss, and the learning rate where it moves."""
    steps = [view.points[step] for step in sorted(view.points)]
    loss = sparkline([point.loss for point in steps if point.loss is not None])
    rates = [point.lr for point in steps if point.lr is not None]
    lines: list[RenderableType] = [Text(f"  loss {loss}", style="cyan")] if loss else []
    if len(set(rates)) > 1:
        lines.append(Text(f"  lr   {sparkline(rates)}", style="dim cyan"))
    return lines


def _bar(stage: StageView) -> RenderableType:
    if stage.state == "waiting" or (stage.state != "running" and not stage.total):
        return Text("")
    return ProgressBar(total=stage.total, completed=min(stage.step or 0, stage.total or 0), width=34, pulse=stage.total is None)


def _count(stage: StageView) -> str:
    if stage.step is None:
        return ""
    return f"{stage.step}/{stage.total}" if stage.total else str(stage.step)


def _time(stage: StageView, view: View) -> str:
    if stage.started is None:
        return ""
    return duration(((stage.ended or view.now) - stage.started) / 1000)
