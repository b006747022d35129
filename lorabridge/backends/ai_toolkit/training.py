"""`train`: optimizer, schedule, averages, preservation, what a run resumes from."""

from __future__ import annotations

import difflib
from typing import Any

from lorabridge.backends.ai_toolkit.archs import TITLE, Arch
from lorabridge.backends.ai_toolkit.units import part
from lorabridge.backends.engine import Lowering

OPTIMIZERS = (
    "adam", "adamw", "adam8", "adamw8", "adam8bit", "adamw8bit", "ademamix8bit", "lion", "lion8bit", "adagrad", "adafactor",
    "prodigy", "prodigy8bit", "automagic", "automagic2", "automagic3", "dadaptation", "dadaptationlion",
)  # fmt: skip
ALIASES = {
    "torch.optim.adam": "adam",
    "torch.optim.adamw": "adamw",
    "torch.optim.adagrad": "adagrad",
    "bitsandbytes.optim.adam8bit": "adam8bit",
    "bitsandbytes.optim.adamw8bit": "adamw8bit",
    "bitsandbytes.optim.ademamix8bit": "ademamix8bit",
    "bitsandbytes.optim.lion8bit": "lion8bit",
    "prodigyopt.prodigy": "prodigy",
    "transformers.optimization.adafactor": "adafactor",
}
EXTRA = {"lion": "lion_pytorch", "dadaptation": "dadaptation", "dadaptationlion": "dadaptation"}
_FREE_EPS = ("adagrad",)
NEVER_CLIPPED = 1e9
"""0 would scale every gradient to nothing (clip_grad_norm_)."""


def training(low: Lowering, arch: Arch, steps: int | None) -> None:
    """The rest of the `train` section."""
    name = _optimizer(low)
    _parameters(low, name)
    _clip(low, name)
    _scheduler(low, steps)
    _ema(low)
    _min_snr(low, arch)
    _preservation(low)
    _resume(low)


def _optimizer(low: Lowering) -> str:
    written = low.config.optimizer.type
    plain = written.lower()
    name = ALIASES.get(plain, plain)
    if name not in OPTIMIZERS:
        near = difflib.get_close_matches(plain.rpartition(".")[2], OPTIMIZERS, 1, 0.5)
        fix = f"did you mean `{near[0]}`? " if near else ""
        low.refuse(
            "optimizer.type",
            written,
            "it has no such optimizer, and loads none by its path",
            f"{fix}it knows {', '.join(f'`{item}`' for item in OPTIMIZERS)}",
        )
    low.put("process:train.optimizer", name, "optimizer.type")
    low.note(
        "exact", "optimizer.type", written, "process:train.optimizer", name, f"needs the package {EXTRA[name]}" if name in EXTRA else ""
    )
    if name in EXTRA:
        low.problem(
            "LB302",
            "optimizer.type",
            f"`{name}` needs the package `{EXTRA[name]}`",
            f"{TITLE}'s requirements do not install it",
            f"install it in {TITLE}'s environment",
            "hint",
        )
    _rate(low, name)
    return name


def rate_of(low: Lowering) -> float:
    """The learning rate; every family recommends one."""
    rate = low.config.optimizer.lr
    return 1e-4 if rate == "auto" else rate


def _rate(low: Lowering, name: str) -> None:
    rate = rate_of(low)
    raised = name.startswith(("prodigy", "dadapt")) and rate < 0.1
    if raised and low.wrote("optimizer.lr"):
        low.problem(
            "LB307",
            "optimizer.lr",
            f"{TITLE} would train {name} at 1.0, not at {rate:g}",
            f"{name} finds its own rate; anything below 0.1 is replaced",
            "write `lr: 1.0`",
        )
    low.put("process:train.lr", 1.0 if raised else rate, "optimizer.lr")
    low.note(
        "defaulted" if raised else "exact",
        "optimizer.lr",
        rate,
        "process:train.lr",
        1.0 if raised else rate,
        f"{name} finds its own rate" if raised else "",
    )
    other = low.config.optimizer.text_encoder_lr
    if other not in (None, rate):
        low.refuse(
            "optimizer.text_encoder_lr",
            other,
            "one rate trains everything; its `text_encoder_lr` is read and never used",
            f"write `{rate:g}`, or remove it",
        )


