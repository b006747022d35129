"""Configs that musubi-tuner really executed: what failed or was silently wrong is flagged, what trained as meant is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lorabridge.plan.native import check_texts
from tests.native.musubi.helpers import HERE, codes, train

CASES = [json.loads(line) for line in (HERE / "cases.jsonl").read_text(encoding="utf-8").splitlines()]
VALUES = [json.loads(line) for line in (HERE / "values.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_executed_configs(case: dict[str, Any]) -> None:
    found = check_texts({"train.toml": case["config"]})
    errors = [item for item in found if item.severity == "error"]
    if case["verdict"] != "bad":
        assert not errors
        return
    flagged = {item.code for item in found if item.severity in ("error", "warning")}
    assert flagged
    assert set(case["codes"]) <= flagged


def _id(row: dict[str, Any]) -> str:
    return f"{row['key']}={row['value']!r}"


@pytest.mark.parametrize("row", VALUES, ids=_id)
def test_executed_values(row: dict[str, Any]) -> None:
    """Each option of the Z-Image script with values of every kind, one at a time."""
    found = codes(train(**{row["key"]: row["value"]}))
    if row["verdict"] == "stops":
        assert found or codes(train(**{row["key"]: row["value"]}), "warning"), row["error"]
    elif row["verdict"] == "silent":
        assert found
    else:
        assert not found


def test_the_base_is_clean() -> None:
    assert codes(train(), "error", "warning") == []
