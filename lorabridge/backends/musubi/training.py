"""The training itself: length, seed, saves, adapter, optimizer, schedule, noise, logging."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any

from lorabridge.backends.engine import Lowering
from lorabridge.backends.musubi.archs import Arch
from lorabridge.backends.musubi.model import boundary, local_path, trained_experts
from lorabridge.config.amounts import Amount

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

SAMPLINGS = {"uniform": "uniform", "sigmoid": "sigmoid", "shift": "shift", "sigma": "sigma", "logsnr": "logsnr"}
WEIGHTINGS = {"none": "none", "sigma-sqrt": "sigma_sqrt", "cosmap": "cosmap", "mode": "mode", "logit-normal": "logit_normal"}


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
    low.note("exact" if exact else "rewritten", "train.for", amount, "train:max_train_steps", steps, "" if exact else "samples over batch, accumulation and GPUs")
    return steps


def _steps_of_samples(low: Lowering, samples: int) -> int:
    config = low.config
    sizes = {data.batch_size or config.train.batch_size for data in config.datasets}
    if len(sizes) > 1:
        low.problem("LB308", "train.for", "musubi-tuner counts steps, and the datasets' batch sizes differ", "how many samples a step sees depends on the data", "write `for: … steps`, or give all datasets one batch size")
        return samples
    per_step = sizes.pop() * config.train.gradient_accumulation * processes(low)
    if samples % per_step:
        less = max(1, samples // per_step) * per_step
        low.problem("LB308", "train.for", f"{samples} samples are no whole number of steps of {per_step} samples", "musubi-tuner counts steps", f"write `for: {less} samples` or `for: {(samples // per_step + 1) * per_step} samples`")
    return max(1, samples // per_step)


def seed(low: Lowering) -> None:
    """A seed that can be repeated. musubi-tuner would draw one and keep it to itself (TB:1427)."""
    value = low.config.train.seed
    if value != "random":
        low.put("train:seed", value, "train.seed")
        low.note("exact", "train.seed", value, "train:seed", value)
        return
    plain = json.dumps(low.config.model_dump(mode="json", by_alias=True), sort_keys=True, default=str)
    drawn = low.site.seed if low.site.seed is not None else int(hashlib.sha256(plain.encode()).hexdigest()[:8], 16) % (2**32 - 1) + 1
    low.put("train:seed", drawn, "train.seed")
    low.note("rewritten", "train.seed", value, "train:seed", drawn, "drawn once and written down, so that the run can be repeated")


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
        low.note("rewritten", "save.keep_last", keep, "train:save_last_n_steps", distance, f"a distance in steps there: {keep} checkpoints, one each {count} steps")


def resume(low: Lowering) -> None:
    """A training state (folder)."""
    state, init = low.config.train.resume_from, low.config.adapter.init_from
    if state is not None:
        native = local_path(low, "train.resume_from", state)
        low.put("train:resume", native, "train.resume_from")
        low.note("rewritten", "train.resume_from", state, "train:resume", native, "weights, optimizer, schedule and random state continue; counters start at 0")
        low.problem("LB302", "train.resume_from", "steps and file names start again at 1", f"musubi-tuner keeps no counter in its states: {low.config.train.length} more are trained, and files of the same name are overwritten", "write what is left in `train.for`, and another `name` or `output.dir`", "warning")
    if init is not None:
        native = local_path(low, "adapter.init_from", init)
        low.put("train:network_weights", native, "adapter.init_from")
        low.note("exact", "adapter.init_from", init, "train:network_weights", native)


def adapter(low: Lowering, arch: Arch) -> None:
    """The network module and its arguments."""
    kind = low.config.adapter.type
    module = arch.network if kind == "lora" else f"networks.{kind}"
    if kind == "dora":
        low.refuse("adapter.type", kind, "it has LoRA, LoHa and LoKr", "write `type: lora`")
    elif kind != "lora" and not arch.generic:
        low.problem("LB307", "adapter.type", f"`{kind}` does not know the layers of {low.family.title}", "it stops after the model is loaded (networks/network_arch.py:10)", "write `type: lora`")
    low.put("train:network_module", module, "adapter.type")
    low.note("exact", "adapter.type", kind, "train:network_module", module)
    arguments = _network_args(low, kind) + _targets(low, arch)
    if arguments:
        low.put("train:network_args", arguments, "adapter")


def _network_args(low: Lowering, kind: str) -> list[str]:
    config, found = low.config.adapter, []

    def say(path: str, value: Any, text: str) -> None:
        found.append(text)
        low.note("exact", path, value, "train:network_args", text)

    if config.conv_rank != "off":
        if kind != "lora":
            low.refuse("adapter.conv_rank", config.conv_rank, f"its {kind} has linear layers only", "remove it")
        say("adapter.conv_rank", config.conv_rank, f"conv_dim={config.conv_rank}")
        say("adapter.conv_alpha", config.conv_alpha, f"conv_alpha={number(config.conv_alpha or float(config.conv_rank))}")
    for key in ("rank_dropout", "module_dropout"):
        value = getattr(config, key)
        if value != "off":
            say(f"adapter.{key}", value, f"{key}={number(value)}")
    if config.factor != "auto":
        if kind != "lokr":
            low.refuse("adapter.factor", config.factor, f"`type: {kind}` has no factor", "remove it")
        say("adapter.factor", config.factor, f"factor={config.factor}")
    if low.config.optimizer.lora_plus_ratio != "off":
        ratio = low.config.optimizer.lora_plus_ratio
        say("optimizer.lora_plus_ratio", ratio, f"loraplus_lr_ratio={number(ratio)}")
    return found


def number(value: float) -> str:
    """A number as an argument: `4` and not `4.0`."""
    return str(int(value)) if value == int(value) else repr(float(value))


def _targets(low: Lowering, arch: Arch) -> list[str]:
    """Excluding all other names keeps the trainer's default exclusions; its include patterns only bring names back (lora.py:640)."""
    targets = low.config.adapter.targets
    modules = low.family.modules("musubi")
    groups = {"auto": (), "attention": modules.attention, "all": modules.attention + modules.feed_forward}
    wanted = groups[targets.layers]
    if targets.layers != "auto" and not wanted:
        low.refuse("adapter.targets.layers", targets.layers, f"the layer names of {low.family.title} are not known", "name them in `include`")
    patterns = [only(names) for names in (list(wanted), targets.include) if names]
    patterns += [never(targets.exclude)] if targets.exclude else []
    if not patterns:
        return []
    if any("=" in name for name in (*targets.include, *targets.exclude)):
        low.refuse("adapter.targets", targets.include + targets.exclude, "an argument cannot hold `=` (TB:1563)", "leave it out of the pattern")
    text = f"exclude_patterns={[*patterns, *arch.shared_excludes]!r}"
    for key in ("layers", "include", "exclude"):
        if getattr(targets, key) not in ("auto", []):
            low.note("rewritten", f"adapter.targets.{key}", getattr(targets, key), "train:network_args", text, "said by what is left out")
    return [text, "include_patterns=[]"] if arch.keeps_includes else [text]


