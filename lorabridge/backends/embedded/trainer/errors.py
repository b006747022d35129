"""Failures that a person can do something about. No torch here."""

from __future__ import annotations


class TrainerError(RuntimeError):
    """The run cannot go on; the message says why and, where there is one, what to do."""


class NotFiniteError(TrainerError):
    """A loss or a gradient is infinite or not a number."""

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step
