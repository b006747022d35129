"""`lint`: the trainer's own files as they are. What belongs together is found by the names that the files give each other."""

from __future__ import annotations

from collections.abc import Sequence

from lorabridge.backends.diffusion_pipe.lint_adapter import check_adapter, check_monitoring
from lorabridge.backends.diffusion_pipe.lint_dataset import check_dataset
from lorabridge.backends.diffusion_pipe.lint_job import Job, Start, base
from lorabridge.backends.diffusion_pipe.lint_launch import check_launches
from lorabridge.backends.diffusion_pipe.lint_main import check_main
from lorabridge.backends.diffusion_pipe.lint_model import check_model
from lorabridge.backends.diffusion_pipe.lint_optimizer import check_optimizer
from lorabridge.backends.native import Findings, NativeFile
from lorabridge.backends.native.detect import pick
from lorabridge.diagnostics import Diagnostic


def lint(files: Sequence[NativeFile], *, paths: bool = False) -> list[Diagnostic]:
    """The findings about files of this trainer. `paths` also looks at the disk."""
    found = Findings()
    readable = [file for file in files if file.kind == "shell" or file.data or not file.diagnostics]
    starts = [start for file in pick(readable, "launch") for start in check_launches(found, file)]
    mains, datasets = pick(readable, "main"), pick(readable, "dataset")
    jobs = [Job(found, main, _start(main, mains, starts), paths) for main in mains]
    for job in jobs:
        check_main(job)
        check_model(job)
        check_adapter(job)
        check_optimizer(job)
        check_monitoring(job)
    for file in datasets:
        for job in _users(file, jobs) or [_nobody(found, jobs, datasets, starts, paths)]:
            check_dataset(job, file)
    if paths:
        from lorabridge.backends.diffusion_pipe.lint_disk import check_disk

        for job in jobs or [Job(found, None, starts[0] if starts else None, paths)]:
            check_disk(job, datasets, readable)
    return found.items


def _start(main: NativeFile, mains: Sequence[NativeFile], starts: Sequence[Start]) -> Start | None:
    """The launch that names a main file; with one of each, they belong together."""
    named = [start for start in starts if start.config and base(start.config) == base(main.name)]
    if named:
        return named[0]
    return starts[0] if len(mains) == 1 and len(starts) == 1 else None


def _users(file: NativeFile, jobs: Sequence[Job]) -> list[Job]:
    """The runs that read a dataset file."""
    return [job for job in jobs if base(file.name) in dataset_names(job)]


def dataset_names(job: Job) -> list[str]:
    """The names of the dataset files that a main file reads."""
    evals = job.data.get("eval_datasets")
    named = [
        job.data.get("dataset"),
        *(entry.get("config") for entry in (evals if isinstance(evals, list) else []) if isinstance(entry, dict)),
    ]
    return [base(name) for name in named if isinstance(name, str)]


def _nobody(found: Findings, jobs: Sequence[Job], datasets: Sequence[NativeFile], starts: Sequence[Start], paths: bool) -> Job:
    """What is known of the run where no main file names the dataset: the only main file is taken for it."""
    if len(jobs) == 1 and len(datasets) == 1:
        return jobs[0]
    return Job(found, None, starts[0] if len(starts) == 1 else None, paths)
