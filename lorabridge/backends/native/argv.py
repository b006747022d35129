"""What a command launches: the Python script, the launcher's words before it, its own arguments after it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from lorabridge.backends.native.model import Command, NativeFile, Word

_NUMBER = re.compile(r"-\.?\d")


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of a Python script. `script` is its name without folder and suffix; `launcher` is `accelerate`, `deepspeed`, `python`, ..."""

    script: str
    word: Word
    launcher: str = ""
    before: tuple[Word, ...] = ()
    after: tuple[Word, ...] = ()
    env: dict[str, Word] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Argument:
    """One option with its values, or a positional argument (`name` empty). `word` is the option itself."""

    name: str
    word: Word
    values: tuple[Word, ...] = ()


def launches(file: NativeFile) -> list[Launch]:
    """The Python scripts that a launch script starts, in order."""
    return [found for command in file.commands if (found := _launch(command)) is not None]


def _launch(command: Command) -> Launch | None:
    words = command.words
    launcher = PurePosixPath(words[0].text.replace("\\", "/")).name.removesuffix(".exe")
    for index, word in enumerate(words):
        text = word.text.replace("\\", "/")
        if text.endswith(".py"):
            return Launch(PurePosixPath(text).stem, word, launcher, words[:index], words[index + 1 :], command.env)
        if text in ("-m", "--module") and index + 1 < len(words) and re.fullmatch(r"[\w.]+", words[index + 1].text) and launcher != "uv":
            module = words[index + 1]
            if module.text.split(".")[0] in ("accelerate", "torch", "deepspeed"):
                launcher = module.text.split(".")[0]
                continue
            return Launch(module.text.rpartition(".")[2], module, launcher, words[:index], words[index + 2 :], command.env)
    return None


def arguments(words: Sequence[Word]) -> list[Argument]:
    """Options and their values as written: `--name value`, `--name=value`, `--name a b`, `-x value`."""
    found: list[Argument] = []
    for word in words:
        text = word.text
        if text.startswith("-") and len(text) > 1 and not _NUMBER.match(text):
            name, equals, value = text.partition("=")
            values = (Word(value, word.span, word.unknown, word.literal),) if equals else ()
            found.append(Argument(name, word, values))
        elif found and found[-1].name and "=" not in found[-1].word.text.partition(" ")[0]:
            last = found[-1]
            found[-1] = Argument(last.name, last.word, (*last.values, word))
        else:
            found.append(Argument("", word, (word,)))
    return found