def only(names: list[str]) -> str:
    """A pattern for every name that holds none of `names`."""
    return f"(?!.*(?:{'|'.join(map(re.escape, names))})).*"


def never(names: list[str]) -> str:
    """A pattern for every name that holds one of `names`."""
    return f".*(?:{'|'.join(map(re.escape, names))}).*"


def optimizer(low: Lowering) -> None:
    """The class and its arguments."""
    config = low.config.optimizer
    native = optimizer_name(config.type)
    if native is None:
        known = ", ".join(f"`{name}`" for name in OPTIMIZERS)
        low.refuse("optimizer.type", config.type, "it knows no such optimizer", f"known: {known}; or a full class path such as `torch.optim.Adam`")
        native = config.type
    low.put("train:optimizer_type", native, "optimizer.type")
    package = "." in native and not native.startswith(_BUNDLED)
    low.note("exact", "optimizer.type", config.type, "train:optimizer_type", native, f"needs the package {native.split('.')[0]}" if package else "")
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
    for key in values:
        low.note("exact", f"optimizer.{key}", list(values[key]) if key == "betas" else values[key], "train:optimizer_args", f"{key}={values[key]!r}")
    for key, value in config.args.items():
        if key in values:
            low.problem("LB202", f"optimizer.args.{key}", f"`optimizer.args.{key}` and `optimizer.{key}` say the same thing", "one of them would be lost", "remove one")
        values[key] = value
        low.note("exact", f"optimizer.args.{key}", value, "train:optimizer_args", f"{key}={value!r}")
    if native == "AdaFactor":
        _adafactor(low, values)
    return key_values(low, "optimizer.args", values)


