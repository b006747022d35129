"""`lorabridge run` from the file to the exit code, with a fake trainer behind a real name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from lorabridge.backends import BACKENDS
from lorabridge.cli.run import command
from lorabridge.config.load import load
from lorabridge.families.resolve import resolve
from lorabridge.run.folder import RunFolder
from lorabridge.run.prepare import Request, prepare
from lorabridge.run.record import read_events
from lorabridge.run.settle import supervised
from lorabridge.run.state import read_state

from . import fake_backend
from .fake_backend import CONFIG
from .supervised import end_all, family_of, last, said, until
from .tinypng import png


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "m").mkdir()
    for name in "tvq":
        (tmp_path / "m" / f"{name}.safetensors").write_bytes(b"x")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(png((1, 2, 3)))
    (tmp_path / "pictures" / "a.txt").write_text("ohwx")
    file = tmp_path / "cat.yaml"
    file.write_text(CONFIG.replace("SEED", "7"))
    return file


@pytest.fixture
def backend(monkeypatch, tmp_path):
    """The fake trainer under the name of a real one; returns what it does, to be changed."""
    settings = dict(fake_backend.SETTINGS)
    monkeypatch.setattr(fake_backend, "SETTINGS", settings)
    monkeypatch.setitem(BACKENDS, "musubi", "tests.run.fake_backend")
    monkeypatch.setenv("LORABRIDGE_STATE_HOME", str(tmp_path / "home"))
    return settings


def invoke(*args: str):
    return CliRunner().invoke(command, [*args, "--backend", "musubi"], standalone_mode=False)


def test_a_run_from_its_file(config, backend):
    result = invoke(str(config))
    assert result.return_value == 0, result.output
    (folder,) = (config.parent / "results").iterdir()
    assert folder.name.startswith("cat-toy-20")
    assert (folder / "source.yaml").read_bytes() == config.read_bytes()
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names >= {
        "source.yaml", "resolved.yaml", "compiled/train.py", "compiled/launch.sh", "compiled/report.md", "plan.json", "events.jsonl",
        "logs/train.log", "output/cat-toy.safetensors", "learning_curve.svg", "report.html",
    }  # fmt: skip
    assert not any(".tmp" in name or ".partial" in name for name in names)
    plan = json.loads((folder / "plan.json").read_text())
    assert (plan["backend"], plan["total_steps"], plan["trainer"]["commit"], plan["seed"]) == ("musubi", 10, "abc", None)
    assert f"report     {folder}/report.html" in result.output
    again = load(folder / "resolved.yaml")
    assert again.config is not None, again.diagnostics
    first = load(config)
    assert first.config is not None
    assert resolve(again.config).config == resolve(first.config).config


def test_a_random_seed_is_drawn_once_and_written_down(config, backend):
    config.write_text(CONFIG.replace("SEED", "random"))
    assert invoke(str(config)).return_value == 0
    assert invoke(str(config)).return_value == 0
    folders = sorted((config.parent / "results").iterdir())
    seeds = []
    for folder in folders:
        seed = json.loads((folder / "plan.json").read_text())["seed"]
        assert f"# seed {seed}\n" in (folder / "compiled" / "train.py").read_text()
        assert load(folder / "resolved.yaml").config.train.seed == seed
        seeds.append(seed)
    assert len(set(seeds)) == len(folders) == 2


def test_runs_of_the_same_second_have_folders_of_their_own(config, backend, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_790_000_000.0)
    folders = [prepare(load(config), Request(config, "musubi"), os.environ) for _ in range(3)]
    names = [folder.path.name for folder in folders]
    assert names[1:] == [names[0] + "-2", names[0] + "-3"]


def test_findings_start_nothing(config, backend):
    config.write_text(CONFIG.replace("SEED", "1").replace("for: 10 steps", "for: ten"))
    result = invoke(str(config))
    assert result.return_value == 1
    assert "cat.yaml:7:" in result.output
    assert not (config.parent / "results").exists()


def test_model_files_are_looked_into_on_request(config, backend):
    """The files of this test are one byte long: no trainer would get far with them."""
    result = invoke(str(config), "--models")
    assert result.return_value == 1
    assert "LB803" in result.output
    assert not (config.parent / "results").exists()


def test_missing_pictures_are_found_before_the_start(config, backend):
    (config.parent / "pictures" / "a.png").unlink()
    result = invoke(str(config))
    assert result.return_value == 1
    assert "LB402" in result.output
    assert not (config.parent / "results").exists()


@pytest.mark.parametrize(
    ("found", "problems", "text"), [(False, (), "set LORABRIDGE_MUSUBI_HOME"), (True, ("no torch",), "cannot be used: no torch")]
)
def test_a_trainer_that_is_not_there(config, backend, found, problems, text):
    backend["found"], backend["problems"] = found, problems
    result = invoke(str(config))
    assert result.return_value == 1
    assert "LB701" in result.output
    assert text in result.output
    assert not (config.parent / "results").exists()


def test_an_unknown_trainer_is_a_usage_error(config):
    result = CliRunner().invoke(command, [str(config), "--backend", "kohya"])
    assert result.exit_code == 2
    assert "musubi" in result.output


def test_a_failure_names_cause_stage_log_and_way_out(config, backend):
    backend["script"] = "steps(1, 2); raise RuntimeError('CUDA out of memory. Tried to allocate 2.00 GiB')"
    result = invoke(str(config))
    assert result.return_value == 4
    assert "error[LB704] `train` failed: RuntimeError: CUDA out of memory" in result.output
    assert "logs/train.log" in result.output
    assert "memory.blocks_to_swap" in result.output


def test_json_lines_are_the_event_log(config, backend):
    runner = CliRunner()
    result = runner.invoke(
        command, [str(config), "--backend", "musubi", "--format", "jsonl", "--out", str(config.parent / "else")], standalone_mode=False
    )
    (folder,) = (config.parent / "else").iterdir()
    assert [json.loads(line) for line in result.stdout.splitlines()] == list(read_events(folder / "events.jsonl"))


def test_overrides_reach_the_run(config, backend):
    assert invoke(str(config), "--set", "train.seed=99").return_value == 0
    (folder,) = (config.parent / "results").iterdir()
    assert "# seed 99\n" in (folder / "compiled" / "train.py").read_text()
    assert json.loads((folder / "plan.json").read_text())["overrides"] == ["train.seed=99"]


WHOLE = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
sys.path[:0] = {path!r}
from tests.run import fake_backend
from lorabridge.backends import BACKENDS
fake_backend.SETTINGS["script"] = {script!r}
BACKENDS["musubi"] = "tests.run.fake_backend"
from lorabridge.cli.main import main
main()
"""


