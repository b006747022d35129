"""The reference pages of docs/, derived from the tables: nothing in them is written by hand."""

from __future__ import annotations

from collections.abc import Iterator

from lorabridge.backends import BACKENDS, get_backend
from lorabridge.backends.base import Backend, Cannot, Omit, Row
from lorabridge.backends.engine import spell
from lorabridge.config.fields import FieldRow, rows_of, walk
from lorabridge.config.schema import Config
from lorabridge.diagnostics import CODES
from lorabridge.families import FAMILIES
from lorabridge.plan.catalog import family_lines, overview_lines
from lorabridge.plan.matrix import counts, matrix_lines, recorded

_TOP = "<!-- Derived from the tables by scripts/make_docs.py. Change the tables, not this page. -->\n\n"
_RAW = (("zero", "0"), ("empty", '""'), ("null", "null"), ("absent", "left out"))


def language_page() -> str:
    """Every key with its meanings."""
    lines = [
        "# The language\n",
        "What each key is, and what a zero, an empty value, `null` and absence mean in it. The same text: `lorabridge explain KEY`.\n",
    ]
    for path, row in walk(Config):
        if row.section is not None:
            keys = ", ".join(f"`{key}`" for key in rows_of(row.section))
            short = f" A bare value stands for `{row.section.shorthand}`." if row.section.shorthand else ""
            lines.append(f"\n## `{path}`{' (list)' if row.many else ''}\n\n{row.doc}{short} Keys: {keys}.\n")
        else:
            lines.append(_key(path, row))
    return _TOP + "\n".join(lines).rstrip() + "\n"


def _key(path: str, row: FieldRow) -> str:
    meanings = [f"{label}: {getattr(row.meanings, name)}" for name, label in _RAW if getattr(row.meanings, name, None) is not None]
    words = f" Words: {', '.join(f'`{w}`' for w in row.words)}." if row.words else ""
    return f"- `{path}` {row.doc}{words} " + "; ".join(meanings) + (f". Source: {row.source}." if row.source else ".")


def coverage_page() -> str:
    """Every key against every trainer: how it is said there, or why it cannot be."""
    backends = {name: get_backend(name) for name in BACKENDS}
    lines = ["# Coverage\n", "How each key is said to each trainer. `lorabridge explain KEY` adds the evidence of each spelling.\n"]
    lines += ["| key | " + " | ".join(backend.TITLE for backend in backends.values()) + " |", "|---|" + "---|" * len(backends)]
    counts = dict.fromkeys(backends, 0)
    total = 0
    for path, row in walk(Config):
        if row.section is not None:
            continue
        total += 1
        cells = []
        for name, backend in backends.items():
            text, said = _cell(path, backend)
            counts[name] += said
            cells.append(text)
        lines.append(f"| `{path}` | " + " | ".join(cells) + " |")
    lines.append(
        "\n"
        + "; ".join(f"{backends[name].TITLE}: {count} of {total} keys can be said" for name, count in counts.items())
        + ". The rest is refused, with the reason."
    )
    return _TOP + "\n".join([*lines, *_meanings({name: backend.TITLE for name, backend in backends.items()})]) + "\n"


def _meanings(titles: dict[str, str]) -> Iterator[str]:
    """The matrix of meanings, with what is covered."""
    covered = {name: counts(name) for name in titles}
    done, total = (sum(pair[index] for pair in covered.values()) for index in (0, 1))
    commits = ", ".join(f"{title} {(recorded(name) or {}).get('commit', '')[:7]}".strip() for name, title in titles.items())
    yield (
        "\n## Meanings\n\nEvery field of the Qwen-Image paper, and every field with a special meaning, with a zero, an empty value, `null`, left"
        " out, and with an ordinary value: what is written, and what the trainer's own code uses then. Each cell was compiled and the trainer's"
        f" configuration code executed on it ({commits}); where a condition of its training code depends on the value, one is evaluated beside"
        " it. `scripts/record_meanings.py` records, `tests/prove/test_matrix.py` compiles every cell again, and asks again where a checkout is"
        " given. What has no evidence is named with the reason there (`NO_EVIDENCE`): mostly the environment of the process, and parts that a model"
        " lacks.\n"
    )
    yield f"**Covered: {done} of {total}** (" + ", ".join(f"{titles[name]} {a} of {b}" for name, (a, b) in covered.items()) + ").\n"
    yield from matrix_lines(titles)


def _cell(path: str, backend: Backend) -> tuple[str, bool]:
    rows = [row for row in backend.ROWS if row.path == path]
    said = [row for row in rows if row.cannot is None]
    parts = [_spelled(row) for row in said]
    if path in backend.HANDLED:
        parts.append(backend.HANDLED[path])
    if not parts:
        parts = [f"cannot: {row.cannot.why}" for row in rows[:1] if row.cannot] or ["not known: refused"]
    text = "<br>".join(dict.fromkeys(parts)).replace("|", "\\|").replace("\n", " ")
    return text, bool(said) or path in backend.HANDLED


def _spelled(row: Row) -> str:
    words = [
        f"{spell(word)} → {'refused' if isinstance(native, Cannot) else spell(native)}"
        for word, native in row.words.items()
        if not (isinstance(native, Omit) and word is False)
    ]
    key = row.at.partition(":")[2] or row.at
    shown = f" ({', '.join(words[:8])})" if words else ""
    return f"`{key}`{shown}" + (f": {row.note}" if row.note else "")


def families_page() -> str:
    """All families."""
    body = "\n".join(overview_lines()[:-2])
    parts = [f"```\n{body}\n```"]
    for family in FAMILIES.values():
        first, *rest = family_lines(family)
        parts.append(f"## {first}\n\n```\n" + "\n".join(rest) + "\n```" + (f"\n\nEvidence: {family.evidence}" if family.evidence else ""))
    return _TOP + "# Families\n\nThe same text: `lorabridge families NAME`.\n\n" + "\n\n".join(parts) + "\n"


def codes_page() -> str:
    """All diagnostic codes."""
    return _TOP + "# Diagnostic codes\n\nNever renumbered. The same text: `lorabridge explain LB203`.\n" + "".join(_codes()).rstrip() + "\n"


def _codes() -> Iterator[str]:
    for row in CODES.values():
        yield f"\n## {row.code}: {row.title}\n\n{row.what} {row.why}\n"
        if row.bad:
            yield f"\n```yaml\n# instead of\n{row.bad}\n# write\n{row.good}\n```\n"
        if row.refs:
            yield f"\nSeen in: {', '.join(row.refs)}\n"
