"""The optimizer, its rate and its schedule."""

from __future__ import annotations

import math
from typing import Any

from lorabridge.backends.ai_toolkit.lint_job import Process, number, spell
from lorabridge.backends.ai_toolkit.lint_tables import EXTRA_OPTIMIZERS, FIXED_EPS, LR_SCHEDULERS, OPTIMIZERS, OVERWRITTEN
from lorabridge.backends.native.findings import nearest

_LATE = "the trainer stops when the optimizer is made, after the model load"


def check_optimizer(process: Process) -> None:
    """All rules about the learning rate, the optimizer and the schedule."""
    if process.trains:
        _rate(process)
        _optimizer(process)
        _scheduler(process)


def optimizer_name(process: Process) -> str:
    """The optimizer as the trainer compares it: in small letters."""
    name = process.get("train", "optimizer", "adamw")
    return name.lower() if isinstance(name, str) else ""


def adaptive(name: str) -> bool:
    """Whether it takes its rate from the data."""
    return name.startswith(("prodigy", "dadaptation"))


def _rate(process: Process) -> None:
    rate, name, place = process.get("train", "lr"), optimizer_name(process), ("train", "lr")
    if not number(rate):
        return
    if rate == 0:
        process.say(
            "LB323",
            place,
            "`lr: 0` trains nothing",
            "all steps are made, the LoRA stays as it began, and the trainer exits with 0",
            "write a rate such as 0.0001",
        )
    elif rate < 0:
        process.say("LB315", place, f"`lr: {rate}` is negative", _LATE, "write a rate such as 0.0001")
    elif not math.isfinite(rate):
        process.say("LB323", place, f"`lr: {rate}` is no finite number", "weights become NaN", "write a rate such as 0.0001")
    elif adaptive(name):
        if rate < 0.1:
            why = f"{name} takes its rate from the data; below 0.1 the trainer puts 1.0 in its place"
            process.say("LB317", place, f"`lr: {rate}` is replaced by 1.0", why, "write `lr: 1.0`", "warning")
        elif rate > 10:
            process.say(
                "LB317", place, f"`lr: {rate}` is far above 1", f"{name} multiplies its own estimate with it", "write `lr: 1.0`", "warning"
            )
    elif rate >= 0.1:
        why = "the loss becomes NaN, which the trainer counts as 0; it goes on and saves"
        process.say(
            "LB323", place, f"`lr: {rate}` destroys the weights", why, "0.0001 is usual for a LoRA", "error" if rate >= 1 else "warning"
        )
    elif rate > 0.01:
        process.say(
            "LB317",
            place,
            f"`lr: {rate}` is a hundred times the usual rate",
            "training may diverge",
            "0.0001 is usual for a LoRA",
            "warning",
        )


def _optimizer(process: Process) -> None:
    written = process.get("train", "optimizer", "adamw")
    name, place = optimizer_name(process), ("train", "optimizer")
    if not isinstance(written, str):
        return
    if name in EXTRA_OPTIMIZERS:
        package = "lion-pytorch" if name == "lion" else "dadaptation"
        process.say(
            "LB315",
            place,
            f"`{written}` needs the package {package}",
            f"it is not in the trainer's requirements; without it {_LATE}",
            f"pip install {package}, or write adamw8bit",
            "warning",
        )
    elif name.startswith("prodigy8bit") or (name.startswith("prodigy") and name in ("prodigy",)):
        pass
    elif name.startswith("prodigy"):
        process.say(
            "LB317",
            place,
            f"`{written}` is taken for plain Prodigy",
            "any name that begins with prodigy is",
            "did you mean `prodigy8bit`?" if "8" in name else "write `prodigy`",
            "warning",
        )
    elif name not in OPTIMIZERS:
        near = nearest(name, (*OPTIMIZERS, *EXTRA_OPTIMIZERS))
        fix = f"did you mean `{near}`?" if near else "known: " + ", ".join(f"`{item}`" for item in OPTIMIZERS)
        process.say("LB314", place, f"unknown optimizer {spell(written)}", f"{_LATE} (ValueError)", fix)
        return
    _optimizer_params(process, "prodigy8bit" if name.startswith("prodigy8bit") else "prodigy" if name.startswith("prodigy") else name)