@pytest.fixture
def program(config, backend):
    """The whole program in a process of its own; what it started is killed at the end."""
    children = []

    def begin(script: str, *args: str) -> subprocess.Popen[str]:
        code = WHOLE.format(path=[str(Path(__file__).parents[2])], script=script)
        argv = [sys.executable, "-c", code, "run", str(config), "-b", "musubi", *args]
        children.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True))
        return children[-1]

    yield begin
    for child in children:
        child.kill()
        child.communicate()
    for folder in (config.parent / "results").iterdir():
        end_all(RunFolder(folder))


def the_run(config: Path) -> RunFolder:
    (folder,) = until(lambda: list((config.parent / "results").glob("*")), "a run folder")
    return RunFolder(folder)


SLOW = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\nloop()"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_program_itself_is_interrupted(config, program, number):
    child = program(SLOW)
    run = the_run(config)
    until(lambda: said(run, "progress"), "the first step")
    family = family_of(run)
    assert len(family) >= 2
    child.send_signal(number)
    output, errors = child.communicate(timeout=60)
    assert child.returncode == 130, errors
    assert f"interrupted: stopped by {number.name} at step " in output
    assert last(run)["reason"] == "interrupted"
    assert not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_a_terminal_that_is_closed_stops_nothing(config, program, number):
    child = program("steps(1, 2)\nwhile not (OUT / 'go').exists(): time.sleep(0.05)\nsteps(3, 10); lora()")
    run = the_run(config)
    until(lambda: said(run, "progress"), "the first step")
    child.send_signal(number)
    child.communicate(timeout=30)
    assert child.returncode == (0 if number == signal.SIGHUP else -number)
    assert supervised(run)
    (run.output / "go").touch()
    until(lambda: read_state(run).phase == "ended", "the end")
    assert last(run)["reason"] == "completed"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
def test_a_reader_that_went_away_does_not_end_the_training(config, program):
    child = program("steps(1, 5)\ntime.sleep(1.5)\nsteps(6, 10); lora()", "--format", "jsonl")
    child.stdout.readline()
    child.stdout.close()
    assert child.wait(timeout=60) == 0
    assert last(the_run(config))["reason"] == "completed"


def test_detached(config, program):
    child = program("steps(1, 10); lora()", "--detach")
    output, errors = child.communicate(timeout=60)
    assert child.returncode == 0
    run = the_run(config)
    assert str(run.path) in output
    assert f"lorabridge watch {run.path.name}" in errors
    until(lambda: read_state(run).phase == "ended" and not supervised(run), "the end")
    assert last(run)["reason"] == "completed"
    assert run.report.exists()
