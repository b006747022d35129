"""musubi-tuner: the options of its scripts, and the keys of its dataset file."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lorabridge.contracts.evaluate import Evaluator
from lorabridge.contracts.model import Entry, Section
from lorabridge.contracts.source import Checkout, Module
from lorabridge.contracts.trace import Tracer
from lorabridge.contracts.types import annotated
from lorabridge.contracts.values import Class, Scope, jsonable

_PACKAGE = "musubi_tuner"
_NOT_TRAINING = ("generate_", "caption_")
"""Scripts that make pictures or captions; a contract is about training."""
_SCHEMAS = {
    "dataset.general": (("DATASET_ASCENDABLE_SCHEMA",), ("BaseDatasetParams",)),
    "dataset.datasets[] (image)": (
        ("DATASET_ASCENDABLE_SCHEMA", "IMAGE_DATASET_DISTINCT_SCHEMA"),
        ("ImageDatasetParams", "BaseDatasetParams"),
    ),
    "dataset.datasets[] (video)": (
        ("DATASET_ASCENDABLE_SCHEMA", "VIDEO_DATASET_DISTINCT_SCHEMA"),
        ("VideoDatasetParams", "BaseDatasetParams"),
    ),
}
"""Sections of the dataset file: the tables that its checker accepts, and the classes that hold the defaults."""


def recognises(root: Path) -> bool:
    """Whether a folder is a checkout of this trainer."""
    return (root / "src" / _PACKAGE).is_dir() or (
        (root / "hv_train_network.py").is_file() and (root / "dataset" / "config_utils.py").is_file()
    )


def checkout(root: Path) -> Checkout:
    """Its sources: a package below `src`, or loose files at the top in older commits."""
    packaged = root / "src" / _PACKAGE
    return Checkout(root / "src", packaged) if packaged.is_dir() else Checkout(root, root)


def version(root: Path) -> str:
    """The version that its package states."""
    try:
        found = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {}).get("version", "")
    except (OSError, tomllib.TOMLDecodeError):
        return ""
    return found if isinstance(found, str) else ""


def extract(source: Checkout) -> dict[str, Section]:
    """The options of each script, by its name, and the sections of the dataset file."""
    found: dict[str, Section] = {}
    for module in _scripts(source):
        found.update(_script(module))
    return found | _dataset(source)


def _scripts(source: Checkout) -> Iterator[Module]:
    for path in sorted(source.base.glob("*.py")):
        if any(word in path.name for word in _NOT_TRAINING):
            continue
        module = source.file(path)
        if module is not None and module.mentions(module.tree, "pars") and _start(module) is not None:
            yield module


def _start(module: Module) -> ast.If | None:
    """The statement `if __name__ == "__main__":`."""
    return next((item for item in module.tree.body if isinstance(item, ast.If) and "__main__" in ast.dump(item.test)), None)


def _script(module: Module) -> Iterator[tuple[str, Section]]:
    tracer = Tracer(follow_parsers=True, everything=False)
    tracer.section = module.path.stem
    start = _start(module)
    tracer.run(start.body if start is not None else [], Scope(module))
    for parser in tracer.parsers:
        if parser.options:
            yield parser.name, Section(parser.options, tuple(parser.takes))


def _dataset(source: Checkout) -> dict[str, Section]:
    prefix = f"{_PACKAGE}." if source.root != source.base else ""
    module = source.module(f"{prefix}dataset.config_utils")
    if module is None:
        return {}
    reader = Evaluator()
    found = {name: Section(_accepted(reader, module, tables, holders)) for name, (tables, holders) in _SCHEMAS.items()}
    return {name: section for name, section in found.items() if section.keys}


def _accepted(reader: Evaluator, module: Module, tables: tuple[str, ...], holders: tuple[str, ...]) -> dict[str, Entry]:
    defaults = _defaults(reader, module, holders)
    found: dict[str, Entry] = {}
    for key, value in _rows(reader.global_name(module, "ConfigSanitizer"), tables):
        type_, default = defaults.get(key, (None, None))
        declared = (
            annotated(value, reader, Scope(module))[0] if isinstance(value, ast.Name) else "list" if isinstance(value, ast.List) else None
        )
        found[key] = Entry(f"{module.shown}:{value.lineno}", type=declared or type_, default=jsonable(default))
    return found


def _rows(checker: Any, tables: tuple[str, ...]) -> Iterator[tuple[str, ast.expr]]:
    for statement in checker.node.body if isinstance(checker, Class) else ():
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict) and ast.unparse(statement.targets[0]) in tables:
            for key, value in zip(statement.value.keys, statement.value.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value


def _defaults(reader: Evaluator, module: Module, holders: tuple[str, ...]) -> dict[str, tuple[str | None, Any]]:
    found: dict[str, tuple[str | None, Any]] = {}
    for holder in reversed(holders):
        cls = reader.global_name(module, holder)
        for statement in cls.node.body if isinstance(cls, Class) else ():
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                found[statement.target.id] = (
                    annotated(statement.annotation, reader, Scope(module))[0],
                    reader.eval(statement.value, Scope(module)),
                )
    return found
