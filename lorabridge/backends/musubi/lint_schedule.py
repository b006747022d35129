"""The schedule of the learning rate: its name, its class, its arguments, its warmup."""

from __future__ import annotations

import math
import re
from typing import Any

from lorabridge.backends.musubi.lint_model import Setup
from lorabridge.backends.musubi.lint_tables import AFTER_DIT, schedule_free
from lorabridge.backends.native.findings import nearest

SCHEDULERS = (
    "constant",
    "constant_with_warmup",
    "linear",
    "cosine",
    "cosine_with_restarts",
    "polynomial",
    "inverse_sqrt",
    "cosine_with_min_lr",
    "warmup_stable_decay",
    "rex",
)
_BROKEN = {
    "reduce_lr_on_plateau": "the trainer calls it with arguments that it does not take",
    "cosine_warmup_with_min_lr": "the trainer calls it with arguments that it does not take",
}
_SCHEDULER_TAKES: dict[str, tuple[str, ...]] = {
    "constant": ("last_epoch",),
    "constant_with_warmup": ("last_epoch",),
    "linear": ("last_epoch",),
    "cosine": ("num_cycles", "last_epoch"),
    "cosine_with_restarts": ("last_epoch",),
    "polynomial": ("lr_end", "last_epoch"),
    "inverse_sqrt": ("last_epoch",),
    "cosine_with_min_lr": ("min_lr", "last_epoch"),
    "warmup_stable_decay": ("warmup_type", "decay_type", "last_epoch"),
    "piecewise_constant": ("step_rules", "last_epoch"),
    "rex": ("rex_alpha", "rex_beta", "last_epoch"),
}
"""What `lr_scheduler_args` may add: the trainer itself gives the other arguments, and nothing can be given twice."""
_OWN_KEY = {
    "num_cycles": "lr_scheduler_num_cycles",
    "power": "lr_scheduler_power",
    "timescale": "lr_scheduler_timescale",
    "min_lr_rate": "lr_scheduler_min_lr_ratio",
    "min_lr_ratio": "lr_scheduler_min_lr_ratio",
    "num_warmup_steps": "lr_warmup_steps",
}
_CLASSES: dict[str, tuple[str, ...]] = {
    "ConstantLR": (), "LinearLR": (), "PolynomialLR": (), "StepLR": ("step_size",), "MultiStepLR": ("milestones",), "ExponentialLR": ("gamma",), "CosineAnnealingLR": ("T_max",),
    "CosineAnnealingWarmRestarts": ("T_0",), "CyclicLR": ("base_lr", "max_lr"), "OneCycleLR": ("max_lr",),
}  # fmt: skip
"""Classes of torch.optim.lr_scheduler and the arguments that they need."""
_UNFIT_CLASSES = {
    "LambdaLR": "it needs a function", "MultiplicativeLR": "it needs a function", "ReduceLROnPlateau": "it needs the loss at each step, which the trainer does not give",
    "SequentialLR": "it needs other schedulers", "ChainedScheduler": "it needs other schedulers", "LRScheduler": "it is the base of the others",
}  # fmt: skip


def check_schedule(setup: Setup, args: dict[str, Any], optimizer: dict[str, Any]) -> None:
    """The schedule by its name, or by its class."""
    kind, name = setup.settings.get("lr_scheduler_type"), setup.get("lr_scheduler")
    relative = setup.text("optimizer_type").lower() == "adafactor" and (
        optimizer.get("relative_step", True) or optimizer.get("warmup_init", False)
    )
    written = setup.has("lr_scheduler") and isinstance(name, str) and bool(name)
    if schedule_free(setup):
        if (written and name != "constant") or setup.get("lr_warmup_steps"):
            setup.say(
                "LB312",
                "lr_scheduler" if written else "lr_warmup_steps",
                "a schedule-free optimizer ignores schedulers and warmup",
                "the trainer puts a dummy in their place",
                'remove them; `optimizer_args = ["warmup_steps=100"]` warms up',
                severity="warning",
            )
        return
    if kind is not None and kind.known and isinstance(kind.value, str) and kind.value:
        if written and name != "constant":
            setup.say(
                "LB312",
                "lr_scheduler",
                "`lr_scheduler_type` overrides `lr_scheduler`",
                "the class is used, and gets only lr_scheduler_args",
                "keep one of the two",
                severity="warning",
                also="lr_scheduler_type",
            )
        _scheduler_class(setup, kind.value, args)
        return
    if not relative:
        if written:
            _scheduler_name(setup, str(name), args)
        _scheduler_args(setup, str(name), args)
        _warmup(setup, name)


