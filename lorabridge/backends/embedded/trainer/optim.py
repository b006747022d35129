"""Optimizers and the learning rate over time."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable
from typing import Any

import torch

from .errors import TrainerError
from .job import Optimizer, Scheduler


def make_optimizer(spec: Optimizer, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """Build the optimizer of a job.

    Raises:
        TrainerError: the package it lives in is not installed, or it does not take the arguments given.
    """
    arguments: dict[str, Any] = {"lr": spec.lr, "weight_decay": spec.weight_decay}
    if spec.betas is not None:
        arguments["betas"] = spec.betas
    if spec.eps is not None:
        arguments["eps"] = spec.eps
    arguments.update(spec.args)
    factory: Any
    if spec.type == "adamw":
        factory = torch.optim.AdamW
    elif spec.type == "sgd":
        factory = torch.optim.SGD
    elif spec.type == "adafactor":
        factory = torch.optim.Adafactor
    elif spec.type == "adamw8bit":
        factory = _from_package("bitsandbytes", "optim.AdamW8bit", spec.type)
    else:
        factory = _from_package("prodigyopt", "Prodigy", spec.type)
    try:
        optimizer: torch.optim.Optimizer = factory(list(parameters), **arguments)
    except (TypeError, ValueError) as error:
        raise TrainerError(f"optimizer {spec.type} does not take {sorted(arguments)}: {error}") from None
    return optimizer


def _from_package(package: str, path: str, name: str) -> Any:
    try:
        found: Any = importlib.import_module(package)
    except ImportError as error:
        raise TrainerError(f"optimizer {name} needs the package {package}: {error}") from None
    for part in path.split("."):
        found = getattr(found, part)
    return found


def rate_factor(spec: Scheduler, step: int, total: int) -> float:
    """The share of the full learning rate at step `step`, counted from 0, of `total`.

    Closed form on purpose: nothing to store, and a resumed run needs only its step.
    """
    if step < spec.warmup_steps:
        return (step + 1) / spec.warmup_steps
    if spec.type == "constant":
        return 1.0
    # the last step is where the decay ends, hence the one less
    done = min(1.0, (step - spec.warmup_steps) / max(1, total - 1 - spec.warmup_steps))
    if spec.type == "linear":
        shape = 1 - done
    elif spec.type == "polynomial":
        shape = (1 - done) ** spec.power
    elif spec.type == "cosine":
        shape = 0.5 * (1 + math.cos(math.pi * done))
    else:
        within = done * spec.cycles % 1.0 if done < 1 else 1.0
        shape = 0.5 * (1 + math.cos(math.pi * within))
    return spec.min_lr_ratio + (1 - spec.min_lr_ratio) * shape


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give all groups one learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
