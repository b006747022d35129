"""Optimizer, scheduler and network: names, and the `key=value` lists that go to them."""

from __future__ import annotations

import ast
import math
import re
from typing import Any

from lorabridge.backends.musubi.lint_model import Setup
from lorabridge.backends.musubi.lint_tables import AFTER_DIT, schedule_free
from lorabridge.backends.native.findings import nearest
from lorabridge.diagnostics import Span

TORCH = ("ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Muon", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD")
_UNFIT = {"LBFGS": "it needs a closure", "SparseAdam": "it takes sparse gradients only"}
_BNB = (
    *(
        f"{paged}{name}{bits}"
        for name in ("AdEMAMix", "Adam", "AdamW", "Lion")
        for paged in ("", "Paged")
        for bits in ("", "8bit", "32bit")
    ),
    *(f"{name}{bits}" for name in ("Adagrad", "LAMB", "LARS", "RMSprop", "SGD") for bits in ("", "8bit", "32bit")),
)
_ADAM = ("betas", "eps", "weight_decay", "amsgrad", "maximize", "foreach", "capturable", "differentiable", "fused")
_BNB_ADAM = (
    "betas",
    "eps",
    "weight_decay",
    "amsgrad",
    "optim_bits",
    "args",
    "min_8bit_size",
    "percentile_clipping",
    "block_wise",
    "is_paged",
)
_TAKES: dict[str, tuple[str, ...]] = {
    "adamw": _ADAM,
    "adamw8bit": _BNB_ADAM,
    "adafactor": ("eps", "clip_threshold", "decay_rate", "beta1", "weight_decay", "scale_parameter", "relative_step", "warmup_init"),
    "torch.optim.adamw": _ADAM,
    "torch.optim.adam": (*_ADAM, "decoupled_weight_decay"),
    "torch.optim.sgd": ("momentum", "dampening", "weight_decay", "nesterov", "maximize", "foreach", "differentiable", "fused"),
    "torch.optim.radam": ("betas", "eps", "weight_decay", "decoupled_weight_decay", "foreach", "maximize", "capturable", "differentiable"),
    "torch.optim.nadam": (
        "betas",
        "eps",
        "weight_decay",
        "momentum_decay",
        "decoupled_weight_decay",
        "foreach",
        "maximize",
        "capturable",
        "differentiable",
    ),
    "torch.optim.adagrad": (
        "lr_decay",
        "weight_decay",
        "initial_accumulator_value",
        "eps",
        "foreach",
        "maximize",
        "differentiable",
        "fused",
    ),
    "torch.optim.rmsprop": ("alpha", "eps", "weight_decay", "momentum", "centered", "capturable", "foreach", "maximize", "differentiable"),
    "torch.optim.adamax": ("betas", "eps", "weight_decay", "foreach", "maximize", "differentiable", "capturable"),
    "bitsandbytes.optim.adamw8bit": _BNB_ADAM,
    "bitsandbytes.optim.lion8bit": ("betas", "weight_decay", "args", "min_8bit_size", "percentile_clipping", "block_wise", "is_paged"),
    "prodigyopt.prodigy": (
        "betas",
        "beta3",
        "eps",
        "weight_decay",
        "decouple",
        "use_bias_correction",
        "safeguard_warmup",
        "d0",
        "d_coef",
        "growth_rate",
        "fsdp_in_use",
        "slice_p",
    ),
}
"""The arguments of optimizers, by lower-case name."""
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
_NETWORK = (
    "conv_dim",
    "conv_alpha",
    "rank_dropout",
    "module_dropout",
    "verbose",
    "loraplus_lr_ratio",
    "exclude_patterns",
    "include_patterns",
)
_STOPS = f"{AFTER_DIT}"


def check_args(setup: Setup) -> None:
    """Every finding about optimizer, scheduler and network arguments."""
    optimizer = _pairs(setup, "optimizer_args", literal=True)
    _optimizer(setup, optimizer)
    scheduler = _pairs(setup, "lr_scheduler_args", literal=True)
    _scheduler(setup, scheduler, optimizer)
    _network(setup, _pairs(setup, "network_args", literal=False))


def _pairs(setup: Setup, key: str, literal: bool) -> dict[str, Any]:
    """The arguments by name; what cannot be taken apart is reported."""
    setting = setup.settings.get(key)
    found: dict[str, Any] = {}
    if setting is None or not setting.known or not isinstance(setting.value, list):
        return found
    for index, item in enumerate(setting.value):
        if not isinstance(item, str):
            continue
        if item.count("=") != 1:
            many = "one `=` each: the trainer splits at every one" if "=" in item else "no `=` in it"
            setup.findings.add(
                "LB315",
                _item(setup, key, index),
                f"`{item}` in `{key}` has {many}",
                f"{_STOPS} (ValueError)",
                f'write one text per argument: {key} = ["a=1", "b=2"]',
            )
            continue
        name, value = item.split("=")
        if name != name.strip():
            why = (
                "the blank belongs to the name: the argument is not recognised and ignored in silence"
                if not literal
                else f"the blank belongs to the name; {_STOPS} (TypeError)"
            )
            setup.findings.add(
                "LB317" if not literal else "LB315",
                _item(setup, key, index),
                f"`{item}` has blanks around `=`",
                why,
                f'write "{name.strip()}={value.strip()}"',
            )
            continue
        if literal:
            try:
                found[name] = ast.literal_eval(value)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                quoted = f"\"{name}='{value}'\""
                setup.findings.add(
                    "LB315",
                    _item(setup, key, index),
                    f"`{value}` is no Python value",
                    f"{_STOPS}: the value is read by ast.literal_eval",
                    f"write text in quotes: {quoted}; True, False and None in capitals",
                )
        else:
            found[name] = value
    return found


def _item(setup: Setup, key: str, index: int) -> Span:
    setting = setup.settings[key]
    if setup.file is not None and not setting.typed:
        for path, place in setup.file.places.items():
            if path[-2:] == (key, index):
                return place.value
    return setting.span


def _optimizer(setup: Setup, args: dict[str, Any]) -> None:
    setting = setup.settings.get("optimizer_type")
    if setting is None or not setting.known or not isinstance(setting.value, str) or not setting.value:
        return
    name = setting.value
    if not _known_optimizer(setup, name):
        return
    full = name.lower() if "." in name or name.lower() in _TAKES else f"torch.optim.{name.lower()}"
    taken = _TAKES.get(full)
    for key in args:
        if key in ("lr", "params"):
            setup.say(
                "LB315", "optimizer_args", f"`{key}` is given to the optimizer twice", f"{_STOPS} (TypeError)", "write `learning_rate`"
            )
        elif taken is not None and key not in taken:
            near = nearest(key, taken)
            setup.say(
                "LB315",
                "optimizer_args",
                f"{name} takes no argument `{key}`",
                f"{_STOPS} (TypeError)",
                f"did you mean `{near}`?" if near else f"it takes {', '.join(taken)}",
            )
    if args.get("nesterov") is True and not args.get("momentum"):
        setup.say("LB319", "optimizer_args", "`nesterov` needs a `momentum`", f"{_STOPS} (ValueError)", 'write "momentum=0.9" too')
    _optimizer_values(setup, args)
    if name.lower() == "adafactor":
        _adafactor(setup, args)


def _known_optimizer(setup: Setup, name: str) -> bool:
    """Whether the optimizer can be found; if not, it is reported."""
    if name.lower() in ("adamw", "adamw8bit", "adafactor") or name in TORCH:
        return True
    if "." not in name:
        if name in _UNFIT:
            setup.say(
                "LB315",
                "optimizer_type",
                f"{name} cannot train this: {_UNFIT[name]}",
                "the trainer stops at the first step",
                'write "adamw8bit"',
            )
        else:
            _no_optimizer(setup, name)
        return False
    return _class_path(setup, name)


def _no_optimizer(setup: Setup, name: str) -> None:
    exact = next((item for item in TORCH if item.lower() == name.lower()), "")
    bnb = next((item for item in _BNB if item.lower() == name.lower()), "")
    other = {
        "prodigy": "prodigyopt.Prodigy",
        "lion": "lion_pytorch.Lion",
        "came": "came_pytorch.CAME",
        "adamwschedulefree": "schedulefree.AdamWScheduleFree",
    }.get(name.lower(), "")
    near = exact or (f"bitsandbytes.optim.{bnb}" if bnb else "") or other or nearest(name, ("adamw", "adamw8bit", "adafactor"))
    why = f"{_STOPS}: apart from AdamW, AdamW8bit and AdaFactor, names without a dot are classes of torch.optim, in exact letters"
    setup.say(
        "LB314",
        "optimizer_type",
        f"there is no optimizer `{name}`",
        why,
        f'write "{near}"' if near else 'write "adamw8bit", or the path of a class',
    )


def _class_path(setup: Setup, name: str) -> bool:
    module, _, cls = name.rpartition(".")
    known = {"torch.optim": TORCH, "bitsandbytes.optim": _BNB}.get(module)
    if known is not None and cls not in known:
        setup.say(
            "LB314",
            "optimizer_type",
            f"{module} has no `{cls}`",
            f"{_STOPS} (AttributeError)",
            f'write "{module}.{nearest(cls, known) or known[0]}"',
        )
        return False
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", name) or name in ("torch.optim", "bitsandbytes.optim"):
        setup.say(
            "LB314",
            "optimizer_type",
            f"`{name}` is no path of a class",
            f"{_STOPS} (it is imported)",
            'write for example "bitsandbytes.optim.AdamW8bit"',
        )
        return False
    package = name.partition(".")[0]
    if package not in ("torch", "bitsandbytes", "transformers"):
        setup.say(
            "LB315",
            "optimizer_type",
            f"`{name}` needs the package {package}",
            f"it is not among the trainer's requirements; where it is missing, {_STOPS}",
            "install it in the trainer's environment",
            severity="warning",
        )
    return True


def _optimizer_values(setup: Setup, args: dict[str, Any]) -> None:
    betas = args.get("betas")
    if betas is not None and not (
        isinstance(betas, tuple | list) and len(betas) in (2, 3) and all(isinstance(item, int | float) and 0 <= item < 1 for item in betas)
    ):
        setup.say(
            "LB315", "optimizer_args", f"`betas={betas}` are no betas", _STOPS, 'write "betas=(0.9,0.999)": two numbers from 0 to below 1'
        )
    for key in ("weight_decay", "eps", "momentum"):
        value = args.get(key)
        if isinstance(value, str) or (isinstance(value, int | float) and value < 0):
            setup.say("LB315", "optimizer_args", f"`{key}={value}` is not 0 or more", _STOPS, "write a number, 0 or more, without quotes")


def _adafactor(setup: Setup, args: dict[str, Any]) -> None:
    if not (args.get("relative_step", True) or args.get("warmup_init", False)):
        return
    setup.say(
        "LB317", "optimizer_type", "AdaFactor with relative_step decides the learning rate itself", "learning_rate is only logged as the initial one and lr_scheduler is replaced",
        'write `optimizer_args = ["relative_step=False", "scale_parameter=False", "warmup_init=False"]` to use your learning rate', severity="warning",
    )  # fmt: skip
    if setup.get("lr_warmup_steps") and not setup.on("lr_scheduler_type"):
        setup.say(
            "LB319",
            "lr_warmup_steps",
            "AdaFactor with relative_step takes no warmup",
            f"{_STOPS} (ValueError)",
            "remove it",
            also="optimizer_type",
        )


def _scheduler(setup: Setup, args: dict[str, Any], optimizer: dict[str, Any]) -> None:
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
            f"{_STOPS}; plain names such as `cosine` go into `lr_scheduler`",
            f"did you mean `{near}`?" if near else "move it to `lr_scheduler`, or write a class",
        )
    elif missing := [key for key in _CLASSES[name] if key not in args]:
        setup.say(
            "LB318",
            "lr_scheduler_type",
            f"{name} needs {', '.join(missing)}",
            f"{_STOPS} (TypeError)",
            f'write `lr_scheduler_args = ["{missing[0]}=…"]`',
        )
    elif name == "OneCycleLR" and "total_steps" not in args and not {"epochs", "steps_per_epoch"} <= args.keys():
        setup.say(
            "LB318",
            "lr_scheduler_type",
            "OneCycleLR needs total_steps",
            f"{_STOPS} (ValueError)",
            'write `lr_scheduler_args = ["max_lr=1e-4", "total_steps=1600"]`',
        )


