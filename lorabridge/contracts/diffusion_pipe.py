"""diffusion-pipe: the tables of the main and dataset files, per model type and optimizer, and the flags of `train.py`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lorabridge.contracts.model import Section
from lorabridge.contracts.record import merged
from lorabridge.contracts.source import Checkout, Module
from lorabridge.contracts.trace import Tracer
from lorabridge.contracts.values import Scope, Table

_FILES = {"args.config": "main", "main.dataset": "dataset", "main.eval_datasets[].config": "dataset"}
_MODEL = ("main", "model", "type")
_OPTIMIZER = ("main", "optimizer", "type")
_OTHER = "*"
"""An optimizer that the trainer has no branch for: it asks a package for a class of that name."""


def recognises(root: Path) -> bool:
    """Whether a folder is a checkout of this trainer."""
    return (root / "train.py").is_file() and (root / "models" / "base.py").is_file() and (root / "utils" / "dataset.py").is_file()


def checkout(root: Path) -> Checkout:
    """Its sources: packages at the top."""
    return Checkout(root, root)


def version(root: Path) -> str:
    """It states none."""
    return ""


def extract(source: Checkout) -> dict[str, Section]:
    """`main`, `model.<type>`, `optimizer.<type>`, `adapter`, `monitoring`, `dataset`, `directory[]`, …, and `args`."""
    module = source.module("train")
    if module is None:
        return {}
    survey = _walk(module, {}, shallow=True)
    models, optimizers = _values(survey, _MODEL), _values(survey, _OPTIMIZER)
    walks = {name: _sections(_walk(module, {_MODEL: name, _OPTIMIZER: _OTHER})) for name in models}
    found = {name: merged({model: walks[model].get(name, Section({})) for model in models}) for name in _names(walks.values())}
    for model, sections in walks.items():
        found[f"model.{model}"] = sections.get("model", Section({}))
    found |= _optimizers(module, models[:1], optimizers)
    found.pop("model", None)
    arguments = next((parser for parser in survey.parsers if parser.options), None)
    return found if arguments is None else found | {"args": Section(arguments.options, tuple(arguments.takes))}


def _optimizers(module: Module, models: list[str], names: list[str]) -> dict[str, Section]:
    """What a class of an optimizer takes, where the class is of the tree; what the others take is their own business."""
    found: dict[str, Section] = {}
    for model in models:
        for name in names:
            section = _sections(_walk(module, {_MODEL: model, _OPTIMIZER: name})).get("optimizer")
            if section is not None:
                found[f"optimizer.{name}"] = section
    return found


def _walk(module: Module, fixed: dict[tuple[str, ...], str], *, shallow: bool = False) -> Tracer:
    tracer = Tracer(fixed=fixed, files=_FILES, enter=(lambda _: False) if shallow else None, root="main")
    tracer.section = "args"
    scope = Scope(module)
    scope.names["__name__"] = "__main__"
    tracer.run(module.tree.body, scope)
    tracer.rest_of(scope)
    return tracer


def _values(tracer: Tracer, path: tuple[str, ...]) -> list[str]:
    read = tracer.record.of(Table(path))
    return [value for value in read.compared if isinstance(value, str)] if read is not None else []


def _sections(tracer: Tracer) -> dict[str, Section]:
    found = tracer.record.sections([("main",), ("dataset",)])
    return {_name(path): section for path, section in found.items()}


def _name(path: tuple[str, ...]) -> str:
    if path[:2] == ("dataset", "directory[]"):
        return ".".join(path[1:])
    return ".".join(path[1:]) if path[0] == "main" and len(path) > 1 else ".".join(path)


def _names(walks: Iterable[dict[str, Section]]) -> list[str]:
    return sorted({name for walk in walks for name in walk})
