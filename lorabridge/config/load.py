"""From files to one configuration: layers, `--set`, environment, meanings, validation, rules.

The order of layers, later over earlier: the files and presets named by `extends`, the file itself,
`--set`. Mappings merge key by key; lists and values replace.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from lorabridge.config.document import Place, parse_value, read_document
from lorabridge.config.interpret import Interpreter, Reading
from lorabridge.config.paths import KeyPath, show, split_path
from lorabridge.config.rules import check_rules
from lorabridge.config.schema import Config
from lorabridge.config.validate import row_at, validate
from lorabridge.diagnostics import Diagnostic, Span, sort_key

_ENV = re.compile(r"\$\{env:([^}]*)\}")
_SECRET = re.compile(r"hf_[A-Za-z0-9]{20,}|(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])|sk-[A-Za-z0-9_-]{20,}")


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
        return loaded
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
        wrong = {split_path(d.path)[0] for d in loaded.diagnostics if d.path and d.severity == "error"}
        loaded.diagnostics += [d for d in check_rules(partial, loaded) if split_path(d.path)[0] not in wrong]
    loaded.diagnostics.sort(key=sort_key)
    return loaded


def _layers(loaded: Loaded, path: Path, presets: Callable[[str], Path | None], above: tuple[Path, ...], shown: str = "") -> None:
    document = read_document(path, shown)
    loaded.texts[document.file] = document.text
    loaded.diagnostics += document.diagnostics
    parents = document.data.pop("extends", None)
    place = document.places.pop(("extends",), None)
    for name in _names(loaded, parents, place):
        target = presets(name) or (path.parent / name if "/" in name or name.endswith((".yaml", ".yml")) else None)
        _extend(loaded, name, target, presets, (*above, path), place)
    merge(loaded.written, document.data, loaded.places, document.places)


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
    elif len(above) > 16:
        _layer_problem(loaded, "more than 16 layers of `extends`", place, "flatten them")
    elif not target.is_file():
        _layer_problem(loaded, f"cannot read `{name}`: no such file", place, "the path is relative to the file that names it")
    else:
        _layers(loaded, target, presets, above)


def _same(left: Path, right: Path) -> bool:
    try:
        return left.resolve() == right.resolve()
    except (OSError, RuntimeError):
        return True


def _layer_problem(loaded: Loaded, message: str, place: Place | None, fix: str) -> None:
    loaded.diagnostics.append(Diagnostic("LB112", message, place.value if place else None, fix=fix, path="extends"))


def merge(
    base: dict[str, Any],
    over: dict[str, Any],
    base_places: dict[KeyPath, Place],
    over_places: dict[KeyPath, Place],
    path: KeyPath = (),
) -> None:
    """Put `over` onto `base` in place, with the places of what won."""
    for key, value in over.items():
        here = (*path, key)
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            base_places[here] = over_places.get(here, base_places.get(here, Place(_NOWHERE, _NOWHERE)))
            merge(base[key], value, base_places, over_places, here)
            continue
        for old in [p for p in base_places if p[: len(here)] == here]:
            del base_places[old]
        base[key] = value
        base_places.update({p: place for p, place in over_places.items() if p[: len(here)] == here})


_NOWHERE = Span("", 1, 1, 1, 1)


def _override(loaded: Loaded, text: str) -> None:
    shown = f"--set {text}"
    span = Span(shown, 1, 1, 1, len(shown) + 1)
    dotted, equals, value_text = text.partition("=")
    parts = split_path(dotted.strip())
    if not equals or not parts or not isinstance(parts[0], str):
        loaded.diagnostics.append(Diagnostic("LB113", f"`{text}` is not `key.path=value`", span, fix="write `--set optimizer.lr=1e-4`"))
        return
    value, problems = parse_value(value_text, shown)
    loaded.diagnostics += problems
    loaded.texts[shown] = shown
    target: Any = loaded.written
    for part, following in pairwise(parts):
        target = _step(target, part, following)
    last = parts[-1]
    in_list = isinstance(target, list) and isinstance(last, int) and last < len(target)
    if in_list or (isinstance(target, dict) and isinstance(last, str)):
        target[last] = value
        for old in [path for path in loaded.places if path[: len(parts)] == parts]:
            del loaded.places[old]
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


def _step(target: Any, part: str | int, following: str | int) -> Any:
    if isinstance(target, dict) and isinstance(part, str):
        inner = target.get(part)
        if not isinstance(inner, dict | list):
            row_many = isinstance(following, int)
            inner = target[part] = [{}] if row_many else _expanded(inner, part)
        return inner
    if isinstance(target, list) and isinstance(part, int) and part < len(target):
        return target[part]
    return None


def _expanded(inner: Any, part: str) -> dict[str, Any]:
    """A section written in short form keeps its value when one of its keys is set."""
    row = row_at((part,))
    short = row.section.shorthand if row and row.section else ""
    return {short: inner} if short and inner is not None else {}


def _environment(loaded: Loaded, environ: Mapping[str, str]) -> None:
    def expand(value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return {k: expand(v, (*path, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [expand(v, (*path, i)) for i, v in enumerate(value)]
        if not isinstance(value, str) or "${env:" not in value:
            return value

        def one(match: re.Match[str]) -> str:
            if match[1] in environ:
                return environ[match[1]]
            place = loaded.places.get(path)
            loaded.diagnostics.append(
                Diagnostic(
                    "LB114",
                    f"the environment variable `{match[1]}` is not set",
                    place.value if place else None,
                    fix=f"set it, or write the value at `{show(path)}`",
                    path=show(path),
                )
            )
            return match[0]

        return _ENV.sub(one, value)

    loaded.written = expand(loaded.written, ())


def _secrets(loaded: Loaded) -> None:
    """Refuse tokens and keys in the file: it is compiled, locked, logged and shared."""

    def look(value: Any, path: KeyPath) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                look(inner, (*path, key))
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                look(inner, (*path, index))
        elif isinstance(value, str):
            named = bool(re.search(r"(api_?key|token|secret|password)$", str(path[-1]), re.IGNORECASE)) and value != ""
            if (_SECRET.search(value) and path[-1] != "revision") or named:
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

    look(loaded.written, ())
