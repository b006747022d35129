"""Make the lock of a loaded config as things are now."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lorabridge import __version__
from lorabridge.backends import get_backend
from lorabridge.backends.base import Plan, Site
from lorabridge.config.load import Loaded
from lorabridge.config.paths import show
from lorabridge.diagnostics import Diagnostic
from lorabridge.families.resolve import Resolved, resolve
from lorabridge.plan.compile import compile_config
from lorabridge.plan.lock.content import combined, data_files, model_files, whole
from lorabridge.plan.lock.inputs import Input, inputs, leaves_of, listed_files, portable_config
from lorabridge.plan.lock.model import Data, Lock, Model, Trainer, digest_of
from lorabridge.plan.lock.trainer import trainer_now
from lorabridge.plan.write import compiled_files

ROOT = "/lock"
"""The folder that a locked plan is compiled for: no machine has it, so the bytes are the same on all."""


@dataclass(frozen=True)
class Wish:
    """How to lock. `full` hashes weights whole, `seed` fixes what a random seed becomes."""

    backend: str
    unsupported: Literal["error", "warn"] = "error"
    overrides: tuple[str, ...] = ()
    full: bool = False
    seed: int | None = None
    root: Path | None = None


def build(loaded: Loaded, wish: Wish, environ: Mapping[str, str]) -> tuple[Lock | None, list[Diagnostic]]:
    """The lock, with warnings about what it cannot hold; or None and the errors. Reads every input, writes nothing."""
    root = (wish.root or loaded.root).absolute()
    resolved = resolve(loaded.config, wish.backend) if loaded.config is not None else None
    plan = compile_config(loaded, wish.backend, Site(ROOT, unsupported=wish.unsupported))
    if not plan.ok or not isinstance(resolved, Resolved):
        return None, list(plan.diagnostics)
    found: list[Diagnostic] = []
    plain = portable_config(resolved.config, root)
    values = {show(path): value for path, value in leaves_of(plain)}
    seed = _seed(resolved, values, wish)
    models: dict[str, Model] = {}
    data: dict[str, Data] = {}
    for item in inputs(resolved.config, root):
        _add(item, str(values[item.path]), loaded, wish, models, data, found)
    trainer = _trainer(wish, environ, found)
    if any(item.severity == "error" for item in found):
        return None, found
    lock = Lock(
        __version__,
        wish.backend,
        Path(loaded.file).name,
        wish.unsupported,
        wish.overrides,
        seed,
        values,
        _plan(loaded, wish, seed, root),
        trainer,
        models,
        data,
    )
    return lock, found


def _seed(resolved: Resolved, values: Mapping[str, object], wish: Wish) -> int | None:
    """The number that a random seed becomes: the one that was asked for, else one drawn from the values, the same everywhere."""
    if resolved.config.train.seed != "random":
        return None
    return wish.seed if wish.seed is not None else int(digest_of(dict(values))[:8], 16) % (2**32 - 1) + 1


def _plan(loaded: Loaded, wish: Wish, seed: int | None, root: Path) -> dict[str, str]:
    """The digest of each compiled file that is run or read, made for a folder that no machine has. The report is for people."""
    plain = loaded.config and portable_config(loaded.config, root)
    site = Site(ROOT, f"{ROOT}/output", wish.unsupported, seed, "config.yaml", f"{ROOT}/files")
    nameless = replace(loaded, config=plain, file="config.yaml")
    plan: Plan = compile_config(nameless, wish.backend, site)
    return {
        item.path: f"sha256:{hashlib.sha256(item.text.encode()).hexdigest()}"
        for item in compiled_files(plan, nameless)
        if item.path != "report.md"
    }


def _add(
    item: Input, name: str, loaded: Loaded, wish: Wish, models: dict[str, Model], data: dict[str, Data], found: list[Diagnostic]
) -> None:
    if item.place is None:
        models[item.path] = Model(item.value)
        message = f"`{item.path}`: `{item.value}` is a name on a hub, where its files can change; the lock holds the name only"
        fix = "download it and name the folder, to lock its content"
        found.append(Diagnostic("LB627", message, loaded.place(item.path), "warning", fix=fix, path=item.path))
        return
    try:
        if item.kind == "model":
            models[item.path] = Model(name, model_files(item.place, full=wish.full))
        else:
            files = data_files(item.place)
            if item.path.endswith(".jsonl"):
                files |= {f"listed: {entry}": whole(path) if path.is_file() else "missing" for entry, path in listed_files(item.place)}
            data[item.path] = Data(combined(files), files)
    except OSError as error:
        reason = f"{error.strerror or error}: `{error.filename or item.place}`"
        found.append(
            Diagnostic("LB628", f"`{item.path}` cannot be read ({reason})", loaded.place(item.path), fix="check the path", path=item.path)
        )


def _trainer(wish: Wish, environ: Mapping[str, str], found: list[Diagnostic]) -> Trainer | None:
    backend = get_backend(wish.backend)
    installation = backend.locate(environ)
    if installation is None or (not installation.commit and installation.problems):
        message = f"{backend.TITLE} was not found here: the lock does not hold its version"
        found.append(Diagnostic("LB627", message, None, "warning", fix="`lorabridge doctor` tells what was looked at"))
        return None
    trainer = trainer_now(installation, embedded=wish.backend == "embedded")
    if not trainer.known:
        message = f"{backend.TITLE} in {installation.home} is no git checkout that git can read: the lock does not hold its code"
        found.append(Diagnostic("LB627", message, None, "warning", fix="install it with `git clone`, and git beside it"))
    return trainer
