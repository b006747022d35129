"""Calls that concern tables of a config: reading methods, handing over, opening files."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lorabridge.contracts.types import annotated
from lorabridge.contracts.values import (
    MISSING,
    Fixed,
    Function,
    Method,
    Opened,
    Parser,
    Scope,
    Table,
    Unknown,
    best,
    is_plain,
)

if TYPE_CHECKING:
    from lorabridge.contracts.trace import Tracer

_READING = ("get", "pop", "setdefault")
_LOADING = ("toml.load", "toml.loads", "tomllib.load", "yaml.safe_load", "yaml.load", "json.load", "tomli.load")
_SAME = {"deepcopy", "copy", "dumps", "loads", "dict", "OrderedDict", "list", "tuple", "sorted", "reversed", "DotMap", "EasyDict"}
"""Functions from elsewhere that hand on what they are given."""


def method(tracer: Tracer, called: Method, node: ast.Call, scope: Scope) -> Any:
    """A call of a method of a table."""
    table, name = called.instance, called.name
    if name in _READING and node.args:
        key = tracer.eval(node.args[0], scope)
        default = tracer.eval(node.args[1], scope) if len(node.args) > 1 else MISSING
        if isinstance(key, str):
            return tracer.read(table, key, name, node, scope, None if default is MISSING and name == "get" else default)
        return Unknown()
    for part in (*node.args, *(word.value for word in node.keywords)):
        tracer.eval(part, scope)
    if name == "items":
        return Method(table, name)
    return table if name in ("copy", "values", "strip", "lower") else Unknown()


def reader(tracer: Tracer, table: Table, node: ast.Call, scope: Scope) -> Any:
    """A call of the trainer's own reading method: `get_conf("a.b", default, required=True)`."""
    positional, named, _ = tracer.arguments(node, scope)
    key = positional[0] if positional else named.get("key")
    default = positional[1] if len(positional) > 1 else named.get("default")
    if not isinstance(key, str):
        return Unknown()
    *parents, last = key.split(".")
    for parent in parents:
        tracer.read(table, parent, "get", node, scope)
        table = table.child(parent)
    required = named.get("required") is True or (len(positional) > 2 and positional[2] is True)
    return tracer.read(table, last, "required" if required else "get", node, scope, default)


def plain_method(called: Method, positional: list[Any]) -> Any:
    """A method of a text, list or dict."""
    value, name = called.instance, called.name
    if isinstance(value, Fixed):
        return Fixed(getattr(value.value, name)()) if name in ("lower", "upper", "strip") else Unknown()
    if isinstance(value, dict) and name in ("keys", "values", "items"):
        return [list(item) if isinstance(item, tuple) else item for item in getattr(value, name)()]
    if isinstance(value, str) and name in ("lower", "upper", "strip", "title") and not positional:
        return getattr(value, name)()
    if isinstance(value, dict | list) and name == "copy":
        return value.copy()
    if isinstance(value, list) and name == "append" and len(positional) == 1 and len(value) < 100:
        value.append(positional[0])
    if isinstance(value, dict) and name == "update" and len(positional) == 1 and isinstance(positional[0], dict):
        value.update(positional[0])
    return Unknown()


def foreign(tracer: Tracer, name: str, positional: list[Any], node: ast.Call, scope: Scope) -> Any:
    """A call of something outside the tree, by its dotted name."""
    last, first = name.rpartition(".")[2], positional[0]
    if last == "open":
        return Opened(first.label if isinstance(first, Table) else first.name if isinstance(first, Unknown) else "")
    if isinstance(first, Opened) and name in _LOADING:
        root = tracer.files.get(first.label)
        return Table((root,)) if root is not None else Unknown()
    if isinstance(first, Parser):
        first.takes.append(name or "computed")
        return first
    if last == "enumerate":
        return [[Unknown(), item] for item in tracer.items(first)]
    if last in ("list", "tuple", "sorted", "set", "reversed") and not isinstance(first, Table):
        return _collected(last, first, tracer)
    return first if last in _SAME or (isinstance(first, Table) and last in ("str", "Path")) else Unknown()


def _collected(name: str, first: Any, tracer: Tracer) -> Any:
    if isinstance(first, Unknown):
        return first
    items = tracer.items(first)
    if name == "sorted" and is_plain(items):
        try:
            return sorted(items)
        except TypeError:
            return items
    return items if isinstance(first, list | tuple | dict) else best(items)


def bind(tracer: Tracer, function: Function, scope: Scope, given: list[Any], named: dict[str, Any], rest: Any) -> None:
    """Give a function its arguments.

    Named parameters are keys of a table that is handed over as `**`. An unknown `rest` says that the caller is not known.
    """
    arguments = function.node.args
    parameters = [*arguments.posonlyargs, *arguments.args]
    defaults = [*[None] * (len(parameters) - len(arguments.defaults)), *arguments.defaults]
    assigned = _assigned(function.node)
    home = Scope(function.module, outer=function.scope)
    sure = not isinstance(rest, Unknown)
    pairs: list[tuple[ast.arg, ast.expr | None]] = [*zip(parameters, defaults, strict=True)]
    for index, (parameter, default) in enumerate([*pairs, *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]):
        if index < len(given) and index < len(parameters):
            value = given[index]
        elif parameter.arg in named:
            value = named[parameter.arg]
        elif isinstance(rest, Table):
            value = _parameter(tracer, rest, parameter, default, home)
        else:
            value = tracer.eval(default, home) if default is not None else Unknown(parameter.arg)
        scope.names[parameter.arg] = value
        if sure and parameter.arg not in assigned and (isinstance(value, bool | str) or value is None):
            scope.given[parameter.arg] = value
    if arguments.kwarg is not None:
        scope.names[arguments.kwarg.arg] = (
            rest if rest is not None else {key: value for key, value in named.items() if key not in scope.names}
        )
    if arguments.vararg is not None:
        scope.names[arguments.vararg.arg] = given[len(parameters) :]


@lru_cache(maxsize=4096)
def _assigned(node: ast.AST) -> frozenset[str]:
    return frozenset(item.id for item in ast.walk(node) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store))


def _parameter(tracer: Tracer, rest: Table, parameter: ast.arg, default: ast.expr | None, home: Scope) -> Any:
    value = tracer.read(
        rest,
        parameter.arg,
        "required" if default is None else "get",
        parameter,
        home,
        MISSING if default is None else tracer.eval(default, home),
    )
    tracer.declare(parameter, *annotated(parameter.annotation, tracer, home))
    return value
