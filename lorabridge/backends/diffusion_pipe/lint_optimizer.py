"""`[optimizer]`: every key but three goes to a Python class as an argument, after the models are loaded."""

from __future__ import annotations

from typing import Any

from lorabridge.backends.diffusion_pipe.contract import contract, optimizer_class, optimizer_named
from lorabridge.backends.diffusion_pipe.lint_job import Job, numeric, spell, stranger
from lorabridge.backends.diffusion_pipe.lint_main import ranks
from lorabridge.backends.diffusion_pipe.lint_tables import EXTRA_OPTIMIZER, OPTIMIZER_KEYS
from lorabridge.backends.diffusion_pipe.lint_values import check_value
from lorabridge.backends.diffusion_pipe.optimizer import OWN_RATE, SCHEDULE_FREE, SELF_TUNING
from lorabridge.backends.native.findings import nearest
from lorabridge.config.paths import KeyPath

_LATE = "after the models are loaded"
_BUILT_IN = ("adamw", "adamw8bit", "adamw_optimi", "stableadamw", "sgd", "adamw8bitkahan", "offload", "automagic", "genericoptim")
_ADAMS = frozenset({"adamw", "adamw8bit", "adamw_optimi", "stableadamw", "adamw8bitkahan", "offload"})


def check_optimizer(job: Job) -> None:
    """All rules about `[optimizer]`."""
    table = job.data.get("optimizer")
    if not isinstance(table, dict) or job.main is None:
        return
    name = _name(job, table)
    facts = optimizer_class(name) if name else None
    if facts is not None:
        _arguments(job, table, name, facts)
        _rate(job, table, name, facts)
    _numbers(job, table, name)
    _half_life(job, table)
    _release(job, table)


def _name(job: Job, table: dict[str, Any]) -> str:
    """The optimizer as the trainer finds it; empty when it finds none."""
    value, here = table.get("type"), ("optimizer", "type")
    if "type" not in table:
        job.missing(here, f"KeyError {_LATE}", "write `type = 'adamw'`")
        return ""
    if not isinstance(value, str):
        job.report("LB313", here, f"`type = {spell(value)}` is no text", f"AttributeError {_LATE}", "write the optimizer's name")
        return ""
    if value.lower() in _BUILT_IN:
        if value.lower() == "offload":
            job.report(
                "LB317",
                here,
                "`offload` needs torchao",
                f"the trainer's requirements do not install it: ModuleNotFoundError {_LATE}",
                "install torchao",
                "warning",
            )
        return value.lower()
    if value in contract()["optimizer"]:
        if value in SCHEDULE_FREE:
            why = "the trainer never switches it to evaluation before it saves: other weights are saved than were trained for"
            job.report("LB317", here, f"{value} cannot work here", why, "use another optimizer", "warning")
        return value
    near = optimizer_named(value) or nearest(value, (*_BUILT_IN, *contract()["optimizer"]))
    fix = (
        f'did you mean "{near}"? (class names are case-sensitive)'
        if near
        else "known: " + ", ".join(_BUILT_IN) + ", and the classes of pytorch_optimizer"
    )
    job.report(
        "LB314", here, f"no optimizer {spell(value)}", f"neither the trainer nor pytorch_optimizer has it: AttributeError {_LATE}", fix
    )
    return ""


def _arguments(job: Job, table: dict[str, Any], name: str, facts: dict[str, Any]) -> None:
    assert job.main is not None
    known = [*facts["args"], *OPTIMIZER_KEYS, *EXTRA_OPTIMIZER.get(name, ())]
    short = facts["class"].rpartition(".")[2]
    swallows = facts["class"].startswith("pytorch_optimizer.")
    why = f"{short} takes no such argument: " + ("it is lost in silence, or" if swallows else "") + f" TypeError {_LATE}"
    for key in table:
        if key not in known:
            stranger(job.found, job.main, ("optimizer", key), known, "[optimizer]", why.replace(":  ", ": "))
    if name == "genericoptim" and "compile" in table:
        job.report(
            "LB312",
            ("optimizer", "compile"),
            "`compile` here is overridden",
            "by `compile` at the top of the file",
            "move it there",
            "warning",
            "key",
        )