def _scheduler_args(setup: Setup, name: str, args: dict[str, Any]) -> None:
    known = _SCHEDULER_TAKES.get(name.lower() if name.lower() == "rex" else name, ())
    for key in args if known else ():
        if key not in known:
            fix = f"write `{_OWN_KEY[key]}`" if key in _OWN_KEY else f"it takes {', '.join(known)}"
            setup.say("LB315", "lr_scheduler_args", f"the scheduler `{name}` takes no `{key}` here", f"{_STOPS} (TypeError)", fix)


def _scheduler_name(setup: Setup, name: str, args: dict[str, Any]) -> None:
    if name in _BROKEN:
        setup.say(
            "LB315",
            "lr_scheduler",
            f"`{name}` does not work in this trainer",
            f"{_STOPS}: {_BROKEN[name]}",
            f"write one of {', '.join(SCHEDULERS)}",
        )
    elif name.startswith("adafactor"):
        fits = setup.text("optimizer_type").lower() == "adafactor" and re.fullmatch(r"adafactor:[\d.eE+-]+", name)
        if not fits:
            setup.say(
                "LB315",
                "lr_scheduler",
                "this scheduler belongs to AdaFactor with relative_step, which sets it itself",
                _STOPS,
                'write "constant"',
            )
    elif name == "piecewise_constant":
        if "step_rules" not in args:
            setup.say(
                "LB315",
                "lr_scheduler",
                "`piecewise_constant` needs `step_rules`",
                _STOPS,
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
            f"{_STOPS} (ValueError)",
            f"did you mean `{near}`?" if near else f"write one of {', '.join(SCHEDULERS)}",
        )
    elif name == "cosine_with_min_lr" and "lr_scheduler_min_lr_ratio" not in setup.settings and not {"min_lr", "min_lr_rate"} & args.keys():
        setup.say(
            "LB318",
            "lr_scheduler",
            "`cosine_with_min_lr` needs `lr_scheduler_min_lr_ratio`",
            f"{_STOPS} (ValueError)",
            "write `lr_scheduler_min_lr_ratio = 0.1`",
        )

    if name == "cosine_with_min_lr" and "min_lr" in args and "lr_scheduler_min_lr_ratio" in setup.settings:
        setup.say(
            "LB319",
            "lr_scheduler_args",
            "`min_lr` and `lr_scheduler_min_lr_ratio` exclude each other",
            f"{_STOPS} (ValueError)",
            "keep one of the two",
            also="lr_scheduler_min_lr_ratio",
        )
    if name.lower() == "rex" and (setup.number("lr_scheduler_min_lr_ratio") or 0) > 1:
        setup.say(
            "LB315",
            "lr_scheduler_min_lr_ratio",
            "the lowest learning rate is above the highest",
            f"{_STOPS} (ValueError)",
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
            f"{_STOPS}: `does not require num_warmup_steps`",
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


def _network(setup: Setup, args: dict[str, Any]) -> None:
    module = setup.text("network_module").rpartition(".")
    if module[0] not in ("networks", "musubi_tuner.networks"):
        return
    known = (*_NETWORK, "factor") if module[2] == "lokr" else _NETWORK
    for key, value in args.items():
        if key not in known:
            near = nearest(key, known)
            own = {"network_dim", "network_alpha", "network_dropout", "rank", "dim", "alpha"} & {key}
            fix = "write it as a key of its own" if own else f"did you mean `{near}`?" if near else f"known are {', '.join(known)}"
            setup.say("LB310", "network_args", f"{setup.text('network_module')} knows no argument `{key}`", "it is ignored in silence", fix)
            continue
        _network_value(setup, key, value)


def _network_value(setup: Setup, key: str, value: str) -> None:
    if key == "verbose":
        if value != "True":
            off = value in ("False", "None", "")
            setup.say(
                "LB317",
                "network_args",
                f"`verbose={value}` is off",
                "only `True` in this spelling switches it on",
                'write "verbose=True"',
                severity="hint" if off else "warning",
            )
        return
    if key.endswith("_patterns"):
        _patterns(setup, key, value)
        return
    kind = int if key in ("conv_dim", "factor") else float
    try:
        number = kind(value)
    except ValueError:
        setup.say(
            "LB315",
            "network_args",
            f"`{key}={value}` is no {'whole ' if kind is int else ''}number",
            f"{_STOPS} (ValueError)",
            "write a number",
        )
        return
    if key.endswith("dropout") and not 0 <= number <= 1:
        setup.say(
            "LB315",
            "network_args",
            f"`{key}={value}` is not between 0 and 1",
            "the first step fails, or nothing is trained",
            "write for example 0.1",
        )
    elif key.endswith("dropout") and number == 1:
        setup.say("LB323", "network_args", f"`{key}=1` drops everything", "no weight is trained", "write for example 0.1")
    elif key == "loraplus_lr_ratio" and number <= 0:
        setup.say(
            "LB317",
            "network_args",
            f"`loraplus_lr_ratio={value}` trains nothing",
            "with 0 the up weights are left out of the optimizer and stay zero",
            "write for example 4",
        )


def _patterns(setup: Setup, key: str, value: str) -> None:
    try:
        patterns = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        setup.say(
            "LB315",
            "network_args",
            f"`{key}={value}` is no Python list",
            f"{_STOPS}: it is read by ast.literal_eval",
            f"write \"{key}=[r'.*attn.*']\"",
        )
        return
    if not isinstance(patterns, list | tuple) or not all(isinstance(item, str) for item in patterns):
        setup.say(
            "LB317",
            "network_args",
            f"`{key}={value}` is no list of texts",
            "a text is taken letter by letter",
            f"write \"{key}=[r'.*attn.*']\"",
        )
        return
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            setup.say(
                "LB317",
                "network_args",
                f"`{pattern}` is no regular expression: {error}",
                "it is logged and left out; training goes on without it",
                "mend the expression",
            )
    if key == "exclude_patterns" and ".*" in patterns and "include_patterns" not in str(setup.get("network_args")):
        setup.say(
            "LB315",
            "network_args",
            "`.*` excludes every module",
            f"{_STOPS}: `No LoRA modules found`",
            "add include_patterns, or exclude less",
        )
