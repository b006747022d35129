"""The twins of the functions that lower: one for each thing that rows cannot say."""

from __future__ import annotations

import ast
import re
from typing import Any

from lorabridge.backends.engine import lift_rows, spell
from lorabridge.backends.musubi.archs import ARCHS, BOUNDARIES, NOISE_SCALES, Arch
from lorabridge.backends.musubi.lift import Lifting
from lorabridge.backends.musubi.lift_data import datasets, prompts
from lorabridge.backends.musubi.noise import SAMPLINGS, WEIGHTINGS
from lorabridge.backends.musubi.rows import ROWS
from lorabridge.backends.musubi.training import OPTIMIZERS, SCHEDULES
from lorabridge.config.amounts import Amount
from lorabridge.families.base import Family
from lorabridge.families.table import FAMILIES

_DTYPES = {"bfloat16": "bf16", "bf16": "bf16", "float16": "fp16", "fp16": "fp16", "float32": "fp32", "fp32": "fp32"}
_DEFAULT_FLAGS = {
    "model_version": {"flux2": "dev", "qwen-image": "original"},
    "task": {"wan21": "t2v-14B", "hunyuan-video-1.5": "t2v", "hidream-o1": "t2i"},
    "model_type": {"hidream-o1": "full"},
}
_ONLY = re.compile(r"\(\?!\.\*\(\?:(.+)\)\)\.\*")
_NAME = re.compile(r"(?:\\.|[^|\\])+")
_LOCAL = re.compile(r"(?![/~.\\]|[A-Za-z]:).+/.+\.(?:safetensors|pth?|ckpt|bin)")
"""A relative file: the trainer takes no such name from the hub, the language would."""
_NEVER = re.compile(r"\.\*\(\?:(.+)\)\.\*")


def fields(work: Lifting) -> None:
    """Everything that the files say."""
    work.say("lorabridge", 1)
    found = _arch(work)
    if found is None:
        work.problem(
            "LB306",
            "the model family cannot be told from these files",
            "neither a script nor a network module names it",
            "add the launch command",
            "error",
        )
        work.native |= work.train
        return
    (family_name, variant), arch = found
    family = FAMILIES[family_name]
    work.move("name", "output_name")
    work.say("model.family", family_name)
    work.say("model.variant", variant)
    _model(work, arch, variant)
    datasets(work, arch)
    _network(work, arch, family)
    _length(work)
    _optimizer(work)
    _scheduler(work)
    _noise(work, arch)
    _save(work)
    _memory(work)
    prompts(work, arch)
    _logging(work)
    _machine(work, arch)
    _rows(work, family_name)
    _rest(work, arch)


def _arch(work: Lifting) -> tuple[tuple[str, str], Arch] | None:
    script = _launched(work)
    module = _module(work)
    fits = [(key, arch) for key, arch in ARCHS.items() if (arch.train == script if script else arch.network == module)]
    best = [
        (key, arch)
        for key, arch in fits
        if all(_flag(work, key[0], name) == value or (name == "task" and key[0] == "hidream-o1") for name, value in arch.flags.items())
    ]
    best = [(key, arch) for key, arch in best if not arch.cli or work.train.get("task") == arch.cli[1]] or (
        [] if any(arch.flags for _, arch in fits) else fits[:1]
    )
    if "f1" in work.train:
        best = [(key, arch) for key, arch in best if "f1" in arch.flags] or best
    if not best:
        return None
    same = [key for key, arch in best if arch == best[0][1]]
    if len(same) > 1:
        names = ", ".join(f"`{variant}`" for _, variant in same)
        work.problem(
            "LB302",
            f"the files do not tell {names} apart: `{same[0][1]}` is assumed",
            "the trainer runs the same code for them",
            "set `model.variant`",
            "hint",
        )
    return best[0]


def _launched(work: Lifting) -> str:
    return next((name for name, command in work.commands.items() if command["kind"] == "train"), "")


def _module(work: Lifting) -> str:
    return str(work.train.get("network_module", "")).removeprefix("musubi_tuner.")


def script_of(work: Lifting) -> str:
    """The training script: the one that is launched, or the one whose network module is named; empty where neither is."""
    return _launched(work) or next((arch.train for arch in ARCHS.values() if arch.network == _module(work)), "")


def _flag(work: Lifting, family: str, name: str) -> Any:
    if name == "model_version" and work.train.get("edit_plus"):
        return "edit-2509"
    if name == "model_version" and work.train.get("edit"):
        return "edit"
    return work.train.get(name, _DEFAULT_FLAGS.get(name, {}).get(family))


