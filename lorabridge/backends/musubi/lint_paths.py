"""Paths: what no shell expands, what names give away, and what is on disk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lorabridge.backends.musubi.lint_model import Setup, family_in
from lorabridge.backends.musubi.lint_tables import AFTER_DIT, AT_ONCE
from lorabridge.backends.native import Findings, NativeFile
from lorabridge.config.paths import KeyPath

PATHS = (
    "dataset_config", "dit", "vae", "text_encoder", "text_encoder1", "text_encoder2", "text_encoder_qwen", "text_encoder_clip", "t5", "clip", "byt5", "image_encoder", "dit_high_noise",
    "unconditional_dit", "turbo_dit", "network_weights", "base_weights", "resume", "output_dir", "logging_dir", "sample_prompts", "log_tracker_config",
)  # fmt: skip
SAMPLING = frozenset(
    (
        "vae",
        "text_encoder",
        "text_encoder1",
        "text_encoder2",
        "text_encoder_qwen",
        "text_encoder_clip",
        "t5",
        "clip",
        "byt5",
        "image_encoder",
        "unconditional_dit",
        "turbo_dit",
    )
)
"""Paths that only the drawing of samples needs."""
_DATA = ("image_directory", "image_jsonl_file", "video_directory", "video_jsonl_file", "cache_directory", "control_directory")
_VARIABLE = re.compile(r"^~|\$\w|\$\{|%\w+%")
_OTHER_PART = (
    ("a VAE", re.compile(r"(^|[^a-z])vae([^a-z]|$)|^ae\.")),
    ("a text encoder", re.compile(r"text[-_ ]?encoder|(^|[^a-z])(t5|umt5|clip|qwen_?2[._]5_?vl|qwen_?3_?[48]b|byt5|llama)([^a-z]|$)")),
    ("a LoRA", re.compile(r"(^|[^a-z])lora([^a-z]|$)")),
)
PICTURES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".avif"))


def check_paths(setup: Setup, paths: bool) -> None:
    """Every finding about the paths of a training."""
    for key in PATHS:
        setting = setup.settings.get(key)
        if setting is None or not setting.known:
            continue
        values = setting.value if isinstance(setting.value, list) else [setting.value]
        for value in (value for value in values if isinstance(value, str) and value):
            if _VARIABLE.search(value):
                _unexpanded(setup, key, value)
            elif paths:
                _on_disk(setup, key, value)
    _names(setup)


def check_data_paths(file: NativeFile, say: Findings, paths: bool) -> None:
    """Every finding about the paths of a dataset file."""
    tables = file.data.get("datasets")
    general = file.data.get("general")
    for index, table in enumerate(tables if isinstance(tables, list) else []):
        for key in _DATA if isinstance(table, dict) else ():
            value = table.get(key)
            if not isinstance(value, str) or not value:
                continue
            where: KeyPath = ("datasets", index, key)
            if _VARIABLE.search(value):
                say.add(
                    "LB321",
                    (file, where),
                    f"`{value}` is not expanded",
                    "no shell reads this file: the folder is looked for under that very name",
                    "write the whole path",
                )
            elif paths:
                merged = {**(general if isinstance(general, dict) else {}), **table}
                _data_on_disk(file, where, key, Path(value), merged, say)


def _unexpanded(setup: Setup, key: str, value: str) -> None:
    typed = setup.settings[key].typed
    why = "in quotes, or after `=`, the shell leaves it as it is" if typed else "no shell reads this file"
    result = (
        "a folder of this very name is made"
        if key in ("output_dir", "logging_dir")
        else "the file is looked for under that very name, and not found"
    )
    idle = key in SAMPLING and not setup.get("sample_prompts")
    result = f"{result}; nothing reads it here, without samples" if idle else result
    setup.say(
        "LB321", key, f"`{value}` is not expanded", f"{why}: {result}", "write the whole path", severity="warning" if idle else "error"
    )


def _names(setup: Setup) -> None:
    """What the names of model files say about them."""
    dit = re.split(r"[\\/]", setup.text("dit"))[-1].lower()
    if setup.has("dit") and dit:
        part = next((part for part, pattern in _OTHER_PART if pattern.search(dit)), "")
        if part and not re.search(r"(^|[^a-z])(dit|transformer|unet)([^a-z]|$)", dit):
            setup.say(
                "LB322",
                "dit",
                f"`{dit}` is by its name {part}, not a DiT",
                f"{AFTER_DIT.replace('after the model is loaded', 'while it loads the DiT')}: its tensors do not fit",
                "name the DiT",
                severity="warning",
            )
        else:
            _family(setup, "dit", dit)
    for key in ("network_weights", "base_weights"):
        value = setup.get(key)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str) and item and setup.has(key):
                _family(setup, key, re.split(r"[\\/]", item)[-1].lower())


def _family(setup: Setup, key: str, name: str) -> None:
    there = family_in(name) or ("qwen_image_train_network" if re.search(r"(^|[^a-z])qwen([^a-z]|$)", name) else "")
    if not setup.script or not there or there == setup.script or setup.script in _all_families(name):
        return
    why = (
        "the trainer stops while it loads the DiT"
        if key == "dit"
        else "weights of another model are left out in silence: the LoRA starts from nothing"
    )
    setup.say(
        "LB322",
        key,
        f"`{name}` is by its name for another model than {setup.script}.py trains",
        why,
        "name the right file; `lorabridge checkpoint inspect` tells what it is",
        severity="warning",
    )


def _all_families(name: str) -> set[str]:
    from lorabridge.backends.musubi.lint_model import FAMILIES

    return {script for script, pattern in FAMILIES if re.search(pattern, name)}


def _on_disk(setup: Setup, key: str, value: str) -> None:
    path = Path(value)
    if key == "output_dir":
        if path.is_file():
            setup.say("LB322", key, f"`{value}` is a file", "the trainer stops at the first save", "name a folder")
        return
    sampled = bool(setup.get("sample_prompts"))
    if key in ("logging_dir",) or (key in SAMPLING and not sampled) or (key == "resume" and setup.on("resume_from_huggingface")):
        return
    if not path.exists():
        why = AT_ONCE if key == "dataset_config" else "the trainer stops where it opens the file"
        setup.say(
            "LB322", key, f"`{value}` does not exist", why, "check the path; relative ones start at the folder that the command runs in"
        )
    elif key == "resume" and not path.is_dir():
        setup.say("LB322", key, f"`{value}` is a file", "`resume` takes the folder of a state", "name the `…-state` folder")
    elif key in ("dit", "network_weights", "base_weights", "vae") and path.is_file() and path.suffix == ".safetensors":
        _identity(setup, key, path)


def _identity(setup: Setup, key: str, path: Path) -> None:
    """What a file's header says that it is."""
    from lorabridge.artifacts.identity import identify
    from lorabridge.backends.musubi.archs import ARCHS

    found: Any = identify(path)
    families = {family for (family, _), arch in ARCHS.items() if arch.train == setup.script}
    if found.role in ("vae", "text encoder", "adapter") and key == "dit":
        setup.say(
            "LB322",
            key,
            f"`{path.name}` is {'a LoRA' if found.role == 'adapter' else 'a ' + found.role}, not a DiT",
            "the trainer stops while it loads it",
            "name the DiT",
        )
    elif found.families and families and not families & set(found.families) and key != "vae":
        why = "the trainer stops while it loads it" if key == "dit" else "none of its weights fit: they are left out in silence"
        setup.say("LB322", key, f"`{path.name}` is for {', '.join(found.families)}", why, "name a file of the model that is trained")
    blocks = _blocks(path) if key == "dit" else 0
    swap = setup.number("blocks_to_swap") or 0
    if blocks and setup.script == "zimage_train_network" and swap > blocks - 2:
        setup.say(
            "LB315",
            "blocks_to_swap",
            f"this DiT has {blocks} blocks; {blocks - 2} can be swapped at most",
            AFTER_DIT,
            f"write {max(0, blocks - 2)} or less",
        )


