"""What a code or a field means, as lines of text. All of it is read from the tables."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from lorabridge.backends import backend_names, get_backend
from lorabridge.backends.base import Backend, Cannot, Row
from lorabridge.backends.engine import spell
from lorabridge.config.fields import FieldRow, rows_of, walk
from lorabridge.config.schema import Config
from lorabridge.diagnostics import CODES, Code


def explain(topic: str, backends: Sequence[str] = ()) -> list[str] | None:
    """Lines about a code or a field; None when there is no such thing."""
    code = CODES.get(topic.upper())
    if code is not None:
        return list(_code(code))
    path = _path(topic)
    if path is None:
        return None
    rows = dict(walk(Config))
    row = rows[path]
    if row.section is not None:
        return [f"{path}: {row.doc}", "", *_wrapped("keys", ", ".join(rows_of(row.section)))]
    return list(_field(path, row, backends))


def nearest(topic: str) -> str:
    """The nearest codes or fields, for a message."""
    from lorabridge.config.validate import ALIASES

    if topic in ALIASES:
        return f"`{ALIASES[topic]}`"
    names = [*CODES, *dict(walk(Config))]
    last = [path for path in names if path.rpartition(".")[2] == topic]
    found = last or difflib.get_close_matches(topic, names, 3, 0.6)
    return " or ".join(f"`{name}`" for name in found[:4])


def _path(topic: str) -> str | None:
    """The dotted path of a field; list marks may be left out (`datasets.repeats`)."""
    paths = dict(walk(Config))
    if topic in paths:
        return topic
    return next((path for path in paths if path.replace("[]", "") == topic.replace("[]", "")), None)


def _code(row: Code) -> Iterator[str]:
    yield f"{row.code}: {row.title}"
    yield ""
    yield from _wrapped("what", row.what)
    yield from _wrapped("why it matters", row.why)
    if row.bad:
        yield f"  instead of   {row.bad}"
        yield f"  write        {row.good}"
    for ref in row.refs:
        yield f"  seen in      {ref}"


def _wrapped(label: str, text: str) -> Iterator[str]:
    for number, line in enumerate(textwrap.wrap(text, 84)):
        yield f"  {label if number == 0 else '':<13}{line}" if len(label) < 13 or number else f"  {label}\n  {'':<13}{line}"


def _field(path: str, row: FieldRow, backends: Sequence[str]) -> Iterator[str]:
    yield f"{path}: {row.doc}"
    yield ""
    for name, label in (("zero", "0"), ("empty", '"" or []'), ("null", "null"), ("absent", "left out")):
        meaning = getattr(row.meanings, name)
        if meaning is not None:
            yield f"  {label:<10}{meaning}"
    if row.words:
        yield f"  {'words':<10}{', '.join(row.words)}"
    if row.source:
        yield f"  {'source':<10}{row.source}"
    for name in backends or backend_names():
        yield ""
        yield from _spelling(path, get_backend(name))


def _spelling(path: str, backend: Backend) -> Iterator[str]:
    yield f"{backend.TITLE} (facts of commit {backend.COMMIT[:10]})" if backend.COMMIT else backend.TITLE
    rows = [row for row in backend.ROWS if row.path == path]
    for row in rows:
        yield from _row(row)
    handled: Mapping[str, str] = backend.HANDLED
    if path in handled:
        yield f"  {handled[path]}"
    elif not rows:
        yield "  not known to this trainer: refused"


def _row(row: Row) -> Iterator[str]:
    only = f" ({', '.join(sorted(row.families))})" if row.families else ""
    if row.cannot is not None:
        yield f"  cannot be said{only}: {row.cannot.why}"
    else:
        yield f"  {row.at.partition(':')[2] or row.at}{only}" + (f": {row.note}" if row.note else "")
        for word, native in row.words.items():
            shown = f"cannot be said: {native.why}" if isinstance(native, Cannot) else spell(native)
            yield f"    {spell(word)} -> {shown}"
    if row.evidence:
        yield f"    evidence: {row.evidence}"
