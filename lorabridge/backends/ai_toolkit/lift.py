"""The way back: a job file to intent.

A key that the file leaves out has the trainer's default, not lorabridge's: those are filled in first (`EFFECTIVE`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lorabridge.backends.ai_toolkit.archs import Arch
from lorabridge.backends.ai_toolkit.lift_data import lift_datasets, lift_samples
from lorabridge.backends.ai_toolkit.lift_model import lift_model, lift_network
from lorabridge.backends.ai_toolkit.lift_state import Lifting
from lorabridge.backends.ai_toolkit.native import META
from lorabridge.backends.ai_toolkit.noise import BIASES, TYPES
from lorabridge.backends.ai_toolkit.rows import JOB_ROWS
from lorabridge.backends.ai_toolkit.training import NEVER_CLIPPED
from lorabridge.backends.base import Lifted
from lorabridge.backends.engine import lift_rows
from lorabridge.diagnostics import Diagnostic

EFFECTIVE: dict[str, Any] = {
    "train.steps": 1000,
    "train.lr": 1e-6,
    "train.optimizer": "adamw",
    "train.dtype": "fp32",
    "train.timestep_type": "sigmoid",
    "train.noise_scheduler": "ddpm",
    "save.save_every": 1000,
    "save.max_step_saves_to_keep": 5,
    "save.dtype": "float16",
    "sample.sample_every": 100,
    "sample.width": 512,
    "sample.height": 512,
    "sample.seed": 0,
    "sample.sample_steps": 20,
    "sample.guidance_scale": 7.0,
    "network.linear": 4,
    "logging.log_every": 100,
}
"""Defaults of the trainer that differ from the language's (toolkit/config_modules.py)."""
DTYPES = {
    **dict.fromkeys(("bf16", "bfloat16"), "bf16"),
    **dict.fromkeys(("fp16", "float16", "half"), "fp16"),
    **dict.fromkeys(("fp32", "float32", "float", "single"), "fp32"),
}
TRAINERS = ("diffusion_trainer", "sd_trainer", "ui_trainer")


def lift(sources: Mapping[str, str]) -> Lifted:
    """Read a job back. What no field of the language can say stays in `native`."""
    name, process, found = read_job(sources)
    if process is not None and not isinstance(process.get("network"), dict):
        found.append(_whole_model(process))
        process = None
    if process is None:
        return Lifted({}, diagnostics=tuple(found))
    tree = _effective(process)
    rows, origins, rest = lift_rows(JOB_ROWS, {"process": tree})
    state = Lifting(rest.get("process", {}), diagnostics=found)
    state.say("lorabridge", 1)
    state.say("name", name)
    for path, value in rows.items():
        state.say(path, value, origins[path].partition(":")[2])
    arch = state.arch = lift_model(state)
    state.move("train.train_text_encoder", "adapter.text_encoder")
    lift_network(state, arch)
    _length(state)
    _optimizer(state)
    _scheduler(state)
    if arch is not None:
        _noise(state, arch)
    _extras(state)
    _logging(state)
    lift_datasets(state)
    lift_samples(state)
    _frame(state, sources)
    return Lifted(state.data, state.origins, {f"process:{key}": value for key, value in state.rest.items()}, tuple(state.diagnostics))


def _whole_model(process: Mapping[str, Any]) -> Diagnostic:
    adapter = process.get("adapter")
    kind = adapter.get("type") if isinstance(adapter, dict) else None
    what = f"it trains an adapter of type `{kind}`" if kind else "without `network` it trains the whole model"
    return Diagnostic(
        "LB326",
        f"the job trains no LoRA: {what}",
        None,
        "error",
        "the language says LoRA trainings; read as one, the job would become another training",
        "add `network: {type: lora, linear: 16, linear_alpha: 16}` to the job if a LoRA is meant",
        "config.process[0].network",
    )


def _frame(state: Lifting, sources: Mapping[str, str]) -> None:
    """Keys of the job and the process that say nothing about the training."""
    state.drop("type")
    state.drop("performance_log_every", 10)
    if "device" in state.rest:
        state.diagnostics.append(
            Diagnostic(
                "LB312",
                f"`device: {state.pop('device')}` has no effect: accelerate chooses the GPU",
                None,
                "hint",
                "the trainer stores the key and trains on `accelerator.device` (BaseSDTrainProcess.py:105)",
                "choose a GPU with `hardware.gpus`, which sets CUDA_VISIBLE_DEVICES",
                "config.process[0].device",
            )
        )
    meta = job_of(sources).get("meta")
    for key, value in (meta or {}).items() if isinstance(meta, dict) else ():
        if META.get(str(key)) != value:
            state.rest[f"meta.{key}"] = value


