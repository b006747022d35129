"""The native keys that a compiled plan writes, by the sections of the trainer's contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from lorabridge.backends.base import Plan

Used = dict[str, dict[str, Any]]


def used_keys(plan: Plan) -> Used:
    """What the plan's files and command lines say to the trainer; empty for a trainer without contracts."""
    reader = _READERS.get(plan.backend)
    return reader(plan) if reader is not None else {}


def _toml(plan: Plan, name: str) -> dict[str, Any]:
    import tomllib

    text = next((file.text for file in plan.files if file.path == name), "")
    return tomllib.loads(text)


def _flags(arguments: tuple[str, ...]) -> dict[str, Any]:
    """`--key value value` and `--switch`."""
    found: dict[str, Any] = {}
    key = ""
    for word in arguments:
        if word.startswith("--"):
            key, _, value = word[2:].partition("=")
            found[key] = value if value else True
        elif key:
            found[key] = word if found[key] is True else found[key]
    return found


def _script(arguments: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The script of a command line and what follows it."""
    for index, word in enumerate(arguments):
        if word.endswith(".py"):
            return PurePosixPath(word).stem, arguments[index + 1 :]
    return "", arguments


def _musubi(plan: Plan) -> Used:
    found: Used = {}
    for stage in plan.stages:
        script, rest = _script(stage.argv)
        flags = _flags(rest)
        config = PurePosixPath(str(flags.get("config_file", ""))).name
        written = _toml(plan, config) if config else {}
        inner = {key: value for table in written.values() if isinstance(table, dict) for key, value in table.items()}
        plain = {key: value for key, value in written.items() if not isinstance(value, dict)}
        found.setdefault(script, {}).update({**plain, **inner, **flags})
    data = _toml(plan, "dataset.toml")
    if data.get("general"):
        found["dataset.general"] = dict(data["general"])
    for item in data.get("datasets", ()):
        kind = "video" if "video_directory" in item or "video_jsonl_file" in item else "image"
        found.setdefault(f"dataset.datasets[] ({kind})", {}).update(item)
    return found


def _diffusion_pipe(plan: Plan) -> Used:
    main = _toml(plan, "main.toml")
    found: Used = {"main": main}
    for name in ("adapter", "monitoring"):
        if name in main:
            found[name] = dict(main[name])
    model, optimizer = main.get("model", {}), main.get("optimizer", {})
    found[f"model.{model.get('type')}"] = dict(model)
    found["optimizer"] = dict(optimizer)
    found[f"optimizer.{str(optimizer.get('type')).lower()}"] = dict(optimizer)
    for file in plan.files:
        if file.path.endswith(".toml") and file.path != "main.toml":
            data = _toml(plan, file.path)
            found.setdefault("dataset", {}).update(data)
            for item in data.get("directory", ()):
                found.setdefault("directory[]", {}).update(item)
    for stage in plan.stages:
        found.setdefault("args", {}).update(_flags(_script(stage.argv)[1]))
    return found


def _ai_toolkit(plan: Plan) -> Used:
    import yaml

    text = next((file.text for file in plan.files if file.path.endswith(".yaml")), "")
    job = yaml.safe_load(text) or {}
    config = job.get("config", {})
    found: Used = {"job": dict(job), "config": {key: value for key, value in config.items() if key != "process"}}
    for process in config.get("process", ()):
        kind = process.get("type")
        _nested(found, "process", process)
        for name in list(found):
            found.setdefault(f"{name} ({kind})", found[name])
    return found


def _nested(found: Used, name: str, table: Mapping[str, Any]) -> None:
    found.setdefault(name, {}).update(table)
    prefix = "" if name == "process" else f"{name}."
    for key, value in table.items():
        if isinstance(value, Mapping):
            _nested(found, f"{prefix}{key}", value)
        for item in value if isinstance(value, list) else ():
            if isinstance(item, Mapping):
                _nested(found, f"{prefix}{key}[]", item)


_READERS: dict[str, Callable[[Plan], Used]] = {"musubi": _musubi, "diffusion-pipe": _diffusion_pipe, "ai-toolkit": _ai_toolkit}
