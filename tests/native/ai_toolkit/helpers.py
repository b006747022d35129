"""A job that trains as it is meant, and changes to it."""

from __future__ import annotations

import copy
from typing import Any

import yaml

from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.native import check_texts

GONE = object()
"""A value that stands for: without this key."""

JOB: dict[str, Any] = {
    "job": "extension",
    "config": {
        "name": "cat",
        "process": [
            {
                "type": "diffusion_trainer",
                "training_folder": "/data/out",
                "device": "cuda:0",
                "network": {"type": "lora", "linear": 16, "linear_alpha": 16},
                "save": {"dtype": "bf16", "save_every": 250, "max_step_saves_to_keep": 4},
                "datasets": [{"folder_path": "/data/cats", "caption_ext": "txt", "resolution": [512, 768]}],
                "train": {
                    "batch_size": 1, "steps": 2000, "gradient_accumulation": 1, "noise_scheduler": "flowmatch", "timestep_type": "sigmoid",
                    "optimizer": "adamw8bit", "lr": 0.0001, "dtype": "bf16",
                },
                "model": {"name_or_path": "Tongyi-MAI/Z-Image", "arch": "zimage", "quantize": True},
                "sample": {"sampler": "flowmatch", "sample_every": 250, "width": 1024, "height": 1024, "prompts": ["a cat"], "neg": "", "seed": 42},
            }
        ],
    },
    "meta": {"name": "[name]", "version": "1.0"},
}  # fmt: skip


def job(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """The job with changes: `train.lr` in the process, `/config.name` from the top, `datasets.0.resolution` in a list."""
    found = copy.deepcopy(JOB)
    for dotted, value in (changes or {}).items():
        steps = dotted[1:].split(".") if dotted.startswith("/") else ["config", "process", "0", *dotted.split(".")] if dotted else []
        target: Any = found
        for step in steps[:-1]:
            target = target[int(step)] if isinstance(target, list) else target.setdefault(step, {})
        last: Any = int(steps[-1]) if isinstance(target, list) else steps[-1]
        if value is GONE:
            target.pop(last, None)
        else:
            target[last] = value
    return found


class _Dumper(yaml.SafeDumper):
    """Quotes all text: PyYAML writes `1e-4` without quotes, which the trainer reads as a number."""


_Dumper.add_representer(str, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"'))


def text(changes: dict[str, Any] | None = None) -> str:
    """The job as YAML."""
    return yaml.dump(job(changes), Dumper=_Dumper, sort_keys=False)


def check(changes: dict[str, Any] | None = None, *, paths: bool = False) -> list[Diagnostic]:
    """The findings about a changed job."""
    return check_texts({"job.yaml": text(changes)}, trainer="ai-toolkit", paths=paths)


def told(found: list[Diagnostic]) -> list[str]:
    """Findings other than hints, on one line each."""
    return [f"{item.severity}[{item.code}] {item.path}: {item.message}" for item in found if item.severity != "hint"]
