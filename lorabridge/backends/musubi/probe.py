"""Inside musubi-tuner's Python: what its scripts' own `main()` makes of a command line, a train.toml and a dataset.toml.

Each script's `main()` runs as it stands - argparse, `read_config_from_file`, its own checks - up to the call that
would train or encode. Then the dataset file goes through `load_user_config` and `BlueprintGenerator`.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lorabridge.backends.probes.answer import said, serve
from lorabridge.backends.probes.guard import forbid
from lorabridge.backends.probes.reads import decisions, parsed
from lorabridge.backends.probes.stand_ins import install

READERS = ("toml", "voluptuous")


class Reached(BaseException):
    """The script came to its work: everything that it does with its configuration is done."""


def reply(question: dict[str, Any]) -> dict[str, Any]:
    """`{"script", "stage", "argv", "config", "dataset", "train"}` to `{"used": {document: {key: value}}, "outside", "errors"}`."""
    script: str = question["script"]
    module = importlib.import_module(f"musubi_tuner.{script}")
    utils = importlib.import_module("musubi_tuner.dataset.config_utils")
    seen: dict[str, Any] = {}
    errors: list[str] = []
    with _stopped(module, utils, question["train"], seen), _words([script, *question["argv"]]):
        try:
            module.main()
        except Reached:
            pass
        except BaseException as error:
            errors.append(said(error))
    answer: dict[str, Any] = {"errors": errors, "used": {}}
    if "args" not in seen:
        return answer
    parser, args = seen["parser"], seen["args"]
    actions = [action for action in parser._actions if action.dest != "help"]
    known = {action.dest: action for action in actions}
    values = {key: value for key, value in vars(args).items() if key in known or key in parser._defaults}
    flags = {flag: values[dest] for dest, action in known.items() for flag in action.option_strings if dest in values}
    answer["used"][question["stage"]] = flags
    if question["config"]:
        answer["used"][question["config"]] = values
        answer["outside"] = {question["config"]: _outside(actions, args)}
    if question["config"] and getattr(args, "sample_prompts", None):
        prompts = importlib.import_module("musubi_tuner.training.sampling_prompts").load_prompts(args.sample_prompts)
        answer["used"][Path(args.sample_prompts).name] = {
            f"{i}.{key}": value for i, item in enumerate(prompts) for key, value in item.items()
        }
    if question.get("decide") and question["config"]:
        answer["decisions"] = {question["config"]: _decisions(Path(question["home"]) / "src" / "musubi_tuner", script, args)}
    answer["used"]["dataset.toml"] = _datasets(utils, question["dataset"], args, errors)
    return answer


def _decisions(home: Path, script: str, args: argparse.Namespace) -> dict[str, list[list[Any]]]:
    """What the conditions on `args` in the training code come to."""
    found: dict[str, list[list[Any]]] = {}
    for file in (*sorted((home / "training").glob("*.py")), home / "utils" / "train_utils.py", home / f"{script}.py"):
        for key, place, text, held in decisions(parsed(file), file.relative_to(home).as_posix(), _mentions, {"args": args}):
            found.setdefault(key, []).append([place, text, held])
    return found


def _mentions(node: ast.expr) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id == "args":
            yield inner.attr


def _outside(actions: list[Any], args: argparse.Namespace) -> dict[str, list[str]]:
    """Options whose value no choice allows: argparse does not look at values that come from the TOML file."""
    return {a.dest: [str(c) for c in a.choices] for a in actions if a.choices and getattr(args, a.dest, None) not in [None, *a.choices]}


def _datasets(utils: Any, file: str, args: argparse.Namespace, errors: list[str]) -> dict[str, Any]:
    try:
        user = utils.load_user_config(file)
        blueprint = utils.BlueprintGenerator(utils.ConfigSanitizer()).generate(user, args, architecture="probe")
    except BaseException as error:
        errors.append(f"{Path(file).name}: {said(error)}")
        return {}
    found: dict[str, Any] = {}
    for index, item in enumerate(blueprint.dataset_group.datasets):
        found |= {f"datasets.{index}.{key}": value for key, value in asdict(item.params).items()}
    return found


@contextlib.contextmanager
def _words(argv: list[str]) -> Iterator[None]:
    old, sys.argv = sys.argv, argv
    try:
        yield
    finally:
        sys.argv = old


@contextlib.contextmanager
def _stopped(module: Any, utils: Any, train: bool, seen: dict[str, Any]) -> Iterator[None]:
    """Note what is parsed, and stop where the work begins: at `train` of a trainer, at the dataset file of a caching script."""
    real = argparse.ArgumentParser.parse_args

    def parse_args(self: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> Any:
        seen["parser"], seen["args"] = self, real(self, *args, **kwargs)
        return seen["args"]

    def stop(*args: Any, **kwargs: Any) -> None:
        raise Reached

    def refuse(self: argparse.ArgumentParser, message: str) -> None:
        raise ValueError(message)

    parser = argparse.ArgumentParser
    kept: list[tuple[Any, str, Any]] = [(parser, "parse_args", real), (parser, "error", parser.error)]
    kept.append((utils, "load_user_config", utils.load_user_config))
    parser.parse_args, parser.error = parse_args, refuse  # type: ignore[method-assign, assignment]
    if not train:
        utils.load_user_config = stop
    for item in list(vars(module).values()):
        if train and isinstance(item, type) and "train" in dir(item) and item.__module__.startswith("musubi_tuner"):
            kept.append((item, "train", item.__dict__.get("train")))
            setattr(item, "train", stop)  # noqa: B010
    try:
        yield
    finally:
        for owner, name, value in kept:
            delattr(owner, name) if value is None else setattr(owner, name, value)


def main() -> None:
    """Serve. The checkout is the first argument, the folder of the files the second."""
    install([Path(sys.argv[1]) / "src"], READERS)
    forbid(Path(sys.argv[2]))
    serve(reply)
