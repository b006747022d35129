"""`diff`: changed intent and not changed text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lorabridge.cli.main import app
from lorabridge.config.load import load
from lorabridge.plan.difference import changes

SMALL = """\
lorabridge: 1
name: cat-toy
model: {family: qwen-image}
datasets: [{images: pictures}]
train: {for: 1600 steps}
"""


def _file(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, "utf-8")
    return str(folder / name)


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["diff", *arguments], standalone_mode=False)


def test_another_text_with_the_same_meaning_is_equal(tmp_path: Path) -> None:
    one = _file(tmp_path, "a.yaml", SMALL)
    two = _file(
        tmp_path,
        "b.yaml",
        "# other\n" + SMALL.replace("[{images: pictures}]", "\n  - images: pictures\n    repeats: 1") + "save: {every: never}\n",
    )
    result = _run(one, two)
    three = _run(one, one)
    assert three.return_value == 0
    assert three.output == "the same intent\n"
    assert "repeats" not in result.output


def test_changes_are_named_by_path(tmp_path: Path) -> None:
    one = _file(tmp_path, "a.yaml", SMALL)
    two = _file(tmp_path, "b.yaml", SMALL.replace("1600 steps", "16 epochs") + "adapter: {rank: 8}\noptimizer: {args: {x: 1}}\n")
    result = _run(one, two)
    assert result.return_value == 1
    lines = result.output.splitlines()
    assert "train.for: 1600 steps -> 16 epochs" in lines
    assert "optimizer.args.x: not set -> 1" in lines
    assert any(line.startswith("adapter.rank: ") and line.endswith(" -> 8") for line in lines)
    assert any(line.startswith("adapter.alpha: ") for line in lines), "alpha follows the rank: that is changed intent too"
    data = json.loads(_run(one, two, "--format", "json").output)
    assert data["equal"] is False
    assert {"path": "train.for", "old": "1600 steps", "new": "16 epochs"} in data["changes"]


def test_an_import_equals_the_file_that_it_came_from(tmp_path: Path) -> None:
    job = _file(
        tmp_path,
        "job.yaml",
        "job: extension\nconfig: {name: x, process: [{type: sd_trainer, network: {linear: 8}, train: {lr: 1e-4}, "
        "datasets: [{folder_path: /a}], model: {name_or_path: a/b, arch: sdxl}}]}\n",
    )
    out = str(tmp_path / "x.yaml")
    assert CliRunner().invoke(app, ["import", job, "-o", out], standalone_mode=False).return_value == 0
    assert _run(job, out).return_value == 0
    other = _file(tmp_path, "other.yaml", Path(job).read_text("utf-8").replace("1e-4", "2e-4"))
    assert _run(job, other).output.splitlines() == ["optimizer.lr: 0.0001 -> 0.0002", "1 change"]


def test_numbers_and_switches_are_not_mixed_up(tmp_path: Path) -> None:
    one = load(Path(_file(tmp_path, "a.yaml", SMALL + "backends: {musubi: {x: 1}}\n")), environ={})
    two = load(Path(_file(tmp_path, "b.yaml", SMALL + "backends: {musubi: {x: true}}\n")), environ={})
    assert [(c.path, c.old, c.new) for c in changes(one, two)] == [("backends.musubi.x", "1", "true")]


@pytest.mark.parametrize("text", ["", "job: {\n", "lorabridge: 1\n:"])
def test_a_side_that_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    result = _run(_file(tmp_path, "a.yaml", SMALL), _file(tmp_path, "b.yaml", text))
    assert result.exception is not None
