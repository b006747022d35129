"""What is wrong with a document as diagnostics at the place they are about, with the nearest key or section."""

from __future__ import annotations

import copy
import difflib
from functools import cache
from typing import Any

from lorabridge.config.base import Section
from lorabridge.config.build import MAX_PROBLEMS, Problem, build
from lorabridge.config.document import Place
from lorabridge.config.fields import FieldRow, rows_of, walk
from lorabridge.config.paths import KeyPath, show
from lorabridge.config.schema import Config
from lorabridge.diagnostics import Diagnostic, Edit, Span

Places = dict[KeyPath, Place]


def validate(data: dict[str, Any], places: Places, broken: set[KeyPath]) -> tuple[Config | None, Config | None, list[Diagnostic]]:
    """Validate the whole document: the config, what is left of it without the wrong values, the findings.

    `broken` holds paths that already have a finding: what is wrong there is not reported twice.
    """
    config, problems = build(Config, data)
    if problems:
        found = [_convert(item, places, broken) for item in problems[:MAX_PROBLEMS]]
        return None, _partial(data, problems), [item for item in found if item is not None]
    return (None if broken else config), config, []


_STAND_INS: dict[KeyPath, Any] = {
    ("lorabridge",): 1,
    ("name",): "unnamed",
    ("datasets",): [],
    ("train",): {"for": "1000000000 steps"},
    ("train", "for"): "1000000000 steps",
    ("model",): {"family": "unknown"},
    ("model", "family"): "unknown",
}
"""For what is missing or wrong, so that the rest can still be checked. None of these trips a rule."""


def _partial(data: dict[str, Any], problems: list[Problem]) -> Config | None:
    """The config without its wrong values, or None when too little is left."""
    rest = copy.deepcopy(data)
    for _ in range(3):
        for item in problems:
            _drop(rest, item.path)
        config, problems = build(Config, rest)
        if config is not None:
            return config
    return None


def _drop(data: Any, path: KeyPath) -> None:
    for part in path[:-1]:
        inside = (isinstance(data, dict) and part in data) or (isinstance(data, list) and isinstance(part, int) and part < len(data))
        if not inside:
            return
        data = data[part]
    if isinstance(data, dict):
        data.pop(path[-1], None)
        if path in _STAND_INS:
            data[path[-1]] = copy.deepcopy(_STAND_INS[path])
    elif isinstance(data, list) and isinstance(path[-1], int) and path[-1] < len(data):
        data[path[-1]] = {}


def _convert(problem: Problem, places: Places, broken: set[KeyPath]) -> Diagnostic | None:
    path, dotted = problem.path, show(problem.path)
    if problem.what == "unknown":
        return unknown_key(path, places)
    if path in broken:
        return None
    if problem.what == "missing":
        return Diagnostic(
            "LB104", f"`{dotted}` is missing", _near(path[:-1], places), about=_doc(path), fix=f"add `{path[-1]}:`", path=dotted
        )
    if problem.wrong is not None:
        wrong = problem.wrong
        return Diagnostic(wrong.code, f"`{dotted}`: {wrong.message}", _at(path, places), about=_doc(path), fix=wrong.fix, path=dotted)
    wanted, fix = "a section (keys below it)", ""
    if problem.what == "list":
        wanted = "a list"
        fix = f"write a list: `[{problem.value}]`" if isinstance(problem.value, str | int | float) else "write a list"
    message = f"`{dotted}`: {wanted} is expected here, found {_shown(problem.value)}"
    return Diagnostic("LB105", message, _at(path, places), about=_doc(path), fix=fix, path=dotted)


def unknown_key(path: KeyPath, places: Places) -> Diagnostic:
    """An unknown key: the nearest name in its section, else the sections where it belongs."""
    key, dotted = str(path[-1]), show(path)
    place = places.get(path)
    span = place.key if place else None
    row = row_at(path[:-1])
    model = Config if not path[:-1] else (row.section if row else None)
    names = list(rows_of(model)) if model else []
    plain = key.strip().lower().replace("-", "_")
    homes = [home for home in _homes().get(plain, ()) if home != dotted]
    alias = len(homes) == 1 and plain in ALIASES
    near = [n for n in names if n.lower() == plain] or ([] if alias else difflib.get_close_matches(plain, names, 1, 0.72))
    where = f"the section `{show(path[:-1])}`" if path[:-1] else "the top level"
    if near:
        edits = (Edit(span, near[0]),) if span else ()
        return Diagnostic(
            "LB102",
            f"`{key}` is not a key of {where}",
            span,
            why="trainers drop such keys in silence",
            fix=f"did you mean `{near[0]}`?",
            path=dotted,
            edits=edits,
        )
    if alias:
        home = homes[0]
        return Diagnostic(
            "LB103",
            f"`{key}` is called `{home}` here",
            span,
            why="in this place it would be without effect",
            fix=f"write it as `{home}`",
            path=dotted,
        )
    if homes:
        return Diagnostic(
            "LB103",
            f"`{key}` does not belong in {where}",
            span,
            why="a key in the wrong section would be without effect",
            fix="write it as " + " or ".join(f"`{home}`" for home in homes[:3]),
            path=dotted,
        )
    known = difflib.get_close_matches(plain, list(_homes()), 1, 0.8)
    fix = f"did you mean `{_homes()[known[0]][0]}`?" if known else _list(names)
    return Diagnostic("LB102", f"`{key}` is not a key of {where}", span, why="trainers drop such keys in silence", fix=fix, path=dotted)


