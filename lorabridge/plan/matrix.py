"""The matrix of meanings: each field, each of zero, empty, null, absent and ordinary, each trainer, with its evidence.

The cells are recorded by `scripts/record_meanings.py`, which compiles a config for each and asks the trainer's own code what it
uses then (`schemas/meanings/<trainer>.json`); a test compiles every cell again, and asks again where a checkout is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from lorabridge.backends.engine import spell
from lorabridge.resources import schema_dir

SLOTS = ("zero", "empty", "null", "absent", "ordinary")
COVERED = ("proved", "refused", "told", "nothing")
"""Statuses with evidence.

proved: the trainer's code was executed and answered for every native key of the cell. refused: the language or the compiler refuses the
value, with a code. told: compiled with a warning that it has no effect. nothing: the trainer has no such thing, any other value is
refused or told, and the files are those of the key left out.
"""
Cell = Mapping[str, Any]


@cache
def recorded(trainer: str) -> dict[str, Any] | None:
    """The record of a trainer, None where there is none."""
    path = schema_dir() / "meanings" / f"{trainer}.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def counts(trainer: str) -> tuple[int, int]:
    """Cells with evidence, and all."""
    data = recorded(trainer)
    found = [cell["status"] for slots in data["cells"].values() for cell in slots.values()] if data else []
    return sum(status in COVERED for status in found), len(found)


def matrix_lines(trainers: Mapping[str, str]) -> Iterator[str]:
    """The matrix as Markdown. `trainers`: name to title."""
    data = {name: recorded(name) for name in trainers}
    fields = sorted({path for item in data.values() if item for path in item["cells"]})
    yield "| field | | value | " + " | ".join(trainers.values()) + " |"
    yield "|---|---|---|" + "---|" * len(trainers)
    for path in fields:
        for slot in SLOTS:
            cells = {name: item["cells"].get(path, {}).get(slot) if item else None for name, item in data.items()}
            raw = next((cell["raw"] for name, cell in cells.items() if cell is not None), "")
            text = [_cell(cell, (data[name] or {}).get("decisions", {})) if cell else "no record" for name, cell in cells.items()]
            yield f"| `{path}` | {slot} | {_raw(raw)} | " + " | ".join(text) + " |"


def _raw(value: Any) -> str:
    return "left out" if value == "left out" else f"`{json.dumps(value, ensure_ascii=False)}`".replace("|", "\\|")


def _cell(cell: Cell, decisions: Mapping[str, Any]) -> str:
    status = cell["status"]
    if status == "refused":
        return f"refused: {cell['code']}"
    if status == "told":
        return f"no effect: {cell['told']}"
    if status == "nothing":
        return "nothing to say"
    shown = [_key(at, entry, decisions) for at, entry in cell.get("keys", {}).items()]
    text = "<br>".join(shown[:3]) + (f"<br>and {len(shown) - 3} more" if len(shown) > 3 else "")
    return text if status == "proved" else f"**no evidence**{'<br>' if text else ''}{text}"


def _key(at: str, entry: Mapping[str, Any], decisions: Mapping[str, Any]) -> str:
    key = at.partition(": ")[2].removeprefix("config.process.0.")
    written = spell(entry["written"]) if "written" in entry else "left out"
    used = spell(entry["used"]) if "used" in entry else ""
    text = f"`{key}` {_short(written)}" + (f", used {_short(used)}" if used and used != written else "")
    tests = decisions.get(at, {}).get(json.dumps(entry.get("used")), [])
    place = f" ({tests[0][0]}: `{_short(tests[0][1])}` is {str(tests[0][2]).lower()})" if tests else ""
    return (text + place).replace("|", "\\|").replace("\n", " ")


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:40]}...{text[-16:]}"
