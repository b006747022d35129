"""A job: everything that a run needs, decided, and how a stage of it becomes a command."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lorabridge.backends.base import Artifacts, Installation, Plan, Stage
from lorabridge.backends.control import DEAF, Control, Place
from lorabridge.backends.events import LogParser
from lorabridge.run.delivery import problem_of
from lorabridge.run.folder import RunFolder
from lorabridge.run.process import Patience
from lorabridge.run.verdict import Verdict
from lorabridge.run.view import View

_PLACEHOLDER = re.compile(r"\{(python|home|files|bin)\}")


class Verifier(Protocol):
    """Looks at checkpoints while the training goes on."""

    def add(self, stage: str, path: str, step: int | None) -> None: ...

    def poll(self, tell: Callable[[str | None, Mapping[str, Any]], None]) -> None: ...


class Trainer(Protocol):
    """What a run needs of a backend while it goes on."""

    def parser(self, stage: str) -> LogParser: ...

    def artifacts(self, output: Path, name: str) -> Artifacts: ...


def _no_report(view: View, verdict: Verdict) -> None:
    """No page."""


@dataclass(frozen=True)
class Another:
    """What comes after an out-of-memory: the run that is prepared, or None, and the sentence that tells of it, or why there is none."""

    text: str
    folder: RunFolder | None = None


def _nothing_else(verdict: Verdict) -> Another:
    return Another("no other attempt can be prepared")


@dataclass(frozen=True)
class Job:
    """Everything that a run needs, decided. `environ` is what the stages inherit.

    Of the `plan` the stages and the number of steps are used. `check` tells why a checkpoint is no LoRA, `report` writes the page.
    `gpus` were leased for it, `keep` are the descriptors of those leases; `pinned`: the stages name them already. `bound`: the
    stages die with this process. `verifier` looks at each checkpoint as it comes. `facts` is what the plan knows that the watchdogs ask for.
    `retries`: after an out-of-memory `again` prepares the next attempt; `changed` tells what the earlier ones changed.
    """

    folder: RunFolder
    name: str
    plan: Plan
    trainer: Trainer
    installation: Installation
    environ: Mapping[str, str]
    patience: Patience = field(default_factory=Patience)
    check: Callable[[Path], str] = problem_of
    report: Callable[[View, Verdict], None] = _no_report
    gpus: tuple[int, ...] = ()
    pinned: bool = True
    keep: Sequence[int] = ()
    bound: bool = False
    verifier: Verifier | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    retries: bool = False
    changed: tuple[str, ...] = ()
    again: Callable[[Verdict], Another] = _nothing_else

    @property
    def control(self) -> Control:
        """What the trainer can be asked."""
        found = getattr(self.trainer, "CONTROL", DEAF)
        return found if isinstance(found, Control) else DEAF

    @property
    def place(self) -> Place:
        """Where it works."""
        return Place(self.folder.output, self.name, self.folder.path)

    @property
    def artifacts(self) -> Artifacts:
        """What the trainer left so far."""
        return self.trainer.artifacts(self.folder.output, self.name)

    def trains(self, stage: Stage) -> bool:
        """Whether the stage is the one that takes the steps: the last."""
        return stage is self.plan.stages[-1]


def command(job: Job, stage: Stage) -> tuple[list[str], dict[str, str], Path]:
    """The stage's command, environment and working directory, with its placeholders filled in."""
    places = {
        "python": str(job.installation.python),
        "home": str(job.installation.home),
        "files": str(job.folder.compiled),
        "bin": str(job.installation.python.parent),
    }

    def fill(text: str, first: bool = False) -> str:
        return _PLACEHOLDER.sub(lambda match: places[match[1]] if first or match[1] != "bin" else match[0], text)

    argv = [fill(part, first=index == 0) for index, part in enumerate(stage.argv)]
    if job.control.on_port is not None:
        argv = job.control.on_port(argv, free_port())
    env = {**job.environ, "PYTHONUNBUFFERED": "1", **{name: fill(text) for name, text in stage.env.items()}}
    if job.gpus and not job.pinned:
        env["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, job.gpus))
    return argv, env, Path(fill(stage.cwd))


def free_port() -> int:
    """A TCP port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def job_of(folder: RunFolder, environ: Mapping[str, str], trainer: Trainer | None = None) -> Job:
    """The job that `prepare` wrote into a run folder. Raises OSError, ValueError or KeyError when it is not to be read."""
    import json

    from lorabridge.backends import at_module

    data = json.loads(folder.plan.read_bytes())
    stages = tuple(
        Stage(
            item["name"],
            tuple(item["argv"]),
            item["env"],
            item["cwd"],
            tuple(item["needs"]),
            tuple(item["makes"]),
            item["title"],
        )
        for item in data["stages"]
    )
    home = data["trainer"]
    return Job(
        folder,
        data["name"],
        Plan(data["backend"], stages=stages, total_steps=data["total_steps"]),
        trainer or at_module(data["module"]),
        Installation(Path(home["home"]), Path(home["python"]), home["commit"], home["dirty"]),
        environ,
        facts=data.get("facts") or {},
        retries=data.get("on_oom") == "retry",
        changed=tuple(edit["said"] for edit in (data.get("origin") or {}).get("edits") or ()),
    )
