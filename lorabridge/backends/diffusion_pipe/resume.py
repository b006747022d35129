"""diffusion-pipe resumes inside a run folder, from the state that the file `latest` in it names (train.py:539-560, 868-890)."""

from __future__ import annotations

from pathlib import Path

from lorabridge.backends.diffusion_pipe.layout import artifacts
from lorabridge.backends.resume import Point, Resume, broken_archive, link, said


def _points(output: Path, name: str) -> tuple[Point, ...]:
    found = []
    for path in artifacts(output, name).states:
        step = int(path.name.removeprefix("global_step"))
        found.append(Point(path, step, tuple(sorted((path.parent / f"step{step}").glob("*.safetensors")))))
    return tuple(found)


def _problem(point: Point) -> str:
    files = sorted(point.path.glob("*.pt"))
    if not any(path.name.startswith("mp_rank_") for path in files):
        return "it holds no `mp_rank_00_model_states.pt`"
    return next((problem for problem in map(broken_archive, files) if problem), "")


def _carry(point: Point, output: Path, name: str) -> tuple[str, ...]:
    """The state in a folder of the new run, so that the old one is not written to."""
    folder = output / name / point.path.parent.name
    link(point.path, folder / point.path.name)
    (folder / "latest").write_text(point.path.name, encoding="utf-8")
    return (said("train.resume_from", folder.as_posix()),)


RESUME = Resume(
    {
        "weights": "",
        "optimizer": "",
        "step counter": "",
        "schedule": "comes back with its old length: what is added later trains at its last rate",
        "data order": "goes on; a state taken at the end of an epoch repeats one step",
    },
    True,
    _points,
    _problem,
    _carry,
)
