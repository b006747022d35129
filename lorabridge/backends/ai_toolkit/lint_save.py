"""Saving, logging and what identifies a run on disk."""

from __future__ import annotations

import os

from lorabridge.backends.ai_toolkit.lint_job import Process, number, spell, truthy


def check_save(process: Process) -> None:
    """All rules about the save section, the training folder and the process's own keys."""
    _hub(process)
    _precision(process)
    _folder(process)
    _name(process)
    if truthy(process.get("logging", "use_wandb")):
        why = "it is not in the trainer's requirements; without it the trainer stops at once"
        process.say(
            "LB315",
            ("logging", "use_wandb"),
            "`use_wandb` needs the package wandb",
            why,
            "pip install wandb, or remove the line",
            "hint",
            "key",
        )
    every, steps = process.get("save", "save_every"), process.get("train", "steps", 1000)
    if number(every) and number(steps) and process.trains and every > steps > 0:
        why = "only the last state is saved, at the end"
        process.say(
            "LB317", ("save", "save_every"), f"`save_every: {every}` is more than the {steps} steps of the run", why, "lower it", "hint"
        )


def _hub(process: Process) -> None:
    if not truthy(process.get("save", "push_to_hub")):
        return
    place = ("save", "push_to_hub")
    if not process.get("save", "hf_repo_id"):
        process.say(
            "LB318", place, "`hf_repo_id` is missing", "the upload fails after the training", "write `hf_repo_id: user/name`", on="key"
        )
    if "HF_TOKEN" not in os.environ:
        why = "without it the trainer asks for a password at the end and fails (TypeError); the files are saved by then"
        process.say(
            "LB315",
            place,
            "`push_to_hub` needs HF_TOKEN in the environment",
            why,
            "export HF_TOKEN, or put it in the trainer's .env",
            "warning",
            "key",
        )


def _precision(process: Process) -> None:
    dtype = process.get("train", "dtype")
    if dtype in ("8bit", "e4m3fn", "float8"):
        why = "weights cannot be trained in eight bits: the trainer stops"
        process.say("LB315", ("train", "dtype"), f"`train.dtype: {dtype}` does not train", why, "write `bf16` and `model.quantize: true`")
    if process.get("save", "save_format") == "diffusers" and process.data.get("network") is not None:
        process.say(
            "LB312",
            ("save", "save_format"),
            "`save_format` has no effect on a LoRA",
            "it is always saved as safetensors",
            "remove it",
            "hint",
        )


def _folder(process: Process) -> None:
    if not process.data.get("training_folder"):
        place = ("training_folder",) if "training_folder" in process.data else ()
        if process.data.get("training_folder") == "":
            process.say(
                "LB317",
                place,
                "`training_folder` is empty",
                "the run is written into the trainer's own folder",
                "write an absolute path",
                "warning",
            )
        else:
            process.say("LB318", place, "`training_folder` is missing", "the trainer stops at once (TypeError)", "write an absolute path")


def _name(process: Process) -> None:
    from lorabridge.backends.ai_toolkit.lint_shape import held_out

    own, job = process.data.get("name"), process.file.get(("config", "name"))
    if own is not None and own != job:
        why = "the folder gets this name, the files the job's: a stopped run takes its optimizer up again, but not its LoRA"
        process.say(
            "LB317", ("name",), f"the process has a name of its own, {spell(own)}", why, "remove it; `config.name` names the run", "warning"
        )
    folder = process.data.get("training_folder")
    if isinstance(folder, str) and isinstance(job, str) and (word := held_out(folder, job)):
        why = "checkpoints whose path holds this word are left out: a stopped run starts from nothing"
        process.say(
            "LB317", ("training_folder",), f"`{word}` in the path hides the run's own checkpoints", why, "choose another folder", "warning"
        )
