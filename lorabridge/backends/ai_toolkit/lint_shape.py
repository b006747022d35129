"""The frame of a job file: what stands at which level, its name, and what is replaced in its text before it is read."""

from __future__ import annotations

import os
import re
from typing import Any

from lorabridge.backends.ai_toolkit.lint_job import Process, spell
from lorabridge.backends.ai_toolkit.lint_tables import JOBS, OTHER_TYPES, SECTIONS, TOP, TRAINERS
from lorabridge.backends.native import Findings, NativeFile
from lorabridge.backends.native.findings import nearest
from lorabridge.config.paths import KeyPath
from lorabridge.diagnostics import Span

_VARIABLE = re.compile(r"\$\{([^}]+)\}")
_OTHER_JOBS = frozenset(JOBS) - {"extension"}
_GLOB = re.compile(r"[\[\]*?]")
_HELD_OUT = ("_LoRA", "_refiner", "_t2i", "_cn")
"""Words in a path for which the trainer leaves a checkpoint out when it looks for one to resume from."""


def check_job(found: Findings, file: NativeFile, *, env: frozenset[str] = frozenset(), named: bool = False, paths: bool = False) -> None:
    """All findings about one job file."""
    variables(found, file, env)
    if not file.data:
        if not any(item.severity == "error" for item in file.diagnostics):
            found.add(
                "LB318",
                (file, ()),
                "the job file is empty",
                "the trainer stops at once",
                "write `job: extension` and a `config:` with a process",
            )
        return
    kind = _top(found, file)
    config = file.data.get("config")
    if not isinstance(config, dict):
        if "config" in file.data:
            found.add(
                "LB313", (file, ("config",)), "`config` is no section", "the trainer stops at once", "write `name` and `process` below it"
            )
        return
    _name(found, file, config, named)
    for index in _processes(found, file, config):
        entry = config["process"][index]
        process = Process(file, ("config", "process", index), entry, found)
        if _type(process, kind):
            _check(process, paths)


def _check(process: Process, paths: bool) -> None:
    from lorabridge.backends.ai_toolkit.lint_data import check_datasets
    from lorabridge.backends.ai_toolkit.lint_keys import check_keys
    from lorabridge.backends.ai_toolkit.lint_model import check_model
    from lorabridge.backends.ai_toolkit.lint_modules import check_filters
    from lorabridge.backends.ai_toolkit.lint_network import check_network
    from lorabridge.backends.ai_toolkit.lint_noise import check_noise
    from lorabridge.backends.ai_toolkit.lint_optimizer import check_optimizer
    from lorabridge.backends.ai_toolkit.lint_places import check_places
    from lorabridge.backends.ai_toolkit.lint_sample import check_sample
    from lorabridge.backends.ai_toolkit.lint_save import check_save
    from lorabridge.backends.ai_toolkit.lint_train import check_train
    from lorabridge.backends.ai_toolkit.lint_values import check_values

    for rule in (
        check_keys,
        check_values,
        check_train,
        check_optimizer,
        check_noise,
        check_model,
        check_network,
        check_filters,
        check_datasets,
        check_sample,
        check_save,
        check_places,
    ):
        rule(process)
    if paths:
        from lorabridge.backends.ai_toolkit.lint_disk import check_disk

        check_disk(process)


def variables(found: Findings, file: NativeFile, env: frozenset[str]) -> None:
    """`${NAME}` anywhere in the text, comments too, is replaced from the environment before the file is parsed."""
    for line, text in enumerate(file.text.splitlines(), 1):
        for match in _VARIABLE.finditer(text):
            name = match.group(1)
            if name in env or name in os.environ:
                continue
            comment = " (in a comment, too)" if "#" in text[: match.start()] else ""
            found.add(
                "LB321",
                Span(file.name, line, match.start() + 1, line, match.end() + 1),
                f"`${{{name}}}` is not set in the environment",
                f"the trainer replaces it before it reads the file{comment} and stops at once where it is unset",
                f"export {name} before the run, or write the value",
            )


def _top(found: Findings, file: NativeFile) -> str:
    data = file.data
    for key, why in (("job", "write `job: extension`"), ("config", "put `name` and `process` below `config:`")):
        if key not in data:
            found.add("LB318", (file, ()), f"`{key}` is missing at the top of the file", "the trainer stops at once", why)
    for key in data:
        if key not in TOP:
            _stray(found, file, (key,), "at the top of the file")
    if "meta" in data and not isinstance(data["meta"], dict):
        found.add(
            "LB315",
            (file, ("meta",)),
            "`meta` is no section",
            "the trainer adds to it and stops at the first save",
            "remove it, or write keys below it",
        )
    job = data.get("job")
    if "job" in data and (not isinstance(job, str) or job not in JOBS):
        near = nearest(job, JOBS) if isinstance(job, str) else ""
        fix = f"did you mean `{near}`?" if near and near != "extract" else "training jobs are `job: extension`"
        found.add("LB314", (file, ("job",)), f"unknown job {spell(job)}", "the trainer stops at once", fix)
        return ""
    return job if isinstance(job, str) else ""


