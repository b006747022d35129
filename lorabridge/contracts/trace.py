"""A walk through the source: statements, and the calls that carry a parser or a table of a config."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from typing import Any

from lorabridge.contracts import parsers, tables
from lorabridge.contracts.certain import certain, endings, held_against, raises
from lorabridge.contracts.evaluate import Evaluator
from lorabridge.contracts.record import Read, Record
from lorabridge.contracts.types import annotated
from lorabridge.contracts.values import (
    MISSING,
    Bound,
    Class,
    Fixed,
    Function,
    Instance,
    Method,
    Opened,
    Parser,
    Scope,
    Super,
    Table,
    Unknown,
    best,
    is_plain,
    is_tracked,
)

_DEEPEST = 40


class Tracer(Evaluator):
    """One walk.

    `fixed`: values of selecting keys by path. `files`: the root table of a config file by what its path came from.
    `readers`: methods that read a key of the table in the named attribute (`get_conf` of `config`). `parsers`: follow what
    builds argument parsers. `everything`: also walk the methods that nothing calls by name, of every class that is given a table.
    """

    def __init__(
        self,
        *,
        fixed: Mapping[tuple[str, ...], str] | None = None,
        files: Mapping[str, str] | None = None,
        readers: Mapping[str, str] | None = None,
        follow_parsers: bool = False,
        everything: bool = True,
        enter: Callable[[Class | Function], bool] | None = None,
        root: str = "",
    ) -> None:
        super().__init__()
        self.record = Record(root=root)
        self.parsers: list[Parser] = []
        self.fixed = fixed or {}
        self.files = files or {}
        self.readers = readers or {}
        self.follow_parsers = follow_parsers
        self.everything = everything
        self.enter = enter or (lambda _: True)
        self.section = ""
        self._at: dict[int, tuple[Read, str]] = {}
        self._seen: dict[tuple[Any, ...], Any] = {}
        self._entered: set[ast.AST] = set()
        self._depth = 0

    # reads

    def read(self, table: Table, key: str, way: str, node: ast.AST, scope: Scope, default: Any = MISSING) -> Any:
        """Note a key that is read; its value is a table itself, until it proves to be something else."""
        at = f"{scope.module.shown}:{getattr(node, 'lineno', 0)}"
        found = self.record.read(table, key, way, at, default=default, certain=not scope.maybe)
        self._at[id(node)] = (found, at)
        leaf = table.child(key)
        return Fixed(self.fixed[leaf.path]) if leaf.path in self.fixed else leaf

    def stored(self, table: Table, key: str) -> None:
        """A key that the trainer sets itself."""
        self.record.write(table, key)

    def chosen(self, leaf: Table, values: dict[Any, Any]) -> None:
        """A key that is looked up in a dict."""
        self.record.choose(leaf, [value for value in values if is_plain(value)])

    def declare(self, node: ast.AST, type_: str | None, suggested: Collection[Any] = ()) -> None:
        """Say what type the key read by this expression is declared to have, and what values its annotation names.

        The first declaration counts, and is the place that the contract shows.
        """
        found, at = self._at.get(id(node), (None, ""))
        if found is None or found.type is not None or type_ is None:
            return
        found.type, found.at = type_, at
        found.suggested = found.suggested or tuple(suggested)

    # statements

    def run(self, body: list[ast.stmt], scope: Scope) -> bool:
        """Walk a block; True when nothing after it can be reached."""
        for statement in body:
            handler = getattr(self, f"_{type(statement).__name__}", None)
            if handler is None:
                self.eval(statement, scope)
            elif handler(statement, scope):
                return True
        return False

    def _maybe(self, body: list[ast.stmt], scope: Scope) -> bool:
        scope.maybe += 1
        ended = self.run(body, scope)
        scope.maybe -= 1
        return ended

    def _FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> bool:
        scope.names[node.name] = made = Function(node, scope.module, scope, scope.owner)
        scope.inner.append(made)
        return False

    _AsyncFunctionDef = _FunctionDef

    def _ClassDef(self, node: ast.ClassDef, scope: Scope) -> bool:
        scope.names[node.name] = Class(node, scope.module)
        return False

    def _Import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> bool:
        scope.names.update(self.imported(scope.module, node))
        return False

    _ImportFrom = _Import

    def _Assign(self, node: ast.Assign, scope: Scope) -> bool:
        value = self.eval(node.value, scope)
        for target in node.targets:
            self.assign(target, value, scope)
        return False

    def _AnnAssign(self, node: ast.AnnAssign, scope: Scope) -> bool:
        if node.value is not None:
            value = self.eval(node.value, scope)
            self.declare(node.value, *annotated(node.annotation, self, scope))
            self.assign(node.target, value, scope)
        return False

    def _Return(self, node: ast.Return, scope: Scope) -> bool:
        scope.returned.append(self.eval(node.value, scope))
        return True

    def _Raise(self, node: ast.Raise, scope: Scope) -> bool:
        self.eval(node.exc, scope)
        return True

    def _Continue(self, node: ast.stmt, scope: Scope) -> bool:
        return True

    _Break = _Continue

    def _Delete(self, node: ast.Delete, scope: Scope) -> bool:
        return False

    def _If(self, node: ast.If, scope: Scope) -> bool:
        self.eval(node.test, scope)
        decided = certain(node.test, scope, self)
        if decided is not None:
            return self.run(node.body if decided else node.orelse, scope)
        self._told(node, scope)
        first = self._maybe(node.body, scope)
        second = self._maybe(node.orelse, scope)
        return first and second and bool(node.orelse)

    def _told(self, node: ast.If, scope: Scope) -> None:
        """Choices and refusals that the shape of the branches tells."""
        for leaf, values, closed in held_against(node, scope, self):
            self.record.compare(leaf, values)
            if closed:
                self.record.choose(leaf, values)
        test = node.test
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.In) and raises(node.body):
            key, table = self.eval(test.left, scope), self.eval(test.comparators[0], scope)
            if isinstance(key, str) and isinstance(table, Table):
                self.record.reads[(table.path, key)].refused = True

    def _For(self, node: ast.For | ast.AsyncFor, scope: Scope) -> bool:
        source = self.eval(node.iter, scope)
        if isinstance(source, Method) and isinstance(source.instance, Table):
            self.record.open.setdefault(source.instance.path, []).append("*")
        for item in self.items(source):
            self.assign(node.target, item, scope)
            self._maybe(node.body, scope)
        self._maybe(node.orelse, scope)
        return False

    _AsyncFor = _For

    def _While(self, node: ast.While, scope: Scope) -> bool:
        self.eval(node.test, scope)
        self._maybe(node.body, scope)
        return False

    def _With(self, node: ast.With | ast.AsyncWith, scope: Scope) -> bool:
        for item in node.items:
            value = self.eval(item.context_expr, scope)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value, scope)
        return self.run(node.body, scope)

    _AsyncWith = _With

    def _Try(self, node: ast.Try, scope: Scope) -> bool:
        ended = self.run(node.body, scope)
        for handler in node.handlers:
            self._maybe(handler.body, scope)
        self._maybe(node.orelse, scope)
        return self.run(node.finalbody, scope) or (ended and all(endings(handler.body) for handler in node.handlers))

    def _Match(self, node: ast.Match, scope: Scope) -> bool:
        self.eval(node.subject, scope)
        for case in node.cases:
            self._maybe(case.body, scope)
        return False

    # calls

    def call(self, node: ast.Call, scope: Scope) -> Any:
        """A call: of a parser's or a table's method, of a function of the tree, or of something from elsewhere."""
        called = self.eval(node.func, scope)
        if isinstance(called, Unknown) and called.name == "super":
            return self._super(scope)
        if isinstance(called, Method) and isinstance(called.instance, Parser | Table):
            return (parsers.method if isinstance(called.instance, Parser) else tables.method)(self, called, node, scope)
        if isinstance(called, Bound) and (read := self._reader(called)) is not None:
            return tables.reader(self, read, node, scope)
        return self._handed(called, node, scope)

    def _handed(self, called: Any, node: ast.Call, scope: Scope) -> Any:
        positional, named, rest = self.arguments(node, scope)
        if isinstance(called, Function | Bound):
            return self.enter_function(called, positional, named, rest)
        if isinstance(called, Class):
            return self.instantiate(called, positional, named, rest)
        if isinstance(called, Method):
            return tables.plain_method(called, positional)
        return self._foreign(called, node, positional, named, rest, scope)

    def _super(self, scope: Scope) -> Any:
        instance = scope.find("self")
        return Super(instance, scope.owner) if isinstance(instance, Instance) and scope.owner is not None else Unknown()

    def _reader(self, called: Bound) -> Any:
        node = called.function.node
        attribute = self.readers.get(getattr(node, "name", ""))
        table = self.attribute(called.instance, attribute) if attribute else None
        return table if isinstance(table, Table) else None

    def arguments(self, node: ast.Call, scope: Scope) -> tuple[list[Any], dict[str, Any], Any]:
        """Positional and named values, and the table that is handed over as `**`."""
        positional: list[Any] = []
        for part in node.args:
            value = self.eval(part.value if isinstance(part, ast.Starred) else part, scope)
            positional += (value if isinstance(value, list | tuple) else []) if isinstance(part, ast.Starred) else [value]
        named: dict[str, Any] = {}
        rest: Any = None
        for word in node.keywords:
            value = self.eval(word.value, scope)
            if word.arg is not None:
                named[word.arg] = value
            elif isinstance(value, dict):
                named |= {key: inner for key, inner in value.items() if isinstance(key, str)}
            elif isinstance(value, Table):
                rest = value
        return positional, named, rest

    def _foreign(self, called: Any, node: ast.Call, positional: list[Any], named: dict[str, Any], rest: Any, scope: Scope) -> Any:
        name = called.name if isinstance(called, Unknown) else ""
        last = name.rpartition(".")[2]
        if last == "ArgumentParser":
            parser = self.new_parser(self.section)
            parsers.inherit(self, parser, node, scope)
            return parser
        if last in ("int", "float", "str", "bool") and len(node.args) == 1 and name == last:
            self.declare(node.args[0], last)
        if rest is not None:
            self.record.open.setdefault(rest.path, []).append(name or "*")
        return tables.foreign(self, name, positional, node, scope) if positional else Unknown(name)

    def new_parser(self, name: str) -> Parser:
        """A parser that the source makes."""
        parser = Parser(name)
        self.parsers.append(parser)
        return parser

    def enter_function(self, called: Function | Bound, positional: list[Any], named: dict[str, Any], rest: Any) -> Any:
        """Walk a function of the tree when what it is given, or what it builds, is worth following."""
        function = called.function if isinstance(called, Bound) else called
        given = [called.instance, *positional] if isinstance(called, Bound) else positional
        if not self._worth(function, [*given, *named.values(), rest]):
            return Unknown()
        mark = _call_mark(function.node, given, named, rest)
        if mark in self._seen or self._depth >= _DEEPEST:
            return self._seen.get(mark, Unknown())
        self._seen[mark] = Unknown()
        self._entered.add(function.node)
        self._depth += 1
        try:
            self._seen[mark] = self._walk(function, given, named, rest)
        finally:
            self._depth -= 1
        return self._seen[mark]

    def _worth(self, function: Function, values: list[Any]) -> bool:
        if any(is_tracked(value) for value in values):
            return self.enter(function)
        return self.follow_parsers and function.module.mentions(function.node, "pars")

    def _walk(self, function: Function, given: list[Any], named: dict[str, Any], rest: Any) -> Any:
        scope = Scope(function.module, outer=function.scope, owner=function.owner, maybe=function.scope.maybe if function.scope else 0)
        tables.bind(self, function, scope, given, named, rest)
        if isinstance(function.node, ast.Lambda):
            value = self.eval(function.node.body, scope)
            self.rest_of(scope)
            return value
        self.run(function.node.body, scope)
        self.rest_of(scope)
        return best(scope.returned)

    def rest_of(self, scope: Scope) -> None:
        """Walk the functions that were defined in a scope and that nothing has called by name: they were handed on."""
        for inner in scope.inner if self.everything else ():
            if inner.node not in self._entered:
                scope.maybe += 1
                self._walk(inner, [], {}, Unknown())
                scope.maybe -= 1

    def _Lambda(self, node: ast.Lambda, scope: Scope) -> Any:
        made = Function(node, scope.module, scope, scope.owner)
        scope.inner.append(made)
        return made

    def instantiate(self, cls: Class, positional: list[Any], named: dict[str, Any], rest: Any) -> Instance:
        """An object of a class of the tree; with a table among its arguments its methods are walked, too."""
        mark = _call_mark(cls.node, positional, named, rest)
        if mark in self._seen:
            known: Instance = self._seen[mark]
            return known
        instance = self._seen[mark] = Instance(cls)
        if not any(is_tracked(value) for value in [*positional, *named.values(), rest]) or not self.enter(cls):
            return instance
        start = self.method(instance, cls, "__init__")
        if isinstance(start, Bound):
            self.enter_function(start, positional, named, rest)
        if self.everything and is_tracked(instance):
            for name in self._methods(cls):
                method = self.method(instance, cls, name)
                if isinstance(method, Bound):
                    self.enter_function(method, [], {}, Unknown())
        return instance

    def _methods(self, cls: Class) -> list[str]:
        found = [
            item.name for owner in self.bases(cls) for item in owner.node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        return [name for name in dict.fromkeys(found) if name != "__init__"]


def _call_mark(node: ast.AST, given: list[Any], named: dict[str, Any], rest: Any) -> tuple[Any, ...]:
    """What tells two calls apart."""
    return (node, *map(_mark, given), *((key, _mark(value)) for key, value in sorted(named.items())), _mark(rest))


def _mark(value: Any, depth: int = 3) -> Any:
    """The identity of objects of the tree, the value of the rest, as far as it matters."""
    if isinstance(value, Table | Fixed | Opened | Unknown | Instance | Parser):
        return value
    if isinstance(value, Function | Class):
        return value.node
    if isinstance(value, Bound):
        return value.function.node, _mark(value.instance, depth - 1)
    if isinstance(value, list | tuple | dict):
        return (type(value).__name__, *(_mark(item, depth - 1) for item in list(value)[:50])) if depth else type(value).__name__
    return repr(value)[:100] if is_plain(value) else type(value).__name__
