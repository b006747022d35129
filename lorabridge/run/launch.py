"""Runs the stages of a job one after the other: bytes to the log, events to the record, a verdict at the end."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorabridge.backends.base import Artifacts, Backend, Installation, Plan, Stage
from lorabridge.backends.events import Event, LogParser
from lorabridge.families.resolve import Resolved
from lorabridge.run.display import Display
from lorabridge.run.folder import RunFolder
from lorabridge.run.process import Interrupt, Patience, Process
from lorabridge.run.record import EventLog
from lorabridge.run.redact import Redactor, secrets_in
from lorabridge.run.report import write_curve, write_report
from lorabridge.run.verdict import StageEnd, Verdict, judge
from lorabridge.run.view import View

_TICK = 0.1
_PLACEHOLDER = re.compile(r"\{(python|home|files|bin)\}")
_KEPT_AT_ONCE = ("save", "state", "stage", "start", "end")


@dataclass(frozen=True)
class Job:
    """Everything that a run needs, decided. `environ` is what the stages inherit."""

    folder: RunFolder
    plan: Plan
    backend: Backend
    installation: Installation
    resolved: Resolved
    environ: Mapping[str, str]
    patience: Patience = field(default_factory=Patience)


class Recorder:
    """The one way of an event: to the log, into the view, onto the display."""

    def __init__(self, log: EventLog, view: View, display: Display) -> None:
        self._log = log
        self.view = view
        self._display = display

    def tell(self, stage: str | None, event: Mapping[str, Any]) -> None:
        """Record one event."""
        record = self._log.write(stage, event)
        if record["event"] in _KEPT_AT_ONCE:
            self._log.sync()
        self.view.feed(record)
        self._display.show(record, self.view)

    def tick(self) -> None:
        """A moment has passed without an event."""
        self.view.pass_time(round(time.time() * 1000))
        self._display.tick(self.view)


def launch(job: Job, display: Display) -> Verdict:
    """Run the job to its end, whatever the end. No process of it is left when this returns."""
    view = View()
    with Interrupt() as interrupt, EventLog(job.folder.events) as log:
        recorder = Recorder(log, view, display)
        try:
            verdict = _run(job, recorder, interrupt)
        except OSError as error:
            verdict = Verdict("failed", f"lorabridge could not go on: {error}", view.current)
        except Exception as error:
            _end(Verdict("failed", f"lorabridge itself failed: {error!r}"), recorder, display)
            raise
        _end(verdict, recorder, display)
        with contextlib.suppress(OSError):  # the verdict stands, with or without its page
            write_report(job.folder, job.plan, job.installation, job.resolved, view, artifacts_of(job), verdict)
    return verdict


def _run(job: Job, recorder: Recorder, interrupt: Interrupt) -> Verdict:
    stages = [{"name": stage.name, "title": stage.title} for stage in job.plan.stages]
    name = job.resolved.config.name
    recorder.tell(None, {"event": "start", "name": name, "backend": job.plan.backend, "total": job.plan.total_steps, "stages": stages})
    ends = _stages(job, recorder, interrupt)
    return judge(job.folder, job.plan, recorder.view, ends, artifacts_of(job), interrupt.name)


def _end(verdict: Verdict, recorder: Recorder, display: Display) -> None:
    """The last record. A disk that takes no more must not hide the verdict."""
    end = {"event": "end", "reason": verdict.reason, "code": verdict.code, "cause": verdict.cause, "step": recorder.view.step}
    try:
        with contextlib.suppress(OSError):
            recorder.tell(None, end)
    finally:
        display.close()


def draw(folder: RunFolder, view: View) -> None:
    """Draw the learning curve; a training goes on without it."""
    with contextlib.suppress(OSError):
        write_curve(folder, view)


def artifacts_of(job: Job) -> Artifacts:
    """What the trainer left, as its backend knows it."""
    return job.backend.artifacts(job.folder.output, job.resolved.config.name)


def _stages(job: Job, recorder: Recorder, interrupt: Interrupt) -> list[StageEnd]:
    ends: list[StageEnd] = []
    for stage in job.plan.stages:
        if interrupt.count:
            break
        ends.append(run_stage(job, stage, recorder, interrupt))
        draw(job.folder, recorder.view)
        if ends[-1].code != 0:
            break
    return ends


def run_stage(job: Job, stage: Stage, recorder: Recorder, interrupt: Interrupt) -> StageEnd:
    """Run one stage as a process group."""
    began = time.monotonic()
    recorder.tell(stage.name, {"event": "stage", "state": "started", "title": stage.title})
    try:
        code = _watch(job, stage, recorder, interrupt)
    except _StartError as error:
        code = None
        recorder.tell(stage.name, {"event": "error", "text": str(error)})
    recorder.tell(stage.name, {"event": "stage", "state": "ended", "code": code, "seconds": round(time.monotonic() - began, 3)})
    return StageEnd(stage.name, code)


class _StartError(Exception):
    pass


def _watch(job: Job, stage: Stage, recorder: Recorder, interrupt: Interrupt) -> int | None:
    argv, env, cwd = command(job, stage)
    with job.folder.log(stage.name).open("ab", buffering=0) as log:
        try:
            process = Process(argv, env, cwd, job.patience)
        except OSError as error:
            raise _StartError(f"`{argv[0]}` cannot be started: {error.strerror or error}") from error
        with process:
            _pump(process, Tee(log.write, job, stage, recorder), recorder, interrupt, job.patience)
        return process.code


def _pump(process: Process, tee: Tee, recorder: Recorder, interrupt: Interrupt, patience: Patience) -> None:
    heeded = 0
    failed_at: float | None = None
    while (data := process.read(_TICK)) is not None:
        if data:
            tee.feed(data)
        if interrupt.count > heeded:
            process.stop() if heeded == 0 else process.kill()
            heeded = interrupt.count
            recorder.tell(tee.stage, {"event": "warning", "text": _stopping(interrupt, heeded)})
        if failed_at is None and recorder.view.stages[tee.stage].finish == "failed":
            failed_at = time.monotonic()
        elif failed_at is not None and time.monotonic() - failed_at > patience.failed:
            recorder.tell(tee.stage, {"event": "warning", "text": "the trainer failed and did not end: ended it"})
            failed_at = float("inf")
            process.stop()
        recorder.tick()
    tee.close()


def _stopping(interrupt: Interrupt, count: int) -> str:
    return (
        f"{interrupt.name}: asked the trainer to stop; once more to kill it"
        if count == 1
        else f"{interrupt.name} again: killed the trainer"
    )


class Tee:
    """The bytes of a stage: masked, kept, and understood. A parser that fails costs events, never the run."""

    def __init__(self, keep: Callable[[bytes], object], job: Job, stage: Stage, recorder: Recorder) -> None:
        self.stage = stage.name
        self._keep = keep
        self._folder = job.folder
        self._redactor = Redactor(secrets_in({**job.environ, **stage.env}))
        self._parser: LogParser | None = job.backend.parser(stage.name)
        self._recorder = recorder

    def feed(self, data: bytes) -> None:
        """Take some bytes."""
        self._take(self._redactor.feed(data))

    def close(self) -> None:
        """The stream has ended."""
        self._take(self._redactor.close())
        self._parse(lambda parser: parser.close())

    def _take(self, shown: bytes) -> None:
        self._keep(shown)
        self._parse(lambda parser: parser.feed(shown))

    def _parse(self, call: Callable[[LogParser], list[Event]]) -> None:
        if self._parser is None:
            return
        try:
            events = call(self._parser)
        except Exception as error:  # an outside backend's parser must not end a training
            self._parser, events = None, [Event("warning", text=f"the log parser failed, progress is not shown any more: {error!r}")]
        for event in events:
            self._recorder.tell(self.stage, event.record())
            if event.event == "save":
                draw(self._folder, self._recorder.view)


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
    env = {**job.environ, "PYTHONUNBUFFERED": "1", **{name: fill(value) for name, value in stage.env.items()}}
    return argv, env, Path(fill(stage.cwd))
