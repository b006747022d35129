"""The training itself: length, seed, saves, optimizer, schedule, logging."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from lorabridge.backends.engine import Lowering
from lorabridge.backends.musubi.model import local_path

OPTIMIZERS = {
    "adamw8bit": "adamw8bit",
    "adamw": "AdamW",
    "adafactor": "AdaFactor",
    "adam": "torch.optim.Adam",
    "adamax": "torch.optim.Adamax",
    "adagrad": "torch.optim.Adagrad",
    "nadam": "torch.optim.NAdam",
    "radam": "torch.optim.RAdam",
    "rmsprop": "torch.optim.RMSprop",
    "sgd": "torch.optim.SGD",
    "lion8bit": "bitsandbytes.optim.Lion8bit",
    "pagedadamw8bit": "bitsandbytes.optim.PagedAdamW8bit",
    "ademamix8bit": "bitsandbytes.optim.AdEMAMix8bit",
    "pagedademamix8bit": "bitsandbytes.optim.PagedAdEMAMix8bit",
    "prodigy": "prodigyopt.Prodigy",
    "lion": "lion_pytorch.Lion",
    "came": "came_pytorch.CAME",
    "adamwschedulefree": "schedulefree.AdamWScheduleFree",
}
"""Short names that are not case-sensitive. The trainer itself knows the first three, and class paths."""

_BUNDLED = ("torch.", "bitsandbytes.")

SCHEDULES = {
    "constant": "constant",
    "linear": "linear",
    "cosine": "cosine",
    "cosine-with-restarts": "cosine_with_restarts",
    "polynomial": "polynomial",
    "warmup-stable-decay": "warmup_stable_decay",
    "inverse-sqrt": "inverse_sqrt",
    "cosine-with-min-lr": "cosine_with_min_lr",
    "rex": "rex",
}


def processes(low: Lowering) -> int:
    """Copies of the model that train together."""
    return max(1, len(low.config.hardware.gpus))


def length(low: Lowering) -> int | None:
    """`max_train_steps` or `max_train_epochs`. Returns the steps where they are known without the data."""
    amount = low.config.train.length
    if amount.unit == "epochs":
        low.put("train:max_train_epochs", int(amount.value), "train.for")
        low.note("exact", "train.for", amount, "train:max_train_epochs", int(amount.value))
        return None
    steps = int(amount.value) if amount.unit == "steps" else _steps_of_samples(low, int(amount.value))
    low.put("train:max_train_steps", steps, "train.for")
    exact = amount.unit == "steps"
    low.note(
        "exact" if exact else "rewritten",
        "train.for",
        amount,
        "train:max_train_steps",
        steps,
        "" if exact else "samples over batch, accumulation and GPUs",
    )
    return steps


def _steps_of_samples(low: Lowering, samples: int) -> int:
    config = low.config
    sizes = {data.batch_size or config.train.batch_size for data in config.datasets}
    if len(sizes) > 1:
        low.problem(
            "LB308",
            "train.for",
            "musubi-tuner counts steps, and the datasets' batch sizes differ",
            "how many samples a step sees depends on the data",
            "write `for: … steps`, or give all datasets one batch size",
        )
        return samples
    per_step = sizes.pop() * config.train.gradient_accumulation * processes(low)
    if samples % per_step:
        less = max(1, samples // per_step) * per_step
        low.problem(
            "LB308",
            "train.for",
            f"{samples} samples are no whole number of steps of {per_step} samples",
            "musubi-tuner counts steps",
            f"write `for: {less} samples` or `for: {(samples // per_step + 1) * per_step} samples`",
        )
    return max(1, samples // per_step)


def seed(low: Lowering) -> None:
    """A seed that can be repeated. musubi-tuner would draw one and keep it to itself (TB:1427)."""
    value = low.config.train.seed
    if value != "random":
        low.put("train:seed", value, "train.seed")
        low.note("exact", "train.seed", value, "train:seed", value)
        return
    plain = json.dumps(low.config.plain(by_key=True), sort_keys=True, default=str)
    drawn = low.site.seed if low.site.seed is not None else int(hashlib.sha256(plain.encode()).hexdigest()[:8], 16) % (2**32 - 1) + 1
    low.put("train:seed", drawn, "train.seed")
    low.note("rewritten", "train.seed", value, "train:seed", drawn, "a number, written down so that the run can be repeated")


def save(low: Lowering) -> None:
    """Checkpoints: 0 would crash (every) or delete (keep_last), so neither is ever written."""
    every, keep = low.config.save.every, low.config.save.keep_last
    if every == "off":
        low.note("exact", "save.every", every, "train:save_every_n_steps", "left out", "the final file is always written")
        return
    count = int(every.value)
    at = f"train:save_every_n_{every.unit}"
    low.put(at, count, "save.every")
    low.note("exact", "save.every", every, at, count)
    if keep == "unlimited":
        low.note("exact", "save.keep_last", keep, f"train:save_last_n_{every.unit}", "left out")
    elif every.unit == "epochs":
        low.put("train:save_last_n_epochs", keep, "save.keep_last")
        low.note("exact", "save.keep_last", keep, "train:save_last_n_epochs", keep)
    else:
        distance = (keep - 1) * count
        low.put("train:save_last_n_steps", distance, "save.keep_last")
        low.note(
            "rewritten",
            "save.keep_last",
            keep,
            "train:save_last_n_steps",
            distance,
            f"a distance in steps there: {keep} checkpoints, one each {count} steps",
        )


def resume(low: Lowering) -> None:
    """A training state (folder)."""
    state, init = low.config.train.resume_from, low.config.adapter.init_from
    if state is not None:
        native = local_path(low, "train.resume_from", state)
        low.put("train:resume", native, "train.resume_from")
        low.note(
            "rewritten",
            "train.resume_from",
            state,
            "train:resume",
            native,
            "weights, optimizer, schedule and random state continue; counters start at 0",
        )
        low.problem(
            "LB302",
            "train.resume_from",
            "steps and file names start again at 1",
            f"musubi-tuner keeps no counter in its states: {low.config.train.length} more are trained, and files of the same name are overwritten",
            "write what is left in `train.for`, and another `name` or `output.dir`",
            "warning",
        )
    if init is not None:
        native = local_path(low, "adapter.init_from", init)
        low.put("train:network_weights", native, "adapter.init_from")
        low.note("exact", "adapter.init_from", init, "train:network_weights", native)


def optimizer(low: Lowering) -> None:
    """The class and its arguments."""
    config = low.config.optimizer
    native = optimizer_name(config.type)
    if native is None:
        known = ", ".join(f"`{name}`" for name in OPTIMIZERS)
        low.problem(
            "LB301",
            "optimizer.type",
            f"musubi-tuner knows no optimizer `{config.type}`",
            "it stops after the model is loaded (TB:236)",
            f"known: {known}; or a full class path such as `torch.optim.Adam`",
        )
        native = config.type
    low.put("train:optimizer_type", native, "optimizer.type")
    package = "." in native and not native.startswith(_BUNDLED)
    low.note(
        "exact",
        "optimizer.type",
        config.type,
        "train:optimizer_type",
        native,
        f"needs the package {native.split('.')[0]}" if package else "",
    )
    rate = 1e-4 if isinstance(config.lr, str) else config.lr
    low.put("train:learning_rate", rate, "optimizer.lr")
    low.note("exact", "optimizer.lr", config.lr, "train:learning_rate", rate)
    arguments = _optimizer_args(low, native)
    if arguments:
        low.put("train:optimizer_args", arguments, "optimizer.args")


def optimizer_name(name: str) -> str | None:
    """The trainer's name of an optimizer; class paths stay as they are."""
    plain = name.lower().replace("-", "").replace("_", "")
    return OPTIMIZERS.get(plain) or (name if "." in name else None)


