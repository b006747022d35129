"""The cheapest changes: they fit, compile clean, are minimal against brute force, and keep the file's other bytes."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lorabridge.backends.base import Site
from lorabridge.cli.main import app
from lorabridge.config.load import Loaded
from lorabridge.families.resolve import Resolved, resolve
from lorabridge.plan.memory.bytes import GB
from lorabridge.plan.memory.fit import STEPS, _compiles, _need, changed, cheapest
from tests.plan.memory.support import loaded_text

SITE = Site("/here")
TEXT = """\
lorabridge: 1
name: cat-toy   # a name
model:
  family: qwen-image
  paths: {transformer: ./dit.safetensors, vae: ./vae.safetensors, text_encoder: ./te.safetensors}   # local
datasets:
  - {images: pics, resolution: [1024]}
train: {for: 1600 steps, batch_size: 2}
optimizer: adamw   # as ever
"""
OTHER = {
    "musubi": TEXT,
    "diffusion-pipe": TEXT,
    "ai-toolkit": TEXT.replace("transformer: ./dit.safetensors, vae: ./vae.safetensors, text_encoder: ./te.safetensors", "repo: ./qwen")
    + "cache: {text: off}\n",
}


def _full(loaded: Loaded, backend: str) -> Resolved:
    assert loaded.config is not None
    found = resolve(loaded.config, backend)
    assert isinstance(found, Resolved)
    return found


@pytest.mark.parametrize("backend", OTHER)
@pytest.mark.parametrize("gb", [10, 24, 48])
def test_what_is_found_fits_and_compiles(backend: str, gb: int) -> None:
    loaded = loaded_text(OTHER[backend])
    fix = cheapest(loaded, backend, SITE, gb * GB)
    if fix is None:
        assert gb < 16
        return
    assert loaded.config is not None
    assert fix.need.mid <= gb * GB
    assert _compiles(loaded, fix.changes, backend, SITE)
    after = _need(changed(loaded.config, fix.changes), backend)
    assert after is not None
    assert after.need == fix.need


SMALL_SPACE = tuple(
    step
    for step in STEPS
    if step.name in ("captions encoded ahead", "batch of one", "8-bit optimizer", "quantized transformer", "smaller pictures")
)


@pytest.mark.parametrize("gb", [26, 40, 50])
def test_it_is_the_cheapest_of_all_combinations(gb: int) -> None:
    loaded = loaded_text(TEXT)
    assert loaded.config is not None
    full = _full(loaded, "musubi").config
    fix = cheapest(loaded, "musubi", SITE, gb * GB, SMALL_SPACE)
    best: dict[bool, float] = {}
    choices = [[None, *step.options(loaded.config, full)] for step in SMALL_SPACE]
    for combination in itertools.product(*choices):
        taken = [one for one in combination if one is not None]
        changes = tuple(change for _, some in taken for change in some)
        if taken and _compiles(loaded, changes, "musubi", SITE):
            found = _need(changed(loaded.config, changes), "musubi")
            assert found is not None
            for sure in (True, False):
                if (found.need.high if sure else found.need.mid) <= gb * GB:
                    best[sure] = min(best.get(sure, 1e9), sum(cost for cost, _ in taken))
    if fix is None:
        assert not best
    else:
        assert fix.cost == pytest.approx(best[True] if True in best else best[False])


def test_what_fits_with_luck_is_told_where_it_is_cheaper(tmp_path: Path) -> None:
    loaded = loaded_text(TEXT)
    sure, likely = (cheapest(loaded, "musubi", SITE, 12 * GB, sure=sure) for sure in (True, False))
    assert sure is not None
    assert likely is not None
    assert likely.need.mid <= 12 * GB < likely.need.high
    assert sure.need.high <= 12 * GB
    assert likely.cost < sure.cost
    path = tmp_path / "x.yaml"
    path.write_text(TEXT)
    output = _run("plan", str(path), "-b", "musubi", "--vram", "12GB").output
    assert ("or, with luck" in output) == (likely.cost < sure.cost - 1)


def test_the_steps_of_a_batch_stay_what_they_were() -> None:
    loaded = loaded_text(TEXT)
    assert loaded.config is not None
    step = next(step for step in STEPS if step.name == "batch of one")
    ((_, changes),) = step.options(loaded.config, _full(loaded, "musubi").config)
    assert changes == (("train.batch_size", 1), ("train.gradient_accumulation", 2))
    own = loaded_text(TEXT.replace("[1024]}", "[1024], batch_size: 4}\n  - {images: more, batch_size: 1}"))
    assert own.config is not None
    ((_, changes),) = step.options(own.config, _full(own, "musubi").config)
    assert changes[2:] == (("datasets[0].batch_size", 1),)


def _run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments), standalone_mode=False)
    assert result.exception is None, result.exception
    return result


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_preview_writes_nothing_and_fix_writes_only_that(tmp_path: Path, newline: str) -> None:
    path = tmp_path / "x.yaml"
    raw = TEXT.replace("\n", newline).encode()
    path.write_bytes(raw)
    output = _run("plan", str(path), "-b", "musubi", "--vram", "24GB").output
    assert path.read_bytes() == raw
    assert "to make it fit" in output
    assert "LB640" in output
    result = _run("plan", str(path), "-b", "musubi", "--vram", "24GB", "--fix")
    assert result.return_value == 0, result.output
    now = path.read_bytes()
    assert now != raw
    assert sorted(item.name for item in tmp_path.iterdir()) == ["x.yaml"]
    for kept in (b"name: cat-toy   # a name", b"# local", b"# as ever", b"  - {images: pics"):
        assert kept in now
    assert now.count(b"\r\n") == (now.count(b"\n") if newline == "\r\n" else 0)
    assert _run("check", str(path), "-b", "musubi").return_value == 0
    again = _run("plan", str(path), "-b", "musubi", "--vram", "24GB")
    assert again.return_value == 0
    assert "LB640" not in again.output or "hint[LB640]" in again.output
    assert _run("plan", str(path), "-b", "musubi", "--vram", "200GB", "--fix").return_value == 0


def test_a_file_that_cannot_be_edited_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    text = TEXT.replace("batch_size: 2", "batch_size: &b 2, gradient_accumulation: *b")
    path.write_text(text)
    result = _run("plan", str(path), "-b", "musubi", "--vram", "12GB", "--fix")
    assert "train.batch_size: 1" in result.output
    assert "LB641" in result.output
    assert "anchor" in result.output
    assert result.return_value == 1
    assert path.read_text() == text


def test_fix_needs_to_know_what_to_fit_in(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(TEXT)
    assert CliRunner().invoke(app, ["plan", str(path), "-b", "musubi", "--fix"]).exit_code == 2
    assert CliRunner().invoke(app, ["plan", str(path), "-b", "musubi", "--vram", "lots"]).exit_code == 2


def test_a_change_that_would_not_check_clean_is_refused(tmp_path: Path) -> None:
    from lorabridge.diagnostics import Diagnostic
    from lorabridge.plan.change import rewrite

    path = tmp_path / "x.yaml"
    path.write_text("x: 1\n")
    result = rewrite(path, [("x", 2)], lambda other: [Diagnostic("LB106", "no")])
    assert result.problem is not None
    assert result.problem.code == "LB641"
    assert path.read_text() == "x: 1\n"
    assert [item.name for item in tmp_path.iterdir()] == ["x.yaml"]
    good = rewrite(path, [("x", 2)], lambda other: [])
    assert good.diff() == "--- x.yaml\n+++ x.yaml\n@@ -1 +1 @@\n-x: 1\n+x: 2\n"
