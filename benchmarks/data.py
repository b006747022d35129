"""How fast a data scan is: `python benchmarks/data.py [COUNT]`.

Makes COUNT pictures (10,000 by default; JPEG and PNG headers around noise, 12 KiB each, with captions) in a temporary folder, and compares, within one
run, a plain loop that opens and reads the same bytes (first 4 KiB, last 16 bytes, the caption) with the scan: first without a cache, then with one.
Each is the best of five, in CPU and wall time: with the pages in the system's cache, which shows the scan's own cost, and with the
pages dropped, which is what a first scan meets.
"""

from __future__ import annotations

import os
import random
import resource
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from lorabridge.config.load import load
from lorabridge.data.headers import HEAD, TAIL
from lorabridge.data.scan import scan
from lorabridge.plan.data import rules_of

CONFIG = """\
lorabridge: 1
name: benchmark
model: {family: qwen-image}
datasets: [{images: pictures, resolution: [1024]}]
train: {for: 100 steps}
"""


def make(folder: Path, count: int) -> None:
    noise = random.Random(0).randbytes(12_000).replace(b"\xff", b"\xfe")
    for at in range(count):
        side = 1024 + at % 7 * 64
        if at % 2:
            block = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x01\0\0\0\0\0\0"
            head = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xe1" + struct.pack(">H", len(block) + 2) + block
            head += (b"\xff\xdb\0\x43" + bytes(65)) * 2 + b"\xff\xc0\0\x11\x08" + struct.pack(">HHB", side, 1024, 3) + bytes(9)
            data = head + b"\xff\xda\0\x0c" + bytes(10) + noise + b"%d\xff\xd9" % at
        else:
            header = b"IHDR" + struct.pack(">IIBBBBB", side, 1024, 8, 2, 0, 0, 0)
            body = b"IDAT" + noise + b"%d" % at
            data = b"\x89PNG\r\n\x1a\n" + b"".join(
                struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (header, body, b"IEND")
            )
        (folder / f"p{at:05}.{'jpg' if at % 2 else 'png'}").write_bytes(data)
        (folder / f"p{at:05}.txt").write_bytes(b"ohwx on a beach, seen from the left, number %d\n" % at)


def plain(folder: Path) -> int:
    """List, open and read the same bytes; nothing else."""
    total = 0
    names = sorted(os.listdir(folder))
    for name in names:
        handle = os.open(os.path.join(folder, name), os.O_RDONLY)
        head = os.read(handle, HEAD)
        total += len(head)
        if len(head) == HEAD:
            total += len(os.pread(handle, TAIL, os.fstat(handle).st_size - TAIL))
        os.close(handle)
    return total


def forget(folder: Path) -> None:
    """Ask the system to drop its copies of the files' pages; names and inodes stay cached."""
    if hasattr(os, "posix_fadvise"):
        for name in os.listdir(folder):
            handle = os.open(folder / name, os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def best(work: Callable[[], object], before: Callable[[], object] = lambda: None, times: int = 5) -> tuple[float, float]:
    """The least wall and CPU seconds; `before` is not counted."""
    walls, cpus = [], []
    for _ in range(times):
        before()
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "pictures"
        folder.mkdir()
        os.environ["LORABRIDGE_CACHE"] = str(Path(root) / "cache")
        make(folder, count)
        for path in folder.iterdir():
            os.utime(path, (1e9, 1e9))
        (Path(root) / "x.yaml").write_text(CONFIG, "utf-8")
        config = load(Path(root) / "x.yaml").config
        assert config is not None
        data, rules = config.datasets[0], rules_of("musubi")

        def cold() -> None:
            for path in (Path(root) / "cache").rglob("*.json"):
                path.unlink()
            assert len(scan(data, rules, Path(root)).items) == count

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        base, first = best(lambda: plain(folder)), best(cold)
        again = best(lambda: scan(data, rules, Path(root)))
        os.sync()
        disk = best(lambda: plain(folder), lambda: forget(folder), 3), best(cold, lambda: forget(folder), 3)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{count:,} pictures with captions, seconds (wall, CPU), best of five")
    rows = (("plain open and read", base), ("scan, no cache", first), ("scan, cached", again))
    for name, (wall, cpu) in rows:
        print(f"  {name:<20} {wall:7.3f} {cpu:7.3f}   {wall / base[0]:5.2f} x wall {cpu / base[1]:5.2f} x CPU")
    print("pages dropped before each, best of three")
    for name, (wall, cpu) in zip(("plain open and read", "scan, no cache"), disk, strict=True):
        print(f"  {name:<20} {wall:7.3f} {cpu:7.3f}   {wall / disk[0][0]:5.2f} x wall {cpu / disk[0][1]:5.2f} x CPU")
    print(f"  peak memory grew by {grown / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