def _adafactor(low: Lowering, values: dict[str, Any]) -> None:
    """Without these the trainer drops the schedule, and the rate becomes a starting value (TB:196)."""
    if values.get("relative_step") is True:
        low.problem("LB307", "optimizer.args.relative_step", "with `relative_step: true` the learning rate and the schedule have no effect", "the trainer replaces both by Adafactor's own", "remove it")
    for key in ("relative_step", "scale_parameter"):
        if key not in values:
            values[key] = False
            low.note("added", "", "", "train:optimizer_args", f"{key}=False", "so that Adafactor follows `optimizer.lr` and the schedule")


def key_values(low: Lowering, path: str, values: dict[str, Any]) -> list[str]:
    """`key=value` texts as the trainer splits and evaluates them (TB:171)."""
    found = [f"{key}={value!r}" for key, value in values.items()]
    for key, text in zip(values, found, strict=True):
        if text.count("=") > 1:
            low.refuse(f"{path}.{key}", values[key], "an argument cannot hold a second `=` (TB:171)", "use another value")
    return found


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
        low.problem("LB307", "scheduler", "a schedule-free optimizer has no schedule", "the trainer puts a dummy in its place (TB:276)", "remove `scheduler`; a warmup goes into `optimizer.args: {warmup_steps: …}`")


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
    low.note("exact" if exact else "rewritten", path, part, at, native, "" if exact else f"the schedule moves {processes(low)} times per step, once per GPU")


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


def noise(low: Lowering, arch: Arch) -> None:
    """The distribution of timesteps and the weight of each."""
    config = low.config.noise
    sampling = _sampling(low, arch)
    low.put("train:timestep_sampling", sampling, "noise.timestep_sampling")
    if config.timestep_sampling == "logit-normal":
        _logit_normal(low)
    else:
        _shapes(low, sampling)
    _weighting(low, arch, sampling)
    _range(low)


def _sampling(low: Lowering, arch: Arch) -> str:
    wanted, path = low.config.noise.timestep_sampling, "noise.timestep_sampling"
    if wanted == "auto":
        low.note("exact", path, wanted, f"train:{path}", arch.sampling, "what the trainer's documentation recommends")
        return arch.sampling
    if wanted == "logit-normal":
        low.note("rewritten", path, wanted, "train:timestep_sampling", "shift", "sigmoid(std·x), shifted by exp(mean), is the same distribution")
        return "shift"
    native = arch.resolution_shift if wanted == "resolution-shift" else SAMPLINGS.get(wanted, "")
    if not native:
        low.refuse(path, wanted, f"it has no such distribution for {low.family.title}", "write `timestep_sampling: shift` with a `shift`")
        return arch.sampling
    low.note("exact", path, wanted, "train:timestep_sampling", native)
    return native


def _logit_normal(low: Lowering) -> None:
    config = low.config.noise
    shift = math.exp(config.logit_mean)
    low.put("train:discrete_flow_shift", shift, "noise.logit_mean")
    low.put("train:sigmoid_scale", config.logit_std, "noise.logit_std")
    low.note("rewritten", "noise.logit_mean", config.logit_mean, "train:discrete_flow_shift", shift)
    low.note("rewritten", "noise.logit_std", config.logit_std, "train:sigmoid_scale", config.logit_std)
    _unused(low, "noise.shift", "noise.sigmoid_scale")


def _shapes(low: Lowering, sampling: str) -> None:
    config = low.config.noise
    if sampling == "shift":
        shift = 1.0 if isinstance(config.shift, str) else config.shift
        low.put("train:discrete_flow_shift", shift, "noise.shift")
        low.note("exact", "noise.shift", config.shift, "train:discrete_flow_shift", shift)
    else:
        _unused(low, "noise.shift")
    if sampling == "sigmoid" or (sampling.endswith("shift") and sampling != "ideogram4_shift"):
        low.put("train:sigmoid_scale", config.sigmoid_scale, "noise.sigmoid_scale")
        low.note("exact", "noise.sigmoid_scale", config.sigmoid_scale, "train:sigmoid_scale", config.sigmoid_scale)
    else:
        _unused(low, "noise.sigmoid_scale")
    if sampling == "logsnr":
        low.put("train:logit_mean", config.logit_mean, "noise.logit_mean")
        low.put("train:logit_std", config.logit_std, "noise.logit_std")
        low.note("exact", "noise.logit_mean", config.logit_mean, "train:logit_mean", config.logit_mean, "the mean of the log signal-to-noise ratio")
        low.note("exact", "noise.logit_std", config.logit_std, "train:logit_std", config.logit_std)
    elif sampling != "sigma" or config.weighting != "logit-normal":
        _unused(low, "noise.logit_mean", "noise.logit_std")


