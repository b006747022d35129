"""What an import reads: the files of one trainer, as data that can be written back with one key less or changed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lorabridge.backends.base import Plan
from lorabridge.backends.native import NativeFile, arguments, detect, launches, read_path, read_text
from lorabridge.config.paths import KeyPath, show
from lorabridge.diagnostics import Diagnostic, Span
from lorabridge.plan.native import followed

_REPORTS = ("report.md", "report.txt")
_SUFFIXES = (".toml", ".yaml", ".yml", ".json", ".jsonc", ".sh", ".bat", ".cmd", ".ps1")


@dataclass(frozen=True)
class Key:
    """One native key of one source, or one option of a command."""

    file: str
    path: KeyPath
    value: Any

    @property
    def name(self) -> str:
        """The key as a person finds it in the file."""
        return show(self.path)


@dataclass
class Source:
    """One file. `name` keeps the suffix that a reader goes by; data files have `data`, scripts `lines` (words of each command)."""

    name: str
    text: str
    native: NativeFile | None = None
    lines: list[list[str]] = field(default_factory=list)
    options: dict[KeyPath, tuple[int, int, int]] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The file's own name."""
        return self.native.name if self.native else self.name

    def entries(self) -> Iterator[Key]:
        """Every key that holds a value, every option of every command."""
        if self.native is None:
            yield Key(self.file, (), self.text)
        elif self.native.kind == "shell":
            for path, (line, first, last) in self.options.items():
                words = self.lines[line][first + 1 : last]
                yield Key(self.file, path, words[0] if len(words) == 1 else words or True)
        else:
            for path, value in _leaves(self.native.data, ()):
                yield Key(self.file, path, value)

    def without(self, *keys: Key) -> str:
        """The text as if the keys were not written."""
        if self.native is None:
            return ""
        if self.native.kind == "shell":
            gone = {(line, word) for key in keys for line, first, last in [self.options[key.path]] for word in range(first, last)}
            return _script([[text for at, text in enumerate(words) if (line, at) not in gone] for line, words in enumerate(self.lines)])
        tree = deepcopy(self.native.data)
        for key in reversed(keys):
            holder = _holder(tree, key)
            del holder[key.path[-1]]
            if holder == {} and len(key.path) == 2:
                del tree[str(key.path[0])]
        return _dumped(self.native, tree)

    def drop(self, key: Key) -> None:
        """Take a key out for good."""
        text = self.without(key)
        if self.native is None:
            self.text = text
            return
        if self.native.kind == "shell":
            made = _source(replace(read_text(text, self.native.name), trainer=self.native.trainer, role=self.native.role))
            self.native, self.lines, self.options, self.text = made.native, made.lines, made.options, made.text
            return
        holder = _holder(self.native.data, key)
        del holder[key.path[-1]]
        self.text = _dumped(self.native, self.native.data)

    def changed(self, key: Key, value: Any) -> str:
        """The text with another value for the key."""
        if self.native is None or self.native.kind == "shell":
            if self.native is None or key.path not in self.options:
                return str(value)
            line, first, last = self.options[key.path]
            lines = [list(words) for words in self.lines]
            lines[line][first + 1 : last] = [str(value)]
            return _script(lines)
        tree = deepcopy(self.native.data)
        _holder(tree, key)[key.path[-1]] = value
        return _dumped(self.native, tree)


@dataclass
class Gathered:
    """The files of one trainer; `trainer` is empty where none was recognised."""

    trainer: str
    sources: list[Source]
    diagnostics: list[Diagnostic] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def given(self, name: str = "", text: str = "") -> Mapping[str, str]:
        """The texts by name, as `lift` takes them, with one of them replaced."""
        return {source.name: text if source.name == name else source.text for source in self.sources}


def gather(names: Sequence[str], trainer: str = "") -> Gathered:
    """Read files, folders and what they name. Problems are findings."""
    files = [read_path(path, str(path)) for name in names for path in _expanded(Path(name))]
    files = [file for file in files if "lorabridge" not in file.data]
    files += followed(files)
    return _sorted(files, trainer, companions=True)


def gather_texts(texts: Mapping[str, str], trainer: str = "") -> Gathered:
    """The same for texts by name."""
    return _sorted([read_text(text, name) for name, text in texts.items()], trainer, companions=False)


def compiled(plan: Plan) -> Gathered:
    """The files and commands of a plan, as an import reads them."""
    stages = json.dumps([{"env": dict(stage.env), "argv": list(stage.argv)} for stage in plan.stages])
    return gather_texts({file.path: file.text for file in plan.files} | {"stages.json": stages}, plan.backend)


