"""The mutation script breaks what it says, and each break would reach a compile."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from lorabridge.backends.base import OMIT, Cannot, Row, cannot, choice, same

SCRIPT = Path(__file__).parents[2] / "scripts" / "mutate_rows.py"
pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="the scripts are not here: an installed package, not a checkout")


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("mutate_rows", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutate_rows"] = module
    spec.loader.exec_module(module)
    return module


def names(script: Any, row: Row) -> list[str]:
    return [mutant.name.partition(": ")[2] for mutant in script._row(row)]


def test_the_breaks_of_a_row(script: Any) -> None:
    assert names(script, same("adapter.dropout", "train:network_dropout", off=OMIT)) == [
        "train:network_dropout renamed",
        "dropped",
        "value changed",
        "`off` spelled otherwise",
    ]
    assert names(script, cannot("adapter.dtype", "why", "bf16")) == ["silently left out", "nothing is neutral"]
    words = {"off": OMIT, "fp8": "float8"}
    assert "any word goes" in names(script, choice("model.quantize.transformer", "main:model.transformer_dtype", words))


def test_a_break_is_made_in_the_row_itself(script: Any) -> None:
    row = same("adapter.rank", "train:network_dim")
    for mutant in script._row(row):
        before = (row.at, row.families, row.spell(32))
        mutant.apply()
        assert (row.at, row.families, row.spell(32)) != before, mutant.name
    refused = cannot("adapter.text_encoder", "why")
    next(iter(script._row(refused))).apply()
    assert refused.spell(True) is OMIT


@pytest.mark.parametrize("value", [True, 3, 0.5, "a", (1, 2), [], {"a": 1}, OMIT, Cannot("why")])
def test_another_value_is_another_value(script: Any, value: Any) -> None:
    assert script.other(value) != value


def test_every_backend_has_many(script: Any) -> None:
    for backend in script.TABLES:
        assert len(list(script.mutants(backend, False))) > 100
        assert len(list(script.mutants(backend, True))) > 150
