"""What musubi-tuner's own scripts are asked, and how their answers are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lorabridge.backends.base import Plan
from lorabridge.backends.proving import Claim, Question, alike, alike_word, options, script

DOCUMENTS = {"train": "train.toml:", "dataset": "dataset.toml:"}


def questions(plan: Plan, folder: str) -> Iterator[Question]:
    """One per stage: its script, its command line, and the files that it names."""
    for stage in plan.stages:
        name, words = script(stage.argv)
        argv = [word.replace("{files}", folder) for word in words]
        found = dict(options(tuple(argv)))
        config = str(found.get("--config_file", ""))
        ask = {
            "script": name,
            "stage": stage.name,
            "argv": argv,
            "config": config.rpartition("/")[2],
            "dataset": str(found.get("--dataset_config", "")),
            "train": bool(config),
        }
        yield Question(stage.name, ask, (stage.name, "dataset.toml", *([config.rpartition("/")[2]] if config else [])))


def same(claim: Claim, used: Any) -> bool:
    """A side stands for a square; `main()` drops the ending of `config_file`."""
    if claim.key.startswith("--"):
        return alike_word(claim.value, used) or (claim.key == "--config_file" and str(claim.value).removesuffix(".toml") == used)
    if claim.key.rpartition(".")[2] in ("resolution", "control_resolution") and isinstance(claim.value, int):
        return alike([claim.value] * 2, used)
    return alike(claim.value, used)


def sections(plan: Plan, document: str, key: str) -> tuple[str, ...]:
    """The sections of the contract that hold a key's default."""
    if document == "dataset.toml":
        return ("dataset.datasets[] (image)", "dataset.datasets[] (video)")
    return tuple(script(stage.argv)[0] for stage in plan.stages if document == "train.toml" and stage.name == "train")
