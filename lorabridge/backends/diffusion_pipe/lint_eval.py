"""`eval_datasets`, and the names under which the files are copied into the run's folder."""

from __future__ import annotations

from typing import Any

from lorabridge.backends.diffusion_pipe.lint_job import Job, base, report, spell, stranger, unexpanded
from lorabridge.backends.diffusion_pipe.lint_values import check_value
from lorabridge.config.paths import KeyPath


def check_evaluation(job: Job) -> None:
    """`eval_datasets`, and the names of all dataset files."""
    _copies(job)
    value = job.data.get("eval_datasets")
    assert job.main is not None
    if value is None:
        return
    if not isinstance(value, list):
        fix = "write `[[eval_datasets]]` with `name` and `config`"
        job.report("LB313", "eval_datasets", "`eval_datasets` must be a list of tables", "it fails before caching", fix)
        return
    names: list[Any] = []
    for index, entry in enumerate(value):
        here = ("eval_datasets", index)
        if not isinstance(entry, dict):
            why = "TypeError after caching and after the models are loaded"
            job.report(
                "LB315",
                here,
                f"`{spell(entry)}` must be a table with `name` and `config`",
                why,
                f"write `{{name = 'eval{index}', config = {spell(entry)}}}`",
            )
            continue
        for key in ("name", "config"):
            if key not in entry:
                report(job.found, job.main, "LB318", here, f"`{key}` is missing", "KeyError before caching", f"write `{key}`", on="key")
        for key in entry:
            if key not in ("name", "config"):
                stranger(job.found, job.main, (*here, key), ("name", "config"), "eval_datasets")
        for key in ("name", "config"):
            if key in entry:
                check_value(job.found, job.main, (*here, key), entry[key], {"type": "str"}, "TypeError before caching")
        unexpanded(job.found, job.main, (*here, "config"), entry.get("config"))
        if entry.get("name") in names and "name" in entry:
            job.report(
                "LB317",
                (*here, "name"),
                f"`{entry['name']}` is used twice",
                "the first of the two is dropped in silence",
                "give each its own name",
            )
        names.append(entry.get("name"))


def _copies(job: Job) -> None:
    """The files are copied into the run's folder by their names alone."""
    if job.main is None:
        return
    seen = {base(job.main.name): ("the main file", "")}
    named: list[tuple[KeyPath, Any]] = [(("dataset",), job.data.get("dataset"))]
    evals = job.data.get("eval_datasets")
    for index, entry in enumerate(evals if isinstance(evals, list) else []):
        named.append((("eval_datasets", index, "config"), entry.get("config") if isinstance(entry, dict) else None))
    for path, value in named:
        if not isinstance(value, str) or not value:
            continue
        if base(value) in seen and seen[base(value)][1] != value:
            says = f"`{base(value)}` has the name of {seen[base(value)][0]}"
            job.report("LB317", path, says, "the copies in the run's folder overwrite each other", "give each file its own name", "warning")
        seen.setdefault(base(value), (f"`{path[0]}`", value))
