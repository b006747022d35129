"""How these tests compile: one small configuration, changed by one-line overrides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from lorabridge.backends.base import Plan, Site
from lorabridge.backends.emit import float_loader
from lorabridge.config.load import load
from lorabridge.plan.compile import compile_config

BASES = {
    "z-image": "model: {family: z-image, paths: {repo: Tongyi-MAI/Z-Image}}",
    "z-image-turbo": "model: {family: z-image, variant: turbo, paths: {repo: Tongyi-MAI/Z-Image-Turbo}}",
    "qwen-image": "model: {family: qwen-image, paths: {repo: Qwen/Qwen-Image}}",
    "sdxl": "model: {family: sdxl, paths: {checkpoint: /models/sdxl.safetensors}}",
    "flux1": "model: {family: flux1, paths: {repo: black-forest-labs/FLUX.1-dev}}",
    "flux2": "model: {family: flux2, paths: {repo: black-forest-labs/FLUX.2-klein-base-4B}}",
    "edit": "model: {family: qwen-image, variant: edit-2511, paths: {repo: Qwen/Qwen-Image-Edit-2511}}",
    "wan22": "model: {family: wan22, variant: t2v-a14b, paths: {repo: ai-toolkit/Wan2.2-T2V-A14B-Diffusers-bf16}}",
}
REST = """
lorabridge: 1
name: cat-toy
datasets:
  - {images: data/cat, resolution: [512]}
adapter: {rank: 16}
train: {for: 1600 steps, seed: 42}
optimizer: {lr: 1e-4}
"""

Compile = Callable[..., Plan]


@pytest.fixture
def compiled(tmp_path: Path) -> Compile:
    """`compiled("save.every=0", on="sdxl")`: the plan of the small configuration with these overrides."""

    def run(*overrides: str, on: str = "z-image", more: str = "", site: Site | None = None) -> Plan:
        path = tmp_path / "config.yaml"
        path.write_text(f"{BASES[on]}\n{REST}{more}", encoding="utf-8")
        return compile_config(load(path, overrides=overrides, environ={}), "ai-toolkit", site or Site(root="/data"))

    return run


@pytest.fixture
def process(compiled: Compile) -> Callable[..., dict[str, Any]]:
    """The compiled `config.process[0]`, read as the trainer reads it. Fails where there are errors."""

    def run(*overrides: str, **kwargs: Any) -> dict[str, Any]:
        plan = compiled(*overrides, **kwargs)
        assert plan.ok, [(item.path, item.message) for item in plan.diagnostics if item.severity == "error"]
        tree = yaml.load(plan.files[0].text, Loader=float_loader())
        return dict(tree["config"]["process"][0])

    return run


def at(tree: Any, dotted: str) -> Any:
    """The value at a dotted key, `"absent"` where there is none."""
    for part in dotted.split("."):
        if isinstance(tree, list) and part.isdigit() and int(part) < len(tree):
            tree = tree[int(part)]
        elif isinstance(tree, dict) and part in tree:
            tree = tree[part]
        else:
            return "absent"
    return tree


def codes(plan: Plan, severities: Sequence[str] = ("error",)) -> dict[str, str]:
    """Path to code of the findings."""
    return {item.path: item.code for item in plan.diagnostics if item.severity in severities}