def job_of(sources: Mapping[str, str]) -> dict[str, Any]:
    """The first tree that is a job, whole; empty where there is none."""
    for file, text in sources.items():
        if file.endswith((".yaml", ".yml", ".json", ".jsonc")):
            try:
                tree = _parse(file, text)
            except ValueError:
                continue
            if isinstance(tree, dict) and isinstance(tree.get("config"), dict) and "process" in tree["config"]:
                return tree
    return {}


def read_job(sources: Mapping[str, str]) -> tuple[str, dict[str, Any] | None, list[Diagnostic]]:
    """The name of the job, its first process if that trains, and what could not be read."""
    found: list[Diagnostic] = []
    for file, text in sources.items():
        if not file.endswith((".yaml", ".yml", ".json", ".jsonc")):
            continue
        try:
            tree = _parse(file, text)
        except ValueError as error:
            found.append(Diagnostic("LB100", f"`{file}` cannot be read: {error}"))
            continue
        config = tree.get("config") if isinstance(tree, dict) else None
        processes = config.get("process") if isinstance(config, dict) else None
        if isinstance(config, dict) and isinstance(processes, list) and processes and isinstance(processes[0], dict):
            if processes[0].get("type") not in TRAINERS:
                found.append(
                    Diagnostic(
                        "LB104",
                        f"`{file}` is a job of type `{processes[0].get('type')}`",
                        None,
                        "error",
                        "only LoRA training jobs can be said",
                        f"one of {', '.join(TRAINERS)}",
                    )
                )
                return "", None, found
            if len(processes) > 1:
                found.append(Diagnostic("LB302", f"`{file}` has {len(processes)} processes; the first is read", None, "warning"))
            return str(config.get("name", "")), processes[0], found
    found.append(
        Diagnostic(
            "LB104", "there is no job file among these", None, "error", "a job has `config.process`", "add the YAML that `run.py` is given"
        )
    )
    return "", None, found


