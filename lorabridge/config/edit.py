"""Set values in a user's YAML and keep every other byte: comments, quotes, order, line ends, flow style.

Each change becomes one splice at the position of a node; the result is read back and must hold exactly the old values and the new one.
What cannot be done so (shared anchors, a block that holds comments, lists that end too early) is refused with the reason.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import yaml

from lorabridge.config.document import parse_text, resolve_scalar
from lorabridge.config.paths import KeyPath, show
from lorabridge.config.spell import flow
from lorabridge.config.validate import row_at


class EditError(ValueError):
    """The change cannot be made without touching more; the message says why and what to do by hand."""


@dataclass(frozen=True)
class Splice:
    """Replace the characters from `start` to `end` of the text as it is then."""

    start: int
    end: int
    text: str

    def apply(self, text: str) -> str:
        """The text with the replacement."""
        return text[: self.start] + self.text + text[self.end :]


@dataclass(frozen=True)
class Edited:
    """The new text, and the splices that lead to it one after another."""

    text: str
    splices: tuple[Splice, ...]


class _Loader(yaml.SafeLoader):
    """The pure Python composer: its marks hold character positions. Scalars stay text, as in `document`."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {}  # type: ignore[misc]

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        return ""


def edit_text(text: str, changes: Iterable[tuple[KeyPath, Any]]) -> Edited:
    """Set each path to its value, in order. Raises EditError; then nothing is changed.

    A section in short form (`optimizer: adamw`) is spelled out where a key is added to it; keys that are missing are added to the
    nearest section that is there, in its own style.
    """
    splices = []
    for path, value in changes:
        splice = _one(text, path, value)
        if splice is not None:
            splices.append(splice)
            text = splice.apply(text)
    return Edited(text, tuple(splices))


def _one(text: str, path: KeyPath, value: Any) -> Splice | None:
    before = parse_text(text, "")
    if before.diagnostics:
        raise EditError(f"the file has errors ({before.diagnostics[0].message}); mend them first")
    wanted = _wanted(before.data, path, value)
    if _same(wanted, before.data):
        return None
    splice = _Place(text, path).splice(value)
    after = parse_text(splice.apply(text), "")
    if after.diagnostics or not _same(after.data, wanted):
        raise EditError(f"`{show(path)}` cannot be set here without touching more; write `{flow(value)}` by hand")
    return splice


