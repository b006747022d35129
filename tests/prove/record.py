"""The evidence of the matrix: what is compiled for each cell, and what the trainer's code makes of it."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lorabridge.backends import get_backend
from lorabridge.backends.base import Plan
from lorabridge.plan.claims import claims, flat
from lorabridge.plan.prove import ask, installed, prover_of
from lorabridge.plan.write import write_files

from .cells import ABSENT, SLOTS, another, cells, compiled

BATCH = 60
Facts = dict[str, Any]


def written(plan: Plan, trainer: str, folder: str) -> dict[str, Any]:
    """Everything that the compiled files and command lines say, by `document: key`."""
    prover = prover_of(trainer)
    found = {claim.at: claim.value for claim in claims(plan, prover, get_backend(trainer).COMMIT, folder) if not claim.left_out}
    for file in plan.files:
        if file.path == "samples.json":
            for index, item in enumerate(json.loads(file.text)):
                found |= {f"samples.json: {index}.{key}": value for key, value in flat(item)}
        elif file.path == "accelerate.yaml":
            found |= {
                f"accelerate.yaml: {line.partition(':')[0]}": line.partition(":")[2].strip()
                for line in file.text.splitlines()
                if line[0] != "#"
            }
    for stage in plan.stages:
        found |= {f"{stage.name}: env {name}": value for name, value in stage.env.items()}
    return {at: _plain(value, folder) for at, value in found.items()}


def _plain(value: Any, folder: str) -> Any:
    return json.loads(json.dumps(value).replace(folder, "{files}"))


def intents(plan: Plan, trainer: str, folder: str) -> dict[str, set[str]]:
    """The native keys that carry a field, by the field's general path; those that are left out on purpose too."""
    found: dict[str, set[str]] = {}
    for claim in claims(plan, prover_of(trainer), get_backend(trainer).COMMIT, folder):
        if claim.path:
            found.setdefault(re.sub(r"\[\d+\]", "[]", claim.path), set()).add(claim.at)
    return found


def compile_all(trainer: str, folder: Path) -> tuple[dict[str, dict[str, Facts]], dict[str, Plan]]:
    """Each cell with its refusal or its files, and the plans that can be asked about, by cell folder."""
    table: dict[str, dict[str, Facts]] = {}
    plans: dict[str, Plan] = {}
    keys: dict[str, set[str]] = {}
    said: dict[tuple[str, str], dict[str, Any]] = {}
    for number, cell in enumerate(cells(trainer)):
        here = folder / str(number)
        here.mkdir()
        plan, refusal, told = compiled(cell, here)
        facts: Facts = {"raw": "left out" if cell.raw is ABSENT else cell.raw} | ({"told": told} if told else {})
        table.setdefault(cell.path, {})[cell.slot] = facts
        if refusal:
            facts |= {"status": "refused", "code": refusal}
            continue
        write_files(here, plan.files)
        facts["folder"] = str(number)
        plans[str(number)] = plan
        said[cell.path, cell.slot] = written(plan, trainer, here.as_posix())
        keys.setdefault(cell.path, set()).update(intents(plan, trainer, here.as_posix()).get(cell.path, ()))
        if cell.slot == "ordinary":
            second, wrong, _ = compiled(replace(cell, raw=another(cell.raw)), here)
            keys[cell.path] |= set() if wrong else _changing([said[cell.path, cell.slot], written(second, trainer, here.as_posix())])
    for path, slots in table.items():
        mine = keys.get(path, set()) | _changing([said[path, slot] for slot in SLOTS if (path, slot) in said])
        limited = slots["ordinary"].get("code") or slots["ordinary"].get("told")
        for slot in SLOTS:
            if (path, slot) in said:
                slots[slot]["nothing"] = bool(limited) and not mine and said[path, slot] == said.get((path, "absent"))
                slots[slot]["keys"] = {at: {"written": said[path, slot][at]} if at in said[path, slot] else {} for at in sorted(mine)}
    return table, plans


def _changing(several: list[dict[str, Any]]) -> set[str]:
    """Keys that are not the same in all of them."""
    known = {at for one in several for at in one}
    return {at for at in known if any(at not in one or one[at] != several[0].get(at) or at not in several[0] for one in several)}


def record(trainer: str, environ: Mapping[str, str]) -> Facts:
    """All cells with the trainer's answers. Raises CannotAskError."""
    installation = installed(trainer, None, environ)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        table, plans = compile_all(trainer, folder)
        answers = dict(_answers(trainer, plans, folder, installation))
    decided: dict[str, dict[str, Any]] = {}
    for slots in table.values():
        for facts in slots.values():
            number = facts.pop("folder", None)
            if number is not None:
                _judge(facts, answers[number], f"{made}/{number}", decided)
    return {"trainer": trainer, "commit": installation.commit, "cells": table, "decisions": decided}


def _answers(trainer: str, plans: Mapping[str, Plan], folder: Path, installation: Any) -> Iterator[tuple[str, list[Facts]]]:
    prover = prover_of(trainer)
    asked = [
        (number, replace(question, ask={**question.ask, "decide": True}))
        for number, plan in plans.items()
        for question in prover.questions(plan, f"{folder}/{number}")
    ]
    found: dict[str, list[Facts]] = {}
    for start in range(0, len(asked), BATCH):
        part = asked[start : start + BATCH]
        for (number, _), answer in zip(part, ask(trainer, [question for _, question in part], folder, installation), strict=True):
            found.setdefault(number, []).append(answer)
    yield from found.items()


def _judge(facts: Facts, answers: list[Facts], folder: str, decided: dict[str, dict[str, Any]]) -> None:
    """What is used for each key; `proved` when the trainer's code answered for all of them and refused nothing."""
    errors = [str(text) for answer in answers for text in ([answer["error"]] if answer.get("error") else answer.get("errors", []))]
    for at, entry in facts["keys"].items():
        document, _, key = at.partition(": ")
        for answer in answers:
            known = answer.get("used", {}).get(document, {})
            if key in known:
                entry["used"] = _plain(known[key], folder)
                tests = answer.get("decisions", {}).get(document, {}).get(key, [])
                if tests:
                    decided.setdefault(at, {})[json.dumps(entry["used"])] = tests[:8]
    silent = [at for at, entry in facts["keys"].items() if "used" not in entry and "written" in entry]
    nothing = facts.pop("nothing")
    if errors or silent:
        facts["status"] = "unproved"
    elif facts["keys"]:
        facts["status"] = "proved"
    else:
        facts["status"] = "told" if facts.get("told") else "nothing" if nothing else "unproved"
    if errors:
        facts["errors"] = errors
