"""The supervisor as a process: whatever is killed, the record is true and nothing is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lorabridge.run import system
from lorabridge.run.desk import write_request
from lorabridge.run.folder import RunFolder
from lorabridge.run.record import read_events
from lorabridge.run.settle import settle, supervised
from lorabridge.run.state import read_state

from .supervised import alive, end_all, ended, family_of, last, said, until

pytestmark = pytest.mark.skipif(not system.LINUX, reason="the supervisor is for Linux first")

ESCAPED = """
child = "import os, time; os.setsid(); time.sleep(300)"
subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={})
"""
FOREVER = ESCAPED + "loop()"


def processes(run: RunFolder) -> list[psutil.Process]:
    """Everything below the warden, and the warden."""
    supervisor = read_state(run).supervisor
    assert supervisor is not None
    warden = psutil.Process(supervisor.pid).parent()
    assert warden is not None
    return [warden, *warden.children(recursive=True)]


def test_it_runs_and_ends(begin):
    run = begin("steps(1, 10); lora()", steps=False)
    assert ended(run)["reason"] == "completed"
    state = read_state(run)
    assert (state.reason, state.code, state.trainer) == ("completed", 0, None)
    assert run.report.exists()
    assert not run.reserve.exists()


def test_the_supervisor_is_nothing_of_ours(begin):
    run = begin(FOREVER)
    warden, *others = processes(run)
    assert len(others) >= 4
    assert all(os.getsid(process.pid) != os.getsid(0) for process in (warden, *others))
    assert Path(os.readlink(f"/proc/{warden.pid}/fd/0")) == Path("/dev/null")


def test_the_trainer_is_killed(begin):
    run = begin(FOREVER)
    family = processes(run)
    trainer = read_state(run).trainer
    os.kill(trainer.process.pid, signal.SIGKILL)
    end = ended(run)
    assert (end["reason"], end["code"]) == ("failed", 3)
    assert "ended by SIGKILL from outside" in end["cause"]
    assert not alive(family)


def test_the_supervisor_is_killed(begin):
    run = begin(FOREVER)
    family = processes(run)
    os.kill(read_state(run).supervisor.pid, signal.SIGKILL)
    end = ended(run)
    assert (end["reason"], end["code"]) == ("lost", 3)
    assert "the supervisor was ended by SIGKILL from outside" in end["cause"]
    assert end["step"] == said(run, "progress")[-1]["step"]
    assert not alive(family)


def test_supervisor_and_warden_are_killed_and_the_next_command_tells(begin):
    run = begin(ESCAPED + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nloop()")
    family = processes(run)
    os.kill(family[0].pid, signal.SIGKILL)
    os.kill(read_state(run).supervisor.pid, signal.SIGKILL)
    until(lambda: not supervised(run), "both to be gone")
    assert read_state(run).phase == "running", "nobody has told yet"
    state = settle(run)
    assert (state.phase, state.reason) == ("ended", "lost")
    assert "the supervisor and its warden died after 20" in state.cause
    assert last(run)["reason"] == "lost"
    marked = [process for process in alive(family) if process.pid in {p.pid for p in family_of(run)}]
    assert not marked
    for process in alive(family):  # one hid from its mark and lost its parents' watcher: that is the limit, and we clean up
        process.kill()


def test_a_machine_that_went_down(begin):
    run = begin(FOREVER)
    end_all(run)
    text = json.loads(run.state.read_text())
    boot = "00000000-dead-dead-dead-000000000000"
    text |= {"phase": "running", "reason": "", "supervisor": text["supervisor"] | {"boot": boot}, "trainer": None}
    run.state.write_text(json.dumps(text))
    lines = [line for line in run.events.read_bytes().split(b"\n") if b'"event": "end"' not in line]
    run.events.write_bytes(b"\n".join(lines)[:-7])
    state = settle(run)
    assert state.reason == "lost"
    assert "the machine went down after 20" in state.cause
    records = list(read_events(run.events))
    assert records[-1]["event"] == "end"
    assert [record["seq"] for record in records] == sorted({record["seq"] for record in records})


def test_the_end_that_only_the_log_knows(begin):
    run = begin("steps(1, 10); lora()", steps=False)
    ended(run)
    text = json.loads(run.state.read_text())
    run.state.write_text(json.dumps(text | {"phase": "running", "reason": ""}))
    size = run.events.stat().st_size
    assert (settle(run).phase, settle(run).reason) == ("ended", "completed")
    assert run.events.stat().st_size == size


def test_one_supervisor_per_run(begin):
    run = begin(FOREVER)
    second = subprocess.run(
        [sys.executable, "-m", "lorabridge.run.supervise", str(run.path)], env=os.environ | {"PYTHONPATH": _ROOT}, check=False
    )
    assert second.returncode == 9
    assert settle(run).phase == "running"


_ROOT = str(Path(__file__).parents[2])


def test_stop_in_the_trainers_own_way(begin):
    run = begin(FOREVER)
    family = processes(run)
    write_request(run, "stop", "`lorabridge stop`")
    end = ended(run)
    assert (end["reason"], end["code"]) == ("stopped", 130)
    assert end["cause"].startswith("stopped by `lorabridge stop` at step")
    assert said(run, "save"), "it was allowed to save"
    assert not alive(family)


def test_stop_at_once(begin):
    run = begin(FOREVER)
    write_request(run, "stop", "me", hard=True)
    assert ended(run)["reason"] == "stopped"
    assert not said(run, "save")


def test_a_stop_before_the_first_step_is_by_signal(begin):
    run = begin("time.sleep(300)", steps=False)
    until(lambda: read_state(run).trainer, "the trainer")
    run.request("stop").touch()
    end = ended(run)
    assert end["cause"] == "stopped by the file `.stop` at before the first step"


def test_a_stop_while_caching_starts_no_training(begin):
    run = begin("say(event='progress', step=1)\ntime.sleep(300)", "loop()")
    write_request(run, "stop", "me")
    assert ended(run)["reason"] == "stopped"
    assert not run.log("train").exists()


def test_a_deaf_trainer_is_signalled_when_its_time_is_up(begin, monkeypatch):
    run = begin("while True:\n    steps(1, 1)\n    time.sleep(0.05)")
    run.request("stop").touch()
    until(lambda: said(run, "control", request="stop"), "the request to be taken")
    run.request("stop").touch()
    end = ended(run)
    assert end["reason"] == "stopped"
    assert [record["text"] for record in said(run, "control")][-1].endswith("again: killed the trainer")


def test_save(begin):
    run = begin(FOREVER)
    write_request(run, "save", "me")
    until(lambda: said(run, "control", request="save", state="done"), "the save")
    assert said(run, "control", request="save", state="asked", by="me")
    assert said(run, "save")
    assert not run.request("checkpoint").exists()


def test_what_the_trainer_cannot_do_is_refused(begin):
    run = begin(FOREVER)
    run.request("sample").touch()
    (record,) = until(lambda: said(run, "control", request="sample"), "an answer")
    assert (record["state"], record["text"]) == ("refused", "it draws nothing")


def test_pause_and_continue(begin):
    run = begin(FOREVER)
    family = family_of(run)
    run.request("pause").touch()
    until(lambda: read_state(run).phase == "paused", "the pause")
    assert {process.status() for process in family} == {psutil.STATUS_STOPPED}
    assert "GPU" in until(lambda: said(run, "control", request="pause"), "the record")[0]["text"]
    run.request("sample").touch()
    until(lambda: said(run, "control", request="sample", state="refused"), "the refusal")
    count = len(said(run, "progress"))
    run.request("pause").unlink()
    until(lambda: read_state(run).phase == "running" and len(said(run, "progress")) > count, "more steps")


def test_a_paused_run_can_be_stopped(begin):
    run = begin(FOREVER)
    run.request("pause").touch()
    until(lambda: read_state(run).phase == "paused", "the pause")
    run.request("stop").touch()
    assert ended(run)["reason"] == "stopped"
    assert said(run, "save")


def test_a_paused_run_whose_supervisor_is_killed(begin):
    run = begin(FOREVER)
    family = processes(run)
    run.request("pause").touch()
    until(lambda: read_state(run).phase == "paused", "the pause")
    os.kill(read_state(run).supervisor.pid, signal.SIGKILL)
    assert ended(run)["reason"] == "lost"
    assert not alive(family)


def test_sigterm_to_the_supervisor_is_a_stop(begin):
    run = begin(FOREVER)
    os.kill(read_state(run).supervisor.pid, signal.SIGTERM)
    end = ended(run)
    assert (end["reason"], end["cause"].split(" at ")[0]) == ("interrupted", "stopped by SIGTERM")


def test_secrets_reach_the_trainer_and_no_file(begin, monkeypatch):
    secret = "hf_abcdefghijKLMNOP123"
    monkeypatch.setenv("HF_TOKEN", secret)
    run = begin("print(os.environ['HF_TOKEN'], len(os.environ['HF_TOKEN']), flush=True); steps(1, 10); lora()", steps=False)
    ended(run)
    assert str(len(secret)) in run.log("train").read_text()
    home = Path(os.environ["LORABRIDGE_STATE_HOME"])
    for path in [*run.path.rglob("*"), *home.rglob("*")]:
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_checkpoints_are_verified_while_the_training_goes_on(begin):
    run = begin("lora('cat-toy-00000001.safetensors', step=1); steps(1, 2); lora('cat-toy-00000002.safetensors', b'no', 2)\nwhile not (OUT / 'go').exists(): time.sleep(0.05)\nsteps(3, 10); lora()")  # fmt: skip
    (record,) = until(lambda: said(run, "verified"), "the look at the newest")
    assert (Path(record["path"]).name, record["ok"], record["step"]) == ("cat-toy-00000002.safetensors", False, 2)
    assert "cat-toy-00000002" in record["problem"]
    assert until(lambda: said(run, "warning", code="LB706"), "the warning")
    assert read_state(run).phase == "running"
    (run.output / "go").touch()
    assert ended(run)["reason"] == "completed"
