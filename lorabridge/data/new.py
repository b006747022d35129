"""Making a dataset: the entry for a config, caption files for pictures without one, and lists in the trainers' own forms."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lorabridge.data.captions import read_caption
from lorabridge.data.problems import shown
from lorabridge.data.rules import CLIPS, PICTURES, ending_of, stem_of
from lorabridge.files import write_atomic


@dataclass(frozen=True)
class Found:
    """What a folder holds: pictures, clips, and those of both without a caption file."""

    pictures: tuple[str, ...]
    clips: tuple[str, ...]
    bare: tuple[str, ...]


def look(folder: str, extension: str) -> Found:
    """List a folder, not its sub-folders. Raises OSError."""
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith(".") and not entry.is_dir())
    present = set(names)
    pictures = tuple(name for name in names if ending_of(name).lower() in PICTURES)
    clips = tuple(name for name in names if ending_of(name).lower() in CLIPS)
    return Found(pictures, clips, tuple(name for name in (*pictures, *clips) if stem_of(name) + extension not in present))


def entry(folder: str, found: Found, extension: str) -> str:
    """The dataset entry as YAML, for the list under `datasets:`."""
    quoted = json.dumps(shown(folder), ensure_ascii=False)
    lines = []
    if found.pictures or not found.clips:
        lines += [f"  - images: {quoted}", f"    captions: {extension}", "    repeats: 1"]
    if found.clips:
        lines += [f"  - videos: {quoted}", f"    captions: {extension}", "    repeats: 1", "    video: {frames: [1, 33]}"]
    return "datasets:\n" + "\n".join(lines) + "\n"


def write_captions(folder: str, names: Sequence[str], extension: str, text: str) -> tuple[int, list[str]]:
    """A caption file for each name that has none; an existing one is never overwritten. Returns how many, and what failed."""
    done, failed = 0, []
    for name in names:
        path = os.path.join(folder, stem_of(name) + extension)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o644)
        except FileExistsError:
            continue
        except OSError as error:
            failed.append(f"{shown(path)}: {error.strerror}")
            continue
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8") + b"\n")
        done += 1
    return done, failed


def captions_json(folder: str, found: Found, extension: str) -> dict[str, list[str]]:
    """diffusion-pipe's form: file name to a list of captions. Files without a readable caption are left out."""
    table = {}
    for name in (*found.pictures, *found.clips):
        caption = read_caption(os.path.join(folder, stem_of(name) + extension))
        if caption.text is not None and caption.text.strip():
            table[name] = [caption.text.strip()]
    return table


def json_lines(folder: str, found: Found, extension: str) -> list[dict[str, str]]:
    """musubi-tuner's form: one object per picture (or clip, where there is no picture), with absolute paths."""
    key, names = ("image_path", found.pictures) if found.pictures else ("video_path", found.clips)
    rows = []
    for name in names:
        caption = read_caption(os.path.join(folder, stem_of(name) + extension))
        if caption.text is not None and caption.text.strip():
            rows.append({key: os.path.join(os.path.abspath(folder), name), "caption": caption.text.strip()})
    return rows


def write_list(path: Path, folder: str, found: Found, extension: str) -> int:
    """Write `captions.json`, or JSON Lines to any other name. Returns the number of entries. Raises OSError; FileExistsError where there is one."""
    if path.exists() or path.is_symlink():
        raise FileExistsError(17, "it exists; remove it first", str(path))
    if path.name == "captions.json":
        table = captions_json(folder, found, extension)
        write_atomic(path, json.dumps(table, indent=1, ensure_ascii=False) + "\n")
        return len(table)
    rows = json_lines(folder, found, extension)
    write_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return len(rows)
