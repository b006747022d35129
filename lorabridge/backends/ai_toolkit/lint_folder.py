"""The folders of the datasets as the trainer walks them: pictures, captions, masks, control pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorabridge.backends.ai_toolkit.lint_job import Process, number, truthy
from lorabridge.diagnostics import Severity

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
CLIPS = (".mp4", ".avi", ".mov", ".webm", ".mkv", ".wmv", ".m4v", ".flv")
_SOUNDS = (".mp3", ".wav", ".flac", ".aac", ".ogg", ".m4a")
_UNREAD = (".bmp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jfif", ".jxl")
_MOST = 50_000
_HEADS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF", b"GIF8", b"BM", b"II*\0", b"MM\0*")


@dataclass
class Found:
    """What lies below a folder."""

    media: list[Path] = field(default_factory=list)
    unread: list[Path] = field(default_factory=list)


def check_folders(process: Process) -> None:
    """Look at the folder of every dataset."""
    for index, entry in process.datasets:
        key = "dataset_path" if entry.get("dataset_path") else "folder_path"
        path = entry.get(key)
        if isinstance(path, str) and os.path.isabs(path) and "$" not in path:
            _dataset(process, index, key, Path(path), entry)


def walk(folder: Path, endings: tuple[str, ...]) -> Found:
    """What the trainer finds: all folders below, hidden ones and `_controls` left out."""
    found = Found()
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if os.path.basename(root) == "_controls":
            continue
        for name in sorted(files):
            if not name.startswith("."):
                lower = name.lower()
                (found.media if lower.endswith(endings) else found.unread if lower.endswith(_UNREAD) else []).append(Path(root, name))
        if len(found.media) > _MOST:
            break
    return found


def _dataset(process: Process, index: int, key: str, folder: Path, entry: dict[str, Any]) -> None:
    place = ("datasets", index, key)
    late = "the trainer stops when the dataset is loaded, after the model"
    if not folder.exists():
        process.say("LB322", place, f"`{folder}` does not exist", late, "check the path")
        return
    if folder.is_file():
        _listed(process, place, folder, late)
        return
    frames = entry.get("num_frames", 1)
    moving = (number(frames) and frames > 1) or truthy(entry.get("auto_frame_count"))
    endings = _SOUNDS if process.arch_name.startswith("ace_step") else (*CLIPS, *PICTURES) if moving else PICTURES
    found = walk(folder, endings)
    if not os.access(folder, os.W_OK):
        process.say(
            "LB322",
            place,
            f"`{folder}` cannot be written to",
            "the trainer keeps `.aitk_size.json` there and stops",
            "make it writable, or copy the dataset",
            "warning",
        )
    if not found.media:
        others = f"; {len(found.unread)} files such as {found.unread[0].name} are of a kind that it does not read" if found.unread else ""
        clips = walk(folder, CLIPS).media if not moving else []
        if clips:
            others = "; it holds clips: they are read with `num_frames` above 1 only"
        process.say(
            "LB322",
            place,
            f"`{folder}` holds no pictures",
            f"{late}{others}",
            f"put {', '.join(ending[1:] for ending in endings[:4])} files there",
        )
        return
    if found.unread:
        process.say(
            "LB322",
            place,
            f"{len(found.unread)} files such as `{found.unread[0].name}` are left out",
            "the trainer reads jpg, jpeg, png and webp",
            "convert them",
            "warning",
        )
    _broken(process, place, [path for path in found.media if path.suffix.lower() in PICTURES], len(found.media))
    _captions(process, index, entry, found.media)
    _companions(process, index, entry, found.media)
    _stale(process, index, entry, found.media)
    size = process.get("train", "batch_size", 1)
    repeats = entry.get("num_repeats", 1)
    if number(size) and number(repeats) and size > len(found.media) * max(repeats, 1):
        why = "each batch is filled up with copies of the same pictures"
        process.say(
            "LB322",
            ("train", "batch_size"),
            f"`batch_size: {size}` is more than the {len(found.media)} pictures of a dataset",
            why,
            "lower it",
            "warning",
        )


def _listed(process: Process, place: tuple[str | int, ...], path: Path, late: str) -> None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        process.say("LB322", place, f"`{path}` is neither a folder nor JSON", late, "name the folder")
        return
    if not isinstance(data, dict) or not data:
        process.say("LB322", place, f"`{path}` lists no pictures", late, "it is an object of file names with captions")
    elif missing := [name for name in list(data)[:_MOST] if not os.path.exists(name)]:
        process.say(
            "LB322",
            place,
            f"{len(missing)} of {len(data)} pictures in it do not exist, such as `{missing[0]}`",
            "they are left out",
            "write whole paths",
            "warning" if len(missing) < len(data) else "error",
        )


def _broken(process: Process, place: tuple[str | int, ...], pictures: list[Path], media: int) -> None:
    bad = [path for path in pictures if not _sound(path)]
    if bad:
        what = "no picture can be read" if len(bad) == media else f"{len(bad)} of {media} pictures cannot be read"
        why = (
            "the trainer prints an error for each and goes on without them"
            if len(bad) < media
            else "the trainer stops when the dataset is loaded"
        )
        process.say(
            "LB322", place, f"{what}, such as `{bad[0].name}`", why, "remove or replace them", "warning" if len(bad) < media else "error"
        )


def _sound(path: Path) -> bool:
    """Whether a picture begins, and a PNG ends, as it should."""
    try:
        with path.open("rb") as handle:
            head = handle.read(12)
            if not head.startswith(_HEADS):
                return head[4:8] == b"ftyp"
            if head.startswith(b"\x89PNG"):
                handle.seek(-min(path.stat().st_size, 64), os.SEEK_END)
                return b"IEND" in handle.read()
    except OSError:
        return False
    return True


def _captions(process: Process, index: int, entry: dict[str, Any], media: list[Path]) -> None:
    ext = entry.get("caption_ext", ".txt")
    if not isinstance(ext, str) or process.kind == "concept_slider":
        return
    ending = ext if ext.startswith(".") or not ext else f".{ext}"
    without = [path for path in media if not Path(os.path.splitext(path)[0] + ending).is_file()]
    default = entry.get("default_caption")
    place: tuple[str | int, ...] = ("datasets", index, "caption_ext") if "caption_ext" in entry else ("datasets", index)
    if without and not default:
        others = sorted(
            {other.suffix for path in without[:50] for other in _beside(path) if other.suffix in (".txt", ".caption", ".json")} - {ending}
        )
        hint = f"there are captions that end in `{others[0]}`" if others else "write captions, or a `default_caption`"
        trigger = process.data.get("trigger_word") or entry.get("trigger_word")
        what = "the trigger word alone" if trigger else "empty text"
        share = (
            f"none of {len(media)} pictures has a caption"
            if len(without) == len(media)
            else f"{len(without)} of {len(media)} pictures have no caption"
        )
        process.say("LB322", place, f"{share} `*{ending}`", f"they are trained on {what}, in silence", hint, "warning")
    for path in media:
        text = Path(os.path.splitext(path)[0] + ending)
        try:
            if text.is_file():
                text.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            process.say("LB322", place, f"`{text.name}` is not UTF-8", "the trainer stops when it reads it", "save it as UTF-8")
            return
        except OSError:
            continue


def _beside(path: Path) -> Iterator[Path]:
    return (
        Path(os.path.splitext(path)[0] + ending)
        for ending in (".txt", ".caption", ".json")
        if os.path.isfile(os.path.splitext(path)[0] + ending)
    )


def _companions(process: Process, index: int, entry: dict[str, Any], media: list[Path]) -> None:
    for key in ("mask_path", "control_path", "control_path_1", "control_path_2", "control_path_3", "unconditional_path"):
        value = entry.get(key)
        for folder in value if isinstance(value, list) else [value]:
            if isinstance(folder, str) and os.path.isabs(folder) and "$" not in folder:
                _companion(process, ("datasets", index, key), key, Path(folder), media)


def _companion(process: Process, place: tuple[str | int, ...], key: str, folder: Path, media: list[Path]) -> None:
    what = "mask" if key == "mask_path" else "control picture" if key.startswith("control") else "companion"
    if not folder.is_dir():
        process.say(
            "LB322", place, f"`{folder}` does not exist", f"pictures without a {what} are trained as they are, in silence", "check the path"
        )
        return
    stems = {os.path.splitext(name)[0] for name in os.listdir(folder) if name.lower().endswith(PICTURES)}
    without = [path for path in media if path.stem not in stems]
    if without:
        share = (
            f"none of {len(media)} pictures has a {what}"
            if len(without) == len(media)
            else f"{len(without)} of {len(media)} pictures have no {what}, such as `{without[0].name}`"
        )
        severity: Severity = "error" if len(without) == len(media) else "warning"
        process.say("LB322", place, share, "they are trained without one, in silence", "give it the same name as its picture", severity)


def _stale(process: Process, index: int, entry: dict[str, Any], media: list[Path]) -> None:
    """Pictures that are newer than their cached latents: the cache goes by name and size, not by content."""
    if not truthy(entry.get("cache_latents_to_disk")):
        return
    for path in media:
        cache = path.parent / "_latent_cache"
        kept = list(cache.glob(f"{path.stem.replace('[', '[[]')}_*.safetensors")) if cache.is_dir() else []
        if kept and path.stat().st_mtime > max(item.stat().st_mtime for item in kept):
            why = "the cache goes by name and size: the old picture is trained, in silence"
            process.say(
                "LB322",
                ("datasets", index, "cache_latents_to_disk"),
                f"`{path.name}` is newer than its cached latents",
                why,
                f"remove `{cache}`",
                "warning",
            )
            return
