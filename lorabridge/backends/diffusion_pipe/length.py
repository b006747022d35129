"""`train.for`, `scheduler`, `save`, `evaluate.every`: steps and epochs, which this trainer ties together.

The trainer always needs `epochs`; `max_steps` ends a run earlier. Its falling schedules are as long as
`epochs` times the steps of an epoch, which only the data tells, and `max_steps` does not shorten them.
"""

from __future__ import annotations

from dataclasses import dataclass

from lorabridge.backends.diffusion_pipe.rows import NEVER
from lorabridge.backends.engine import Lowering, spell


@dataclass(frozen=True)
class Length:
    """How long the run is: `steps` when it is known without the data, else `epochs`."""

    epochs: int | None
    steps: int | None


def length(out: Lowering, per_step: int | None) -> Length:
    """`epochs` and `max_steps`. `per_step` is the number of samples of one optimizer step, None when it varies."""
    amount = out.config.train.length
    if amount.unit == "epochs":
        epochs = int(amount.value)
        out.put("main:epochs", epochs, "train.for")
        out.note("exact", "train.for", amount, "main:epochs", epochs)
        return Length(epochs, None)
    steps = int(amount.value) if amount.unit == "steps" else _samples(out, int(amount.value), per_step)
    if steps is None:
        return Length(None, None)
    out.put("main:max_steps", steps, "train.for")
    out.note(
        "exact" if amount.unit == "steps" else "rewritten",
        "train.for",
        amount,
        "main:max_steps",
        steps,
        "" if amount.unit == "steps" else f"{per_step} samples a step",
    )
    out.add("main:epochs", steps, "the trainer cannot do without it; an epoch has at least one step, so `max_steps` is reached first")
    return Length(None, steps)


def _samples(out: Lowering, samples: int, per_step: int | None) -> int | None:
    if per_step is None:
        out.problem(
            "LB308",
            "train.for",
            "samples cannot be counted in steps when batches differ in size",
            "the trainer counts steps and epochs",
            "write `for: … steps` or `for: … epochs`",
        )
        return None
    if samples % per_step == 0:
        return samples // per_step
    low, high = samples // per_step * per_step, (samples // per_step + 1) * per_step
    near = " or ".join(f"`{number} samples`" for number in (low, high) if number)
    out.problem(
        "LB308",
        "train.for",
        f"{samples} samples are not a whole number of steps of {per_step}",
        "the trainer counts whole steps",
        f"write {near}",
    )
    return None


def schedule(out: Lowering, run: Length) -> None:
    """`lr_scheduler` and `warmup_steps`."""
    kind = out.config.scheduler.type
    native = _shape(out, kind)
    falls = native in ("linear", "cosine")
    if falls and run.epochs is None:
        _unknown_end(out, kind)
        native, falls = "constant", False
    if native is not None:
        out.put("main:lr_scheduler", native, "scheduler.type")
        text = "it ends at 1e-6, not at 0" if kind == "cosine" else ""
        out.note("rewritten" if text else "exact", "scheduler.type", kind, "main:lr_scheduler", native, text)
    _warmup(out, run, falls)
    if out.config.scheduler.min_lr_ratio != "off" and kind != "cosine-with-min-lr":
        out.refuse("scheduler.min_lr_ratio", out.config.scheduler.min_lr_ratio, "its schedules end at a fixed rate", "remove it")


def _unknown_end(out: Lowering, kind: str) -> None:
    severe = "error" if out.site.unsupported == "error" else "warning"
    out.problem(
        "LB308",
        "scheduler.type",
        f"`{kind}` needs a length in epochs here",
        "the trainer stretches the fall over `epochs` and not over the steps of the run: with `for: … steps` the rate would hardly fall",
        "write `train.for: … epochs`, or `scheduler: constant`",
        severe,  # type: ignore[arg-type]
    )
    out.note("refused", "scheduler.type", kind, text="the steps of an epoch are known to the trainer only; a constant rate is written")


def _shape(out: Lowering, kind: str) -> str | None:
    if kind in ("constant", "linear", "cosine"):
        return kind
    if kind == "cosine-with-min-lr" and out.config.optimizer.lr != "auto":
        lr, ratio = float(out.config.optimizer.lr), out.config.scheduler.min_lr_ratio
        if ratio != "off" and abs(lr * ratio - 1e-6) < 1e-9:
            return "cosine"
        out.refuse(
            "scheduler.type",
            kind,
            "its cosine ends at 1e-6 always",
            f"write `min_lr_ratio: {spell(1e-6 / lr)}`, which is 1e-6, or `cosine`",
        )
        return None
    out.refuse("scheduler.type", kind, "it knows `constant`, `linear` and `cosine`", "write one of these")
    return None


