"""Learning rates, step by step, of the schedulers that the trainers really make, as shares of the full rate.

    python make_rate_truth.py MUSUBI_CHECKOUT AI_TOOLKIT_CHECKOUT rates.json     # a Python with torch, transformers, diffusers

diffusion-pipe's lines (train.py:840-852) are inside its main block and are repeated here; the classes are torch's.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

STEPS = 40
MUSUBI = [
    ("constant", 0, 0, 1, None, 1, 1), ("constant_with_warmup", 4, 0, 1, None, 1, 1), ("constant_with_warmup", 0.1, 0, 1, None, 1, 2),
    ("linear", 5, 0, 1, None, 1, 1), ("linear", 6, 0, 1, None, 1, 3), ("cosine", 0, 0, 1, None, 1, 1), ("cosine", 5, 0, 1, None, 1, 2),
    ("cosine_with_min_lr", 3, 0, 1, 0.1, 1, 1), ("cosine_with_restarts", 3, 0, 3, None, 1, 1), ("polynomial", 3, 0, 1, None, 2.0, 1),
    ("inverse_sqrt", 7, 0, 1, None, 1, 1), ("warmup_stable_decay", 4, 10, 1, 0.2, 1, 1), ("warmup_stable_decay", 0.1, 0.5, 1, None, 1, 1),
    ("rex", 0, 0, 1, None, 1, 1), ("rex", 1, 0, 1, 0.2, 1, 1), ("rex", 6, 0, 1, 0.05, 1, 1),
]  # fmt: skip
PIPE = [("constant", 0), ("constant", 5), ("linear", 0), ("linear", 5), ("cosine", 0), ("cosine", 6)]
TOOLKIT: list[tuple[str, dict[str, Any]]] = [
    ("constant", {}), ("linear", {}), ("linear", {"start_factor": 1.0, "end_factor": 0.1}), ("cosine", {}), ("cosine", {"eta_min": 2e-5}),
    ("cosine_with_restarts", {}), ("cosine_with_restarts", {"total_iters": 10}),
    ("cosine_with_restarts", {"total_iters": 10, "T_mult": 2, "eta_min": 1e-5}), ("constant_with_warmup", {"num_warmup_steps": 7}),
]  # fmt: skip
RATE = 1e-4


def main(musubi: str, toolkit: str, out: str) -> None:
    """Write all curves."""
    curves = [*_musubi(Path(musubi)), *_pipe(), *_toolkit(Path(toolkit))]
    Path(out).write_text(json.dumps(curves, separators=(",", ":")) + "\n", "utf-8")


def _optimizer() -> Any:
    import torch

    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)


def _walk(optimizer: Any, scheduler: Any, processes: int = 1) -> list[float]:
    rates = []
    for _ in range(STEPS):
        rates.append(round(optimizer.param_groups[0]["lr"] / RATE, 9))
        optimizer.step()
        for _ in range(processes):
            scheduler.step()
    return rates


def _musubi(home: Path) -> list[dict[str, Any]]:
    sys.path.insert(0, str(home / "src"))
    from musubi_tuner.training.trainer_base import NetworkTrainer

    curves = []
    for name, warmup, decay, cycles, least, power, processes in MUSUBI:
        train = {
            "lr_scheduler": name, "max_train_steps": STEPS, "lr_warmup_steps": warmup, "lr_decay_steps": decay,
            "lr_scheduler_num_cycles": cycles, "lr_scheduler_power": power, "learning_rate": RATE,
        }  # fmt: skip
        train |= {} if least is None else {"lr_scheduler_min_lr_ratio": least}
        rest = {"lr_scheduler_timescale": None, "lr_scheduler_args": None, "lr_scheduler_type": None, "optimizer_type": "sgd"}
        arguments = SimpleNamespace(**({"lr_scheduler_min_lr_ratio": None} | train | rest))
        optimizer = _optimizer()
        scheduler = NetworkTrainer().get_lr_scheduler(arguments, optimizer, processes)
        curves.append({"trainer": "musubi", "train": train, "processes": processes, "rates": _walk(optimizer, scheduler, processes)})
    return curves


def _pipe() -> list[dict[str, Any]]:
    from torch.optim import lr_scheduler as made

    curves = []
    for kind, warmup in PIPE:
        optimizer = _optimizer()
        scheduler: Any = made.ConstantLR(optimizer, factor=1.0)
        if kind == "linear":
            scheduler = made.LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=STEPS)
        if kind == "cosine":
            scheduler = made.CosineAnnealingLR(optimizer, T_max=STEPS, eta_min=1e-6)
        if warmup:
            rise = made.LinearLR(optimizer, start_factor=1 / warmup, total_iters=warmup)
            scheduler = made.SequentialLR(optimizer, schedulers=[rise, scheduler], milestones=[warmup])
        main = {"lr_scheduler": kind, "warmup_steps": warmup, "epochs": 2, "optimizer": {"lr": RATE}}
        curves.append({"trainer": "diffusion-pipe", "main": main, "per_epoch": STEPS // 2, "rates": _walk(optimizer, scheduler)})
    return curves


def _toolkit(home: Path) -> list[dict[str, Any]]:
    spec = importlib.util.spec_from_file_location("scheduler", home / "toolkit" / "scheduler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    curves = []
    for kind, given in TOOLKIT:
        optimizer = _optimizer()
        scheduler = module.get_lr_scheduler(kind, optimizer, **(given | {"total_iters": STEPS}))  # as BaseSDTrainProcess.py:2234 does
        scheduler.step(0)
        train = {"lr_scheduler": kind, "lr_scheduler_params": given, "steps": STEPS, "lr": RATE}
        curves.append({"trainer": "ai-toolkit", "train": train, "rates": _walk(optimizer, scheduler)})
    return curves


if __name__ == "__main__":
    main(*sys.argv[1:4])
