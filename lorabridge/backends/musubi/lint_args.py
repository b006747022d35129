"""Optimizer, scheduler and network: names, and the `key=value` lists that go to them."""

from __future__ import annotations

import re
from typing import Any

from lorabridge.backends.musubi.lint_model import Setup
from lorabridge.backends.musubi.lint_network_args import check_network_args
from lorabridge.backends.musubi.lint_pairs import pairs
from lorabridge.backends.musubi.lint_schedule import check_schedule
from lorabridge.backends.musubi.lint_tables import AFTER_DIT
from lorabridge.backends.native.findings import nearest

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


def check_args(setup: Setup) -> None:
    """Every finding about optimizer, scheduler and network arguments."""
    optimizer = pairs(setup, "optimizer_args", literal=True)
    _optimizer(setup, optimizer)
    scheduler = pairs(setup, "lr_scheduler_args", literal=True)
    check_schedule(setup, scheduler, optimizer)
    check_network_args(setup, pairs(setup, "network_args", literal=False))


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
                "LB315", "optimizer_args", f"`{key}` is given to the optimizer twice", f"{AFTER_DIT} (TypeError)", "write `learning_rate`"
            )
        elif taken is not None and key not in taken:
            near = nearest(key, taken)
            setup.say(
                "LB315",
                "optimizer_args",
                f"{name} takes no argument `{key}`",
                f"{AFTER_DIT} (TypeError)",
                f"did you mean `{near}`?" if near else f"it takes {', '.join(taken)}",
            )
    if args.get("nesterov") is True and not args.get("momentum"):
        setup.say("LB319", "optimizer_args", "`nesterov` needs a `momentum`", f"{AFTER_DIT} (ValueError)", 'write "momentum=0.9" too')
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
    why = f"{AFTER_DIT}: apart from AdamW, AdamW8bit and AdaFactor, names without a dot are classes of torch.optim, in exact letters"
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
            f"{AFTER_DIT} (AttributeError)",
            f'write "{module}.{nearest(cls, known) or known[0]}"',
        )
        return False
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", name) or name in ("torch.optim", "bitsandbytes.optim"):
        setup.say(
            "LB314",
            "optimizer_type",
            f"`{name}` is no path of a class",
            f"{AFTER_DIT} (it is imported)",
            'write for example "bitsandbytes.optim.AdamW8bit"',
        )
        return False
    package = name.partition(".")[0]
    if package not in ("torch", "bitsandbytes", "transformers"):
        setup.say(
            "LB315",
            "optimizer_type",
            f"`{name}` needs the package {package}",
            f"it is not among the trainer's requirements; where it is missing, {AFTER_DIT}",
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
            "LB315",
            "optimizer_args",
            f"`betas={betas}` are no betas",
            AFTER_DIT,
            'write "betas=(0.9,0.999)": two numbers from 0 to below 1',
        )
    for key in ("weight_decay", "eps", "momentum"):
        value = args.get(key)
        if isinstance(value, str) or (isinstance(value, int | float) and value < 0):
            setup.say(
                "LB315", "optimizer_args", f"`{key}={value}` is not 0 or more", AFTER_DIT, "write a number, 0 or more, without quotes"
            )


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
            f"{AFTER_DIT} (ValueError)",
            "remove it",
            also="optimizer_type",
        )
