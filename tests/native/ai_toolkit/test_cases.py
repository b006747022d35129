"""The configs that were really executed: each that failed or did something else is found at its line, none that trained is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lorabridge.plan.native import check_texts

_LINES = Path(__file__).with_name("cases.jsonl").read_text(encoding="utf-8").splitlines()
BASE = json.loads(_LINES[0])["base"]
CASES: list[dict[str, Any]] = [json.loads(line) for line in _LINES[1:]]


def text_of(case: dict[str, Any]) -> str:
    """The base with the case's lines put in place of its own."""
    lines = BASE.splitlines()
    for start, end, new in reversed(case["edits"]):
        lines[start:end] = new
    return "\n".join(lines) + "\n"


def _name(case: dict[str, Any]) -> str:
    return f"{case['verdict']}-{case['case']}"


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_verdict(case: dict[str, Any]) -> None:
    found = check_texts({"job.yaml": text_of(case)}, trainer="ai-toolkit")
    if case["verdict"] == "bad":
        assert (case["code"], case["severity"], case["line"]) in {(item.code, item.severity, item.span.line) for item in found if item.span}
    else:
        assert [item for item in found if item.severity == "error"] == []


def test_every_verdict_is_there() -> None:
    counts = {verdict: sum(case["verdict"] == verdict for case in CASES) for verdict in ("good", "bad", "unseen")}
    assert counts == {"good": 41, "bad": 69, "unseen": 3}


@pytest.mark.parametrize("case", [case for case in CASES if case["verdict"] != "good"], ids=_name)
def test_findings_are_complete(case: dict[str, Any]) -> None:
    for item in check_texts({"job.yaml": text_of(case)}, trainer="ai-toolkit"):
        if item.severity == "error" and item.code != "LB320":
            assert all((item.message, item.why, item.fix))