def _list(names: list[str]) -> str:
    return "known here: " + ", ".join(f"`{name}`" for name in names[:12]) if names else "remove it"


@cache
def _homes() -> dict[str, list[str]]:
    """Where each key name of the language lives, with the names other trainers use for it."""
    homes: dict[str, list[str]] = {}
    for path, row in walk(Config):
        homes.setdefault(row.key, []).append(path)
    for alias, path in ALIASES.items():
        homes.setdefault(alias, []).append(path)
    return homes


ALIASES: dict[str, str] = {
    "learning_rate": "optimizer.lr",
    "network_dim": "adapter.rank",
    "network_alpha": "adapter.alpha",
    "linear": "adapter.rank",
    "linear_alpha": "adapter.alpha",
    "dim": "adapter.rank",
    "network_dropout": "adapter.dropout",
    "network_weights": "adapter.init_from",
    "base_weights": "model.merge",
    "scale_weight_norms": "adapter.max_norm",
    "max_train_steps": "train.for",
    "max_train_epochs": "train.for",
    "steps": "train.for",
    "epochs": "train.for",
    "max_steps": "train.for",
    "gradient_accumulation_steps": "train.gradient_accumulation",
    "micro_batch_size_per_gpu": "train.batch_size",
    "max_data_loader_n_workers": "train.workers",
    "optimizer_type": "optimizer.type",
    "optimizer_args": "optimizer.args",
    "lr_scheduler": "scheduler.type",
    "lr_warmup_steps": "scheduler.warmup",
    "warmup_steps": "scheduler.warmup",
    "lr_decay_steps": "scheduler.decay",
    "discrete_flow_shift": "noise.shift",
    "weighting_scheme": "noise.weighting",
    "save_every_n_steps": "save.every",
    "save_every_n_epochs": "save.every",
    "save_last_n_steps": "save.keep_last",
    "save_last_n_epochs": "save.keep_last",
    "max_step_saves_to_keep": "save.keep_last",
    "save_state": "save.state",
    "save_precision": "save.dtype",
    "sample_every_n_steps": "sample.every",
    "sample_every_n_epochs": "sample.every",
    "sample_prompts": "sample.prompts",
    "dit": "model.paths.transformer",
    "diffusion_model": "model.paths.transformer",
    "name_or_path": "model.paths.repo",
    "fp8_base": "model.quantize.transformer",
    "fp8_scaled": "model.quantize.transformer",
    "fp8_vl": "model.quantize.text_encoder",
    "sdpa": "memory.attention",
    "output_dir": "output.dir",
    "output_name": "name",
    "trigger_word": "trigger",
    "num_repeats": "datasets[].repeats",
    "image_directory": "datasets[].images",
    "folder_path": "datasets[].images",
    "caption_extension": "datasets[].captions.extension",
    "caption_ext": "datasets[].captions.extension",
    "enable_bucket": "datasets[].bucket",
    "wandb_api_key": "logging.wandb.key_env",
    "log_with": "logging.to",
    "logging_dir": "logging.dir",
    "ddp_timeout": "hardware.timeout",
    "diff_output_preservation": "preservation.type",
}
"""Names that other trainers' users know, and where the thing is said here."""


def row_at(path: KeyPath) -> FieldRow | None:
    """The field row that a path leads to."""
    model: type[Section] | None = Config
    row: FieldRow | None = None
    for part in path:
        if isinstance(part, int):
            continue
        row = rows_of(model).get(part) if model else None
        model = row.section if row else None
    return row


def _doc(path: KeyPath) -> str:
    row = row_at(path)
    return row.doc if row else ""


def _shown(value: Any) -> str:
    return (
        f"`{value}`"
        if isinstance(value, str | int | float)
        else {"list": "a list", "dict": "a section"}.get(type(value).__name__, "nothing")
    )


def _at(path: KeyPath, places: Places) -> Span | None:
    place = places.get(path)
    return place.value if place else _near(path[:-1], places)


def _near(path: KeyPath, places: Places) -> Span | None:
    """The key of the closest enclosing section that was written."""
    while path:
        if path in places:
            return places[path].key
        path = path[:-1]
    return next((place.key for place in places.values()), None)
