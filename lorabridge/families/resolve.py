"""From what was written to what is meant in full: family defaults and inherited values filled in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from lorabridge.config.base import Section
from lorabridge.config.fields import rows_of
from lorabridge.config.paths import split_path
from lorabridge.config.schema import Config
from lorabridge.families.base import Family, Variant
from lorabridge.families.table import FAMILIES, find_family


@dataclass(frozen=True)
class Resolved:
    """A configuration without open questions. `origins` says who filled in what: path to source."""

    config: Config
    family: Family
    variant: Variant
    origins: dict[str, str]


@dataclass(frozen=True)
class Missing:
    """The family or the variant is not known. `names` are the known ones."""

    path: str
    name: str
    names: tuple[str, ...]


def resolve(config: Config, trainer: str = "") -> Resolved | Missing:
    """Fill in what `auto` and `inherit` leave to the family and to other fields.

    With `trainer`, that trainer's own recommendations for the family go before the general ones.
    """
    family = find_family(config.model.family)
    if family is None:
        return Missing("model.family", config.model.family, tuple(FAMILIES))
    variant = family.variant(config.model.variant)
    if variant is None:
        return Missing("model.variant", config.model.variant, tuple(v.name for v in family.variants))
    origins: dict[str, str] = {}
    changes: dict[str, Any] = {}
    for path, value, source in _answers(config, family, variant, trainer):
        changes[path] = value
        origins[path] = source
    filled: Config = _replace(config, {split_path(path): value for path, value in changes.items()})
    return Resolved(filled, family, variant, origins)


def spelled_out(resolved: Resolved) -> Resolved:
    """Also what a trainer inherits by itself when the key is left out: for a reader, not for a backend."""
    config = resolved.config
    changes: dict[str, tuple[Any, str]] = {}
    for index, prompt in enumerate(config.sample.prompts):
        for key in ("width", "height", "steps", "guidance"):
            value = getattr(config.sample, key)
            if getattr(prompt, key) is None and value != "auto":
                changes[f"sample.prompts[{index}].{key}"] = (value, f"sample.{key}")
    if config.adapter.text_encoder and config.optimizer.text_encoder_lr is None and config.optimizer.lr != "auto":
        changes["optimizer.text_encoder_lr"] = (config.optimizer.lr, "optimizer.lr")
    for index, data in enumerate(config.datasets):
        if data.control and data.control_resolution is None and len(data.resolution) == 1:
            changes[f"datasets[{index}].control_resolution"] = (data.resolution[0], "datasets[].resolution")
    filled: Config = _replace(config, {split_path(path): value for path, (value, _) in changes.items()})
    origins = resolved.origins | {path: source for path, (_, source) in changes.items()}
    return Resolved(filled, resolved.family, resolved.variant, origins)


def _answers(config: Config, family: Family, variant: Variant, trainer: str) -> Iterator[tuple[str, Any, str]]:
    yield "model.family", family.name, "the family's table"
    yield "model.variant", variant.name, "the family's first variant"
    dtype = config.model.dtype if config.model.dtype != "auto" else family.dtype
    if config.model.dtype == "auto":
        yield "model.dtype", dtype, f"{family.name}"
    if config.train.mixed_precision == "auto":
        yield "train.mixed_precision", "off" if dtype == "fp32" else dtype, "model.dtype"
    if config.save.dtype == "auto":
        yield "save.dtype", dtype, "model.dtype"
    recommended = recommendations(family, variant, trainer)
    for path, (value, source) in recommended.items():
        if get(config, path) == "auto":
            yield path, value, source
    yield from _inherited(config, family, recommended)


def _inherited(config: Config, family: Family, recommended: Recommended) -> Iterator[tuple[str, Any, str]]:
    rank = config.adapter.rank
    if rank == "auto":
        rank = recommended["adapter.rank"][0]
    if config.adapter.alpha is None:
        yield "adapter.alpha", float(rank), "adapter.rank"
    if config.adapter.conv_rank != "off" and config.adapter.conv_alpha is None:
        yield "adapter.conv_alpha", float(config.adapter.conv_rank), "adapter.conv_rank"
    for side in ("width", "height"):
        if getattr(config.sample, side) == "auto":
            yield f"sample.{side}", family.resolution, family.name
    yield from _dataset_answers(config, family)
    for index, prompt in enumerate(config.sample.prompts):
        for key in ("negative", "frames", "seed"):
            if getattr(prompt, key) is None:
                yield f"sample.prompts[{index}].{key}", getattr(config.sample, key), f"sample.{key}"
    if config.logging.wandb.run_name is None:
        yield "logging.wandb.run_name", config.name, "name"
    if config.logging.to == "auto":
        yield "logging.to", "tensorboard" if config.logging.dir else "off", "logging.dir"


def _dataset_answers(config: Config, family: Family) -> Iterator[tuple[str, Any, str]]:
    groups = [("datasets", config.datasets)] + ([("evaluate.datasets", config.evaluate.datasets)] if config.evaluate else [])
    for name, datasets in groups:
        for index, data in enumerate(datasets):
            here = f"{name}[{index}]"
            if data.batch_size is None:
                yield f"{here}.batch_size", config.train.batch_size, "train.batch_size"
            if not data.resolution:
                yield f"{here}.resolution", [family.resolution], family.name
            if data.trigger is None:
                yield f"{here}.trigger", "" if data.regularization else config.trigger, "trigger"


Recommended = dict[str, tuple[Any, str]]
"""Value and source by dotted path."""


def recommendations(family: Family, variant: Variant, trainer: str) -> Recommended:
    """What is recommended, the most specific source first."""
    found: Recommended = {}
    for source in (variant.defaults, family.trainer_defaults.get(trainer), family.defaults):
        if source is not None:
            for path, value in source.values.items():
                found.setdefault(path, (value, source.source))
    return found


def get(config: Any, path: str) -> Any:
    """The value at a dotted path; None where a section on the way is absent."""
    here: Any = config
    for part in split_path(path):
        if here is None:
            return None
        if isinstance(part, int):
            here = here[part] if part < len(here) else None
        else:
            row = rows_of(type(here)).get(part) if isinstance(here, Section) else None
            here = getattr(here, row.name) if row else here.get(part)
    return here


def _replace(node: Any, changes: dict[tuple[str | int, ...], Any]) -> Any:
    groups: dict[str | int, dict[tuple[str | int, ...], Any]] = {}
    for path, value in changes.items():
        groups.setdefault(path[0], {})[path[1:]] = value
    if isinstance(node, list):
        return [_leaf(item, groups[i]) if i in groups else item for i, item in enumerate(node)]
    rows = rows_of(cast(type[Section], type(node)))
    update = {rows[str(key)].name: _leaf(getattr(node, rows[str(key)].name), inner) for key, inner in groups.items()}
    return node.replace(**update)


def _leaf(node: Any, inner: dict[tuple[str | int, ...], Any]) -> Any:
    return inner[()] if () in inner else _replace(node, inner)
