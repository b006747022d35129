"""From a loaded config to a run folder: compile, find the trainer, write down what will be done. `job_of` reads it back."""

from __future__ import annotations

import json
import os
import platform
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from lorabridge import __version__
from lorabridge.backends import get_backend, module_of
from lorabridge.backends.base import Installation, Plan, Site
from lorabridge.config.load import Loaded
from lorabridge.config.schema import Config
from lorabridge.diagnostics import Diagnostic
from lorabridge.families.resolve import Resolved, resolve
from lorabridge.files import write_atomic
from lorabridge.plan.compile import compile_config
from lorabridge.plan.show import shown_lines
from lorabridge.plan.write import compiled_files, home_variable, write_files
from lorabridge.run.folder import RunFolder, fresh
from lorabridge.run.index import register
from lorabridge.run.state import State, write_state


@dataclass(frozen=True)
class Request:
    """What the caller asks for. `parent` is where the run folder goes; None follows `output.dir`.

    `seed` is the number that a random seed was locked to; None draws one.
    `folder` is one that was made already, empty; `source` the user's file when `file` is lorabridge's own copy; `origin` what the run
    continues, as it goes into the record. `on_oom`: what its supervisor does when a stage runs out of memory.
    """

    file: Path
    backend: str
    unsupported: Literal["error", "warn"] = "error"
    parent: Path | None = None
    overrides: Sequence[str] = ()
    seed: int | None = None
    folder: RunFolder | None = None
    source: Path | None = None
    origin: Mapping[str, Any] | None = None
    on_oom: Literal["stop", "retry"] = "stop"


def prepare(loaded: Loaded, request: Request, environ: Mapping[str, str]) -> RunFolder | list[Diagnostic]:
    """The folder of a run, complete; or the findings that prevent it, and nothing was written.

    `loaded` must be without errors. Raises OSError when the folder cannot be written.
    """
    resolved = _resolved(loaded, request.backend)
    if isinstance(resolved, list):
        return resolved
    backend = get_backend(request.backend)
    found = backend.locate(environ)
    if found is None or found.problems:
        return [_absent(request.backend, backend.TITLE, found)]
    seed = resolved.config.train.seed
    site_seed = (request.seed or secrets.randbelow(2**32 - 1) + 1) if seed == "random" else None
    places = [request.folder] if request.folder else fresh(_parent(loaded, resolved.config, request), resolved.config.name, time.time())
    for folder in islice(places, 100):
        plan = compile_config(loaded, request.backend, _site(loaded, request, folder, site_seed))
        if not plan.ok:
            return list(plan.diagnostics)
        try:
            if request.folder is None:
                folder.create()
        except FileExistsError:
            continue
        _write(loaded, folder, plan, seeded(resolved.config, site_seed), _record(plan, found, resolved.config, request, site_seed))
        register(folder)
        return folder
    raise FileExistsError("a hundred runs began in this second")


def _site(loaded: Loaded, request: Request, folder: RunFolder, seed: int | None) -> Site:
    return Site(
        loaded.root.absolute().as_posix(),
        folder.output.as_posix(),
        request.unsupported,
        seed,
        request.file.name,
        folder.compiled.as_posix(),
        folder.path.as_posix(),
    )


def _resolved(loaded: Loaded, trainer: str) -> Resolved | list[Diagnostic]:
    resolved = resolve(loaded.config, trainer) if loaded.config is not None else None
    return resolved if isinstance(resolved, Resolved) else [item for item in loaded.diagnostics if item.severity == "error"]


def seeded(config: Config, seed: int | None) -> Config:
    """The config with the seed that was drawn, so that the run can be repeated."""
    if seed is None:
        return config
    return config.replace(train=config.train.replace(seed=seed))


def _parent(loaded: Loaded, config: Config, request: Request) -> Path:
    if request.parent is not None:
        return request.parent.absolute()
    return (loaded.root.absolute() / os.path.expanduser(config.output.dir)).absolute()


def _absent(name: str, title: str, found: Installation | None) -> Diagnostic:
    if found is not None:
        message, fix = (
            f"{title} was found in {found.home}, but cannot be used: {'; '.join(found.problems)}",
            "mend that; `lorabridge doctor` looks again",
        )
    elif name == "embedded":
        message, fix = f"{title} is not installed", "pip install 'lorabridge[embedded]'"
    else:
        message, fix = (
            f"{title} was not found",
            f"set {home_variable(name)} to its checkout (`lorabridge doctor` tells what was looked at), or use `--backend embedded`",
        )
    return Diagnostic("LB701", message, fix=fix)


def _write(loaded: Loaded, folder: RunFolder, plan: Plan, config: Config, record: Mapping[str, Any]) -> None:
    write_atomic(folder.source, Path(record["file"]).read_bytes())
    write_atomic(folder.resolved, resolved_text(loaded, config, Path(record["source"]).name))
    write_files(folder.compiled, compiled_files(plan, loaded))
    write_atomic(folder.plan, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    write_state(folder, State(since=round(time.time() * 1000)))


def _record(plan: Plan, installation: Installation, config: Config, request: Request, seed: int | None) -> dict[str, Any]:
    hardware = config.hardware
    return {
        "lorabridge": __version__,
        "name": config.name,
        "created": round(time.time() * 1000),
        "python": platform.python_version(),
        "system": platform.platform(),
        "source": str((request.source or request.file).absolute()),
        "file": str(request.file.absolute()),
        "overrides": list(request.overrides),
        "backend": plan.backend,
        "module": module_of(plan.backend),
        "gpus": {"pinned": list(hardware.gpus), "count": 0 if hardware.device == "cpu" else hardware.pipeline_stages},
        "origin": dict(request.origin) if request.origin else None,
        "facts": _facts(config, request),
        "on_oom": request.on_oom,
        "trainer": {
            "home": str(installation.home),
            "python": str(installation.python),
            "commit": installation.commit,
            "dirty": installation.dirty,
        },
        "seed": seed,
        "total_steps": plan.total_steps,
        "stages": [asdict(stage) for stage in plan.stages],
        "notes": [asdict(note) for note in plan.notes],
        "files": [file.path for file in plan.files],
    }


_OWN_RATE = ("prodigy", "dadapt", "adafactor", "automagic")
"""Optimizers that find or scale their rate themselves, by the beginning of their names."""


def _facts(config: Config, request: Request) -> dict[str, Any]:
    """What a watchdog may hold against the trainer; left out where it is not plainly a number of the config."""
    found: dict[str, Any] = {}
    name = config.optimizer.type.rpartition(".")[2].lower()
    plain = isinstance(config.scheduler.warmup, str)  # "off"; a rise that is written as a part of the run is not counted here
    if isinstance(config.optimizer.lr, float) and plain and not name.startswith(_OWN_RATE) and not request.origin:
        found |= {"lr": config.optimizer.lr, "schedule": config.scheduler.type}
    every = config.save.every
    if not isinstance(every, str) and every.unit == "steps":
        found["save_every"] = int(every.value)
    if request.origin and request.origin.get("kind") == "resume" and not request.origin.get("offset"):
        found["first_step"] = request.origin.get("step")
    return found


def resolved_text(loaded: Loaded, config: Config, source: str) -> str:
    """`config`, the seeded form of what was loaded, as YAML that lorabridge reads back as the same."""
    lines = [text for text, _ in shown_lines(replace(loaded, config=config), resolved=True)]
    return "\n".join([f"# {source} with every open question answered, by lorabridge {__version__}.", *lines, ""])
