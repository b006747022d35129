"""The two faces of the declarations, our own builder and the pydantic models, give one verdict."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lorabridge.config.build import Problem, build
from lorabridge.config.fields import rows_of, walk
from lorabridge.config.models import pydantic_model
from lorabridge.config.schema import Config
from lorabridge.config.schema.training import Train

from .whole import Pairs, whole

RAW: list[Any] = [None, True, 0, 1, -1, 7, 0.5, 1e-4, float("nan"), "", "x", "auto", "off", "10 steps", "16 epochs", "5%", [], {}]
PLACES = [path for path, _ in walk(Config)]


def _plain(value: Any) -> Any:
    if isinstance(value, Pairs):
        return {key: _plain(inner) for key, inner in value}
    return [_plain(item) for item in value] if isinstance(value, list) else value


WHOLE: dict[str, Any] = _plain(whole())


def _edited(path: str, value: Any, drop: bool = False) -> dict[str, Any]:
    data = copy.deepcopy(WHOLE)
    target: Any = data
    *way, last = path.replace("[]", ".1" if ".video" in path else ".0").split(".")
    for part in way:
        target = target[int(part) if part.isdigit() else part] if target else {}
    if drop and isinstance(target, dict):
        target.pop(last, None)
    elif isinstance(target, dict):
        target[last] = value
    return data


def _ours(data: Any) -> set[tuple[Any, ...]]:
    _, problems = build(Config, data)
    return {(item.path, *_said(item)) for item in problems}


def _said(item: Problem) -> tuple[str, str]:
    return (item.wrong.code, item.wrong.message) if item.wrong is not None else (item.what, "")


def _pydantic(data: Any) -> set[tuple[Any, ...]]:
    names = {"extra_forbidden": "unknown", "missing": "missing", "list_type": "list", "model_type": "section", "dict_type": "section"}
    try:
        pydantic_model().model_validate(data)
    except ValidationError as error:
        found: set[tuple[Any, ...]] = set()
        for item in error.errors():
            said = item.get("ctx", {})
            found.add((item["loc"], *((said["code"], said["message"]) if item["type"] == "lorabridge" else (names[item["type"]], ""))))
        return found
    return set()


@pytest.mark.parametrize("path", PLACES)
def test_the_same_findings_for_each_value_at_each_place(path: str) -> None:
    for value in RAW:
        data = _edited(path, value)
        assert _ours(data) == _pydantic(data), value
    dropped = _edited(path, None, drop=True)
    assert _ours(dropped) == _pydantic(dropped)


def test_the_same_values() -> None:
    ours, problems = build(Config, WHOLE)
    assert ours is not None, problems
    assert pydantic_model().model_validate(WHOLE).model_dump(mode="json") == json.loads(json.dumps(ours.plain()))


def test_the_same_defaults() -> None:
    least = {"lorabridge": 1, "name": "x", "model": {"family": "sdxl"}, "datasets": [{"images": "d"}], "train": {"for": "10 steps"}}
    ours, _ = build(Config, least)
    assert ours is not None
    assert pydantic_model().model_validate(least).model_dump(mode="json") == json.loads(json.dumps(ours.plain()))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5000) | st.floats(allow_infinity=True) | st.sampled_from(["x", "auto", "10 steps", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted({path.split(".")[-1] for path in PLACES})), inner, max_size=4)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(PLACES), JSON, max_size=6))
def test_the_same_findings_for_random_documents(changes: dict[str, Any]) -> None:
    data = copy.deepcopy(WHOLE)
    for path, value in changes.items():
        target: Any = data
        *way, last = path.replace("[]", ".1" if ".video" in path else ".0").split(".")
        for part in way:
            step = int(part) if part.isdigit() else part
            inside = (isinstance(target, dict) and step in target) or (
                isinstance(target, list) and isinstance(step, int) and step < len(target)
            )
            target = target[step] if inside else None
        if isinstance(target, dict):
            target[last] = value
    assert _ours(data) == _pydantic(data)


def test_a_model_says_what_its_field_means() -> None:
    schema = pydantic_model(Train).model_json_schema()
    for key, row in rows_of(Train).items():
        assert key == "ema" or schema["properties"][key]["description"] == row.doc
    assert schema["required"] == ["for"]
