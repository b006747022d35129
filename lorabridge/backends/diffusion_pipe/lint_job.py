"""What the rules share: one run as its files and its launch command describe it, and short ways to look and to report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import Any, Literal, TypeGuard

from lorabridge.backends.diffusion_pipe.archs import ARCHS, Arch
from lorabridge.backends.diffusion_pipe.lint_tables import FOREIGN, homes
from lorabridge.backends.native import Findings, NativeFile
from lorabridge.config.paths import KeyPath
from lorabridge.diagnostics import Severity, Span

SILENT = "the trainer reads what it knows and ignores the rest in silence"
_VARIABLE = re.compile(r"\$\{?[A-Za-z_]\w*\}?|%[A-Za-z_]\w*%")


@dataclass(frozen=True)
class Start:
    """One launch of `train.py`: the main file it names, its flags, and how many GPUs it uses (None: not written)."""

    span: Span
    config: str = ""
    flags: Mapping[str, str | None] = field(default_factory=dict)
    gpus: int | None = None

    def says(self, flag: str) -> bool:
        return flag in self.flags


class Job:
    """One main file with what belongs to it. `main` is None for datasets that no main file names."""

    def __init__(self, found: Findings, main: NativeFile | None, start: Start | None, paths: bool) -> None:
        self.found, self.main, self.start, self.paths = found, main, start, paths

    @cached_property
    def data(self) -> dict[str, Any]:
        return self.main.data if self.main else {}

    def table(self, name: str) -> dict[str, Any]:
        """A section of the main file; empty where it is missing or no section."""
        value = self.data.get(name)
        return value if isinstance(value, dict) else {}

    @property
    def adapter(self) -> bool:
        """Whether an adapter is trained. Without it, the whole model is."""
        return "adapter" in self.data

    @cached_property
    def type(self) -> str:
        value = self.table("model").get("type")
        return value if isinstance(value, str) else ""

    @cached_property
    def arch(self) -> Arch | None:
        return ARCHS.get(self.type)

    @cached_property
    def name(self) -> str:
        """The model type, for sentences."""
        return self.type or "this model"

    def report(
        self,
        code: str,
        path: KeyPath | str,
        message: str,
        why: str = "",
        fix: str = "",
        severity: Severity = "error",
        on: Literal["key", "value"] = "value",
        related: Iterable[KeyPath] = (),
    ) -> None:
        """A finding in the main file."""
        if self.main is not None:
            report(self.found, self.main, code, path, message, why, fix, severity, on, related)

    def missing(self, path: KeyPath | str, why: str, fix: str, severity: Severity = "error", message: str = "") -> None:
        """LB318 at the section that lacks the key."""
        path = (path,) if isinstance(path, str) else path
        where = f" in [{path[0]}]" if len(path) > 1 else ""
        self.report("LB318", path, message or f"`{path[-1]}` is missing{where}", why, fix, severity)


def report(
    found: Findings,
    file: NativeFile,
    code: str,
    path: KeyPath | str,
    message: str,
    why: str = "",
    fix: str = "",
    severity: Severity = "error",
    on: Literal["key", "value"] = "value",
    related: Iterable[KeyPath] = (),
) -> None:
    """A finding at a key path of a file."""
    path = (path,) if isinstance(path, str) else path
    others = [(file.span(other, "key"), "the other one") for other in related]
    found.add(code, (file, path), message, why, fix, severity=severity, on=on, related=others)


def stranger(found: Findings, file: NativeFile, path: KeyPath, known: Iterable[str], place: str, why: str = SILENT) -> None:
    """A key that nothing reads there: misplaced (LB311) where it has a home, else unknown (LB310)."""
    key = str(path[-1])
    elsewhere = [home for home in homes(key) if home != place]
    if key in FOREIGN and not elsewhere:
        found.add("LB310", (file, path), f"unknown key `{key}` in {place}", why, FOREIGN[key], on="key")
    elif elsewhere and key not in known:
        found.add("LB311", (file, path), f"`{key}` is not read in {place}", why, f"move it to {elsewhere[0]}", on="key")
    else:
        found.unknown(file, path, known, why=why, where=place)


def unexpanded(found: Findings, file: NativeFile, path: KeyPath, value: Any) -> None:
    """LB321: nothing expands `~` and variables in these files."""
    if not isinstance(value, str):
        return
    if value.startswith("~"):
        word = value.split("/")[0]
    elif match := _VARIABLE.search(value):
        word = match[0]
    else:
        return
    message = f"`{word}` in `{path[-1] if isinstance(path[-1], str) else path[-2]}` is taken letter by letter"
    found.add(
        "LB321",
        (file, path),
        message,
        "no shell reads this file, and the trainer expands nothing: the path does not exist",
        "write the whole path",
    )


def base(path: str) -> str:
    """The last part of a path."""
    return PurePath(path.replace("\\", "/")).name


def numeric(value: Any) -> TypeGuard[int | float]:
    """A number, not a switch."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def spell(value: Any) -> str:
    """A value as TOML writes it, short."""
    if isinstance(value, bool):
        return str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
