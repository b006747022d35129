"""Findings as text, JSON, GitHub annotations and SARIF 2.1.0."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from lorabridge.diagnostics.model import Diagnostic, Span

Format = Literal["text", "json", "github", "sarif"]
MAX_TEXT = 600
_COLORS = {"error": "31", "warning": "33", "hint": "36"}
_LEVELS = {"error": "error", "warning": "warning", "hint": "note"}


def render(items: Sequence[Diagnostic], style: Format, texts: Mapping[str, str], *, color: bool = False) -> str:
    """All findings in one format. `texts` holds the files' texts, for excerpts."""
    items = [_shortened(item) for item in items]
    if style == "json":
        return render_json(items)
    if style == "sarif":
        return render_sarif(items)
    if style == "github":
        return "".join(_github(item) + "\n" for item in items)
    lines = {file: text.splitlines() for file, text in texts.items()}
    return "".join(_text(item, lines, color) + "\n" for item in items)


def _shortened(item: Diagnostic) -> Diagnostic:
    """Without the rest of a value that fills pages."""
    if max(len(item.message), len(item.fix)) <= MAX_TEXT:
        return item
    return replace(item, message=_clip(item.message), fix=_clip(item.fix))


def _clip(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT // 2]} … {text[-MAX_TEXT // 4 :]}"


def summary(items: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning`, or nothing."""
    counts = {level: sum(item.severity == level for item in items) for level in ("error", "warning", "hint")}
    return ", ".join(f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts.items() if count)


def _text(item: Diagnostic, lines_of: Mapping[str, list[str]], color: bool) -> str:
    def paint(text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if color else text

    place = f"{item.span.file}:{item.span.line}:{item.span.column}: " if item.span else ""
    tone = _COLORS[item.severity]
    lines = [f"{paint(_safe(place), '1')}{paint(f'{item.severity}[{item.code}]', '1;' + tone)} {_safe(item.message)}"]
    if item.span:
        lines += _excerpt(item.span, lines_of.get(item.span.file, []), lambda text: paint(text, tone))
    for span, text in item.related:
        lines.append(f"   = {_safe(span.file)}:{span.line}:{span.column}: {_safe(text)}")
    if item.about:
        lines.append(f"   = key: {_safe(item.about)}")
    if item.why:
        lines.append(f"   = why: {_safe(item.why)}")
    if item.fix:
        lines.append(f"   = {paint('fix', '1')}: {_safe(item.fix)}")
    return "\n".join(lines)


def _excerpt(span: Span, lines: list[str], tint: Any) -> list[str]:
    if not 1 <= span.line <= len(lines):
        return []
    line, start = lines[span.line - 1], max(0, span.column - 1)
    end = start + max(1, span.end_column - span.column) if span.end_line == span.line else len(line)
    if start > 150:
        cut = start - 40
        line, start, end = "…" + line[cut : cut + 180], 41, end - cut + 1
    line = _safe(line[:180].replace("\t", " "))
    width = min(max(1, end - start), max(1, 180 - start))
    number = str(span.line)
    return [f"{' ' * len(number)} |", f"{number} | {line}", f"{' ' * len(number)} | {' ' * start}{tint('^' * width)}"]


def _safe(text: str) -> str:
    """No control characters from a user's file reach the terminal."""
    return "".join(char if char.isprintable() or char == " " else "\ufffd" for char in text)


def render_json(items: Sequence[Diagnostic]) -> str:
    """A stable envelope; readers should ignore properties that they do not know."""
    envelope = {
        "format_version": "1",
        "valid": not any(item.severity == "error" for item in items),
        "error_count": sum(item.severity == "error" for item in items),
        "warning_count": sum(item.severity == "warning" for item in items),
        "diagnostics": [_record(item) for item in items],
    }
    return json.dumps(envelope, indent=2) + "\n"


def _record(item: Diagnostic) -> dict[str, Any]:
    record: dict[str, Any] = {
        "code": item.code,
        "severity": item.severity,
        "message": item.message,
        "why": item.why,
        "about": item.about,
        "fix": item.fix,
        "path": item.path,
    }
    record["range"] = _range(item.span) if item.span else None
    record["edits"] = [{"range": _range(edit.span), "text": edit.text} for edit in item.edits]
    record["related"] = [{"range": _range(span), "message": text} for span, text in item.related]
    return record


def _range(span: Span) -> dict[str, Any]:
    return {
        "file": span.file,
        "start": {"line": span.line, "column": span.column},
        "end": {"line": span.end_line, "column": span.end_column},
    }


def _github(item: Diagnostic) -> str:
    def escape(text: str, *, inside: bool = False) -> str:
        text = _safe(text).replace("%", "%25")
        return text.replace(":", "%3A").replace(",", "%2C") if inside else text

    level = {"error": "error", "warning": "warning", "hint": "notice"}[item.severity]
    place = ""
    if item.span:
        place = f" file={escape(item.span.file, inside=True)},line={item.span.line},col={item.span.column},endLine={item.span.end_line},endColumn={item.span.end_column}"
    title = f"{',' if place else ' '}title={item.code}"
    parts = [item.message, item.why, f"Fix: {item.fix}" if item.fix else ""]
    return f"::{level}{place}{title}::{escape('. '.join(part for part in parts if part))}"


def render_sarif(items: Sequence[Diagnostic]) -> str:
    """SARIF 2.1.0, one run; rules are the codes that occur."""
    from lorabridge import __version__
    from lorabridge.diagnostics.codes import CODES

    codes = sorted({item.code for item in items})
    rules = [
        {
            "id": code,
            "shortDescription": {"text": CODES[code].title},
            "fullDescription": {"text": CODES[code].what},
            "help": {"text": CODES[code].why},
        }
        for code in codes
    ]
    driver = {"name": "lorabridge", "version": __version__, "informationUri": "https://github.com/lorabridge/lorabridge", "rules": rules}
    results = [_sarif_result(item, codes.index(item.code)) for item in items]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints"}],
    }
    return json.dumps(log, indent=2) + "\n"


def _sarif_result(item: Diagnostic, index: int) -> dict[str, Any]:
    from urllib.parse import quote

    text = ". ".join(part for part in (item.message, item.why, f"Fix: {item.fix}" if item.fix else "") if part)
    result: dict[str, Any] = {"ruleId": item.code, "ruleIndex": index, "level": _LEVELS[item.severity], "message": {"text": text}}
    if item.span:
        span = item.span
        region = {"startLine": span.line, "startColumn": span.column, "endLine": span.end_line, "endColumn": span.end_column}
        uri = quote(span.file.replace("\\", "/"), safe="/:", errors="replace")
        result["locations"] = [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}]
    return result
