"""The cells of the matrix of meanings: a config for each field, each of zero, empty, null, absent and ordinary, and each trainer."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabridge.backends.base import Plan, Site
from lorabridge.backends.engine import default_of
from lorabridge.config.fields import FieldRow, leaves
from lorabridge.config.kinds import Flag
from lorabridge.config.load import load
from lorabridge.config.schema import Config
from lorabridge.plan.compile import compile_config
from tests.config.whole import CHOSEN, sample_value

SLOTS = ("zero", "empty", "null", "absent", "ordinary")
ABSENT = object()
SPECIAL = {"off", "auto", "unlimited", "random", "inherit"}
PAPER: dict[str, str] = {
    "dit": "model.paths.transformer",
    "vae": "model.paths.vae",
    "text_encoder": "model.paths.text_encoder",
    "dataset_config": "datasets[].images",
    "output_dir": "output.dir",
    "output_name": "name",
    "max_train_steps": "train.for",
    "max_train_epochs": "train.for",
    "seed": "train.seed",
    "blocks_to_swap": "memory.blocks_to_swap",
    "gradient_accumulation_steps": "train.gradient_accumulation",
    "max_data_loader_n_workers": "train.workers",
    "learning_rate": "optimizer.lr",
    "max_grad_norm": "optimizer.max_grad_norm",
    "lr_warmup_steps": "scheduler.warmup",
    "lr_decay_steps": "scheduler.decay",
    "network_dim": "adapter.rank",
    "network_alpha": "adapter.alpha",
    "network_dropout": "adapter.dropout",
    "scale_weight_norms": "adapter.max_norm",
    "save_every_n_epochs": "save.every",
    "save_every_n_steps": "save.every",
    "save_last_n_epochs": "save.keep_last",
    "save_last_n_steps": "save.keep_last",
    "caching_latent_batch_size": "cache.latents.batch_size",
    "caching_latent_num_workers": "cache.latents.workers",
    "caching_teo_batch_size": "cache.text.batch_size",
    "discrete_flow_shift": "noise.shift",
    "logit_mean": "noise.logit_mean",
    "logit_std": "noise.logit_std",
    "sample_every_n_steps": "sample.every",
    "sample_every_n_epochs": "sample.every",
    "ddp_timeout": "hardware.timeout",
    "network_weights": "adapter.init_from",
    "base_weights": "model.merge[].path",
    "resume": "train.resume_from",
    "logging_dir": "logging.dir",
    "log_with": "logging.to",
    "log_prefix": "logging.prefix",
    "wandb_api_key": "logging.wandb.key_env",
    "optimizer_args": "optimizer.args",
    "network_args": "adapter.conv_rank",
    "additional_parameters": "backends",
    "fp8_vl": "model.quantize.text_encoder",
    "fp8_base": "model.quantize.transformer",
    "fp8_scaled": "model.quantize.transformer",
    "sdpa": "memory.attention",
    "gradient_checkpointing": "memory.gradient_checkpointing",
    "save_state": "save.state",
    "no_metadata": "save.metadata",
    "dit_dtype": "model.dtype",
    "timestep_sampling": "noise.timestep_sampling",
    "weighting_scheme": "noise.weighting",
    "optimizer_type": "optimizer.type",
    "lr_scheduler": "scheduler.type",
}
"""Field of the Qwen-Image paper to the field of the language that says it."""
_THREE = {"transformer": "/m/dit.safetensors", "vae": "/m/vae.safetensors", "text_encoder": "/m/te.safetensors"}
MODELS: dict[str, dict[str, Any]] = {
    "musubi": {"family": "qwen-image", "paths": _THREE},
    "diffusion-pipe": {"family": "qwen-image", "paths": _THREE},
    "ai-toolkit": {"family": "qwen-image", "paths": {"repo": "Qwen/Qwen-Image"}},
    "embedded": {"family": "sana", "paths": {"repo": "./model"}},
}
WAN: dict[str, dict[str, Any]] = {
    "musubi": {"family": "wan22", "variant": "t2v-a14b", "experts": {"train": "low-noise"}, "paths": _THREE},
    "diffusion-pipe": {
        "family": "wan22",
        "variant": "t2v-a14b",
        "experts": {"train": "low-noise"},
        "paths": {"repo": "/m/wan", "transformer": "/m/low"},
    },
    "ai-toolkit": {"family": "wan22", "variant": "t2v-a14b", "paths": {"repo": "ai-toolkit/Wan2.2-T2V-A14B-Diffusers-bf16"}},
    "embedded": MODELS["embedded"],
}
"""For what only a video model, or one with two experts, has."""
AROUND: dict[str, dict[str, Any]] = {
    "evaluate.": {"evaluate": {"every": "10 steps", "datasets": [{"images": "/e"}]}},
    "preservation.": {"preservation": {"class": "cat"}, "trigger": "ohwx"},
    "sample.": {"sample": {"every": "10 steps", "prompts": [{"prompt": "a cat"}]}},
    "logging.wandb.": {"logging": {"to": "wandb", "wandb": {"project": "p"}}},
    "logging.prefix": {"logging": {"to": "tensorboard", "dir": "/logs"}},
    "logging.dir": {"logging": {"to": "tensorboard"}},
    "save.keep_last": {"save": {"every": "10 steps"}},
    "noise.logit_mean": {"noise": {"timestep_sampling": "logit-normal"}},
    "noise.logit_std": {"noise": {"timestep_sampling": "logit-normal"}},
    "noise.sigmoid_scale": {"noise": {"timestep_sampling": "sigmoid"}},
    "noise.shift": {"noise": {"timestep_sampling": "shift"}},
    "scheduler.decay": {"scheduler": {"type": "warmup-stable-decay"}},
    "scheduler.min_lr_ratio": {"scheduler": {"type": "cosine"}},
    "model.merge[].": {"model": {"merge": [{"path": "/m/merged.safetensors"}]}},
    "datasets[].videos": {"datasets": [{"videos": "/v", "video": {"frames": [17]}}]},
    "datasets[].jsonl": {"datasets": [{"jsonl": "/l.jsonl"}]},
    "datasets[].mask_floor": {"datasets": [{"images": "/data/a", "masks": "/data/masks", "resolution": [512]}]},
    "evaluate.datasets[].videos": {"evaluate": {"datasets": [{"videos": "/v"}]}},
    "evaluate.datasets[].jsonl": {"evaluate": {"datasets": [{"jsonl": "/l.jsonl"}]}},
    "evaluate.datasets[].video.": {"evaluate": {"datasets": [{"videos": "/v", "video": {"frames": [17]}}]}},
    "evaluate.datasets[].mask_floor": {"evaluate": {"datasets": [{"images": "/e", "masks": "/masks"}]}},
    "datasets[].video.": {"datasets": [{"videos": "/v", "video": {"frames": [17]}}]},
    "adapter.factor": {"adapter": {"type": "lokr"}},
    "adapter.conv_alpha": {"adapter": {"conv_rank": 4}},
}
"""What must stand around a field, by the beginning of its path."""
ORDINARY: dict[str, Any] = {
    "model.paths.repo": "./repo",
    "model.variant": "2512",
    "model.experts.boundary": 0.8,
    "datasets[].videos": "/v",
    "datasets[].jsonl": "/l.jsonl",
    "model.quantize.transformer": "fp8-scaled",
    "model.quantize.text_encoder": "fp8",
    "model.dtype": "fp16",
    "model.vae_dtype": "fp32",
    "memory.attention": "flash",
    "memory.layer_offload": 0.5,
    "optimizer.type": "adamw",
    "optimizer.betas": [0.9, 0.99],
    "optimizer.args": {"weight_decay": 0.01},
    "optimizer.eps": 1e-8,
    "scheduler.type": "cosine",
    "scheduler.args": {"last_epoch": -1},
    "scheduler.warmup": "5 steps",
    "noise.timestep_sampling": "sigmoid",
    "noise.weighting": "sigma-sqrt",
    "loss.type": "huber",
    "logging.to": "tensorboard",
    "logging.dir": "/logs",
    "train.resume_from": "/out/state",
    "train.mixed_precision": "off",
    "adapter.init_from": "/m/start.safetensors",
    "adapter.targets.layers": "attention",
    "adapter.type": "lokr",
    "adapter.dtype": "bf16",
    "model.merge[].path": "/m/merged.safetensors",
    "hardware.device": "cpu",
    "hardware.gpus": [0],
    "cache.latents.to": "memory",
    "cache.text.to": "memory",
    "output.dir": "/results",
    "save.dtype": "fp16",
    "sample.width": 512,
    "sample.height": 512,
    "sample.prompts[].width": 512,
    "sample.prompts[].height": 512,
    "datasets[].images": "/data/other",
    "datasets[].flip": "horizontal",
    "datasets[].captions.extension": ".caption",
    "datasets[].cache_dir": "/cache",
}


OWN: dict[tuple[str, str], Any] = {
    ("musubi", "backends"): {"musubi": {"network_args": ["conv_dim=4"]}},
    ("diffusion-pipe", "backends"): {"diffusion-pipe": {"main": {"steps_per_print": 5}}},
    ("ai-toolkit", "backends"): {"ai-toolkit": {"train": {"noise_offset": 0.1}}},
    ("embedded", "backends"): {"embedded": {"model": {"max_sequence_length": 48}}},
    ("diffusion-pipe", "logging.to"): "wandb",
    ("diffusion-pipe", "scheduler.type"): "linear",
    ("embedded", "model.variant"): "512",
}
"""Ordinary values for one trainer."""
OWN_AROUND: dict[tuple[str, str], dict[str, Any]] = {
    (trainer, "trigger"): {"sample": {"every": "10 steps", "prompts": [{"prompt": "a [trigger]"}]}} for trainer in ("musubi", "embedded")
}


@dataclass(frozen=True)
class Cell:
    """One config; `raw` is shown as a person would write it."""

    trainer: str
    path: str
    slot: str
    raw: Any

    @property
    def name(self) -> str:
        return f"{self.trainer} {self.path} {self.slot}"


def fields() -> dict[str, FieldRow]:
    """The fields of the matrix: those of the paper, and those with a special meaning of their own."""
    found = leaves(Config)
    return {path: row for path, row in found.items() if path in PAPER.values() or _special(row)}


def _special(row: FieldRow) -> bool:
    meanings = row.meanings
    kinds = {getattr(meanings, slot).kind for slot in SLOTS[:4] if getattr(meanings, slot, None) is not None}
    return bool(kinds & SPECIAL)


def cells(trainer: str) -> Iterator[Cell]:
    """All cells of a trainer, field by field."""
    for path, row in fields().items():
        ordinary = OWN.get((trainer, path), ORDINARY.get(path, CHOSEN.get(path, _sample(path, row))))
        raw = {"zero": 0, "empty": [] if row.listed else "", "null": None, "absent": ABSENT, "ordinary": ordinary}
        for slot in SLOTS:
            yield Cell(trainer, path, slot, raw[slot])


def _sample(path: str, row: FieldRow) -> Any:
    """A switch is turned to where it is not; anything else as the whole document has it."""
    return default_of(path) is not True if isinstance(row.kind, Flag) else sample_value(row)


def another(raw: Any) -> Any:
    """A second ordinary value, to see what a field has a say in."""
    if isinstance(raw, str) and "/" in raw:
        return f"{raw}2"
    if isinstance(raw, str) and raw[:1].isdigit():
        return f"9{raw}"
    return f"{raw}-2" if isinstance(raw, str) else [another(item) for item in raw] if isinstance(raw, list) else raw


def config(cell: Cell) -> dict[str, Any]:
    """The language data of a cell."""
    data: dict[str, Any] = {
        "lorabridge": 1,
        "name": "cell",
        "model": copy.deepcopy((WAN if cell.path.startswith(_VIDEO) else MODELS)[cell.trainer]),
        "datasets": [{"images": "/data/a", "resolution": [512]}],
        "train": {"for": "100 steps"},
    }
    for start, around in AROUND.items():
        if cell.path.startswith(start):
            data = _merged(data, copy.deepcopy(around))
    data = _merged(data, copy.deepcopy(OWN_AROUND.get((cell.trainer, cell.path), {})))
    _put(data, re.findall(r"[^.\[\]]+|\[\]", cell.path), cell.raw)
    return data


_VIDEO = ("model.experts.", "datasets[].video", "model.paths.transformer_high_noise")


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    return {
        **base,
        **{
            key: _merged(base[key], value) if isinstance(base.get(key), dict) and isinstance(value, dict) else value
            for key, value in over.items()
        },
    }


def _put(data: Any, parts: list[str], raw: Any) -> None:
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        if not following:
            data.pop(part, None) if raw is ABSENT else data.__setitem__(part, raw)
        elif part == "[]":
            data = data[0]
        else:
            made: Any = [{}] if following == "[]" else {}
            data = data.setdefault(part, made)


def compiled(cell: Cell, folder: Path) -> tuple[Plan, str, str]:
    """The plan, the code that refuses the cell, and the code that tells its field has no effect here; empty where there is none."""
    source = folder / "cell.json.yaml"
    source.write_text(json.dumps(config(cell)), encoding="utf-8")
    plan = compile_config(load(source, environ={}), cell.trainer, Site(root="/project", seed=12345, files=folder.as_posix()))
    errors = [item for item in plan.diagnostics if item.severity == "error"]
    told = [item.code for item in plan.diagnostics if item.severity != "error" and _general(item.path) == cell.path]
    return plan, _refusal(cell.path, [(item.code, _general(item.path)) for item in errors]), next(iter(told), "")


def _general(path: str) -> str:
    return re.sub(r"\[\d+\]", "[]", path)


def _refusal(path: str, errors: list[tuple[str, str]]) -> str:
    """The code at the field, at what holds it, or else the first error with its place."""
    for code, where in errors:
        if where == path or path.startswith((f"{where}.", f"{where}[]")) or where.startswith((f"{path}.", f"{path}[]")):
            return code
    return f"{errors[0][0]} at {errors[0][1]}" if errors else ""
