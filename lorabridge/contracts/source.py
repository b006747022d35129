"""A trainer's source tree as syntax trees: modules, what their names are bound to, where they come from."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

_LARGEST = 4_000_000
"""Bytes; a larger file is data, not a module that reads configs."""


@dataclass(eq=False)
class Module:
    """One file. `names` holds the statements that bind each top-level name, in order."""

    checkout: Checkout
    dotted: str
    path: Path
    tree: ast.Module
    lines: list[str]

    @property
    def shown(self) -> str:
        """The path as positions show it."""
        return self.path.relative_to(self.checkout.base).as_posix()

    @property
    def package(self) -> str:
        """The package that relative imports start from."""
        return self.dotted if self.path.name == "__init__.py" else self.dotted.rpartition(".")[0]

    @cached_property
    def names(self) -> dict[str, list[ast.stmt]]:
        """Top-level bindings. Those of `except` and `else` branches come first, so that the regular one wins."""
        found: dict[str, list[ast.stmt]] = {}
        for statement in _flattened(self.tree.body):
            for name in _bound(statement):
                found.setdefault(name, []).append(statement)
        return found

    def mentions(self, node: ast.AST, word: str) -> bool:
        """Whether the text of a node holds a word."""
        first, last = getattr(node, "lineno", 1), getattr(node, "end_lineno", None) or len(self.lines)
        return any(word in line for line in self.lines[first - 1 : last])


def _flattened(body: list[ast.stmt]) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.If):
            found += [*_flattened(statement.orelse), *_flattened(statement.body)]
        elif isinstance(statement, ast.Try):
            for handler in statement.handlers:
                found += _flattened(handler.body)
            found += _flattened(statement.body)
        elif isinstance(statement, ast.With):
            found += _flattened(statement.body)
        else:
            found.append(statement)
    return found


def _bound(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Import):
        return [alias.asname or alias.name.partition(".")[0] for alias in statement.names]
    if isinstance(statement, ast.ImportFrom):
        return [alias.asname or alias.name for alias in statement.names]
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    names = [part.id for target in targets if target is not None for part in ast.walk(target) if isinstance(part, ast.Name)]
    return names if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign) else []


@dataclass(eq=False)
class Checkout:
    """A tree of sources. `root` holds the packages; positions are shown from `base` on."""

    root: Path
    base: Path
    modules: dict[str, Module | None] = field(default_factory=dict)

    def module(self, dotted: str) -> Module | None:
        """The module of a dotted name, parsed once; None when it is not part of the tree, or cannot be read.

        A folder without `__init__.py` is an empty module.
        """
        if dotted not in self.modules:
            self.modules[dotted] = self._load(dotted)
        return self.modules[dotted]

    def file(self, path: Path) -> Module | None:
        """The module in a file of the tree."""
        parts = list(path.relative_to(self.root).with_suffix("").parts)
        return self.module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))

    def _load(self, dotted: str) -> Module | None:
        if not dotted:
            return None
        stem = self.root.joinpath(*dotted.split("."))
        for path in (stem / "__init__.py", stem.parent / f"{stem.name}.py"):
            try:
                if not path.is_file() or path.stat().st_size > _LARGEST:
                    continue
                text = path.read_bytes().decode("utf-8-sig", "replace")
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return Module(self, dotted, path, ast.parse(text), text.splitlines())
            except (OSError, SyntaxError, ValueError, RecursionError):
                continue
        return Module(self, dotted, stem / "__init__.py", ast.parse(""), []) if stem.is_dir() else None
