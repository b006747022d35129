"""Intent to `job.yaml`, for ai-toolkit's `diffusion_trainer`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from lorabridge.backends.ai_toolkit.archs import COMMIT, NAME, TITLE, Arch, arch_of
from lorabridge.backends.ai_toolkit.control import DATABASE
from lorabridge.backends.ai_toolkit.datasets import datasets, trigger
from lorabridge.backends.ai_toolkit.model import model
from lorabridge.backends.ai_toolkit.native import META, native
from lorabridge.backends.ai_toolkit.network import network
from lorabridge.backends.ai_toolkit.noise import noise
from lorabridge.backends.ai_toolkit.rows import HANDLED, JOB_ROWS
from lorabridge.backends.ai_toolkit.samples import samples
from lorabridge.backends.ai_toolkit.stages import FILE, stages
from lorabridge.backends.ai_toolkit.training import training
from lorabridge.backends.ai_toolkit.units import every, total_steps
from lorabridge.backends.base import File, Plan, Site
from lorabridge.backends.engine import Lowering
from lorabridge.config.load import Loaded
from lorabridge.families.resolve import Resolved

PREFIX = "config.process.0."
_CACHE_DRAWS = "encoding pictures draws random numbers too, so the run that makes the caches differs from those that find them"
_ORDER = ("network", "save", "datasets", "train", "model", "sample", "logging")


def lower(resolved: Resolved, loaded: Loaded, site: Site) -> Plan:
    """The job file and its command. Every finding of one pass is in the plan."""
    low = Lowering(NAME, resolved, loaded, site)
    arch = arch_of(resolved.family, resolved.variant)
    if arch is None:
        low.problem("LB306", "model.variant", f"{TITLE} has no architecture for {resolved.family.title} ({resolved.variant.name})")
        return Plan(NAME, diagnostics=tuple(low.diagnostics), notes=tuple(low.notes))
    _frame(low)
    steps = total_steps(low)
    low.rows(JOB_ROWS)
    network(low, arch)
    model(low, arch)
    noise(low, arch)
    training(low, arch, steps)
    datasets(low, arch)
    _saves(low)
    samples(low, arch)
    _logging(low)
    _evaluate(low)
    _fixed(low, arch)
    native(low)
    tree = _job(low)
    _hazards(low, tree)
    return low.finish(_files(low, tree), stages(low), HANDLED, steps)


def _frame(low: Lowering) -> None:
    low.put("process:type", "diffusion_trainer")
    low.put("process:training_folder", low.output, "output.dir")
    seed, said = _seed(low)
    low.put("process:training_seed", seed, "train.seed")
    drawn = "" if said else "drawn from the configuration's content: the same file gives the same seed; "
    text = f"{drawn}{_CACHE_DRAWS}"
    low.note("exact" if said else "rewritten", "train.seed", low.config.train.seed, "process:training_seed", seed, text)
    trigger(low)
    for section in _ORDER:
        low.documents["process"][section] = {}


def _seed(low: Lowering) -> tuple[int, bool]:
    seed = low.config.train.seed
    if seed != "random":
        return seed, True
    if low.site.seed is not None:
        return low.site.seed, False
    plain = json.dumps(low.config.plain(), sort_keys=True)
    return int(hashlib.sha256(plain.encode()).hexdigest()[:8], 16) % (2**31 - 1) + 1, False


def _saves(low: Lowering) -> None:
    save = low.config.save
    count = every(low, "save.every", save.every)
    if count is not None:
        low.put("process:save.save_every", count, "save.every")
        text = "no checkpoint but the last" if save.every == "off" else f"counted from 0: the file named {count} holds {count + 1} steps"
        low.note("exact" if save.every == "off" else "rewritten", "save.every", save.every, "process:save.save_every", count, text)
    text = "`optimizer.pt` is always written with a checkpoint, one file, overwritten"
    low.note("exact" if save.state else "rewritten", "save.state", save.state, text=text)


def _logging(low: Lowering) -> None:
    logging = low.config.logging
    count = every(low, "logging.every", logging.every)
    if count is not None:
        low.put("process:logging.log_every", count, "logging.every")
        low.note("exact", "logging.every", logging.every, "process:logging.log_every", count, "never at the first step of a run")
    if logging.to in ("tensorboard", "all"):
        folder = low.path(logging.dir) if logging.dir else f"{low.output}/logs"
        low.put("process:log_dir", folder, "logging.dir")
        low.note("exact", "logging.to", logging.to, "process:log_dir", folder)
    if logging.to in ("wandb", "all"):
        _wandb(low)
    else:
        low.add("process:logging.use_ui_logger", True, "loss and learning rate of each step, in loss_log.db")
    low.add("process:performance_log_every", 10, "without it the trainer reports no speed")
    if low.site.control:
        low.add(
            "process:sqlite_db_path",
            f"{low.site.control}/{DATABASE}",
            "the job row by which this run is asked for saves, samples and a stop",
        )


def _wandb(low: Lowering) -> None:
    wandb = low.config.logging.wandb
    low.put("process:logging.use_wandb", True, "logging.to")
    if wandb.project is not None:
        low.put("process:logging.project_name", wandb.project, "logging.wandb.project")
    low.put("process:logging.run_name", wandb.run_name, "logging.wandb.run_name")
    low.note("exact", "logging.to", low.config.logging.to, "process:logging.use_wandb", True, "the key is read from the environment")
    if wandb.key_env != "WANDB_API_KEY":
        low.refuse(
            "logging.wandb.key_env",
            wandb.key_env,
            "wandb reads WANDB_API_KEY, and a secret is never copied",
            "export WANDB_API_KEY and remove `key_env`",
        )


def _evaluate(low: Lowering) -> None:
    if low.config.evaluate is not None:
        why = "its validation takes single pictures with prompts, not a folder"
        low.refuse("evaluate", "…", why, "remove `evaluate`, or list pictures in the native option `train: {validation_config: …}`")


def _fixed(low: Lowering, arch: Arch) -> None:
    for key, value in arch.fixed.items():
        low.add(f"process:{key}", value, f"{low.family.title} ({low.variant.name}) needs it")


def _job(low: Lowering) -> dict[str, Any]:
    process = {key: value for key, value in low.documents["process"].items() if value != {}}
    meta = META | low.documents.get("meta", {})
    return {"job": "extension", "config": {"name": low.config.name, "process": [process]}, "meta": meta}


def _strings(value: Any, dotted: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(inner, f"{dotted}{key}.")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _strings(inner, f"{dotted}{index}.")
    elif isinstance(value, str):
        yield dotted.removesuffix("."), value


def _intent(low: Lowering, dotted: str) -> str:
    """The intent path of a key of the process, or of the nearest key around it that has one."""
    parts = dotted.split(".")
    while parts:
        found = low.sources.get("process:" + ".".join(parts))
        if found:
            return found
        parts.pop()
    return "backends"


def _hazards(low: Lowering, tree: dict[str, Any]) -> None:
    """Text that the trainer would expand before it reads the file."""
    for dotted, text in _strings(tree["config"]["process"][0], ""):
        path = _intent(low, dotted)
        if "${" in text:
            low.problem(
                "LB307",
                path,
                f"`${{` in `{path}` would be expanded by {TITLE}",
                "it replaces `${VAR}` anywhere in the file by an environment variable, and fails when there is none",
                "write it without `${`",
            )
        if "[name]" in text:
            low.problem(
                "LB307",
                path,
                f"`[name]` in `{path}` would become `{low.config.name}`",
                f"{TITLE} replaces it anywhere in the file by the run's name",
                "write `[trigger]`, or the word itself",
            )


def _files(low: Lowering, tree: dict[str, Any]) -> Iterator[File]:
    from lorabridge.backends.emit import yaml_file

    sources = {f"{PREFIX}{at.partition(':')[2]}": path for at, path in low.sources.items()}
    source = low.site.source.replace("${", "$")
    yield yaml_file(FILE, tree, sources | {"config.name": "name"}, source, f"{TITLE} {COMMIT[:7]}")
