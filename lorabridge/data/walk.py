"""Listing a data folder: once, bounded, without following links to folders and without opening anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from lorabridge.data.problems import Problem
from lorabridge.data.rules import CLIPS, PICTURES, Rules, ending_of

MOST_FILES = 500_000
MOST_FOLDERS = 20_000
_MEDIA = frozenset((*PICTURES, *CLIPS))
_PICTURES = frozenset(PICTURES)
_CLIPS = frozenset(CLIPS)
_PEEK = 2_000


@dataclass
class Listing:
    """What a folder holds. `taken`: paths that the trainer takes for data, in its order. `names`: folder to the names of its files."""

    taken: list[str] = field(default_factory=list)
    names: dict[str, set[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    sidecars: list[str] = field(default_factory=list)


def list_folder(folder: str, rules: Rules, video: bool) -> Listing:
    """List `folder` as the trainer does. Raises OSError when the folder itself cannot be listed."""
    found = Listing()
    waiting, folders, files = [folder], 0, 0
    while waiting:
        here = waiting.pop()
        folders += 1
        try:
            with os.scandir(here) as entries:
                inner, count = _entries(found, here, entries, rules, video, MOST_FILES - files)
        except OSError as error:
            if here == folder:
                raise
            found.problems.append(Problem("unreadable", here, error.strerror or ""))
            continue
        files += count
        if files >= MOST_FILES or folders >= MOST_FOLDERS:
            found.problems.append(Problem("too_many", folder, f"{files:,} files in {folders:,} folders"))
            break
        if rules.recursive:
            waiting += sorted(inner, reverse=True)
        else:
            _peek(found, inner)
    found.taken.sort()
    return found


def _entries(found: Listing, here: str, entries: Iterator[os.DirEntry[str]], rules: Rules, video: bool, most: int) -> tuple[list[str], int]:
    names = found.names.setdefault(here, set())
    inner: list[str] = []
    count = 0
    base = here.rstrip(os.sep) + os.sep
    passed_over = os.path.basename(here) in rules.never_folders
    for entry in entries:
        name = entry.name
        if name in rules.sidecars:
            found.sidecars.append(base + name)
            continue
        if entry.is_dir(follow_symlinks=False):
            _folder(found, base + name, name, inner)
            continue
        count += 1
        if count > most:
            break
        if name.endswith(".txt") and not rules.takes_all:
            names.add(name)  # half of most folders: nothing more to ask
            continue
        if entry.is_symlink() and _is_folder(entry):
            continue
        names.add(name)
        if passed_over:
            continue
        if not rules.takes(name, video):
            _missed(found, base + name, name, video)
        elif not _is_file(entry):
            found.problems.append(Problem("odd", base + name, _what(entry)))
        else:
            found.taken.append(base + name)
            if not name.isprintable():  # surrogates, the stand-ins of odd bytes, are not
                found.problems.append(Problem("bad_name", base + name))
    return inner, count


def _folder(found: Listing, path: str, name: str, inner: list[str]) -> None:
    if name.startswith("."):
        if any(True for _ in _media(path)):
            found.problems.append(Problem("hidden", path, "a folder with pictures or clips"))
        return
    inner.append(path)


def _missed(found: Listing, path: str, name: str, video: bool) -> None:
    """What looks like data and is not taken."""
    ending = ending_of(name).lower()
    if name.startswith(".") and ending_of(name.lstrip(".")).lower() in _MEDIA:
        found.problems.append(Problem("hidden", path))
    elif ending in (_CLIPS if video else _PICTURES):
        found.problems.append(Problem("not_taken", path, f"`{ending_of(name)}`"))


def _peek(found: Listing, folders: list[str]) -> None:
    """Whether sub-folders that are not searched hold data."""
    for folder in sorted(folders)[:_PEEK]:
        count = sum(1 for _ in _media(folder))
        if count:
            found.problems.append(Problem("nested", folder, f"{count:,} pictures or clips" if count > 1 else "a picture or clip"))


def _media(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for at, entry in enumerate(entries):
                if at >= MOST_FILES:
                    return
                if ending_of(entry.name).lower() in _MEDIA:
                    yield entry.name
    except OSError:
        return


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _what(entry: os.DirEntry[str]) -> str:
    return "a link that leads nowhere" if entry.is_symlink() else "a pipe, socket or device"
