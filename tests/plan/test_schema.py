"""The published JSON Schema: valid draft-07, up to date, and of one mind with the checker about structure."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from lorabridge.config.document import parse_text
from lorabridge.config.fields import leaves, rows_of, walk
from lorabridge.config.interpret import Interpreter
from lorabridge.config.schema import Config
from lorabridge.config.validate import validate
from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.schema import language_schema
from lorabridge.resources import schema_dir, template_dir
from tests.support import SMALL

SCHEMA = language_schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def test_it_is_a_draft_07_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_the_published_file_is_the_generated_one() -> None:
    """`lorabridge schema > schemas/lorabridge-1.schema.json` writes it."""
    text = (schema_dir() / "lorabridge-1.schema.json").read_text("utf-8")
    assert text == json.dumps(SCHEMA, indent=2, ensure_ascii=False) + "\n"


def test_every_reference_leads_somewhere_and_nothing_is_left_over() -> None:
    text = json.dumps(SCHEMA)
    names = {part.split('"')[0] for part in text.split("#/definitions/")[1:]}
    assert names == set(SCHEMA["definitions"])


def test_every_key_tells_its_meanings() -> None:
    for path, row in walk(Config):
        section = SCHEMA if "." not in path else SCHEMA["definitions"][_owner(path)]
        description = section["properties"][row.key]["description"]
        assert description.startswith(row.doc), path
        assert "left out:" in description, path


def _owner(path: str) -> str:
    model: Any = Config
    for part in path.replace("[]", "").split(".")[:-1]:
        model = rows_of(model)[part].section
    return str(model.__name__)


def test_sections_are_closed() -> None:
    for name, section in SCHEMA["definitions"].items():
        assert section["additionalProperties"] is False, name
    assert SCHEMA["additionalProperties"] is False


def _ours(data: dict[str, Any]) -> bool:
    found: list[Diagnostic] = []
    meant = Interpreter({}, [], found).section(Config, json.loads(json.dumps(data)))
    return not found and not validate(meant, {}, set())[2]


def _theirs(data: dict[str, Any]) -> bool:
    return bool(VALIDATOR.is_valid(data))


BASE = parse_text(SMALL, "x").data
VALUES: tuple[Any, ...] = (
    True,
    False,
    None,
    0,
    1,
    2,
    -1,
    0.5,
    1.5,
    1000,
    100000,
    "",
    "x",
    "off",
    "auto",
    "never",
    "unlimited",
    "random",
    "10 steps",
    "10 epochs",
    "16 Epochs",
    "2 STEPS",
    "10%",
    "10 percent",
    "10 minutes",
    "10",
    "1.5 steps",
    "0 steps",
    "0%",
    "2.0 epochs",
    "  ",
    ".txt",
    "bf16",
    "lora",
    "cosine",
    [],
    [1],
    [0.5],
    ["x"],
    [64, 64],
    [[64, 64]],
    [1, 2, 3],
    {},
    {"unknown": 1},
)


def _put(path: str, value: Any) -> dict[str, Any]:
    """The small config with one value set, lists and sections made on the way."""
    data = json.loads(json.dumps(BASE))
    if path.startswith("evaluate.datasets[]"):
        data["evaluate"] = {"datasets": [{"images": "x"}]}
    here, parts = data, path.split(".")
    for part in parts[:-1]:
        key = part.removesuffix("[]")
        nested = here.setdefault(key, [{}] if part.endswith("[]") else {})
        here = nested[0] if isinstance(nested, list) else nested
    here[parts[-1]] = value
    for key, item in (("path", {"path": "x"}), ("prompt", {"prompt": "x"})):
        if (
            here is not data
            and key not in here
            and ((path.startswith("model.merge[]") and key == "path") or (path.startswith("sample.prompts[]") and key == "prompt"))
        ):
            here |= item
    return dict(data)


def _agree(path: str, value: Any) -> bool:
    data = _put(path, value)
    return _ours(data) == _theirs(data)


@pytest.mark.parametrize("path", dict(walk(Config)))
def test_schema_and_checker_agree_on_every_key(path: str) -> None:
    wrong = [(value, _theirs(_put(path, value))) for value in VALUES if not _agree(path, value)]
    assert not wrong, f"{path}: (value, schema says valid) {wrong}"


def test_schema_and_checker_agree_on_random_mixtures() -> None:
    dice = random.Random(7)
    paths = list(leaves(Config))
    for _ in range(1500):
        data = _put(dice.choice(paths), dice.choice(VALUES))
        for key in dice.sample(list(rows_of(Config)), 2):
            data.setdefault(key, dice.choice(VALUES)) if dice.random() < 0.9 else data.pop(key, None)
        assert _ours(data) == _theirs(data), data


@pytest.mark.parametrize("key", ["lorabridge", "name", "model", "datasets", "train"])
def test_required_keys(key: str) -> None:
    data = {name: value for name, value in BASE.items() if name != key}
    assert not _theirs(data)
    assert not _ours(data)


def test_presets_fit_once_the_rest_is_there() -> None:
    for path in (template_dir() / "presets").glob("*.yaml"):
        assert _theirs(BASE | parse_text(path.read_text("utf-8"), "x").data)


def test_extends_is_known_to_editors() -> None:
    assert _theirs(BASE | {"extends": "character"})
    assert _theirs(BASE | {"extends": ["character", "base.yaml"]})
    assert not _theirs(BASE | {"extends": 5})


def _numbers(node: Any) -> Iterator[float]:
    if isinstance(node, dict):
        for value in node.values():
            yield from _numbers(value)
    elif isinstance(node, list):
        for value in node:
            yield from _numbers(value)
    elif isinstance(node, float):
        yield node


def test_the_schema_is_plain_json() -> None:
    assert all(math.isfinite(number) for number in _numbers(SCHEMA))
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
