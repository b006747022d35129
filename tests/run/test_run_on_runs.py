"""The commands on runs: list, watch, logs, stop, pause, resume, fork, save, sample, compare, rm."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lorabridge.cli.main import app
from lorabridge.run import system
from lorabridge.run.folder import RunFolder
from lorabridge.run.index import Index, NotFound, find
from lorabridge.run.settle import supervised
from lorabridge.run.state import read_state

from .supervised import end_all, ended, said, until

pytestmark = pytest.mark.skipif(not system.LINUX, reason="the supervisor is for Linux first")

STATES = "\n(OUT / 'state-000004').write_bytes(b'whole'); say(event='state', path=str(OUT / 'state-000004'), step=4)\n"
BROKEN = "\n(OUT / 'state-000006').write_bytes(b'who'); say(event='state', path=str(OUT / 'state-000006'), step=6)\n"


def lb(*args: str, code: int = 0) -> str:
    result: Result = CliRunner().invoke(app, list(args), standalone_mode=False)
    got = result.return_value if result.exception is None else getattr(result.exception, "exit_code", 2)
    text = result.output + (str(getattr(result.exception, "message", result.exception)) if result.exception else "")
    assert (got or 0) == code, text
    return text


def test_a_run_is_listed_and_told_about(begin):
    run = begin("steps(1, 10); lora()", steps=False)
    ended(run)
    listed = lb("runs")
    assert [line.split()[:3] for line in listed.splitlines()][1] == [run.path.name, "completed", "10/10"]
    (found,) = json.loads(lb("runs", "--format", "json"))
    assert (found["run"], found["status"], found["step"], found["backend"]) == (run.path.name, "completed", 10, "musubi")
    told = lb("runs", run.path.name[:10])
    assert str(run.report) in told
    assert "cat-toy.safetensors" in told
    assert lb("show", str(run.path)) == told


def test_what_has_no_name(begin):
    first, second = begin("steps(1, 10); lora()", steps=False), begin("steps(1, 10); lora()", steps=False)
    assert find("last") == second
    missing = find("cat-toy")
    assert isinstance(missing, NotFound)
    assert "is 2 runs" in missing.text
    assert set(missing.near) == {first.path.name, second.path.name}
    assert "there is no run `dog`" in lb("watch", "dog", code=1)
    assert find(str(first.path)) == first


def test_the_index_can_be_lost(begin):
    run = begin("steps(1, 10); lora()", steps=False)
    home = Path(os.environ["LORABRIDGE_STATE_HOME"])
    for name in ("runs.db", "runs.db-wal", "runs.db-shm"):
        (home / name).unlink(missing_ok=True)
    (home / "runs.db").write_bytes(b"not a database" * 100)
    assert "no runs yet" in lb("runs")
    assert (home / "runs.damaged").exists()
    assert run.path.name in lb("runs", "--rebuild", str(run.path.parent))
    assert sqlite3.connect(home / "runs.db").execute("SELECT backend FROM runs").fetchall() == [("musubi",)]


def test_stop_and_what_it_says(begin):
    run = begin("loop()")
    told = lb("stop", "last")
    assert "it saves and ends after the step" in told
    assert "stopped: stopped by `lorabridge stop` at step" in told
    assert read_state(run).reason == "stopped"
    assert "has ended: stopped" in lb("stop", "last", code=1)


def test_stop_now(begin):
    run = begin("loop()")
    lb("stop", "last", "--now", "--no-wait")
    ended(run)
    assert not said(run, "save")


def test_pause_and_resume(begin):
    run = begin("loop()")
    assert "GPU" in lb("pause", "last")
    assert "paused already" in lb("pause", "last")
    assert json.loads(lb("runs", "last", "--format", "json"))["status"] == "paused"
    assert "it goes on" in lb("resume", "last")
    until(lambda: read_state(run).phase == "running", "it to run")
    assert "is running" in lb("resume", "last", code=1)


def test_save_and_sample(begin):
    run = begin("loop()")
    assert "it saves after the step" in lb("save", "last")
    until(lambda: said(run, "save"), "the save")
    assert "refused: it draws nothing" in lb("sample", "last", code=1)


def test_logs(begin):
    run = begin("print('hello', flush=True); loop()")
    assert "hello" in lb("logs", "last")
    assert "no log of cache" in lb("logs", "last", "--stage", "cache", code=1)
    texts: list[str] = []
    follower = threading.Thread(target=lambda: texts.append(lb("logs", "last", "-f")))
    follower.start()
    run.request("stop").touch()
    follower.join(60)
    assert '"text": "stopped"' in texts[0]


def test_watch_and_its_exit_code(begin):
    run = begin("steps(1, 4); sys.exit(9)", steps=False)
    ended(run)
    lines = [json.loads(line) for line in lb("watch", "last", "--format", "jsonl", code=3).splitlines() if line.startswith("{")]
    assert (lines[0]["event"], lines[-1]["event"]) == ("start", "end")


def test_a_run_that_goes_on_is_not_deleted(begin):
    run = begin("loop()")
    assert "goes on" in lb("rm", "last", "--yes", code=1)
    end_all(run)
    lb("rm", "last", "--yes")
    assert not run.path.exists()
    with Index() as index:
        assert index.folders() == []


def continued(run: RunFolder, others: Callable[[], list[RunFolder]]) -> RunFolder:
    (found,) = [folder for folder in others() if folder.path != run.path]
    return found


def siblings(run: RunFolder) -> list[RunFolder]:
    return [RunFolder(path) for path in run.path.parent.iterdir()]


def test_resume_from_the_last_state_that_is_whole(begin):
    run = begin(f"steps(1, 4){STATES}steps(5, 6){BROKEN}sys.exit(1)", steps=False)
    ended(run)
    told = lb("resume", "last", "--detach")
    assert "passed over state-000006: `state-000006` is not whole" in told
    assert "goes on from" in told
    assert "(step 4), 6 steps remain" in told
    assert "step counter  begins anew" in told
    new = continued(run, lambda: siblings(run))
    try:
        plan = json.loads(new.plan.read_text())
        assert (plan["origin"]["run"], plan["origin"]["step"], plan["origin"]["offset"]) == (str(run.path), 4, 4)
        assert plan["total_steps"] == 6
        assert "resume_from" in new.resolved.read_text()
        assert [line for line in lb("runs", new.path.name).splitlines() if "continues" in line]
    finally:
        end_all(new)


def test_resume_of_a_resumed_run_counts_from_the_beginning(begin, monkeypatch):
    from . import fake_backend

    run = begin(f"steps(1, 4){STATES}sys.exit(1)", steps=False)
    ended(run)
    monkeypatch.setattr(fake_backend, "SETTINGS", fake_backend.SETTINGS | {"script": f"steps(1, 4, 6){STATES}sys.exit(1)"})
    lb("resume", "last", code=3)
    told = lb("resume", "last", "--to", "20", "steps", code=3)
    assert "(step 8), 12 steps remain" in told
    assert "nothing remains: it is at step 12 of 5" in lb("resume", "last", "--to", "5 steps", code=1)


def test_a_complete_run_is_not_resumed_without_an_end(begin):
    run = begin("steps(1, 10); lora()", steps=False)
    ended(run)
    assert "is complete; `--to 3000 steps` goes on further" in lb("resume", "last", code=1)
    assert "it has no state to go on from" in lb("resume", "last", "--to", "20 steps", code=1)
    assert "no length" in lb("resume", "last", "--to", "soon", code=2)


def test_what_changed_is_refused_unless_accepted(begin, tmp_path):
    run = begin(f"steps(1, 4){STATES}sys.exit(1)", steps=False)
    ended(run)
    (tmp_path / "cat.yaml").write_text((tmp_path / "cat.yaml").read_text() + "optimizer: {lr: 1e-5}\n")
    told = lb("resume", "last", code=1)
    assert "LB708" in told
    assert "was changed since the run began" in told
    assert len(siblings(run)) == 1
    lb("resume", "last", "--accept-changes", code=3)
    new = continued(run, lambda: siblings(run))
    assert "1e-05" in new.resolved.read_text() or "1e-5" in new.resolved.read_text()


def test_fork(begin):
    run = begin("lora('cat-toy-00000004.safetensors', step=4); steps(1, 4); sys.exit(1)", steps=False)
    ended(run)
    told = lb("fork", "last", "--set", "optimizer.lr=0.5", code=3)
    assert "begins with the weights of" in told
    new = continued(run, lambda: siblings(run))
    text = new.resolved.read_text()
    assert "init_from" in text
    assert json.loads(new.plan.read_text())["origin"]["kind"] == "fork"
    compared = lb("compare", run.path.name, new.path.name)
    assert "optimizer.lr: " in compared
    assert not supervised(new)