def _model(work: Lifting, arch: Arch, variant: str) -> None:
    if "model_type" in arch.flags:
        for key, value in NOISE_SCALES.get(str(arch.flags["model_type"]), {}).items():
            if work.train.get(key) == value:
                work.take(key)
    for key in (*arch.flags, "task", "one_frame", "edit", "edit_plus"):
        work.take(key)
    _experts(work, variant)
    for name, key in arch.keys.items():
        work.move(f"model.paths.{name}", key)
    for command in work.commands.values():
        options = {**arch.latent_paths, **arch.text_paths} if command["kind"] != "train" else {}
        for name, option in options.items():
            if option in command["options"]:
                work.say(f"model.paths.{name}", command["options"][option])
    paths = work.data["model"].setdefault("paths", {})
    paths |= {name: f"./{value}" for name, value in paths.items() if isinstance(value, str) and _LOCAL.fullmatch(value)}
    cached = work.commands.get(arch.latents, {}).get("options", {}).get("vae_dtype")
    if cached is not None and arch.cache_vae_dtype:
        work.train.setdefault("vae_dtype", cached)
    for key, path in (("dit_dtype", "model.dtype"), ("vae_dtype", "model.vae_dtype")):
        work.say(path, _DTYPES.get(str(work.take(key))), f"train:{key}")
    scaled, base = work.take("fp8_scaled"), work.take("fp8_base")
    # A script without plain fp8 takes `fp8_base` for the scaled kind (kandinsky5_train_network.py:973).
    plain = "fp8" if "fp8" in arch.fp8 else "fp8-scaled"
    work.say("model.quantize.transformer", "fp8-scaled" if scaled else plain if base else None, "train:fp8_base")
    text = arch.text_fp8 and (work.take(arch.text_fp8) or any(command["options"].get(arch.text_fp8) for command in work.commands.values()))
    work.say("model.quantize.text_encoder", "fp8" if text else None, f"train:{arch.text_fp8}")
    weights, multipliers = work.take("base_weights") or [], work.take("base_weights_multiplier") or []
    padded = [*multipliers, *[1.0] * len(weights)]
    work.say(
        "model.merge",
        [{"path": path, "weight": weight} for path, weight in zip(weights, padded, strict=False)] or None,
        "train:base_weights",
    )


def _experts(work: Lifting, variant: str) -> None:
    if variant not in BOUNDARIES:
        return
    edge = work.take("timestep_boundary")
    high = work.take("dit_high_noise")
    if high is not None:
        work.say("model.experts.train", "both")
        work.say("model.paths.transformer_high_noise", high, "train:dit_high_noise")
        work.say("model.experts.boundary", None if edge is None else edge / 1000 if edge > 1 else edge, "train:timestep_boundary")
        work.say("model.experts.offload_inactive", work.take("offload_inactive_dit"), "train:offload_inactive_dit")
        return
    least, most = work.take("min_timestep"), work.take("max_timestep")
    which = "high-noise" if least else "low-noise"
    edge = least or most
    work.take("preserve_distribution_shape")
    work.say("model.experts.train", which, "train:min_timestep")
    work.say("model.experts.boundary", edge / 1000 if edge and edge / 1000 != BOUNDARIES[variant] else None)
    if which == "high-noise":
        work.say("model.paths.transformer_high_noise", work.take("dit"), "train:dit")


def _network(work: Lifting, arch: Arch, family: Family) -> None:
    module = str(work.take("network_module") or "").removeprefix("musubi_tuner.")
    work.say("adapter.type", {"networks.loha": "loha", "networks.lokr": "lokr"}.get(module, "lora"), "train:network_module")
    work.say("adapter.init_from", work.take("network_weights") or None, "train:network_weights")
    plain = {
        "conv_dim": ("adapter.conv_rank", int),
        "conv_alpha": ("adapter.conv_alpha", float),
        "rank_dropout": ("adapter.rank_dropout", float),
        "module_dropout": ("adapter.module_dropout", float),
        "factor": ("adapter.factor", int),
        "loraplus_lr_ratio": ("optimizer.lora_plus_ratio", float),
    }
    rest: list[str] = []
    for text in work.take("network_args") or []:
        key, _, value = text.partition("=")
        if key in plain:
            work.say(plain[key][0], plain[key][1](value), "train:network_args")
        elif key == "exclude_patterns" and _targets(work, arch, family, value):
            continue
        elif not (key == "include_patterns" and value == "[]" and arch.keeps_includes):
            rest.append(text)
    if rest:
        work.native["network_args"] = rest


