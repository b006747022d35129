"""Intent to the trainer's TOML files and its launch command."""

from __future__ import annotations

from typing import Any

from lorabridge.backends.base import File, Plan, Site
from lorabridge.backends.diffusion_pipe.adapter import adapter
from lorabridge.backends.diffusion_pipe.archs import NAME, TITLE, Arch, arch_of
from lorabridge.backends.diffusion_pipe.datasets import datasets
from lorabridge.backends.diffusion_pipe.length import evaluation, length, logging, saves, schedule
from lorabridge.backends.diffusion_pipe.memory import memory
from lorabridge.backends.diffusion_pipe.model import model
from lorabridge.backends.diffusion_pipe.native import native
from lorabridge.backends.diffusion_pipe.noise import noise
from lorabridge.backends.diffusion_pipe.optimizer import optimizer
from lorabridge.backends.diffusion_pipe.rows import HANDLED, MAIN_ROWS
from lorabridge.backends.diffusion_pipe.stages import hardware, ranks, train_stage
from lorabridge.backends.emit import Inline, toml_file
from lorabridge.backends.engine import Lowering
from lorabridge.config.load import Loaded
from lorabridge.families.resolve import Resolved

ORDER = ("output_dir", "dataset", "eval_datasets", "epochs", "max_steps")
"""Keys that come first in the main file; the others follow as they were written, tables last."""

FILES = {"main": "main.toml", "dataset": "dataset.toml", "eval": "eval.toml"}


def lower(resolved: Resolved, loaded: Loaded, site: Site) -> Plan:
    """The plan for diffusion-pipe. Pure: the same input gives the same bytes."""
    out = Lowering(NAME, resolved, loaded, site)
    arch = arch_of(resolved.family.name, resolved.variant.name)
    folder = site.files or out.path(f"./compiled/{out.config.name}-{NAME}")
    _places(out, folder)
    batches = datasets(out, arch, ranks(out))
    run = length(out, batches.per_step)
    out.rows(MAIN_ROWS)
    schedule(out, run)
    saves(out, run)
    evaluation(out)
    logging(out)
    chosen = hardware(out)
    memory(out, arch)
    model(out, arch)
    noise(out, arch)
    adapter(out, arch)
    optimizer(out, arch)
    _unknown_there(out)
    _samples(out)
    flags = native(out, arch)
    stage = train_stage(out, chosen, batches.many, flags)
    return out.finish(_files(out, arch), [stage], HANDLED, run.steps)


def _places(out: Lowering, folder: str) -> None:
    runs = f"{out.output}/{out.config.name}"
    out.put("main:output_dir", runs, "output.dir")
    out.note(
        "rewritten",
        "output.dir",
        out.config.output.dir,
        "main:output_dir",
        runs,
        "each run makes a folder named by the clock (UTC) in it; nothing else may lie there, for a resume takes the last one",
    )
    out.put("main:dataset", f"{folder}/{FILES['dataset']}", "datasets")
    if out.config.evaluate is not None:
        out.put("main:eval_datasets", [Inline({"name": "eval", "config": f"{folder}/{FILES['eval']}"})], "evaluate.datasets")


def _unknown_there(out: Lowering) -> None:
    """Things that the trainer has no notion of, and that no default may hide."""
    if out.config.train.ema is not None:
        out.refuse("train.ema", out.config.train.ema.decay, "it keeps no average of the weights", "remove `ema`, or compile for ai-toolkit")
    seed = out.config.train.seed
    if seed != "random":
        out.refuse(
            "train.seed",
            seed,
            "it sets no seed: noise and initial weights differ from run to run, only the order of the data is fixed",
            "write `seed: random`, which is what it does",
        )
    else:
        out.note("exact", "train.seed", "random", native="left out", text="it sets no seed; a run cannot be repeated exactly")
    if out.wrote("save.metadata"):
        wanted = out.config.save.metadata
        text = "the file holds none; a copy of the TOML lies beside it"
        out.note("rewritten" if wanted else "exact", "save.metadata", wanted, native="" if wanted else "left out", text=text)


def _samples(out: Lowering) -> None:
    prompts = out.config.sample.prompts
    if prompts:
        out.refuse(
            "sample.prompts",
            f"{len(prompts)} prompts",
            "it draws no pictures while training",
            "remove `sample`, draw with the saved checkpoints, or compile for another trainer",
        )
    elif out.config.sample.every != "off":
        out.refuse("sample.every", out.config.sample.every, "it draws no pictures while training", "remove it")


def _files(out: Lowering, arch: Arch) -> list[File]:
    if any(item.severity == "error" for item in out.diagnostics):
        return []
    made = []
    for document, name in FILES.items():
        tree = out.documents.get(document)
        if tree is not None:
            made.append(toml_file(name, _ordered(tree), _sources(out, document), out.site.source, f"{TITLE} ({arch.type})"))
    return made


def _ordered(tree: dict[str, Any]) -> dict[str, Any]:
    first = {key: tree[key] for key in ORDER if key in tree}
    tables = {key: _typed(tree[key]) for key in ("model", "adapter", "optimizer", "monitoring", "directory") if key in tree}
    return first | {key: value for key, value in tree.items() if key not in first and key not in tables} | tables


def _typed(table: Any) -> Any:
    return {"type": table["type"]} | table if isinstance(table, dict) and "type" in table else table


def _sources(out: Lowering, document: str) -> dict[str, str]:
    prefix = f"{document}:"
    return {at.removeprefix(prefix): path for at, path in out.sources.items() if at.startswith(prefix) and at != f"{prefix}directory"}