def _parameters(low: Lowering, name: str) -> None:
    asked = low.config.optimizer
    params: dict[str, Any] = dict(asked.args)
    if "lr" in params:
        low.problem(
            "LB307",
            "optimizer.args.lr",
            "`lr` is given twice",
            f"{TITLE} passes `optimizer.lr` itself: the optimizer would not start",
            "remove it here",
        )
    for key, value in (("weight_decay", asked.weight_decay), ("betas", asked.betas)):
        if value not in ("auto", None):
            params[key] = value
            low.note("exact", f"optimizer.{key}", value, f"process:train.optimizer_params.{key}", value)
    eps = params.get("eps", asked.eps)
    if name in _FREE_EPS and eps != "auto":
        params["eps"] = eps
    elif eps not in ("auto", 1e-6):
        path = "optimizer.eps" if asked.eps != "auto" else "optimizer.args"
        low.refuse(path, eps, f"its eps for {name} is fixed at 1e-6; a second one stops it", "remove it")
    elif "eps" in params:
        del params["eps"]
    if asked.lora_plus_ratio != "off":
        low.refuse("optimizer.lora_plus_ratio", asked.lora_plus_ratio, "it trains up and down weights at one rate", "remove it")
    if params:
        low.put("process:train.optimizer_params", params, "optimizer.args" if asked.args else "")
        for key in ("weight_decay", "betas"):
            if key in params and key not in asked.args:
                low.sources[f"process:train.optimizer_params.{key}"] = f"optimizer.{key}"
    if asked.args:
        low.note("exact", "optimizer.args", asked.args, "process:train.optimizer_params")


def _clip(low: Lowering, name: str) -> None:
    norm = low.config.optimizer.max_grad_norm
    if name == "adafactor":
        if norm != "off" and low.wrote("optimizer.max_grad_norm"):
            low.problem(
                "LB307",
                "optimizer.max_grad_norm",
                f"{TITLE} does not clip gradients with adafactor",
                "adafactor clips its updates itself",
                "write `max_grad_norm: off`",
            )
        elif norm != "off":
            low.note("defaulted", "optimizer.max_grad_norm", norm, text="not applied: adafactor clips its updates itself")
        return
    native = NEVER_CLIPPED if norm == "off" else norm
    low.put("process:train.max_grad_norm", native, "optimizer.max_grad_norm")
    text = "a norm that is never reached; 0 would erase every gradient" if norm == "off" else ""
    low.note("rewritten" if text else "exact", "optimizer.max_grad_norm", norm, "process:train.max_grad_norm", native, text)


def _scheduler(low: Lowering, steps: int | None) -> None:
    asked = low.config.scheduler
    kind = "linear" if asked.type == "polynomial" and asked.power == 1.0 else asked.type
    warmup = part(low, "scheduler.warmup", asked.warmup, steps)
    floor = 0.0 if asked.min_lr_ratio == "off" else asked.min_lr_ratio
    name, params = _shape(low, kind, warmup, floor)
    for key in ("cycles", "power", "min_lr_ratio", "decay"):
        _unsaid(low, key, kind)
    params |= asked.args
    low.put("process:train.lr_scheduler", name, "scheduler.type")
    if params:
        low.put("process:train.lr_scheduler_params", params, "scheduler.type")
    text = "written out: its own `linear` warms up from a third" if kind == "linear" else ""
    low.note(
        "rewritten" if text or asked.type == "polynomial" else "exact",
        "scheduler.type",
        asked.type,
        "process:train.lr_scheduler",
        name,
        text,
    )
    if warmup:
        low.note("exact", "scheduler.warmup", asked.warmup, "process:train.lr_scheduler_params.num_warmup_steps", warmup)


def _shape(low: Lowering, kind: str, warmup: int, floor: float) -> tuple[str, dict[str, Any]]:
    """The native name and parameters; `total_iters` is added by the trainer (BaseSDTrainProcess.py:2235)."""
    if kind == "constant":
        return ("constant_with_warmup", {"num_warmup_steps": warmup}) if warmup else ("constant", {})
    if warmup:
        low.refuse(
            "scheduler.warmup",
            low.config.scheduler.warmup,
            f"only its constant schedule has a warmup; {kind} crashes with one or drops it",
            "write `type: constant`, or remove the warmup",
        )
    if kind == "linear":
        return "linear", {"start_factor": 1.0, "end_factor": floor}
    if kind in ("cosine", "cosine-with-min-lr", "cosine-with-restarts"):
        name = "cosine_with_restarts" if kind == "cosine-with-restarts" else "cosine"
        return name, {"eta_min": floor * rate_of(low)} if floor else {}
    low.refuse(
        "scheduler.type", kind, "it crashes on every schedule but constant, linear and cosine", "write `cosine`, `linear` or `constant`"
    )
    return "constant", {}