def _targets(work: Lifting, arch: Arch, family: Family, text: str) -> bool:
    try:
        patterns = [item for item in ast.literal_eval(text) if item not in arch.shared_excludes]
    except (ValueError, SyntaxError):
        return False
    modules = family.modules("musubi")
    groups = {modules.attention: "attention", modules.attention + modules.feed_forward: "all"}
    said: dict[str, Any] = {}
    for pattern in patterns:
        only, never = _ONLY.fullmatch(pattern), _NEVER.fullmatch(pattern)
        if not only and not never:
            return False
        names = [re.sub(r"\\(.)", r"\1", name) for name in _NAME.findall((only or never)[1])]  # type: ignore[index]
        key = "exclude" if never else "layers" if tuple(names) in groups and "layers" not in said else "include"
        said[key] = groups[tuple(names)] if key == "layers" else names
    for key, value in said.items():
        work.say(f"adapter.targets.{key}", value, "train:network_args")
    return True


def _length(work: Lifting) -> None:
    epochs, steps = work.take("max_train_epochs"), work.take("max_train_steps")
    if epochs is not None:
        work.say("train.for", str(Amount(epochs, "epochs")), "train:max_train_epochs")
    else:
        work.say("train.for", str(Amount(1600 if steps is None else steps, "steps")), "train:max_train_steps")
    seed = work.take("seed")
    if seed == 0:
        work.native["seed"] = 0
    else:
        work.say("train.seed", seed, "train:seed")
    work.say("train.resume_from", work.take("resume") or None, "train:resume")


def _optimizer(work: Lifting) -> None:
    native = str(work.take("optimizer_type") or "adamw")
    names = {value.lower(): key for key, value in OPTIMIZERS.items()}
    work.say("optimizer.type", names.get(native.lower(), native), "train:optimizer_type")
    work.move("optimizer.lr", "learning_rate")
    values = _values(work.take("optimizer_args") or [])
    if native.lower() == "adafactor":
        for key in ("relative_step", "scale_parameter"):
            if values.get(key) is False:
                del values[key]
    for key in ("weight_decay", "betas", "eps"):
        value = values.pop(key, None)
        if isinstance(value, int | float | tuple | list):
            work.say(f"optimizer.{key}", list(value) if isinstance(value, tuple | list) else value, "train:optimizer_args")
    work.say("optimizer.args", values or None, "train:optimizer_args")


