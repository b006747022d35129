"""One folder per example: what is written, what ai-toolkit gets, and that reading it back gives the same intent.

`LORABRIDGE_UPDATE_GOLDENS=1` writes the expected files anew; look at the difference before you keep it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lorabridge.backends.ai_toolkit import lift
from lorabridge.backends.base import Plan, Site
from lorabridge.config.load import Loaded, load
from lorabridge.families.resolve import Missing, resolve
from lorabridge.plan.compile import compile_config

ROOT = Path(__file__).parents[2] / "goldens" / "ai_toolkit"
CASES = sorted(path.parent.name for path in ROOT.glob("*/config.yaml"))
LOST = ("output.dir", "cache.reuse", "save.state", "hardware")
"""Not in the file, or decided by the trainer. `lost.txt` of a case names what else it cannot keep."""


def compiled(case: str) -> Plan:
    return compile_config(load(ROOT / case / "config.yaml", environ={}), "ai-toolkit", Site(root="/data", output="/data/runs"))


def report(plan: Plan) -> str:
    """The lines of the translation report that tell more than "exact"."""
    lines = [f"{item.severity} {item.code} {item.path}: {item.message}" for item in plan.diagnostics]
    lines += [
        f"{note.kind} {note.path or note.at}: {note.value or note.native} ({note.text})" for note in plan.notes if note.kind != "exact"
    ]
    stages = [f"{stage.name}: {' '.join(stage.argv)} {dict(sorted(stage.env.items()))}" for stage in plan.stages]
    return "\n".join(lines + stages) + "\n"


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str) -> None:
    plan = compiled(case)
    assert plan.ok, report(plan)
    made = {"job.yaml": plan.files[0].text, "report.txt": report(plan)}
    for name, text in made.items():
        path = ROOT / case / name
        if os.environ.get("LORABRIDGE_UPDATE_GOLDENS"):
            path.write_text(text, encoding="utf-8", newline="\n")
        assert text == path.read_text(encoding="utf-8"), f"{path} differs"


def read_back(case: str, folder: Path) -> Loaded:
    """The compiled job as a configuration again, through a file as `lorabridge import` would write it."""
    lifted = lift({"job.yaml": compiled(case).files[0].text})
    assert not [item for item in lifted.diagnostics if item.severity == "error"]
    assert not lifted.native
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(lifted.data), encoding="utf-8")
    return load(path, environ={})


@pytest.mark.parametrize("case", CASES)
def test_reading_back_gives_the_same_intent(case: str, tmp_path: Path) -> None:
    one, two = plain(load(ROOT / case / "config.yaml", environ={})), plain(read_back(case, tmp_path))
    notes = ROOT / case / "lost.txt"
    lost = (*LOST, *(notes.read_text(encoding="utf-8").split() if notes.exists() else ()))
    different = {path for path in one.keys() | two.keys() if one.get(path) != two.get(path)}
    different = {path for path in different if not any(re.sub(r"\[\d+\]", "[]", path).startswith(name) for name in lost)}
    assert {path: (one.get(path), two.get(path)) for path in different} == {}


@pytest.mark.parametrize("case", CASES)
def test_compiling_what_was_read_back_gives_the_same_job(case: str, tmp_path: Path) -> None:
    again = compile_config(read_back(case, tmp_path), "ai-toolkit", Site(root="/data", output="/data/runs"))
    assert again.ok, report(again)
    assert body(again.files[0].text) == body(compiled(case).files[0].text)


def body(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def plain(loaded: Loaded) -> dict[str, Any]:
    """The resolved intent as flat data, paths of lists included."""
    assert loaded.config is not None, loaded.diagnostics
    resolved = resolve(loaded.config, "ai-toolkit")
    assert not isinstance(resolved, Missing)
    return dict(flat(resolved.config.plain(by_key=True)))


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{prefix}.{key}".lstrip("."))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for index, inner in enumerate(value):
            yield from flat(inner, f"{prefix}[{index}]")
    else:
        yield prefix, value
