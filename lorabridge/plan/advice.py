"""Advice on a config: hints with their sources, each of which can be switched off."""

from __future__ import annotations

from collections.abc import Collection

from lorabridge.backends import get_backend
from lorabridge.backends.footprint import footprint_of
from lorabridge.config.load import Loaded
from lorabridge.diagnostics import Diagnostic
from lorabridge.families.resolve import Resolved, recommendations, resolve
from lorabridge.plan.advice_rows import ROWS, Case
from lorabridge.plan.sections import Line, Section, Subject


def advise(
    loaded: Loaded, resolved: Resolved, trainer: str, *, steps: int | None = None, without: Collection[str] = ()
) -> list[Diagnostic]:
    """The hints. `steps` where the run's length is known in steps; `without` names codes that are switched off."""
    planned = resolved.config.train.length
    known = steps if steps is not None else int(planned.value) if planned.unit == "steps" else None
    case = Case(
        resolved.config,
        resolved.family,
        resolved.variant,
        trainer,
        known,
        recommendations(resolved.family, resolved.variant, trainer),
        _draws(trainer),
    )
    found = []
    for row in ROWS:
        said = row.say(case) if row.code not in without else None
        if said is not None:
            message, why, fix, source = said
            found.append(Diagnostic(row.code, message, loaded.place(row.path), "hint", f"{why} ({source})", fix, row.path))
    return found


def advise_loaded(loaded: Loaded, trainer: str, without: Collection[str] = ()) -> list[Diagnostic]:
    """The hints on a loaded config; none where it has errors of its own."""
    resolved = resolve(loaded.config, trainer) if loaded.config is not None else None
    return advise(loaded, resolved, trainer, without=without) if isinstance(resolved, Resolved) else []


def _draws(trainer: str) -> bool:
    """Whether the trainer can draw samples at all; without one, or without facts about it, it can."""
    facts = footprint_of(get_backend(trainer)) if trainer else None
    return facts is None or facts.draws


def section(subject: Subject) -> Section | None:
    """The section `advice` of `plan`."""
    if subject.options.get("hints") is False:
        return None
    steps = subject.facts.get("steps", {}).get("steps")
    found = advise(subject.loaded, subject.resolved, subject.backend, steps=steps, without=subject.options.get("without") or ())
    if not found:
        return None
    line = Line("hints", f"{len(found)}, told below; `--without CODE` leaves one out, `--no-hints` all")
    facts = {"hints": [{"code": item.code, "message": item.message, "why": item.why, "fix": item.fix, "path": item.path} for item in found]}
    return Section((line,), facts, tuple(found))
