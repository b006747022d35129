"""Another attempt after an out-of-memory: a run with one memory setting changed, from the last good state or from the beginning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lorabridge.backends.base import Site
from lorabridge.config.load import Loaded, load
from lorabridge.families.resolve import Resolved, resolve
from lorabridge.plan.compile import compile_config
from lorabridge.plan.write import home_variable
from lorabridge.resources import preset
from lorabridge.run.again import Earlier, Onward, Place, afresh, drop, earlier, onward, place_of
from lorabridge.run.folder import RunFolder
from lorabridge.run.job import Another, Job
from lorabridge.run.prepare import Request, prepare
from lorabridge.run.record import read_events
from lorabridge.run.retry import Edit, next_attempt
from lorabridge.run.verdict import Verdict

LIMIT = 3
"""Changes that are tried one after the other; the run that the user asked for is not counted."""


def another(job: Job, verdict: Verdict) -> Another:
    """Prepare the attempt that follows a stage without memory; the sentence tells why there is none. Never raises."""
    try:
        return _another(job, verdict.stage or "train")
    except Exception as error:  # the verdict on the run that ended stands, whatever an outside backend does here
        return Another(f"the next attempt could not be prepared: {error!r}")


def _another(job: Job, stage: str) -> Another:
    run = earlier(job.folder)
    done = _done(run)
    if len(done) >= LIMIT:
        return Another(f"{LIMIT} changes were tried, no more are made")
    loaded = _loaded(run, tuple(map(str, run.plan.get("overrides") or ())))
    resolved = resolve(loaded.config, str(run.plan["backend"])) if loaded.config is not None else None
    if not isinstance(resolved, Resolved):
        return Another("the next attempt could not be prepared: the config of the run cannot be read any more")
    before = _errors(run, loaded)
    edit = next_attempt(resolved.config, stage, lambda edit: _errors(run, _with(run, edit)) <= before, done)
    if edit is None:
        return Another("no memory setting is left that this trainer could change")
    made, whence = _from(run, edit)
    folder = _prepared(run, made, [*done, edit], job)
    if isinstance(folder, str):
        drop(made.folder)
        return Another(f"the next attempt could not be prepared: {folder}")
    return Another(
        f"out of memory: attempt {len(done) + 2} of at most {LIMIT + 1} in {folder.path.name}, {whence}, with {edit.sentence()}", folder
    )


def _done(run: Earlier) -> list[Edit]:
    """The changes that led to this run."""
    told = (run.plan.get("origin") or {}).get("edits") or ()
    return [Edit(e["path"], e["old"], e["new"], tuple(e["overrides"]), e["why"], e["same"]) for e in told]


def _file(run: Earlier) -> tuple[Path, Path]:
    """The config as it was when the run began, and the user's own file. What was edited meanwhile is for the next run."""
    source = Path(str(run.plan["source"]))
    try:
        same = source.read_bytes() == run.folder.source.read_bytes()
    except OSError:
        same = False
    return (source if same else run.folder.source), source


def _loaded(run: Earlier, overrides: Sequence[str]) -> Loaded:
    file, source = _file(run)
    loaded = load(file, overrides=overrides, presets=preset, shown=str(source))
    loaded.root = source.parent
    return loaded


def _with(run: Earlier, edit: Edit) -> Loaded:
    return _loaded(run, (*map(str, run.plan.get("overrides") or ()), *edit.overrides))


def _errors(run: Earlier, loaded: Loaded) -> set[tuple[str, str]]:
    """What forbids a config with this trainer: code and place. A run that was begun with `--unsupported warn` has some from the start."""
    found = list(loaded.diagnostics)
    if loaded.ok:
        place = run.folder
        site = Site(loaded.root.as_posix(), place.output.as_posix(), "error", 1, "", place.compiled.as_posix(), place.path.as_posix())
        found += compile_config(loaded, str(run.plan["backend"]), site).diagnostics
    return {(item.code, item.message) for item in found if item.severity == "error"}


def _from(run: Earlier, edit: Edit) -> tuple[Onward, str]:
    """The run to make and the words for where it begins."""
    place = place_of(run)
    if isinstance(place, Place):
        made = onward(run, place, None, edit.overrides)
        if isinstance(made, Onward):
            return made, f"from {place.point.path.name} (step {place.step})"
        why = made
    else:
        why = place
    return afresh(run, edit.overrides), f"from the beginning ({why})" if _trained(run) else "from the beginning"


def _trained(run: Earlier) -> bool:
    return any(record["event"] == "progress" for record in read_events(run.folder.events))


def _prepared(run: Earlier, made: Onward, edits: list[Edit], job: Job) -> RunFolder | str:
    """The folder of the attempt, or what prevents it."""
    file, source = _file(run)
    name = str(run.plan["backend"])
    origin: dict[str, Any] = {**made.origin, "edits": [{**asdict(edit), "said": edit.sentence()} for edit in edits]}
    request = Request(file, name, "warn", None, made.overrides, folder=made.folder, source=source, origin=origin, on_oom="retry")
    environ = dict(job.environ)
    if home_variable(name) in environ:  # it may be relative to the folder that the user was in
        environ[home_variable(name)] = str(job.installation.home)
    loaded = _loaded(run, made.overrides)
    wrong = [item.message for item in loaded.diagnostics if item.severity == "error"]
    if wrong:
        return wrong[0]
    folder = prepare(loaded, request, environ)
    return folder if isinstance(folder, RunFolder) else next(item.message for item in folder if item.severity == "error")
