"""Which of the files is what, and the commands in launch scripts."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Mapping
from typing import Any

from lorabridge.backends.musubi.archs import ARCHS
from lorabridge.backends.musubi.lift import Lifting

_TRAIN = {arch.train for arch in ARCHS.values()}
_LATENTS = {arch.latents for arch in ARCHS.values()}
_TEXT = {arch.text for arch in ARCHS.values()}
_SCRIPT = re.compile(r"(?:^|[\\/])(\w+)\.py$")
_LINE_OPTION = re.compile(r"(w|h|f|d|s|g|fs|l|n|i|ei|cn|ci|of) (.+)", re.IGNORECASE)
_LINE_KEYS = {
    "w": ("width", int),
    "h": ("height", int),
    "f": ("frame_count", int),
    "d": ("seed", int),
    "s": ("sample_steps", int),
    "g": ("guidance_scale", float),
    "fs": ("discrete_flow_shift", float),
    "l": ("cfg_scale", float),
    "n": ("negative_prompt", str),
    "i": ("image_path", str),
    "ei": ("end_image_path", str),
    "cn": ("control_video_path", str),
    "of": ("one_frame", str),
}


def read(work: Lifting, sources: Mapping[str, str]) -> None:
    """Sort the sources by what they hold."""
    for name, text in sources.items():
        lower = name.lower()
        try:
            if lower.endswith(".toml"):
                _toml(work, name, tomllib.loads(text.removeprefix("\ufeff")))
            elif lower.endswith(".json"):
                _json(work, json.loads(text))
            elif lower.endswith((".yaml", ".yml")):
                _yaml(work, text)
            elif lower.endswith((".sh", ".bat", ".cmd", ".ps1", ".txt")):
                _text(work, text)
        except ValueError as error:
            work.problem("LB100", f"{name} cannot be read: {error}", severity="error")
    command: dict[str, Any] = next((command for command in work.commands.values() if command["kind"] == "train"), {"options": {}})
    links = ("config_file", "dataset_config", "sample_prompts")
    work.train |= {key: value for key, value in command["options"].items() if key not in links}


def _toml(work: Lifting, name: str, tree: dict[str, Any]) -> None:
    if "datasets" in tree or "general" in tree:
        _datasets(work, tree)
    elif isinstance(tree.get("prompt"), dict) and "subset" in tree["prompt"]:
        shared = {key: value for key, value in tree["prompt"].items() if key != "subset"}
        work.prompts += [shared | entry for entry in tree["prompt"]["subset"]]
    else:
        for key, value in tree.items():
            work.train |= value if isinstance(value, dict) else {key: value}


def _datasets(work: Lifting, tree: dict[str, Any]) -> None:
    general = tree.get("general", {})
    work.tables += [general | table for table in tree.get("datasets", [])]


def _json(work: Lifting, value: Any) -> None:
    if isinstance(value, list):
        work.prompts += [line(entry) if isinstance(entry, str) else dict(entry) for entry in value if isinstance(entry, str | dict)]
    elif isinstance(value, dict) and "datasets" in value:
        _datasets(work, value)


def _yaml(work: Lifting, text: str) -> None:
    import yaml

    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if isinstance(tree, dict) and ("num_processes" in tree or "distributed_type" in tree):
        work.launch |= tree


def _text(work: Lifting, text: str) -> None:
    lines = re.sub(r"[\\^`]\r?\n", " ", text).splitlines()
    commands = [command for command in map(_command, lines) if command]
    if commands:
        said = {command["kind"] for command in work.commands.values()}
        for env, script, options in commands:
            kind = "train" if script in _TRAIN else "latents" if script in _LATENTS else "text"
            if kind in said and (kind == "train" or script in work.commands):
                again(work, script, kind)
                continue
            said.add(kind)
            work.commands[script] = {"kind": kind, "options": options}
            work.env |= env if kind == "train" else {}
    elif any(entry.strip() and not entry.startswith("#") for entry in lines):
        work.prompts += [line(entry.strip()) for entry in lines if entry.strip() and not entry.startswith("#")]


def again(work: Lifting, script: str, kind: str) -> None:
    """A script of several runs is several configs."""
    what = "training" if kind == "train" else "caching"
    work.problem(
        "LB325",
        f"there is a second {what} command, of `{script}`: it was left out",
        "a config says one training; the first command of each kind was read",
        "import each training from a script of its own",
    )


def _command(text: str) -> tuple[dict[str, str], str, dict[str, Any]] | None:
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        return None
    for place, word in enumerate(words):
        match = _SCRIPT.search(word)
        if match and match[1] in _TRAIN | _LATENTS | _TEXT:
            env = dict(word.partition("=")[::2] for word in words[:place] if re.match(r"[A-Z_]+=", word))
            return env, match[1], _options(match[1], words[place + 1 :])
    return None


def _options(script: str, words: list[str]) -> dict[str, Any]:
    from lorabridge.backends.musubi.native import options_of

    known = options_of(script)
    found: dict[str, Any] = {}
    key = ""
    for word in words:
        if word.startswith("--"):
            key, _, value = word[2:].partition("=")
            key = key.replace("-", "_") if key.replace("-", "_") in known else key
            found[key] = True if known.get(key, {}).get("type") in ("flag", "unflag") else [value] if value else []
        elif key and isinstance(found[key], list):
            found[key].append(word)
    return {name: _convert(value, known.get(name, {}).get("type", "str")) for name, value in found.items()}


def _convert(value: Any, kind: str) -> Any:
    if value is True:
        return True
    if kind.startswith("list:"):
        return [_scalar(item, kind.removeprefix("list:")) for item in value]
    return _scalar(value[0], kind) if value else ""


def _scalar(text: str, kind: str) -> Any:
    try:
        if kind == "int":
            return int(text)
        if kind == "float":
            return float(text)
        if kind == "int|float":
            return float(text[:-1]) / 100 if text.endswith("%") else float(text) if "." in text and float(text) < 1 else int(float(text))
    except ValueError:
        return text
    return text


def line(text: str) -> dict[str, Any]:
    """One line of a prompt file: `text --w 512 --h 512` (sampling_prompts.py:15)."""
    prompt, *options = text.split(" --")
    entry: dict[str, Any] = {"prompt": prompt}
    for option in options:
        match = _LINE_OPTION.match(option)
        if match is None:
            continue
        word, value = match[1].lower(), match[2].strip()
        if word == "ci":
            entry.setdefault("control_image_path", []).append(value)
        else:
            key, kind = _LINE_KEYS[word]
            entry[key] = kind(value)
    return entry