def _blocks(path: Path) -> int:
    from lorabridge.artifacts.header import read_header

    names = read_header(path).tensors
    return len({match[1] for name in names if (match := re.match(r"(?:model\.diffusion_model\.)?layers\.(\d+)\.", name))})


def _data_on_disk(file: NativeFile, where: KeyPath, key: str, path: Path, merged: dict[str, Any], say: Findings) -> None:
    if key == "cache_directory":
        if path.is_dir() and not any(path.glob("*.safetensors")):
            say.add(
                "LB322",
                (file, where),
                f"`{path}` holds no caches",
                "the training stops: `No training items found`",
                "run the two caching scripts first",
                severity="warning",
            )
        return
    if not path.exists():
        why = (
            "the caching scripts find 0 items without an error, and delete the latents that were cached"
            if key.endswith("_directory")
            else "the trainer stops"
        )
        say.add(
            "LB322",
            (file, where),
            f"`{path}` does not exist",
            why,
            "check the path; relative ones start at the folder that the command runs in",
        )
    elif key == "image_directory":
        _pictures(file, where, path, merged, say)


def _pictures(file: NativeFile, where: KeyPath, path: Path, merged: dict[str, Any], say: Findings) -> None:
    try:
        entries = [entry for entry in path.iterdir() if entry.is_file()]
    except OSError as error:
        say.add(
            "LB322",
            (file, where),
            f"`{path}` cannot be listed: {error.strerror}",
            "the caching script stops",
            "name a folder that can be read",
        )
        return
    named = [entry for entry in entries if entry.suffix.lower() in PICTURES]
    pictures = [entry for entry in named if entry.suffix in {suffix for base in PICTURES for suffix in (base, base.upper())}]
    if not pictures:
        say.add(
            "LB322",
            (file, where),
            f"`{path}` holds no pictures",
            "the caching scripts find 0 items without an error; sub-folders are not searched",
            "name the folder of the pictures",
        )
        return
    if len(named) > len(pictures):
        say.add(
            "LB322",
            (file, where),
            f"{len(named) - len(pictures)} pictures have an ending in mixed case",
            "the trainer takes `.jpg` and `.JPG`, not `.Jpg`",
            "rename them",
            severity="warning",
        )
    stems = [entry.stem for entry in pictures]
    if twice := sorted({stem for stem in stems if stems.count(stem) > 1})[:3]:
        say.add(
            "LB322",
            (file, where),
            f"several pictures are called {', '.join(twice)}",
            "their caches overwrite each other",
            "rename them",
            severity="warning",
        )
    extension = merged.get("caption_extension")
    names = {entry.name for entry in entries}
    lost = [stem for stem in stems if isinstance(extension, str) and extension and stem + extension not in names]
    if lost:
        many = len(lost) == len(stems)
        say.add(
            "LB322",
            (file, where),
            f"{len(lost)} of {len(stems)} pictures have no caption file `*{extension}`",
            "they are left out in silence" if not many else "all are left out: 0 items",
            "write the captions, or mend caption_extension",
            severity="error" if many else "warning",
        )


def check_all_data(files: Sequence[NativeFile], say: Findings, paths: bool) -> None:
    """`check_data_paths` of every dataset file."""
    for file in files:
        if file.role == "dataset":
            check_data_paths(file, say, paths)
