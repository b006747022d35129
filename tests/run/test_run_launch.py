"""Runs of fake trainers: what is recorded, and how they are judged."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from lorabridge.run.job import command
from lorabridge.run.record import read_events
from lorabridge.run.watch import dogs

GOOD = "steps(1, 10)\nlora()"


def test_complete(run):
    ran = run('say(event="cache", step=3, total=3)', GOOD)
    assert (ran.verdict.reason, ran.verdict.code) == ("completed", 0)
    assert [(e["stage"], e["state"]) for e in ran.named("stage")] == [
        ("cache-1", "started"),
        ("cache-1", "ended"),
        ("train", "started"),
        ("train", "ended"),
    ]
    assert [e["step"] for e in ran.named("progress")] == list(range(1, 11))
    last = ran.events[-1]
    assert (last["event"], last["stage"], last["reason"], last["code"]) == ("end", None, "completed", 0)
    assert "train 10/10 (100 %)" in ran.shown
    for path in (ran.folder.curve, ran.folder.report, ran.folder.log("train"), ran.folder.log("cache-1")):
        assert path.stat().st_size > 0


def test_the_log_is_well_formed(run):
    ran = run(GOOD)
    lines = ran.folder.events.read_bytes().split(b"\n")
    assert lines.pop() == b""
    records = [json.loads(line) for line in lines]
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    assert all(isinstance(record["time"], int) and record["time"] > 1_600_000_000_000 for record in records)
    assert [record["time"] for record in records] == sorted(record["time"] for record in records)


def test_raw_bytes_are_kept_in_order(run):
    ran = run(r"""
        for n in range(50):
            os.write(1 + n % 2, b"\xff\r%d\n" % n)
        steps(1, 10); lora()
    """)
    expected = b"".join(b"\xff\r%d\n" % n for n in range(50))
    assert ran.folder.log("train").read_bytes().startswith(expected)


@pytest.mark.parametrize(
    ("script", "reason", "code", "cause"),
    [
        ("steps(1, 3); raise ValueError('no pictures')", "failed", 3, "ValueError: no pictures"),
        ("sys.exit(9)", "failed", 3, "exit code 9, and nothing was said"),
        ("print('bad option'); sys.exit(2)", "failed", 3, "bad option"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "failed", 3, "ended by SIGKILL from outside"),
        ("say(event='error', text='disk is gone'); sys.exit(1)", "failed", 3, "disk is gone"),
        (
            "raise type('OutOfMemoryError', (RuntimeError,), {'__module__': 'torch'})('CUDA out of memory. Tried 2 GiB')",
            "out of memory",
            4,
            "CUDA out of memory",
        ),
        ("say(event='error', code='out_of_memory', text='no room'); sys.exit(4)", "out of memory", 4, "no room"),
        ("say(event='error', code='not_finite', text='the loss is nan', step=4); sys.exit(5)", "diverged", 5, "the loss "),
        (
            "steps(1, 9); say(event='progress', step=10, total=10, loss=float('nan')); lora()",
            "diverged",
            5,
            "not a finite number at step 10",
        ),
        ("", "untrained", 3, "after 0 of 10 planned steps"),
        ("say(event='end', text='completed'); lora()", "untrained", 3, "after 0 of 10 planned steps"),
        ("steps(1, 4); lora()", "untrained", 3, "after 4 of 10 planned steps"),
        ("steps(1, 4); say(event='end', text='stopped'); lora()", "stopped", 130, "step 4 of 10"),
        ("steps(1, 9); say(event='end', text='completed'); lora()", "completed", 0, ""),
        ("steps(1, 10)", "rejected", 7, "no LoRA file was written"),
        ("steps(1, 10); lora(body=b'')", "rejected", 7, "cut off"),
        ("steps(1, 10); lora(body=b'\\x02' + bytes(7) + b'{}')", "rejected", 7, "holds no tensors"),
        ("steps(1, 10); lora(); (OUT / 'cat-toy.safetensors').open('r+b').truncate(90)", "rejected", 7, "cut off"),
    ],
)
def test_verdicts(run, script, reason, code, cause):
    ran = run(script)
    assert (ran.verdict.reason, ran.verdict.code) == (reason, code)
    assert cause in ran.verdict.cause
    assert ran.events[-1] | {"seq": 0, "time": 0, "step": 0} == {
        "seq": 0, "time": 0, "stage": None, "event": "end", "reason": reason, "code": code, "cause": ran.verdict.cause, "step": 0,
    }  # fmt: skip
    if reason not in ("completed", "stopped"):
        assert ran.verdict.fix
        diagnostic = ran.verdict.diagnostic()
        assert diagnostic is not None
        assert diagnostic.code == {"untrained": "LB703", "out of memory": "LB704", "diverged": "LB705", "rejected": "LB706"}.get(
            reason, "LB702"
        )
        assert str(ran.folder.log("train")) in diagnostic.why


def test_a_trainer_that_fails_and_hangs_is_ended(run):
    ran = run("print('Traceback (most recent call last):\\n  x\\nKeyError: 1'); say(event='end', text='failed'); time.sleep(300)")
    assert (ran.verdict.reason, ran.verdict.cause) == ("failed", "`train` failed: KeyError: 1")
    assert "did not end" in ran.named("warning")[0]["text"]


def test_a_loss_that_was_hidden_is_seen(run):
    assert run("steps(1, 10); say(event='warning', text='loss is nan'); lora()").verdict.code == 5


def test_an_oom_that_was_survived_is_none(run):
    assert run("print('# OOM during training step, skipping batch 1/3 #: CUDA out of memory'); steps(1, 10); lora()").verdict.code == 0


def test_the_first_failing_stage_is_the_last(run):
    ran = run("sys.exit(1)", GOOD)
    assert ran.verdict.stage == "cache-1"
    assert not ran.folder.log("train").exists()


def test_a_command_that_is_not_there(make_job, run, tmp_path, monkeypatch):
    import dataclasses
    import io

    from lorabridge.run.display import Plain
    from lorabridge.run.launch import launch

    job = make_job(GOOD)
    place = dataclasses.replace(job.installation, python=tmp_path / "no-python")
    verdict = launch(dataclasses.replace(job, installation=place), Plain(io.StringIO()))
    assert verdict.code == 3
    assert "no-python` cannot be started" in verdict.cause
    assert [record["event"] for record in read_events(job.folder.events)][-1] == "end"


def test_placeholders(make_job):
    import dataclasses

    job = make_job(GOOD)
    stage = dataclasses.replace(
        job.plan.stages[0], argv=("{bin}/x", "{bin}", "{home}/{other}", '{"json": 1}', "$HOME"), env={"A": "{files}"}, cwd="{home}"
    )
    argv, env, cwd = command(job, stage)
    assert argv == [f"{Path(sys.executable).parent}/x", "{bin}", f"{job.installation.home}/{{other}}", '{"json": 1}', "$HOME"]
    assert env["A"] == str(job.folder.compiled)
    assert env["PYTHONUNBUFFERED"] == "1"
    assert cwd == job.installation.home


def test_a_broken_parser_costs_events_and_not_the_run(run):
    class Broken:
        def feed(self, data):
            raise RuntimeError("oops")

        close = list

    ran = run("steps(1, 10); lora()", parser=Broken, total=None)
    assert ran.verdict.code == 0
    assert "oops" in ran.named("warning")[0]["text"]


def test_secrets_are_nowhere(run):
    secret = "hf_abcdefghijKLMNOP123"
    ran = run(
        """
        token = os.environ["HF_TOKEN"]
        os.write(1, token[:7].encode()); time.sleep(0.3); os.write(1, token[7:].encode() + b"\\n")
        say(event="warning", text="token " + token)
        steps(1, 10); lora()
        """,
        env={"HF_TOKEN": secret},
    )
    assert ran.verdict.code == 0
    texts = [path.read_bytes() for path in ran.folder.path.rglob("*") if path.is_file()]
    assert len(texts) > 5
    assert not any(secret.encode() in text or b"KLMNOP" in text for text in texts)
    assert ran.named("warning")[0]["text"] == "token " + "*" * len(secret)


def test_a_defect_of_ours_is_recorded_and_raised(make_job, monkeypatch):
    import io

    from lorabridge.run import launch as module
    from lorabridge.run.display import Plain

    job = make_job("steps(1, 5)")
    monkeypatch.setattr(module, "judge", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        module.launch(job, Plain(io.StringIO()))
    last = list(read_events(job.folder.events))[-1]
    assert (last["event"], last["code"]) == ("end", 3)
    assert "lorabridge itself failed: ZeroDivisionError" in last["cause"]


def test_a_full_disk_ends_the_run_truthfully(make_job, monkeypatch):
    import io

    from lorabridge.run import launch as module
    from lorabridge.run.display import Plain

    job = make_job("steps(1, 5); time.sleep(60)")
    tell = module.Recorder.tell

    def full(self, stage, event):
        if event["event"] == "progress" and event["step"] == 3:
            raise OSError(28, "No space left on device")
        tell(self, stage, event)

    monkeypatch.setattr(module.Recorder, "tell", full)
    verdict = module.launch(job, Plain(io.StringIO()))
    assert verdict.code == 3
    assert "No space left" in verdict.cause
    assert list(read_events(job.folder.events))[-1]["reason"] == "failed"


def test_a_disk_that_is_full_for_a_while_costs_progress_and_not_the_training(make_job, monkeypatch):
    import errno
    import io

    from lorabridge.run import record
    from lorabridge.run.display import Plain
    from lorabridge.run.launch import launch

    job = make_job("steps(1, 10); lora()")
    write, refused = record.os.write, []

    def full(handle, data):
        if (b'"step": 3,' in data or refused) and len(refused) < 3:
            refused.append(write(handle, data[:9]))  # torn, as a full disk leaves it
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data)

    monkeypatch.setattr(record.os, "write", full)
    assert launch(job, Plain(io.StringIO())).reason == "completed"
    records = list(read_events(job.folder.events))
    assert [r["step"] for r in records if r["event"] == "progress"] == [1, 2, 6, 7, 8, 9, 10]
    assert [r["text"] for r in records if r["event"] == "warning"] == ["3 events could not be recorded: the disk took nothing"]
    assert [r["seq"] for r in records] == list(range(1, len(records) + 1))
    assert not job.folder.reserve.exists()


def test_what_must_be_kept_uses_the_reserve(make_job, monkeypatch):
    import io

    from lorabridge.run import record
    from lorabridge.run.display import Plain
    from lorabridge.run.launch import launch

    job = make_job("steps(1, 10); lora()")
    write, reserve = record.os.write, job.folder.reserve

    def full(handle, data):
        if b'"save"' in data and reserve.exists():
            raise OSError(28, "No space left on device")
        return write(handle, data)

    monkeypatch.setattr(record.os, "write", full)
    assert launch(job, Plain(io.StringIO())).reason == "completed"
    assert [r["event"] for r in read_events(job.folder.events) if r["event"] == "save"]


@pytest.mark.parametrize(("says", "reason"), [("print('loading', flush=True)", "completed"), ("pass", "stalled")])
def test_words_that_are_no_event_show_that_the_trainer_lives(run, monkeypatch, says, reason):
    monkeypatch.setitem(dogs.STALL, "load", 2.5)
    ran = run(f"for _ in range(12):\n    {says}\n    time.sleep(0.5)\nsteps(1, 10); lora()")
    assert ran.verdict.reason == reason


@pytest.mark.parametrize(("finish", "reason"), [("", "stopped"), ("stopped", "stopped"), ("completed", "rejected")])
def test_a_stop_of_a_run_whose_length_nobody_knows(make_job, finish, reason):
    """diffusion-pipe tells no total, and ends with exit code 0 when it was asked to."""
    from lorabridge.run.verdict import StageEnd, judge
    from lorabridge.run.view import StageView, View

    job = make_job("", total=None)
    view = View(stages={"train": StageView("train", finish=finish)}, step=47)
    verdict = judge(job.folder, job.plan, view, [StageEnd("train", 0)], job.artifacts, "`lorabridge stop`", lambda path: "")
    assert verdict.reason == reason
