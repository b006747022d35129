"""Going on with a run that ended: from which place, what comes back, what remains, and what has changed meanwhile."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from lorabridge.backends import at_module
from lorabridge.backends.base import Backend
from lorabridge.backends.resume import Point, Resume, said
from lorabridge.config.load import Loaded, load
from lorabridge.run.folder import RunFolder, fresh
from lorabridge.run.index import plan_of
from lorabridge.run.record import read_events

_OTHER_BYTES = "LB626"
"""The same config compiles to other files: that is a newer lorabridge, and a resumed run is compiled anew in any case."""


@dataclass(frozen=True)
class Place:
    """Where to go on: the point, its step counted from the very beginning, and what was passed over, with the reason."""

    point: Point
    step: int
    passed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Earlier:
    """A run that ended, as far as going on with it is concerned. `offset` is the step that its own counter began at."""

    folder: RunFolder
    plan: Mapping[str, Any]
    backend: Backend
    offset: int

    @property
    def resume(self) -> Resume | None:
        """How its trainer resumes; None where nobody said."""
        found = getattr(self.backend, "RESUME", None)
        return found if isinstance(found, Resume) else None

    @property
    def total(self) -> int | None:
        """Planned steps from the very beginning."""
        steps = self.plan.get("total_steps")
        return None if steps is None else int(steps) + self.offset


def earlier(folder: RunFolder) -> Earlier:
    """Read an ended run. Raises ValueError when its record cannot be read."""
    plan = plan_of(folder)
    try:
        backend = at_module(str(plan["module"]))
    except (KeyError, ImportError, AttributeError) as error:
        raise ValueError(f"the plan of {folder.path.name} cannot be read: {error!r}") from error
    origin = plan.get("origin") or {}
    return Earlier(folder, plan, backend, int(origin.get("offset") or 0))


def as_told(folder: RunFolder, plan: Mapping[str, Any]) -> tuple[Loaded, tuple[str, ...]]:
    """The config of a run as it was told, from the user's file where it is unchanged, and the overrides that went with it."""
    overrides = tuple(map(str, plan.get("overrides") or ()))
    source = Path(str(plan.get("source", "")))
    with contextlib.suppress(OSError):
        if source.read_bytes() == folder.source.read_bytes():
            return load(source, overrides=overrides), overrides
    loaded = load(folder.source, overrides=overrides, shown=str(source))
    loaded.root = source.parent
    return loaded, overrides


def drift(run: Earlier, environ: Mapping[str, str]) -> list[str]:
    """What the lock of a run tells of weights, data and trainer that are not as they were; nothing where it has no lock."""
    if not run.folder.held.is_file():
        return []
    from lorabridge.plan.lock.check import held_against

    loaded, _ = as_told(run.folder, run.plan)
    checked = held_against(run.folder.held, loaded, str(run.plan["backend"]), environ)
    return [item.message for item in checked.diagnostics if item.severity == "error" and item.code != _OTHER_BYTES]


def changed(run: Earlier, environ: Mapping[str, str]) -> list[str]:
    """What is not as it was when the run began, one sentence each."""
    found = []
    source = Path(str(run.plan.get("source", "")))
    try:
        if source.read_bytes() != run.folder.source.read_bytes():
            found.append(f"`{source}` was changed since the run began")
    except OSError as error:
        found.append(f"`{source}` cannot be read any more: {error.strerror}")
    now, then = run.backend.locate(environ), run.plan.get("trainer") or {}
    if now is not None and now.commit != then.get("commit"):
        found.append(f"the trainer is at commit {now.commit[:12] or 'unknown'} now, and was at {str(then.get('commit'))[:12] or 'unknown'}")
    return found or drift(run, environ)


def place_of(run: Earlier, at: int | None = None) -> Place | str:
    """The newest place that is whole, or the one at step `at`; a sentence when there is none."""
    resume = run.resume
    if resume is None:
        return f"lorabridge does not know how {run.backend.TITLE} resumes"
    points = _counted(run, resume.points(run.folder.output, str(run.plan["name"])))
    if at is not None:
        points = [item for item in points if item[1] == at]
    return _newest(points, resume.problem, "state" if at is None else f"state at step {at}")


def weights_of(run: Earlier, at: int | None, problem: Callable[[Path], str]) -> Place | str:
    """The newest LoRA that is whole, or the one at step `at`, to begin a new run from."""
    made = run.backend.artifacts(run.folder.output, str(run.plan["name"]))
    points = _counted(run, tuple(Point(path, None, (path,)) for path in made.checkpoints))
    if at is not None:
        points = [item for item in points if item[1] == at]
    return _newest(points, lambda point: problem(point.path), "checkpoint" if at is None else f"checkpoint at step {at}")


