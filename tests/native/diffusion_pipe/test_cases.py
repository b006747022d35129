"""The executed configs: what failed is flagged, what trained is not."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from lorabridge.plan.native import check_texts

HERE = Path(__file__).parent
CASES = [json.loads(line) for line in (HERE / "cases.jsonl").read_text(encoding="utf-8").splitlines()]
EXPECT = tomllib.loads((HERE.parents[2] / "benchmarks" / "native_expect" / "diffusion-pipe.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_verdict(case: dict[str, Any]) -> None:
    found = check_texts(case["files"], trainer="diffusion-pipe")
    errors = [item for item in found if item.severity == "error"]
    if case["case"] in EXPECT["invisible"]:
        assert not errors
    elif case["rc"] != "0" or case["case"] in EXPECT["silent"]:
        assert [item for item in found if item.severity != "hint"], case["error"]
    else:
        assert not errors


def test_every_finding_says_where_why_and_what_to_do() -> None:
    for case in CASES:
        for item in check_texts(case["files"], trainer="diffusion-pipe"):
            assert item.span is not None
            assert item.span.file in case["files"]
            assert item.why
            assert item.fix


def test_hangs_are_called_hangs() -> None:
    names = {"b03c_num_ar_buckets_0", "b16_caching_bs_0", "b12_control_missing_one"}
    for case in CASES:
        if case["case"] in names:
            assert "LB316" in {item.code for item in check_texts(case["files"], trainer="diffusion-pipe")}, case["case"]
