"""What ai-toolkit's own job and configuration classes are asked, and how their answers are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lorabridge.backends.base import Plan
from lorabridge.backends.proving import Claim, Question, alike

DOCUMENTS = {"process": "job.yaml:config.process.0.", "job": "job.yaml:", "config": "job.yaml:config."}


def questions(plan: Plan, folder: str) -> Iterator[Question]:
    """One: the job file."""
    name = next((file.path for file in plan.files if file.path.endswith((".yaml", ".yml", ".json"))), "")
    if name:
        yield Question("train", {"job": f"{folder}/{name}"}, (name,))


def same(claim: Claim, used: Any) -> bool:
    """Attributes hold what was written; the tag of an architecture is for its screens (config_modules.py:765), and a 1.0-Flex is a FLUX."""
    if claim.key.startswith("meta.") and isinstance(claim.value, str) and "[name]" in claim.value:  # its reader puts the job's name there
        return isinstance(used, str) and re.fullmatch(".+".join(map(re.escape, claim.value.split("[name]"))), used) is not None
    if claim.key.endswith(".model.arch"):
        plain = str(claim.value).partition(":")[0]
        return bool(used == ("flux" if plain == "flex1" else plain))
    return alike(claim.value, used)


def sections(plan: Plan, document: str, key: str) -> tuple[str, ...]:
    """The sections of the contract that hold a key's default."""
    inner = key.rsplit(".process.0.", maxsplit=1)[-1].rpartition(".")[0]
    return (inner or "process", f"{inner.split('.')[0]}[]") if inner.startswith("datasets") else (inner or "process",)
