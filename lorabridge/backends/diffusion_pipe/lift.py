"""The way back: the trainer's TOML files (and a launch script beside them) to intent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from lorabridge.backends.base import Lifted
from lorabridge.backends.diffusion_pipe.archs import ARCHS
from lorabridge.backends.diffusion_pipe.contract import optimizer_class
from lorabridge.backends.diffusion_pipe.lift_data import lift_datasets
from lorabridge.backends.diffusion_pipe.lift_model import lift_model
from lorabridge.backends.diffusion_pipe.lift_state import Lifting
from lorabridge.backends.diffusion_pipe.rows import MAIN_ROWS, NEVER
from lorabridge.backends.engine import lift_rows
from lorabridge.diagnostics import Diagnostic

_INCLUDE = re.compile(r"--include[= ]+['\"]?localhost:([\d,]+)")
_WAN = re.compile(r"wan-?_?2[._]?1")
_RESUME = re.compile(r"--resume_from_checkpoint[= ]+['\"]?([^\s'\"\\]+)")


def lift(sources: Mapping[str, str]) -> Lifted:
    """Read the files back. What no field of the language can say stays in `native`."""
    main, datasets, found = read_files(sources)
    rows, origins, rest = lift_rows(MAIN_ROWS, {"main": main})
    state = Lifting(rest.get("main", {}))
    for path, value in rows.items():
        state.set(path, value, origins[path])
    state.set("lorabridge", 1)
    arch = lift_model(state, main, datasets.get("dataset", {}))
    if arch == "wan" and state.data["model"]["family"] == "wan21" and not _WAN.search(str(main["model"]).lower()):
        found.append(
            Diagnostic(
                "LB302",
                "the files do not tell Wan 2.1 and Wan 2.2 apart: Wan 2.1 is assumed",
                None,
                "hint",
                "the trainer asks the checkpoint itself",
                "set `model.family` and `model.variant`",
            )
        )
    if arch not in ARCHS and not found:
        found.append(_unknown_type(arch))
    _length(state)
    _results(state)
    _machine(state)
    _optimizer(state, arch)
    lift_datasets(state, datasets, main, arch)
    _launch(state, sources)
    found += _without_effect(main, datasets)
    native = {f"main:{key}": value for key, value in state.rest.items()} | state.native
    return Lifted(state.data, state.origins, native, tuple(found))


def read_files(sources: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, dict[str, Any]], list[Diagnostic]]:
    """The main file, the dataset files by role (`dataset`, `eval`), and what could not be read."""
    import tomllib

    found: list[Diagnostic] = []
    trees: dict[str, dict[str, Any]] = {}
    for name, text in sources.items():
        if name.endswith(".toml"):
            try:
                trees[name] = tomllib.loads(text)
            except tomllib.TOMLDecodeError as error:
                found.append(Diagnostic("LB100", f"`{name}` is not valid TOML: {error}"))
    main = next((tree for tree in trees.values() if "model" in tree), {})
    held_out = {str(item.get("config", "")).rpartition("/")[2] for item in main.get("eval_datasets", ()) if isinstance(item, dict)}
    datasets: dict[str, dict[str, Any]] = {}
    for name, tree in trees.items():
        if tree is not main:
            datasets.setdefault("eval" if name.rpartition("/")[2] in held_out else "dataset", tree)
    return main, datasets, found


_EVALUATION = (
    *("eval_every_n_steps", "eval_every_n_epochs", "eval_every_n_examples", "eval_before_first_step"),
    *("eval_micro_batch_size_per_gpu", "eval_image_micro_batch_size_per_gpu", "eval_gradient_accumulation_steps"),
    "disable_block_swap_for_eval",
)


def _without_effect(main: Mapping[str, Any], datasets: Mapping[str, Mapping[str, Any]]) -> list[Diagnostic]:
    """Keys that are read and serve nothing here."""
    why: dict[str, str] = {}
    if not main.get("eval_datasets"):
        why |= dict.fromkeys(_EVALUATION, "without `eval_datasets` nothing is evaluated (train.py:231)")
    wandb = main.get("monitoring")
    if isinstance(wandb, dict) and not wandb.get("enable_wandb"):
        why |= dict.fromkeys((f"monitoring.{key}" for key in wandb if key.startswith("wandb")), "`enable_wandb` is not on")
    if datasets and not any("frame_buckets" in str(tree) or "size_buckets" in str(tree) for tree in datasets.values()):
        why["video_clip_mode"] = "no dataset asks for clips"
    return [
        Diagnostic("LB312", f"`{key}` has no effect", None, "hint", reason, "", key)
        for key, reason in why.items()
        if key in main or (key.startswith("monitoring.") and key.partition(".")[2] in main["monitoring"])
    ]


def _unknown_type(type_: str) -> Diagnostic:
    near = get_close_matches(type_, ARCHS, 1, 0.6)
    return Diagnostic(
        "LB501",
        f"`model.type: {type_}` is no model type of diffusion-pipe" if type_ else "there is no `model.type` in these files",
        None,
        "error",
        "the trainer stops at once (NotImplementedError)",
        f"did you mean `{near[0]}`?" if near else f"one of {', '.join(f'`{name}`' for name in ARCHS)}",
    )


def _length(state: Lifting) -> None:
    epochs, steps = state.pop("epochs"), state.pop("max_steps")
    if steps is not None:
        state.set("train.for", f"{steps} steps", "main:max_steps")
        if epochs is not None and epochs < steps:
            state.native["main:epochs"] = epochs
    elif epochs is not None:
        state.set("train.for", f"{epochs} epochs", "main:epochs")
    warmup = state.pop("warmup_steps", 0)
    state.set("scheduler.type", state.pop("lr_scheduler", "constant"), "main:lr_scheduler")
    if warmup:
        state.set("scheduler.warmup", f"{warmup} steps", "main:warmup_steps")
    _saves(state, epochs, steps)


def _saves(state: Lifting, epochs: int | None, steps: int | None) -> None:
    every: dict[str, int | None] = {unit: state.pop(f"save_every_n_{unit}") for unit in ("steps", "epochs")}
    state_epochs = state.pop("checkpoint_every_n_epochs")
    last = {"steps": steps, "epochs": epochs if steps is None else None}
    for unit, count in every.items():
        if count is not None:
            state.set("save.every", "never" if count == last[unit] else f"{count} {unit}", f"main:save_every_n_{unit}")
            break
    minutes = state.rest.get("checkpoint_every_n_minutes")
    if minutes is not None:
        # The language says that states are saved; how often stays native, for no other trainer goes by the clock.
        state.set("save.state", True, "main:checkpoint_every_n_minutes")
    if state_epochs is not None:
        if state_epochs == every["epochs"] and minutes is None:
            state.set("save.state", True, "main:checkpoint_every_n_epochs")
        else:
            state.native["main:checkpoint_every_n_epochs"] = state_epochs


def _results(state: Lifting) -> None:
    runs = state.pop("output_dir")
    if runs:
        parent, _, name = str(runs).replace("\\", "/").rstrip("/").rpartition("/")
        state.set("name", name or "run", "main:output_dir")
        state.set("output.dir", parent or ".", "main:output_dir")
    state.pop("dataset"), state.pop("steps_per_print")
    every = state.pop("logging_steps", 1)
    if every != 1:
        state.set("logging.every", "never" if every == NEVER else f"{every} steps", "main:logging_steps")
    if state.pop("monitoring.enable_wandb", False):
        state.set("logging.to", "wandb", "main:monitoring.enable_wandb")
        state.move("monitoring.wandb_tracker_name", "logging.wandb.project")
        state.move("monitoring.wandb_run_name", "logging.wandb.run_name")
    state.pop("monitoring.wandb_api_key")
    for key in ("monitoring.wandb_tracker_name", "monitoring.wandb_run_name"):
        if state.rest.get(key) == "":
            state.pop(key)


def _machine(state: Lifting) -> None:
    stages = state.pop("pipeline_stages", 1)
    if stages != 1:
        state.set("hardware.pipeline_stages", stages, "main:pipeline_stages")
    checkpointing = state.pop("activation_checkpointing", False)
    state.set("memory.gradient_checkpointing", bool(checkpointing), "main:activation_checkpointing")
    if checkpointing == "unsloth":
        state.set("memory.checkpoint_offload", True, "main:activation_checkpointing")
    blocks = state.pop("blocks_to_swap", 0)
    if blocks:
        state.set("memory.blocks_to_swap", blocks, "main:blocks_to_swap")
    state.move("caching_batch_size", "cache.latents.batch_size")
    state.move("map_num_proc", "cache.latents.workers")


def _optimizer(state: Lifting, arch: str) -> None:
    state.move("optimizer.type", "optimizer.type")
    _rate(state)
    off = state.data.get("optimizer", {}).get("type") == "AdaFactor"
    for key in [key for key in state.rest if key.startswith("optimizer.")]:
        name = key.removeprefix("optimizer.")
        value = state.pop(key)
        if not (off and name in ("relative_step", "scale_parameter") and value is False):
            state.set(f"optimizer.args.{name}", value, f"main:{key}")
    if arch == "sdxl":
        rates = [state.pop(f"model.text_encoder_{number}_lr") for number in (1, 2)]
        state.set("adapter.text_encoder", rates != [0.0, 0.0], "main:model.text_encoder_1_lr")
        if rates[0] and rates[0] == rates[1]:
            state.set("optimizer.text_encoder_lr", rates[0], "main:model.text_encoder_1_lr")
        elif any(rates):
            state.native |= {
                f"main:model.text_encoder_{number}_lr": rate for number, rate in zip((1, 2), rates, strict=True) if rate is not None
            }


def _rate(state: Lifting) -> None:
    """A rate that is left out is the default of the optimizer's class (train.py:669), not what the family recommends."""
    if "optimizer.lr" in state.rest:
        state.move("optimizer.lr", "optimizer.lr")
        return
    facts = optimizer_class(str(state.data.get("optimizer", {}).get("type", ""))) or {}
    if isinstance(facts.get("lr"), int | float):
        state.set("optimizer.lr", facts["lr"], "main:optimizer.type")


def _launch(state: Lifting, sources: Mapping[str, str]) -> None:
    """A launch script or `stages.json` beside the files."""
    command = " ".join(_words(text) for name, text in sources.items() if not name.endswith((".toml", ".md")) and "train.py" in text)
    if not command:
        return
    if found := _INCLUDE.search(command):
        state.set("hardware.gpus", [int(part) for part in found[1].split(",") if part], "launch")
    if found := _RESUME.search(command):
        state.set("train.resume_from", found[1], "launch")
    state.set("cache.reuse", "--regenerate_cache" not in command, "launch")


def _words(text: str) -> str:
    """The words of a shell script as they stand, or those of the stages in a JSON file."""
    try:
        stages = json.loads(text)
    except ValueError:
        return text
    return " ".join(str(word) for stage in stages for word in stage.get("argv", ())) if isinstance(stages, list) else ""
