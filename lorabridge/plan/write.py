"""The compiled folder: the trainer's files, a launch script, the stages as data and the translation report."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lorabridge.backends import get_backend
from lorabridge.backends.base import File, Note, Plan, Stage
from lorabridge.config.load import Loaded
from lorabridge.files import write_atomic
from lorabridge.resources import template_dir

TITLES = {
    "exact": "Said exactly",
    "rewritten": "Said in another way",
    "refused": "Dropped, as allowed by `--unsupported warn`",
    "defaulted": "Recommended for the family, left to the trainer's own default",
    "native": "Native options",
    "added": "Added by lorabridge",
}


def compiled_files(plan: Plan, loaded: Loaded) -> list[File]:
    """All files of a compile, the trainer's own first. Deterministic."""
    title = get_backend(plan.backend).TITLE
    source = Path(loaded.file).name
    context = {"plan": plan, "title": title, "source": source, "home": home_variable(plan.backend), "python": python_variable(plan.backend)}
    return [
        *plan.files,
        File("launch.sh", _render("launch.sh.jinja", context)),
        File("stages.json", json.dumps([_stage(stage) for stage in plan.stages], indent=2) + "\n"),
        File(
            "report.md", _render("report.md.jinja", context | {"groups": _groups(plan.notes), "commit": get_backend(plan.backend).COMMIT})
        ),
    ]


def write_files(folder: Path, files: Iterable[File]) -> None:
    """Write each file atomically; scripts are made executable. Raises OSError."""
    for item in files:
        write_atomic(folder / item.path, item.text, mode=0o755 if item.path.endswith(".sh") else 0o644)


def home_variable(backend: str) -> str:
    """The environment variable that names the trainer's checkout."""
    return f"LORABRIDGE_{backend.upper().replace('-', '_')}_HOME"


def python_variable(backend: str) -> str:
    """The environment variable that names the trainer's Python."""
    return f"LORABRIDGE_{backend.upper().replace('-', '_')}_PYTHON"


def _stage(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.name,
        "argv": list(stage.argv),
        "env": dict(stage.env),
        "cwd": stage.cwd,
        "needs": list(stage.needs),
        "makes": list(stage.makes),
    }


def _groups(notes: Iterable[Note]) -> list[tuple[str, list[Note]]]:
    found = list(notes)
    return [(title, [note for note in found if note.kind == kind]) for kind, title in TITLES.items() if any(n.kind == kind for n in found)]


def shell_word(text: str) -> str:
    """One word of a POSIX shell script, with the placeholders as variables."""
    import shlex

    marks = {"{python}": '"$PYTHON"', "{home}": '"$TRAINER"', "{files}": '"$FILES"', "{bin}": '"$BIN"'}
    parts, rest = [], text
    while rest:
        found = [(rest.index(mark), mark) for mark in marks if mark in rest]
        if not found:
            parts.append(shlex.quote(rest))
            break
        at, mark = min(found)
        if at:
            parts.append(shlex.quote(rest[:at]))
        parts.append(marks[mark])
        rest = rest[at + len(mark) :]
    return "".join(parts) or "''"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _render(name: str, context: dict[str, Any]) -> str:
    import jinja2

    loader = jinja2.FileSystemLoader(template_dir())
    env = jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False
    )
    env.filters |= {"word": shell_word, "cell": _cell}
    return env.get_template(name).render(**context)
