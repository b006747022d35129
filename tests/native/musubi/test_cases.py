"""Configs that musubi-tuner really executed: what failed or was silently wrong is flagged, what trained as meant is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lorabridge.plan.native import check_texts
from tests.native.musubi.helpers import BASE, HERE, codes, train

CASES = [json.loads(line) for line in (HERE / "cases.jsonl").read_text(encoding="utf-8").splitlines()]
VALUES = [json.loads(line) for line in (HERE / "values.jsonl").read_text(encoding="utf-8").splitlines()]

COMBOS = [json.loads(line) for line in (HERE / "combos.jsonl").read_text(encoding="utf-8").splitlines()]


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
    _judge(row, train(**{row["key"]: row["value"]}))


@pytest.mark.parametrize("row", COMBOS, ids=lambda row: row["case"])
def test_executed_combinations(row: dict[str, Any]) -> None:
    """Optimizers, schedulers, noise, networks, samples and file dialects, each with what belongs to it."""
    kept = [line for line in BASE.splitlines() if line.split(" = ")[0] not in row.get("without", [])]
    _judge(row, row.get("config") or "\n".join([*kept, *row["with"]]) + "\n")


def _judge(row: dict[str, Any], text: str) -> None:
    """`stops`: an error. `may stop`: a warning, as it depends on what is installed or on the model. `silent`: trained, and not as written: an error. Others: no error. `hidden` is visible on disk only."""
    found = codes(text)
    if row["verdict"] == "stops":
        assert found, row["error"]
    elif row["verdict"] == "may stop":
        assert codes(text, "warning"), row["error"]
    elif row["verdict"] == "silent":
        assert found
    else:
        assert not found


def test_the_base_is_clean() -> None:
    assert codes(train(), "error", "warning") == []
