"""The section `steps`: how long, what is saved when, the learning rate over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lorabridge.backends.outlook import Event, Timeline
from lorabridge.plan.sections import Line, Section, Subject
from lorabridge.plan.steps.data import ABSENT
from lorabridge.plan.steps.draw import rate_picture, samples_of, sparkline
from lorabridge.plan.steps.findings import placed, step_findings

_CURVE = 60
_LISTED = 1000


def section(subject: Subject) -> Section | None:
    """Steps, epochs, samples; saves, samples and evaluations; warm-up and schedule."""
    if subject.forecast is None:
        length = str(subject.resolved.config.train.length)
        return Section((Line("length", length, False, f"lorabridge has no step arithmetic for {subject.backend}"),))
    line = subject.forecast.timeline
    lines = [
        *_length(line, subject),
        *_happens(line, open_kinds(subject)),
        *_rate(line),
        *(Line("note", note, False) for note in line.notes),
    ]
    saves = [event.step for event in line.events if event.kind == "checkpoint"]
    picture = rate_picture(line.rate, line.steps, saves, line.warmup) if line.rate and line.steps else None
    return Section(
        tuple(lines), facts(line, open_kinds(subject)), placed(subject, [*line.findings, *step_findings(subject, line)]), picture=picture
    )


def _length(line: Timeline, subject: Subject) -> list[Line]:
    assumed = subject.assumed
    if line.steps is None:
        return [Line("length", str(subject.resolved.config.train.length), False, ABSENT), *_batch(line)]
    depends = subject.resolved.config.train.length.unit != "steps"
    found = [Line("length", f"{line.steps} optimizer steps", not (assumed and depends))]
    if line.steps_per_epoch:
        passes = line.steps / line.steps_per_epoch
        text = f"{_number(passes)} epochs of {line.steps_per_epoch:g} steps"
        found.append(Line("epochs", text, not assumed))
    else:
        found.append(Line("epochs", "unknown", False, ABSENT))
    return [*found, *_batch(line), *_seen(line, subject)]


def _number(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else f"{value:.2f}"


def _batch(line: Timeline) -> list[Line]:
    if line.per_step is None:
        return []
    low, high = line.per_step
    text = f"{high} samples" if low == high else f"{low} to {high} samples"
    parts = [f"{line.accumulation} batches" if line.accumulation > 1 else "", f"{line.processes} GPUs" if line.processes > 1 else ""]
    return [Line("per step", text + "".join(f" over {part}" for part in parts if part))]


def _seen(line: Timeline, subject: Subject) -> list[Line]:
    if line.samples is not None:
        return [Line("samples", f"{line.samples} shown in all", not subject.assumed or line.steps_per_epoch is None)]
    bucketing = subject.forecast.bucketing if subject.forecast else None
    if bucketing is None or not line.steps_per_epoch or line.steps is None:
        return []
    about = round(line.steps / line.steps_per_epoch * bucketing.seen)
    return [Line("samples", f"about {about} shown in all", False, "batches differ in size and their order is drawn")]


def open_kinds(subject: Subject) -> frozenset[str]:
    """The kinds of events whose rhythm is in epochs while only the data tells how long an epoch is."""
    line = subject.forecast.timeline if subject.forecast else None
    if line is None or line.steps_per_epoch:
        return frozenset()
    config = subject.resolved.config
    rhythms = {
        "checkpoint": config.save.every,
        "state": config.save.every,
        "sample": config.sample.every if config.sample.prompts else "off",
        "evaluation": config.evaluate.every if config.evaluate is not None else "off",
    }
    return frozenset(kind for kind, every in rhythms.items() if every != "off" and every.unit == "epochs")


def _happens(line: Timeline, unknown: frozenset[str]) -> list[Line]:
    found = []
    for kind, label in (("checkpoint", "checkpoints"), ("state", "states"), ("sample", "samples at"), ("evaluation", "evaluations")):
        events = [event for event in line.events if event.kind == kind]
        if kind in unknown and (events or kind != "state"):
            found.append(Line(label, "by epochs", False, ABSENT))
        elif events:
            found.append(Line(label, _when(events)))
    for label, number, kind in (("kept", line.kept, "checkpoint"), ("", line.kept_states, "state")):
        if number and kind not in unknown:
            what = {"checkpoint": "checkpoint", "state": "training state"}[kind]
            found.append(Line(label, f"at most {number} {what}{'s' if number > 1 else ''} on disk at once"))
    return found


def _when(events: Sequence[Event]) -> str:
    steps = list(dict.fromkeys(event.step for event in events))
    if len(steps) > 6:
        told = f"{len(steps)}: at steps {', '.join(map(str, steps[:3]))}, … {steps[-1]}"
    else:
        told = f"{len(steps)}: at step{'s' if len(steps) > 1 else ''} {', '.join(map(str, steps))}"
    return told + (f" (`{events[-1].name}`)" if events[-1].name else "")


def _rate(line: Timeline) -> list[Line]:
    warm = f", warm-up {line.warmup} steps" if line.warmup else ""
    if line.rate is None or not line.steps:
        return [Line("rate", f"{line.schedule}{warm}", False, "the curve needs the length of the run")]
    values = samples_of(line.rate, line.steps, _CURVE)
    return [Line("rate", f"{line.schedule}{warm}, ends at {values[-1]:.3g} of the full rate"), Line("", sparkline(values))]


def facts(line: Timeline, unknown: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The timeline as JSON values: `rate` is a share of the configured one, at up to 60 steps spread evenly.

    `unknown` kinds of events are left out of `events` and named in `events_unknown`.
    """
    return {
        "steps": line.steps,
        "epochs": line.epochs,
        "steps_per_epoch": line.steps_per_epoch,
        "samples": line.samples,
        "per_step": list(line.per_step) if line.per_step else None,
        "accumulation": line.accumulation,
        "processes": line.processes,
        "warmup": line.warmup,
        "schedule": line.schedule,
        "rate": [round(value, 6) for value in samples_of(line.rate, line.steps, _CURVE)] if line.rate and line.steps else None,
        "kept": None if "checkpoint" in unknown else line.kept,
        "kept_states": None if "state" in unknown else line.kept_states,
        "events": [
            {"step": event.step, "kind": event.kind, "name": event.name} for event in line.events[:_LISTED] if event.kind not in unknown
        ],
        "events_unknown": sorted(unknown),
        "events_not_listed": max(0, len(line.events) - _LISTED),
    }