def _unused(low: Lowering, *paths: str) -> None:
    config = low.config.noise
    plain = {"noise.sigmoid_scale": 1.0, "noise.logit_mean": 0.0, "noise.logit_std": 1.0, "noise.mode_scale": 1.29}
    for path in paths:
        value = getattr(config, path.removeprefix("noise."))
        if low.wrote(path) and value != plain.get(path, "auto"):
            low.refuse(path, value, f"with `timestep_sampling: {config.timestep_sampling}` and `weighting: {config.weighting}` nothing reads it there", "remove it")


def _weighting(low: Lowering, arch: Arch, sampling: str) -> None:
    config, path = low.config.noise, "noise.weighting"
    native = WEIGHTINGS.get(config.weighting)
    if native is None:
        low.refuse(path, config.weighting, "it has no such weighting", "known there: none, sigma-sqrt, cosmap, and mode and logit-normal with `timestep_sampling: sigma`")
        native = "none"
    elif not arch.weighting and native != "none":
        low.problem("LB307", path, f"{low.family.title} takes `weighting: none` only", "the trainer stops at once", "write `weighting: none`")
    density = native in ("mode", "logit_normal")
    if density and sampling != "sigma":
        low.problem("LB307", path, f"`weighting: {config.weighting}` does nothing with `timestep_sampling: {config.timestep_sampling}`", "there it is a way to draw timesteps, used by `sigma` sampling only (TB:690)", "write `timestep_sampling: sigma`, or `weighting: none`")
    low.put("train:weighting_scheme", native, path)
    low.note("rewritten" if density else "exact", path, config.weighting, "train:weighting_scheme", native, "drawn more often instead of weighted more" if density else "")
    if native == "mode":
        low.put("train:mode_scale", config.mode_scale, "noise.mode_scale")
        low.note("exact", "noise.mode_scale", config.mode_scale, "train:mode_scale", config.mode_scale)
    else:
        _unused(low, "noise.mode_scale")
    if native == "logit_normal" and sampling == "sigma":
        # Index 0 of its schedule is pure noise: a positive mean means less noise (timesteps.py:46).
        low.put("train:logit_mean", -config.logit_mean + 0.0, "noise.logit_mean")
        low.put("train:logit_std", config.logit_std, "noise.logit_std")
        low.note("rewritten", "noise.logit_mean", config.logit_mean, "train:logit_mean", -config.logit_mean + 0.0, "the sign is the other way round there")
        low.note("exact", "noise.logit_std", config.logit_std, "train:logit_std", config.logit_std)


def _range(low: Lowering) -> None:
    config, which = low.config.noise, trained_experts(low)
    least, most = config.min_timestep, config.max_timestep
    edge = round(boundary(low) * 1000) if which in ("high-noise", "low-noise") else None
    if edge is not None:
        least, most = (max(least, edge), most) if which == "high-noise" else (least, min(most, edge))
    if least >= most:
        low.problem("LB206", "noise.min_timestep", f"no timestep of the {which} expert lies between {config.min_timestep} and {config.max_timestep}", "it is trained on its own range only", "widen the range")
    source = "model.experts.train" if edge is not None else "noise"
    if least > 0:
        low.put("train:min_timestep", least, source if edge else "noise.min_timestep")
    if most < 1000:
        low.put("train:max_timestep", most, source if edge else "noise.max_timestep")
    for key in ("min_timestep", "max_timestep"):
        low.note("exact", f"noise.{key}", getattr(config, key), f"train:{key}", low.documents["train"].get(key, "left out"))
    if least > 0 or most < 1000:
        low.add("train:preserve_distribution_shape", True, "so that the range cuts the distribution of timesteps instead of squeezing it (advanced_config.md:683)")


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
    for key, option, value in (("project", "log_tracker_name", config.wandb.project), ("run_name", "wandb_run_name", config.wandb.run_name)):
        if value:
            low.put(f"train:{option}", value, f"logging.wandb.{key}")
            low.note("exact", f"logging.wandb.{key}", value, f"train:{option}", value)


def steps_or_epochs(amount: Amount, stem: str) -> tuple[str, int]:
    """The native key and number of `every`."""
    return f"train:{stem}_{amount.unit}", int(amount.value)
