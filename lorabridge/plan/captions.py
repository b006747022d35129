"""Captions of a folder or of a config's datasets: bulk edits as text to print, and new caption files."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

from lorabridge.config.load import load
from lorabridge.data.edit import Change, Step, apply, caption_paths, preview, undo
from lorabridge.data.problems import shown
from lorabridge.data.scan import under
from lorabridge.diagnostics import Diagnostic

YAML = (".yaml", ".yml")


def edit_captions(
    target: str, edits: Sequence[Step], *, extension: str = "", recursive: bool = False, write: bool = False, most: int | None = 20
) -> tuple[str, list[Diagnostic]]:
    """Preview or apply edits. Returns what to print, and what could not be done."""
    paths, problems = _captions(target, extension, recursive)
    changes, left = preview(paths, edits)
    problems += left
    total = len(paths)
    if not write:
        head = f"{len(changes):,} of {total:,} captions would change"
        text = _diff(changes, most) + head + ("; nothing was written, `--write` does it\n" if changes else "\n")
        return text, problems
    try:
        done, left, journal = apply(changes, _key(target))
    except OSError as error:
        fix = "make the folder writable, or set LORABRIDGE_STATE"
        return "", [*problems, Diagnostic("LB449", f"no journal can be written, so nothing was changed: {error}", fix=fix)]
    text = f"{done:,} of {total:,} captions changed"
    return text + (f"; `lorabridge data caption-edit {shown(target)} --undo` takes it back\n" if journal else "\n"), problems + left


def undo_captions(target: str) -> tuple[str, list[Diagnostic]]:
    """Take back the newest edit."""
    done, problems, found = undo(_key(target))
    return (f"{done:,} captions have their old text\n" if found else "there is no edit to take back\n"), problems


def _key(target: str) -> str:
    return os.path.realpath(target)


def _captions(target: str, extension: str, recursive: bool) -> tuple[list[str], list[Diagnostic]]:
    if not target.endswith(YAML):
        return _folder(os.path.abspath(target), extension or ".txt", recursive)
    loaded = load(Path(target), shown=target)
    problems = [item for item in loaded.diagnostics if item.severity == "error"]
    paths: list[str] = []
    for data in loaded.config.datasets if loaded.config else ():
        source = data.images or data.videos
        if source is None:
            problems.append(_listed(data.jsonl or ""))
            continue
        found, more = _folder(under(loaded.root, source), extension or data.captions.extension, recursive)
        paths += found
        problems += more
    return list(dict.fromkeys(paths)), problems


def _listed(path: str) -> Diagnostic:
    return Diagnostic(
        "LB449", f"`{shown(path)}`: captions that stand in a list are not edited", None, "warning", fix="edit the list itself"
    )


def _folder(folder: str, extension: str, recursive: bool) -> tuple[list[str], list[Diagnostic]]:
    try:
        found = caption_paths(folder, extension, recursive=recursive)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return [], [Diagnostic("LB401", f"`{shown(folder)}`: {reason}", fix="name a folder of captions, or a config (.yaml)")]
    if os.path.exists(os.path.join(folder, "captions.json")):
        return found, [_listed(os.path.join(folder, "captions.json"))]
    return found, []


def _diff(changes: Sequence[Change], most: int | None) -> str:
    lines: list[str] = []
    for change in changes[:most]:
        lines.append(shown(change.path))
        lines += [f"  - {shown(line)}" for line in _gone(change.old, change.new)]
        lines += [f"  + {shown(line)}" for line in _gone(change.new, change.old)]
    rest = len(changes) - len(changes[:most])
    if rest:
        lines.append(f"and {rest:,} more (`--all` shows them)")
    return "".join(line + "\n" for line in lines)


def _gone(one: str, two: str) -> list[str]:
    """The lines of `one` that `two` lacks, in order."""
    same = difflib.SequenceMatcher(None, one.split("\n"), two.split("\n"), autojunk=False).get_matching_blocks()
    kept = {block.a + at for block in same for at in range(block.size)}
    return [line for at, line in enumerate(one.split("\n")) if at not in kept]
