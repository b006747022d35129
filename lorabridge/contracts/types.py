"""Annotations and converters as types and choices."""

from __future__ import annotations

import ast
from typing import Any

from lorabridge.contracts.evaluate import Evaluator
from lorabridge.contracts.source import Module
from lorabridge.contracts.values import Function, Scope, Unknown, is_plain

_PLAIN = {"List": "list", "Sequence": "list", "Tuple": "tuple", "Dict": "dict", "Set": "set", "OrderedDict": "dict", "NoneType": "null"}
_DEPTH = 6


def annotated(node: ast.AST | None, evaluator: Evaluator, scope: Scope, depth: int = _DEPTH) -> tuple[str | None, tuple[Any, ...]]:
    """The type that an annotation names (`int`, `float|null`, `list`), and the choices of a `Literal`."""
    if node is None or depth == 0:
        return None, ()
    if isinstance(node, ast.Constant):
        return _text(node.value, evaluator, scope, depth)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([node.left, node.right], evaluator, scope, depth)
    if isinstance(node, ast.Subscript):
        return _subscript(node, evaluator, scope, depth)
    return _named(node, evaluator, scope, depth)


def _text(value: Any, evaluator: Evaluator, scope: Scope, depth: int) -> tuple[str | None, tuple[Any, ...]]:
    if value is None:
        return "null", ()
    try:
        return annotated(ast.parse(value, mode="eval").body, evaluator, scope, depth - 1) if isinstance(value, str) else (None, ())
    except (SyntaxError, ValueError):
        return None, ()


def _subscript(node: ast.Subscript, evaluator: Evaluator, scope: Scope, depth: int) -> tuple[str | None, tuple[Any, ...]]:
    word = _last(node.value)
    parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    if word == "Literal":
        values = [evaluator.eval(part, scope) for part in parts]
        return "str", tuple(values) if is_plain(values) else ()
    if word == "Optional":
        return _union([*parts, ast.Constant(None)], evaluator, scope, depth)
    if word == "Union":
        return _union(parts, evaluator, scope, depth)
    return _PLAIN.get(word, word.lower() if word in ("List", "list", "dict", "tuple", "set") else None), ()


def _union(parts: list[ast.expr], evaluator: Evaluator, scope: Scope, depth: int) -> tuple[str | None, tuple[Any, ...]]:
    found = [annotated(part, evaluator, scope, depth - 1) for part in parts]
    if any(name is None for name, _ in found):
        return None, ()
    names = list(dict.fromkeys(word for name, _ in found for word in str(name).split("|")))
    return "|".join(names), tuple(value for _, values in found for value in values)


def _named(node: ast.AST, evaluator: Evaluator, scope: Scope, depth: int) -> tuple[str | None, tuple[Any, ...]]:
    word = _last(node)
    if word in ("int", "float", "bool", "str", "list", "dict", "tuple", "set", "Path"):
        return word, ()
    alias = alias_of(node, scope.module, evaluator)
    if alias is not None:
        return annotated(alias[0], evaluator, Scope(alias[1]), depth - 1)
    return _PLAIN.get(word), ()


def alias_of(node: ast.AST, module: Module, evaluator: Evaluator, depth: int = 4) -> tuple[ast.expr, Module] | None:
    """The right-hand side of a top-level name such as `Kind = Literal[...]`, followed through imports."""
    if not isinstance(node, ast.Name) or depth == 0:
        return None
    for statement in reversed(module.names.get(node.id, [])):
        if isinstance(statement, ast.Assign):
            return statement.value, module
        if isinstance(statement, ast.ImportFrom):
            source = module.checkout.module(evaluator.absolute(module, statement))
            name = next((item.name for item in statement.names if (item.asname or item.name) == node.id), "")
            return alias_of(ast.Name(name), source, evaluator, depth - 1) if source is not None else None
    return None


def converter(node: ast.AST | None, evaluator: Evaluator, scope: Scope) -> str | None:
    """The name of argparse's `type=`: a function that turns text into a value."""
    if node is None:
        return None
    value = evaluator.eval(node, scope)
    if isinstance(value, Function) and isinstance(value.node, ast.Lambda):
        return "lambda"
    if isinstance(value, Unknown) and value.name.rpartition(".")[2]:
        return value.name.rpartition(".")[2]
    return _last(node) or "computed"


def _last(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
