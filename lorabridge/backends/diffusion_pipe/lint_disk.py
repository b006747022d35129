"""`--paths`: what the files name, looked for on this machine. Read-only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lorabridge.backends.diffusion_pipe.lint_counts import check_counts
from lorabridge.backends.diffusion_pipe.lint_folder import Place, check_folder
from lorabridge.backends.diffusion_pipe.lint_job import Job, base, report
from lorabridge.backends.diffusion_pipe.lint_tables import PATHS, model_keys
from lorabridge.backends.native import NativeFile
from lorabridge.config.paths import KeyPath
from lorabridge.diagnostics import Severity

_LOCAL = ("/", ".", "~")


def check_disk(job: Job, datasets: Sequence[NativeFile], files: Sequence[NativeFile]) -> None:
    """The files of one run, its folders, and whether its batches can be filled."""
    if job.main is not None:
        _model(job)
        _adapter(job)
        _resume(job)
    for path, held_out in _named(job):
        file = _dataset(job, path, datasets, files)
        if file is not None:
            _folders(job, file, held_out)
    if job.main is None or ("dataset" not in job.data and len(datasets) == 1):
        for file in datasets:
            _folders(job, file, False)


def _named(job: Job) -> list[tuple[KeyPath, bool]]:
    """The dataset files that the main file names, and whether each is for evaluation."""
    found: list[tuple[KeyPath, bool]] = []
    if isinstance(job.data.get("dataset"), str):
        found.append((("dataset",), False))
    evals = job.data.get("eval_datasets")
    for index, entry in enumerate(evals if isinstance(evals, list) else []):
        if isinstance(entry, dict) and isinstance(entry.get("config"), str):
            found.append((("eval_datasets", index, "config"), True))
    return found


def _dataset(job: Job, path: KeyPath, datasets: Sequence[NativeFile], files: Sequence[NativeFile]) -> NativeFile | None:
    """The dataset file: one of those given, or one from the disk, which is then checked too."""
    assert job.main is not None
    name = str(job.main.get(path))
    given = next((file for file in datasets if base(file.name) == base(name)), None)
    if given is not None:
        if Path(name).is_absolute() and not _where(job.main, name)[0].exists() and not Path(given.name).is_file():
            return given
        return given
    where, sure = _where(job.main, name)
    if any(base(file.name) == base(name) for file in files):
        return None
    if not where.is_file():
        why = "FileNotFoundError after the model's text encoder and VAE are opened, before caching"
        report(job.found, job.main, "LB322", path, f"`{name}` does not exist", why, "mend the path", "error" if sure else "warning")
        return None
    from lorabridge.backends.diffusion_pipe.lint_dataset import check_dataset
    from lorabridge.backends.native import read_path

    file = read_path(where, name)
    for item in file.diagnostics:
        job.found.items.append(item)
    if not file.data:
        return None
    file.trainer, file.role = job.main.trainer, "dataset"
    check_dataset(job, file)
    return file


def _where(file: NativeFile, name: str) -> tuple[Path, bool]:
    """Where a path leads, and whether that is sure: relative ones start at the trainer's folder, which is not known here."""
    path = Path(name)
    if path.is_absolute():
        return path, True
    beside = Path(file.name).parent / path
    return (path if path.exists() or not beside.exists() else beside), False


def _model(job: Job) -> None:
    table, arch = job.table("model"), job.arch
    if arch is None or job.main is None:
        return
    named: list[tuple[KeyPath, Any]] = [(("model", key), table.get(key)) for key in PATHS if key in model_keys(job.type)]
    if arch.comfy:
        named += [(("model", "merge_adapters", index), item) for index, item in enumerate(_list(table.get("merge_adapters")))]
        for index, entry in enumerate(_list(table.get("text_encoders"))):
            for key in ("path", "paths"):
                value = entry.get(key) if isinstance(entry, dict) else None
                here: KeyPath = ("model", "text_encoders", index, key)
                named += [((*here, place), item) for place, item in enumerate(value)] if isinstance(value, list) else [(here, value)]
    for path, value in named:
        if isinstance(value, str) and value and not _hub(str(path[-1]), value):
            _file(job, path, value, arch.comfy)


def _hub(key: str, value: str) -> bool:
    """Whether a value is the name of a repository, which is downloaded."""
    return key in ("diffusers_path", "llama3_path") and not value.startswith(_LOCAL) and value.count("/") == 1


def _file(job: Job, path: KeyPath, value: str, lazy: bool) -> None:
    assert job.main is not None
    where, sure = _where(job.main, value)
    if value.startswith("~") or where.exists():
        return
    why = "it fails when the model is made or loaded"
    if lazy and path[1] in ("vae", "text_encoders", "audio_vae", "text_encoder"):
        why = "the file is opened while the data are cached: the traceback is printed, and the run waits for ever"
    elif lazy:
        why = "the file is opened after caching, which may take hours"
    report(job.found, job.main, "LB322", path, f"`{value}` does not exist", why, "mend the path", "error" if sure else "warning")


def _adapter(job: Job) -> None:
    value, path = job.table("adapter").get("init_from_existing"), ("adapter", "init_from_existing")
    if not isinstance(value, str) or not value or job.main is None or value.startswith("~"):
        return
    where, sure = _where(job.main, value)
    if job.type == "flux" and value.endswith(".safetensors") and where.is_file():
        return
    count = len(list(where.glob("*.safetensors"))) if where.is_dir() else 0
    if count != 1:
        says = f"`{value}` holds {count or 'no'} .safetensors file{'s' if count != 1 else ''}, not one"
        why = "RuntimeError after caching and after the model is loaded"
        report(job.found, job.main, "LB322", path, says, why, "name the folder of one saved adapter", "error" if sure else "warning")


def _resume(job: Job) -> None:
    flag = job.start.flags.get("resume_from_checkpoint") if job.start and job.start.says("resume_from_checkpoint") else None
    by_flag = job.start is not None and job.start.says("resume_from_checkpoint")
    value = (flag if flag else True) if by_flag else job.data.get("resume_from_checkpoint")
    folder = job.data.get("output_dir")
    if not value or not isinstance(folder, str) or job.main is None or folder.startswith("~"):
        return
    where, sure = _where(job.main, folder)
    severity: Severity = "error" if sure else "warning"
    path: KeyPath = ("resume_from_checkpoint",) if not by_flag else ("output_dir",)
    if value is True and (not where.is_dir() or not any(where.iterdir())):
        says = f"there is no run in `{folder}` to resume"
        report(
            job.found,
            job.main,
            "LB322",
            path,
            says,
            "IndexError after caching and after the models are loaded",
            "start without resuming",
            severity,
        )
    elif isinstance(value, str) and not (where / value).is_dir():
        says = f"there is no run `{value}` in `{folder}`"
        why = "the folder is made, then AssertionError after the models are loaded"
        report(job.found, job.main, "LB322", path, says, why, "write the name of a run's folder", severity)


def _folders(job: Job, file: NativeFile, held_out: bool) -> None:
    tables = file.data.get("directory")
    places: list[Place] = []
    for index, table in enumerate(tables if isinstance(tables, list) else []):
        if isinstance(table, dict) and isinstance(table.get("path"), str):
            place = check_folder(job, file, index, table, lambda name: _where(file, name))
            if place is None:
                return
            places.append(place)
    if places:
        check_counts(job, file, places, held_out)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
