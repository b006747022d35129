"""`lorabridge run` from the file to the exit code, with a fake trainer behind a real name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from lorabridge.backends import BACKENDS
from lorabridge.backends.base import File, Installation, Plan, Stage
from lorabridge.cli.run import command
from lorabridge.config.load import load
from lorabridge.families.resolve import resolve
from lorabridge.run.prepare import Request, prepare
from lorabridge.run.record import read_events

from .conftest import PRELUDE, FakeBackend
from .tinypng import png

CONFIG = """\
# my first LoRA
lorabridge: 1
name: cat-toy
trigger: ohwx
model: {family: qwen-image, paths: {transformer: m/t.safetensors, vae: m/v.safetensors, text_encoder: m/q.safetensors}}
datasets: [{images: pictures}]
train: {for: 10 steps, seed: SEED}
output: {dir: results}
"""


class Registered(FakeBackend):
    """The fake trainer as a backend package."""

    script = "steps(1, 10); lora()"
    problems: tuple[str, ...] = ()
    found = True

    def lower(self, resolved, loaded, site):
        env = {"FAKE_OUT": site.output or ""}
        stage = Stage("train", ("{python}", "{files}/train.py"), env, "{files}")
        text = PRELUDE + self.script + f"\n# seed {site.seed or resolved.config.train.seed}\n"
        return Plan("musubi", (File("train.py", text),), (stage,), (), (), 10)

    def locate(self, environ):
        return Installation(Path("/"), Path(sys.executable), "abc", None, self.problems) if self.found else None


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
def backend(monkeypatch):
    fake = Registered()
    module = types.ModuleType("lorabridge_fake_backend")
    for name in ("NAME", "TITLE", "COMMIT", "ROWS", "HANDLED"):
        setattr(module, name, getattr(fake, name))
    for name in ("lower", "locate", "parser", "artifacts"):
        setattr(module, name, getattr(fake, name))
    monkeypatch.setitem(sys.modules, "lorabridge_fake_backend", module)
    monkeypatch.setitem(BACKENDS, "musubi", "lorabridge_fake_backend")
    return fake


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
    jobs = [prepare(load(config), Request(config, "musubi"), os.environ) for _ in range(3)]
    names = [job.folder.path.name for job in jobs]
    assert names[1:] == [names[0] + "-2", names[0] + "-3"]


def test_findings_start_nothing(config, backend):
    config.write_text(CONFIG.replace("SEED", "1").replace("for: 10 steps", "for: ten"))
    result = invoke(str(config))
    assert result.return_value == 1
    assert "cat.yaml:7:" in result.output
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
    backend.found, backend.problems = found, problems
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
    backend.script = "steps(1, 2); raise RuntimeError('CUDA out of memory. Tried to allocate 2.00 GiB')"
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
import sys
sys.path[:0] = {path!r}
from tests.run.test_run_command import Registered
from lorabridge.backends import BACKENDS
import types
fake = Registered()
fake.script = {script!r}
module = types.ModuleType("lorabridge_fake_backend")
for name in ("NAME", "TITLE", "COMMIT", "ROWS", "HANDLED", "lower", "locate", "parser", "artifacts"):
    setattr(module, name, getattr(fake, name))
sys.modules["lorabridge_fake_backend"] = module
BACKENDS["musubi"] = "lorabridge_fake_backend"
from lorabridge.cli.main import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_program_itself_is_interrupted(config, backend, number):
    script = "say(event='progress', step=1, total=10, loss=1.0)\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\ntime.sleep(300)"
    program = WHOLE.format(path=[str(Path(__file__).parents[2])], script=script)
    child = subprocess.Popen(
        [sys.executable, "-c", program, "run", str(config), "-b", "musubi"], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    family = wait_for_children(child.pid, 2)
    child.send_signal(number)
    output, _ = child.communicate(timeout=30)
    assert child.returncode == 130
    assert f"interrupted: stopped by {number.name} at step 1 of 10" in output
    (folder,) = (config.parent / "results").iterdir()
    assert list(read_events(folder / "events.jsonl"))[-1]["reason"] == "interrupted"
    assert not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
def test_a_reader_that_went_away_does_not_end_the_training(config, backend):
    script = "steps(1, 5)\ntime.sleep(1.5)\nsteps(6, 10); lora()"
    program = WHOLE.format(path=[str(Path(__file__).parents[2])], script=script)
    child = subprocess.Popen(
        [sys.executable, "-c", program, "run", str(config), "-b", "musubi", "--format", "jsonl"], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.close()
    assert child.wait(timeout=30) == 0
    (folder,) = (config.parent / "results").iterdir()
    assert list(read_events(folder / "events.jsonl"))[-1]["reason"] == "completed"


def wait_for_children(pid: int, count: int) -> list[psutil.Process]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        family = psutil.Process(pid).children(recursive=True)
        if len(family) >= count:
            time.sleep(0.5)
            return family
        time.sleep(0.05)
    raise AssertionError("the trainer did not start")
