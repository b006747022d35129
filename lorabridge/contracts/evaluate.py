"""What expressions of the source evaluate to, as far as it can be told without running anything."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from lorabridge.contracts.arithmetic import LONGEST, combined
from lorabridge.contracts.source import Module
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

_MOST = 1_000_000
"""Expressions in one walk; the largest real one takes a twentieth."""


class TooMuchError(ValueError):
    """A source that would keep the walk busy for minutes."""


class Evaluator:
    """Expressions. What calls and reads mean is the business of the subclass."""

    def __init__(self) -> None:
        self._globals: dict[tuple[str, str], Any] = {}
        self._busy: set[tuple[str, str]] = set()
        self._steps = 0

    def call(self, node: ast.Call, scope: Scope) -> Any:
        """A call. Filled in by the subclass."""
        raise NotImplementedError

    def read(self, table: Table, key: str, way: str, node: ast.AST, scope: Scope, default: Any = MISSING) -> Any:
        """A key that is read from a table. Filled in by the subclass."""
        raise NotImplementedError

    def eval(self, node: ast.AST | None, scope: Scope) -> Any:
        """The value of an expression. Raises TooMuchError."""
        if node is None:
            return None
        self._steps += 1
        if self._steps > _MOST:
            raise TooMuchError(f"{scope.module.shown} leads to more than can be followed")
        handler: Callable[[Any, Scope], Any] | None = getattr(self, f"_{type(node).__name__}", None)
        if handler is not None:
            try:
                return handler(node, scope)
            except RecursionError:
                return Unknown()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.eval(child, scope)
        return Unknown()

    # names

    def lookup(self, name: str, scope: Scope) -> Any:
        """A name as a function sees it: local, enclosing, of the module, or a builtin."""
        found = scope.find(name)
        return self.global_name(scope.module, name) if found is MISSING else found

    def global_name(self, module: Module, name: str) -> Any:
        """A top-level name of a module."""
        mark = (module.dotted, name)
        if mark not in self._globals:
            if mark in self._busy:
                return Unknown()
            self._busy.add(mark)
            self._globals[mark] = self._bind(module, name)
            self._busy.discard(mark)
        return self._globals[mark]

    def _bind(self, module: Module, name: str) -> Any:
        value: Any = MISSING
        for statement in module.names.get(name, ()):
            value = self._binding(module, name, statement)
        if value is not MISSING:
            return value
        inner = module.checkout.module(f"{module.dotted}.{name}") if module.path.name == "__init__.py" else None
        if inner is not None:
            return inner
        for star in module.names.get("*", ()):
            if isinstance(star, ast.ImportFrom):
                source = module.checkout.module(self.absolute(module, star))
                if source is not None and name in source.names:
                    return self.global_name(source, name)
        return Unknown(name)

    def _binding(self, module: Module, name: str, statement: ast.stmt) -> Any:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            return Function(statement, module)
        if isinstance(statement, ast.ClassDef):
            return Class(statement, module)
        if isinstance(statement, ast.Import | ast.ImportFrom):
            return self.imported(module, statement).get(name, Unknown(name))
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            scope = Scope(module)
            self.assign(
                statement.targets[0] if isinstance(statement, ast.Assign) else statement.target, self.eval(statement.value, scope), scope
            )
            return scope.names.get(name, Unknown())
        return Unknown()

    def absolute(self, module: Module, node: ast.ImportFrom) -> str:
        """The dotted name that `from X import` names."""
        if not node.level:
            return node.module or ""
        parts = module.package.split(".") if module.package else []
        parts = parts[: len(parts) - (node.level - 1)] if node.level > 1 else parts
        return ".".join([*parts, *([node.module] if node.module else [])])

    def imported(self, module: Module, node: ast.Import | ast.ImportFrom) -> dict[str, Any]:
        """What an import statement binds."""
        found: dict[str, Any] = {}
        if isinstance(node, ast.Import):
            for alias in node.names:
                dotted = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or dotted] = self._named(module, dotted)
            return found
        origin = self.absolute(module, node)
        source = module.checkout.module(origin)
        for alias in node.names:
            if source is not None and source is not module:
                found[alias.asname or alias.name] = self.global_name(source, alias.name)
            else:
                found[alias.asname or alias.name] = self._named(module, f"{origin}.{alias.name}")
        return found

    def _named(self, module: Module, dotted: str) -> Any:
        return module.checkout.module(dotted) or Unknown(dotted)

    def assign(self, target: ast.AST, value: Any, scope: Scope) -> None:
        """Bind a target. In a branch that may not be taken, what can be followed is not lost to what cannot."""
        if isinstance(target, ast.Name):
            old = scope.names.get(target.id, MISSING)
            if not (scope.maybe and is_tracked(old) and not is_tracked(value)):
                scope.names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            items = value if isinstance(value, list | tuple) and len(value) == len(target.elts) else [Unknown()] * len(target.elts)
            for part, item in zip(target.elts, items, strict=True):
                self.assign(part, item, scope)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, Unknown(), scope)
        elif isinstance(target, ast.Attribute):
            self.keep(self.eval(target.value, scope), target.attr, value)
        elif isinstance(target, ast.Subscript):
            self._store(self.eval(target.value, scope), self.eval(target.slice, scope), value, scope)

    def keep(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute of an object; the first value stays unless a later one can be followed."""
        if isinstance(owner, Instance) and (is_tracked(value) or name not in owner.attributes):
            owner.attributes[name] = value

    def _store(self, owner: Any, key: Any, value: Any, scope: Scope) -> None:
        if isinstance(owner, dict) and isinstance(key, str):
            owner[key] = value
        elif isinstance(owner, Table) and isinstance(key, str) and not scope.maybe:
            self.stored(owner, key)

    def stored(self, table: Table, key: str) -> None:
        """A key that the trainer sets itself, for certain. Filled in by the subclass."""

    def chosen(self, leaf: Table, values: dict[Any, Any]) -> None:
        """A key whose value must be one of a dict's. Filled in by the subclass."""

    # expressions

    def _Constant(self, node: ast.Constant, scope: Scope) -> Any:
        return node.value if is_plain(node.value) else Unknown()

    def _Name(self, node: ast.Name, scope: Scope) -> Any:
        return self.lookup(node.id, scope)

    def _List(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Any:
        items: list[Any] = []
        for part in node.elts:
            value = self.eval(part.value if isinstance(part, ast.Starred) else part, scope)
            if isinstance(part, ast.Starred):
                items += value if isinstance(value, list | tuple) and len(items) + len(value) <= LONGEST else [Unknown()]
            else:
                items.append(value)
        return items if isinstance(node, ast.List) else tuple(items)

    _Tuple = _List
    _Set = _List

    def _Dict(self, node: ast.Dict, scope: Scope) -> Any:
        found: dict[Any, Any] = {}
        table = None
        for key, value in zip(node.keys, node.values, strict=True):
            inner = self.eval(value, scope)
            if key is None:
                table = inner if isinstance(inner, Table) else table
                found |= inner if isinstance(inner, dict) else {}
                continue
            name = self.eval(key, scope)
            if isinstance(name, str | int | float | bool | None):
                found[name] = inner
        return found if table is None else table

    def _JoinedStr(self, node: ast.JoinedStr, scope: Scope) -> Any:
        parts = [self.eval(part.value if isinstance(part, ast.FormattedValue) else part, scope) for part in node.values]
        text = "".join(str(part) for part in parts if isinstance(part, str | int))
        return text if all(isinstance(part, str | int) for part in parts) and len(text) <= LONGEST else Unknown()

    def _UnaryOp(self, node: ast.UnaryOp, scope: Scope) -> Any:
        value = self.eval(node.operand, scope)
        if isinstance(node.op, ast.Not):
            return not value if isinstance(value, bool) else Unknown()
        if isinstance(value, int | float):
            return -value if isinstance(node.op, ast.USub) else +value if isinstance(node.op, ast.UAdd) else Unknown()
        return Unknown()

    def _BinOp(self, node: ast.BinOp, scope: Scope) -> Any:
        left, right = self.eval(node.left, scope), self.eval(node.right, scope)
        return combined(node.op, left, right) if is_plain(left) and is_plain(right) else Unknown()

    def _BoolOp(self, node: ast.BoolOp, scope: Scope) -> Any:
        return best([self.eval(part, scope) for part in node.values])

    def _IfExp(self, node: ast.IfExp, scope: Scope) -> Any:
        self.eval(node.test, scope)
        scope.maybe += 1
        values = [self.eval(node.body, scope), self.eval(node.orelse, scope)]
        scope.maybe -= 1
        return best(values) if any(is_tracked(value) for value in values) else Unknown()

    def _NamedExpr(self, node: ast.NamedExpr, scope: Scope) -> Any:
        value = self.eval(node.value, scope)
        self.assign(node.target, value, scope)
        return value

    def _Await(self, node: ast.Await, scope: Scope) -> Any:
        return self.eval(node.value, scope)

    def _Call(self, node: ast.Call, scope: Scope) -> Any:
        return self.call(node, scope)

    def _Compare(self, node: ast.Compare, scope: Scope) -> Any:
        left = self.eval(node.left, scope)
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = self.eval(part, scope)
            if isinstance(op, ast.In | ast.NotIn) and isinstance(right, Table) and isinstance(left, str):
                self.read(right, left, "in", node, scope)
        return Unknown()

    def _Attribute(self, node: ast.Attribute, scope: Scope) -> Any:
        return self.attribute(self.eval(node.value, scope), node.attr)

    def attribute(self, value: Any, name: str) -> Any:
        """An attribute of a value."""
        if isinstance(value, Module):
            return self.global_name(value, name)
        if isinstance(value, Instance):
            return value.attributes[name] if name in value.attributes else self.method(value, value.cls, name)
        if isinstance(value, Super | Class):
            return self.method(value.instance, value.owner, name, skip=True) if isinstance(value, Super) else self.method(None, value, name)
        if isinstance(value, Unknown):
            return Unknown(f"{value.name}.{name}" if value.name and value is not MISSING else "")
        if name == "value" and is_plain(value):
            return value
        return Method(value, name) if isinstance(value, Table | Parser | Fixed | Opened | str | dict | list | tuple) else Unknown()

    def method(self, instance: Any, cls: Class, name: str, *, skip: bool = False) -> Any:
        """A name of a class or of its bases; a function is bound to the instance."""
        for owner in self.bases(cls)[1 if skip else 0 :]:
            for statement in owner.node.body:
                if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and statement.name == name:
                    function = Function(statement, owner.module, None, owner)
                    return function if instance is None or _static(statement) else Bound(function, instance)
                if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None and _targets(statement, name):
                    return self.eval(statement.value, Scope(owner.module))
        return Unknown()

    def bases(self, cls: Class) -> list[Class]:
        """The class and what it inherits from within the tree, nearest first, each once."""
        found, queue = [cls], [cls]
        while queue:
            current = queue.pop(0)
            for base in current.node.bases:
                value = self.eval(base, Scope(current.module))
                if isinstance(value, Class) and all(other.node is not value.node for other in found):
                    found.append(value)
                    queue.append(value)
        return found

    def _Subscript(self, node: ast.Subscript, scope: Scope) -> Any:
        value, key = self.eval(node.value, scope), self.eval(node.slice, scope)
        if isinstance(value, Table):
            if isinstance(key, str):
                return self.read(value, key, "[]", node, scope)
            return value.item if isinstance(key, int | Unknown) else Unknown()
        if isinstance(value, dict) and isinstance(key, Table):
            self.chosen(key, value)
        try:
            return value[key] if isinstance(value, list | tuple | dict) and is_plain(key) else Unknown()
        except (KeyError, IndexError, TypeError):
            return Unknown()

    def _Slice(self, node: ast.Slice, scope: Scope) -> Any:
        for part in (node.lower, node.upper, node.step):
            self.eval(part, scope)
        return Method(None, "slice")

    # comprehensions and loops

    def items(self, value: Any) -> list[Any]:
        """What a loop over a value yields, as far as it is worth following."""
        if isinstance(value, Table):
            return [value.item]
        if isinstance(value, list | tuple) and len(value) <= LONGEST:
            return list(value)
        if isinstance(value, dict) and len(value) <= LONGEST:
            return list(value)
        if isinstance(value, Class):
            return self._members(value)
        return [value if isinstance(value, Method) else Unknown(value.name if isinstance(value, Unknown) else "")]

    def _members(self, cls: Class) -> list[Any]:
        """The values of an enumeration of the tree."""
        if not any("Enum" in ast.unparse(base) for owner in self.bases(cls) for base in owner.node.bases):
            return [Unknown()]
        return [self.eval(item.value, Scope(cls.module)) for item in cls.node.body if isinstance(item, ast.Assign)]

    def _ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, scope: Scope) -> Any:
        inner = Scope(scope.module, outer=scope, owner=scope.owner, maybe=scope.maybe)
        found = [self.eval(node.elt, inner) for _ in self._generated(node.generators, inner)]
        names = {item.name for item in found if isinstance(item, Unknown)}
        return Unknown(names.pop()) if len(names) == 1 and len(found) == 1 else found

    _SetComp = _ListComp
    _GeneratorExp = _ListComp

    def _DictComp(self, node: ast.DictComp, scope: Scope) -> Any:
        inner = Scope(scope.module, outer=scope, owner=scope.owner, maybe=scope.maybe)
        found: dict[Any, Any] = {}
        for source in self._generated(node.generators, inner):
            if isinstance(source, Method) and isinstance(source.instance, Table):
                return source.instance
            key, value = self.eval(node.key, inner), self.eval(node.value, inner)
            if is_plain(key) and not isinstance(key, list | dict):
                found[key] = value
        return found

    def _generated(self, generators: list[ast.comprehension], scope: Scope) -> Iterable[Any]:
        if not generators:
            yield None
            return
        first, *rest = generators
        source = self.eval(first.iter, scope)
        for item in self.items(source):
            self.assign(first.target, item, scope)
            for test in first.ifs:
                self.eval(test, scope)
            for inner in self._generated(rest, scope):
                yield source if inner is None else inner


def _static(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(item, ast.Name) and item.id == "staticmethod" for item in node.decorator_list)


def _targets(statement: ast.Assign | ast.AnnAssign, name: str) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)
