"""`optimizer`: names of classes and their arguments. A wrong one crashes the trainer after the model is loaded."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from lorabridge.backends.diffusion_pipe.archs import Arch
from lorabridge.backends.diffusion_pipe.contract import contract, optimizer_class, optimizer_named
from lorabridge.backends.engine import Lowering

PLAIN = ("adamw", "adamw8bit")
"""Names that need no look into the contract."""

SELF_TUNING = frozenset({"Prodigy", "DAdaptAdaGrad", "DAdaptAdam", "DAdaptAdan", "DAdaptLion", "DAdaptSGD"})
OWN_RATE = frozenset({"automagic"})
SCHEDULE_FREE = frozenset({"ScheduleFreeAdamW", "ScheduleFreeRAdam", "ScheduleFreeSGD"})
_ALIASES = {"adamwschedulefree": "ScheduleFreeAdamW", "prodigyplusschedulefree": "", "paged_adamw8bit": "", "pagedadamw8bit": ""}


def optimizer(out: Lowering, arch: Arch) -> None:
    """The `[optimizer]` table."""
    name = _name(out)
    if name is None:
        return
    out.put("main:optimizer.type", name, "optimizer.type")
    out.note("exact", "optimizer.type", out.config.optimizer.type, "main:optimizer.type", name)
    if name in SCHEDULE_FREE:
        out.problem(
            "LB307",
            "optimizer.type",
            f"{name} cannot work here",
            "the trainer never switches it to evaluation before it saves, so the wrong weights are saved",
            "use another optimizer",
        )
    _rate(out, name)
    _arguments(out, name)
    _text_encoders(out, arch, name)


def _name(out: Lowering) -> str | None:
    word = out.config.optimizer.type
    if word in PLAIN:
        return word
    if word.count(".") and not word.startswith(("pytorch_optimizer.", "torch.optim.")):
        out.refuse(
            "optimizer.type",
            word,
            "it finds optimizers by its own short names, not by class path",
            "write the name of the class in pytorch_optimizer, such as `Prodigy`",
        )
        return None
    plain = word.lower().replace("-", "")
    found = _ALIASES.get(plain) or optimizer_named(word.rpartition(".")[2])
    if not found:
        near = get_close_matches(word.lower(), {key.lower(): key for key in contract()["optimizer"]}, 3, 0.5)
        hint = (
            "did you mean " + " or ".join(f"`{name}`" for name in near) + "?"
            if near
            else "known: `adamw`, `adamw8bit`, `adamw_optimi`, `stableadamw`, `sgd`, `automagic`, and the classes of pytorch_optimizer"
        )
        out.refuse("optimizer.type", word, "neither it nor pytorch_optimizer has such an optimizer", hint)
        return None
    return found


def _rate(out: Lowering, name: str) -> None:
    lr = out.config.optimizer.lr
    if lr == "auto":
        out.problem(
            "LB301",
            "optimizer.lr",
            "no learning rate is known for this family",
            "left out, the optimizer's own default would be used in silence",
            "write `optimizer.lr`",
        )
        return
    chosen, text = float(lr), ""
    if name in SELF_TUNING and not out.wrote("optimizer.lr"):
        chosen, text = 1.0, f"{name} finds the rate itself; the family's recommendation is for other optimizers"
    out.put("main:optimizer.lr", chosen, "optimizer.lr")
    out.note("rewritten" if text else "exact", "optimizer.lr", lr, "main:optimizer.lr", chosen, text)
    if name == "AdaFactor" and not {"relative_step", "scale_parameter"} & set(out.config.optimizer.args):
        for key in ("relative_step", "scale_parameter"):
            out.add(f"main:optimizer.{key}", False, "otherwise this optimizer computes its own rate and ignores `optimizer.lr`")


def _arguments(out: Lowering, name: str) -> None:
    want = out.config.optimizer
    given: dict[str, str] = {f"optimizer.args.{key}": key for key in want.args}
    given |= {f"optimizer.{key}": key for key in ("betas", "eps", "weight_decay") if getattr(want, key) not in (None, "auto")}
    if given:
        _check_arguments(out, name, given)
    for key, value in want.args.items():
        at = f"main:optimizer.{key}"
        if at in out.sources and out.sources[at] != "optimizer.args":
            out.problem(
                "LB305",
                f"optimizer.args.{key}",
                f"`optimizer.args.{key}` and `{out.sources[at]}` set the same argument",
                "one of them would be lost",
                "remove one of the two",
            )
        elif not _plain(value):
            out.problem(
                "LB304",
                f"optimizer.args.{key}",
                f"`{key}` of this kind cannot be written into TOML",
                "lists must hold one kind of value, and there is no null",
                "write a number, a word, true, false, or a list of them",
            )
        else:
            out.put(at, value, "optimizer.args")
            out.note("exact", f"optimizer.args.{key}", value, at, value)


def _check_arguments(out: Lowering, name: str, given: dict[str, str]) -> None:
    facts = optimizer_class(name)
    if facts is None:
        return
    for path, key in given.items():
        if key in facts["args"] or key in ("gradient_release", "beta2_half_life") or (key == "fused" and name == "adamw"):
            continue
        near = get_close_matches(key, facts["args"], 1, 0.5)
        hint = f"did you mean `{near[0]}`?" if near else "known: " + ", ".join(f"`{arg}`" for arg in facts["args"] if arg != "lr")
        out.problem(
            "LB303",
            path,
            f"{facts['class']} takes no argument `{key}`",
            "it is a TypeError after the whole model is loaded, or ignored",
            hint,
        )


def _plain(value: Any) -> bool:
    if isinstance(value, list):
        kinds = {type(item) for item in value}
        return all(isinstance(item, bool | int | float | str) for item in value) and (len(kinds) <= 1 or kinds == {int, float})
    return isinstance(value, bool | int | float | str)


def _text_encoders(out: Lowering, arch: Arch, name: str) -> None:
    """SDXL adapts both text encoders in every run; a learning rate of 0 leaves them as they were."""
    wanted, rate = out.config.adapter.text_encoder, out.config.optimizer.text_encoder_lr
    if arch.type != "sdxl":
        if wanted:
            out.refuse("adapter.text_encoder", True, "it trains text encoders of SDXL only", "write `false`")
        elif rate is not None:
            out.refuse("optimizer.text_encoder_lr", rate, "it trains text encoders of SDXL only", "remove it")
        return
    if wanted:
        if rate is not None:
            for number in (1, 2):
                out.put(f"main:model.text_encoder_{number}_lr", float(rate), "optimizer.text_encoder_lr")
            out.note("exact", "optimizer.text_encoder_lr", rate, "main:model.text_encoder_1_lr, text_encoder_2_lr", float(rate))
        out.note("exact", "adapter.text_encoder", True, text="it always adapts both text encoders of SDXL")
        return
    if rate is not None:
        out.problem(
            "LB202",
            "optimizer.text_encoder_lr",
            "`optimizer.text_encoder_lr` needs `adapter.text_encoder: true`",
            "the text encoders would not be trained",
            "set it, or remove the rate",
        )
    _frozen(out, name)


def _frozen(out: Lowering, name: str) -> None:
    if out.config.scheduler.type not in ("constant", "linear"):
        out.problem(
            "LB307",
            "scheduler.type",
            "with `cosine` the text encoders of SDXL cannot be left alone",
            "the schedule raises their rate from 0 to 1e-6",
            "write `scheduler: constant` or `linear`, or `adapter.text_encoder: true`",
        )
    if name in OWN_RATE | SELF_TUNING | {"genericoptim"}:
        out.problem(
            "LB307",
            "optimizer.type",
            f"with {name} the text encoders of SDXL cannot be left alone",
            "it sets its own learning rates, and the trainer always adapts the text encoders",
            "use `adamw` or `adamw8bit`, or write `adapter.text_encoder: true`",
        )
    for number in (1, 2):
        out.put(f"main:model.text_encoder_{number}_lr", 0.0, "adapter.text_encoder")
    out.note(
        "rewritten",
        "adapter.text_encoder",
        False,
        "main:model.text_encoder_1_lr, text_encoder_2_lr",
        0.0,
        "both always get an adapter; at a rate of 0 it stays without effect, and the file holds it as zeros",
    )
