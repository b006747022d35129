"""No process is left, whatever happens; exit codes and bytes are true."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from lorabridge.run.process import Interrupt, Patience, Process

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX")
QUICK = Patience(0.6, 0.4, 0.4)

STUBBORN = """
import os, signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
child = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (2, 15, 1)]; print('child', flush=True); time.sleep(300)"
subprocess.Popen([sys.executable, "-c", child])
subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
print("parent", flush=True)
"""


def start(script: str, **options) -> Process:
    return Process([sys.executable, "-c", script], dict(os.environ), Path.cwd(), options.get("patience", QUICK))


def drain(process: Process, until: float = 20.0) -> bytes:
    data, end = b"", time.monotonic() + until
    while (chunk := process.read(0.05)) is not None:
        data += chunk
        assert time.monotonic() < end, data
    return data


def wait_for(process: Process, text: bytes, times: int) -> None:
    data = b""
    while data.count(text) < times:
        chunk = process.read(0.05)
        assert chunk is not None, data
        data += chunk


def gone(process: Process) -> bool:
    return not process.members()


def test_bytes_and_code():
    with start("import os, sys; os.write(1, b'a' * 200_000); os.write(2, b'b'); sys.exit(7)") as process:
        assert drain(process) == b"a" * 200_000 + b"b"
        assert process.code == 7


def test_a_stop_is_an_interrupt_first():
    script = """
import signal, sys, time
def saved(*_):
    print("saved", flush=True)
    sys.exit(0)
signal.signal(signal.SIGINT, saved)
print("ready", flush=True)
time.sleep(60)
"""
    with start(script) as process:
        wait_for(process, b"ready\n", 1)
        process.stop()
        assert drain(process) == b"saved\n"
        assert process.code == 0


def test_what_does_not_listen_is_killed_with_all_its_children():
    with start(STUBBORN + "time.sleep(300)") as process:
        wait_for(process, b"child", 2)
        assert len(process.members()) == 3
        began = time.monotonic()
        process.stop()
        drain(process)
        assert 0.9 < time.monotonic() - began < 6
        assert process.code == -signal.SIGKILL
    assert gone(process)


def test_kill_is_at_once():
    with start(STUBBORN + "time.sleep(300)", patience=Patience(60, 60, 0.4)) as process:
        wait_for(process, b"child", 2)
        process.stop()
        began = time.monotonic()
        process.kill()
        drain(process)
        assert time.monotonic() - began < 5
    assert gone(process)


def test_children_that_outlive_the_leader_are_ended():
    with start(STUBBORN + "time.sleep(1.0)") as process:
        wait_for(process, b"child", 2)
        drain(process)
        assert process.code == 0
    assert gone(process)


def test_children_without_the_pipe_are_ended_too():
    script = """
import subprocess, sys
child = "import os, time; os.setsid(); time.sleep(300)"
subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
"""
    with start(script) as process:
        drain(process)
    assert gone(process)


def test_children_get_a_moment_after_a_normal_end(tmp_path):
    done = tmp_path / "uploaded"
    child = f"import time; time.sleep(0.3); open({str(done)!r}, 'w')"
    script = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)"
    )
    with start(script, patience=Patience(1, 1, 2)) as process:
        drain(process)
    assert done.exists()
    assert gone(process)


def test_an_error_of_ours_leaves_nothing():
    def broken() -> None:
        with start("import time; print('up', flush=True); time.sleep(300)") as process:
            started.append(process)
            wait_for(process, b"up", 1)
            raise RuntimeError

    started: list[Process] = []
    with pytest.raises(RuntimeError):
        broken()
    assert gone(started[0])


def test_interrupts_are_counted_and_the_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert (interrupt.count, interrupt.name) == (2, "SIGINT")
    assert signal.getsignal(signal.SIGTERM) is before


def test_nohup_is_respected():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            assert interrupt.count == 0
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


TRAINER = STUBBORN + 'print(\'{"event": "progress", "step": 3, "total": 10, "loss": 1.0}\', flush=True); time.sleep(300)'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_is_recorded_and_leaves_no_process(run, number):
    def interrupt() -> None:
        me = psutil.Process()
        while len(me.children(recursive=True)) < 3:
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(os.getpid(), number)

    threading.Thread(target=interrupt, daemon=True).start()
    ran = run(TRAINER)
    assert (ran.verdict.reason, ran.verdict.code) == ("interrupted", 130)
    assert ran.verdict.cause == f"stopped by {number.name} at step 3 of 10"
    assert ran.events[-1]["reason"] == "interrupted"
    assert f"{number.name}: asked the trainer to stop" in ran.named("control")[0]["text"]
    assert not psutil.Process().children(recursive=True)
    assert ran.folder.report.exists()


def test_a_trainer_that_saves_on_interrupt_is_still_interrupted(run):
    script = """
        def saved(*_):
            lora(); say(event="end", text="stopped"); sys.exit(0)
        signal.signal(signal.SIGINT, saved)
        steps(1, 3)
        time.sleep(60)
    """
    threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    ran = run("pass", script)
    assert (ran.verdict.reason, ran.verdict.code) == ("interrupted", 130)


def test_an_interrupt_starts_no_further_stage(run):
    threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    ran = run("signal.signal(signal.SIGINT, lambda *_: sys.exit(0)); time.sleep(60)", "steps(1, 10); lora()")
    assert ran.verdict.code == 130
    assert not ran.folder.log("train").exists()


def test_a_second_interrupt_kills(run):
    def twice() -> None:
        time.sleep(1.5)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=twice, daemon=True).start()
    began = time.monotonic()
    ran = run(TRAINER, patience=Patience(60, 60, 0.5, 60))
    assert time.monotonic() - began < 20
    assert ran.verdict.code == 130
    assert [w["text"] for w in ran.named("control")][-1] == "SIGINT again: killed the trainer"
    assert not psutil.Process().children(recursive=True)


def test_nothing_of_this_test_module_is_left():
    mine = [p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]
    assert mine == []
    assert subprocess.run([sys.executable, "-c", ""], check=False).returncode == 0
