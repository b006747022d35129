"""Figures for the artifacts package: `python benchmarks/artifacts.py [--fuzz N] [--size MB] [--torch PYTHON] [--only NAME]`.

fuzz     random and damaged headers: none may raise, hang or grow the memory
verify   speed against a plain read of the same file in the same run, resident memory
inspect  time after start-up, for real files and for many tensors
torch    the same checks with torch and safetensors in another interpreter, both from process start
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
FILES = ROOT / "tests" / "artifacts" / "files"


def lora_file(path: Path, megabytes: int) -> Path:
    """A bf16 LoRA of Qwen-Image's names and widths, as large as asked for."""
    import numpy as np

    from lorabridge.artifacts.write import Planned, write_safetensors

    rank = max(1, megabytes * 1_000_000 // (840 * 2 * (3072 + 3072)))
    names = (
        "attn.to_q",
        "attn.to_k",
        "attn.to_v",
        "attn.to_out.0",
        "attn.add_q_proj",
        "attn.add_k_proj",
        "attn.add_v_proj",
        "attn.to_add_out",
    )
    block = np.random.default_rng(0).standard_normal(3072 * rank, dtype=np.float32).view(np.uint32)
    data = (block >> 16).astype("<u2").tobytes()
    planned = []
    for number in range(-(-840 // len(names))):
        for name in names:
            for ending, shape in (("lora_A", (rank, 3072)), ("lora_B", (3072, rank))):
                key = f"diffusion_model.transformer_blocks.{number % 60}.{name}{'' if number < 60 else number // 60}.{ending}.weight"
                planned.append(Planned(key, "BF16", shape, len(data), lambda: data))
    write_safetensors(path, planned)
    return path


def fuzz(count: int) -> None:
    import tracemalloc

    from lorabridge.artifacts.header import parse_bytes

    rng = random.Random(11)
    entries = {
        f"lora_unet_blocks_{i}_attn_q.lora_{w}.weight": {
            "dtype": "BF16",
            "shape": [4, 8],
            "data_offsets": [i * 128 + j * 64, i * 128 + j * 64 + 64],
        }
        for i in range(3)
        for j, w in enumerate(("down", "up"))
    }
    text = json.dumps({"__metadata__": {"format": "pt"}, **entries}).encode()
    good = len(text).to_bytes(8, "little") + text + bytes(384)
    assert parse_bytes(good).sound
    pieces = [
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"a"',
        b'"dtype"',
        b'"shape"',
        b'"data_offsets"',
        b'"F32"',
        b"0",
        b"8",
        b"-1",
        b"1e9",
        b"9" * 30,
        b"null",
        b"NaN",
        b"\xff",
        b'"\\ud800"',
        b'"__metadata__"',
        b" " * 9,
    ]
    sound, slowest, start = 0, 0.0, time.perf_counter()
    tracemalloc.start()
    for number in range(count):
        if number % 4 == 3:
            body = b"{" + b"".join(rng.choices(pieces, k=rng.randint(1, 60)))
            data = (len(body) if rng.random() < 0.8 else rng.getrandbits(64)).to_bytes(8, "little") + body + bytes(rng.randint(0, 64))
        else:
            changed = bytearray(good)
            for _ in range(rng.randint(1, 8)):
                place = rng.randrange(len(text) + 8)
                changed[place] = rng.randrange(256) if rng.random() < 0.5 else rng.choice(b'{}[],":0123456789')
            data = bytes(changed[: rng.randint(0, len(changed))] if rng.random() < 0.2 else changed)
        before = time.perf_counter()
        header = parse_bytes(data)
        slowest = max(slowest, time.perf_counter() - before)
        if header.sound:
            sound += 1
            assert all(8 + header.length <= tensor.start <= tensor.end <= len(data) for tensor in header.tensors.values())
    spent, peak = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(
        f"fuzz: {count:,} headers in {spent:.0f} s, none raised; {sound:,} still sound; slowest {slowest * 1e3:.1f} ms; peak of Python's memory {peak / 1e6:.1f} MB"
    )


def plain_read(path: Path) -> float:
    """Seconds of a plain sequential read into one buffer of 1 MiB."""
    buffer = memoryview(bytearray(1 << 20))
    start = time.perf_counter()
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return time.perf_counter() - start


def verify_speed(megabytes: int) -> None:
    from lorabridge.artifacts.header import read_header
    from lorabridge.artifacts.read import look

    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        path = lora_file(Path(folder) / "big.safetensors", megabytes)
        size = path.stat().st_size
        plain_read(path)
        plain, ours, one = [], [], []
        header = read_header(path)
        for _ in range(9):
            plain.append(plain_read(path))
            for workers, times in ((None, ours), (1, one)):
                start = time.perf_counter()
                look(path, header, workers=workers)
                times.append(time.perf_counter() - start)
        best = [size / min(times) / 1e9 for times in (plain, ours, one)]
        middle = [size / statistics.median(times) / 1e9 for times in (plain, ours, one)]
        print(
            f"verify: {size / 1e9:.2f} GB, page cache warm, {os.cpu_count()} cores; plain read {best[0]:.1f} GB/s, look {best[1]:.1f} GB/s = {best[1] / best[0]:.0%} (median {middle[1] / middle[0]:.0%}); one thread {best[2]:.1f} GB/s = {best[2] / best[0]:.0%}"
        )
        start, peak = time.perf_counter(), resident([sys.executable, "-c", _VERIFY, str(path)])
        print(f"verify: whole process {time.perf_counter() - start:.2f} s, {peak:.0f} MB resident")


_VERIFY = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from lorabridge.artifacts.verify import verify
print([item.message for item in verify(Path(sys.argv[1])).diagnostics][:3])
"""
_TORCH = """
import sys, torch
from safetensors import safe_open
bad = []
with safe_open(sys.argv[1], framework="pt") as file:
    for key in file.keys():
        tensor = file.get_tensor(key)
        if not torch.isfinite(tensor).all() or ("lora_B" in key and not tensor.any()):
            bad.append(key)
print(bad[:3])
"""


_ENV = {"OMP_NUM_THREADS": "1"}
"""Torch with several threads on shared cores is many times slower."""


def resident(command: list[str]) -> float:
    """The peak of a process's resident memory in MB."""
    program = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", program, *command], check=True, capture_output=True, text=True)
    return int(done.stdout) / 1024


def inspect_time() -> None:
    from lorabridge.artifacts.inspect import inspect
    from lorabridge.artifacts.show import lines

    with tempfile.TemporaryDirectory() as folder:
        many = {
            f"diffusion_model.blocks.{i}.q.lora_{w}.weight": {"dtype": "U8", "shape": [1, 1], "data_offsets": [2 * i + j, 2 * i + j + 1]}
            for i in range(50_000)
            for j, w in enumerate("AB")
        }
        text = json.dumps(many).encode()
        hundred = Path(folder) / "100000.safetensors"
        hundred.write_bytes(len(text).to_bytes(8, "little") + text + bytes(100_000))
        cases = [
            *sorted(FILES.glob("*.safetensors")),
            lora_file(Path(folder) / "20MB.safetensors", 20),
            lora_file(Path(folder) / "300MB.safetensors", 300),
            hundred,
        ]
        inspect(cases[0], "on")
        worst = 0.0
        for path in cases:
            times = []
            for _ in range(3):
                start = time.perf_counter()
                count = sum(1 for _ in lines(inspect(path)))
                times.append(time.perf_counter() - start)
            if path.parent != FILES:
                print(f"inspect: {path.name} {path.stat().st_size / 1e6:.0f} MB: {min(times) * 1e3:.0f} ms ({count} lines)")
            else:
                worst = max(worst, min(times))
        print(f"inspect: {len(cases) - 3} real files, the slowest {worst * 1e3:.0f} ms")


def against_torch(python: str, megabytes: int) -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        for size in (100, megabytes):
            path = lora_file(Path(folder) / f"{size}.safetensors", size)
            plain_read(path)
            times: dict[str, list[float]] = {"lorabridge": [], "torch": []}
            for _ in range(3):
                for name, interpreter, program in (("lorabridge", sys.executable, _VERIFY), ("torch", python, _TORCH)):
                    start = time.perf_counter()
                    subprocess.run([interpreter, "-c", program, str(path)], check=True, capture_output=True, env=os.environ | _ENV)
                    times[name].append(time.perf_counter() - start)
            ours, theirs = min(times["lorabridge"]), min(times["torch"])
            memory = [
                resident([interpreter, "-c", program, str(path)]) for interpreter, program in ((sys.executable, _VERIFY), (python, _TORCH))
            ]
            print(
                f"torch: {path.stat().st_size / 1e6:.0f} MB from process start: lorabridge {ours:.2f} s, {memory[0]:.0f} MB; torch {theirs:.2f} s, {memory[1]:.0f} MB; {theirs / ours:.1f} times"
            )


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fuzz", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=2000, help="MB of the large file")
    parser.add_argument("--torch", help="a Python with torch and safetensors")
    parser.add_argument("--only", choices=["fuzz", "verify", "inspect", "torch"])
    options = parser.parse_args()
    if options.only in (None, "fuzz"):
        fuzz(options.fuzz)
    if options.only in (None, "verify"):
        verify_speed(options.size)
    if options.only in (None, "inspect"):
        inspect_time()
    if options.torch and options.only in (None, "torch"):
        against_torch(options.torch, options.size)


if __name__ == "__main__":
    main()
