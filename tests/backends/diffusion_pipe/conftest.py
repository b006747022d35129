"""Compile a small YAML for the trainer and read the result with the trainer's own TOML library."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import toml

from lorabridge.backends.base import Plan, Site
from lorabridge.config.document import parse_value
from lorabridge.config.load import load
from lorabridge.plan.compile import compile_config

BASE = {
    "lorabridge": 1,
    "name": "cat",
    "model": {"family": "qwen-image", "paths": {"repo": "/models/qwen"}},
    "datasets": [{"images": "/data/cat", "resolution": [512]}],
    "train": {"for": "10 epochs"},
    "optimizer": {"lr": 1e-4},
}

MODELS = {
    "sdxl": "{family: sdxl, paths: {checkpoint: /models/sdxl.safetensors}}",
    "flux1": "{family: flux1, paths: {repo: /models/flux}}",
    "chroma": "{family: chroma, paths: {repo: /models/flux, transformer: /models/chroma.safetensors}}",
    "z-image": "{family: z-image, paths: {transformer: /m/z.safetensors, vae: /m/ae.safetensors, text_encoder: /m/qwen.safetensors}}",
    "flux2": "{family: flux2, paths: {transformer: /m/f2.safetensors, vae: /m/ae.safetensors, text_encoder: /m/qwen.safetensors}}",
    "wan21": "{family: wan21, paths: {repo: /models/wan}}",
    "wan22": "{family: wan22, paths: {repo: /models/wan, transformer: /models/low, transformer_high_noise: /models/high}}",
    "wan22-i2v": "{family: wan22, variant: i2v-a14b, paths: {repo: /models/wan, transformer: /models/low, transformer_high_noise: /models/high}}",
    "ltx-video": "{family: ltx-video, paths: {repo: /models/ltx, checkpoint: /models/ltx.safetensors}}",
    "cosmos": "{family: cosmos, paths: {transformer: /m/c.pt, vae: /m/v.safetensors, text_encoder: /m/t5.safetensors}}",
    "cosmos-predict2": "{family: cosmos-predict2, paths: {transformer: /m/c.pt, vae: /m/v.safetensors, text_encoder: /m/t5.safetensors}}",
    "hunyuan-video-1.5": "{family: hunyuan-video-1.5, paths: {transformer: /m/h, vae: /m/v, text_encoder: /m/q, byt5: /m/b}}",
}


@dataclass
class Compiled:
    """The plan, and its files as the trainer reads them."""

    plan: Plan
    texts: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        return toml.loads(self.texts[f"{name}.toml"])

    @property
    def codes(self) -> set[tuple[str, str]]:
        return {(item.code, item.path) for item in self.plan.diagnostics if item.severity == "error"}

    def notes(self, path: str) -> list[tuple[str, str]]:
        return [(note.kind, note.native) for note in self.plan.notes if note.path == path]

    @property
    def argv(self) -> tuple[str, ...]:
        return self.plan.stages[0].argv


Compile = Callable[..., Compiled]


@pytest.fixture
def compile_(tmp_path: Path) -> Compile:
    """`compile_("train.for=10 steps", family="sdxl")`: the base YAML with some keys set, as one written file."""

    def run(*changes: str, family: str = "", **site: Any) -> Compiled:
        data = json.loads(json.dumps(BASE))
        for change in ([f"model={MODELS[family]}"] if family else []) + list(changes):
            dotted, _, text = change.partition("=")
            *parents, last = dotted.split(".")
            here = data
            for part in parents:
                here = here.setdefault(part, {})
            here[last], _ = parse_value(text, "")
        path = tmp_path / "config.yaml"
        path.write_text(json.dumps(data, indent=1), encoding="utf-8")
        plan = compile_config(load(path), "diffusion-pipe", Site(**({"root": "/data", "files": "/srv/compiled"} | site)))
        return Compiled(plan, {item.path: item.text for item in plan.files})

    return run
