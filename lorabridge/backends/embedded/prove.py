"""What the embedded trainer's job reader is asked, and how its answer is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lorabridge.backends.base import Plan
from lorabridge.backends.proving import Claim, Question, alike

DOCUMENTS = {"job": "job.json:"}


def questions(plan: Plan, folder: str) -> Iterator[Question]:
    """One: the job file."""
    yield Question("train", {"job": f"{folder}/job.json"}, ("job.json",))


def same(claim: Claim, used: Any) -> bool:
    """The reader converts nothing."""
    return alike(claim.value, used)


def sections(plan: Plan, document: str, key: str) -> tuple[str, ...]:
    """It has no contract: it comes with lorabridge."""
    return ()
