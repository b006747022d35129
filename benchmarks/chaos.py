"""Chaos over a queue of runs: random kills and full disks, then the books are checked.

    python benchmarks/chaos.py [injections] [seed]

Two (imagined) GPUs, a queue, small trainers of ours. Hit at random: trainer, supervisor, warden, both at once, the runner of the queue;
SIGTERM; pauses; the disk that takes no more (RLIMIT_FSIZE of the living supervisor, set from outside, for a moment or for good).
At the end must hold: every event that a reader has seen is still in the log, and numbers run without a gap; no GPU was used by two trainers at once
(they would know: each locks a file of its own per GPU); every run has one end, the one that its log and its state both
tell, `completed` exactly where the trainer says so too; nothing is left running. Exit 0: so it is.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from fakerun import make_run  # noqa: E402

from lorabridge.run import system  # noqa: E402
from lorabridge.run.folder import RunFolder  # noqa: E402
from lorabridge.run.process import MARK  # noqa: E402
from lorabridge.run.queue import Queue  # noqa: E402
from lorabridge.run.record import Record, Tail, read_events  # noqa: E402
from lorabridge.run.settle import settle, supervised  # noqa: E402
from lorabridge.run.start import environment  # noqa: E402
from lorabridge.run.state import State, read_state  # noqa: E402

TRAINER = """
import fcntl, json, os, struct, sys, time
from pathlib import Path
out, gpu, books, steps, pause = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
use = open(books / f"gpu-{gpu}.in-use", "w")
try:
    fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    (books / f"violation-{os.getpid()}").write_text(f"GPU {gpu} is in use")
def say(**event): print(json.dumps(event), flush=True)
def lora(step, final=False):
    keys = [("down", [2, 8]), ("up", [8, 2])]
    at = {f"lora_unet_transformer_blocks_0_attn_to_q.lora_{key}.weight": {"dtype": "F32", "shape": shape, "data_offsets": [64 * i, 64 * i + 64]} for i, (key, shape) in enumerate(keys)}
    header = json.dumps(at).encode()
    path = out / ("chaos.safetensors" if final else f"chaos-{step:08d}.safetensors")
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"1234" * 32)
    say(event="save", path=str(path), step=step, final=final)
if os.fork() == 0:  # a helper that would stay
    os.setsid()
    time.sleep(600)
    os._exit(0)
for step in range(1, steps + 1):
    say(event="progress", step=step, total=steps, epoch=1, loss=1 / step + 0.1, lr=1e-4, grad_norm=1.0, seconds=step * pause)
    if step % 20 == 0: lora(step)
    time.sleep(pause)
