"""From files and commands to setups: what `read_config_from_file` and argparse make of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from lorabridge.backends.musubi.lint_model import FULL, Setting, Setup, by_network, family_of_path, train_scripts
from lorabridge.backends.native import Findings, Launch, NativeFile, arguments, launches
from lorabridge.backends.native.findings import nearest

_NO_VALUE = ("flag", "unflag")


def setups(files: Sequence[NativeFile], findings: Findings) -> list[Setup]:
    """One setup per training command; one per training file that no command names."""
    found: list[Setup] = []
    trains = [file for file in files if file.role == "train"]
    datasets = [file for file in files if file.role == "dataset"]
    used: set[int] = set()
    for launch in (launch for file in files if file.kind == "shell" for launch in launches(file)):
        if _script(launch) or launch.script in FULL or launch.script.endswith("self_flow"):
            setup = Setup(findings, launch=launch, script=_script(launch), full=launch.script in FULL, datasets=datasets)
            typed = command_line(setup, launch)
            config = typed.get("config_file")
            file = _named(trains, config.value) if config is not None else None
            if file is not None:
                used.add(id(file))
                setup.file = file
                setup.settings |= flatten(setup, file)
            setup.complete = config is None or file is not None
            setup.settings |= typed
            found.append(setup)
    for file in trains:
        if id(file) not in used:
            setup = Setup(findings, file=file, datasets=datasets)
            setup.settings |= flatten(setup, file)
            found.append(setup)
    for setup in found:
        setup.script = setup.script or guess(setup)
    return found


def _script(launch: Launch) -> str:
    if launch.script.endswith("self_flow"):
        return "flux_2_train_network"
    return launch.script if launch.script in train_scripts() else FULL.get(launch.script, "")


def _named(files: Sequence[NativeFile], config: Any) -> NativeFile | None:
    if not isinstance(config, str):
        return None
    name = PurePosixPath(config if config.endswith(".toml") else f"{config}.toml").name
    fits = [file for file in files if PurePosixPath(file.name.replace(os.sep, "/")).name == name]
    return fits[0] if fits else files[0] if len(files) == 1 else None


def guess(setup: Setup) -> str:
    """The training script by what only it takes: the network module, its own options, the name of the DiT."""
    module = setup.text("network_module").rpartition(".")[2]
    by_name = family_of_path(setup.text("dit"))
    if module in by_network() and "network_module" in setup.settings:
        own = by_network()[module]
        return by_name if module == "lora" and by_name else own
    for key, script in (
        ("t5", "wan_train_network"),
        ("byt5", "hv_1_5_train_network"),
        ("text_encoder_qwen", "kandinsky5_train_network"),
        ("latent_window_size", "fpack_train_network"),
    ):
        if key in setup.settings:
            return script
    return by_name


def flatten(setup: Setup, file: NativeFile) -> dict[str, Setting]:
    """The file's keys, one level of sections removed: the last of equal names wins."""
    found: dict[str, Setting] = {}
    say = setup.findings
    for key, value in file.data.items():
        if not isinstance(value, dict):
            _put(say, found, file, (key,), value)
            continue
        for inner, item in value.items():
            path = (key, inner)
            if isinstance(item, dict):
                say.add(
                    "LB311",
                    (file, path),
                    f"`[{key}.{inner}]` is a section in a section",
                    "the trainer flattens one level only: all keys in it are lost in silence",
                    f"write its keys in `[{inner}]` or at the top",
                    on="key",
                )
                continue
            _put(say, found, file, path, item)
    return found


def _put(say: Findings, found: dict[str, Setting], file: NativeFile, path: tuple[str, ...], value: Any) -> None:
    key = path[-1]
    span = file.span(path, "key")
    if key in found:
        same = found[key].value == value
        say.add(
            "LB319", span, f"`{key}` stands in two sections; this one wins", "sections mean nothing to the trainer: the last of equal names is used", "keep one of them",
            severity="warning" if same else "error", related=((found[key].key_span, "the other one"),),
        )  # fmt: skip
    found[key] = Setting(value, file.span(path), span)


