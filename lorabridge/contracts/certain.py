"""Tests whose outcome is certain, and what branches tell about the values of a key."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lorabridge.contracts.values import MISSING, Fixed, Scope, Table, is_plain

if TYPE_CHECKING:
    from lorabridge.contracts.evaluate import Evaluator


def certain(test: ast.expr, scope: Scope, evaluator: Evaluator) -> bool | None:
    """Whether a test holds; None where it depends on something that is not known."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = certain(test.operand, scope, evaluator)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        parts = [certain(part, scope, evaluator) for part in test.values]
        decisive = isinstance(test.op, ast.Or)
        if decisive in parts:
            return decisive
        return None if None in parts else not decisive
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return _compared(test.ops[0], _given(test.left, scope, evaluator), _given(test.comparators[0], scope, evaluator))
    if isinstance(test, ast.Name) and test.id == "TYPE_CHECKING":
        return False
    value = _given(test, scope, evaluator)
    return None if value is MISSING or isinstance(value, list) else bool(value)


def _compared(op: ast.cmpop, left: Any, right: Any) -> bool | None:
    if left is MISSING or right is MISSING:
        return None
    try:
        if isinstance(op, ast.Eq | ast.Is):
            return bool(left == right)
        if isinstance(op, ast.NotEq | ast.IsNot):
            return bool(left != right)
        if isinstance(op, ast.In | ast.NotIn):
            return (left in right) is isinstance(op, ast.In)
    except TypeError:
        return None
    return None


def _given(node: ast.expr, scope: Scope, evaluator: Evaluator) -> Any:
    """A literal, an argument that was given as one, `__name__`, or a selecting key's value; MISSING for all else."""
    if isinstance(node, ast.Constant) and is_plain(node.value):
        return node.value
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        values = [_given(part, scope, evaluator) for part in node.elts]
        return MISSING if MISSING in values else values
    if isinstance(node, ast.Name):
        if node.id in scope.given:
            return scope.given[node.id]
        if node.id == "__name__":
            return scope.names.get("__name__", MISSING)
    value = evaluator.eval(node, scope) if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript) else MISSING
    return value.value if isinstance(value, Fixed) else MISSING


def endings(body: list[ast.stmt]) -> bool:
    """Whether a block surely leaves the function."""
    return bool(body) and isinstance(body[-1], ast.Raise | ast.Return)


def raises(body: list[ast.stmt]) -> bool:
    """Whether a block surely stops the trainer."""
    return bool(body) and isinstance(body[-1], ast.Raise)


def held_against(node: ast.If, scope: Scope, evaluator: Evaluator) -> Iterator[tuple[Table, list[Any], bool]]:
    """Keys with the values that branches hold them against, and whether anything else is refused.

    Either `if x not in [...]: raise`, or a chain of `elif x == value`, which may end in `else: raise`.
    """
    test = node.test
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.NotIn) and raises(node.body):
        leaf, values = evaluator.eval(test.left, scope), evaluator.eval(test.comparators[0], scope)
        if isinstance(leaf, Table) and isinstance(values, list | tuple | dict) and is_plain(list(values)):
            yield leaf, list(values), True
    chain = _chain(node, scope, evaluator)
    if chain is not None:
        yield chain


def _chain(node: ast.If, scope: Scope, evaluator: Evaluator) -> tuple[Table, list[Any], bool] | None:
    leaf: Table | None = None
    values: list[Any] = []
    while True:
        for test in node.test.values if isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.Or) else [node.test]:
            if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)):
                return None
            side, value = evaluator.eval(test.left, scope), evaluator.eval(test.comparators[0], scope)
            if not isinstance(side, Table) or not is_plain(value) or (leaf is not None and side != leaf):
                return None
            leaf = side
            values.append(value)
        if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
            node = node.orelse[0]
        else:
            break
    return (leaf, values, raises(node.orelse)) if leaf is not None else None
