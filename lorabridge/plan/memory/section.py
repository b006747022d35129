"""The section `memory` of `plan`."""

from __future__ import annotations

from typing import Any

from lorabridge.backends import get_backend
from lorabridge.backends.footprint import footprint_of
from lorabridge.config.spell import flow
from lorabridge.diagnostics import Diagnostic
from lorabridge.diagnostics.model import Severity
from lorabridge.plan.memory.bytes import Amount, Term, size
from lorabridge.plan.memory.estimate import Estimate, Phase, Unknown, estimate
from lorabridge.plan.memory.fit import TRIES, cheapest
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
        if fits(found.need, vram) != "yes":
            more, suggestion = _suggestion(subject, vram)
            lines += more
            facts["fix"] = suggestion
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


def _suggestion(subject: Subject, vram: int) -> tuple[list[Line], dict[str, Any] | None]:
    """The cheapest changes that make it fit, for a person and for a program."""
    fix = cheapest(subject.loaded, subject.backend, subject.site, vram)
    if fix is None:
        return [
            Line(
                "to make it fit",
                "no change was found",
                False,
                f"none of the combinations that were tried fits (up to {TRIES:,}, the cheapest first)",
            )
        ], None
    shown = [f"{path}: {flow(value)}" for path, value in fix.changes]
    lines = [
        Line("to make it fit" if index == 0 else "", text, False, price)
        for index, (text, price) in enumerate(zip(shown, fix.prices, strict=True))
    ]
    lines.append(
        Line(
            "it then needs",
            f"{fix.need.text}, and {size(fix.main.mid)} of main memory",
            False,
            "an estimate; `--fix` writes these values into the file",
        )
    )
    other = cheapest(subject.loaded, subject.backend, subject.site, vram, sure=False) if fix.need.high <= vram else None
    if other is not None and other.cost < fix.cost - 1:
        told = ", ".join(f"{path}: {flow(value)}" for path, value in other.changes)
        lines.append(Line("or, with luck", told, False, f"{other.need.text}: enough if the best estimate holds"))
    changes = [{"path": path, "value": value, "price": price} for (path, value), price in zip(fix.changes, fix.prices, strict=True)]
    return lines, {"changes": changes, "need": _interval(fix.need), "cost": round(fix.cost, 3)}


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
