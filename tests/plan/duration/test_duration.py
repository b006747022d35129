"""Time and cost: from recorded runs with the same settings, or stated; never made up."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from lorabridge.cli.main import app
from lorabridge.config.fields import walk
from lorabridge.config.schema import Config
from lorabridge.plan.duration.recorded import DECIDE, Speed, speed_of, speeds, together
from lorabridge.plan.duration.section import read_price, read_seconds
from tests.plan.memory.support import HEAD, resolved

TEXT = "model: {family: z-image, paths: {transformer: ./a, vae: ./b, text_encoder: ./c}}\ndatasets: [{images: p, resolution: [512]}]\noutput: runs\n"


def _run_folder(
    parent: Path,
    name: str = "r",
    text: str = TEXT,
    seconds: tuple[float, ...] = (2.0,) * 20,
    backend: str = "musubi",
    system: str | None = None,
) -> Path:
    """A run folder as `run` leaves it, whose steps took `seconds`; loading took 30."""
    folder = parent / name
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(json.dumps({"backend": backend, "system": system or platform.platform()}))
    (folder / "resolved.yaml").write_text(HEAD + text)
    at, lines = 1_000_000.0, [{"seq": 1, "time": 1_000_000_000, "event": "start"}]
    at += 30
    for step, each in enumerate(seconds, 1):
        at += each
        lines.append({"seq": step + 1, "time": round(at * 1000), "stage": "train", "event": "progress", "step": step})
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"torn')
    return folder


def test_the_speed_of_a_run(tmp_path: Path) -> None:
    speed = speed_of(_run_folder(tmp_path, seconds=(9.0, *(2.0,) * 18, 12.0)))
    assert speed is not None
    assert speed.mid == pytest.approx((18 * 2 + 12) / 19)
    assert speed.low == pytest.approx(2.0)
    assert speed.high >= speed.mid
    assert speed.before == pytest.approx(30 + 9 - speed.mid, abs=0.01)
    assert speed.steps == 19


@pytest.mark.parametrize("seconds", [(), (2.0,), (2.0,) * 5])
def test_few_steps_say_nothing(tmp_path: Path, seconds: tuple[float, ...]) -> None:
    assert speed_of(_run_folder(tmp_path, seconds=seconds)) is None


def test_steps_that_run_back_count_to_there(tmp_path: Path) -> None:
    folder = _run_folder(tmp_path)
    with (folder / "events.jsonl").open("a") as file:
        file.write(
            '\n{"time": 2000000000, "stage": "train", "event": "progress", "step": 3}\n[]\n{"time": "x", "event": "progress", "step": 40}\n'
        )
    speed = speed_of(folder)
    assert speed is not None
    assert speed.steps == 19


def test_only_runs_with_the_same_settings_count(tmp_path: Path) -> None:
    plan = resolved(TEXT, "musubi")
    _run_folder(tmp_path, "same")
    _run_folder(tmp_path, "rank", TEXT + "adapter: {rank: 8}\n")
    assert [speed.source for speed in speeds([tmp_path], plan, "musubi")] == ["rank", "same"]
    for name, text in (
        ("side", TEXT.replace("[512]", "[1024]")),
        ("swap", TEXT + "memory: {blocks_to_swap: 4}\n"),
        ("quantized", TEXT.replace("z-image,", "z-image, quantize: {transformer: fp8},")),
    ):
        _run_folder(tmp_path, name, text)
    _run_folder(tmp_path, "other-trainer", backend="ai-toolkit")
    _run_folder(tmp_path, "other-machine", system="Plan9")
    (_run_folder(tmp_path, "broken") / "plan.json").write_text("{")
    (_run_folder(tmp_path, "no-config") / "resolved.yaml").unlink()
    assert [speed.source for speed in speeds([tmp_path, tmp_path, tmp_path / "gone"], plan, "musubi")] == ["rank", "same"]


def test_the_deciding_settings_exist() -> None:
    assert set(DECIDE) <= {path for path, _ in walk(Config)}


@given(st.lists(st.tuples(st.floats(0.1, 9), st.floats(0, 9), st.floats(0, 9)), min_size=1, max_size=6))
def test_several_runs_together_hold_each(items: list[tuple[float, float, float]]) -> None:
    found = [Speed(low, low + more, low + more + most, 1.0, 10, "r") for low, more, most in items]
    whole = together(found)
    assert whole.low == min(one.low for one in found)
    assert whole.high == max(one.high for one in found)
    assert whole.low <= whole.mid <= whole.high
    assert whole.steps == 10 * len(found)


@pytest.mark.parametrize(("text", "value"), [("2.5", (2.5, 2.5)), ("2.2-2.9", (2.2, 2.9)), (" 3 s", (3.0, 3.0))])
def test_stated_speeds(text: str, value: tuple[float, float]) -> None:
    assert read_seconds(text) == value


@pytest.mark.parametrize("text", ["", "0", "-1", "3-2", "fast", "1e3", "2.5.5"])
def test_what_is_no_speed(text: str) -> None:
    with pytest.raises(ValueError, match="seconds"):
        read_seconds(text)


@pytest.mark.parametrize(("text", "value"), [("0.79", (0.79, "")), ("0.79 EUR", (0.79, "EUR")), ("2$", (2.0, "$"))])
def test_stated_prices(text: str, value: tuple[float, str]) -> None:
    assert read_price(text) == value


@pytest.mark.parametrize("text", ["", "EUR", "-1", "1 2", "0.79 EUR per hour"])
def test_what_is_no_price(text: str) -> None:
    with pytest.raises(ValueError, match="price"):
        read_price(text)


def _plan(path: Path, *arguments: str) -> Result:
    result = CliRunner().invoke(app, ["plan", str(path), "-b", "musubi", "--no-hints", *arguments], standalone_mode=False)
    assert result.exception is None, result.exception
    return result


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "x.yaml"
    path.write_text(HEAD + TEXT + "save: {every: 400 steps}\n")
    return path


def test_nothing_is_made_up(config: Path) -> None:
    output = _plan(config, "--gpu-price", "1").output
    assert "no run with these settings was recorded" in output
    assert "cost" not in output


def test_from_recorded_runs(config: Path) -> None:
    for number in range(2):
        _run_folder(config.parent / "runs", f"r{number}", seconds=(2.0 + number,) * 20)
    facts = json.loads(_plan(config, "--format", "json", "--gpu-price", "0.5 EUR").output)["sections"]["time"]["facts"]
    assert facts["seconds_per_step"] == [2.0, 2.5, 3.0]
    assert facts["seconds"] == pytest.approx([1600 * 2 + 30, 1600 * 2.5 + 30, 1600 * 3 + 30], abs=0.1)
    assert facts["first_checkpoint"][1] == pytest.approx(400 * 2.5 + 30, abs=0.1)
    assert facts["cost"]["sum"][1] == pytest.approx(facts["seconds"][1] / 3600 * 0.5)
    assert "2 runs with these settings" in facts["basis"]


def test_as_stated(config: Path) -> None:
    output = _plan(config, "--seconds-per-step", "2.25", "--gpu-price", "0.5 EUR").output
    assert "1 h 00 min" in output
    assert "0.50 EUR" in output
    for wrong in (("--seconds-per-step", "x"), ("--gpu-price", "x")):
        assert CliRunner().invoke(app, ["plan", str(config), "-b", "musubi", *wrong]).exit_code == 2
