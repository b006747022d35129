"""How long cold processes take, as an installed wheel with compiled bytecode.

    python benchmarks/startup.py [--rounds 20] [--venv DIR]

Builds the wheel from this checkout, installs it into a fresh environment in a temporary folder, and prints the median of
each command in milliseconds and as a multiple of the bare interpreter. `--venv` names an environment to keep and reuse.
Where LORABRIDGE_<TRAINER>_HOME (and _PYTHON) are set, the time that trainer takes to reject a bad config is measured too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 150 / 14
"""The budget of `check`: 150 ms where the bare interpreter takes 14."""

CONFIG = """\
lorabridge: 1
name: cat-toy
trigger: ohwx
model:
  family: qwen-image
  paths: {transformer: /m/t.safetensors, vae: /m/v.safetensors, text_encoder: /m/q.safetensors}
datasets:
  - {images: data/cat-toy, captions: .txt, repeats: 10, resolution: [1024]}
adapter: {type: lora, rank: 32, alpha: 32}
train: {for: 1600 steps, batch_size: 1, seed: 42}
optimizer: {type: adamw8bit, lr: 1e-4}
save: {every: 250 steps, keep_last: 4}
sample: {every: 250 steps, prompts: ["[trigger] on a beach"]}
"""

REJECTED: dict[str, tuple[str, list[str], str]] = {
    "musubi-tuner": ("MUSUBI", ["src/musubi_tuner/qwen_image_train_network.py", "--config_file", "{bad}"], "nonsense_key = 1\n"),
    "diffusion-pipe": ("DIFFUSION_PIPE", ["train.py", "--config", "{bad}"], "nonsense_key = 1\n"),
    "ai-toolkit": ("AI_TOOLKIT", ["run.py", "{bad}"], "job: extension\nconfig: {name: x}\n"),
}
"""Trainer to its environment variable, its own command, and a config that it cannot train from."""


def main() -> int:
    """Measure and print; 1 when `check` is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--venv", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        binaries = _install(options.venv or folder / "venv", folder)
        examples = sorted((ROOT / "examples").rglob("*.yaml"))
        config = folder / "config.yaml"
        config.write_text(examples[0].read_text("utf-8") if examples else CONFIG, "utf-8")
        bad = folder / "bad.yaml"
        bad.write_text(CONFIG.replace("rank: 32", "rank: 0"), "utf-8")
        python, lorabridge = str(binaries / "python"), str(binaries / "lorabridge")
        commands = {
            "python -c pass": [python, "-c", "pass"],
            "lorabridge --version": [lorabridge, "--version"],
            "lorabridge --help": [lorabridge, "--help"],
            f"lorabridge check {examples[0].relative_to(ROOT) if examples else 'config.yaml'}": [lorabridge, "check", str(config)],
            "lorabridge check bad.yaml": [lorabridge, "check", str(bad)],
            "lorabridge check --backend musubi": [lorabridge, "check", str(config), "--backend", "musubi"],
        }
        ratio, check = _table(commands, options.rounds, folder)
        _trainers(folder, check)
    print(f"budget of check: {LIMIT:.1f} x bare; {'met' if ratio <= LIMIT else 'MISSED'}")
    return int(ratio > LIMIT)


def _install(venv: Path, folder: Path) -> Path:
    binaries = venv / ("Scripts" if sys.platform == "win32" else "bin")
    if not binaries.is_dir():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(binaries / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheels = folder / "wheels"
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(wheels), str(ROOT)], check=True)
    wheel = str(next(wheels.glob("*.whl")))
    subprocess.run([*pip, "install", wheel], check=True)
    subprocess.run([*pip, "install", "--force-reinstall", "--no-deps", wheel], check=True)
    subprocess.run([str(binaries / "python"), "-m", "compileall", "-q", str(venv)], check=False)
    return binaries


def _table(commands: dict[str, list[str]], rounds: int, folder: Path) -> tuple[float, float]:
    """Interleaved, so that a busy second hits all of them; the plain check as a multiple of bare, and in milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    print("measuring ...", flush=True)
    for _ in range(rounds + 1):
        for name, command in commands.items():
            times[name].append(_milliseconds(command, folder))
    bare = statistics.median(times["python -c pass"][1:])
    ratio = check = 0.0
    print(f"{'command':<48}{'median':>9}{'least':>9}{'x bare':>9}   ({rounds} cold processes each)")
    for name, found in times.items():
        median = statistics.median(found[1:])
        print(f"{name:<48}{median:>6.0f} ms{min(found[1:]):>6.0f} ms{median / bare:>9.1f}")
        if name.startswith("lorabridge check") and not ratio:
            ratio, check = median / bare, median
    return ratio, check


def _milliseconds(command: list[str], folder: Path) -> float:
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return (time.perf_counter() - start) * 1000


def _trainers(folder: Path, check: float) -> None:
    for name, (variable, arguments, text) in REJECTED.items():
        home = os.environ.get(f"LORABRIDGE_{variable}_HOME")
        if not home:
            print(f"{name}: not measured, LORABRIDGE_{variable}_HOME is not set")
            continue
        bad = folder / ("bad-native.yaml" if arguments[0] == "run.py" else "bad.toml")
        bad.write_text(text, "utf-8")
        python = os.environ.get(f"LORABRIDGE_{variable}_PYTHON") or sys.executable
        command = [python, *(argument.replace("{bad}", str(bad)) for argument in arguments)]
        times = [_milliseconds(command, Path(home)) for _ in range(3)]
        taken = statistics.median(times)
        print(f"{name}: {taken / 1000:.1f} s until it rejects a bad config, {taken / check:.0f} x as long as `check`")


if __name__ == "__main__":
    sys.exit(main())