def _newest(points: list[tuple[Point, int]], problem: Callable[[Point], str], what: str) -> Place | str:
    passed: list[str] = []
    for point, step in reversed(points):
        why = problem(point)
        if not why:
            return Place(point, step, tuple(passed))
        passed.append(f"{point.path.name}: {why}")
    return f"it has no {what} to go on from" + (f" ({'; '.join(passed)})" if passed else "; `save: {every: …, state: true}` writes some")


def _counted(run: Earlier, points: tuple[Point, ...]) -> list[tuple[Point, int]]:
    """Points with their steps from the very beginning; what the trainer does not tell the event log does."""
    told = _steps_of(run.folder)
    found = []
    for point in points:
        step = point.step if point.step is not None else told.get(point.path.name, told.get(point.path.parent.name))
        if step is not None:
            found.append((point, step + run.offset))
    return found


def _steps_of(folder: RunFolder) -> dict[str, int]:
    """File name to the step at which the run wrote it."""
    found: dict[str, int] = {}
    step = 0
    with contextlib.suppress(OSError):
        for record in read_events(folder.events):
            if record["event"] == "progress":
                step = record.get("step", step)
            elif record["event"] in ("save", "state") and record.get("path"):
                found[Path(str(record["path"])).name] = record.get("step", step)
    return found


@dataclass(frozen=True)
class Onward:
    """A new run that goes on: its folder, the overrides of the config, its place in the record, and the steps it will take."""

    folder: RunFolder
    overrides: tuple[str, ...]
    origin: Mapping[str, Any]
    remaining: int | None


def onward(run: Earlier, place: Place, to: str | None, overrides: tuple[str, ...] = ()) -> Onward | str:
    """Make the folder of the run that goes on from `place` up to `to` (`3000 steps`, or None for the planned end).

    A sentence when nothing remains to be done. Raises OSError when the folder cannot be written.
    """
    resume = run.resume
    assert resume is not None
    end, unit = _end(run, to)
    remaining = end - place.step if end is not None and unit == "steps" else None
    if remaining is not None and remaining <= 0:
        return f"nothing remains: it is at step {place.step} of {end}; `--to {place.step + 1000} steps` goes further"
    if not resume.counts_on and remaining is None:
        return f"{run.backend.TITLE} counts anew after a resume, so the end must be said in steps: `--to 3000 steps`"
    folder = _folder(run)
    length = (f"{end} {unit}" if to else None) if resume.counts_on else f"{remaining} steps"
    told = (
        *_kept(run),
        *overrides,
        *((said("train.for", length),) if length else ()),
        *resume.carry(place.point, folder.output, str(run.plan["name"])),
    )
    origin = {
        "kind": "resume",
        "run": str(run.folder.path),
        "from": str(place.point.path),
        "step": place.step,
        "offset": 0 if resume.counts_on else place.step,
        "restores": dict(resume.parts),
    }
    return Onward(folder, told, origin, remaining)


def branch(run: Earlier, place: Place, overrides: tuple[str, ...]) -> Onward:
    """Make the folder of a new run that begins with the weights at `place`. Raises OSError when it cannot be written."""
    told = (*_kept(run), said("adapter.init_from", place.point.path.as_posix()), said("train.resume_from", None), *overrides)
    origin = {"kind": "fork", "run": str(run.folder.path), "from": str(place.point.path), "step": place.step, "offset": 0}
    return Onward(_folder(run), told, origin, None)


def afresh(run: Earlier, overrides: tuple[str, ...]) -> Onward:
    """Make the folder of a run that begins where `run` began. Raises OSError when it cannot be written."""
    before = run.plan.get("origin") or {}
    origin = {
        "kind": "retry",
        "run": str(run.folder.path),
        "from": before.get("from", ""),
        "step": before.get("step", 0),
        "offset": run.offset,
    }
    return Onward(_folder(run), (*_kept(run), *overrides), origin, None)


def _kept(run: Earlier) -> tuple[str, ...]:
    """What the earlier run was told beside its file: overrides, and the seed that was drawn."""
    seed = run.plan.get("seed")
    return (*map(str, run.plan.get("overrides") or ()), *((said("train.seed", seed),) if seed else ()))


def _end(run: Earlier, to: str | None) -> tuple[int | None, str]:
    if to is None:
        return run.total, "steps"
    number, _, unit = to.strip().partition(" ")
    return int(number), unit.strip() or "steps"


def _folder(run: Earlier) -> RunFolder:
    for folder in islice(fresh(run.folder.path.parent, str(run.plan["name"]), time.time()), 100):
        with contextlib.suppress(FileExistsError):
            folder.create()
            return folder
    raise FileExistsError("a hundred runs began in this second")


def drop(folder: RunFolder) -> None:
    """Take away the folder of a run that cannot begin."""
    shutil.rmtree(folder.path, ignore_errors=True)