def _scheduler_class(setup: Setup, value: str, args: dict[str, Any]) -> None:
    module, _, name = value.rpartition(".")
    if module not in ("", "torch.optim.lr_scheduler"):
        return
    if name in _UNFIT_CLASSES:
        setup.say(
            "LB315",
            "lr_scheduler_type",
            f"{name} cannot be used: {_UNFIT_CLASSES[name]}",
            "the trainer stops after the model is loaded, or at the first step",
            "write another class, or use `lr_scheduler`",
        )
    elif name not in _CLASSES:
        near = nearest(name, _CLASSES)
        setup.say(
            "LB314",
            "lr_scheduler_type",
            f"torch.optim.lr_scheduler has no `{name}`",
            f"{AFTER_DIT}; plain names such as `cosine` go into `lr_scheduler`",
            f"did you mean `{near}`?" if near else "move it to `lr_scheduler`, or write a class",
        )
    elif missing := [key for key in _CLASSES[name] if key not in args]:
        setup.say(
            "LB318",
            "lr_scheduler_type",
            f"{name} needs {', '.join(missing)}",
            f"{AFTER_DIT} (TypeError)",
            f'write `lr_scheduler_args = ["{missing[0]}=…"]`',
        )
    elif name == "OneCycleLR" and "total_steps" not in args and not {"epochs", "steps_per_epoch"} <= args.keys():
        setup.say(
            "LB318",
            "lr_scheduler_type",
            "OneCycleLR needs total_steps",
            f"{AFTER_DIT} (ValueError)",
            'write `lr_scheduler_args = ["max_lr=1e-4", "total_steps=1600"]`',
        )


def _scheduler_args(setup: Setup, name: str, args: dict[str, Any]) -> None:
    known = _SCHEDULER_TAKES.get(name.lower() if name.lower() == "rex" else name, ())
    for key in args if known else ():
        if key not in known:
            fix = f"write `{_OWN_KEY[key]}`" if key in _OWN_KEY else f"it takes {', '.join(known)}"
            setup.say("LB315", "lr_scheduler_args", f"the scheduler `{name}` takes no `{key}` here", f"{AFTER_DIT} (TypeError)", fix)


