"""Runs the stages of a job one after the other: bytes to the log, events to the record, a verdict at the end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lorabridge.backends.base import Stage
from lorabridge.backends.events import Event, LogParser
from lorabridge.run.desk import Desk
from lorabridge.run.display import Display
from lorabridge.run.folder import RunFolder
from lorabridge.run.guard import Guard
from lorabridge.run.job import Job, command
from lorabridge.run.process import Interrupt, Process
from lorabridge.run.record import EventLog, Record
from lorabridge.run.redact import Redactor, secrets_in
from lorabridge.run.report import write_curve
from lorabridge.run.state import Keeper
from lorabridge.run.verdict import StageEnd, Verdict, judge
from lorabridge.run.view import View

_TICK = 0.1
_KEPT_AT_ONCE = ("save", "state", "stage", "start", "supervisor", "control", "alarm", "verified", "retry", "end")


class Recorder:
    """The one way of an event: to the log, into the view, onto the display.

    On a full disk progress is lost and counted, never the training; what must be kept uses the reserve of the run folder, and
    raises OSError when that is not enough.
    """

    def __init__(self, folder: RunFolder, log: EventLog, view: View, display: Display) -> None:
        self._folder = folder
        self._log = log
        self.view = view
        self._display = display
        self._lost = 0

    def tell(self, stage: str | None, event: Mapping[str, Any]) -> None:
        """Record one event."""
        kept = event["event"] in _KEPT_AT_ONCE
        record = self._write(stage, event, kept)
        if kept:
            self._log.sync()
        self.view.feed(record)
        self._display.show(record, self.view)

    def _write(self, stage: str | None, event: Mapping[str, Any], kept: bool) -> Record:
        try:
            self._own_up()
            return self._log.write(stage, event)
        except OSError:
            if not kept:
                self._lost += 1
                return {"seq": 0, "time": round(time.time() * 1000), "stage": stage, **event}
            self._folder.spend_reserve()
            return self._log.write(stage, event)

    def _own_up(self) -> None:
        """Tell what a full disk cost, as soon as there is room for it, and before anything else: an end is the last record."""
        if self._lost:
            self._log.write(None, {"event": "warning", "text": f"{self._lost} events could not be recorded: the disk took nothing"})
            self._lost = 0

    def tick(self) -> None:
        """A moment has passed without an event."""
        self.view.pass_time(round(time.time() * 1000))
        self._display.tick(self.view)


class Run:
    """What the parts of one run share while it goes on."""

    def __init__(self, job: Job, recorder: Recorder, keeper: Keeper, interrupt: Interrupt) -> None:
        self.job, self.recorder, self.keeper, self.interrupt = job, recorder, keeper, interrupt
        self.desk = Desk(job.folder, job.control, job.place, recorder.tell, job.patience, keeper.held)
        self.guard = Guard(job, recorder.tell, self.desk)
        self._heeded = 0

    def heed(self) -> None:
        """Take requests and signals."""
        while self.interrupt.count > self._heeded:
            self._heeded += 1
            self.desk.ask("stop", self.interrupt.name)
        self.desk.look()


def launch(job: Job, display: Display) -> Verdict:
    """Run the job to its end, whatever the end. No process of it is left when this returns."""
    view = View()
    keeper = Keeper(job.folder, job.gpus)
    with Interrupt() as interrupt, EventLog(job.folder.events) as log:
        run = Run(job, Recorder(job.folder, log, view, display), keeper, interrupt)
        try:
            verdict = _run(run)
        except OSError as error:
            verdict = Verdict("failed", f"lorabridge could not go on: {error}", view.current)
        except Exception as error:
            _end(Verdict("failed", f"lorabridge itself failed: {error!r}"), run, display)
            raise
        _end(verdict, run, display)
        with contextlib.suppress(OSError):  # the verdict stands, with or without its page
            job.report(view, verdict)
    return verdict


def _run(run: Run) -> Verdict:
    job, view = run.job, run.recorder.view
    stages = [{"name": stage.name, "title": stage.title} for stage in job.plan.stages]
    start = {"event": "start", "name": job.name, "backend": job.plan.backend, "total": job.plan.total_steps, "stages": stages}
    run.recorder.tell(None, start | ({"gpus": list(job.gpus)} if job.gpus else {}))
    run.keeper.running()
    if job.changed:
        run.recorder.tell(None, {"event": "retry", "text": f"attempt {len(job.changed) + 1}, with {'; '.join(job.changed)}"})
    ends = _stages(run)
    verdict = judge(job.folder, job.plan, view, ends, job.artifacts, run.desk.stopping, job.check, run.guard.verdict)
    asked = run.desk.stopping and run.guard.verdict is None
    return _again(run, verdict) if verdict.reason == "out of memory" and run.guard.retry and not asked else verdict


def _again(run: Run, verdict: Verdict) -> Verdict:
    """Have the next attempt prepared, and tell of it; without one the verdict lists what was tried."""
    another = run.job.again(verdict)
    run.recorder.tell(None, {"event": "retry", "text": another.text} | ({"run": str(another.folder.path)} if another.folder else {}))
    if another.folder is not None:
        return verdict
    tried = f"; tried {'; '.join(run.job.changed)}" if run.job.changed else ""
    return replace(verdict, cause=f"{verdict.cause}; {another.text}{tried}")


def _end(verdict: Verdict, run: Run, display: Display) -> None:
    """The last record. A disk that takes no more must not hide the verdict."""
    step = run.recorder.view.step
    run.job.folder.spend_reserve()
    try:
        with contextlib.suppress(OSError):
            run.recorder.tell(None, {"event": "end", "reason": verdict.reason, "code": verdict.code, "cause": verdict.cause, "step": step})
        with contextlib.suppress(OSError):
            run.keeper.ended(verdict.reason, verdict.code, verdict.cause, step)
    finally:
        display.close()


def draw(folder: RunFolder, view: View) -> None:
    """Draw the learning curve; a training goes on without it."""
    with contextlib.suppress(OSError):
        write_curve(folder, view)


def _stages(run: Run) -> list[StageEnd]:
    ends: list[StageEnd] = []
    for stage in run.job.plan.stages:
        run.heed()
        if run.desk.stopping:
            break
        ends.append(run_stage(run, stage))
        draw(run.job.folder, run.recorder.view)
        if ends[-1].code != 0:
            break
    return ends


def run_stage(run: Run, stage: Stage) -> StageEnd:
    """Run one stage as a process group."""
    began, tell = time.monotonic(), run.recorder.tell
    tell(stage.name, {"event": "stage", "state": "started", "title": stage.title})
    run.guard.started(stage)
    try:
        code = _watch(run, stage)
    except _StartError as error:
        code = None
        tell(stage.name, {"event": "error", "text": str(error)})
    run.guard.ended(stage, code)
    tell(stage.name, {"event": "stage", "state": "ended", "code": code, "seconds": round(time.monotonic() - began, 3)})
    return StageEnd(stage.name, code)


class _StartError(Exception):
    pass


def _watch(run: Run, stage: Stage) -> int | None:
    job = run.job
    argv, env, cwd = command(job, stage)
    with job.folder.log(stage.name).open("ab", buffering=0) as log:
        try:
            if job.trains(stage):
                env.update(job.control.begin(job.place))
            process = Process(argv, env, cwd, job.patience, bound=job.bound, keep=job.keep)
        except OSError as error:
            raise _StartError(f"`{argv[0]}` cannot be started: {error.strerror or error}") from error
        with process:
            run.keeper.trains(process.pid, stage.name, process.mark)
            run.desk.enter(process, stage.name, job.trains(stage))
            try:
                _pump(run, process, Tee(log.write, run, stage))
            finally:
                run.desk.leave()
        return process.code


def _pump(run: Run, process: Process, tee: Tee) -> None:
    view, patience = run.recorder.view, run.job.patience
    failed_at: float | None = None
    while (data := process.read(_TICK)) is not None:
        if data:
            tee.feed(data)
            run.guard.alive()
        run.heed()
        run.guard.tick()
        if run.job.verifier is not None:
            run.job.verifier.poll(run.recorder.tell)
        if failed_at is None and view.stages[tee.stage].finish == "failed":
            failed_at = time.monotonic()
        elif failed_at is not None and time.monotonic() - failed_at > patience.failed and not run.desk.held:
            run.recorder.tell(tee.stage, {"event": "warning", "text": "the trainer failed and did not end: ended it"})
            failed_at = float("inf")
            process.stop()
        run.recorder.tick()
    tee.close()


class Tee:
    """The bytes of a stage: masked, kept, and understood. A parser that fails costs events, never the run."""

    def __init__(self, keep: Callable[[bytes], object], run: Run, stage: Stage) -> None:
        self.stage = stage.name
        self._keep = keep
        self._run = run
        self._lost = 0
        self._redactor = Redactor(secrets_in({**run.job.environ, **stage.env}))
        self._parser: LogParser | None = run.job.trainer.parser(stage.name)

    def feed(self, data: bytes) -> None:
        """Take some bytes."""
        self._take(self._redactor.feed(data))

    def close(self) -> None:
        """The stream has ended."""
        self._take(self._redactor.close())
        self._parse(lambda parser: parser.close())

    def _take(self, shown: bytes) -> None:
        self._write(shown)
        self._parse(lambda parser: parser.feed(shown))

    def _write(self, shown: bytes) -> None:
        """A disk that is full for a while costs bytes of the raw log, and says so in it; the training goes on."""
        try:
            if self._lost and shown:
                self._keep(b"\n[lorabridge: %d bytes are missing here, the disk took nothing]\n" % self._lost)
                self._lost = 0
            self._keep(shown)
        except OSError:
            self._lost += len(shown)

    def _parse(self, call: Callable[[LogParser], list[Event]]) -> None:
        if self._parser is None:
            return
        try:
            events = call(self._parser)
        except Exception as error:  # an outside backend's parser must not end a training
            self._parser, events = None, [Event("warning", text=f"the log parser failed, progress is not shown any more: {error!r}")]
        for event in events:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        run = self._run
        run.recorder.tell(self.stage, event.record())
        run.desk.hear(event.event)
        run.guard.hear(event)
        if event.event == "save":
            draw(run.job.folder, run.recorder.view)
            if run.job.verifier is not None and event.path:
                run.job.verifier.add(self.stage, event.path, event.step)
