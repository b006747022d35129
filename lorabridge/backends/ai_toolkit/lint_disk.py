"""What a job names on this machine: models, LoRAs, and what an earlier run of the same name left behind."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from lorabridge.backends.ai_toolkit.lint_folder import check_folders
from lorabridge.backends.ai_toolkit.lint_job import Process, number, spell, truthy
from lorabridge.backends.ai_toolkit.lint_places import Place, named_paths

_FILE = (".safetensors", ".ckpt", ".pt", ".bin")
_NEEDS_FILE = {
    "flux2_klein_4b": "flux-2-klein-base-4b.safetensors", "flux2_klein_9b": "flux-2-klein-base-9b.safetensors", "flux2": "flux2-dev.safetensors",
}  # fmt: skip


def check_disk(process: Process) -> None:
    """Look at every path of a process that is absolute; others are taken from a folder that is not known here."""
    for place, path in named_paths(process):
        if place[0] in ("model", "network", "train", "sample", "first_sample"):
            _exists(process, place, path)
    _model(process)
    check_folders(process)
    _earlier(process)


def _local(path: str) -> bool:
    return os.path.isabs(path) and "$" not in path


def _exists(process: Process, place: Place, path: str) -> None:
    if not _local(path) or os.path.exists(path):
        return
    if place == ("network", "pretrained_lora_path"):
        why = "the trainer says so in its output only and starts from nothing"
        process.say("LB322", place, f"`{path}` does not exist", why, "check the path")
    elif place[0] == "model":
        why = "the trainer takes it for a name on the hub and fails while the model is loaded"
        process.say("LB322", place, f"`{path}` does not exist", why, "check the path")
    else:
        unused = place[0] in ("sample", "first_sample") and not process.samples
        process.say(
            "LB322", place, f"`{path}` does not exist", "the run ends where it is read", "check the path", "warning" if unused else "error"
        )


def _model(process: Process) -> None:
    path, name = process.get("model", "name_or_path"), process.arch_name
    if not isinstance(path, str) or not _local(path) or not os.path.exists(path) or not process.arch_known:
        return
    place = ("model", "name_or_path")
    if os.path.isfile(path):
        if os.path.getsize(path) == 0:
            process.say("LB322", place, f"`{path}` is empty", "it fails while the model is loaded", "download it again")
        return
    wanted = _NEEDS_FILE.get(name)
    files = os.listdir(path)
    if wanted and wanted not in files:
        process.say(
            "LB322",
            place,
            f"the folder holds no `{wanted}`",
            f"{name} is not loaded from a diffusers folder",
            "name the file itself, or the hub id",
        )
    elif (
        not wanted
        and name not in ("krea2", "chroma", "chroma_radiance", "ltx2.5")
        and not any(part in files for part in ("model_index.json", "transformer", "unet"))
    ):
        why = "it has no model_index.json, transformer or unet: it fails while the model is loaded"
        process.say("LB322", place, f"`{path}` does not look like a model", why, "name the folder that holds the parts", "warning")
    elif name == "qwen_image_edit_plus" and "processor" not in files:
        process.say(
            "LB322",
            place,
            "the folder has no `processor`",
            "its picture processor is loaded from there: it fails while the model is loaded",
            "copy it from the original",
        )
    elif name == "wan22_14b" and "transformer_2" not in files:
        process.say("LB322", place, "the folder has no `transformer_2`", "both experts are loaded", "name the whole model")


def _earlier(process: Process) -> None:
    """A run of this name that is there already: the trainer takes it up without being asked."""
    folder, name = process.data.get("training_folder"), process.file.get(("config", "name"))
    if not isinstance(folder, str) or not isinstance(name, str) or not _local(folder) or not name:
        return
    if not os.path.isdir(folder):
        return
    own = process.data.get("name")
    root = Path(folder) / (own if isinstance(own, str) else name)
    saves = (
        [path for path in sorted(root.glob("*")) if path.name.startswith(name) and path.suffix == ".safetensors"] if root.is_dir() else []
    )
    if not saves:
        return
    newest = max(saves, key=lambda path: path.stat().st_ctime)
    done, steps = _step(newest), process.get("train", "steps", 1000)
    if process.data.get("network") is not None:
        _changed(process, root)
    if process.get("train", "start_step") is not None:
        return
    if done is not None and number(steps) and done >= steps:
        why = f"the trainer takes up `{newest.name}` (step {done}) by itself: nothing is trained, and it exits with 0"
        process.say(
            "LB323",
            ("train", "steps"),
            f"a run of this name has made {done} of {steps} steps",
            why,
            "raise steps, rename the job, or move its folder away",
        )
    else:
        at = f" at step {done}" if done is not None else ""
        process.say(
            "LB317",
            ("training_folder",),
            f"a run of this name is there and is taken up{at}",
            f"from `{newest.name}`",
            "rename the job to begin anew",
            "warning",
        )


def _step(path: Path) -> int | None:
    """The step that a checkpoint says it was saved at; nothing where it does not say."""
    from lorabridge.artifacts.header import read_header

    try:
        info = json.loads(read_header(path).metadata.get("training_info", "null"))
        return int(info["step"])
    except (ValueError, TypeError, KeyError):
        return None


def _changed(process: Process, root: Path) -> None:
    before = _before(root / "config.yaml")
    kind, was = process.get("network", "type", "lora"), before.get("network", {}).get("type", "lora")
    if isinstance(kind, str) and isinstance(was, str) and before and kind.lower() != was.lower():
        why = "its weights do not fit: the trainer stops at the first training step"
        process.say("LB319", ("network", "type"), f"the run that is taken up is a {spell(was)}, not a {spell(kind)}", why, "rename the job")
    now, then = process.get("train", "optimizer", "adamw"), before.get("train", {}).get("optimizer", "adamw")
    if isinstance(now, str) and isinstance(then, str) and before and now.lower() != then.lower() and (root / "optimizer.pt").exists():
        why = "the state of the old one is loaded into the new one, which then stops at the first training step"
        process.say(
            "LB319",
            ("train", "optimizer"),
            f"the run that is taken up was trained with {spell(then)}",
            why,
            "remove its optimizer.pt, or rename the job",
        )


def _before(path: Path) -> dict[str, dict[str, Any]]:
    """The sections of the job that the earlier run was started with."""
    from lorabridge.backends.native import read_path

    if not path.is_file():
        return {}
    file = read_path(path)
    entry = file.get(("config", "process", 0), {})
    found = {key: value for key, value in entry.items() if isinstance(value, dict)} if isinstance(entry, dict) else {}
    return found if truthy(found) else {}