def _scheduler_name(setup: Setup, name: str, args: dict[str, Any]) -> None:
    if name in _BROKEN:
        setup.say(
            "LB315",
            "lr_scheduler",
            f"`{name}` does not work in this trainer",
            f"{AFTER_DIT}: {_BROKEN[name]}",
            f"write one of {', '.join(SCHEDULERS)}",
        )
    elif name.startswith("adafactor"):
        fits = setup.text("optimizer_type").lower() == "adafactor" and re.fullmatch(r"adafactor:[\d.eE+-]+", name)
        if not fits:
            setup.say(
                "LB315",
                "lr_scheduler",
                "this scheduler belongs to AdaFactor with relative_step, which sets it itself",
                AFTER_DIT,
                'write "constant"',
            )
    elif name == "piecewise_constant":
        if "step_rules" not in args:
            setup.say(
                "LB315",
                "lr_scheduler",
                "`piecewise_constant` needs `step_rules`",
                AFTER_DIT,
                "write `lr_scheduler_args = [\"step_rules='1:100,0.1'\"]`",
            )
    elif name.lower() == "rex":
        return
    elif name not in SCHEDULERS:
        near = nearest(name, SCHEDULERS)
        setup.say(
            "LB314",
            "lr_scheduler",
            f"there is no scheduler `{name}`",
            f"{AFTER_DIT} (ValueError)",
            f"did you mean `{near}`?" if near else f"write one of {', '.join(SCHEDULERS)}",
        )
    elif name == "cosine_with_min_lr" and "lr_scheduler_min_lr_ratio" not in setup.settings and not {"min_lr", "min_lr_rate"} & args.keys():
        setup.say(
            "LB318",
            "lr_scheduler",
            "`cosine_with_min_lr` needs `lr_scheduler_min_lr_ratio`",
            f"{AFTER_DIT} (ValueError)",
            "write `lr_scheduler_min_lr_ratio = 0.1`",
        )

    if name == "cosine_with_min_lr" and "min_lr" in args and "lr_scheduler_min_lr_ratio" in setup.settings:
        setup.say(
            "LB319",
            "lr_scheduler_args",
            "`min_lr` and `lr_scheduler_min_lr_ratio` exclude each other",
            f"{AFTER_DIT} (ValueError)",
            "keep one of the two",
            also="lr_scheduler_min_lr_ratio",
        )
    if name.lower() == "rex" and (setup.number("lr_scheduler_min_lr_ratio") or 0) > 1:
        setup.say(
            "LB315",
            "lr_scheduler_min_lr_ratio",
            "the lowest learning rate is above the highest",
            f"{AFTER_DIT} (ValueError)",
            "write a share below 1",
        )


def _warmup(setup: Setup, name: Any) -> None:
    for key in ("lr_warmup_steps", "lr_decay_steps"):
        setting = setup.settings.get(key)
        if (
            setting is None
            or not setting.known
            or isinstance(setting.value, bool)
            or not isinstance(setting.value, int | float)
            or not math.isfinite(setting.value)
        ):
            continue
        value = setting.value
        if isinstance(value, float) and value >= 1 and (key == "lr_warmup_steps" or name == "warmup_stable_decay"):
            setup.say(
                "LB317",
                key,
                f"`{value}` is {value:g} times the whole training, not {value:g} steps",
                "a number with a point is a share of all steps; the learning rate never rises to its value",
                f"write {int(value)} for steps, or a share below 1 such as 0.05",
            )
        elif value < 0 and (key == "lr_warmup_steps" or name == "warmup_stable_decay"):
            setup.say("LB317", key, f"`{key}` is negative", "the schedule starts in its middle", "write 0 or more", severity="warning")
    warmup = setup.settings.get("lr_warmup_steps")
    if name == "constant" and warmup is not None and warmup.known and _steps(setup, warmup.value):
        setup.say(
            "LB319",
            "lr_warmup_steps",
            "the scheduler `constant` takes no warmup",
            f"{AFTER_DIT}: `does not require num_warmup_steps`",
            'write `lr_scheduler = "constant_with_warmup"`',
            also="lr_scheduler",
        )
    total = setup.number("max_train_steps")
    if name == "warmup_stable_decay" and total and "max_train_epochs" not in setup.settings:
        used = sum(_steps(setup, setup.get(key, 0)) for key in ("lr_warmup_steps", "lr_decay_steps"))
        if used > total:
            setup.say(
                "LB319",
                "lr_decay_steps",
                f"warmup and decay take {used} of {total:g} steps",
                "nothing is left between them, and the decay does not end",
                "write fewer steps",
                severity="warning",
                also="max_train_steps",
            )


def _steps(setup: Setup, value: Any) -> int:
    """The warmup in steps, 1 where it is a share of an unknown length; 0 for what is no number."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        total = setup.number("max_train_steps")
        known = "max_train_epochs" not in setup.settings and total is not None
        return int(value * (total or 0)) if known else int(value > 0)
    return value if isinstance(value, int) else 0
