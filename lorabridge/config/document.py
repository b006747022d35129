"""YAML 1.2 text to plain data in which every key and value knows its line and column.

PyYAML's C composer gives nodes with positions; the scalars are resolved here by the YAML 1.2 core
schema (`no` and `12:30` are text, `1e-4` is a float), duplicate keys are refused, and the size of
the result is bounded, so that aliases cannot blow it up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import yaml

from lorabridge.config.paths import KeyPath, show
from lorabridge.diagnostics import Diagnostic, Span
from lorabridge.files import open_file

MAX_BYTES = 1_000_000
MAX_NODES = 10_000
MAX_DEPTH = 64
MAX_KEY = 200
MAX_MARKS = 50_000
"""Commas, line ends and dashes, an upper bound of the nodes that the composer would make."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _NodeLoader(_Loader):  # type: ignore[misc]
    """Composes nodes without YAML 1.1's guesses: plain scalars stay text, explicit tags stay visible."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {}

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        """The tag of a node that has none: every other tag was written."""
        return ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key and its value stand. A list item has no key: both are then the item."""

    key: Span
    value: Span


@dataclass(slots=True)
class Document:
    """One YAML text: its data, where each node stands, and what was wrong with it."""

    file: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)


def read_document(path: Path, shown: str = "") -> Document:
    """Read and parse a file; every problem becomes a diagnostic, none is raised."""
    shown = shown or str(path)
    try:
        with open_file(path) as handle:
            raw = handle.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return _unreadable(shown, f"cannot read `{shown}`: {reason}", "check the path")
    if len(raw) > MAX_BYTES:
        return _unreadable(shown, f"`{shown}` is larger than {MAX_BYTES // 1000} kB", "a config is a page or two; is this the right file?")
    return parse_bytes(raw, shown)


