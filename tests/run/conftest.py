"""Fake trainers: small Python scripts that say JSON lines, write files, crash, hang or fork."""

from __future__ import annotations

import io
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lorabridge.backends import BACKENDS
from lorabridge.backends.base import Artifacts, Installation, Note, Plan, Stage
from lorabridge.config.load import load
from lorabridge.families.resolve import Resolved, resolve
from lorabridge.run.display import Plain
from lorabridge.run.folder import RunFolder, fresh
from lorabridge.run.job import Job
from lorabridge.run.launch import launch
from lorabridge.run.prepare import Request, prepare
from lorabridge.run.process import Patience
from lorabridge.run.record import read_events
from lorabridge.run.report import write_report
from lorabridge.run.start import start
from lorabridge.run.verdict import Verdict

from . import fake_backend
from .fake_backend import PRELUDE, JsonParser
from .supervised import end_all, said, until
from .tinypng import png

CONFIG = """\
lorabridge: 1
name: cat-toy
trigger: ohwx
model: {family: qwen-image, paths: {transformer: /m/t.safetensors, vae: /m/v.safetensors, text_encoder: /m/q.safetensors}}
datasets: [{images: pictures}]
train: {for: 10 steps, seed: 7}
sample: {every: 5 steps, prompts: ["[trigger] on a beach", "a beach"]}
"""

QUICK = Patience(1.0, 1.0, 0.5, 0.5)


class FakeBackend:
    """A backend whose trainer is a script."""

    NAME, TITLE, COMMIT, ROWS, HANDLED = "fake", "The fake trainer", "", (), {}

    def __init__(self, parser: Callable[[], Any] = JsonParser) -> None:
        self._parser = parser

    def parser(self, stage: str) -> Any:
        return self._parser()

    def artifacts(self, output: Path, name: str) -> Artifacts:
        return Artifacts(tuple(sorted(output.glob("*.safetensors"))), (), tuple(sorted(output.glob("*.png"))))


@dataclass
class Ran:
    """A finished run."""

    verdict: Verdict
    folder: RunFolder
    shown: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def named(self, event: str) -> list[dict[str, Any]]:
        return [item for item in self.events if item["event"] == event]


@pytest.fixture
def resolved(tmp_path: Path) -> Resolved:
    file = tmp_path / "cat.yaml"
    file.write_text(CONFIG)
    loaded = load(file)
    assert loaded.config is not None, loaded.diagnostics
    found = resolve(loaded.config)
    assert isinstance(found, Resolved)
    return found


@pytest.fixture
def make_job(tmp_path: Path, resolved: Resolved) -> Callable[..., Job]:
    """A job of one or more scripts; `total` is what the plan promises."""

    def make(
        *scripts: str,
        total: int | None = 10,
        env: dict[str, str] | None = None,
        parser: Callable[[], Any] = JsonParser,
        patience: Patience = QUICK,
    ) -> Job:
        folder = next(fresh(tmp_path / "runs", "cat-toy", 0.0))
        folder.create()
        names = ["train"] if len(scripts) == 1 else [f"cache-{n}" for n in range(1, len(scripts))] + ["train"]
        for name, script in zip(names, scripts, strict=True):
            (folder.compiled / f"{name}.py").write_text(PRELUDE + textwrap.dedent(script))
        stages = tuple(
            Stage(name, ("{python}", f"{{files}}/{name}.py"), {"FAKE_OUT": str(folder.output)}, title=f"the {name}") for name in names
        )
        note = Note("rewritten", "train.for", "10 steps", "train:max_train_steps", "10", "counted <in> steps")
        plan = Plan("fake", (), stages, (note, Note("exact", "optimizer.lr", "1e-4", "train:learning_rate", "0.0001")), (), total)
        place = Installation(tmp_path, Path(sys.executable), "0123456789abcdef", True)
        environ = {"PATH": os.environ["PATH"], **(env or {})}
        trainer = FakeBackend(parser)

        def report(view: Any, verdict: Verdict) -> None:
            write_report(folder, plan, place, resolved, view, trainer.artifacts(folder.output, "cat-toy"), verdict)

        return Job(folder, "cat-toy", plan, trainer, place, environ, patience, report=report)

    return make


@pytest.fixture
def run(make_job: Callable[..., Job]) -> Callable[..., Ran]:
    """Run scripts to the end."""

    def go(*scripts: str, **options: Any) -> Ran:
        job, screen = make_job(*scripts, **options), io.StringIO()
        verdict = launch(job, Plain(screen))
        return Ran(verdict, job.folder, screen.getvalue(), list(read_events(job.folder.events)))

    return go


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RunFolder]]:
    """Prepare and start a run of a script under a supervisor."""
    monkeypatch.setitem(BACKENDS, "musubi", "tests.run.fake_backend")
    monkeypatch.setenv("LORABRIDGE_STATE_HOME", str(tmp_path / "home"))
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(png((1, 2, 3)))
    (tmp_path / "m").mkdir()
    for name in "tvq":
        (tmp_path / "m" / f"{name}.safetensors").write_bytes(b"x")
    (tmp_path / "pictures" / "a.txt").write_text("ohwx")
    (tmp_path / "cat.yaml").write_text(fake_backend.CONFIG.replace("SEED", "7"))
    runs: list[RunFolder] = []

    def go(*scripts: str, steps: bool = True) -> RunFolder:
        *caches, script = scripts
        monkeypatch.setattr(fake_backend, "SETTINGS", fake_backend.SETTINGS | {"script": script, "caches": tuple(caches)})
        folder = prepare(load(tmp_path / "cat.yaml"), Request(tmp_path / "cat.yaml", "musubi"), os.environ)
        assert isinstance(folder, RunFolder), folder
        runs.append(folder)
        start(folder)
        if steps:
            until(lambda: said(folder, "progress"), "the first step")
        return folder

    yield go
    for run in runs:
        end_all(run)
