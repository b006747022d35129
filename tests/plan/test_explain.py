"""`explain`: every code and every field has an answer, read from the tables."""

from __future__ import annotations

import pytest

from lorabridge.backends import BACKENDS, get_backend
from lorabridge.config.fields import rows_of, walk
from lorabridge.config.schema import Config
from lorabridge.diagnostics import CODES
from lorabridge.plan.explain import explain, nearest


def _available() -> list[str]:
    found = []
    for name in BACKENDS:
        try:
            get_backend(name).ROWS  # noqa: B018
        except (ImportError, AttributeError):
            continue
        found.append(name)
    return found


AVAILABLE = _available()


@pytest.mark.parametrize("code", CODES)
def test_every_code(code: str) -> None:
    lines = explain(code)
    assert lines is not None
    text = "\n".join(lines)
    assert lines[0] == f"{code}: {CODES[code].title}"
    assert CODES[code].what.split()[-1] in text
    assert "why it matters" in text
    assert all(len(line) < 140 for line in lines)
    assert explain(code.lower()) == lines


@pytest.mark.parametrize("path", dict(walk(Config)))
def test_every_field(path: str) -> None:
    row = dict(walk(Config))[path]
    lines = explain(path, AVAILABLE)
    assert lines is not None
    text = "\n".join(lines)
    assert lines[0] == f"{path}: {row.doc}"
    if row.section is not None:
        assert all(key in text for key in rows_of(row.section))
        return
    for name in ("zero", "empty", "null", "absent"):
        meaning = getattr(row.meanings, name)
        assert meaning is None or str(meaning) in text
    for backend in AVAILABLE:
        assert get_backend(backend).TITLE in text
    assert not row.source or row.source in text


@pytest.mark.parametrize("topic", ["datasets.repeats", "datasets[].repeats", "sample.prompts.seed", "evaluate.datasets.images"])
def test_list_marks_may_be_left_out(topic: str) -> None:
    assert explain(topic, AVAILABLE[:1]) is not None


@pytest.mark.parametrize(
    ("topic", "near"),
    [
        ("save.evry", "save.every"),
        ("LB999", "LB"),
        ("learning_rate", "optimizer.lr"),
        ("repeats", "datasets[].repeats"),
        ("optimiser.lr", "optimizer.lr"),
    ],
)
def test_the_nearest_topic(topic: str, near: str) -> None:
    assert explain(topic) is None
    assert near in nearest(topic)


def test_nonsense_has_no_neighbour() -> None:
    assert explain("zzzzzzzzzz") is None
    assert nearest("zzzzzzzzzz") == ""
