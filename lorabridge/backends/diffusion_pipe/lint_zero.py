"""Zero and below: what counts and rates of the main file then do. Nothing here is a matter of taste; each row is an outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

from lorabridge.backends.diffusion_pipe.lint_job import Job, spell
from lorabridge.diagnostics import Severity


def good_count(value: Any) -> TypeGuard[int]:
    """A whole number from 1 on."""
    return type(value) is int and value >= 1


@dataclass(frozen=True)
class Zero:
    """A value of a key that `test` finds, and what the trainer then does."""

    key: str
    test: Callable[[Any], bool]
    code: str
    why: str
    fix: str
    severity: Severity = "error"
    only: Callable[[Job], bool] = lambda _: True


def _is_zero(value: Any) -> bool:
    return bool(value == 0)


def _below(value: Any) -> bool:
    return bool(value < 0)


def _at_most_zero(value: Any) -> bool:
    return bool(value <= 0)


def _evaluates(job: Job) -> bool:
    return bool(job.data.get("eval_datasets"))


_DIVIDES = "ZeroDivisionError"
_SAYS = {"LB315": "crashes the run", "LB316": "hangs the run", "LB317": "does not mean what it says", "LB323": "trains nothing"}
ZEROS = (
    Zero("epochs", _at_most_zero, "LB317", "one whole epoch is trained before anyone asks", "write the number of epochs"),
    Zero("max_steps", _at_most_zero, "LB317", "0 is no `off`: the run ends after its first step, with success", "remove it, or write the number of steps"),
    Zero("micro_batch_size_per_gpu", _at_most_zero, "LB315", "AssertionError after the models are loaded", "write 1 or more"),
    Zero("image_micro_batch_size_per_gpu", _at_most_zero, "LB315", "it fails after the models are loaded", "write 1 or more"),
    Zero("eval_micro_batch_size_per_gpu", _at_most_zero, "LB315", "it fails after the models are loaded", "write 1 or more", only=_evaluates),
    Zero("eval_image_micro_batch_size_per_gpu", _at_most_zero, "LB315", "it fails after the models are loaded", "write 1 or more", only=_evaluates),
    Zero("gradient_accumulation_steps", _at_most_zero, "LB315", "AssertionError after the models are loaded", "write 1 or more"),
    Zero("eval_gradient_accumulation_steps", _at_most_zero, "LB315", "it fails after the models are loaded", "write 1 or more", only=_evaluates),
    Zero("gradient_clipping", _below, "LB317", "only 0 switches it off", "write 0, or the norm", "warning"),
    Zero("warmup_steps", _below, "LB317", "there is no warmup then", "write 0, or the number of steps", "warning"),
    Zero("force_constant_lr", _is_zero, "LB323", "the key's presence counts: every rate is set to 0 and nothing is learned", "remove it"),
    Zero("force_constant_lr", _below, "LB323", "the weights move away from what they should learn", "write a rate above 0"),
    Zero("pipeline_stages", _at_most_zero, "LB315", "it fails after the models are loaded", "write 1 or more"),
    Zero("blocks_to_swap", _below, "LB315", "no such number of blocks", "write 0, or the number of blocks"),
    Zero("save_every_n_epochs", _is_zero, "LB315", f"0 is no `off`: {_DIVIDES} at the end of the first epoch, before anything is saved", "remove it"),
    Zero("save_every_n_steps", _is_zero, "LB315", f"0 is no `off`: {_DIVIDES} after the first step", "remove it"),
    Zero("save_every_n_examples", _is_zero, "LB317", "0 switches it off: only the end of the run is saved, unless another `save_every_n_*` is set", "remove it", "hint"),
    Zero("save_every_n_epochs", _below, "LB317", "the sign is ignored", "write it without sign", "warning"),
    Zero("save_every_n_steps", _below, "LB317", "the sign is ignored", "write it without sign", "warning"),
    Zero("save_every_n_examples", _below, "LB317", "the number of steps computed from it is not what it says", "write it without sign", "warning"),
    Zero("checkpoint_every_n_epochs", _is_zero, "LB315", f"0 is no `off`: {_DIVIDES} at the end of the first epoch", "remove it"),
    Zero("checkpoint_every_n_epochs", _below, "LB317", "the sign is ignored", "write it without sign", "warning"),
    Zero("steps_per_print", _below, "LB317", "the sign is ignored", "write it without sign", "warning"),
    Zero("logging_steps", _below, "LB317", "the sign is ignored", "write it without sign", "warning"),
    Zero("checkpoint_every_n_minutes", _at_most_zero, "LB317", "0 is no `off`: the whole state is saved after nearly every step, and never pruned", "remove it", "warning"),
    Zero("caching_batch_size", _at_most_zero, "LB316", "the caching process dies on it (ZeroDivisionError) and the run waits for it for ever", "write 1 or more"),
    Zero("map_num_proc", _below, "LB316", "the caching process dies on it and the run waits for it for ever", "remove it"),
    Zero("steps_per_print", _is_zero, "LB315", f"{_DIVIDES} in the first step", "write 1 or more"),
    Zero("logging_steps", _is_zero, "LB315", f"{_DIVIDES} after the first step", "write 1 or more"),
    Zero("uncond_fraction", lambda value: value >= 1, "LB317", "every caption is dropped", "write a fraction, such as 0.1", "warning"),
    Zero("uncond_fraction", _below, "LB317", "no caption is dropped", "write 0, or a fraction", "warning"),
    Zero("huber_delta", _at_most_zero, "LB315", "RuntimeError at the first step: torch takes only values above 0", "remove it", only=lambda job: not job.arch or job.arch.huber),
    Zero("smooth_l1_beta", _below, "LB315", "RuntimeError at the first step", "remove it", only=lambda job: not job.arch or job.arch.huber),
)  # fmt: skip
"""Zeros that mean `off`, as for `eval_every_n_steps`, `gradient_clipping`, `blocks_to_swap`, `map_num_proc`, `warmup_steps`, have no row."""


def check_zeros(job: Job, good: dict[str, Any]) -> None:
    """Run all rows on the values whose type is right."""
    for row in ZEROS:
        value = good.get(row.key)
        if isinstance(value, int | float) and row.test(value) and row.only(job):
            job.report(row.code, row.key, f"`{row.key} = {spell(value)}` {_SAYS[row.code]}", row.why, row.fix, row.severity)
