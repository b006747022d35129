"""`run --on-oom retry`: one setting changed after each out-of-memory, from the last good state, a bounded number of times."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lorabridge.backends import BACKENDS
from lorabridge.cli.main import app
from lorabridge.config.load import load
from lorabridge.run import start as starting
from lorabridge.run import system
from lorabridge.run.another import another
from lorabridge.run.attempts import following
from lorabridge.run.folder import RunFolder
from lorabridge.run.record import read_events
from lorabridge.run.settle import supervised
from lorabridge.run.state import read_state
from lorabridge.run.verdict import Verdict
from lorabridge.run.watch import Alarm

from . import fake_backend
from .supervised import end_all, said
from .tinypng import png

pytestmark = pytest.mark.skipif(not system.LINUX, reason="the supervisor is for Linux first")

OOM = """
print('Traceback (most recent call last):')
print('  File "train.py", line 3, in step')
print('torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.', flush=True)
sys.exit(1)
"""
ATTEMPT = "attempt = len(list(OUT.parent.parent.glob('cat-toy-*')))\n"
STATE = "(OUT / 'state-000004').write_bytes(b'whole'); say(event='state', path=str(OUT / 'state-000004'), step=4)\n"


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.strip().splitlines())


@pytest.fixture
def go(tmp_path, monkeypatch):
    """`lorabridge run` of a script with `--on-oom`; returns the exit code, what was printed, and the runs in their order."""
    monkeypatch.setitem(BACKENDS, "musubi", "tests.run.fake_backend")
    monkeypatch.setattr(starting, "_SUPERVISOR", "tests.run.supervise_fake")
    monkeypatch.setenv("LORABRIDGE_STATE_HOME", str(tmp_path / "home"))
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(png((1, 2, 3)))
    (tmp_path / "pictures" / "a.txt").write_text("ohwx")
    (tmp_path / "m").mkdir()
    for name in "tvq":
        (tmp_path / "m" / f"{name}.safetensors").write_bytes(b"x")
    file = tmp_path / "cat.yaml"
    file.write_text(fake_backend.CONFIG.replace("SEED", "7") + "memory: {gradient_checkpointing: false}\n")
    written = file.read_bytes()

    def run(script: str, on_oom: str = "retry", **more):
        settings = fake_backend.SETTINGS | {"script": script} | more
        monkeypatch.setattr(fake_backend, "SETTINGS", settings)
        monkeypatch.setenv("FAKE_SETTINGS", json.dumps(settings))
        result = CliRunner().invoke(app, ["run", str(file), "-b", "musubi", "--on-oom", on_oom, "--format", "plain"], standalone_mode=False)
        assert file.read_bytes() == written, "the user's file is not lorabridge's to edit"
        return result.return_value, result.output, chain(tmp_path)

    yield run
    for folder in chain(tmp_path):
        end_all(folder)


def chain(tmp_path: Path) -> list[RunFolder]:
    """The runs, by when they were made."""
    made = [RunFolder(path) for path in (tmp_path / "results").glob("cat-toy-*")]
    return sorted(made, key=lambda run: json.loads(run.plan.read_bytes())["created"])


def test_the_second_attempt_trains_from_the_beginning(go):
    code, told, (first, second) = go(ATTEMPT + f"if attempt == 1:\n{indented(OOM)}steps(1, 10); lora()")
    assert code == 0, told
    assert "attempt 2 of at most 4" in told
    assert "memory.gradient_checkpointing: false -> true" in told
    assert "from the beginning" in told
    assert (read_state(first).reason, read_state(second).reason) == ("out of memory", "completed")
    assert following(first) == second
    assert load(second.resolved).config.memory.gradient_checkpointing is True
    assert load(first.resolved).config.memory.gradient_checkpointing is False
    assert [r.get("run") for r in said(first, "retry")] == [str(second.path)]
    assert "memory.gradient_checkpointing" in second.report.read_text()
    assert "attempt 2 of at most 4" in first.report.read_text()
    shown = CliRunner().invoke(app, ["runs", second.path.name], standalone_mode=False).output
    assert "changed     memory.gradient_checkpointing: false -> true" in shown
    shown = CliRunner().invoke(app, ["runs", first.path.name], standalone_mode=False).output
    assert f"next        {second.path}" in shown
    assert not supervised(first)
    assert not supervised(second)


def test_it_goes_on_from_the_last_good_state(go):
    script = ATTEMPT + f"if attempt == 1:\n    steps(1, 4)\n    {STATE}{indented(OOM)}steps(1, 6, 6); lora(step=6)"
    code, told, (_, second) = go(script)
    assert code == 0, told
    assert "from state-000004 (step 4)" in told
    plan = json.loads(second.plan.read_bytes())
    assert (plan["total_steps"], plan["origin"]["offset"], plan["origin"]["step"]) == (6, 4, 4)
    assert "state-000004" in second.resolved.read_text()


def test_after_three_changes_it_ends_and_lists_them(go):
    code, told, runs = go(OOM)
    assert code == 4, told
    assert len(runs) == 4
    assert "3 changes were tried, no more are made" in told
    cause = read_state(runs[-1]).cause
    changes = [edit["said"] for edit in json.loads(runs[-1].plan.read_bytes())["origin"]["edits"]]
    assert len(set(changes)) == 3
    assert all(change in cause for change in changes)
    assert [read_state(run).code for run in runs] == [4] * 4
    assert following(runs[-1]) is None


def test_nothing_is_left_to_change(go):
    code, told, runs = go(OOM, refuses=True)
    assert (code, len(runs)) == (4, 1), told
    assert "no memory setting is left that this trainer could change" in read_state(runs[0]).cause


def test_without_the_wish_it_stops(go):
    code, _, (run,) = go(OOM, on_oom="stop")
    assert code == 4
    assert not said(run, "retry")
    assert all(alarm["action"] == "warn" for alarm in said(run, "alarm", watchdog="out-of-memory"))


def test_a_failure_that_is_no_shortage_is_not_tried_again(go):
    code, _, runs = go("print('ValueError: no', flush=True); sys.exit(1)")
    assert (code, len(runs)) == (3, 1)


def test_an_alarm_that_says_retry_does_not_stop_the_run(run, monkeypatch):
    from lorabridge.run.watch import Watchdogs

    seen = []

    def feed(self, sign, now):
        seen.append(sign)
        return (Alarm("LB727", "memory was not there", "retry", (), "out-of-memory", "out of memory"),) if len(seen) == 3 else ()

    monkeypatch.setattr(Watchdogs, "feed", feed)
    done = run("steps(1, 10); lora()")
    assert done.verdict.reason == "completed"
    assert [event["action"] for event in read_events(done.folder.events) if event["event"] == "alarm"] == ["retry"]
    seen.clear()


def test_what_the_gpu_says_is_recorded_and_shown(run, monkeypatch):
    from lorabridge.run.display import gpu_line
    from lorabridge.run.watch.facts import DiskReading, GpuReading
    from lorabridge.run.watch.sensors import Sensors

    readings = [GpuReading(0, used=61_200_000_000, total=80_000_000_000, utilization=0, temperature=67), DiskReading(10**12)]
    monkeypatch.setattr(Sensors, "read", lambda self: readings)
    done = run("steps(1, 5); time.sleep(1.5); steps(6, 10); lora()")
    assert done.verdict.reason == "completed"
    (told,) = done.named("gpu")[:1]
    assert {key for key in told if key not in ("seq", "time", "stage")} == {"event", "index", "used", "total", "utilization", "temperature"}
    assert gpu_line(told) == "GPU 0  61.2 of 80.0 GB  0 %  67 °C"


def test_an_attempt_that_cannot_be_prepared_costs_no_verdict(make_job):
    job = make_job("steps(1, 10)")
    job.folder.plan.write_text("{}")
    told = another(job, Verdict("out of memory", "", "train"))
    assert told.folder is None
    assert "could not be prepared" in told.text