def _same(one: Any, two: Any) -> bool:
    """Equal in value and in type: `1` is not `1.0`, nor `true`."""
    if isinstance(one, dict) and isinstance(two, dict):
        return list(one) == list(two) and all(_same(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(_same(*pair) for pair in zip(one, two, strict=True))
    return type(one) is type(two) and one == two


def _plain(value: Any) -> Any:
    """As it is read back: an amount is text, a tuple a list."""
    found: Any = parse_text(f"v: {flow(value)}", "").data["v"]
    return found


def _wanted(data: dict[str, Any], path: KeyPath, value: Any) -> dict[str, Any]:
    """The data that the new text must hold. Raises EditError where a list has no such item."""
    result = copy.deepcopy(data)
    here: Any = result
    inner: Any
    for depth, part in enumerate(path):
        last = depth == len(path) - 1
        if isinstance(here, list):
            if not isinstance(part, int) or part >= len(here):
                raise EditError(f"`{show(path)}`: there is no such item in this file")
        elif isinstance(part, int):
            raise EditError(f"`{show(path[: depth + 1])}` is not in this file; it comes from a base or a preset")
        if last:
            _put(here, part, _plain(value))
            break
        inner = here.get(part) if isinstance(here, dict) else here[part]
        if not isinstance(inner, dict | list):
            inner = _long(inner, path[: depth + 1])
            _put(here, part, inner)
        here = inner
    return result


def _put(holder: Any, part: str | int, value: Any) -> None:
    holder[part] = value


def _long(value: Any, path: KeyPath) -> dict[str, Any]:
    """A section in short form, spelled out."""
    if value is None:
        return {}
    row = row_at(path)
    short = row.section.shorthand if row and row.section else ""
    if not short:
        raise EditError(f"`{show(path)}` is a value here, not a section")
    return {short: value}


class _Place:
    """The nearest node on a path, and how to write below it."""

    def __init__(self, text: str, path: KeyPath) -> None:
        self.text, self.path = text, path
        try:
            root = yaml.compose(text, Loader=_Loader)
        except yaml.YAMLError as error:  # the composer in C takes a few things that this one does not, such as `[0?]`
            raise EditError(
                f"the file holds YAML that is read in two ways ({error}); put that value in quotes".replace("\n", " ")
            ) from error
        if not isinstance(root, yaml.MappingNode):
            raise EditError("the file is not a mapping")
        self.node: yaml.Node = root
        self.depth = 0
        self._own(root)
        while self.depth < len(path) and (inner := _child(self.node, path[self.depth])) is not None:
            self.node = inner
            self.depth += 1
            self._own(inner)

    def _own(self, node: yaml.Node) -> None:
        """An anchored node, also where an alias leads to it, begins at its anchor: what is set there would change elsewhere."""
        if self.text[node.start_mark.index : node.start_mark.index + 1] in ("&", "*", "!"):
            raise EditError(f"`{show(self.path[: self.depth])}` is shared by an anchor; change it by hand")

    def splice(self, value: Any) -> Splice:
        """The replacement or the insertion."""
        rest = self.path[self.depth :]
        if not rest:
            return self._replace(self.node, _as_written(self.text, self.node, value))
        if isinstance(self.node, yaml.MappingNode):
            return self._insert(self.node, f"{flow(rest[0])}: {flow(_nest(rest[1:], value))}")
        if isinstance(self.node, yaml.ScalarNode):
            short = _long(_scalar(self.node), self.path[: self.depth])
            pieces = [f"{key}: {self._raw(self.node)}" for key in short] + [f"{flow(rest[0])}: {flow(_nest(rest[1:], value))}"]
            return self._replace(self.node, "{" + ", ".join(pieces) + "}")
        raise EditError(f"`{show(self.path)}` is below a list; change it by hand")

    def _raw(self, node: yaml.Node) -> str:
        raw = self.text[node.start_mark.index : node.end_mark.index]
        if "\n" in raw or "\r" in raw:
            raise EditError(f"`{show(self.path)}` spans lines; change it by hand")
        return raw if getattr(node, "style", None) in ('"', "'") or flow(raw) == raw or not isinstance(_scalar(node), str) else flow(raw)

    def _replace(self, node: yaml.Node, new: str) -> Splice:
        start, end = node.start_mark.index, _end(node)
        if start == end:  # nothing was written after the colon
            return Splice(start, end, f" {new}")
        old = self.text[start:end]
        if isinstance(node, yaml.CollectionNode) and not node.flow_style:
            if "#" in old:
                raise EditError(f"`{show(self.path)}` holds comments; change it by hand")
            start = len(self.text[:start].rstrip())
            if "#" in self.text[start : node.start_mark.index]:
                raise EditError(f"`{show(self.path)}` holds comments; change it by hand")
            return Splice(start, end, f" {new}")
        if getattr(node, "style", None) in ("|", ">"):
            raise EditError(f"`{show(self.path)}` is a block of text; change it by hand")
        return Splice(start, end, new)

    def _insert(self, node: yaml.MappingNode, entry: str) -> Splice:
        if node.flow_style:
            return self._insert_in_braces(node, entry)
        if not node.value:
            raise EditError(f"`{show(self.path)}`: the section is empty; write it by hand")
        at = self._line_end(max(_end(value) for pair in node.value for value in pair))
        indent = " " * node.value[0][0].start_mark.column
        return Splice(at, at, f"{self._newline()}{indent}{entry}")

    def _insert_in_braces(self, node: yaml.MappingNode, entry: str) -> Splice:
        if not node.value:
            at = node.start_mark.index + 1
            return Splice(at, at, entry)
        at = max(_end(value) for pair in node.value for value in pair)
        if self.text[at : node.end_mark.index].lstrip().startswith(","):
            at = self.text.index(",", at) + 1
            return Splice(at, at, f" {entry}")
        return Splice(at, at, f", {entry}")

    def _line_end(self, at: int) -> int:
        ends = [found for mark in "\r\n" if (found := self.text.find(mark, at)) >= 0]
        return min(ends, default=len(self.text))

    def _newline(self) -> str:
        first = self._line_end(0)
        return "\r\n" if self.text[first : first + 2] == "\r\n" else self.text[first : first + 1] or "\n"


def _nest(path: KeyPath, value: Any) -> Any:
    for part in reversed(path):
        value = {part: value}
    return value


def _scalar(node: yaml.Node) -> Any:
    value = node.value
    return resolve_scalar(value) if getattr(node, "style", None) in (None, "") else value


def _as_written(text: str, node: yaml.Node, value: Any) -> str:
    """The value in the quotes that the old one had, where it is text."""
    style = getattr(node, "style", None)
    plain = _plain(value)
    if isinstance(plain, str) and plain.isprintable():
        if style == "'":
            return "'" + plain.replace("'", "''") + "'"
        if style == '"' and '"' not in plain and "\\" not in plain:
            return f'"{plain}"'
    return flow(value)


def _child(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        found: yaml.Node = node.value[part]
        return found
    return None


def _end(node: yaml.Node) -> int:
    """Where the content of a node ends: a block's own mark is at the next token, after comments."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return max(map(_end, last)) if isinstance(last, tuple) else _end(last)
    if getattr(node, "style", None) in ("|", ">"):
        buffer = node.end_mark.buffer
        whole = buffer if buffer is not None else ""
        return len(whole[: node.end_mark.index].rstrip()) if whole else int(node.end_mark.index)
    return int(node.end_mark.index)
