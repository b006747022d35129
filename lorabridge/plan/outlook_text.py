"""A plan as text, JSON and SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.sections import Line, Section, SectionRow, Subject

_GAP = 14
_FONT = 'font-family="ui-sans-serif, system-ui, sans-serif" font-size="12"'
Ran = Sequence[tuple[SectionRow, Section]]


def text(subject: Subject, ran: Ran) -> str:
    """The sections for a person; a `~` marks what is not exact."""
    config, family = subject.resolved.config, subject.resolved.family
    out = [f"{config.name}: {family.title} ({subject.resolved.variant.name}) on {subject.backend}"]
    for row, section in ran:
        out += ["", row.title, *_lines(section.lines)]
        if section.text:
            out += ["  " + line if line else "" for line in section.text.rstrip("\n").split("\n")]
    if any(not line.exact for _, section in ran for line in section.lines):
        out += ["", "~ is not exact; the reason stands beside it, or beside the first such line."]
    return "\n".join(out) + "\n"


def _lines(lines: Sequence[Line]) -> Iterable[str]:
    width = max((len(line.label) for line in lines), default=0)
    for line in lines:
        mark = " " if line.exact else "~"
        yield f"  {line.label:<{width}} {mark} {line.value}" + (f"  ({line.why})" if line.why else "")


def as_data(subject: Subject, ran: Ran, found: Sequence[Diagnostic]) -> dict[str, Any]:
    """The plan as JSON values. `lines` are for people; programs read `facts`."""
    return {
        "version": 1,
        "name": subject.resolved.config.name,
        "backend": subject.backend,
        "family": subject.resolved.family.name,
        "variant": subject.resolved.variant.name,
        "sections": {
            row.name: {
                "title": row.title,
                "facts": dict(section.facts),
                "lines": [{"label": line.label, "value": line.value, "exact": line.exact, "why": line.why} for line in section.lines],
            }
            for row, section in ran
        },
        "diagnostics": [
            {"code": item.code, "severity": item.severity, "message": item.message, "why": item.why, "fix": item.fix, "path": item.path}
            for item in found
        ],
    }


def svg(ran: Ran) -> str:
    """The drawings of all sections in one picture, one below the other."""
    pictures = [section.picture for _, section in ran if section.picture is not None]
    width = max((one.width for one in pictures), default=1)
    top, parts = 0, []
    for one in pictures:
        parts.append(f'<g transform="translate(0 {top})">\n{one.body}</g>\n')
        top += one.height + _GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {max(1, top)}" width="{width}" height="{max(1, top)}" {_FONT}>\n'
    return f'{head}<rect width="100%" height="100%" fill="#ffffff"/>\n{"".join(parts)}</svg>\n'
