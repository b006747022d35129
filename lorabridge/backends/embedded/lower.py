"""Intent to `job.json`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lorabridge.backends.base import File, Plan, Site
from lorabridge.backends.embedded.archs import NAME, TITLE, arch_of
from lorabridge.backends.embedded.datasets import datasets
from lorabridge.backends.embedded.native import native, validate
from lorabridge.backends.embedded.rows import HANDLED, JOB_ROWS
from lorabridge.backends.embedded.samples import samples
from lorabridge.backends.embedded.stages import FILE, stages
from lorabridge.backends.embedded.training import training
from lorabridge.backends.engine import Lowering
from lorabridge.backends.paths import is_hub_file, is_hub_id
from lorabridge.config.load import Loaded
from lorabridge.families.resolve import Resolved


def lower(resolved: Resolved, loaded: Loaded, site: Site) -> Plan:
    """The job file and its command. Every finding of one pass is in the plan."""
    low = Lowering(NAME, resolved, loaded, site)
    arch = arch_of(resolved.family, resolved.variant)
    if arch is None:
        low.problem("LB306", "model.variant", f"{TITLE} cannot train {resolved.family.title} ({resolved.variant.name})")
        return Plan(NAME, diagnostics=tuple(low.diagnostics), notes=tuple(low.notes))
    _frame(low)
    _model(low, arch)
    low.rows(JOB_ROWS)
    _targets(low)
    steps = training(low)
    datasets(low)
    _saves(low)
    samples(low)
    _refusals(low)
    made = stages(low)
    native(low)
    tree = low.documents["job"]
    validate(low, tree)
    return low.finish(_files(low, tree), made, HANDLED, steps)


def _frame(low: Lowering) -> None:
    low.put("job:version", 1)
    low.put("job:name", low.config.name, "name")
    low.put("job:output", low.output, "output.dir")
    state = low.config.train.resume_from
    if state is not None:
        low.put("job:resume", low.path(state), "train.resume_from")
        low.note("exact", "train.resume_from", state, "job:resume", low.path(state))


def _model(low: Lowering, arch: str) -> None:
    model = low.config.model
    low.put("job:model.family", arch, "model.family")
    text = "the folder tells which variant it is"
    low.note("exact", "model.family", f"{low.family.name} ({low.variant.name})", "job:model.family", arch, text)
    if model.paths.repo is not None:
        place = model.paths.repo if is_hub_id(model.paths.repo) else low.path(model.paths.repo)
        low.put("job:model.path", place, "model.paths.repo")
        low.note("exact", "model.paths.repo", model.paths.repo, "job:model.path", place)
    if model.vae_dtype not in ("auto", model.dtype):
        low.refuse(
            "model.vae_dtype", model.vae_dtype, "the VAE has the precision of the model", f"write `vae_dtype: {model.dtype}`, or remove it"
        )
    precision = low.config.train.mixed_precision
    wanted = "off" if model.dtype == "fp32" else model.dtype
    if precision != wanted:
        low.refuse(
            "train.mixed_precision",
            precision,
            f"a {model.dtype} model is computed in {model.dtype}",
            f"write `mixed_precision: {wanted}`, or remove it",
        )
    if model.dtype == "fp16" and low.config.hardware.device == "cpu":
        low.problem(
            "LB307",
            "model.dtype",
            f"{TITLE} trains fp16 on a GPU only",
            "torch has no half-precision kernels for it",
            "write `dtype: fp32` or `dtype: bf16`",
        )
    for index, merge in enumerate(model.merge):
        low.refuse(f"model.merge[{index}].path", merge.path, "nothing is merged before training", "merge it into the model beforehand")
    if model.training_adapter is not None:
        _lora(
            low,
            "model.training_adapter.path",
            "job:adapter.training_adapter",
            model.training_adapter.path,
            "on while training, off while drawing",
        )
    if low.config.adapter.init_from is not None:
        _lora(low, "adapter.init_from", "job:adapter.init_from", low.config.adapter.init_from)


def _lora(low: Lowering, path: str, at: str, value: str, text: str = "") -> None:
    """A LoRA file on this machine."""
    if is_hub_id(value) or is_hub_file(value):
        low.refuse(path, value, "LoRA files are not downloaded", f"download it and write its path (`./{value}` for a local file)")
        return
    low.put(at, low.path(value), path)
    low.note("exact", path, value, at, low.path(value), text)


def _targets(low: Lowering) -> None:
    """A group of layers, or the linear layers whose names hold a text; wildcards replace the group."""
    targets = low.config.adapter.targets
    include, exclude = targets.include, targets.exclude
    group = "attention" if targets.layers == "auto" else targets.layers
    if not include and not exclude:
        low.put("job:adapter.targets", group, "adapter.targets.layers")
        low.note("exact", "adapter.targets.layers", targets.layers, "job:adapter.targets", group)
        return
    names = low.family.modules(NAME)
    held = names.attention if group == "attention" else (*names.attention, *names.feed_forward)
    outside = [text for text in include if not any(part in text for part in held)]
    if outside and targets.layers != "auto":
        parts = ", ".join(f"`{part}…`" for part in held)
        why = f"patterns replace the group, and `{outside[0]}` reaches beyond `{targets.layers}`"
        low.refuse("adapter.targets.include", include, why, f"name the group in the pattern ({parts}), or remove `layers`")
    wanted, unwanted = [_wild(text) for text in include or held], [_wild(text) for text in exclude]
    low.put("job:adapter.targets.include", wanted, "adapter.targets.include" if include else "adapter.targets.layers")
    low.put("job:adapter.targets.exclude", unwanted, "adapter.targets.exclude")
    text = "any layer with such a name; a pattern that fits none stops the run"
    low.note(
        "rewritten",
        "adapter.targets",
        {"layers": targets.layers, "include": include, "exclude": exclude},
        "job:adapter.targets",
        wanted,
        text,
    )


def _wild(text: str) -> str:
    """`*text*`, with the text's own wildcards taken literally."""
    return "*" + "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text) + "*"


def _saves(low: Lowering) -> None:
    every = low.config.save.every
    if every == "off":
        low.note("exact", "save.every", every, "job:save.every", "left out", "the LoRA is written at the end")
        return
    low.put(f"job:save.every.{every.unit}", int(every.value), "save.every")
    low.note("exact", "save.every", every, f"job:save.every.{every.unit}", int(every.value))


def _refusals(low: Lowering) -> None:
    if low.config.evaluate is not None:
        low.refuse("evaluate", "…", "it has no held-out loss", "remove `evaluate`, or compile for another trainer")
    logging = low.config.logging
    if logging.to != "off" and low.config.logging.dir is None:
        low.refuse("logging.to", logging.to, "it has no tracker", "remove it: lorabridge records each step and draws the curve")


def _files(low: Lowering, tree: dict[str, Any]) -> Iterator[File]:
    from lorabridge.backends.embedded.emit import job_file

    yield job_file(FILE, tree, {at.partition(":")[2]: path for at, path in low.sources.items()})
