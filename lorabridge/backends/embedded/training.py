"""Length, seed, optimizer, schedule, noise levels and preservation."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from lorabridge.backends.base import Cannot
from lorabridge.backends.embedded.archs import DECAY, OPTIMIZERS, TAKES
from lorabridge.backends.embedded.rows import SAMPLINGS
from lorabridge.backends.engine import Lowering
from lorabridge.config.amounts import Amount

FIRST_CURVE = "the shift follows the number of picture tokens on one curve for all families: e^0.5 at 256, e^1.15 at 4096"


def training(low: Lowering) -> int | None:
    """All of it. Returns the number of steps where it is known before the data is read."""
    total = _length(low)
    _seed(low)
    _optimizer(low)
    _warmup(low, total)
    _sampling(low)
    _weighting(low)
    _preservation(low)
    return total


def _length(low: Lowering) -> int | None:
    length = low.config.train.length
    low.put(f"job:train.length.{length.unit}", int(length.value), "train.for")
    low.note("exact", "train.for", length, f"job:train.length.{length.unit}", int(length.value))
    if length.unit == "epochs":
        return None
    if length.unit == "steps":
        return int(length.value)
    batch = low.config.datasets[0].batch_size if low.config.datasets else low.config.train.batch_size
    per_step = (batch or 1) * low.config.train.gradient_accumulation
    steps, rest = divmod(int(length.value), per_step)
    if rest:
        near = f"{steps * per_step} samples` or `{(steps + 1) * per_step} samples" if steps else f"{per_step} samples"
        low.problem(
            "LB308", "train.for", f"{length} are not a whole number of steps", f"a step takes {per_step} samples", f"write `{near}`"
        )
    return steps


def _seed(low: Lowering) -> None:
    seed = low.config.train.seed
    text = ""
    native = seed if seed != "random" else low.site.seed
    if native is None:
        plain = json.dumps(low.config.plain(), sort_keys=True)
        native = int(hashlib.sha256(plain.encode()).hexdigest()[:8], 16) % (2**31 - 1) + 1
        text = "drawn from the configuration's content: the same file gives the same seed"
    low.put("job:train.seed", native, "train.seed")
    low.note("exact" if seed != "random" else "rewritten", "train.seed", seed, "job:train.seed", native, text)


def _optimizer(low: Lowering) -> None:
    spec = low.config.optimizer
    name, text = OPTIMIZERS.get(spec.type.lower()), ""
    if name == "adamw8bit" and not low.wrote("optimizer.type"):
        name, text = "adamw", "nothing was written, and the 8-bit kind needs another package (bitsandbytes): write `type: adamw8bit` for it"
    if name is None:
        known = ", ".join(f"`{word}`" for word in DECAY)
        low.refuse("optimizer.type", spec.type, "it has no such optimizer", f"it knows {known}")
        return
    low.put("job:optimizer.type", name, "optimizer.type")
    low.note("rewritten" if text else "exact", "optimizer.type", spec.type, "job:optimizer.type", name, text)
    rate, text = spec.lr, ""
    if name == "prodigy" and not low.wrote("optimizer.lr"):
        rate, text = 1.0, "Prodigy finds the rate itself and scales it by this"
    low.put("job:optimizer.lr", rate, "optimizer.lr")
    low.note("rewritten" if text else "exact", "optimizer.lr", spec.lr, "job:optimizer.lr", rate, text)
    decay = DECAY[name] if spec.weight_decay == "auto" else spec.weight_decay
    low.put("job:optimizer.weight_decay", decay, "optimizer.weight_decay")
    low.note("exact", "optimizer.weight_decay", spec.weight_decay, "job:optimizer.weight_decay", decay)
    _moments(low, name)
    _arguments(low)


def _moments(low: Lowering, name: str) -> None:
    spec = low.config.optimizer
    for key, value in (("betas", spec.betas or None), ("eps", None if spec.eps == "auto" else spec.eps)):
        path = f"optimizer.{key}"
        if value is None:
            continue
        if key not in TAKES[name]:
            low.refuse(path, value, f"{name} has no {key}", "remove it")
        elif isinstance(value, list) and len(value) != 2:
            low.refuse(path, value, f"{name} takes two betas", "write two numbers, such as `[0.9, 0.999]`")
        else:
            low.put(f"job:{path}", value, path)
            low.note("exact", path, value, f"job:{path}", value)


def _arguments(low: Lowering) -> None:
    args = low.config.optimizer.args
    for key in args:
        if key in ("lr", "weight_decay", "betas", "eps") and low.wrote(f"optimizer.{key}"):
            path = f"optimizer.args.{key}"
            low.problem("LB305", path, f"`{path}` fights `optimizer.{key}`", "both set the same argument", f"keep `optimizer.{key}`")
    if args:
        low.put("job:optimizer.args", dict(args), "optimizer.args")
        low.note("exact", "optimizer.args", args, "job:optimizer.args", args, "given to the optimizer's class as they are")


def _warmup(low: Lowering, total: int | None) -> None:
    warmup = low.config.scheduler.warmup
    if warmup == "off":
        steps = 0
    elif warmup.unit == "steps":
        steps = int(warmup.value)
    elif total is None:
        fix = "write `warmup: 100 steps`, or the length in steps or samples"
        low.problem(
            "LB308",
            "scheduler.warmup",
            f"{warmup} of {low.config.train.length} cannot be counted out",
            "how many steps an epoch has is known only from the data",
            fix,
        )
        return
    else:
        steps = round(total * warmup.value / 100)
    low.put("job:scheduler.warmup_steps", steps, "scheduler.warmup")
    part = isinstance(warmup, Amount) and warmup.unit == "percent"
    low.note(
        "rewritten" if part else "exact",
        "scheduler.warmup",
        warmup,
        "job:scheduler.warmup_steps",
        steps,
        f"of {total} steps" if part else "",
    )


def _sampling(low: Lowering) -> None:
    noise = low.config.noise
    word = noise.timestep_sampling
    native = "auto_shift" if word == "resolution-shift" else SAMPLINGS.get(word, Cannot("it has no such sampling"))
    if isinstance(native, Cannot):
        low.refuse("noise.timestep_sampling", word, native.why, native.fix)
        return
    low.put("job:noise.timestep_sampling", native, "noise.timestep_sampling")
    curve = native == "auto_shift"
    low.note(
        "rewritten" if curve else "exact",
        "noise.timestep_sampling",
        word,
        "job:noise.timestep_sampling",
        native,
        FIRST_CURVE if curve else "",
    )
    if native == "shift":
        low.put("job:noise.shift", noise.shift, "noise.shift")
        low.note("exact", "noise.shift", noise.shift, "job:noise.shift", noise.shift)


def _weighting(low: Lowering) -> None:
    noise, gamma = low.config.noise, low.config.loss.min_snr_gamma
    epsilon = low.family.objective == "epsilon"
    words: dict[str, Any] = {"none": "none", "bell-shaped": "bell_shaped"} | (
        {} if epsilon else {"sigma-sqrt": "sigma_sqrt", "cosmap": "cosmap"}
    )
    native = words.get(noise.weighting)
    if native is None:
        known = ", ".join(f"`{word}`" for word in words)
        low.refuse("noise.weighting", noise.weighting, f"it has no such weighting for {low.family.title}", f"it knows {known}")
        return
    if gamma != "off":
        if not epsilon:
            low.refuse("loss.min_snr_gamma", gamma, f"{low.family.title} is a flow model: its levels have no such ratio", "remove it")
        elif native != "none":
            low.refuse(
                "loss.min_snr_gamma", gamma, f"`noise.weighting: {noise.weighting}` is the one weighting of the loss", "keep one of the two"
            )
        else:
            native = "min_snr"
            low.put("job:noise.min_snr_gamma", gamma, "loss.min_snr_gamma")
            low.note("exact", "loss.min_snr_gamma", gamma, "job:noise.min_snr_gamma", gamma, "with `weighting: min_snr`")
    low.put("job:noise.weighting", native, "loss.min_snr_gamma" if native == "min_snr" else "noise.weighting")
    if native != "min_snr":
        low.note("exact", "noise.weighting", noise.weighting, "job:noise.weighting", native)
    if noise.offset != "off":
        if epsilon:
            low.put("job:noise.noise_offset", noise.offset, "noise.offset")
            low.note("exact", "noise.offset", noise.offset, "job:noise.noise_offset", noise.offset)
        else:
            low.refuse("noise.offset", noise.offset, f"{low.family.title} is a flow model; offset noise is for epsilon models", "remove it")


def _preservation(low: Lowering) -> None:
    keep = low.config.preservation
    if keep is None:
        return
    if keep.type != "differential":
        low.refuse("preservation.type", keep.type, "it preserves by class word only", "write `type: differential` and `class:`")
        return
    if keep.every == "off":
        low.note("exact", "preservation.every", "off", "job:preservation", "left out")
        return
    if keep.every.unit != "steps":
        low.problem(
            "LB308",
            "preservation.every",
            f"`preservation.every: {keep.every}` cannot be said",
            "it counts optimizer steps",
            "write `every: 1 step`",
        )
        return
    for path, key, value in (
        ("preservation.class", "class_word", keep.class_word or ""),
        ("preservation.multiplier", "multiplier", keep.multiplier),
        ("preservation.every", "every", int(keep.every.value)),
    ):
        low.put(f"job:preservation.{key}", value, path)
        low.note("exact", path, value, f"job:preservation.{key}", value)
