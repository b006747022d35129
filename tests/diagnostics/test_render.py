"""Findings as text, JSON, GitHub annotations and SARIF."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest

from lorabridge.diagnostics import Diagnostic, Edit, Severity, Span, sort_key
from lorabridge.diagnostics.render import MAX_TEXT, Format, render, summary
from tests.support import LoadText

TEXT = """\
lorabridge: 1
name: cat-toy
model: {family: qwen-image}
datasets: [{images: pictures}]
train: {for: 1600}
optimizer: {learning_rte: 1e-4}
save: {keep_last: 3}
train: {for: 2 steps}
"""


def test_the_text_that_a_person_reads(load_text: LoadText) -> None:
    loaded = load_text(TEXT)
    assert (
        render(loaded.diagnostics, "text", loaded.texts)
        == """\
config.yaml:5:14: error[LB108] `train.for`: `1600` has no unit; units are written, never guessed
  |
5 | train: {for: 1600}
  |              ^^^^
   = key: How long to train: optimizer steps, passes over the data, or samples seen.
   = fix: write `1600 steps`
config.yaml:6:13: error[LB102] `learning_rte` is not a key of the section `optimizer`
  |
6 | optimizer: {learning_rte: 1e-4}
  |             ^^^^^^^^^^^^
   = why: trainers drop such keys in silence
   = fix: did you mean `optimizer.lr`?
config.yaml:7:19: warning[LB204] `save.keep_last` has no effect without `save.every`
  |
7 | save: {keep_last: 3}
  |                   ^
   = why: only the last checkpoint is written
   = fix: add `every:`, or remove it
config.yaml:8:1: error[LB101] the key `train` is written twice
  |
8 | train: {for: 2 steps}
  | ^^^^^
   = config.yaml:5:1: first written here
   = fix: keep one of them