def command_line(setup: Setup, launch: Launch) -> dict[str, Setting]:
    """The options typed after the script, converted as argparse does; what it refuses is reported."""
    found: dict[str, Setting] = {}
    options = {**setup.options, "config_file": {"type": "str"}} if setup.script else setup.options
    for item in arguments(launch.after):
        if not item.name:
            setup.findings.add(
                "LB310",
                item.word.span,
                f"`{item.word.text}` belongs to no option",
                "the trainer's command line refuses it (exit 2)",
                "quote values with blanks; check the option before it",
            )
            continue
        key = _option(setup, item.name, item.word.span, options, launch.script)
        if not key:
            continue
        kind = options[key]["type"]
        words = item.values
        if kind in _NO_VALUE:
            if words:
                setup.findings.add(
                    "LB313",
                    words[0].span,
                    f"`--{key}` takes no value",
                    f"`{words[0].text}` is refused (exit 2)",
                    "remove the value; leave the option out to switch it off",
                )
            found[key] = Setting(kind == "flag", item.word.span, item.word.span, True)
            continue
        known = all(word.known for word in words)
        value, problem = (
            _convert([word.text for word in words], kind, options[key].get("choices", [])) if known else ([word.text for word in words], "")
        )
        span = words[0].span if words else item.word.span
        if problem:
            code = "LB314" if problem.startswith("is not one") else "LB313"
            setup.findings.add(
                code,
                span,
                f"`--{key} {' '.join(word.text for word in words)}` {problem}",
                "the command line is checked at once (exit 2)",
                "write a value that it takes",
            )
            continue
        if len(words) > 1 and not kind.startswith("list:") and kind != "any":
            setup.findings.add(
                "LB310",
                words[1].span,
                f"`{words[1].text}` belongs to no option",
                f"`--{key}` takes one value; the rest is refused (exit 2)",
                "put a value with blanks in quotes",
            )
        found[key] = Setting(value, span, item.word.span, True, known)
    return found


def _option(setup: Setup, name: str, span: Any, options: Any, script: str) -> str:
    key = name.lstrip("-")
    if key in options:
        return key
    if name.startswith("--") and key:
        longer = [option for option in options if option.startswith(key)]
        if len(longer) == 1:
            setup.findings.add(
                "LB310",
                span,
                f"`{name}` is short for `--{longer[0]}`",
                "argparse takes unique beginnings; the next version may not",
                "write it out",
                severity="hint",
            )
            return str(longer[0])
    near = nearest(key, options)
    hint = f"did you mean `--{near}`?" if near else f"`{script}.py --help` lists the options"
    setup.findings.add("LB310", span, f"{script}.py has no option `{name}`", "the command line is checked at once (exit 2)", hint)
    return ""


def _convert(words: list[str], kind: str, choices: Sequence[Any]) -> tuple[Any, str]:
    if kind.startswith("list:"):
        inner = [_scalar(word, kind.removeprefix("list:")) for word in words]
        return [value for value, _ in inner], next((problem for _, problem in inner if problem), "")
    if kind == "any":
        return (words[0] if len(words) == 1 else words or True), ""
    if not words:
        return None, "has no value"
    value, problem = _scalar(words[0], kind)
    if not problem and choices and value not in choices:
        problem = f"is not one of {', '.join(map(str, choices))}"
    return value, problem


def _scalar(text: str, kind: str) -> tuple[Any, str]:
    try:
        if kind == "int":
            return int(text), ""
        if kind == "float":
            return float(text), ""
        if kind == "int|float":
            if text.endswith("%"):
                return float(text[:-1]) / 100, ""
            number = float(text)
            return (int(number) if number >= 1 and number.is_integer() else number), ""
    except ValueError:
        return text, "is no whole number" if kind == "int" else "is no number"
    return text, ""


def cache_launches(files: Sequence[NativeFile]) -> Iterator[Launch]:
    """The caching commands of all scripts."""
    for file in files:
        if file.kind == "shell":
            yield from (launch for launch in launches(file) if "_cache_" in f"_{launch.script}")