def _optimizer_args(low: Lowering, native: str) -> list[str]:
    config = low.config.optimizer
    values: dict[str, Any] = {}
    if config.weight_decay != "auto":
        values["weight_decay"] = config.weight_decay
    if config.betas is not None:
        values["betas"] = tuple(config.betas)
    if config.eps != "auto":
        values["eps"] = config.eps
    for key, value in values.items():
        low.note("exact", f"optimizer.{key}", list(value) if key == "betas" else value, "train:optimizer_args", f"{key}={value!r}")
    for key, value in config.args.items():
        if key in values:
            low.problem(
                "LB202",
                f"optimizer.args.{key}",
                f"`optimizer.args.{key}` and `optimizer.{key}` say the same thing",
                "one of them would be lost",
                "remove one",
            )
        values[key] = value
        low.note("exact", f"optimizer.args.{key}", value, "train:optimizer_args", f"{key}={value!r}")
    if native == "AdaFactor":
        _adafactor(low, values)
    return key_values(low, "optimizer.args", values)


def _adafactor(low: Lowering, values: dict[str, Any]) -> None:
    """Without these the trainer drops the schedule, and the rate becomes a starting value (TB:196)."""
    if values.get("relative_step") is True:
        low.problem(
            "LB307",
            "optimizer.args.relative_step",
            "with `relative_step: true` the learning rate and the schedule have no effect",
            "the trainer replaces both by Adafactor's own",
            "remove it",
        )
    for key in ("relative_step", "scale_parameter"):
        if key not in values:
            values[key] = False
            low.note("added", "", "", "train:optimizer_args", f"{key}=False", "so that Adafactor follows `optimizer.lr` and the schedule")


def key_values(low: Lowering, path: str, values: dict[str, Any]) -> list[str]:
    """`key=value` texts as the trainer splits and evaluates them (TB:171)."""
    found = {key: f"{key}={value!r}" for key, value in values.items()}
    for key, text in found.items():
        if text.count("=") > 1:
            low.refuse(f"{path}.{key}", values[key], "an argument cannot hold a second `=` (TB:171)", "use another value")
    return [text for text in found.values() if text.count("=") == 1]


