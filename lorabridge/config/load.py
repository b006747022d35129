"""From files to one configuration: layers, `--set`, environment, meanings, validation, rules.

The order of layers, later over earlier: the files and presets named by `extends`, the file itself,
`--set`. Mappings merge key by key; lists and values replace.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from lorabridge.config.document import MAX_NODES, Place, parse_value, read_document
from lorabridge.config.interpret import Interpreter, Reading, long_form, spell_out
from lorabridge.config.paths import KeyPath, show, split_path
from lorabridge.config.rules import check_rules
from lorabridge.config.schema import Config
from lorabridge.config.validate import row_at, validate
from lorabridge.diagnostics import Diagnostic, Span, sort_key

_ENV = re.compile(r"\$\{env:([^}$]*)\}")
_SECRET = re.compile(r"hf_[A-Za-z0-9]{20,}|(?<![0-9a-f/\\@])[0-9a-f]{40}(?![0-9a-f/\\.])|sk-[A-Za-z0-9_-]{20,}")
_HIDDEN = "(hidden)"
MAX_LAYERS = 16
MAX_FINDINGS = 200


@dataclass(slots=True)
class Loaded:
    """A configuration with everything that is known about how it came to be.

    `config` is None when the text does not validate; `partial` then holds what is left without the
    wrong values, so that one pass finds everything. `data` is the merged data after meanings; `places` maps
    each path to where it was written, `readings` lists values that were not taken at face value.
    """

    file: str
    root: Path
    config: Config | None = None
    partial: Config | None = None
    data: dict[str, Any] = field(default_factory=dict)
    written: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    layers: int = 0

    @property
    def ok(self) -> bool:
        return self.config is not None and not any(d.severity == "error" for d in self.diagnostics)

    def place(self, path: str) -> Span | None:
        """Where the value at a dotted path was written, or the nearest section around it."""
        parts = split_path(path)
        while parts:
            if parts in self.places:
                return self.places[parts].value
            parts = parts[:-1]
        return None


def load(
    path: Path,
    *,
    overrides: Sequence[str] = (),
    presets: Callable[[str], Path | None] = lambda name: None,
    environ: Mapping[str, str] | None = None,
    shown: str = "",
) -> Loaded:
    """Load a configuration. Never raises for what is in the file: every problem is a diagnostic.

    `presets` finds the file of a preset that `extends` names; `environ` replaces `os.environ`.
    """
    loaded = Loaded(shown or str(path), path.parent)
    _layers(loaded, path, presets, (), shown)
    for text in overrides:
        _override(loaded, text)
    _environment(loaded, os.environ if environ is None else environ)
    _secrets(loaded)
    if not loaded.written and any(d.code in ("LB100", "LB109", "LB110") for d in loaded.diagnostics):
        return _bounded(loaded)
    return finish(loaded)


def finish(loaded: Loaded) -> Loaded:
    """Interpret, validate and check `loaded.written`."""
    interpreter = Interpreter(loaded.places, loaded.readings, loaded.diagnostics)
    loaded.data = interpreter.section(Config, loaded.written)
    broken = {split_path(d.path) for d in loaded.diagnostics if d.path}
    config, partial, found = validate(loaded.data, loaded.places, broken)
    loaded.diagnostics += found
    loaded.config, loaded.partial = config, partial
    if partial is not None:
        wrong = {split_path(d.path)[:1] for d in loaded.diagnostics if d.path and d.severity == "error"}
        loaded.diagnostics += [d for d in check_rules(partial, loaded) if split_path(d.path)[:1] not in wrong]
    return _bounded(loaded)


def _bounded(loaded: Loaded) -> Loaded:
    """In the order of the page, and not more than a person can read."""
    found = sorted(loaded.diagnostics, key=sort_key)
    if len(found) > MAX_FINDINGS:
        rest = Diagnostic(
            "LB110", f"{len(found) - MAX_FINDINGS} more findings are not shown", found[MAX_FINDINGS].span, fix="mend these first"
        )
        found = [*found[:MAX_FINDINGS], rest]
    loaded.diagnostics[:] = found
    return loaded


def _layers(loaded: Loaded, path: Path, presets: Callable[[str], Path | None], above: tuple[Path, ...], shown: str = "") -> None:
    document = read_document(path, shown)
    loaded.texts[document.file] = document.text
    loaded.diagnostics += document.diagnostics
    loaded.layers += 1
    parents = document.data.pop("extends", None)
    place = document.places.get(("extends",))
    document.places = {key: value for key, value in document.places.items() if key[0] != "extends"}
    spell_out(Config, document.data, document.places)
    for name in _names(loaded, parents, place):
        target = presets(name) or (path.parent / name if "/" in name or name.endswith((".yaml", ".yml")) else None)
        if loaded.layers >= MAX_LAYERS:
            _layer_problem(loaded, f"more than {MAX_LAYERS} layers of `extends`", place, "flatten them")
            break
        _extend(loaded, name, target, presets, (*above, path), place)
    merge(loaded.written, document.data, loaded.places, document.places)
    if len(loaded.places) > MAX_NODES and document.data:
        span = Span(document.file, 1, 1, 1, 1)
        loaded.diagnostics.append(Diagnostic("LB110", f"the layers hold more than {MAX_NODES} values", span, fix="is this the right file?"))
        loaded.written.clear()
        loaded.places.clear()


def _names(loaded: Loaded, parents: Any, place: Place | None) -> list[str]:
    if parents is None:
        return []
    names = parents if isinstance(parents, list) else [parents]
    if all(isinstance(name, str) and name for name in names):
        return names
    _layer_problem(loaded, "`extends` takes a preset or a file, or a list of them", place, "write `extends: base.yaml`")
    return []


def _extend(loaded: Loaded, name: str, target: Path | None, presets: Any, above: tuple[Path, ...], place: Place | None) -> None:
    if target is None:
        _layer_problem(
            loaded, f"no preset is called `{name}`", place, "`lorabridge init --list` shows the presets; a file is named with its extension"
        )
    elif any(_same(target, other) for other in above):
        _layer_problem(loaded, f"`{name}` extends itself", place, "remove one of the `extends`")
    elif not _is_file(target):
        _layer_problem(loaded, f"cannot read `{name}`: no such file", place, "the path is relative to the file that names it")
    else:
        _layers(loaded, target, presets, above)


def _same(left: Path, right: Path) -> bool:
    try:
        return left.resolve() == right.resolve()
    except (OSError, RuntimeError, ValueError):
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _layer_problem(loaded: Loaded, message: str, place: Place | None, fix: str) -> None:
    loaded.diagnostics.append(Diagnostic("LB112", message, place.value if place else None, fix=fix, path="extends"))


def merge(
    base: dict[str, Any],
    over: dict[str, Any],
    base_places: dict[KeyPath, Place],
    over_places: dict[KeyPath, Place],
) -> None:
    """Put `over` onto `base` in place, with the places of what won."""
    _forget(base_places, set(_replaced(base, over, ())))
    base_places |= over_places


def _replaced(base: dict[str, Any], over: dict[str, Any], path: KeyPath) -> Iterator[KeyPath]:
    """Merge, and yield the paths whose old value is gone."""
    for key, value in over.items():
        here = (*path, key)
        old = base.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            yield from _replaced(old, value, here)
        else:
            if key in base:
                yield here
            base[key] = value


def _forget(places: dict[KeyPath, Place], gone: set[KeyPath]) -> None:
    """Drop the places at and below the paths in `gone`."""
    for path in list(places) if gone else ():
        if any(path[:length] in gone for length in range(1, len(path) + 1)):
            del places[path]


def _override(loaded: Loaded, text: str) -> None:
    shown = f"--set {text}"
    span = Span(shown, 1, 1, 1, len(shown) + 1)
    dotted, equals, value_text = text.partition("=")
    parts = split_path(dotted.strip())
    if not equals or not parts or not isinstance(parts[0], str) or not dotted.isprintable():
        loaded.diagnostics.append(Diagnostic("LB113", f"`{text}` is not `key.path=value`", span, fix="write `--set optimizer.lr=1e-4`"))
        return
    value, problems = parse_value(value_text, shown)
    loaded.diagnostics += problems
    loaded.texts[shown] = shown
    target: Any = loaded.written
    for depth, (part, following) in enumerate(pairwise(parts), 1):
        target = _step(target, parts[:depth], part, following, loaded.places)
    last = parts[-1]
    in_list = isinstance(target, list) and isinstance(last, int) and last < len(target)
    if in_list or (isinstance(target, dict) and isinstance(last, str)):
        target[last] = value
        _forget(loaded.places, {parts})
        loaded.places.update({(*parts, *below): Place(span, span) for below in _paths_in(value)})
    else:
        loaded.diagnostics.append(
            Diagnostic(
                "LB113",
                f"`{dotted}` cannot be set: there is nothing at that place",
                span,
                fix="`lorabridge show --resolved` prints the paths",
            )
        )


def _paths_in(value: Any) -> list[KeyPath]:
    """The path of a value and of everything inside it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(), *((key, *below) for key, inner in items for below in _paths_in(inner))]