def parse_bytes(raw: bytes, shown: str) -> Document:
    """Decode UTF-8 (with or without a byte-order mark) and parse."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _unreadable(shown, f"`{shown}` is UTF-16", "save it as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _unreadable(shown, f"`{shown}` is not UTF-8 (byte {error.start}, line {line})", "save it as UTF-8", line)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        return _unreadable(shown, f"`{shown}` holds a NUL byte; it is not a text file", "is this the right file?", line)
    return parse_text(text, shown)


def _unreadable(shown: str, message: str, fix: str, line: int = 1) -> Document:
    span = Span(shown, line, 1, line, 1)
    return Document(shown, "", diagnostics=[Diagnostic("LB109", message, span, fix=fix)])


def parse_text(text: str, shown: str) -> Document:
    """Parse YAML whose top level is a mapping."""
    document = Document(shown, text)
    node = _compose(document)
    if node is None:
        if not document.diagnostics:
            _report(document, "LB100", "the file is empty", Span(shown, 1, 1, 1, 1), "`lorabridge init` writes a start")
        return document
    if not isinstance(node, yaml.MappingNode):
        _report(document, "LB100", "the file must be a mapping of keys", _span(shown, node), "`lorabridge init` writes a start")
        return document
    builder = _Builder(document)
    try:
        document.data = builder.mapping(node, (), 0)
    except _TooMuchError as error:
        _report(document, "LB110", str(error), error.span, "write the values out, without nested aliases")
        document.data = {}
    return document


def parse_value(text: str, shown: str) -> tuple[Any, list[Diagnostic]]:
    """Parse one value (the right side of `--set`)."""
    document = parse_text(f"value: {text}", shown)
    span = Span(shown, 1, 1, 1, max(2, len(shown) + 1))
    return document.data.get("value"), [Diagnostic(d.code, d.message, span, fix=d.fix) for d in document.diagnostics]


def _compose(document: Document) -> yaml.Node | None:
    span = Span(document.file, 1, 1, 1, 1)
    if sum(map(document.text.count, (",", "\n", "- ", "? "))) > MAX_MARKS:
        _report(document, "LB110", "far more entries than a config has", span, "is this the right file?")
        return None
    if _too_deep(document.text):
        _report(document, "LB110", f"nested more than {MAX_DEPTH} levels deep", span, "the language needs about five")
        return None
    loader = None
    try:
        loader = _NodeLoader(document.text)
        node = loader.get_single_node()
        return node if isinstance(node, yaml.Node) else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        _report(
            document,
            "LB100",
            f"not valid YAML: {_sentence(error)}",
            Span(document.file, line, column, line, column + 1),
            _yaml_fix(document.text, line),
        )
    except yaml.reader.ReaderError as error:
        line = document.text.count("\n", 0, error.position) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character or " ")
        _report(document, "LB100", f"the character U+{code:04X} is not allowed in YAML", Span(document.file, line, 1, line, 2), "remove it")
    except UnicodeEncodeError as error:
        line = document.text.count("\n", 0, error.start) + 1
        code = ord(document.text[error.start])
        _report(document, "LB100", f"the character U+{code:04X} is half of one", Span(document.file, line, 1, line, 2), "remove it")
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        _report(document, "LB100", f"not valid YAML: {type(error).__name__}", Span(document.file, 1, 1, 1, 2), "")
    finally:
        if loader is not None:
            loader.dispose()
    return None


def _too_deep(text: str) -> bool:
    """Whether brackets alone or `- - -` chains nest deeper than any config: the composer recurses."""
    depth = deepest = 0
    for match in re.finditer(r"[\[\]{}]|^(?:[ \t]*[-?] ){16,}|^ {512,}\S", text, re.MULTILINE):
        token = match[0]
        if token in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token in "]}":
            depth = max(0, depth - 1)
        else:
            return True
    return deepest > 4 * MAX_DEPTH


def _sentence(error: yaml.MarkedYAMLError) -> str:
    return ", ".join(part for part in (error.problem, error.context) if part)


def _yaml_fix(text: str, line: int) -> str:
    lines = text.splitlines()
    here = lines[line - 1] if line <= len(lines) else ""
    if "\t" in here:
        return "indent with spaces, not tabs"
    if "`" in here or re.search(r":\s*[@%]", here):
        return "put the value in quotes"
    return "check indentation, colons and quotes here and on the line above"


class _TooMuchError(Exception):
    def __init__(self, message: str, span: Span) -> None:
        super().__init__(message)
        self.span = span


class _Builder:
    """Turns nodes into data, counting what it makes."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.made = 0

    def value(self, node: yaml.Node, path: KeyPath, depth: int) -> Any:
        span = _span(self.document.file, node)
        self._count(span)
        if depth > MAX_DEPTH:
            raise _TooMuchError(f"nested more than {MAX_DEPTH} levels deep", span)
        if node.tag:
            _report(self.document, "LB100", f"tags such as `{node.tag}` are not used here", span, "write the plain value")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return list(self._items(node, path, depth))
        return self._scalar(node, path, span)

    def _count(self, span: Span) -> None:
        self.made += 1
        if self.made > MAX_NODES:
            raise _TooMuchError(f"the file expands to more than {MAX_NODES} values", span)

    def _items(self, node: yaml.SequenceNode, path: KeyPath, depth: int) -> Iterator[Any]:
        for index, item in enumerate(node.value):
            here = (*path, index)
            span = _span(self.document.file, item)
            self.document.places[here] = Place(span, span)
            yield self.value(item, here, depth + 1)

    def mapping(self, node: yaml.MappingNode, path: KeyPath, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key_span = _span(self.document.file, key_node)
            if not isinstance(key_node, yaml.ScalarNode) or len(key_node.value) > MAX_KEY:
                self._count(key_span)
                _report(self.document, "LB100", "a key must be a word", key_span, "write `key: value`")
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in result:
                self._count(key_span)
                first = self.document.places[here].key
                _report(
                    self.document,
                    "LB101",
                    f"the key `{key}` is written twice",
                    key_span,
                    "keep one of them",
                    ((first, "first written here"),),
                )
                continue
            if key == "<<" and key_node.style in (None, ""):
                _report(
                    self.document,
                    "LB100",
                    "merge keys (`<<`) are not part of YAML 1.2",
                    key_span,
                    "use `extends:` to build on another file",
                )
                continue
            self.document.places[here] = Place(key_span, _span(self.document.file, value_node))
            result[key] = self.value(value_node, here, depth + 1)
        return result

    def _scalar(self, node: yaml.Node, path: KeyPath, span: Span) -> Any:
        text = str(node.value)
        if node.tag or getattr(node, "style", None) not in (None, ""):
            return text
        value = resolve_scalar(text)
        if value is TOO_LARGE:
            message = f"`{text[:40]}{'…' * (len(text) > 40)}` is larger than any number here can be"
            self.document.diagnostics.append(Diagnostic("LB106", message, span, fix="write it in quotes if it is text", path=show(path)))
            return text
        return value


TOO_LARGE = object()
"""What `resolve_scalar` makes of a number beyond 64 bits."""

_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"([-+]?)(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN")


def resolve_scalar(text: str) -> Any:
    """A plain scalar by the YAML 1.2 core schema: null, bool, int, float or text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return _bounded(text, 10)
    if _BASED.fullmatch(text):
        return _bounded(text, 0)
    if _FLOAT.fullmatch(text):
        return TOO_LARGE if math.isinf(float(text)) else float(text)
    if match := _SPECIAL.fullmatch(text):
        return math.nan if match[2] is None else math.copysign(math.inf, -1 if match[1] == "-" else 1)
    return text


def _bounded(text: str, base: int) -> Any:
    value = int(text, base) if len(text) <= 100 else 2**64
    return value if -(2**63) <= value < 2**64 else TOO_LARGE


def _span(file: str, node: yaml.Node) -> Span:
    start, end = node.start_mark, node.end_mark
    return Span(file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _report(document: Document, code: str, message: str, span: Span, fix: str, related: tuple[tuple[Span, str], ...] = ()) -> None:
    document.diagnostics.append(Diagnostic(code, message, span, fix=fix, related=related))