def _optimizer_params(process: Process, name: str) -> None:
    params = process.get("train", "optimizer_params")
    for key, value in params.items() if isinstance(params, dict) else ():
        place = ("train", "optimizer_params", key)
        if key == "lr" or (key == "eps" and name in FIXED_EPS):
            fix = "write it as `train.lr`" if key == "lr" else "remove it: it is 1e-6"
            process.say(
                "LB315", place, f"`{key}` is given twice to {name}", f"the trainer hands it over itself: TypeError; {_LATE}", fix, on="key"
            )
        elif name in OPTIMIZERS and key not in OPTIMIZERS[name]:
            near = nearest(str(key), OPTIMIZERS[name])
            fix = f"did you mean `{near}`?" if near else "it knows " + ", ".join(f"`{item}`" for item in sorted(OPTIMIZERS[name]))
            process.say("LB315", place, f"{name} knows no parameter `{key}`", f"{_LATE} (TypeError)", fix, on="key")
        elif isinstance(value, str) and _looks_number(value):
            process.say(
                "LB313",
                place,
                f"`{key}: {spell(value)}` is text, not a number",
                f"{_LATE}, or at the first step",
                f"write `{value}` without quotes",
            )
        elif key == "weight_decay" and number(value) and value < 0:
            process.say("LB315", place, f"`weight_decay: {value}` is negative", _LATE, "write 0 or more")


def _looks_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _scheduler(process: Process) -> None:
    name, place = process.get("train", "lr_scheduler", "constant"), ("train", "lr_scheduler")
    params = process.get("train", "lr_scheduler_params")
    params = params if isinstance(params, dict) else {}
    if not isinstance(name, str):
        return
    if name not in LR_SCHEDULERS:
        near = nearest(name, LR_SCHEDULERS)
        if name in ("step", "polynomial", "piecewise_constant") or name.endswith("_with_min_lr"):
            why = "the trainer always hands it `total_iters`, which it does not take; it stops after the model is loaded"
        else:
            why = "the trainer stops after the model is loaded (ValueError)"
        fix = f"did you mean `{near}`?" if near else "known: " + ", ".join(f"`{item}`" for item in LR_SCHEDULERS)
        process.say("LB314" if name != "step" else "LB315", place, f"the schedule {spell(name)} does not start", why, fix)
        return
    if name == "linear" and not {"start_factor", "end_factor"} & params.keys():
        why = "it is torch's LinearLR: the rate climbs from a third of lr to lr and never falls"
        process.say(
            "LB317",
            place,
            "`linear` warms up, it does not decay",
            why,
            "write `constant`, `cosine`, or set start_factor and end_factor",
            "warning",
        )
    if name == "constant_with_warmup" and "num_warmup_steps" not in params:
        process.say(
            "LB318",
            place,
            "`num_warmup_steps` is missing",
            "the trainer takes 1000",
            "write `lr_scheduler_params: {num_warmup_steps: 100}`",
            "warning",
        )
    if name == "cosine_with_restarts":
        process.say(
            "LB317",
            place,
            "`cosine_with_restarts` never restarts",
            "the trainer sets its first period to all steps",
            "write `cosine`",
            "warning",
        )
    for key, value in params.items():
        _scheduler_param(process, name, key, value)


def _scheduler_param(process: Process, name: str, key: Any, value: Any) -> None:
    place = ("train", "lr_scheduler_params", key)
    if key in OVERWRITTEN and OVERWRITTEN[key] in ("", name):
        process.say("LB312", place, f"`{key}` has no effect", "the trainer writes `train.steps` over it", "remove it", "warning", "key")
    elif key not in LR_SCHEDULERS[name]:
        near = nearest(str(key), LR_SCHEDULERS[name])
        known = ", ".join(f"`{item}`" for item in sorted(LR_SCHEDULERS[name] - {"last_epoch"}))
        fix = (
            f"did you mean `{near}`?"
            if near
            else "write `lr_scheduler: constant_with_warmup`"
            if "warmup" in str(key)
            else f"it takes {known}"
        )
        process.say(
            "LB315",
            place,
            f"the schedule `{name}` knows no `{key}`",
            "the trainer stops after the model is loaded (TypeError)",
            fix,
            on="key",
        )
    elif isinstance(value, str):
        process.say(
            "LB313",
            place,
            f"`{key}: {spell(value)}` is text, not a number",
            "the trainer stops after the model is loaded",
            "write a number",
        )
    steps = process.get("train", "steps", 1000)
    if key == "num_warmup_steps" and number(value) and number(steps) and value >= steps > 0:
        why = f"the run ends after {steps} steps, before the rate is reached"
        process.say("LB317", place, f"`num_warmup_steps: {value}` lasts longer than the run", why, "lower it", "warning")