def _values(texts: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts:
        key, _, value = text.partition("=")
        try:
            found[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[key] = value
    return found


def _scheduler(work: Lifting) -> None:
    native = str(work.take("lr_scheduler") or "constant")
    names = {value: key for key, value in SCHEDULES.items()} | {"constant_with_warmup": "constant"}
    if native not in names:
        work.native["lr_scheduler"] = native
        return
    work.say("scheduler.type", names[native], "train:lr_scheduler")
    for key, option in (("warmup", "lr_warmup_steps"), ("decay", "lr_decay_steps")):
        value = work.take(option)
        if value:
            part = f"{spell(value * 100)}%" if isinstance(value, float) else str(Amount(value // work.processes, "steps"))
            work.say(f"scheduler.{key}", part, f"train:{option}")
    for key, option in (
        ("cycles", "lr_scheduler_num_cycles"),
        ("power", "lr_scheduler_power"),
        ("min_lr_ratio", "lr_scheduler_min_lr_ratio"),
    ):
        value = work.take(option)
        work.say(f"scheduler.{key}", "off" if key == "min_lr_ratio" and value == 0 else value, f"train:{option}")
    work.say("scheduler.args", _values(work.take("lr_scheduler_args") or []) or None, "train:lr_scheduler_args")


def _noise(work: Lifting, arch: Arch) -> None:
    native = work.take("timestep_sampling")
    if "timestep_sampling" in work.filled and arch.train == "ideogram4_train_network":
        native = "ideogram4_shift"
    names = {value: key for key, value in SAMPLINGS.items()} | (
        {arch.resolution_shift: "resolution-shift"} if arch.resolution_shift else {}
    )
    if native in names:
        work.say("noise.timestep_sampling", names[native], "train:timestep_sampling")
    else:
        work.native["timestep_sampling"] = native
    shift, scale = work.take("discrete_flow_shift"), work.take("sigmoid_scale")
    if native == "shift":
        work.say("noise.shift", shift, "train:discrete_flow_shift")
    if scale != 1.0:
        work.say("noise.sigmoid_scale", scale, "train:sigmoid_scale")
    weighting = work.take("weighting_scheme")
    work.say("noise.weighting", {value: key for key, value in WEIGHTINGS.items()}.get(weighting, "none"), "train:weighting_scheme")
    mean, std, scale = work.take("logit_mean"), work.take("logit_std"), work.take("mode_scale")
    drawn = native == "sigma" and weighting == "logit_normal"
    if drawn or native == "logsnr":
        work.say("noise.logit_mean", None if mean is None else (-mean + 0.0 if drawn else mean), "train:logit_mean")
        work.say("noise.logit_std", std, "train:logit_std")
    if weighting == "mode":
        work.say("noise.mode_scale", scale, "train:mode_scale")
    work.move("noise.min_timestep", "min_timestep")
    work.move("noise.max_timestep", "max_timestep")
    if "noise.min_timestep" in work.origins or "noise.max_timestep" in work.origins:
        work.take("preserve_distribution_shape")


def _save(work: Lifting) -> None:
    for unit in ("steps", "epochs"):
        every, last = work.take(f"save_every_n_{unit}"), work.take(f"save_last_n_{unit}")
        if every is None:
            continue
        if "save" in work.data:
            work.native |= {f"save_every_n_{unit}": every} | ({} if last is None else {f"save_last_n_{unit}": last})
            continue
        work.say("save.every", str(Amount(every, "steps" if unit == "steps" else "epochs")), f"train:save_every_n_{unit}")
        if last is not None:
            work.say("save.keep_last", last // every + 1 if unit == "steps" else last, f"train:save_last_n_{unit}")


def _memory(work: Lifting) -> None:
    for key, word in (("sdpa", "sdpa"), ("flash_attn", "flash"), ("sage_attn", "sage"), ("xformers", "xformers"), ("flash3", "flash3")):
        if work.take(key) and "attention" not in work.data.get("memory", {}):
            work.say("memory.attention", word, f"train:{key}")
    workers = work.train.get("max_data_loader_n_workers")
    if work.train.get("persistent_data_loader_workers") and workers != 0:
        work.take("persistent_data_loader_workers")


def _logging(work: Lifting) -> None:
    folder, tracker = work.take("logging_dir") or None, work.take("log_with") or None
    work.say("logging.to", tracker or ("tensorboard" if folder else "off"), "train:log_with")
    work.say("logging.dir", folder, "train:logging_dir")
    work.say("logging.prefix", work.take("log_prefix") or None, "train:log_prefix")
    if tracker in ("wandb", "all"):
        work.say("logging.wandb.project", work.take("log_tracker_name"), "train:log_tracker_name")
        work.say("logging.wandb.run_name", work.take("wandb_run_name"), "train:wandb_run_name")
    if work.take("wandb_api_key"):
        work.problem("LB205", "the training file holds a W&B key", "it was left out", "set WANDB_API_KEY in the environment")


def _machine(work: Lifting, arch: Arch) -> None:
    work.move("output.dir", "output_dir")
    gpus = [int(part) for part in work.env.get("CUDA_VISIBLE_DEVICES", "").split(",") if part.strip().isdigit()]
    work.say("hardware.gpus", gpus or (list(range(work.processes)) if work.processes > 1 else None))
    work.say("hardware.device", "cpu" if work.launch.get("use_cpu") else None, "accelerate.yaml")
    if work.env.get("OMP_NUM_THREADS", "").isdigit():
        work.say("hardware.threads", int(work.env["OMP_NUM_THREADS"]))
    for script, kind in ((arch.latents, "latents"), (arch.text, "text")):
        options = dict(work.commands.get(script, {}).get("options", {}))
        work.say(f"cache.{kind}.batch_size", options.get("batch_size"))
        work.say(f"cache.{kind}.workers", options.get("num_workers"))
        work.say("cache.reuse", options.get("skip_existing"))
        if "device" in options:
            work.say("hardware.device", "cpu" if options["device"] == "cpu" else "cuda")
        extra = _extra(arch, kind, options, work.dit)
        if extra:
            work.native[f"cache_{kind}"] = extra


def _extra(arch: Arch, kind: str, options: dict[str, Any], said_dit: Any) -> dict[str, Any]:
    """What a caching script gets that no field of the language says."""
    said = {
        "dataset_config",
        "batch_size",
        "num_workers",
        "skip_existing",
        "device",
        "vae_dtype",
        "one_frame",
        "i2v",
        "f1",
        "model_version",
        "model_type",
        arch.text_fp8,
    }
    if arch.text_fp8 and not arch.text_paths and options.get("dit") == said_dit:
        said.add("dit")
    said |= set((arch.latent_paths if kind == "latents" else arch.text_paths).values())
    return {key: value for key, value in options.items() if key not in said}


def _rows(work: Lifting, family: str) -> None:
    data, origins, rest = lift_rows(ROWS, {"train": work.train}, family)
    work.train = rest.get("train", {})
    for path, value in data.items():
        if value not in ("", None) and not (origins[path].removeprefix("train:") in work.filled and value == "auto"):
            work.say(path, str(value) if isinstance(value, Amount) else value, origins[path])


def _rest(work: Lifting, arch: Arch) -> None:
    from lorabridge.backends.musubi.native import options_of

    known = options_of(arch.train)
    for key, value in work.train.items():
        if key in ("dataset_config", "sample_prompts", "config_file") or value in ("", None):
            continue
        if key not in known:
            work.problem("LB303", f"the trainer has no option `{key}` and ignores it", fix="it was left out")
        elif not (value is False and known[key]["type"] == "flag"):
            work.native[key] = value
