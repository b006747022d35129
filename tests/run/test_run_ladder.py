"""The ladder: its gates on made-up climbs, and the real thing on the embedded trainer."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest
from click.testing import CliRunner

from lorabridge.backends.base import Artifacts
from lorabridge.cli.main import app
from lorabridge.config.load import load
from lorabridge.diagnostics import Diagnostic
from lorabridge.run import ladder
from lorabridge.run.delivery import Delivery
from lorabridge.run.folder import RunFolder
from lorabridge.run.ladder import climb, overrides_for, pairs, rungs, write_page
from lorabridge.run.ladder_gates import Climb, gates
from lorabridge.run.verdict import Verdict
from lorabridge.run.view import Point, View

PARTS = [name for name in ("torch", "diffusers", "peft") if importlib.util.find_spec(name) is None]
embedded = pytest.mark.skipif(bool(PARTS), reason=f"the extra `embedded` is not installed: {', '.join(PARTS)}")


def made(tmp_path: Path, losses: list[float], steps: int = 20, size: int = 4096, records: list[dict] | None = None, **more) -> Climb:
    file = tmp_path / "x.safetensors"
    file.write_bytes(b"x" * size)
    view = View(step=len(losses), points={step: Point(loss, 1e-4) for step, loss in enumerate(losses, 1)})
    found = more.pop("found", ())
    verdict = more.pop("verdict", Verdict("completed"))
    return Climb(steps, verdict, view, records or [], file, Delivery(file, tuple(found)), **more)


def failed(climbed: Climb) -> list[str]:
    return [gate.name for gate in gates(climbed) if gate.passed is False]


def test_a_good_rung(tmp_path):
    climbed = made(tmp_path, [1.0] * 20)
    assert failed(climbed) == []
    assert {gate.name for gate in gates(climbed) if gate.passed is None} == {"loss scale", "loss by timestep"}


@pytest.mark.parametrize(
    ("gate", "losses", "more"),
    [
        ("run", [1.0], {"verdict": Verdict("failed", "`train` failed: boom")}),
        ("finite loss", [math.nan], {}),
        ("finite loss", [1.0, 1.0, math.inf], {}),
        ("loss does not rise", [1.0] * 10 + [9.0] * 10, {}),
        ("checkpoint", [1.0], {"size": 100}),
        ("checkpoint", [1.0], {"found": [Diagnostic("LB807", "`a.lora_up` holds NaN")]}),
        ("up weights", [1.0], {"found": [Diagnostic("LB808", "every up weight is zero")]}),
        ("loss scale", [1.0], {"records": [{"event": "metric", "text": "train/loss_scale", "value": value} for value in (65536.0, 0.5)]}),
    ],
)
def test_each_gate_can_fail_and_says_what_it_means(tmp_path, gate, losses, more):
    climbed = made(tmp_path, losses, **more)
    assert failed(climbed) == [gate]
    assert next(found for found in gates(climbed) if found.passed is False).diagnosis


def test_nan_at_once_and_nan_later_mean_different_things(tmp_path):
    early, late = gates(made(tmp_path, [math.nan]))[1], gates(made(tmp_path, [1.0, 1.0, math.nan]))[1]
    assert "not finite from the start" in early.diagnosis
    assert "it was finite before" in late.diagnosis


def test_no_file(tmp_path):
    climbed = Climb(1, Verdict("completed"), View(step=1, points={1: Point(1.0, None)}))
    assert failed(climbed) == ["checkpoint"]


def test_bands_are_shown_and_not_judged(tmp_path):
    records = [{"event": "metric", "text": "val/loss_quantile_0.10", "value": 1.5}]
    gate = gates(made(tmp_path, [1.0], records=records))[-1]
    assert (gate.passed, gate.seen) == (None, "val/loss_quantile_0.10 1.5")


def test_it_stops_at_the_first_failure(tmp_path):
    climbed: list[int] = []

    def run(steps):
        climbed.append(steps)
        return RunFolder(tmp_path), made(tmp_path, [math.nan if steps == 20 else 1.0]), Artifacts()

    found = list(climb(rungs(long=True), run))
    assert climbed == [1, 20]
    assert [rung.failed is None for rung in found] == [True, False]
    assert rungs(long=True) == (1, 20, 100, 500)
    write_page(tmp_path / "ladder.html", "cat <toy>", found)
    page = (tmp_path / "ladder.html").read_text()
    assert "cat &lt;toy&gt;" in page
    assert "20 steps: failed" in page


def test_pictures_before_and_after(tmp_path):
    paths = [tmp_path / f"step-{step:08d}-{index:02d}.png" for step in (0, 50, 100) for index in (0, 1)]
    for path in paths:
        path.write_bytes(b"png")
    told = [{"event": "sample", "path": str(path), "step": int(path.name[5:13]), "time": 1} for path in paths]
    assert [(first.name, last.name) for first, last in pairs(told, paths)] == [
        ("step-00000000-00.png", "step-00000100-00.png"),
        ("step-00000000-01.png", "step-00000100-01.png"),
    ]
    assert list(pairs(told[:2], paths[:2])) == []


def test_the_overrides_make_a_config(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text(
        "lorabridge: 1\nname: cat\nmodel: {family: qwen-image}\ndatasets: [{images: a}]\ntrain: {for: 9 epochs}\nscheduler: {type: constant, warmup: 50 steps}\n"
        "save: {every: 10 steps, keep_last: 2, state: true}\nsample: {every: 10 steps, prompts: [a cat]}\nevaluate: {datasets: [{images: b}]}\n"
    )
    config = load(file).config
    assert config is not None
    for steps in (1, 100):
        loaded = load(file, overrides=overrides_for(config, steps))
        assert loaded.config is not None, loaded.diagnostics
        assert not loaded.diagnostics
        assert (loaded.config.train.length.value, loaded.config.evaluate) == (steps, None)
        assert loaded.config.name == f"cat-ladder-{steps}"


@embedded
@pytest.mark.slow
def test_the_ladder_on_the_embedded_trainer(tmp_path, monkeypatch):
    from lorabridge.run.demo import make_demo

    monkeypatch.setattr(ladder, "RUNGS", (1, 4))
    monkeypatch.setattr(ladder, "_DRAWN_FROM", 4)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    config = make_demo(tmp_path / "d", 10)
    result = CliRunner().invoke(app, ["ladder", str(config)], standalone_mode=False)
    assert result.return_value == 0, result.output
    (page,) = tmp_path.rglob("ladder.html")
    assert page.read_text().count("data:image/") >= 4, "the base model's picture and the LoRA's, for each prompt"
    assert "4 steps: passed" in page.read_text()


@embedded
@pytest.mark.slow
def test_a_ladder_that_breaks(tmp_path, monkeypatch):
    from lorabridge.run.demo import make_demo

    monkeypatch.setattr(ladder, "RUNGS", (4, 9))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    config = make_demo(tmp_path / "d", 10)
    result = CliRunner().invoke(
        app, ["ladder", str(config), "--set", "optimizer.lr=1e30", "--set", "optimizer.max_grad_norm=off"], standalone_mode=False
    )
    assert result.return_value == 1, result.output
    assert "LB740" in result.stderr
    assert "9 steps" not in result.output, "the second rung is not climbed"