def _expanded(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(item for item in path.iterdir() if item.suffix in _SUFFIXES and item.name not in _REPORTS)
    scripts = [item for item in found if item.suffix == ".sh"]
    return [item for item in found if not (scripts and item.name == "stages.json")]


def _sorted(files: Sequence[NativeFile], trainer: str, companions: bool) -> Gathered:
    texts = {file.name: file.text for file in files}
    files = [_stages(file) for file in files]
    known = [file for file in files if _recognised(file, "" if trainer == "embedded" else trainer)]
    found = trainer or next((file.trainer for file in known if file.role in ("main", "train", "job")), known[0].trainer if known else "")
    rest = [file for file in files if file not in known]
    if not found and any(file.kind == "json" and "datasets" in file.data for file in files):
        found = "embedded"
    if found == "embedded":
        known, rest = [file for file in files if file.kind == "json" and "datasets" in file.data], []
        for file in known:
            file.trainer, file.role = "embedded", "job"
    elif not trainer and found:
        found, known = _job(found, known)
    problems = [_passed(file, item) for file in (known if found else files) for item in file.diagnostics if item.severity == "error"]
    problems += [_other(file, found) for file in files if file.trainer and file.trainer != found]
    problems += [item for file in rest for item in file.diagnostics if item.code == "LB109"]
    sources = [_source(file) for file in known if file.trainer == found]
    if found in ("musubi", "diffusion-pipe"):
        sources += [_source(file) if file.data else Source(file.name, file.text) for file in rest if file.text]
    if companions:
        for name, path in _named_prompts(known):
            if path is None:
                problems.append(_missing(name, known[0]))
            elif str(path) not in texts:
                sources.append(Source(str(path), path.read_text("utf-8", "replace")))
    return Gathered(found, sources, problems, texts)


def _recognised(file: NativeFile, trainer: str) -> bool:
    """A trainer that the user names is believed for files with keys or launches, not for prompts and lists."""
    return bool(file.data or launches(file)) and detect(file, trainer)


def _job(found: str, known: list[NativeFile]) -> tuple[str, list[NativeFile]]:
    """A dataset file alone is of the trainer that its companions belong to."""
    for file in known:
        if file.trainer != found and file.role == "dataset":
            detect(file, found)
    return found, known


def _other(file: NativeFile, found: str) -> Diagnostic:
    return Diagnostic(
        "LB320",
        f"`{file.name}` is a file of {file.trainer}, not of {found}",
        Span(file.name, 1, 1, 1, 1),
        "warning",
        "it was left out",
        "import it on its own",
    )


def _stages(file: NativeFile) -> NativeFile:
    """`stages.json` of a compiled folder as the script that it stands for."""
    if not file.name.endswith("stages.json"):
        return file
    try:
        stages = json.loads(file.text)
        lines = [[*(f"{key}={value}" for key, value in stage.get("env", {}).items()), *stage["argv"]] for stage in stages]
    except (ValueError, KeyError, TypeError, AttributeError):
        return file
    return read_text(_script(lines), file.name.removesuffix(".json") + ".sh")


def _source(file: NativeFile) -> Source:
    if file.kind != "shell":
        name = file.name if file.kind != "yaml" or file.trainer != "ai-toolkit" else f"{file.name}.json"
        return Source(name, _dumped(file, file.data), file)
    source = Source(file.name, "", file)
    for number, command in enumerate(file.commands):
        env = [f"{name}={word.text}" for name, word in command.env.items()]
        source.lines.append([*env, *(word.text for word in command.words)])
        single = NativeFile(file.name, "", "shell", commands=[command])
        for launch in launches(single):
            _options(source, number, len(env), command.words, launch.after, launch.script)
    source.text = _script(source.lines)
    return source


def _options(source: Source, number: int, shift: int, words: Sequence[Any], after: Sequence[Any], script: str) -> None:
    start = shift + len(words) - len(after)
    for item in arguments(after):
        if not item.name:
            continue
        first = start + next(place for place, word in enumerate(after) if word is item.word)
        # Of two commands for one script the first is read.
        source.options.setdefault((script, item.name), (number, first, first + 1 + (0 if "=" in item.word.text else len(item.values))))


def _holder(tree: Any, key: Key) -> Any:
    for part in key.path[:-1]:
        tree = tree[part]
    return tree


def _passed(file: NativeFile, item: Diagnostic) -> Diagnostic:
    """A break in a script is read over: the config says what was meant, and the script's fault is told."""
    return replace(item, severity="warning") if file.kind == "shell" and file.commands else item


def _missing(name: str, file: NativeFile) -> Diagnostic:
    return Diagnostic(
        "LB325",
        f"the sample prompts `{name}` are not there",
        Span(file.name, 1, 1, 1, 1),
        "warning",
        "the config gets no prompts; without them no samples can be drawn",
        "import from the folder that the file's path starts at, or write `sample.prompts` into the config",
    )


def _named_prompts(files: Sequence[NativeFile]) -> Iterator[tuple[str, Path | None]]:
    """The prompt files that musubi's options name; None where one does not exist."""
    for file in files:
        names = [file.data.get("sample_prompts")]
        for launch in launches(file) if file.kind == "shell" else ():
            names += [item.values[0].text for item in arguments(launch.after) if item.name == "--sample_prompts" and item.values]
        for name in names:
            if isinstance(name, str) and name:
                yield name, next((path for path in (Path(name), Path(file.name).parent / Path(name).name) if path.is_file()), None)


def _script(lines: Sequence[Sequence[str]]) -> str:
    return "".join(" ".join(_word(word) for word in words) + "\n" for words in lines)


def _word(word: str) -> str:
    name, equals, value = word.partition("=")
    return f"{name}={shlex.quote(value)}" if equals and name.isidentifier() else shlex.quote(word)


def _leaves(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index))
    else:
        yield path, value


def _dumped(file: NativeFile, tree: Mapping[str, Any]) -> str:
    if file.kind == "toml":
        return "".join(f"{json.dumps(key)} = {_toml(value)}\n" for key, value in tree.items())
    return json.dumps(tree, default=str)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value) if not hasattr(value, "isoformat") else value.isoformat()