def _unsaid(low: Lowering, key: str, kind: str) -> None:
    value = getattr(low.config.scheduler, key)
    reasons = {
        "cycles": (value != 1, "its restarts are as long as the whole run", "write `cycles: 1`"),
        "power": (value != 1.0, "it has no polynomial schedule", "write `power: 1`: that is `linear`"),
        "min_lr_ratio": (
            value != "off" and kind not in ("linear", "cosine", "cosine-with-min-lr", "cosine-with-restarts"),
            f"{kind} has no lowest rate",
            "remove it",
        ),
        "decay": (value != "off", "no schedule of its has a final fall of its own", "write `type: cosine`, or remove it"),
    }
    said, why, fix = reasons[key]
    if said:
        low.refuse(f"scheduler.{key}", value, why, fix)
    elif key == "min_lr_ratio" and value != "off":
        low.note("exact", "scheduler.min_lr_ratio", value, "process:train.lr_scheduler_params")


def _ema(low: Lowering) -> None:
    ema = low.config.train.ema
    if ema is not None:
        low.put("process:train.ema_config.use_ema", True, "train.ema")
        low.put("process:train.ema_config.ema_decay", ema.decay, "train.ema.decay")
        low.note("exact", "train.ema.decay", ema.decay, "process:train.ema_config.ema_decay", ema.decay, "inert without `use_ema`")


def _min_snr(low: Lowering, arch: Arch) -> None:
    gamma = low.config.loss.min_snr_gamma
    if gamma == "off":
        return
    if arch.scheduler == "flowmatch":
        low.refuse("loss.min_snr_gamma", gamma, "a flow model has no such signal-to-noise ratio", "remove it")
        return
    low.put("process:train.min_snr_gamma", gamma, "loss.min_snr_gamma")
    low.note("exact", "loss.min_snr_gamma", gamma, "process:train.min_snr_gamma", gamma)


def _preservation(low: Lowering) -> None:
    keep = low.config.preservation
    if keep is None:
        return
    prefix = "diff_output_preservation" if keep.type == "differential" else "blank_prompt_preservation"
    low.put(f"process:train.{prefix}", True, "preservation.type")
    low.note("exact", "preservation.type", keep.type, f"process:train.{prefix}", True)
    low.put(f"process:train.{prefix}_multiplier", keep.multiplier, "preservation.multiplier")
    low.note("exact", "preservation.multiplier", keep.multiplier, f"process:train.{prefix}_multiplier", keep.multiplier)
    if keep.type == "differential" and keep.class_word is not None:
        low.put("process:train.diff_output_preservation_class", keep.class_word, "preservation.class")
        low.note("exact", "preservation.class", keep.class_word, "process:train.diff_output_preservation_class", keep.class_word)
    if keep.every == "off" or (keep.every.unit, keep.every.value) != ("steps", 1):
        low.refuse("preservation.every", keep.every, "it preserves at every step", "write `every: 1 step`")
    if low.config.adapter.text_encoder and keep.type == "differential":
        low.problem(
            "LB307",
            "preservation",
            f"{TITLE} cannot preserve outputs while it trains the text encoder",
            "it refuses to start",
            "write `adapter.text_encoder: false`, or remove `preservation`",
        )


def _resume(low: Lowering) -> None:
    state = low.config.train.resume_from
    own = f"{low.output}/{low.config.name}"
    if state is None:
        low.note("added", "", "", text=f"a run of the same name goes on from the newest file in {own}")
    elif low.path(state) == own:
        low.note("exact", "train.resume_from", state, text="its own folder: it resumes there by itself")
    else:
        low.refuse(
            "train.resume_from",
            state,
            "a run resumes from its own folder, by its name",
            f"put the state into {own}, or start from its weights: `adapter.init_from`",
        )
