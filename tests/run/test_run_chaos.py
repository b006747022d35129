"""A short chaos: the long one is `benchmarks/chaos.py`."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from lorabridge.run import system

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytestmark = pytest.mark.skipif(not system.LINUX, reason="the supervisor is for Linux first")


@pytest.fixture
def chaos(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("LORABRIDGE_STATE_HOME", "LORABRIDGE_QUEUE_PAUSE"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    spec = importlib.util.spec_from_file_location("lorabridge_chaos", BENCHMARKS / "chaos.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "lorabridge_chaos", module)
    spec.loader.exec_module(module)
    return module


def test_kills_and_full_disks(chaos, capsys):
    assert chaos.main(8, 3) == 0, capsys.readouterr().out
    assert "8 injections" in capsys.readouterr().out


def test_the_books_would_tell(chaos, tmp_path):
    """The checks of the chaos can fail: a log that lost a record, a second end, a run that claims too much."""
    from fakerun import make_run

    from lorabridge.run.record import EventLog, Tail
    from lorabridge.run.state import State, write_state

    run = make_run(tmp_path, "x", "", total=3)
    end = {"event": "end", "reason": "completed", "code": 0, "cause": "", "step": 3}
    with EventLog(run.events) as log:
        log.write("train", {"event": "progress", "step": 1})
        log.write(None, end)
    write_state(run, State("ended", reason="completed"))
    book = chaos.Books(run, Tail(run.events))
    book.look()
    assert chaos._faults(book) == ["completed, and the trainer was not done"]
    (run.output / "done").touch()
    assert chaos._faults(book) == []
    with EventLog(run.events) as log:
        log.write(None, end)
    assert chaos._faults(book) == ["2 ends"]
    run.events.write_bytes(run.events.read_bytes().partition(b"\n")[2])
    assert len(chaos._faults(book)) == 3