def _parse(file: str, text: str) -> Any:
    if file.endswith((".json", ".jsonc")):
        return json.loads(text)
    import yaml

    from lorabridge.backends.emit import float_loader

    try:
        return yaml.load(text, Loader=float_loader())
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _effective(process: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with the trainer's defaults for what is left out, and one spelling of the dtypes."""
    tree: dict[str, Any] = {key: dict(value) if isinstance(value, Mapping) else value for key, value in process.items()}
    for dotted, value in EFFECTIVE.items():
        section, _, key = dotted.partition(".")
        if not isinstance(tree.setdefault(section, {}), dict):
            tree[section] = {}
        tree[section].setdefault(key, value)
    if "rank" in tree["network"]:
        tree["network"]["linear"] = tree["network"].pop("rank")
    tree["save"]["dtype"] = DTYPES.get(tree["save"]["dtype"], tree["save"]["dtype"])
    return tree


def _length(state: Lifting) -> None:
    steps = state.pop("train.steps")
    state.say("train.for", f"{steps} steps", "train.steps")
    every = state.pop("save.save_every")
    state.say("save.every", f"{every} steps" if every else "never", "save.save_every")
    state.move("training_seed", "train.seed")
    state.move("training_folder", "output.dir")
    state.drop("train.gradient_accumulation_steps", 1)
    if "train.gradient_accumulation_steps" in state.rest:
        count = state.rest["train.gradient_accumulation_steps"]
        state.problem(
            "LB302",
            f"`gradient_accumulation_steps: {count}` keeps only the last of {count} batches",
            "the trainer clears the gradient before each",
            f"write `train.gradient_accumulation: {count}` to accumulate",
        )


def _optimizer(state: Lifting) -> None:
    state.move("train.optimizer", "optimizer.type")
    state.move("train.lr", "optimizer.lr")
    norm = state.pop("train.max_grad_norm")
    if norm is not None:
        state.say("optimizer.max_grad_norm", "off" if norm >= NEVER_CLIPPED else norm, "train.max_grad_norm")
    for key in ("weight_decay", "betas"):
        state.move(f"train.optimizer_params.{key}", f"optimizer.{key}")
    for key in [key for key in state.rest if key.startswith("train.optimizer_params.")]:
        state.move(key, f"optimizer.args.{key.rpartition('.')[2]}")
    state.drop("train.optimizer_params", {}, None)


def _scheduler(state: Lifting) -> None:
    name = state.pop("train.lr_scheduler", "constant")
    prefix = "train.lr_scheduler_params."
    params = {key.removeprefix(prefix): state.pop(key) for key in [key for key in state.rest if key.startswith(prefix)]}
    rate = state.get("optimizer.lr", 0.0)
    if name == "constant_with_warmup":
        state.say("scheduler.warmup", f"{params.pop('num_warmup_steps', 1000)} steps", "train.lr_scheduler")
        name = "constant"
    elif name == "linear":
        if params.pop("start_factor", 1 / 3) != 1.0:
            state.problem(
                "LB302", "`lr_scheduler: linear` rises from a third of the rate here", "its start factor is 1/3 unless it is written", ""
            )
        floor = params.pop("end_factor", 1.0)
        state.say("scheduler.min_lr_ratio", floor or None, "train.lr_scheduler_params")
    elif name in ("cosine", "cosine_with_restarts") and rate and params.get("eta_min"):
        state.say("scheduler.min_lr_ratio", round(params.pop("eta_min") / rate, 12), "train.lr_scheduler_params")
    state.say("scheduler.type", {"cosine_with_restarts": "cosine-with-restarts"}.get(name, name), "train.lr_scheduler")
    state.say("scheduler.args", params or None, "train.lr_scheduler_params")
    state.drop("train.lr_scheduler_params", {}, None)


def _noise(state: Lifting, arch: Arch) -> None:
    scheduler = state.pop("train.noise_scheduler")
    if scheduler != arch.scheduler:
        state.rest["train.noise_scheduler"] = scheduler
    kind = state.pop("train.timestep_type")
    if state.rest.get("train.linear_timesteps") is True:
        state.pop("train.linear_timesteps")
        state.say("noise.weighting", "bell-shaped", "train.linear_timesteps")
        kind = "linear"
    words = {native: word for word, native in TYPES.items()} | ({"shift": "resolution-shift"} if arch.dynamic else {})
    if arch.scheduler == "flowmatch":
        if kind in words:
            state.say("noise.timestep_sampling", words[kind], "train.timestep_type")
        else:
            state.rest["train.timestep_type"] = kind
    state.move("train.content_or_style", "noise.bias", {native: word for word, native in BIASES.items()})
    _range(state, arch)
    state.move("train.min_snr_gamma", "loss.min_snr_gamma")


def _range(state: Lifting, arch: Arch) -> None:
    first, last = state.pop("train.min_denoising_steps", 0), state.pop("train.max_denoising_steps", 999)
    if first:
        state.say("noise.max_timestep", (1000 if arch.scheduler == "flowmatch" else 998) - first, "train.min_denoising_steps")
    if last != 999:
        state.say("noise.min_timestep", 1001 - last, "train.max_denoising_steps")


def _extras(state: Lifting) -> None:
    if state.pop("train.ema_config.use_ema", False):
        state.say("train.ema.decay", state.pop("train.ema_config.ema_decay", 0.999), "train.ema_config.ema_decay")
    state.drop("train.ema_config.ema_decay")
    for prefix, kind in (("diff_output_preservation", "differential"), ("blank_prompt_preservation", "blank-prompt")):
        on = state.pop(f"train.{prefix}", False)
        weight, word = state.pop(f"train.{prefix}_multiplier", 1.0), state.pop(f"train.{prefix}_class")
        if on:
            state.say("preservation.type", kind, f"train.{prefix}")
            state.say("preservation.multiplier", weight, f"train.{prefix}_multiplier")
            state.say("preservation.class", word or None, f"train.{prefix}_class")
    state.move(
        "train.attention_backend", "memory.attention", {"flash": "flash", "_flash_3": "flash3", "xformers": "xformers", "sage": "sage"}
    )
    if state.rest.get("train.xformers") is True:
        state.pop("train.xformers")
        state.say("memory.attention", "xformers", "train.xformers")
    state.drop("train.attention_backend", "native")
    state.drop("train.xformers", False)
    state.drop("train.train_unet", True)
    state.move("train.cfg_scale", "model.guidance")
    state.say("cache.text.to", "disk" if state.pop("train.cache_text_embeddings", False) else "off", "train.cache_text_embeddings")
    state.drop("train.unload_text_encoder", False)
    if state.rest.get("train.unload_text_encoder"):
        state.problem(
            "LB302",
            "`unload_text_encoder` trains without captions",
            "only the trigger word or an empty prompt is encoded",
            "remove it: `cache.text: disk` frees the text encoder and keeps the captions",
        )


def _logging(state: Lifting) -> None:
    every = state.pop("logging.log_every")
    state.say("logging.every", f"{every} steps" if every else "1 step" if every is None else "never", "logging.log_every")
    folder, wandb = state.pop("log_dir"), state.pop("logging.use_wandb", False)
    if wandb:
        state.say("logging.to", "all" if folder else "wandb", "logging.use_wandb")
        state.move("logging.project_name", "logging.wandb.project")
        state.move("logging.run_name", "logging.wandb.run_name")
    elif folder:
        state.say("logging.to", "tensorboard", "log_dir")
    state.say("logging.dir", folder, "log_dir")
    state.drop("logging.use_ui_logger")
    state.move("trigger_word", "trigger")
