"""A small world to lock: a config with its base, weights of every kind, data of every kind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from lorabridge.config.load import Loaded, load
from lorabridge.plan.lock.build import Wish, build
from lorabridge.plan.lock.model import Lock
from lorabridge.resources import preset

CONFIG = """\
lorabridge: 1
extends: base.yaml
name: cat-toy
trigger: ohwx
model:
  family: qwen-image
  variant: edit
  paths: {transformer: "${env:MODELS}/dit.safetensors", vae: ./vae.safetensors, text_encoder: ./te}
datasets:
  - {images: pics, control: [before], resolution: [1024]}
  - {jsonl: list.jsonl, resolution: [512]}
train: {for: 1600 steps}
backends: {musubi: {log_prefix: "a"}}
"""
BASE = "optimizer: {lr: 1e-4}\n"


def make(folder: Path, models: Path) -> Path:
    """Write the world and return the config's path."""
    for name in ("pics/deep", "before", "te", "more"):
        (folder / name).mkdir(parents=True)
    models.mkdir(parents=True, exist_ok=True)
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    for path in (models / "dit.safetensors", folder / "vae.safetensors", folder / "te/model.safetensors"):
        path.write_bytes(len(header).to_bytes(8, "little") + header + path.name.encode()[:4])
    (folder / "te/config.json").write_text("{}")
    for name in ("pics/a", "pics/ü", "pics/deep/c", "more/x"):
        (folder / f"{name}.png").write_bytes(b"\x89PNG" + name.encode())
        (folder / f"{name}.txt").write_text(f"ohwx {name}", "utf-8")
    (folder / "before/a.png").write_bytes(b"\x89PNG before")
    (folder / "list.jsonl").write_text(json.dumps({"image_path": "more/x.png", "caption": "ohwx x"}) + "\n")
    (folder / "base.yaml").write_text(BASE)
    (folder / "x.yaml").write_text(CONFIG)
    return folder / "x.yaml"


def loaded_at(path: Path, models: Path, *overrides: str) -> Loaded:
    """Load it with `MODELS` as the environment says."""
    return load(path, overrides=overrides, presets=preset, environ={"MODELS": str(models)}, shown=str(path))


def locked(path: Path, models: Path, *overrides: str, environ: dict[str, str] | None = None, full: bool = False) -> Lock:
    """The lock; the findings must not be errors."""
    lock, found = build(loaded_at(path, models, *overrides), Wish("musubi", overrides=overrides, full=full), environ or {})
    assert lock is not None, found
    return lock


def checkout(folder: Path) -> dict[str, str]:
    """A git checkout that looks like a trainer's; the environment that names it."""
    (folder / "src/musubi_tuner/training").mkdir(parents=True)
    for name in ("training/trainer_base.py", "loss.py", "old.py"):
        (folder / "src/musubi_tuner" / name).write_text("x = 1\n")
    (folder / ".gitignore").write_text("outputs/\n")
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)
    return {"LORABRIDGE_MUSUBI_HOME": str(folder), "LORABRIDGE_MUSUBI_PYTHON": sys.executable}
