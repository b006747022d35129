"""The page of a run: one file that holds everything it shows. Written from the record, the plan and the output folder."""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabridge import __version__
from lorabridge.backends.base import Artifacts, Installation, Note, Plan
from lorabridge.config.schema import Config
from lorabridge.families.resolve import Resolved
from lorabridge.files import write_atomic
from lorabridge.resources import template_dir
from lorabridge.run.curve import curve_svg
from lorabridge.run.delivery import readable, size_of
from lorabridge.run.folder import RunFolder
from lorabridge.run.pictures import collect, gallery
from lorabridge.run.record import read_events
from lorabridge.run.verdict import Verdict
from lorabridge.run.view import View, duration, where

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True)
class Fact:
    """One line of a table of facts."""

    label: str
    value: str


@dataclass(frozen=True)
class Checkpoint:
    """One saved file."""

    name: str
    size: str
    step: str


def write_curve(folder: RunFolder, view: View) -> None:
    """Draw the learning curve as far as it goes."""
    write_atomic(folder.curve, curve_svg(view.points, view.name))


def write_report(
    folder: RunFolder, plan: Plan, installation: Installation, resolved: Resolved, view: View, artifacts: Artifacts, verdict: Verdict
) -> None:
    """Write the learning curve and the page."""
    write_curve(folder, view)
    config = resolved.config
    write_atomic(
        folder.report,
        page(
            name=config.name,
            verdict=verdict,
            headline=headline(verdict, view),
            curve=curve_svg(view.points, config.name),
            facts=config_facts(resolved),
            notes=_notes(plan),
            gallery=_gallery(folder, config, artifacts),
            checkpoints=_checkpoints(folder, view, artifacts),
            lora=_relative(artifacts.checkpoints[-1], folder) if artifacts.checkpoints and verdict.reason == "completed" else "",
            trigger=config.trigger,
            warnings=_warnings(view),
            timing=_timing(view),
            versions=_versions(plan, installation),
            folder=folder.path,
            log=_relative(verdict.log, folder) if verdict.log else "",
        ),
    )


def page(**parts: Any) -> str:
    """The HTML of the parts."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template_dir()),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["marked"] = marked
    return environment.get_template("report.html.jinja").render(**parts)


def marked(text: str) -> Markup:
    """Text with what stands between backticks as code."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def headline(verdict: Verdict, view: View) -> str:
    """The verdict in a sentence."""
    if verdict.reason != "completed":
        return verdict.cause
    loss = f", smoothed loss {view.smooth:.4g}" if view.smooth is not None else ""
    steps = f"{view.step} steps in " if view.step else ""
    return f"{steps}{duration(view.seconds)}{loss}"


def config_facts(resolved: Resolved) -> list[Fact]:
    """What was trained, in the words of the language."""
    config = resolved.config
    adapter, train, optimizer = config.adapter, config.train, config.optimizer
    batch = f"{train.batch_size}" + (f" × {train.gradient_accumulation} accumulated" if train.gradient_accumulation > 1 else "")
    sides = sorted({str(side) for data in config.datasets for side in data.resolution})
    pairs = [
        ("Model", f"{resolved.family.title}, {resolved.variant.name}"),
        ("Adapter", f"{adapter.type}, rank {adapter.rank}, alpha {_number(adapter.alpha)}"),
        ("Length", str(train.length)),
        ("Batch", batch),
        ("Learning rate", _number(optimizer.lr)),
        ("Optimizer", f"{optimizer.type}, {config.scheduler.type}"),
        ("Datasets", f"{len(config.datasets)}" + (f" at {', '.join(sides)} px" if sides else "")),
        ("Precision", str(config.model.dtype)),
        ("Seed", str(train.seed)),
        ("Trigger", config.trigger or "none"),
    ]
    return [Fact(label, value) for label, value in pairs]


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _notes(plan: Plan) -> list[Note]:
    """The translation, what needs attention first."""
    order = ("refused", "rewritten", "added", "defaulted", "native", "exact")
    return sorted(plan.notes, key=lambda note: order.index(note.kind))


def _gallery(folder: RunFolder, config: Config, artifacts: Artifacts) -> Any:
    told, progress = [], []
    for record in read_events(folder.events):
        if record["event"] == "sample":
            told.append(record)
        elif record["event"] == "progress" and "step" in record:
            progress.append((int(record["time"]), int(record["step"])))
    prompts = [item.prompt.replace("[trigger]", config.trigger) for item in config.sample.prompts]
    return gallery(collect(told, artifacts.samples, progress, prompts), config.trigger, folder.path)


def _checkpoints(folder: RunFolder, view: View, artifacts: Artifacts) -> list[Checkpoint]:
    steps = {Path(str(record.get("path", ""))).name: str(record.get("step", "")) for record in view.saves}
    rows = []
    for path in artifacts.checkpoints:
        try:
            rows.append(
                Checkpoint(_relative(path, folder), readable(size_of(path)), steps.get(path.name) or steps.get(path.parent.name, ""))
            )
        except OSError:
            continue
    return rows


def _relative(path: Path, folder: RunFolder) -> str:
    return path.relative_to(folder.path).as_posix() if path.is_relative_to(folder.path) else str(path)


def _warnings(view: View) -> list[tuple[str, int]]:
    """Each warning once, with how often it came."""
    counts: dict[str, int] = {}
    for record in (*view.alarms, *view.warnings):
        text = str(record.get("text", ""))
        counts[text] = counts.get(text, 0) + 1
    return list(counts.items())[:50]


def _timing(view: View) -> list[Fact]:
    rows = [Fact(stage.name, duration(stage.seconds)) for stage in view.stages.values() if stage.started is not None]
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(view.started / 1000))
    return [Fact("Began", began), *rows, Fact("All", duration(view.seconds)), Fact("Reached", where(view))]


def _versions(plan: Plan, installation: Installation) -> Sequence[Fact]:
    commit = installation.commit[:12] or ("part of lorabridge" if plan.backend == "embedded" else "unknown commit")
    return (
        Fact("lorabridge", __version__),
        Fact(plan.backend, commit + (" with local changes" if installation.dirty else "")),
        Fact("Trainer's Python", str(installation.python)),
        Fact("System", platform.platform()),
    )