def _rate(job: Job, table: dict[str, Any], name: str, facts: dict[str, Any]) -> None:
    rate, here = table.get("lr"), ("optimizer", "lr")
    if "lr" not in table:
        if job.type in ("cosmos_predict2", "anima") or name in OWN_RATE | SELF_TUNING:
            return
        if name in ("adamw_optimi", "stableadamw"):
            job.missing(here, f"this optimizer has no default: TypeError {_LATE}", "write `lr`")
            return
        own = facts.get("lr", 0.001 if name == "offload" else None)
        says = f"`lr` is missing: {facts['class'].rpartition('.')[2]} trains with its own default" + (f", {own}" if own is not None else "")
        job.missing(here, "nobody chose that rate", "write `lr`", "warning", says)
    elif numeric(rate) and rate == 0 and name not in OWN_RATE and not _other_rates(job):
        job.report(
            "LB323", here, "`lr = 0` learns nothing", "the run ends well and its result is what was there before", "write a rate above 0"
        )
    elif numeric(rate) and name in SELF_TUNING and 0 < rate < 0.1:
        why = "it finds the rate itself and multiplies it with `lr`"
        job.report("LB317", here, f"`lr = {rate}` makes {name} far slower than it should be", why, "write `lr = 1.0`", "warning")


def _other_rates(job: Job) -> bool:
    rates = [value for key, value in job.table("model").items() if key.endswith("_lr")]
    return any(rates) or bool(job.data.get("force_constant_lr"))


def _numbers(job: Job, table: dict[str, Any], name: str) -> None:
    assert job.main is not None
    why = f"nothing converts it: TypeError {_LATE}"
    number = {"type": "float"}
    for key in ("lr", "weight_decay", *(("eps",) if name in _ADAMS or isinstance(table.get("eps"), str) else ())):
        value = table.get(key)
        if key not in table or not check_value(job.found, job.main, ("optimizer", key), value, number, why):
            continue
        if numeric(value) and value < 0:
            job.report("LB315", ("optimizer", key), f"`{key}` is below 0", f"ValueError {_LATE}", "write 0 or more")
    betas, here = table.get("betas"), ("optimizer", "betas")
    if betas is None:
        return
    if not isinstance(betas, list) or not all(numeric(item) for item in betas):
        job.report(
            "LB313",
            here,
            f"`betas = {spell(betas)}` is no list of numbers",
            f"TypeError or ValueError {_LATE}",
            "write `betas = [0.9, 0.99]`",
        )
        return
    if name in _ADAMS and len(betas) != 2:
        job.report("LB315", here, f"{len(betas)} betas where two belong", f"it fails {_LATE}", "write `betas = [0.9, 0.99]`")
    if name == "adamw" and any(isinstance(value, int) for value in betas):
        why = f"ValueError {_LATE}: torch wants both with a decimal point"
        job.report("LB315", here, f"`betas = {spell(betas)}` holds a whole number", why, "write `0.0` for 0")
    for index, value in enumerate(betas):
        if not 0 <= value < 1:
            where: KeyPath = (*here, index)
            job.report(
                "LB315",
                where,
                f"a beta of {value}",
                f"ValueError {_LATE}: betas are from 0 up to, not including, 1",
                "write a number below 1",
            )


def _half_life(job: Job, table: dict[str, Any]) -> None:
    value, here = table.get("beta2_half_life"), ("optimizer", "beta2_half_life")
    if not value:
        return
    betas = table.get("betas")
    if "betas" not in table:
        job.report(
            "LB318", here, "`beta2_half_life` needs `betas`", f"KeyError {_LATE}", "write `betas = [0.9, 0.99]`; the second is replaced"
        )
    elif isinstance(betas, list) and len(betas) != 2:
        job.report(
            "LB319",
            here,
            "`beta2_half_life` needs two `betas`",
            f"AssertionError {_LATE}",
            "write `betas = [0.9, 0.99]`",
            related=[("optimizer", "betas")],
        )
    if not numeric(value) or value < 0:
        job.report(
            "LB313" if not numeric(value) else "LB315",
            here,
            f"`beta2_half_life = {spell(value)}`",
            f"it fails {_LATE}",
            "write the number of samples",
        )


def _release(job: Job, table: dict[str, Any]) -> None:
    value, here = table.get("gradient_release"), ("optimizer", "gradient_release")
    if value is None or job.main is None:
        return
    if not check_value(job.found, job.main, here, value, {"type": "bool"}) or not value:
        return
    if job.data.get("gradient_clipping"):
        why = "there are no gradients left to clip at the end of a step"
        job.report(
            "LB312",
            "gradient_clipping",
            "`gradient_clipping` has no effect with `gradient_release`",
            why,
            "remove it",
            "warning",
            "key",
            [here],
        )
    many = ranks(job)
    if many is not None and many > 1:
        why = f"AssertionError at the first step: {many} GPUs share the batch"
        job.report(
            "LB319",
            here,
            "`gradient_release` needs `pipeline_stages` equal to the number of GPUs",
            why,
            "raise `pipeline_stages`, or remove it",
        )
