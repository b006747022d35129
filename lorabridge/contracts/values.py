"""What an expression of a trainer's source can be known to be. Plain values (numbers, text, lists, dicts) stand for themselves."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass, field
from typing import Any

from lorabridge.contracts.model import Entry
from lorabridge.contracts.source import Module


@dataclass(frozen=True)
class Unknown:
    """Not known; `name` is the dotted name of something outside the tree, if it is that."""

    name: str = ""


@dataclass(frozen=True)
class Table:
    """A table of a config, or the value of a key: the path from its root, `[]` for the items of a list."""

    path: tuple[str, ...]

    def child(self, key: str) -> Table:
        """The value of a key."""
        return Table((*self.path, key))

    @property
    def item(self) -> Table:
        """An item of a list."""
        return Table((*self.path[:-1], self.path[-1] + "[]"))

    @property
    def label(self) -> str:
        """The path with dots."""
        return ".".join(self.path)


@dataclass(frozen=True)
class Fixed:
    """The value of a selecting key that this walk was told."""

    value: str


@dataclass(frozen=True)
class Opened:
    """A file that was opened; `label` names what held its path."""

    label: str


@dataclass(eq=False)
class Parser:
    """An argument parser and what was added to it."""

    name: str
    options: dict[str, Entry] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    takes: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Scope:
    """The names of a running function (or of a module's body). `given`: plain arguments that it never assigns to."""

    module: Module
    names: dict[str, Any] = field(default_factory=dict)
    outer: Scope | None = None
    given: dict[str, Any] = field(default_factory=dict)
    returned: list[Any] = field(default_factory=list)
    owner: Class | None = None
    inner: list[Function] = field(default_factory=list)
    maybe: int = 0

    def find(self, name: str) -> Any:
        """The value of a local or enclosing name; MISSING when there is none."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return MISSING


@dataclass(eq=False)
class Function:
    """A function of the tree; `scope` is where it was defined, for nested ones."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    module: Module
    scope: Scope | None = None
    owner: Class | None = None


@dataclass(eq=False)
class Bound:
    """A method with its object."""

    function: Function
    instance: Any


@dataclass(eq=False)
class Class:
    """A class of the tree."""

    node: ast.ClassDef
    module: Module

    def __repr__(self) -> str:
        return f"{self.module.dotted}.{self.node.name}"


@dataclass(eq=False)
class Instance:
    """An object of a class of the tree, with the attributes that are known."""

    cls: Class
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Super:
    """`super()` in a method of `owner`."""

    instance: Any
    owner: Class


@dataclass(frozen=True, eq=False)
class Method:
    """A method of a value that is not of the tree: of a table, a parser, a text, a dict."""

    instance: Any
    name: str


MISSING = Unknown("<missing>")

Plain = str | int | float | bool | None
_CONTAINERS = (list, tuple, set, frozenset, dict)


def is_plain(value: Any, depth: int = 8) -> bool:
    """Whether the value is known through and through. What is nested deeper (it may hold itself) is not."""
    if isinstance(value, _CONTAINERS):
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        return depth > 0 and all(is_plain(item, depth - 1) for item in inner)
    return value is None or isinstance(value, str | int | float | bool)


def is_tracked(value: Any, depth: int = 3) -> bool:
    """Whether following the value can lead to options or keys."""
    if isinstance(value, Table | Parser | Fixed | Opened):
        return True
    if isinstance(value, Instance):
        return depth > 0 and any(is_tracked(inner, depth - 1) for inner in value.attributes.values())
    if isinstance(value, Bound):
        return is_tracked(value.instance, depth)
    return isinstance(value, list | tuple) and depth > 0 and any(is_tracked(item, depth - 1) for item in value[:50])


def best(values: list[Any]) -> Any:
    """Of several possible values: one that can be followed, else the first known, else unknown."""
    known = [value for value in values if not isinstance(value, Unknown)]
    followed = [value for value in known if is_tracked(value)]
    return (followed or known or values or [Unknown()])[0]


def jsonable(value: Any) -> Any:
    """A plain value as JSON can hold it; sets become sorted lists."""
    if isinstance(value, set | frozenset):
        return sorted((jsonable(item) for item in value), key=repr)
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, dict):
        return {str(key): jsonable(inner) for key, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