lora(steps, True)
(out / "done").touch()
say(event="end", step=steps, reason="completed")
"""


@dataclass
class Books:
    """What an independent reader has seen of one run."""

    run: RunFolder
    tail: Tail
    seen: list[Record] = field(default_factory=list)

    def look(self) -> None:
        self.seen += self.tail.read()


class Chaos:
    """The place, its runs and the dice."""

    def __init__(self, home: Path, seed: int) -> None:
        self.home, self.dice = home, random.Random(seed)
        self.books: dict[str, Books] = {}
        self.hits: Counter[str] = Counter()
        self.runner: subprocess.Popen[bytes] | None = None
        os.environ |= {"LORABRIDGE_STATE_HOME": str(home / "state"), "LORABRIDGE_QUEUE_PAUSE": "0.1"}
        self.queue = Queue()

    def add(self) -> None:
        """One more run at the end of the queue."""
        gpu, steps = self.dice.randrange(2), self.dice.randrange(20, 60)
        run = make_run(
            self.home / "runs", "chaos", TRAINER, str(gpu), str(self.home), str(steps), str(self.dice.choice((0.02, 0.05))),
            total=steps, gpus=[gpu],
        )  # fmt: skip
        self.queue.add(run)
        self.books[str(run.path)] = Books(run, Tail(run.events))

    def keep_runner(self) -> None:
        """The runner of the queue, started again if it was killed."""
        if self.runner is None or self.runner.poll() is not None:
            code = "from lorabridge.cli.main import main; main()"
            self.runner = subprocess.Popen([sys.executable, "-c", code, "queue", "run"], env=environment(None), stderr=subprocess.DEVNULL)

    def running(self) -> list[tuple[RunFolder, State]]:
        """Runs with a living trainer."""
        states = [(item.folder, read_state(item.folder)) for item in self.queue.items("started")]
        return [(run, state) for run, state in states if state.trainer is not None and state.phase != "ended"]

    def hit(self) -> bool:
        """One injection, if there is something to hit."""
        going = self.running()
        if not going:
            return False
        run, state = self.dice.choice(going)
        what = self.dice.choice(("trainer", "supervisor", "warden", "both", "runner", "sigterm", "pause", "disk", "disk for good", "stop"))
        with contextlib.suppress(OSError, psutil.Error, AttributeError):
            getattr(self, "_" + what.replace(" ", "_"))(run, state)
            self.hits[what] += 1
            return True
        return False

    def _trainer(self, run: RunFolder, state: State) -> None:
        os.kill(state.trainer.process.pid, signal.SIGKILL)  # type: ignore[union-attr]

    def _supervisor(self, run: RunFolder, state: State) -> None:
        os.kill(state.supervisor.pid, signal.SIGKILL)  # type: ignore[union-attr]

    def _warden(self, run: RunFolder, state: State) -> None:
        warden = psutil.Process(state.supervisor.pid).parent()  # type: ignore[union-attr]
        if warden is not None and warden.pid > 1 and "supervise" in " ".join(warden.cmdline()):
            warden.kill()

    def _both(self, run: RunFolder, state: State) -> None:
        self._warden(run, state)
        self._supervisor(run, state)

    def _runner(self, run: RunFolder, state: State) -> None:
        if self.runner is not None:
            self.runner.kill()

    def _sigterm(self, run: RunFolder, state: State) -> None:
        os.kill(state.supervisor.pid, signal.SIGTERM)  # type: ignore[union-attr]

    def _stop(self, run: RunFolder, state: State) -> None:
        run.request("stop").touch()

    def _pause(self, run: RunFolder, state: State) -> None:
        run.request("pause").touch()
        time.sleep(self.dice.random() * 0.5)
        run.request("pause").unlink()

    def _disk(self, run: RunFolder, state: State, back: bool = True) -> None:
        pid = state.supervisor.pid  # type: ignore[union-attr]
        free = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (max(1, run.events.stat().st_size - self.dice.randrange(200)), free[1]))
        if back:
            time.sleep(self.dice.random() * 0.4)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, free)

    def _disk_for_good(self, run: RunFolder, state: State) -> None:
        self._disk(run, state, back=False)

    def look(self) -> None:
        """Read on in every log."""
        for book in self.books.values():
            book.look()

    def drain(self, seconds: float = 300.0) -> None:
        """Let the queue run dry."""
        end = time.monotonic() + seconds
        while self.queue.items("waiting", "started"):
            self.keep_runner()
            self.look()
            time.sleep(0.1)
            if time.monotonic() > end:
                raise SystemExit(f"the queue does not run dry: {self.queue.items('waiting', 'started')}")
        if self.runner is not None:
            self.runner.wait(timeout=60)
        while any(supervised(book.run) for book in self.books.values()) and time.monotonic() < end:
            time.sleep(0.05)

    def faults(self) -> list[str]:
        """What must not be."""
        found = [path.read_text() for path in self.home.glob("violation-*")]
        for book in self.books.values():
            book.look()
            found += [f"{book.run.path.name}: {fault}" for fault in _faults(book)]
        found += [f"left running: {process}" for process in _left(self.home)]
        return found


def _faults(book: Books) -> list[str]:
    run, found = book.run, []
    state, records = settle(run), list(read_events(run.events)) if run.events.exists() else []
    numbers = [record["seq"] for record in records]
    if numbers != list(range(1, len(numbers) + 1)):
        found.append(f"numbers are not in order: {numbers[:5]}…")
    have = {record["seq"]: record for record in records}
    lost = [record for record in book.seen if have.get(record["seq"]) != record]
    if lost:
        found.append(f"{len(lost)} records that were seen are lost: {lost[0]}")
    ends = [record for record in records if record["event"] == "end" and record["stage"] is None]
    if state.phase != "ended" or not state.reason:
        found.append(f"it has not ended: {state.phase}")
    if len(ends) > 1 or (ends and records[-1] is not ends[0]):
        found.append(f"{len(ends)} ends")
    if ends and ends[0]["reason"] != state.reason:
        found.append(f"the log says {ends[0]['reason']}, the state {state.reason}")
    if state.reason == "completed" and not (run.output / "done").exists():
        found.append("completed, and the trainer was not done")
    return found


def _left(home: Path) -> list[str]:
    """Processes that have to do with a run of ours."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and str(home) in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())[:100]}")
    return found


def main(injections: int = 200, seed: int = 1) -> int:
    """Do it; returns 0 when the books are in order."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        chaos = Chaos(Path(place), seed)
        while sum(chaos.hits.values()) < injections:
            while len(chaos.queue.items("waiting", "started")) < 6:
                chaos.add()
            chaos.keep_runner()
            chaos.look()
            chaos.hit()
            time.sleep(chaos.dice.random() * 0.6)
        chaos.drain()
        faults = chaos.faults()
        reasons = Counter(settle(book.run).reason for book in chaos.books.values())
        seen = sum(len(book.seen) for book in chaos.books.values())
        chaos.queue.close()
        for item in _left(Path(place)):
            with contextlib.suppress(OSError):
                os.kill(int(item.split()[0]), signal.SIGKILL)
    print(f"{sum(chaos.hits.values())} injections over {len(chaos.books)} runs in {time.monotonic() - began:.0f} s, seed {seed}")
    print("hit:   " + ", ".join(f"{what} {count}" for what, count in sorted(chaos.hits.items())))
    print("ended: " + ", ".join(f"{what} {count}" for what, count in sorted(reasons.items())))
    print(f"{seen} records were seen by a reader")
    print("\n".join(faults) if faults else "no record lost, no GPU leased twice, one true end for every run, nothing left running")
    return 1 if faults else 0


if __name__ == "__main__":
    assert system.LINUX, "the supervisor is for Linux first"
    assert MARK
    raise SystemExit(main(*map(int, sys.argv[1:3])))
