"""Inside ai-toolkit's Python: what its job, its process class and its configuration classes make of a job file.

`get_config`, `BaseJob` and the process class that the job names are the trainer's own: the process is built as `run.py`
builds it, and not run. Which attribute a key ends in is read off the assignments of the classes.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import sys
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from lorabridge.backends.probes.answer import said, serve
from lorabridge.backends.probes.guard import forbid
from lorabridge.backends.probes.reads import decisions, flat, key_of, parsed
from lorabridge.backends.probes.stand_ins import install

READERS = ("yaml", "oyaml", "numpy")
SECTIONS = {
    "train": "train_config",
    "model": "model_config",
    "network": "network_config",
    "save": "save_config",
    "sample": "sample_config",
    "first_sample": "first_sample_config",
    "logging": "logging_config",
    "guidance": "guidance_config",
    "adapter": "adapter_config",
}
"""Section of a process, and the attribute that holds its configuration object (BaseSDTrainProcess.__init__)."""


def reply(question: dict[str, Any]) -> dict[str, Any]:
    """`{"job"}` to `{"used": {"job.yaml": {key: value}}, "errors"}`; keys are those of the file, sections dotted."""
    errors: list[str] = []
    used: dict[str, Any] = {}
    answer: dict[str, Any] = {"used": {"job.yaml": used}, "errors": errors}
    try:
        raw = importlib.import_module("toolkit.config").get_config(question["job"])
        job = importlib.import_module("jobs").BaseJob(raw)
        _quiet()
        used |= {"job": job.job, "config.name": job.name, **{f"meta.{key}": value for key, value in flat(getattr(job, "meta", {}))}}
        job.load_processes(_processes())
    except BaseException as error:
        errors.append(said(error))
        return answer
    for index, process in enumerate(job.process):
        used |= {f"config.process.{index}.{key}": value for key, value in _process(process)}
        if question.get("decide"):
            answer["decisions"] = {"job.yaml": _decisions(Path(question["home"]), process, f"config.process.{index}.")}
    return answer


def _decisions(home: Path, process: Any, prefix: str) -> dict[str, list[list[Any]]]:
    """What the conditions on the configuration objects in the training code come to."""
    found: dict[str, list[list[Any]]] = {}
    for file in (home / "jobs/process/BaseSDTrainProcess.py", home / "extensions_built_in/sd_trainer/SDTrainer.py"):
        for key, place, text, held in decisions(parsed(file), file.relative_to(home).as_posix(), _mentions, {"self": process}):
            found.setdefault(f"{prefix}{key}", []).append([place, text, held])
    return found


def _mentions(node: ast.expr) -> Iterator[str]:
    sections = {name: section for section, name in SECTIONS.items()}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Attribute) and inner.value.attr in sections:
            yield f"{sections[inner.value.attr]}.{inner.attr}"


def _quiet() -> None:
    """Building a process leaves no trace: neither the copy of the job in the output folder nor a log."""
    importlib.import_module("jobs.process")
    sys.modules["jobs.process.BaseTrainProcess"].BaseTrainProcess.save_training_config = lambda self: None
    sys.modules["jobs.process.BaseSDTrainProcess"].create_logger = lambda *args: None  # type: ignore[attr-defined]


def _processes() -> dict[str, Any]:
    """The trainer's process classes by the name that a job gives, of the extension that holds the diffusion trainers."""
    module = importlib.import_module("extensions_built_in.sd_trainer")
    base = importlib.import_module("toolkit.extension").Extension
    kinds: list[Any] = [
        item for item in vars(module).values() if isinstance(item, type) and issubclass(item, base) and hasattr(item, "uid")
    ]
    return {item.uid: item.get_process() for item in kinds}


def _process(process: Any) -> Iterator[tuple[str, Any]]:
    yield "type", process.raw_process_config.get("type")
    for key in _conf_keys(type(process)):
        if hasattr(process, key):
            yield key, getattr(process, key)
    for section, name in SECTIONS.items():
        held = getattr(process, name, None)
        if held is not None:
            yield from _object(held, f"{section}.")
    yield from _datasets(process.raw_process_config.get("datasets") or [], list(getattr(process, "dataset_configs", [])))


def _datasets(raw: list[dict[str, Any]], made: list[Any]) -> Iterator[tuple[str, Any]]:
    """One set of values per data set of the file: the trainer makes one object of each of its resolutions, which must agree."""
    for index, table in enumerate(raw):
        sizes = table.get("resolution", 512)
        several = isinstance(sizes, list)
        mine, made = made[: len(sizes) if several else 1], made[len(sizes) if several else 1 :]
        each = [dict(_object(item, f"datasets.{index}.")) for item in mine]
        for key in each[0] if each else ():
            values = [found.get(key) for found in each]
            whole = several and key.endswith(".resolution")
            yield key, values if whole or any(value != values[0] for value in values) else values[0]


def _conf_keys(cls: type) -> set[str]:
    """What the class and its bases ask of the process's own table."""
    found = set()
    for base in cls.__mro__:
        for node in ast.walk(_tree(base)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get_conf" and node.args:
                key = node.args[0]
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    found.add(key.value)
    return found


def _object(held: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Each key that the object's class reads, with the value of the attribute that it ends in."""
    for key, names in _attributes(type(held)).items():
        name = key if hasattr(held, key) else next((name for name in names if hasattr(held, name)), None)
        if name is None:
            continue
        value = getattr(held, name)
        if isinstance(value, list) and value and hasattr(value[0], "__dict__") and not isinstance(value[0], str | Mapping):
            for index, item in enumerate(value):
                yield from _object(item, f"{prefix}{key}.{index}.")
        elif hasattr(value, "__dict__") and not isinstance(value, type | str | Mapping) and type(value).__module__.startswith("toolkit"):
            yield from _object(value, f"{prefix}{key}.")
        elif isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _attributes(cls: type) -> dict[str, list[str]]:
    """Key to the attributes whose assignment reads it, bases included; keys that go into a local name have none."""
    found: dict[str, list[str]] = {}
    for node in (node for base in cls.__mro__ for node in ast.walk(_tree(base))):
        read = key_of(node)
        if read is not None and isinstance(read[0], ast.Name) and read[0].id == "kwargs":
            found.setdefault(read[1], [])
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [item.attr for item in targets if isinstance(item, ast.Attribute)]
            for inner in ast.walk(node.value):
                read = key_of(inner)
                if read is not None and isinstance(read[0], ast.Name) and read[0].id == "kwargs":
                    found.setdefault(read[1], []).extend(names)
    return found


@cache
def _tree(cls: type) -> ast.AST:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        return ast.Module([], [])


def main() -> None:
    """Serve. The checkout is the first argument, the folder of the files the second."""
    for name in ("AITK_JOB_ID", "SEED", "DEBUG_TOOLKIT"):
        os.environ.pop(name, None)
    install([Path(sys.argv[1])], READERS)
    forbid(Path(sys.argv[2]))
    serve(reply)
