"""Checking the trainers' own files: read, recognise, follow what a launch script names, hand each group to its trainer's lint."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from lorabridge.diagnostics import Diagnostic, Severity, Span, sort_key

TRAINERS = ("musubi", "diffusion-pipe", "ai-toolkit")
"""The trainers whose own files are understood."""

_OURS = re.compile(r"^[\"']?lorabridge[\"']?\s*:", re.MULTILINE)
_JOB = re.compile(r"^[\"']?(job|config)[\"']?\s*:", re.MULTILINE)


def is_native(path: str) -> bool:
    """Whether a file is a trainer's own: everything but YAML that has a `lorabridge:` key or is no job."""
    suffix = Path(path).suffix.lower()
    if suffix in (".toml", ".json", ".jsonc", ".sh", ".bash", ".zsh", ".bat", ".cmd", ".ps1", ".txt"):
        return True
    try:
        if not Path(path).is_file():
            return False  # a pipe can be read once only
        with open(path, encoding="utf-8-sig", errors="replace") as handle:
            text = handle.read(1_000_000)
    except (OSError, ValueError):
        return False
    if suffix in (".yaml", ".yml"):
        return not _OURS.search(text) and bool(_JOB.search(text))
    return text.startswith("#!")


def check_files(names: Sequence[str], *, trainer: str = "", paths: bool = False) -> tuple[list[Diagnostic], dict[str, str]]:
    """The findings about native files on disk, and the files' texts."""
    from lorabridge.backends.native import read_path

    files = [read_path(Path(name), name) for name in names]
    files += followed(files)
    return check_native(files, trainer=trainer, paths=paths), {file.name: file.text for file in files}


def check_texts(texts: Mapping[str, str], *, trainer: str = "", paths: bool = False) -> list[Diagnostic]:
    """The findings about native files given as texts by name."""
    from lorabridge.backends.native import read_text

    return check_native([read_text(text, name) for name, text in texts.items()], trainer=trainer, paths=paths)


def check_native(files: Sequence[Any], *, trainer: str = "", paths: bool = False) -> list[Diagnostic]:
    """Group the files by trainer and lint each group together."""
    from lorabridge.backends.native import detect

    found: dict[Diagnostic, None] = {}
    groups: dict[str, list[Any]] = {}
    strangers: list[str] = []
    for file in files:
        found |= dict.fromkeys(file.diagnostics)
        if detect(file, trainer):
            groups.setdefault(file.trainer, []).append(file)
        elif not any(item.severity == "error" for item in file.diagnostics):
            strangers.append(file.name)
    found |= dict.fromkeys(_stranger(name, "warning" if groups else "error") for name in strangers)
    for name, group in groups.items():
        found |= dict.fromkeys(_lint(name, group, paths))
    return sorted(found, key=sort_key)


def _lint(trainer: str, files: Sequence[Any], paths: bool) -> Iterable[Diagnostic]:
    if trainer not in TRAINERS:
        return ()  # the embedded trainer, or one of another package
    lint = import_module(f"lorabridge.backends.{trainer.replace('-', '_')}.lint").lint
    result: Iterable[Diagnostic] = lint(files, paths=paths)
    return result


def _stranger(name: str, severity: Severity) -> Diagnostic:
    known = ", ".join(TRAINERS)
    return Diagnostic(
        "LB320",
        f"`{name}` is recognised as no trainer's file",
        Span(name, 1, 1, 1, 1),
        severity,
        why=f"its keys or commands are not those of {known}",
        fix="force it with --trainer NAME, or check the file's name and first keys",
    )


def followed(files: Sequence[Any]) -> list[Any]:
    """The files that launch scripts name, and those that these name, where they exist."""
    from lorabridge.backends.native import read_path

    seen = {Path(file.name).absolute() for file in files}
    queue = [(file, Path(file.name).parent) for file in files if file.kind == "shell"]
    added: list[Any] = []
    while queue and len(added) < 20:
        file, base = queue.pop(0)
        for name in _named(file):
            path = next((path for path in (Path(name), base / name) if path.is_file()), None)
            if path is None or path.absolute() in seen:
                continue
            seen.add(path.absolute())
            added.append(read_path(path, str(path)))
            queue.append((added[-1], base))
    return added


def _named(file: Any) -> list[str]:
    """The configs that a file names: options of commands, and the keys that tie a main file to its datasets."""
    if file.kind != "shell":
        entries = file.data.get("eval_datasets")
        datasets = [entry.get("config") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        wanted = [file.data.get("dataset"), file.data.get("dataset_config"), *datasets]
        return [name for name in wanted if isinstance(name, str) and name]
    from lorabridge.backends.native import arguments, launches

    found: list[str] = []
    for launch in launches(file):
        for item in arguments(launch.after):
            names = [word.text for word in item.values if word.known]
            if item.name == "--config_file":
                found += [name if name.endswith(".toml") else f"{name}.toml" for name in names[:1]]
            elif item.name in ("--dataset_config", "--config"):
                found += names[:1]
            elif not item.name and launch.script == "run":
                found += names
    return found
