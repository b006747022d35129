"""The way back: training TOML, dataset TOML, prompt file and commands to intent.

An option that a file leaves out has the trainer's default, not lorabridge's: those are filled in first (`EFFECTIVE`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lorabridge.backends.base import Lifted
from lorabridge.diagnostics import Diagnostic

EFFECTIVE: dict[str, Any] = {
    "network_dim": 4,
    "network_alpha": 1.0,
    "learning_rate": 2e-6,
    "max_grad_norm": 1.0,
    "lr_scheduler": "constant",
    "discrete_flow_shift": 1.0,
    "sigmoid_scale": 1.0,
    "weighting_scheme": "none",
    "gradient_accumulation_steps": 1,
    "gradient_checkpointing": False,
    "save_precision": "fp32",
    "timestep_sampling": "sigma",
}


@dataclass
class Lifting:
    """The state of one decompile: what is still to be read, and what was found."""

    train: dict[str, Any] = field(default_factory=dict)
    tables: list[dict[str, Any]] = field(default_factory=list)
    prompts: list[dict[str, Any]] = field(default_factory=list)
    launch: dict[str, Any] = field(default_factory=dict)
    commands: dict[str, dict[str, Any]] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    native: dict[str, Any] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    filled: frozenset[str] = frozenset()
    dit: Any = None

    def take(self, key: str) -> Any:
        """Read a training option once; None when it is not there."""
        return self.train.pop(key, None)

    def say(self, path: str, value: Any, at: str = "") -> None:
        """Set a field of the language; None says nothing."""
        if value is None:
            return
        here = self.data
        *parents, last = path.split(".")
        for part in parents:
            here = here.setdefault(part, {})
        here[last] = value
        self.origins[path] = at

    def move(self, path: str, key: str) -> None:
        """One option, one field, one value."""
        if key in self.train:
            self.say(path, self.take(key), f"train:{key}")

    def problem(self, code: str, message: str, why: str = "", fix: str = "", severity: Any = "warning") -> None:
        """A finding about the files that were read."""
        self.diagnostics.append(Diagnostic(code, message, None, severity, why, fix))

    @property
    def processes(self) -> int:
        """Copies of the model that train together."""
        return int(self.launch.get("num_processes") or 1)


def lift(sources: Mapping[str, str]) -> Lifted:
    """Read native files back. What the language cannot say stays in `native`."""
    from lorabridge.backends.musubi.lift_fields import fields
    from lorabridge.backends.musubi.lift_files import read

    work = Lifting()
    read(work, sources)
    if not work.train:
        work.problem(
            "LB104",
            "there is no training file among these",
            "the intent cannot be read without it",
            "add the file that `--config_file` names",
            "error",
        )
        return Lifted({}, {}, {}, tuple(work.diagnostics))
    work.filled = frozenset(EFFECTIVE.keys() - work.train.keys())
    for key, value in EFFECTIVE.items():
        work.train.setdefault(key, value)
    work.dit = work.train.get("dit")
    fields(work)
    return Lifted(work.data, work.origins, work.native, tuple(work.diagnostics))
