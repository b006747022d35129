"""Inside diffusion-pipe's Python: what train.py and utils/dataset.py make of a main.toml and a dataset.toml.

`set_config_defaults` and the options of the command line are cut out of train.py and run as they stand; the dataset
classes are imported and built on the file; what the rest of train.py and the model's class read of the configuration is
evaluated read by read. Nothing is loaded: torch, deepspeed and the like are stand-ins.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lorabridge.backends.probes.answer import plain, said, serve
from lorabridge.backends.probes.guard import forbid
from lorabridge.backends.probes.reads import Noted, cut, decisions, flat, key_of, lookup, parsed, passed_on, readings, run
from lorabridge.backends.probes.stand_ins import install

READERS = ("toml", "numpy")
_NAMES = {"config": "", "model_config": "model", "adapter_config": "adapter", "optim_config": "optimizer"}


class Anywhere(type(Path())):  # type: ignore[misc]
    """A path that exists: whether the pictures are there is another question."""

    def exists(self, **_: Any) -> bool:
        """Yes."""
        return True

    def is_dir(self, **_: Any) -> bool:
        """Yes."""
        return True


def table(node: ast.expr) -> str | None:
    """Which table of main.toml an expression of the trainer stands for."""
    if isinstance(node, ast.Name | ast.Attribute):
        return _NAMES.get(node.id if isinstance(node, ast.Name) else node.attr)
    key = node.slice if isinstance(node, ast.Subscript) else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        key, node = node.args[0], ast.Subscript(node.func.value, node.args[0], ast.Load())
    if isinstance(node, ast.Subscript) and isinstance(key, ast.Constant) and isinstance(key.value, str):
        outer = table(node.value)
        return f"{outer}.{key.value}".lstrip(".") if outer is not None else None
    return None


def reply(question: dict[str, Any]) -> dict[str, Any]:
    """`{"home", "main", "argv"}` to `{"used": {document: {key: value}}, "places", "errors"}`."""
    import toml

    errors: list[str] = []
    home = Path(question["home"])
    answer: dict[str, Any] = {"used": {}, "places": {}, "errors": errors}
    try:
        main = json.loads(json.dumps(toml.load(question["main"])))
        written = json.loads(json.dumps(main))
        common = run(cut(home / "utils/common.py", "DTYPE_MAP"), {"torch": importlib.import_module("torch")}, home / "utils/common.py")
        run(cut(home / "train.py", "set_config_defaults"), common, home / "train.py")["set_config_defaults"](main)
    except BaseException as error:
        return answer | {"errors": [f"main.toml: {said(error)}"]}
    files, cls = _sources(home, str(lookup(main, "model.type")))
    if cls is None:
        errors.append(f"main.toml: no model type `{lookup(main, 'model.type')}`")
    used, places = _main(home, files, main, written)
    answer["used"]["main.toml"], answer["places"]["main.toml"] = used, places
    if question.get("decide"):
        answer["decisions"] = {"main.toml": _decisions(home, files, main)}
    for name in question["datasets"]:
        try:
            answer["used"][Path(name).name] = _dataset(toml.load(name), str(lookup(main, "model.type")), cls)
        except BaseException as error:
            errors.append(f"{Path(name).name}: {said(error)}")
    if question.get("argv"):
        answer["used"]["train"] = _options(home, question["argv"], errors)
    return answer


def _decisions(home: Path, files: list[Path], main: dict[str, Any]) -> dict[str, list[list[Any]]]:
    """What the conditions on the configuration come to."""
    space = {"config": main, "model_config": main.get("model", {}), "adapter_config": main.get("adapter", {})}
    found: dict[str, list[list[Any]]] = {}
    for file in files:
        for key, place, text, held in decisions(parsed(file), file.relative_to(home).as_posix(), _mentions, space):
            found.setdefault(key, []).append([place, text, held])
    return found


def _mentions(node: ast.expr) -> Iterator[str]:
    for inner in ast.walk(node):
        read = key_of(inner)
        section = table(read[0]) if read is not None else None
        if read is not None and section is not None:
            yield f"{section}.{read[1]}".lstrip(".")


def _sources(home: Path, kind: str) -> tuple[list[Path], Any]:
    """The files that read main.toml for this type of model, and the model's class (an object without attributes where it
    cannot be imported); None for an unknown type."""
    files = [home / "train.py", home / "utils/saver.py", home / "models/base.py"]
    for node in ast.walk(parsed(home / "train.py")):
        if not isinstance(node, ast.If) or f"'{kind}'" not in ast.unparse(node.test) or "model_type" not in ast.unparse(node.test):
            continue
        imported = next((item for item in node.body if isinstance(item, ast.ImportFrom)), None)
        made = next((item.value for item in node.body if isinstance(item, ast.Assign) and isinstance(item.value, ast.Call)), None)
        if imported is None or made is None or not isinstance(made.func, ast.Attribute):
            continue
        module = f"{imported.module}.{imported.names[0].name}"
        place = home.joinpath(*module.split("."))
        files += sorted(place.parent.glob("*.py")) if place.parent.name != "models" else [place.with_suffix(".py")]
        try:
            return files, getattr(importlib.import_module(module), made.func.attr)
        except Exception:
            return files, SimpleNamespace()
    return files, None


def _main(home: Path, files: list[Path], main: dict[str, Any], written: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    used: dict[str, Any] = {}
    places: dict[str, str] = {}
    space: dict[str, Any] = {"config": main, "model_config": main.get("model", {}), "adapter_config": main.get("adapter", {})}
    for file in files:
        for key, place, value in readings(parsed(file), file.relative_to(home).as_posix(), table, main, space):
            if key not in used:
                used[key], places[key] = value, place
    for key, place, value in readings(_shared(home, files), "utils/common.py", table, main, space):
        if key not in used:
            used[key], places[key] = value, place
    for section in sorted(passed_on(files, table)):
        inner = lookup(main, section)
        for key in inner if isinstance(inner, Mapping) else ():
            used.setdefault(f"{section}.{key}", inner[key])
    for key in _set(written, main):
        used.setdefault(key, lookup(main, key))
    # Reading a table is not reading its keys; a list of tables is gone through by its reader.
    return dict(flat({key: value for key, value in used.items() if not isinstance(value, Mapping)})), places


def _shared(home: Path, files: list[Path]) -> ast.Module:
    """The functions of utils/common.py that the files name."""
    named = {node.id for file in files for node in ast.walk(parsed(file)) if isinstance(node, ast.Name)}
    return ast.Module([node for node in parsed(home / "utils/common.py").body if getattr(node, "name", "") in named], [])


def _set(written: Mapping[str, Any], main: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """What set_config_defaults added or changed."""
    for key, value in main.items():
        if isinstance(value, Mapping):
            inner = written.get(key)
            yield from _set(inner if isinstance(inner, Mapping) else {}, value, f"{prefix}{key}.")
        elif key not in written or plain(written[key]) != plain(value):
            yield f"{prefix}{key}"


def _dataset(tree: dict[str, Any], kind: str, cls: Any) -> dict[str, Any]:
    """The dataset classes, built on the file; keys that only later stages read are looked up in their source."""
    module = importlib.import_module("utils.dataset")
    module.Path = Anywhere  # type: ignore[attr-defined]
    module.is_main_process = lambda: False  # type: ignore[attr-defined]
    notes: dict[str, Any] = {}
    model = SimpleNamespace(
        name=kind,
        framerate=_number(cls, "framerate", None),
        pixels_round_to_multiple=_number(cls, "pixels_round_to_multiple", 16),
        model_specific_dataset_config_validation=lambda tree: None,
    )
    made = module.Dataset(Noted(tree, notes), model)
    later = {"dataset_config": "", "directory_config": "directory"}
    source = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    read = {(later[base.attr], key) for base, key in _reads(source) if isinstance(base, ast.Attribute) and base.attr in later}
    for section, key in read:
        tables = [("", tree)] if not section else [(f"directory.{i}.", item) for i, item in enumerate(tree.get("directory", []))]
        for prefix, inner in tables:
            if key in inner:
                notes.setdefault(f"{prefix}{key}", inner[key])
    shapes = {f"directory.{i}.(ratios)": len(item.ars) for i, item in enumerate(made.directory_datasets) if hasattr(item, "ars")}
    return {key: value for key, value in {**notes, **shapes}.items() if key != "directory"}


def _reads(tree: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    for node in ast.walk(tree):
        found = key_of(node)
        if found is not None:
            yield found


def _number(cls: Any, name: str, default: Any) -> Any:
    value = getattr(cls, name, default)
    return value if isinstance(value, int | float) else default


def _options(home: Path, argv: list[str], errors: list[str]) -> dict[str, Any]:
    """train.py's own argparse statements on the command line; what DeepSpeed adds is let through."""
    body = []
    for node in parsed(home / "train.py").body:
        text = ast.unparse(node)
        if text.startswith(("parser = argparse.", "parser.add_argument(")):
            body.append(node)
    space = run(ast.Module(body, []), {"argparse": argparse, "Path": Path}, home / "train.py")
    try:
        found, rest = space["parser"].parse_known_args(argv)
    except SystemExit:
        errors.append("train.py refuses its command line")
        return {}
    theirs = {word: True for word in rest if word.startswith("--deepspeed")}
    return {**{f"--{key}": value for key, value in vars(found).items()}, **theirs}


def main() -> None:
    """Serve. The checkout is the first argument, the folder of the files the second."""
    install([Path(sys.argv[1])], READERS)
    forbid(Path(sys.argv[2]))
    serve(reply)