def _warmup(out: Lowering, run: Length, falls: bool) -> None:
    part, path = out.config.scheduler.warmup, "scheduler.warmup"
    if part == "off":
        return
    if part.unit == "steps":
        steps, kind = int(part.value), "exact"
    elif run.steps is None:
        out.problem(
            "LB308",
            path,
            f"a warmup of {part} needs the number of steps",
            "the trainer counts warmup in steps, and only the data tells how many an epoch has",
            "write `warmup: … steps`",
        )
        return
    else:
        steps, kind = max(1, round(run.steps * part.value / 100)), "rewritten"
    out.put("main:warmup_steps", steps, path)
    text = "the fall begins after it and is not shortened: the run ends before the rate is at its lowest" if falls else ""
    out.note("rewritten" if falls or kind == "rewritten" else "exact", path, part, "main:warmup_steps", steps, text)


def saves(out: Lowering, run: Length) -> None:
    """One of the three `save_every_n_*` is required, and a 0 in it crashes at the end of the first epoch."""
    every = out.config.save.every
    if every == "off":
        unit, last = ("steps", run.steps) if run.steps is not None else ("epochs", run.epochs)
        if last is not None:
            at = f"main:save_every_n_{unit}"
            out.put(at, last, "save.every")
            out.note(
                "rewritten", "save.every", "never", at, last, "one such key is required and 0 crashes; this one is reached at the end only"
            )
    else:
        at = f"main:save_every_n_{every.unit}"
        out.put(at, int(every.value), "save.every")
        out.note("exact", "save.every", every, at, int(every.value), "the last checkpoint is always written as well")
    _state(out)


def _state(out: Lowering) -> None:
    every, wanted = out.config.save.every, out.config.save.state
    end = "one state, `global_step…`, is always written at the end"
    if not wanted:
        if out.wrote("save.state"):
            out.note("rewritten", "save.state", False, text=end)
    elif every == "off":
        out.note("exact", "save.state", True, native="left out", text=end)
    elif "checkpoint_every_n_minutes" in (out.config.backends.get(out.backend) or {}):
        out.note(
            "rewritten", "save.state", True, "main:checkpoint_every_n_minutes", "…", "states follow the clock, as the native option says"
        )
    elif every.unit == "epochs":
        out.put("main:checkpoint_every_n_epochs", int(every.value), "save.state")
        out.note("exact", "save.state", True, "main:checkpoint_every_n_epochs", int(every.value))
    else:
        out.refuse(
            "save.state",
            True,
            "it writes states by epochs or by minutes, not by steps",
            f"write `save.every` in epochs, or `backends: {{{out.backend}: {{checkpoint_every_n_minutes: 30}}}}`",
        )


def evaluation(out: Lowering) -> None:
    """When the held-out loss is computed."""
    want = out.config.evaluate
    if want is None:
        return
    if want.every != "off":
        at = f"main:eval_every_n_{want.every.unit}"
        out.put(at, int(want.every.value), "evaluate.every")
        out.note("exact", "evaluate.every", want.every, at, int(want.every.value))
    elif out.wrote("evaluate.every"):
        out.note("exact", "evaluate.every", "never", native="left out")
    out.put("main:eval_before_first_step", want.before, "evaluate.before")
    out.note("exact", "evaluate.before", want.before, "main:eval_before_first_step", want.before)


def logging(out: Lowering) -> None:
    """Trackers. The console line of each step is what a run is followed by."""
    want = out.config.logging
    out.add("main:steps_per_print", 1, "each step is printed, so that the run can be followed; 0 would crash")
    if want.every == "off":
        out.put("main:logging_steps", NEVER, "logging.every")
        out.note("rewritten", "logging.every", "never", "main:logging_steps", NEVER, "0 would crash; this count is never reached")
    elif want.every.unit == "epochs":
        out.refuse("logging.every", want.every, "it logs by steps; the loss of each epoch is logged anyway", "write it in steps")
    else:
        out.put("main:logging_steps", int(want.every.value), "logging.every")
        out.note("exact", "logging.every", want.every, "main:logging_steps", int(want.every.value))
    if want.to in ("off", "wandb") and out.wrote("logging.to"):
        out.note("rewritten", "logging.to", want.to, text="an event file of tensorboard is written into the run's folder in any case")
    if want.to in ("wandb", "all"):
        _wandb(out)


def _wandb(out: Lowering) -> None:
    want = out.config.logging.wandb
    if want.key_env != "WANDB_API_KEY":
        out.refuse(
            "logging.wandb.key_env",
            want.key_env,
            "with an empty key in the file wandb looks for WANDB_API_KEY",
            "put the key into WANDB_API_KEY",
        )
    if want.project is None:
        out.problem(
            "LB301",
            "logging.wandb.project",
            "wandb needs a project name here",
            "the trainer reads the name after the model is loaded and fails without it",
            "add `project:` below `logging.wandb`",
        )
    out.put("main:monitoring.enable_wandb", True, "logging.to")
    out.put("main:monitoring.wandb_api_key", "", "logging.wandb.key_env")
    out.put("main:monitoring.wandb_tracker_name", want.project or "", "logging.wandb.project")
    out.put("main:monitoring.wandb_run_name", want.run_name or out.config.name, "logging.wandb.run_name")
    out.note(
        "exact",
        "logging.to",
        out.config.logging.to,
        "main:monitoring",
        "enable_wandb",
        "the key stays in WANDB_API_KEY: an empty one in the file makes wandb look there",
    )
