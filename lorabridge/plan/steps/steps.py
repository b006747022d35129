"""The section `steps`: how long, what is saved when, the learning rate over time."""

from __future__ import annotations

from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.sections import Line, Section, Subject


def section(subject: Subject) -> Section | None:
    """Steps, epochs, samples; saves, samples and evaluations; warm-up and schedule."""
    length = str(subject.resolved.config.train.length)
    if subject.forecast is None:
        return Section((Line("length", length, False, f"lorabridge has no step arithmetic for {subject.backend}"),))
    timeline = subject.forecast.timeline
    facts = {"steps": timeline.steps, "epochs": timeline.epochs, "steps_per_epoch": timeline.steps_per_epoch, "samples": timeline.samples}
    found = tuple(
        Diagnostic(one.code, one.message, subject.loaded.place(one.path), one.severity, one.why, one.fix, one.path)
        for one in timeline.findings
    )
    return Section((Line("length", length),), facts, found)