def scheduler(low: Lowering) -> None:
    """The learning rate over time. `constant` refuses a warmup there and has a name of its own with one."""
    plan = low.config.scheduler
    native = SCHEDULES[plan.type]
    if plan.type == "constant" and plan.warmup != "off":
        native = "constant_with_warmup"
    if plan.type == "cosine" and plan.min_lr_ratio != "off":
        native = "cosine_with_min_lr"
    low.put("train:lr_scheduler", native, "scheduler.type")
    exact = native == SCHEDULES[plan.type]
    low.note("exact" if exact else "rewritten", "scheduler.type", plan.type, "train:lr_scheduler", native)
    for key, option in (("warmup", "lr_warmup_steps"), ("decay", "lr_decay_steps")):
        _part(low, f"scheduler.{key}", getattr(plan, key), option)
    _schedule_shape(low, native)
    if plan.args:
        low.put("train:lr_scheduler_args", key_values(low, "scheduler.args", plan.args), "scheduler.args")
        low.note("exact", "scheduler.args", plan.args, "train:lr_scheduler_args", "")
    if low.config.optimizer.type.lower().endswith("schedulefree") and (plan.type != "constant" or plan.warmup != "off"):
        low.problem(
            "LB307",
            "scheduler",
            "a schedule-free optimizer has no schedule",
            "the trainer puts a dummy in its place (TB:276)",
            "remove `scheduler`; a warmup goes into `optimizer.args: {warmup_steps: …}`",
        )


def _part(low: Lowering, path: str, part: Any, option: str) -> None:
    at = f"train:{option}"
    if part == "off":
        if low.wrote(path):
            low.note("exact", path, part, at, "left out")
        return
    if part.unit == "percent":
        native: int | float = float(part.value) / 100
        low.put(at, native, path)
        low.note("exact", path, part, at, native, "a float is a part of the run there")
        return
    # The schedule is stepped once per process, and only fractions are scaled for that (TB:287-294).
    native = int(part.value) * processes(low)
    low.put(at, native, path)
    exact = processes(low) == 1
    low.note(
        "exact" if exact else "rewritten",
        path,
        part,
        at,
        native,
        "" if exact else f"the schedule moves {processes(low)} times per step, once per GPU",
    )


def _schedule_shape(low: Lowering, native: str) -> None:
    plan = low.config.scheduler
    extras = (
        ("cycles", "lr_scheduler_num_cycles", plan.cycles, 1, ("cosine_with_restarts",)),
        ("power", "lr_scheduler_power", plan.power, 1.0, ("polynomial",)),
        ("min_lr_ratio", "lr_scheduler_min_lr_ratio", plan.min_lr_ratio, "off", ("cosine_with_min_lr", "warmup_stable_decay", "rex")),
    )
    for key, option, value, plain, users in extras:
        path = f"scheduler.{key}"
        if native in users:
            spelled = 0.0 if value == "off" else value
            low.put(f"train:{option}", spelled, path)
            low.note("exact", path, value, f"train:{option}", spelled)
        elif value != plain:
            low.refuse(path, value, f"`type: {plan.type}` does not use it there", "remove it, or choose a schedule that does")


def logging(low: Lowering) -> None:
    """Trackers. An empty `logging_dir` would log to the root of the disk, an empty `log_with` crash."""
    config = low.config.logging
    if config.to in ("off", "auto"):
        for key in ("dir", "prefix", "wandb.project"):
            if low.wrote(f"logging.{key}"):
                low.note("exact", f"logging.{key}", "", "", "left out", "no tracker is used")
        low.note("exact", "logging.to", config.to, "train:log_with", "left out")
        return
    low.put("train:log_with", config.to, "logging.to")
    low.note("exact", "logging.to", config.to, "train:log_with", config.to)
    folder = low.path(config.dir) if config.dir else f"{low.output}/logs"
    low.put("train:logging_dir", folder, "logging.dir")
    low.note("exact" if config.dir else "rewritten", "logging.dir", config.dir, "train:logging_dir", folder)
    if config.prefix:
        low.put("train:log_prefix", config.prefix, "logging.prefix")
        low.note("exact", "logging.prefix", config.prefix, "train:log_prefix", config.prefix)
    if config.to == "tensorboard":
        if config.wandb.project is not None:
            low.note("exact", "logging.wandb.project", config.wandb.project, "", "left out", "W&B is not used")
        return
    for key, option, value in (
        ("project", "log_tracker_name", config.wandb.project),
        ("run_name", "wandb_run_name", config.wandb.run_name),
    ):
        if value:
            low.put(f"train:{option}", value, f"logging.wandb.{key}")
            low.note("exact", f"logging.wandb.{key}", value, f"train:{option}", value)
