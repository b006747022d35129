"""What the methods of an argument parser add to it, with the rules that argparse has for defaults."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lorabridge.contracts.model import Entry
from lorabridge.contracts.types import converter
from lorabridge.contracts.values import MISSING, Method, Parser, Scope, Unknown, is_plain, jsonable

if TYPE_CHECKING:
    from lorabridge.contracts.trace import Tracer

_SAME = ("add_argument_group", "add_mutually_exclusive_group", "add_subparsers")
_SWITCHES = {"store_true": (False, True), "store_false": (True, False)}


def method(tracer: Tracer, called: Method, node: ast.Call, scope: Scope) -> Any:
    """A call of a parser's method."""
    parser: Parser = called.instance
    if called.name == "add_argument":
        _add(tracer, parser, node, scope)
        return Unknown()
    if called.name in _SAME:
        return parser
    if called.name == "add_parser":
        return _sub(tracer, parser, node, scope)
    if called.name == "set_defaults":
        for word in node.keywords:
            if word.arg is not None:
                _set_default(parser, word.arg, tracer.eval(word.value, scope))
    if called.name in ("parse_args", "parse_known_args"):
        return Unknown("args") if called.name == "parse_args" else (Unknown("args"), Unknown())
    return Unknown()


def _sub(tracer: Tracer, parser: Parser, node: ast.Call, scope: Scope) -> Parser:
    name = tracer.eval(node.args[0], scope) if node.args else "?"
    made = tracer.new_parser(f"{parser.name} {name if isinstance(name, str) else '?'}")
    for word in node.keywords:
        if word.arg == "parents":
            _inherit(made, tracer.eval(word.value, scope))
    return made


def _inherit(made: Parser, parents: Any) -> None:
    for parent in parents if isinstance(parents, list | tuple) else ():
        if isinstance(parent, Parser):
            made.options.update(parent.options)
            made.defaults.update(parent.defaults)


def inherit(tracer: Tracer, made: Parser, node: ast.Call, scope: Scope) -> None:
    """`ArgumentParser(parents=[...])`."""
    for word in node.keywords:
        if word.arg == "parents":
            _inherit(made, tracer.eval(word.value, scope))


def _set_default(parser: Parser, dest: str, value: Any) -> None:
    """As argparse does: for the options that are there, and for those that come later without a default."""
    parser.defaults[dest] = value
    for name, entry in parser.options.items():
        if (entry.dest or name) == dest:
            parser.options[name] = replace(entry, **{"default": None, "default_of": None, **_default(value)})


def _add(tracer: Tracer, parser: Parser, node: ast.Call, scope: Scope) -> None:
    positional, said, _ = tracer.arguments(node, scope)
    flags = [flag for flag in positional if isinstance(flag, str)]
    if not flags or len(flags) != len(positional):
        parser.takes.append(f"computed ({scope.module.shown}:{node.lineno})")
        return
    name, dest = _names(flags, said)
    action = said.get("action", "store")
    entry = Entry(
        f"{scope.module.shown}:{node.lineno}",
        type=None if action in _SWITCHES else converter(_keyword(node, "type"), tracer, scope),
        required=said.get("required") is True or (not flags[0].startswith("-") and said.get("nargs") not in ("?", "*")),
        nargs=said.get("nargs") if is_plain(said.get("nargs")) else None,
        action=(action if isinstance(action, str) else "computed") if action != "store" else None,
        dest=dest if dest != name else None,
        flags=() if flags == [f"--{name}"] else tuple(flags),
        const=jsonable(said["const"]) if is_plain(said.get("const")) and "const" in said else None,
        hidden=_hidden(node),
        **_choices(said.get("choices")),
    )
    fallback = _SWITCHES[action][0] if action in _SWITCHES else None
    default = said["default"] if "default" in said else parser.defaults.get(dest, fallback)
    parser.options[name] = replace(entry, **_default(default))


def _names(flags: list[str], said: dict[str, Any]) -> tuple[str, str]:
    """The option's name (its first long flag) and the attribute that it sets."""
    long = next((flag for flag in flags if flag.startswith("--")), flags[0])
    name = long.lstrip("-")
    given = said.get("dest")
    return name, given if isinstance(given, str) else name.replace("-", "_")


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((word.value for word in node.keywords if word.arg == name), None)


def _hidden(node: ast.Call) -> bool:
    text = _keyword(node, "help")
    return isinstance(text, ast.Attribute) and text.attr == "SUPPRESS"


def _default(value: Any) -> dict[str, Any]:
    if value is MISSING:
        return {}
    if is_plain(value):
        return {"default": jsonable(value)}
    return {"default_of": (value.name if isinstance(value, Unknown) else "") or "computed"}


def _choices(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if is_plain(value) and isinstance(value, list | tuple | set | dict | range):
        return {"choices": tuple(jsonable(list(value)))}
    name = value.name if isinstance(value, Unknown) else ""
    return {"choices_of": name or "computed"}
