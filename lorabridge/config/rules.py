"""Rules between fields that hold for every trainer, one small function each, listed in `RULES`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from lorabridge.config.paths import split_path
from lorabridge.config.schema import Config
from lorabridge.config.schema.data import Dataset
from lorabridge.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from lorabridge.config.load import Loaded

Finding = tuple[str, str, str, str, str]
"""code, path, message, why, fix"""


def check_rules(config: Config, loaded: Loaded) -> list[Diagnostic]:
    """Run every rule; findings point at the first path they name."""
    found: list[Diagnostic] = []
    for rule, severity in RULES.items():
        for code, path, message, why, fix in rule(config, loaded):
            found.append(Diagnostic(code, message, loaded.place(path), severity, why, fix, path))
    return found


def written(loaded: Loaded, path: str) -> bool:
    """Whether the user wrote the key at this dotted path (in any layer)."""
    return split_path(path) in loaded.places


def _datasets(config: Config) -> Iterator[tuple[str, Dataset]]:
    """Every dataset with its path, the held-out ones too."""
    held_out = config.evaluate.datasets if config.evaluate else []
    for name, datasets in (("datasets", config.datasets), ("evaluate.datasets", held_out)):
        for index, data in enumerate(datasets):
            yield f"{name}[{index}]", data


def _one_source(config: Config, loaded: Loaded) -> Iterator[Finding]:
    for here, data in _datasets(config):
        said = [key for key in ("images", "videos", "jsonl") if getattr(data, key) is not None]
        if not said:
            yield "LB104", here, f"`{here}` names no data", "a dataset is a folder or a list", "add `images:`, `videos:` or `jsonl:`"
        elif len(said) > 1:
            yield (
                "LB202",
                f"{here}.{said[1]}",
                f"`{here}` names both `{said[0]}` and `{said[1]}`",
                "trainers would use one of them and drop the other",
                "make two datasets",
            )
        if data.video is not None and data.images is not None:
            yield "LB204", f"{here}.video", f"`{here}.video` has no effect on pictures", "it cuts clips", "remove it, or name `videos:`"
        if data.aspect is not None and not data.bucket:
            yield (
                "LB202",
                f"{here}.aspect",
                f"`{here}.aspect` contradicts `bucket: false`",
                "without buckets every picture is cropped to one shape",
                "remove one of the two",
            )
        if data.aspect is not None and data.aspect.min > data.aspect.max:
            yield (
                "LB206",
                f"{here}.aspect.min",
                f"`{here}.aspect`: min {data.aspect.min} is above max {data.aspect.max}",
                "no bucket lies between them",
                "swap them",
            )
        if data.mask_floor != "off" and data.masks is None:
            yield (
                "LB202",
                f"{here}.mask_floor",
                f"`{here}.mask_floor` needs `masks`",
                "there is no black to weigh",
                "add `masks:` or remove it",
            )


def _ranges(config: Config, loaded: Loaded) -> Iterator[Finding]:
    noise = config.noise
    if noise.min_timestep >= noise.max_timestep:
        yield (
            "LB206",
            "noise.min_timestep",
            f"`noise.min_timestep` {noise.min_timestep} is not below `noise.max_timestep` {noise.max_timestep}",
            "no timestep lies between them; trainers accept it and train on garbage",
            "swap them",
        )


def _scheduler(config: Config, loaded: Loaded) -> Iterator[Finding]:
    plan, length = config.scheduler, config.train.length
    for key in ("warmup", "decay"):
        part = getattr(plan, key)
        if part != "off" and part.unit == "steps" and length.unit == "steps" and part.value >= length.value:
            yield (
                "LB202",
                f"scheduler.{key}",
                f"`scheduler.{key}` of {part} is not shorter than the training of {length}",
                "the learning rate would never reach its value",
                "shorten it, or write a part such as `10%`",
            )
    if plan.decay != "off" and plan.type != "warmup-stable-decay":
        yield (
            "LB202",
            "scheduler.decay",
            f"`scheduler.decay` does nothing with `type: {plan.type}`",
            "only `warmup-stable-decay` has a final fall of its own length; the trainers drop it in silence",
            "write `type: warmup-stable-decay`, or remove `decay`",
        )


def _preservation(config: Config, loaded: Loaded) -> Iterator[Finding]:
    keep = config.preservation
    if keep is None or keep.type != "differential":
        return
    if not config.trigger and not any(data.trigger for data in config.datasets):
        yield (
            "LB202",
            "preservation",
            "differential preservation needs a trigger word",
            "it compares the caption with the trigger to the caption with the class",
            "add `trigger:` at the top level",
        )
    if keep.class_word is None:
        yield "LB104", "preservation", "`preservation.class` is missing", "it is the word that replaces the trigger", "add `class: cat`"


def _trigger(config: Config, loaded: Loaded) -> Iterator[Finding]:
    if config.sample.without_trigger and config.sample.prompts and not config.trigger:
        yield (
            "LB202",
            "sample.without_trigger",
            "`sample.without_trigger` needs a trigger word",
            "there is nothing to leave out",
            "add `trigger:` at the top level",
        )


def _trigger_in_prompt(config: Config, loaded: Loaded) -> Iterator[Finding]:
    for index, prompt in enumerate(config.sample.prompts):
        if "[trigger]" in prompt.prompt and not config.trigger:
            yield (
                "LB204",
                f"sample.prompts[{index}]",
                "the prompt uses `[trigger]`, but no trigger word is set",
                "the placeholder is left out of the prompt",
                "add `trigger:` at the top level",
            )


def _sample_prompts(config: Config, loaded: Loaded) -> Iterator[Finding]:
    if config.sample.every != "off" and not config.sample.prompts:
        yield (
            "LB202",
            "sample.every",
            "`sample.every` is set, but there are no prompts",
            "trainers log an error at each sample step and go on",
            "add `prompts:`, or remove it",
        )


def _save_beyond(config: Config, loaded: Loaded) -> Iterator[Finding]:
    length = config.train.length
    for path, every in (("save.every", config.save.every), ("sample.every", config.sample.every)):
        if every != "off" and every.unit == length.unit and every.value > length.value:
            yield (
                "LB204",
                path,
                f"`{path}` of {every} is longer than the training of {length}",
                "it will happen at the end only",
                "shorten it, or remove it",
            )


def _keep_last(config: Config, loaded: Loaded) -> Iterator[Finding]:
    if config.save.keep_last != "unlimited" and config.save.every == "off":
        yield (
            "LB204",
            "save.keep_last",
            "`save.keep_last` has no effect without `save.every`",
            "only the last checkpoint is written",
            "add `every:`, or remove it",
        )


def _seed_zero(config: Config, loaded: Loaded) -> Iterator[Finding]:
    for reading in loaded.readings:
        if reading.path == ("train", "seed") and reading.raw == 0 and reading.raw is not None:
            yield (
                "LB203",
                "train.seed",
                "`seed: 0` is read as random",
                "musubi-tuner would take the fixed seed 0; a seed is drawn once and written into the compiled files",
                "write `seed: random`, or a seed from 1 on",
            )


def _no_effect(config: Config, loaded: Loaded) -> Iterator[Finding]:
    noise = config.noise
    sampling = noise.timestep_sampling
    if written(loaded, "noise.shift") and sampling not in ("auto", "shift", "sigma"):
        yield (
            "LB202",
            "noise.shift",
            f"`noise.shift` has no effect with `timestep_sampling: {sampling}`",
            "the trainers ignore it in silence",
            "write `timestep_sampling: shift`, or remove it",
        )
    uses_logit = sampling in ("auto", "logit-normal", "logsnr") or noise.weighting == "logit-normal"
    for key in ("logit_mean", "logit_std"):
        if written(loaded, f"noise.{key}") and not uses_logit and getattr(noise, key) != {"logit_mean": 0.0, "logit_std": 1.0}[key]:
            yield (
                "LB202",
                f"noise.{key}",
                f"`noise.{key}` has no effect with `timestep_sampling: {sampling}`",
                "it shapes `logit-normal` sampling only",
                "write `timestep_sampling: logit-normal`, or remove it",
            )


def _conv(config: Config, loaded: Loaded) -> Iterator[Finding]:
    if config.adapter.conv_alpha is not None and config.adapter.conv_rank == "off":
        yield (
            "LB202",
            "adapter.conv_alpha",
            "`adapter.conv_alpha` needs `adapter.conv_rank`",
            "no convolution gets an adapter",
            "add `conv_rank:`, or remove it",
        )


RULES: dict[Callable[[Config, Any], Iterator[Finding]], Severity] = {
    _one_source: "error",
    _ranges: "error",
    _scheduler: "error",
    _preservation: "error",
    _trigger: "error",
    _sample_prompts: "error",
    _conv: "error",
    _trigger_in_prompt: "warning",
    _no_effect: "warning",
    _save_beyond: "warning",
    _keep_last: "warning",
    _seed_zero: "hint",
}