"""
    )
    assert summary(loaded.diagnostics) == "3 errors, 1 warning"


def test_colour_is_only_paint(load_text: LoadText) -> None:
    loaded = load_text(TEXT)
    painted = render(loaded.diagnostics, "text", loaded.texts, color=True)
    assert "\x1b[1;31m" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == render(loaded.diagnostics, "text", loaded.texts)


ENVELOPE = {
    "type": "object",
    "required": ["format_version", "valid", "error_count", "warning_count", "diagnostics"],
    "properties": {
        "format_version": {"const": "1"},
        "valid": {"type": "boolean"},
        "diagnostics": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "severity", "message", "why", "fix", "path", "range", "edits", "related"],
                "properties": {
                    "code": {"pattern": "^LB[1-8][0-9]{2}$"},
                    "severity": {"enum": ["error", "warning", "hint"]},
                    "range": {"anyOf": [{"type": "null"}, {"$ref": "#/definitions/range"}]},
                    "edits": {"items": {"required": ["range", "text"], "properties": {"range": {"$ref": "#/definitions/range"}}}},
                    "related": {"items": {"required": ["range", "message"], "properties": {"range": {"$ref": "#/definitions/range"}}}},
                },
            },
        },
    },
    "definitions": {
        "spot": {
            "type": "object",
            "required": ["line", "column"],
            "properties": {"line": {"type": "integer", "minimum": 1}, "column": {"type": "integer", "minimum": 1}},
        },
        "range": {
            "type": "object",
            "required": ["file", "start", "end"],
            "properties": {"file": {"type": "string"}, "start": {"$ref": "#/definitions/spot"}, "end": {"$ref": "#/definitions/spot"}},
        },
    },
}


def test_json(load_text: LoadText) -> None:
    loaded = load_text(TEXT)
    envelope = json.loads(render(loaded.diagnostics, "json", loaded.texts))
    jsonschema.validate(envelope, ENVELOPE)
    assert (envelope["valid"], envelope["error_count"], envelope["warning_count"]) == (False, 3, 1)
    first = envelope["diagnostics"][0]
    assert first["range"] == {"file": "config.yaml", "start": {"line": 5, "column": 14}, "end": {"line": 5, "column": 18}}
    assert envelope["diagnostics"][3]["related"][0]["message"] == "first written here"
    assert json.loads(render([], "json", {})) == {
        "format_version": "1",
        "valid": True,
        "error_count": 0,
        "warning_count": 0,
        "diagnostics": [],
    }


def test_edits_say_what_to_replace(load_text: LoadText, small: str) -> None:
    loaded = load_text(small + "optimizer: {LR: 1e-4}\n")
    (record,) = json.loads(render(loaded.diagnostics, "json", loaded.texts))["diagnostics"]
    ((edit),) = record["edits"]
    line = loaded.texts["config.yaml"].splitlines()[edit["range"]["start"]["line"] - 1]
    start, end = edit["range"]["start"]["column"] - 1, edit["range"]["end"]["column"] - 1
    assert line[:start] + edit["text"] + line[end:] == "optimizer: {lr: 1e-4}"


def test_github(load_text: LoadText) -> None:
    loaded = load_text(TEXT)
    lines = render(loaded.diagnostics, "github", loaded.texts).splitlines()
    assert lines[0] == (
        "::error file=config.yaml,line=5,col=14,endLine=5,endColumn=18,title=LB108::"
        "`train.for`: `1600` has no unit; units are written, never guessed. Fix: write `1600 steps`"
    )
    assert [line.split()[0] for line in lines] == ["::error", "::error", "::warning", "::error"]


def test_github_escapes_what_would_start_a_new_command() -> None:
    span = Span("a,b:c%\n::error::d.yaml", 1, 2, 1, 3)
    item = Diagnostic("LB102", "50%\r\n::set-output name=x::y", span, "hint", fix="a\nb")
    (line,) = render([item], "github", {}).splitlines()
    assert line.startswith("::notice file=a%2Cb%3Ac%25")
    assert "%0A::" not in line.split("title=")[0]
    assert "50%25" in line


REGION: dict[str, Any] = {
    "type": "object",
    "required": ["startLine"],
    "properties": {key: {"type": "integer", "minimum": 1} for key in ("startLine", "startColumn", "endLine", "endColumn")},
    "additionalProperties": False,
}
MESSAGE: dict[str, Any] = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "version": {"type": "string"},
                                    "informationUri": {"type": "string", "pattern": "^https://"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id"],
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": MESSAGE,
                                                "fullDescription": MESSAGE,
                                                "help": MESSAGE,
                                            },
                                            "additionalProperties": False,
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message"],
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": MESSAGE,
                                "locations": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "required": ["physicalLocation"],
                                        "properties": {
                                            "physicalLocation": {
                                                "type": "object",
                                                "required": ["artifactLocation"],
                                                "properties": {
                                                    "artifactLocation": {
                                                        "type": "object",
                                                        "properties": {
                                                            "uri": {"type": "string", "pattern": r"^[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+$"}
                                                        },
                                                    },
                                                    "region": REGION,
                                                },
                                            }
                                        },
                                    },
                                },
                            },
                            "additionalProperties": False,
                        },
                    },
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
"""What SARIF 2.1.0 asks of the parts that are written here."""


def test_sarif(load_text: LoadText) -> None:
    loaded = load_text(TEXT)
    log = json.loads(render(loaded.diagnostics, "sarif", loaded.texts))
    jsonschema.validate(log, SARIF)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == ["LB101", "LB102", "LB108", "LB204"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        region = result["locations"][0]["physicalLocation"]["region"]
        assert (region["endLine"], region["endColumn"]) >= (region["startLine"], region["startColumn"])
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 5,
        "startColumn": 14,
        "endLine": 5,
        "endColumn": 18,
    }


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("a b.yaml", "a%20b.yaml"),
        ("C:\\x\\y.yaml", "C:/x/y.yaml"),
        ("ä#?%.yaml", "%C3%A4%23%3F%25.yaml"),
        ("x\ny.yaml", "x%0Ay.yaml"),
        ("\udc80.yaml", None),
    ],
)
def test_sarif_names_files_by_uri(file: str, uri: str | None) -> None:
    log = json.loads(render([Diagnostic("LB109", "x", Span(file, 1, 1, 1, 1))], "sarif", {}))
    jsonschema.validate(log, SARIF)
    found = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri is None or found == uri


def test_a_finding_without_a_place() -> None:
    item = Diagnostic("LB104", "gone", None, "hint")
    assert render([item], "text", {}) == "hint[LB104] gone\n"
    assert render([item], "github", {}) == "::notice title=LB104::gone\n"
    jsonschema.validate(json.loads(render([item], "sarif", {})), SARIF)
    assert json.loads(render([item], "json", {}))["diagnostics"][0]["range"] is None


NASTY = "\x1b[31m\x9b31m\x07\u202e\u2028\x00\r\ud800é😀"


@pytest.mark.parametrize("style", ["text", "json", "github", "sarif"])
def test_nothing_that_a_terminal_acts_on_gets_through(style: Format) -> None:
    span = Span(f"f{NASTY}.yaml", 1, 1, 1, 5)
    item = Diagnostic(
        "LB102", NASTY, span, why=NASTY, fix=NASTY, path=NASTY, about=NASTY, edits=(Edit(span, NASTY),), related=((span, NASTY),)
    )
    text = render([item], style, {span.file: f"a{NASTY}\tb"})
    assert [char for char in text if not char.isprintable() and char != "\n"] == []
    assert style != "text" or "é😀" in text


@pytest.mark.parametrize("style", ["text", "json", "github", "sarif"])
def test_huge_values_are_shortened(style: Format) -> None:
    item = Diagnostic("LB105", "x" * 10**6, Span("f", 1, 900_000, 1, 990_000), fix="y" * 10**6)
    assert len(render([item], style, {"f": "z" * 10**6})) < 4 * MAX_TEXT + 2000


def test_long_lines_are_cut_around_the_finding() -> None:
    line = "a" * 500 + "HERE" + "b" * 500
    text = render([Diagnostic("LB105", "m", Span("f", 1, 501, 1, 505))], "text", {"f": line}).splitlines()
    caret = text[3].index("^")
    assert text[2][caret : caret + 4] == "HERE"
    assert text[3].count("^") == 4
    assert len(text[2]) < 200


def test_a_finding_over_several_lines_is_marked_to_the_end_of_the_first() -> None:
    text = render([Diagnostic("LB105", "m", Span("f", 1, 4, 3, 2))], "text", {"f": "a: [1,\n2,\n3]\n"}).splitlines()
    assert text[3] == "  |    ^^^"


def test_order() -> None:
    def item(file: str, line: int, severity: Severity = "error") -> Diagnostic:
        return Diagnostic("LB102", "x", Span(file, line, 1, line, 2), severity)

    items = [item("b", 1), item("a", 2), item("a", 1, "hint"), item("a", 1), Diagnostic("LB104", "y")]
    assert sorted(items, key=sort_key) == [items[4], items[3], items[2], items[1], items[0]]


def test_summary() -> None:
    assert summary([]) == ""
    assert summary([Diagnostic("LB1", "x", severity="hint")] * 2) == "2 hints"
