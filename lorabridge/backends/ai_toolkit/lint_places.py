"""Paths as text: what the trainer does not expand."""

from __future__ import annotations

import re

from lorabridge.backends.ai_toolkit.lint_job import Process

_MODEL = (
    "name_or_path",
    "vae_path",
    "te_name_or_path",
    "extras_name_or_path",
    "assistant_lora_path",
    "inference_lora_path",
    "lora_path",
    "unet_path",
    "refiner_name_or_path",
    "unconditional_lora_path",
)
_DATA = (
    "folder_path",
    "dataset_path",
    "mask_path",
    "control_path",
    "control_path_1",
    "control_path_2",
    "control_path_3",
    "unconditional_path",
    "clip_image_path",
    "inpaint_path",
)
_VARIABLE = re.compile(r"\$[A-Za-z_]\w*|%[A-Za-z_]\w*%")
Place = tuple[str | int, ...]


def named_paths(process: Process) -> list[tuple[Place, str]]:
    """Every path that a process names, with its place."""
    found: list[tuple[Place, object]] = [((key,), process.data.get(key)) for key in ("training_folder", "log_dir", "sqlite_db_path")]
    found += [(("model", key), process.get("model", key)) for key in _MODEL]
    kwargs = process.get("model", "model_kwargs")
    found += [
        (("model", "model_kwargs", key), value)
        for key, value in (kwargs.items() if isinstance(kwargs, dict) else ())
        if str(key).endswith("_path")
    ]
    found.append((("network", "pretrained_lora_path"), process.get("network", "pretrained_lora_path")))
    for index, entry in process.datasets:
        for key in _DATA:
            value = entry.get(key)
            if isinstance(value, list):
                found += [(("datasets", index, key, position), item) for position, item in enumerate(value)]
            else:
                found.append((("datasets", index, key), value))
    validation = process.get("train", "validation_config")
    items = validation.get("validation_items") if isinstance(validation, dict) else None
    for position, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            found.append((("train", "validation_config", "validation_items", position, "image_path"), item.get("image_path")))
    for section in ("sample", "first_sample"):
        samples = process.get(section, "samples")
        for position, item in enumerate(samples if isinstance(samples, list) else ()):
            if isinstance(item, dict):
                found += [
                    ((section, "samples", position, key), item.get(key)) for key in ("ctrl_img", "ctrl_img_1", "ctrl_img_2", "ctrl_img_3")
                ]
    return [(place, value) for place, value in found if isinstance(value, str) and value]


def check_places(process: Process) -> None:
    """`~`, `$NAME`, control characters and blanks in paths."""
    for place, path in named_paths(process):
        made = place in (("training_folder",), ("log_dir",))
        outcome = "a folder of that very name is made" if made else "it is not found"
        if path.startswith("~"):
            process.say("LB321", place, f"`{path}` is not expanded", f"the trainer takes `~` as it is: {outcome}", "write the whole path")
        elif match := _VARIABLE.search(path):
            fix = f"write `${{{match.group().strip('$%')}}}`, or the whole path"
            process.say("LB321", place, f"`{match.group()}` is not expanded", f"the trainer replaces `${{NAME}}` only: {outcome}", fix)
        elif any(char < " " for char in path):
            why = "in double quotes a backslash begins an escape: `\\n`, `\\t`, ..."
            process.say("LB320", place, "the path holds a control character", why, "use single quotes or forward slashes")
        elif path != path.strip():
            process.say("LB317", place, "the path begins or ends with a blank", outcome, "remove it", "warning")
        elif place == ("training_folder",) and not re.match(r"[/\\]|[A-Za-z]:", path):
            process.say(
                "LB317",
                place,
                f"`{path}` is relative",
                "it is taken from the folder in which the trainer runs",
                "write the whole path",
                "hint",
            )
