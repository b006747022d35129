"""Options under `backends.embedded`: keys of the job, checked against the model that the trainer reads it with.

Sections are those of `job.json`; what stands below `datasets` holds for every data set.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from lorabridge.backends.embedded.archs import NAME, TITLE
from lorabridge.backends.engine import Lowering

Field = tuple[str, ...]


def native(low: Lowering) -> None:
    """Check and merge. A native key that only overrides a default wins, and is told."""
    options = low.config.backends.get(NAME, {})
    if options:
        from lorabridge.backends.embedded.trainer.job import Job

        _section(low, Job, options, (), f"backends.{NAME}")


def _section(low: Lowering, model: type[BaseModel], options: Mapping[str, Any], at: Field, path: str) -> None:
    for key, value in options.items():
        here = f"{path}.{key}"
        if key not in model.model_fields:
            _unknown(low, model, key, here)
            continue
        section, many = _inner(model.model_fields[key].annotation)
        if section is None:
            _option(low, (*at, key), value, here)
        elif not isinstance(value, Mapping):
            low.problem("LB304", here, f"`{here}` is a section", f"{TITLE} reads keys below it", "write `key: value` below it")
        elif many:
            for index in range(len(low.config.datasets)):
                _section(low, section, value, (*at, key, str(index)), here)
        else:
            _section(low, section, value, (*at, key), here)


def _inner(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model of a section that is always there, and whether it is a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (None if annotation.__name__ == "Length" else annotation), False  # one of three keys: a whole
    if get_origin(annotation) is list:
        inner = get_args(annotation)[0]
        return (inner, True) if isinstance(inner, type) and issubclass(inner, BaseModel) else (None, False)
    return None, False


def _unknown(low: Lowering, model: type[BaseModel], key: str, path: str) -> None:
    near = difflib.get_close_matches(key, list(model.model_fields), 1, 0.6)
    homes = list(_homes(key))
    fix = f"`{key}` belongs below `{homes[0]}`" if homes else f"did you mean `{near[0]}`?" if near else "remove it"
    if not any(item.path == path for item in low.diagnostics):
        low.problem("LB303", path, f"{TITLE} has no option `{key}` here", "it refuses a job with an unknown key", fix)


def _homes(key: str) -> Iterator[str]:
    from lorabridge.backends.embedded.trainer.job import Job

    for name, field in Job.model_fields.items():
        section, _ = _inner(field.annotation)
        if section is not None and key in section.model_fields:
            yield name


def _option(low: Lowering, at: Field, value: Any, path: str) -> None:
    dotted = "job:" + ".".join(at)
    fights = [
        intent
        for known, intent in low.sources.items()
        if (known == dotted or known.startswith(f"{dotted}.")) and intent and (low.wrote(intent) or intent == "output.dir")
    ]
    if fights:
        if not any(item.path == path for item in low.diagnostics):
            low.problem(
                "LB305",
                path,
                f"`{path}` fights `{fights[0]}`",
                "both set the same key of the job",
                f"keep one of them: `{fights[0]}` is the language's",
            )
        return
    target: Any = low.documents["job"]
    for part in at[:-1]:
        target = target[int(part)] if isinstance(target, list) else target.setdefault(part, {})
    target[at[-1]] = value
    low.sources[dotted] = path
    low.note("native", path, value, dotted, value)


def validate(low: Lowering, tree: Mapping[str, Any]) -> None:
    """Read the job with the trainer's own model; what it refuses is told at the place that it came from."""
    from lorabridge.backends.embedded.trainer.job import Job

    try:
        json.dumps(tree, allow_nan=False)
    except ValueError:
        path = low.sources.get("job:optimizer.args", "optimizer.args")
        low.problem("LB304", path, f"`{path}` holds a number that is not finite", "JSON cannot say it", "write an ordinary number")
    try:
        Job.model_validate(tree)
    except ValidationError as error:
        for entry in error.errors():
            _finding(low, entry)


def _finding(low: Lowering, entry: Any) -> None:
    message = str(entry["msg"]).removeprefix("Value error, ")
    place = [str(part) for part in entry["loc"]] or message.partition(":")[0].split(".")
    path = _origin(low, place)
    # a key that is missing was refused before, and so was a place that has a finding
    if entry["type"] == "missing" or any(item.path == path for item in low.diagnostics):
        return
    if path.startswith("backends."):
        code = "LB303" if entry["type"] == "extra_forbidden" else "LB304"
        low.problem(
            code,
            path,
            f"`{path}`: {message}",
            f"{TITLE} refuses such a job",
            "`lorabridge explain backends` tells where the options are listed",
        )
    else:
        low.problem("LB307", path, f"{TITLE} refuses `{'.'.join(place)}`: {message}", "its job file is checked before anything is loaded")


def _origin(low: Lowering, place: list[str]) -> str:
    """The intent path of a key of the job, or of the nearest key around it that has one."""
    head = f"job:{place[0]}."
    while place:
        found = low.sources.get("job:" + ".".join(place))
        if found:
            return found
        place = place[:-1]
    return next((path for at, path in low.sources.items() if at.startswith(head) and path), "model")
