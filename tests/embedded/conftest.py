"""Tiny models, eight pictures, and a way to run a job inside this process."""

from __future__ import annotations

import os

# before torch is imported anywhere: several OpenMP threads are many times slower on tiny models
os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

Events = list[dict[str, Any]]


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = deepcopy(base)
    for key, value in changes.items():
        section, _, rest = key.partition("__")
        if rest:
            merged[section] = _merge(merged.get(section, {}), {rest: value})
        else:
            merged[section] = value
    return merged


@pytest.fixture(scope="session")
def stars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("PIL", reason="the embedded trainer needs pillow")
    from lorabridge.backends.embedded.trainer.shapes import write_dataset

    folder = tmp_path_factory.mktemp("stars")
    write_dataset(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root, built = tmp_path_factory.mktemp("models"), {}

    def get(family: str) -> Path:
        if family not in built:
            import torch

            from lorabridge.backends.embedded.trainer import tiny

            torch.set_num_threads(1)
            built[family] = tiny.build(family, root / family)
        return built[family]

    return get


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def make_job(tmp_path: Path, stars: Path, tiny_model: Callable[[str], Path], shared_cache: Path) -> Callable[..., dict[str, Any]]:
    """A small job as plain data; `a__b=1` changes one key of a section."""

    def make(family: str = "qwen-image", output: str = "out", **changes: Any) -> dict[str, Any]:
        base = {
            "name": "star",
            "output": str(tmp_path / output),
            "cache": str(shared_cache),
            "model": {"family": family, "path": str(tiny_model(family)), "max_sequence_length": 48},
            "datasets": [{"images": str(stars), "resolutions": [64]}],
            "adapter": {"rank": 4, "alpha": 8.0},
            "train": {"length": {"steps": 4}, "batch_size": 2, "seed": 5},
            "optimizer": {"lr": 2e-3},
            "sample": {"prompts": [], "width": 64, "height": 64, "steps": 2, "guidance": 1.0},
        }
        return _merge(base, changes)

    return make


@pytest.fixture
def train() -> Callable[..., Events]:
    """Run a job and return its events; `on(event)` is called with each as it comes."""

    def run_job(job: dict[str, Any], on: Callable[[dict[str, Any]], None] | None = None) -> Events:
        from lorabridge.backends.embedded.trainer.job import parse_job
        from lorabridge.backends.embedded.trainer.loop import run

        events: Events = []

        def emit(event: Any) -> None:
            json.dumps(event)
            events.append(dict(event))
            if on is not None:
                on(events[-1])

        run(parse_job(json.dumps(job)), emit)
        return events

    return run_job