def _step(target: Any, path: KeyPath, part: str | int, following: str | int, places: dict[KeyPath, Place]) -> Any:
    """The container at `path`, made where there is none. A section in short form keeps its value."""
    holder: Any = target
    if isinstance(target, dict) and isinstance(part, str):
        inner = target.get(part)
    elif isinstance(target, list) and isinstance(part, int) and part < len(target):
        inner = target[part]
    else:
        return None
    row = row_at(path)
    if row and row.section and isinstance(following, str):
        inner = long_form(row.section, inner, path, places)
    if not isinstance(inner, dict | list):
        inner = [{}] if isinstance(following, int) else {}
    holder[part] = inner
    return inner


def _environment(loaded: Loaded, environ: Mapping[str, str]) -> None:
    def expand(value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return {k: expand(v, (*path, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [expand(v, (*path, i)) for i, v in enumerate(value)]
        if not isinstance(value, str) or "${env:" not in value:
            return value

        place = loaded.places.get(path)
        for name in dict.fromkeys(_ENV.findall(value)):
            if name not in environ:
                loaded.diagnostics.append(
                    Diagnostic(
                        "LB114",
                        f"the environment variable `{name}` is not set",
                        place.value if place else None,
                        fix=f"set it, or write the value at `{show(path)}`",
                        path=show(path),
                    )
                )
        return _ENV.sub(lambda match: environ.get(match[1], match[0]), value)

    loaded.written = expand(loaded.written, ())


def _secrets(loaded: Loaded) -> None:
    """Refuse tokens and keys in the file: it is compiled, locked, logged and shared. No finding repeats them."""

    def look(value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return {key: look(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [look(inner, (*path, index)) for index, inner in enumerate(value)]
        if not isinstance(value, str) or not _is_secret(value, path[-1]):
            return value
        place = loaded.places.get(path)
        loaded.diagnostics.append(
            Diagnostic(
                "LB205",
                f"`{show(path)}` looks like a secret",
                place.value if place else None,
                why="this file is compiled, logged and shared; a key in it is published sooner or later",
                fix="set it in the environment (HF_TOKEN, WANDB_API_KEY); `logging.wandb.key_env` names another variable",
                path=show(path),
            )
        )
        for file, text in loaded.texts.items():
            loaded.texts[file] = text.replace(value, "*" * len(value))
        return _HIDDEN

    loaded.written = look(loaded.written, ())


def _is_secret(value: str, key: str | int) -> bool:
    if value and re.search(r"(api_?key|token|secret|password)$", str(key), re.IGNORECASE):
        return True
    return key != "revision" and _SECRET.search(value) is not None
