"""What supervising costs: CPU time and resident memory of the supervisor and its warden while a trainer says ten updates a second.

    python benchmarks/supervisor.py [seconds] [updates per second]

Exits 1 when both together cost more than 1 % of a core, or when the supervisor has 60 MB or more resident.

CPU time is read from the kernel's count, so that a busy machine does not change it much. RSS counts shared pages in full, PSS
shares them out between the processes that have them.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import psutil
from fakerun import make_run

from lorabridge.run.desk import write_request
from lorabridge.run.settle import supervised
from lorabridge.run.start import start
from lorabridge.run.state import read_state

TRAINER = """
import json, sys, time
rate, total = float(sys.argv[2]), 10**9
began = time.monotonic()
for step in range(1, total):
    print(json.dumps({"event": "progress", "step": step, "total": total, "epoch": 1, "loss": 1.0 / step + 0.5, "lr": 1e-4,
                      "grad_norm": 0.5, "seconds": time.monotonic() - began, "time": time.time()}), flush=True)
    time.sleep(max(0.0, began + step / rate - time.monotonic()))
"""


def main() -> int:
    """Print the figures; returns 1 when they are over budget."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    rate = sys.argv[2] if len(sys.argv) > 2 else "10"
    with tempfile.TemporaryDirectory() as home:
        os.environ["LORABRIDGE_STATE_HOME"] = home
        run = make_run(Path(home), "cost", TRAINER, rate, total=10**9)
        start(run)
        time.sleep(3.0)  # imports are over
        state = read_state(run)
        assert state.supervisor is not None
        supervisor = psutil.Process(state.supervisor.pid)
        warden = supervisor.parent()
        assert warden is not None
        before, began, size = [p.cpu_times() for p in (supervisor, warden)], time.monotonic(), run.events.stat().st_size
        time.sleep(seconds)
        after, passed = [p.cpu_times() for p in (supervisor, warden)], time.monotonic() - began
        events = run.events.read_bytes()[size:].count(b"\n")
        share, largest = 0.0, 0.0
        for name, process, old, new in zip(("supervisor", "warden"), (supervisor, warden), before, after, strict=True):
            used = new.user + new.system - old.user - old.system
            memory = process.memory_full_info()
            rss, pss = memory.rss / 1e6, memory.pss / 1e6
            share, largest = share + used / passed, max(largest, rss)
            print(f"{name:<10}  {100 * used / passed:.2f} % of one core   RSS {rss:.1f} MB   PSS {pss:.1f} MB")
        print(f"{events / passed:.1f} events/s recorded over {passed:.0f} s")
        write_request(run, "stop", "the benchmark", hard=True)
        while supervised(run):
            time.sleep(0.1)
    return 1 if share >= 0.01 or largest >= 60 else 0


if __name__ == "__main__":
    raise SystemExit(main())
