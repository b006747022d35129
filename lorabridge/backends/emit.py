"""Native documents as text, in lorabridge's own conventions, read back with the trainer's own parser.

TOML: floats stay floats, arrays are homogeneous, paths are literal strings (the readers of two
trainers refuse `"C:\\models"`). YAML: plain block style, numbers never quoted. What does not read
back equal is a defect of lorabridge and raises `EmitError`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from lorabridge import __version__
from lorabridge.backends.base import File


class EmitError(RuntimeError):
    """A compiled file did not read back as it was meant. Never the user's fault."""


def header(source: str, trainer: str) -> list[str]:
    """The first comment lines of every compiled file."""
    return [f"Compiled by lorabridge {__version__} from {source} for {trainer}.", "Change the source, not this file."]


def toml_file(path: str, tree: Mapping[str, Any], sources: Mapping[str, str], source: str, trainer: str) -> File:
    """A TOML file. `sources` maps dotted keys to intent paths: they become comments and the source map.

    Lists of tables are written as `[[name]]`. Raises EmitError when toml 0.10.2 reads something else.
    """
    import tomlkit

    document = tomlkit.document()
    for line in header(source, trainer):
        document.add(tomlkit.comment(line))
    document.add(tomlkit.nl())
    _fill(document, tree, sources, "")
    text = tomlkit.dumps(document)
    _check_toml(path, text, tree)
    return File(path, text, _toml_lines(text, sources))


def _fill(table: Any, tree: Mapping[str, Any], sources: Mapping[str, str], prefix: str) -> None:
    import tomlkit

    nested = {key: value for key, value in tree.items() if _is_table(value)}
    for key, value in tree.items():
        if key in nested:
            continue
        item = _toml_value(value, f"{prefix}{key}")
        intent = sources.get(f"{prefix}{key}", "")
        if intent:
            item.comment(intent)
        table.add(key, item)
    for key, value in nested.items():
        if isinstance(value, Mapping):
            inner = tomlkit.table()
            _fill(inner, value, sources, f"{prefix}{key}.")
            table.add(key, inner)
        else:
            array = tomlkit.aot()
            for index, entry in enumerate(value):
                inner = tomlkit.table()
                _fill(inner, entry, sources, f"{prefix}{key}.{index}.")
                array.append(inner)
            table.add(key, array)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) and not isinstance(v, Inline) for v in value)
    )


class Inline(dict[str, Any]):
    """A mapping that is written on one line: `{path = '…', type = '…'}`."""


def _toml_value(value: Any, where: str) -> Any:
    import tomlkit

    if isinstance(value, str):
        literal = "'" not in value and "\n" not in value and value.isprintable() and any(mark in value for mark in '/\\"')
        return tomlkit.string(value, literal=literal)
    if isinstance(value, Inline):
        table = tomlkit.inline_table()
        for key, item in value.items():
            table.append(key, _toml_value(item, where))
        return table
    if isinstance(value, list | tuple):
        array = tomlkit.array()
        for item in _homogeneous(list(value), where):
            array.append(_toml_value(item, where))
        return array
    if isinstance(value, float):
        if not math.isfinite(value):
            raise EmitError(f"{where}: {value} is not finite")
        return tomlkit.float_(_float(value))
    return tomlkit.item(value)


def _float(value: float) -> str:
    text = repr(value)
    return text if "." in text or "e" in text else text + ".0"


def _homogeneous(items: list[Any], where: str) -> list[Any]:
    """toml 0.10.2 refuses `[0.9, 1]`: numbers become floats together, anything else mixed is refused."""
    kinds = {type(item) for item in items}
    if kinds == {int, float}:
        return [float(item) for item in items]
    if any(isinstance(item, list | tuple) for item in items) and not all(isinstance(item, list | tuple) for item in items):
        raise EmitError(f"{where}: the trainer's TOML reader refuses lists that mix kinds")
    if all(isinstance(item, list | tuple) for item in items) and items:
        flat = {type(inner) for item in items for inner in item}
        return [[float(inner) for inner in item] if flat == {int, float} else list(item) for item in items]
    return items


def _check_toml(path: str, text: str, tree: Mapping[str, Any]) -> None:
    import toml

    try:
        read = toml.loads(text)
    except toml.TomlDecodeError as error:
        raise EmitError(f"{path}: the trainer's TOML reader refuses it: {error}") from error
    if not equal(read, tree):
        raise EmitError(f"{path}: the trainer's TOML reader reads something else")


def equal(left: Any, right: Any) -> bool:
    """Deep equality that tells 1 from 1.0 and true, and a list from a tuple not."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(equal, left, _homogeneous(list(right), "") if right else right))
    return type(left) is type(right) and bool(left == right)


def _toml_lines(text: str, sources: Mapping[str, str]) -> dict[int, str]:
    lines: dict[int, str] = {}
    intents = set(sources.values()) - {""}
    for number, line in enumerate(text.splitlines(), 1):
        _, mark, comment = line.rpartition("# ")
        if mark and comment in intents:
            lines[number] = comment
    return lines


def yaml_file(path: str, tree: Mapping[str, Any], sources: Mapping[str, str], source: str, trainer: str) -> File:
    """A YAML file for PyYAML readers. `sources` maps dotted keys (list items by index) to intent paths.

    Raises EmitError when a safe loader with ai-toolkit's float rule reads something else.
    """
    import yaml

    body = yaml.dump(_plain(tree), Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=False)
    if "${" in body:
        raise EmitError(f"{path}: `${{` would be expanded by the trainer")
    top = "".join(f"# {line}\n" for line in header(source, trainer))
    text = top + body
    if not equal(yaml.load(text, Loader=float_loader()), _plain(tree)):
        raise EmitError(f"{path}: the trainer's YAML reader reads something else")
    return File(path, text, _yaml_lines(text, sources))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _dumper() -> Any:
    import yaml

    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
            return super().increase_indent(flow, False)

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        # A reader with the wider float rule would take `1e-4` for a number: such text needs quotes.
        style = '"' if _FLOAT_LIKE.fullmatch(value) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    def number(dumper: Any, value: float) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:float", _decimal(value))

    Dumper.add_representer(str, text)
    Dumper.add_representer(float, number)
    return Dumper


def _decimal(value: float) -> str:
    """A plain decimal: YAML 1.1 readers take `1e-4` for text."""
    from decimal import Decimal

    text = format(Decimal(repr(value)), "f")
    return text if "." in text else text + ".0"


_FLOAT_LIKE = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?")


def float_loader() -> Any:
    """PyYAML's safe loader with the wider float rule that ai-toolkit adds (toolkit/config.py:57-67 at 27a03a91)."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    pattern = r"[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?(?:[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)|\.[0-9_]+(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(f"^(?:{pattern})$"), list("-+0123456789."))
    return Loader


def _yaml_lines(text: str, sources: Mapping[str, str]) -> dict[int, str]:
    import yaml

    lines: dict[int, str] = {}

    def visit(node: Any, dotted: str) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                here = f"{dotted}.{key.value}".lstrip(".")
                if sources.get(here):
                    lines[key.start_mark.line + 1] = sources[here]
                visit(value, here)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                visit(value, f"{dotted}.{index}")

    visit(yaml.compose(text, Loader=yaml.SafeLoader), "")
    return lines
