"""YAML as PyYAML's SafeLoader with ai-toolkit's float rule reads it, and JSON; both with positions.

YAML 1.1 takes `no` for false, `12:30` for 750 and `010` for 8. The data hold what the trainer gets; each such surprise is reported.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import yaml

from lorabridge.backends.native.model import NativeFile
from lorabridge.config.document import MAX_NODES, Place, resolve_scalar
from lorabridge.config.paths import KeyPath, show
from lorabridge.diagnostics import Diagnostic, Severity, Span

_FLOAT = re.compile(
    r"""^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+]?[0-9]+)?
    |[-+]?(?:[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)
    |\.[0-9_]+(?:[eE][-+][0-9]+)?
    |[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*
    |[-+]?\.(?:inf|Inf|INF)
    |\.(?:nan|NaN|NAN))$""",
    re.VERBOSE,
)
_TAG = "tag:yaml.org,2002:"


@cache
def _loader() -> Any:
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        """SafeLoader with the float rule of ai-toolkit (toolkit/config.py)."""

    Loader.add_implicit_resolver(f"{_TAG}float", _FLOAT, list("-+0123456789."))
    return Loader


def read_yaml(name: str, text: str) -> NativeFile:
    """Parse YAML whose top level is a mapping."""
    file = NativeFile(name, text, "yaml")
    loader = None
    try:
        loader = _loader()(text)
        node = loader.get_single_node()
        if node is None:
            return file
        _Walk(file).node(node, (), 0)
        data = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        _broken(file, error)
        return file
    except (yaml.YAMLError, _TooMuchError, RecursionError, ValueError, TypeError) as error:
        span = Span(name, 1, 1, 1, 2)
        file.diagnostics.append(
            Diagnostic("LB320", f"not readable YAML: {str(error).splitlines()[0] if str(error) else type(error).__name__}", span)
        )
        return file
    finally:
        if loader is not None:
            loader.dispose()
    if isinstance(data, dict):
        file.data = data
    else:
        file.diagnostics.append(
            Diagnostic("LB320", "the top level is no mapping of keys", Span(name, 1, 1, 1, 2), why="the trainer stops at once")
        )
    return file


def _broken(file: NativeFile, error: yaml.MarkedYAMLError) -> None:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    here = (file.text.splitlines() or [""])[min(line, file.text.count("\n") + 1) - 1 :][:1]
    fix = "indent with spaces, not tabs" if here and "\t" in here[0] else "check indentation, colons and quotes here and on the line above"
    problem = ", ".join(part for part in (error.problem, error.context) if part)
    span = Span(file.name, line, column, line, column + 1)
    file.diagnostics.append(Diagnostic("LB320", f"not readable YAML: {problem}", span, why="the trainer stops at once", fix=fix))


class _TooMuchError(Exception):
    pass


class _Walk:
    """Positions of all nodes, and what YAML 1.1 makes of them."""

    def __init__(self, file: NativeFile) -> None:
        self.file = file
        self.made = 0

    def node(self, node: yaml.Node, path: KeyPath, depth: int) -> None:
        self.made += 1
        if self.made > MAX_NODES or depth > 64:
            raise _TooMuchError("far larger than any config")
        if isinstance(node, yaml.MappingNode):
            self.mapping(node, path, depth)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                span = _span(self.file.name, item)
                self.file.places[(*path, index)] = Place(span, span)
                self.node(item, (*path, index), depth + 1)
        elif isinstance(node, yaml.ScalarNode):
            self.scalar(node, path)

    def mapping(self, node: yaml.MappingNode, path: KeyPath, depth: int) -> None:
        seen: dict[Any, tuple[Span, str]] = {}
        for key_node, value_node in node.value:
            key = _key(key_node)
            key_span, here = _span(self.file.name, key_node), (*path, key)
            if key in seen and key != "<<":
                self.twice(here, key_span, seen[key], _text(value_node))
            seen[key] = (key_span, _text(value_node))
            if not isinstance(key, str):
                self.report(
                    "LB320", f"the key `{key_node.value}` is read as {key!r}, not as text", key_span, here, "put the key in quotes", "error"
                )
            self.file.places[here] = Place(key_span, _span(self.file.name, value_node))
            if key == "<<" and isinstance(value_node, yaml.MappingNode):
                self.node(value_node, path, depth + 1)
            else:
                self.node(value_node, here, depth + 1)

    def twice(self, path: KeyPath, span: Span, first: tuple[Span, str], text: str) -> None:
        severity: Severity = "warning" if text and text == first[1] else "error"
        item = Diagnostic(
            "LB320", f"the key `{path[-1]}` is written twice; the first is lost", span, severity, "PyYAML keeps the last one in silence", "keep one of them", show(path),
            related=((first[0], "first written here"),),
        )  # fmt: skip
        self.file.diagnostics.append(item)

    def scalar(self, node: yaml.ScalarNode, path: KeyPath) -> None:
        if node.style not in (None, ""):
            return
        meant = resolve_scalar(node.value)
        got = _value(node)
        if repr(got) == repr(meant) or (got == meant and not isinstance(got, bool) and not isinstance(meant, bool)):
            return
        span = _span(self.file.name, node)
        message = f"`{node.value[:40]}` is read as {got!r}"
        self.report(
            "LB320",
            message,
            span,
            path,
            "put it in quotes if it is text; write numbers in plain decimal, switches as `true` or `false`",
            "warning",
        )

    def report(self, code: str, message: str, span: Span, path: KeyPath, fix: str, severity: Severity) -> None:
        why = "the trainer reads YAML 1.1"
        self.file.diagnostics.append(Diagnostic(code, message, span, severity, why, fix, show(path)))


def _value(node: yaml.ScalarNode) -> Any:
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (yaml.YAMLError, ValueError):
        return node.value


def _key(node: yaml.Node) -> Any:
    if not isinstance(node, yaml.ScalarNode) or node.value == "<<":
        return str(node.value) if isinstance(node, yaml.ScalarNode) else "?"
    return _value(node)


def _text(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _span(file: str, node: yaml.Node) -> Span:
    start, end = node.start_mark, node.end_mark
    return Span(file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def read_json(name: str, text: str) -> NativeFile:
    """Parse JSON; positions come from reading it as YAML, of which it is a part."""
    file = NativeFile(name, text, "json")
    try:
        data = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
        span = Span(name, line, column, line, column + 1)
        file.diagnostics.append(
            Diagnostic(
                "LB320", f"not valid JSON: {getattr(error, 'msg', error)}", span, why="the trainer stops at once", fix="mend the line"
            )
        )
        return file
    if text.startswith("\ufeff"):
        file.diagnostics.append(
            Diagnostic(
                "LB320",
                "the file starts with a byte-order mark",
                Span(name, 1, 1, 1, 2),
                why="json.load refuses it",
                fix="save it as UTF-8 without the mark",
            )
        )
    if not isinstance(data, dict):
        file.diagnostics.append(Diagnostic("LB320", "the top level is no object", Span(name, 1, 1, 1, 2), why="the trainer stops at once"))
        return file
    file.data = data
    other = NativeFile(name, text, "yaml")
    try:
        node = yaml.compose(text.removeprefix("\ufeff").replace("\t", " "), Loader=_loader())
        if node is not None:
            _Walk(other).node(node, (), 0)
    except (yaml.YAMLError, _TooMuchError, RecursionError):
        pass
    file.places = other.places
    file.diagnostics += [item for item in other.diagnostics if "twice" in item.message]
    return file
