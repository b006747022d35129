"""The whole way on the embedded trainer: a real LoRA, real pictures, a real interrupt."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lorabridge.run.folder import RunFolder
from lorabridge.run.record import read_events

from .supervised import family_of

PARTS = [name for name in ("torch", "diffusers", "peft") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(PARTS), reason=f"the extra `embedded` is not installed: {', '.join(PARTS)}"),
]
ROOT = Path(__file__).parents[2]


def start(folder: Path, steps: int) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    code = f"import sys; sys.argv = {['lorabridge', 'demo', '--out', str(folder), '--steps', str(steps)]!r}; from lorabridge.cli.main import main; main()"
    return subprocess.Popen([sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, text=True, cwd=folder.parent)


def run_folder(folder: Path) -> Path:
    (plan,) = folder.rglob("plan.json")
    return plan.parent


def test_the_demo_trains_a_lora(tmp_path):
    child = start(tmp_path / "demo", 12)
    output, _ = child.communicate(timeout=300)
    assert child.returncode == 0, output
    folder = run_folder(tmp_path / "demo")
    records = list(read_events(folder / "events.jsonl"))
    assert records[-1]["reason"] == "completed"
    assert [r["step"] for r in records if r["event"] == "progress"] == list(range(1, 13))
    pictures = [r for r in records if r["event"] == "sample"]
    assert {r["step"] for r in pictures} >= {0, 12}
    assert all(r.get("text") for r in pictures), "sample events carry their prompt as text"
    assert list((folder / "output").rglob("*.safetensors"))
    assert (folder / "report.html").read_text().count("data:image/") >= len({r["path"] for r in pictures}) // 2


def test_an_interrupt_saves_and_leaves_no_process(tmp_path):
    child = start(tmp_path / "demo", 5000)
    end = time.monotonic() + 120
    while time.monotonic() < end:
        logs = list((tmp_path / "demo").rglob("events.jsonl"))
        if logs and any(record["event"] == "progress" for record in read_events(logs[0])):
            break
        time.sleep(0.2)
    family = family_of(RunFolder(run_folder(tmp_path / "demo")))
    assert family
    child.send_signal(signal.SIGINT)
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 130, output
    folder = run_folder(tmp_path / "demo")
    assert list(read_events(folder / "events.jsonl"))[-1]["reason"] == "interrupted"
    assert list((folder / "output").rglob("*.safetensors")), "the trainer saves when it is asked to stop"
    assert not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert json.loads((folder / "plan.json").read_text())["backend"] == "embedded"
