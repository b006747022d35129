"""The section `memory` of `plan`."""

from __future__ import annotations

from typing import Any

from lorabridge.backends import get_backend
from lorabridge.backends.footprint import footprint_of
from lorabridge.diagnostics import Diagnostic
from lorabridge.diagnostics.model import Severity
from lorabridge.plan.memory.bytes import Amount, Term, size
from lorabridge.plan.memory.estimate import Estimate, Phase, Unknown, estimate
from lorabridge.plan.sections import Line, Section, Subject


def section(subject: Subject) -> Section | None:
    """GPU and main memory with their terms; with `vram`, whether it fits."""
    found = estimate(subject.resolved, subject.backend, footprint_of(get_backend(subject.backend)))
    if isinstance(found, Unknown):
        return Section((Line("GPU memory", "unknown", False, found.why),), {"known": False, "why": found.why})
    vram = subject.options.get("vram")
    lines = [Line("GPU memory", f"{found.need.text}, highest while {found.peak.name}", False, "an estimate; the terms below add up to it")]
    lines += [_phase(phase) for phase in found.phases if phase is not found.peak]
    lines.append(Line("main memory", _sum(found.main).text, False, "wide: trainers differ in how they read files"))
    facts = _facts(found)
    diagnostics: tuple[Diagnostic, ...] = ()
    if vram is not None:
        lines.append(Line(f"fits in {size(vram)}?", verdict(found.need, vram), False, "the interval against the GPU's memory"))
        facts |= {"vram": vram, "fits": fits(found.need, vram)}
        diagnostics = _finding(subject, found, vram)
    return Section(tuple(lines), facts, diagnostics, _table(found.peak))


_SEVERITY: dict[str, Severity] = {"likely": "hint", "unlikely": "warning", "no": "error"}


def fits(need: Amount, vram: int) -> str:
    """`yes`, `likely`, `unlikely` or `no`."""
    if need.high <= vram:
        return "yes"
    if need.low > vram:
        return "no"
    return "likely" if need.mid <= vram else "unlikely"


def verdict(need: Amount, vram: int) -> str:
    """In words."""
    short = size(max(0.0, need.mid - vram))
    return {
        "yes": "yes",
        "likely": f"likely; in the worst case {size(need.high - vram)} are missing",
        "unlikely": f"unlikely: about {short} are missing",
        "no": f"no: about {short} are missing",
    }[fits(need, vram)]


def _finding(subject: Subject, found: Estimate, vram: int) -> tuple[Diagnostic, ...]:
    answer = fits(found.need, vram)
    if answer == "yes":
        return ()
    biggest = max(found.peak.terms, key=lambda term: term.amount.mid)
    message = f"does it fit in {size(vram)} of GPU memory? {verdict(found.need, vram)}"
    why = f"most of it while {found.peak.name}: {biggest.name}, {size(biggest.amount.mid)}; running out of memory ends the run, often after hours"
    fix = "`lorabridge plan --vram SIZE --fix` looks for changes that fit"
    return (Diagnostic("LB640", message, subject.loaded.place("memory"), _SEVERITY[answer], why, fix),)


def _phase(phase: Phase) -> Line:
    return Line(f"while {phase.name}", phase.amount.text, False, "an estimate")


def _sum(terms: tuple[Term, ...]) -> Amount:
    return Phase("", terms).amount


def _table(phase: Phase) -> str:
    width = max(len(term.name) for term in phase.terms)
    rows = [f"{phase.name}:"]
    for term in phase.terms:
        sign = "-" if term.amount.mid < 0 else " "
        note = f"{term.basis}; {term.note}" if term.note else term.basis
        rows.append(f"  {term.name:<{width}} {sign}{size(abs(term.amount.mid)):>8}  {_ends(term.amount):<22} {note}")
    return "\n".join(rows)


def _ends(amount: Amount) -> str:
    one, two = sorted((abs(amount.low), abs(amount.high)))
    return f"{size(one)} to {size(two)}" if size(one) != size(two) else ""


def _facts(found: Estimate) -> dict[str, Any]:
    return {
        "known": True,
        "need": _interval(found.need),
        "peak": found.peak.name,
        "trained": round(found.trained.mid),
        "phases": {phase.name: {"need": _interval(phase.amount), "terms": [_term(term) for term in phase.terms]} for phase in found.phases},
        "main": {"need": _interval(_sum(found.main)), "terms": [_term(term) for term in found.main]},
    }


def _term(term: Term) -> dict[str, Any]:
    return {"name": term.name, "bytes": _interval(term.amount), "basis": term.basis, "note": term.note}


def _interval(amount: Amount) -> list[int]:
    return [round(amount.low), round(amount.mid), round(amount.high)]
