"""YAML to a LoRA file: a compiled job, run by the trainer itself on a model of random weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lorabridge.backends import embedded
from lorabridge.backends.base import Site
from lorabridge.config.load import load
from lorabridge.plan.compile import compile_config

MISSING = embedded.locate({}).problems

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=" ".join(MISSING))]

CONFIG = """
lorabridge: 1
name: star
trigger: star
model: {family: sana, paths: {repo: ./model}, dtype: fp32}
datasets: [{images: pictures, resolution: [64], captions: {suffix: ", flat"}}]
adapter: {rank: 4, alpha: 2, conv_rank: 4}
preservation: {class: shape, every: 2 steps}
train: {for: 2 epochs, batch_size: 2, seed: 3, ema: 0.9}
optimizer: {lr: 1e-3}
save: {every: 1 epoch, state: true}
sample: {every: 1 epoch, without_trigger: true, width: 64, height: 64, steps: 2, guidance: 1, prompts: ["a red [trigger]", a circle]}
hardware: {device: cpu}
backends: {embedded: {model: {max_sequence_length: 48}}}
"""


def run(*command: str, cwd: Path) -> bytes:
    home = Path(embedded.__file__).parents[3]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(home)}
    done = subprocess.run([sys.executable, *command], cwd=cwd, env=env, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_a_config_becomes_a_lora(tmp_path: Path) -> None:
    trainer = "lorabridge.backends.embedded.trainer"
    run("-m", f"{trainer}.shapes", str(tmp_path / "pictures"), cwd=tmp_path)
    run("-m", f"{trainer}.tiny", "sana", str(tmp_path / "model"), cwd=tmp_path)
    (tmp_path / "star.yaml").write_text(CONFIG, encoding="utf-8")
    made = compile_config(load(tmp_path / "star.yaml"), "embedded", Site(root=tmp_path.as_posix()))
    assert made.ok, made.diagnostics
    (tmp_path / "job.json").write_text(made.files[0].text, encoding="utf-8")
    log = run(*(part.replace("{files}", str(tmp_path)) for part in made.stages[0].argv[1:]), cwd=tmp_path)
    reader = embedded.parser("train")
    events = [*reader.feed(log), *reader.close()]
    steps = [event.step for event in events if event.event == "progress"]
    assert steps == list(range(1, 9))
    assert events[-1].text == "completed"
    preserved = [json.loads(line).get("preservation") is not None for line in log.splitlines() if b'"progress"' in line]
    assert preserved == [True, False] * 4
    found = embedded.artifacts(tmp_path / "output", "star")
    assert [path.name for path in found.checkpoints] == ["star-00000004.safetensors", "star.safetensors"]
    assert [path.name for path in found.states] == ["step-00000004", "step-00000008"]
    assert len(found.samples) == 3 * 3
    header = found.checkpoints[-1].read_bytes()
    told = json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])["__metadata__"]
    assert (told["lorabridge_rank"], told["lorabridge_alpha"], told["lorabridge_trigger"]) == ("4", "2.0", "star")
