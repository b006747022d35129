"""Which of a run's checkpoints a policy keeps, and the removal of the others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lorabridge.artifacts.folders import adapters_in
from lorabridge.artifacts.header import read_header
from lorabridge.artifacts.lora import RefusedError

_STEP = re.compile(r"(?:^|[-_])step[-_]?(\d+)$|_(\d{6,})$")
_EPOCH = re.compile(r"(?:^|[-_])epoch[-_]?(\d+)$|-(\d{6})$")
_RULE = re.compile(r"(last|every):([1-9]\d*)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved LoRA of a run. `number` is its step, or its epoch; None for the run's result, which is always kept."""

    path: Path
    unit: str
    number: int | None
    size: int

    @property
    def remove_paths(self) -> list[Path]:
        """What goes with it: in a folder of its own, the files beside it."""
        folder = self.path.parent
        return sorted(file for file in folder.iterdir() if file.is_file()) if _own(folder) else [self.path]


@dataclass(frozen=True, slots=True)
class Decision:
    """One checkpoint's fate and the reason."""

    checkpoint: Checkpoint
    keep: bool
    why: str


def checkpoints(run: Path) -> list[Checkpoint]:
    """The LoRAs in a run's output, in order. Files that are no sound LoRA header are left alone."""
    output = run / "output" if (run / "output").is_dir() else run
    files = adapters_in(output)
    for inner in sorted(output.iterdir()):
        if inner.is_dir() and not inner.is_symlink() and not _own(inner):
            files += adapters_in(inner)
    found = [_checkpoint(file) for file in files if not file.is_symlink() and _is_lora(file)]
    return sorted(found, key=lambda item: (item.number is None, item.number or 0, item.path.name))


def _is_lora(path: Path) -> bool:
    header = read_header(path)
    return header.sound and any("lora" in name or "hada" in name or "lokr" in name for name in header.tensors)


def _own(folder: Path) -> bool:
    return re.fullmatch(r"(epoch|step)\d+", folder.name) is not None


def _checkpoint(path: Path) -> Checkpoint:
    size = path.stat().st_size
    if _own(path.parent):
        return Checkpoint(path, path.parent.name.rstrip("0123456789"), int(path.parent.name.lstrip("epochst")), size)
    for unit, pattern in (("step", _STEP), ("epoch", _EPOCH)):
        match = pattern.search(path.stem)
        if match:
            return Checkpoint(path, unit, int(match[1] or match[2]), size)
    return Checkpoint(path, "result", None, size)


def decide(found: Sequence[Checkpoint], rules: Iterable[str]) -> list[Decision]:
    """What is kept by any of the rules: `last:N`, `every:N`. Raises RefusedError for other rules."""
    parsed = []
    for rule in rules:
        match = _RULE.fullmatch(rule)
        if match is None:
            raise RefusedError(f"`{rule}` is no rule; rules are last:N and every:N, as in last:3")
        parsed.append((match[1], int(match[2]), rule))
    if not parsed:
        raise RefusedError("no rule says what to keep")
    decisions = []
    for item in found:
        alike = [other for other in found if other.unit == item.unit]
        why = "the run's result" if item.number is None else ""
        for kind, count, rule in parsed:
            if not why and (
                (kind == "last" and item in alike[-count:]) or (kind == "every" and item.number is not None and item.number % count == 0)
            ):
                why = rule
        decisions.append(Decision(item, bool(why), why or "no rule keeps it"))
    return decisions


def remove(decisions: Iterable[Decision]) -> int:
    """Remove what is not kept; the bytes that were freed. Raises OSError."""
    freed = 0
    for decision in decisions:
        if not decision.keep:
            for path in decision.checkpoint.remove_paths:
                freed += path.stat().st_size
                path.unlink()
            folder = decision.checkpoint.path.parent
            if _own(folder) and not any(folder.iterdir()):
                folder.rmdir()
    return freed
