"""Which keys of a configuration a trainer reads, and what it gets: by running its code on dictionaries that take notes,
and by evaluating the expressions of its source that read one."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

Table = Callable[[ast.expr], str | None]
"""Says which table of the configuration an expression stands for (`""` for the whole), or None."""


class Noted(dict[str, Any]):
    """A dictionary that notes which keys were asked for, and what was handed out. Inner tables note theirs."""

    def __init__(self, source: Mapping[str, Any], notes: dict[str, Any], prefix: str = "") -> None:
        super().__init__({key: _wrap(value, notes, f"{prefix}{key}") for key, value in source.items()})
        self.notes, self.prefix = notes, prefix

    def _note(self, key: Any, value: Any) -> Any:
        if isinstance(key, str) and not isinstance(value, Noted):
            self.notes[f"{self.prefix}{key}"] = value
        return value

    def __getitem__(self, key: str) -> Any:
        return self._note(key, super().__getitem__(key))

    def get(self, key: str, default: Any = None) -> Any:
        """As a dictionary does, with a note."""
        return self._note(key, super().get(key, default))

    def pop(self, key: str, *default: Any) -> Any:
        """As a dictionary does, with a note."""
        return self._note(key, super().pop(key, *default))


def _wrap(value: Any, notes: dict[str, Any], at: str) -> Any:
    if isinstance(value, Mapping):
        return Noted(value, notes, f"{at}.")
    if isinstance(value, list):
        return [_wrap(item, notes, f"{at}.{index}") for index, item in enumerate(value)]
    return value


def cut(file: Path, *names: str) -> ast.Module:
    """The functions, classes and assignments called `names`, as they stand in a file of the trainer."""

    def wanted(node: ast.stmt) -> bool:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            return node.name in names
        return isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id in names for target in node.targets)

    return ast.Module([node for node in parsed(file).body if wanted(node)], [])


@cache
def parsed(file: Path) -> ast.Module:
    """The tree of a file. Raises OSError, SyntaxError."""
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def run(tree: ast.Module, space: dict[str, Any], file: Path) -> dict[str, Any]:
    """Execute the trainer's own statements in `space`."""
    exec(compile(tree, str(file), "exec"), space)
    return space


def readings(tree: ast.AST, name: str, table: Table, whole: Mapping[str, Any], space: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Each read of the configuration in a file called `name`: dotted key, `file:line`, value.

    `table[key]`, `.get(key[, default])`, `.pop(...)`, `key in table` with a literal key. The expression itself is
    evaluated; where its default needs a name that only a running trainer has, a key that is set is looked up.
    """
    for node in ast.walk(tree):
        found = key_of(node)
        if found is None:
            continue
        base, key = found
        section = table(base)
        if section is None:
            continue
        place = f"{name}:{getattr(node, 'lineno', 0)}"
        inner = lookup(whole, section)
        if not isinstance(inner, Mapping):
            continue
        value = _value(node, inner, key, space)
        if value is not MISSING:
            yield f"{section}.{key}".lstrip("."), place, value


class _Missing:
    pass


MISSING: Any = _Missing()


def lookup(whole: Mapping[str, Any], dotted: str) -> Any:
    """The inner table, or None."""
    here: Any = whole
    for part in dotted.split(".") if dotted else ():
        here = here.get(part) if isinstance(here, Mapping) else None
    return here


def key_of(node: ast.AST) -> tuple[ast.expr, str] | None:
    """The table's expression and the literal key of a read; None for anything else."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        key, base = node.slice, node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "pop") and node.args:
        key, base = node.args[0], node.func.value
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.In):
        key, base = node.left, node.comparators[0]
    else:
        return None
    return (base, key.value) if isinstance(key, ast.Constant) and isinstance(key.value, str) else None


def _value(node: ast.AST, inner: Mapping[str, Any], key: str, space: Mapping[str, Any]) -> Any:
    if key in inner:
        return inner[key]
    if isinstance(node, ast.Call) and len(node.args) == 1:
        return None
    if isinstance(node, ast.Call) and len(node.args) == 2:
        try:
            return eval(compile(ast.Expression(node.args[1]), "default", "eval"), dict(space))
        except Exception:
            return MISSING
    return MISSING


def passed_on(files: Sequence[Path], table: Table) -> set[str]:
    """Tables whose items are handed on as a whole (`.items()`, `**table`)."""
    found = set()
    for file in files:
        for node in ast.walk(parsed(file)):
            base: ast.expr | None = None
            if (isinstance(node, ast.Attribute) and node.attr == "items") or (isinstance(node, ast.keyword) and node.arg is None):
                base = node.value
            section = table(base) if base is not None else None
            if section:
                found.add(section)
    return found


def flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values; tables in lists by index."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            for index, item in enumerate(value):
                yield from flat(item, f"{prefix}{key}.{index}.")
        else:
            yield f"{prefix}{key}", value


def decisions(
    tree: ast.AST, name: str, mentions: Callable[[ast.expr], Iterator[str]], space: Mapping[str, Any]
) -> Iterator[tuple[str, str, str, bool]]:
    """What the conditions of a file come to: dotted key, `file:line`, the expression, whether it holds.

    Only what needs no more than the names in `space` is evaluated; of an `and` or `or`, the parts that do.
    """
    for node in ast.walk(tree):
        test = getattr(node, "test", None)
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert) and isinstance(test, ast.expr):
            for part in _parts(test, set(space)):
                found = list(mentions(part))
                if not found:
                    continue
                try:
                    held = bool(eval(compile(ast.Expression(part), "condition", "eval"), dict(space)))
                except Exception:
                    continue
                for key in found:
                    yield key, f"{name}:{part.lineno}", ast.unparse(part)[:120], held


def _parts(test: ast.expr, known: set[str]) -> Iterator[ast.expr]:
    names = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
    if names <= known | {"None", "len", "isinstance", "str", "int", "float", "list"}:
        yield test
    elif isinstance(test, ast.BoolOp):
        for value in test.values:
            yield from _parts(value, known)
    elif isinstance(test, ast.UnaryOp):
        yield from _parts(test.operand, known)