def _stray(found: Findings, file: NativeFile, path: KeyPath, where: str) -> None:
    key = str(path[-1])
    homes = {
        **dict.fromkeys((*SECTIONS, "type", "training_folder", "trigger_word", "device", "log_dir"), "config.process[0]"),
        "name": "config",
        "process": "config",
    }
    if key in homes:
        why = "the trainer reads it nowhere else and takes its defaults in silence"
        found.add("LB311", (file, path), f"`{key}` does not belong {where}", why, f"move it below `{homes[key]}`", on="key")
    elif not key.startswith(("x-", "_", ".")):
        found.unknown(
            file, path, (*homes, *TOP), why="the trainer drops it in silence", where=where.removeprefix("at ").removeprefix("below ")
        )


MAX_NAME = 255 - len("_000000000.safetensors")


def _name(found: Findings, file: NativeFile, config: dict[str, Any], named: bool) -> None:
    for key in config if file.data.get("job") not in _OTHER_JOBS else ():
        if key not in ("name", "process", "device"):
            _stray(found, file, ("config", key), "below `config`")
    path = ("config", "name")
    if "name" not in config:
        if not named:
            found.add("LB318", (file, ("config",)), "`config.name` is missing", "the trainer stops at once", "name the job", on="key")
        return
    name = config["name"]
    if not isinstance(name, str):
        found.add(
            "LB313", (file, path), f"the name {spell(name)} is no text", "the trainer stops at once (TypeError)", f'write `name: "{name}"`'
        )
        return
    if not name.strip():
        found.add("LB317", (file, path), "the job has no name", "files and folder get an empty name", "name the job")
    if "/" in name or (os.name == "nt" and "\\" in name):
        found.add(
            "LB315",
            (file, path),
            "the name holds a `/`",
            "its files would lie in a folder that is not made: the first save fails",
            "use `-` or `_`",
        )
    if len(name.encode()) > MAX_NAME:
        found.add(
            "LB315",
            (file, path),
            "the name is too long for a file name",
            f"files are named after it, with a step and an extension behind it: a file name holds 255 bytes, {MAX_NAME} are left",
            "shorten it",
        )
    if ('"' in name or "\\" in name or any(char < " " for char in name)) and "[name]" in file.text:
        why = "`[name]` is replaced inside JSON: it no longer parses and the trainer stops, or the name becomes another one"
        found.add(
            "LB315", (file, path), "the name holds a quote, a backslash or a control character", why, "use letters, digits, `-`, `_`, `.`"
        )
    if _GLOB.search(name):
        why = "it is used as a file pattern: old saves are not removed and a stopped run is not resumed"
        found.add("LB317", (file, path), "the name holds a wildcard character", why, "use letters, digits, `-`, `_`, `.`")


def _processes(found: Findings, file: NativeFile, config: dict[str, Any]) -> list[int]:
    path = ("config", "process")
    entries = config.get("process")
    if "process" not in config or entries is None or entries == []:
        found.add(
            "LB318",
            (file, path),
            "`config.process` holds no process",
            "the trainer stops at once",
            "write `process:` and `- type: sd_trainer` below it",
        )
        return []
    if not isinstance(entries, list):
        fix = "put `- ` before the first key of the process and indent the rest below it"
        found.add(
            "LB313",
            (file, path),
            "`config.process` is no list",
            "the trainer takes its keys for processes and stops at once",
            fix,
            on="key",
        )
        return []
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            found.add("LB313", (file, (*path, index)), "a process is a section", "the trainer stops at once", "write `- type: sd_trainer`")
    return [index for index, entry in enumerate(entries) if isinstance(entry, dict)]


def _type(process: Process, job: str) -> bool:
    """Check the type; True where the process is one of the trainers that the rules know."""
    kind = process.data.get("type")
    if "type" not in process.data:
        process.say("LB318", (), "the process has no `type`", "the trainer stops at once", "write `type: sd_trainer`")
        return True
    known = JOBS.get(job, ())
    if known and kind not in known:
        others = next((name for name, types in JOBS.items() if kind in types), "")
        near = nearest(kind, TRAINERS) if isinstance(kind, str) else ""
        if others:
            message = f"`job: {job}` knows no process `{kind}`"
            process.found.add("LB319", (process.file, ("job",)), message, "the trainer stops at once", f"write `job: {others}`")
        else:
            fix = f"did you mean `{near}`?" if near else "training is `sd_trainer` or `diffusion_trainer`"
            process.say("LB314", ("type",), f"unknown process type {spell(kind)}", "the trainer stops at once", fix)
    if kind == "ui_trainer":
        why = "without its database and AITK_JOB_ID it stops at once"
        process.say(
            "LB315", ("type",), "`ui_trainer` runs from the trainer's own interface only", why, "write `type: diffusion_trainer`", "warning"
        )
    return job in ("", "extension") and kind not in OTHER_TYPES and not (job == "" and kind in JOBS["train"])


def held_out(folder: str, name: str) -> str:
    """The word in a folder's path that keeps the trainer from ever finding its own checkpoints, or nothing."""
    return next((word for word in _HELD_OUT if word in folder and word not in name), "")
