"""How fast the log parsers are: bytes of quiet log, and progress updates, per second of CPU time.

    python benchmarks/parsers.py

CPU time, because machines are shared; ratios against `bytes.split` of the same bytes, because machines differ.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from lorabridge.backends.events import LogParser
from lorabridge.backends.reading import log_parser

LOGS = Path(__file__).resolve().parent.parent / "tests" / "backends"
UPDATES = 200_000


def cpu(work: Callable[[], object]) -> float:
    """Seconds of CPU time, the best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def quiet() -> bytes:
    """What a trainer says before it trains: the configuration dump of a recorded run, without what means something."""
    log = (LOGS / "diffusion_pipe" / "logs" / "sdxl_complete.log").read_bytes()
    said = re.compile(rb"step|\||WARN|rror|Job|Failed|No module|Using top|Global batch")
    lines = [line for line in log.split(b"\n") if b"[INFO]" in line and not said.search(line)]
    return (b"\n".join(lines) + b"\n") * 400


def bars(trainer: str) -> bytes:
    """Updates as the trainers write them: two bars a step, or a line."""
    out: list[bytes] = []
    for step in range(1, UPDATES // 2 + 1):
        loss, before = 1.0 + step % 97 / 100, 1.0 + (step - 1) % 97 / 100
        if trainer == "musubi":
            bar = f"\rsteps:  33%|###       | {step}/{UPDATES} [00:13<00:29,  3.70s/it, avr_loss="
            out += [f"{bar}{before:.3g}]".encode(), f"{bar}{loss:.3g}]".encode()]
        elif trainer == "ai-toolkit":
            bar = f"\rcat:  33%|███▎      | {step}/{UPDATES} [00:13<00:29,  3.70s/it, lr: 1.0e-04 loss: "
            out += [f"{bar}{before:.3e}]".encode(), f"{bar}{loss:.3e}]".encode()]
        elif trainer == "diffusion-pipe":
            head = f"[2026-11-21 01:23:27,675] [INFO] [logging.py:123:log_dist] [Rank 0] step={step}, skipped=0, lr=[4e-05], mom=[(0.9, 0.99)]\n"
            out += [head.encode(), f"steps: {step} loss: {loss:.4f} iter time (s): 0.702 samples/sec: 2.847\n".encode()]
        else:
            out += [
                f'{{"event": "progress", "step": {2 * step + more}, "total": 9, "epoch": 1, "loss": {loss}, "lr": 0.1}}\n'.encode()
                for more in (0, 1)
            ]
    return b"".join(out)


def fed(parser: LogParser, data: bytes) -> int:
    """The number of events, fed in chunks of 64 kB as a pipe gives them."""
    return sum(len(parser.feed(data[at : at + 65536])) for at in range(0, len(data), 65536)) + len(parser.close())


def main() -> None:
    data = quiet()
    base = cpu(lambda: data.replace(b"\r", b"\n").split(b"\n"))
    print(f"quiet bytes: {len(data) / 1e6:.1f} MB, split into lines at {len(data) / base / 1e6:.0f} MB/s")
    for trainer in ("musubi", "diffusion-pipe", "ai-toolkit", "embedded"):
        seconds = cpu(lambda trainer=trainer: fed(log_parser(trainer, "train"), data))
        updates = bars(trainer)
        events = fed(log_parser(trainer, "train"), updates)
        busy = cpu(lambda trainer=trainer, updates=updates: fed(log_parser(trainer, "train"), updates))
        print(
            f"{trainer:15} {len(data) / seconds / 1e6:6.0f} MB/s quiet ({seconds / base:.1f} x split)"
            f"   {UPDATES / busy:9,.0f} updates/s ({1e6 * busy / UPDATES:.2f} us each, {events} events)"
        )


if __name__ == "__main__":
    main()
