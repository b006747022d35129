"""Recall and false errors of `lorabridge check` on executed configs of the trainers.

    python benchmarks/native_cases.py CASES.jsonl... [--all]

Each line of a file is one config that a trainer really ran: `trainer`, `case`, `rc`, `stage`, `error`, and the text (`config`, or
`files` by name). A case is bad when it failed (`rc` is not 0), or ran and did something else than written: the latter are listed
by name, with the reason, in `native_expect/TRAINER.toml` under `silent`; failures that no config shows under `invisible`.
All other cases are good. Flagged means: an error or a warning. `--all` prints every case with its findings.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.native import check_texts

NAMES = {"musubi-tuner": "musubi"}
HERE = Path(__file__).resolve().parent


def main(args: list[str]) -> int:
    rows: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    missed, false, excused = [], [], []
    for case in (json.loads(line) for path in args if path != "--all" for line in Path(path).read_text(encoding="utf-8").splitlines()):
        trainer = NAMES.get(case["trainer"], case["trainer"])
        expected = expectations(trainer)
        name = f"{trainer} {case['case']}"
        found = check_texts(texts_of(case), trainer=trainer)
        errors = [item for item in found if item.severity == "error"]
        flagged = any(item.severity in ("error", "warning") for item in found)
        row = rows[trainer, case["stage"]]
        silent = expected["silent"].get(case["case"], "")
        if str(case["rc"]) != "0" or silent:
            row[0] += 1
            row[1] += flagged
            if not flagged and case["case"] in expected["invisible"]:
                excused.append(f"{name}: {expected['invisible'][case['case']]}")
            elif not flagged:
                missed.append(f"{name} [{case['stage']}]: {silent or case['error'][:140]}")
        else:
            row[2] += 1
            row[3] += bool(errors)
            false += [f"{name}: {show(item)}" for item in errors]
        if "--all" in args:
            print(f"{name} rc={case['rc']} {case['error'][:100]!r}", *(f"    {show(item)}" for item in found), sep="\n")
    table(rows)
    for title, items in (("missed", missed), ("false errors", false), ("not visible in the config", excused)):
        print(f"\n{title}: {len(items)}", *items, sep="\n  ")
    return int(bool(missed or false))


def table(rows: dict[tuple[str, str], list[int]]) -> None:
    print(f"{'trainer':16}{'stage':42}{'bad':>5}{'flagged':>9}{'good':>6}{'false errors':>14}")
    for (trainer, stage), row in [*sorted(rows.items()), *sorted(totals(rows).items())]:
        print(f"{trainer:16}{stage[:40]:42}{row[0]:5}{row[1]:9}{row[2]:6}{row[3]:14}")


def totals(rows: dict[tuple[str, str], list[int]]) -> dict[tuple[str, str], list[int]]:
    found: dict[tuple[str, str], list[int]] = {}
    for (trainer, _), row in rows.items():
        found[trainer, "all stages"] = [a + b for a, b in zip(found.get((trainer, "all stages"), [0] * 4), row, strict=True)]
    return found


def expectations(trainer: str) -> dict[str, dict[str, str]]:
    path = HERE / "native_expect" / f"{trainer}.toml"
    data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {"silent": data.get("silent", {}), "invisible": data.get("invisible", {})}


def texts_of(case: dict[str, Any]) -> dict[str, str]:
    if "files" in case:
        return dict(case["files"])
    return {case.get("file") or ("train.toml" if "musubi" in case["trainer"] else "job.yaml"): case["config"]}


def show(item: Diagnostic) -> str:
    place = f"{item.span.file}:{item.span.line}:{item.span.column}" if item.span else "-"
    return f"{place} {item.severity}[{item.code}] {item.message}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
