"""One dataset entry as one trainer finds it: items, what is left out, and every defect. Read-only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lorabridge.config.schema.data import Dataset
from lorabridge.data.captions import Caption, read_caption
from lorabridge.data.companions import Folder, attach
from lorabridge.data.facts import Fact, Memory, read_facts
from lorabridge.data.items import Item, Left, Scan
from lorabridge.data.judge import judge_items
from lorabridge.data.lists import Record, read_captions_json, read_jsonl
from lorabridge.data.problems import Problem, grouped
from lorabridge.data.rules import Rules, ending_of, stem_of
from lorabridge.data.walk import Listing, list_folder
from lorabridge.diagnostics import Diagnostic, Span

_CLIPS = frozenset(("MP4", "MOV", "MKV", "WEBM", "AVI"))


@dataclass(frozen=True)
class Frame:
    """What the rest of the config says about a dataset entry.

    `trigger`: the word that captions must hold. `resolution`: the family's side in pixels. `family`: its name. `place`: where the entry stands in
    the YAML. `remember`: use and write the cache of headers.
    """

    here: str = "datasets[0]"
    trigger: str = ""
    resolution: int = 1024
    family: str = ""
    place: Span | None = None
    remember: bool = True


@dataclass
class _Work:
    """A scan under way."""

    data: Dataset
    rules: Rules
    root: Path
    frame: Frame
    problems: list[Problem] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)

    @property
    def video(self) -> bool:
        return self.data.videos is not None or (self.data.jsonl is not None and self.data.video is not None)


def scan(data: Dataset, rules: Rules, root: Path, frame: Frame | None = None) -> Scan:
    """Look at the disk as the trainer of `rules` would. Relative paths start at `root`. Never raises for what lies on the disk."""
    frame = frame or Frame()
    work = _Work(data, rules, root, frame)
    source = under(root, data.jsonl or data.videos or data.images or "")
    memory = Memory("headers", source, use=frame.remember)
    try:
        items, total = _from_list(work, source, memory) if data.jsonl is not None else _from_folder(work, source, memory)
    except (OSError, ValueError) as error:
        return Scan(rules.trainer, frame.here, findings=(_missing(work, source, error),))
    if data.masks is not None or data.control:
        masks = Folder(under(root, data.masks), rules) if data.masks is not None else None
        items, problems = attach(items, masks, [Folder(under(root, path), rules) for path in data.control], memory)
        work.problems += problems
    memory.save()
    work.problems += judge_items(items, data, rules, frame.family, frame.resolution, frame.trigger)
    found = grouped(work.problems, rules, total, frame.place, frame.here)
    if not total:
        found.insert(0, _empty(work, source))
    return Scan(rules.trainer, frame.here, tuple(items), tuple(found), tuple(work.left), tuple(work.problems))


def under(root: Path, value: str) -> str:
    """A path of the config as an absolute one."""
    return os.path.join(os.path.abspath(root), os.path.expanduser(value))


def _from_folder(work: _Work, folder: str, memory: Memory) -> tuple[list[Item], int]:
    listing = list_folder(folder, work.rules, work.video)
    work.problems += listing.problems
    table = _captions_json(work, folder, listing)
    facts = read_facts(listing.taken, memory)
    used: set[str] = set()
    items = []
    for path, fact in zip(listing.taken, facts, strict=True):
        if not _readable(work, path, fact):
            continue
        captions, caption_path = _captions_of(work, path, listing, table)
        used.add(caption_path)
        if captions is None and not caption_path and work.rules.needs_caption and not _stops(work):
            work.left.append(Left(path, "no caption"))
            continue
        items.append(_item(path, fact, captions or (), caption_path))
    _beside(work, folder, listing, facts, used)
    return items, len(listing.taken)


def _captions_json(work: _Work, folder: str, listing: Listing) -> dict[str, tuple[str, ...]] | None:
    """The captions of captions.json where the trainer reads one; empty where the file is broken."""
    if not work.rules.captions_json or "captions.json" not in listing.names.get(folder, ()):
        return None
    path = os.path.join(folder, "captions.json")
    table, problems = read_captions_json(path)
    work.problems += problems
    names = {os.path.basename(item) for item in listing.taken}
    for name in sorted(set(table or ()) - names):
        work.problems.append(Problem("listed_missing", os.path.join(folder, name), "in captions.json", source=path))
    return table or {}


def _captions_of(work: _Work, path: str, listing: Listing, table: dict[str, tuple[str, ...]] | None) -> tuple[tuple[str, ...] | None, str]:
    """The captions of a file (None: it has none), and the file that they stand in."""
    cut = path.rfind(os.sep)
    folder, name = path[:cut], path[cut + 1 :]
    default = (work.data.captions.default,) if work.data.captions.default else None
    if table is not None:
        found = table.get(name)
        if not found:
            work.problems.append(Problem("caption_missing", path, "not in captions.json"))
        return found or default, os.path.join(folder, "captions.json") if found or default else ""
    caption_name = stem_of(name) + (work.rules.caption_extension or work.data.captions.extension)
    if caption_name not in listing.names.get(folder, ()):
        if default is None:
            work.problems.append(Problem("clip_caption_missing" if _stops(work) else "caption_missing", path))
        return default, ""
    caption_path = f"{folder}{os.sep}{caption_name}"
    caption = read_caption(caption_path)
    return _judged(work, caption, caption_path, default), caption_path


def _stops(work: _Work) -> bool:
    """Whether a clip without a caption is listed, and stops the trainer."""
    return work.video and "clip_caption_missing" in work.rules.effects


def _judged(work: _Work, caption: Caption, path: str, default: tuple[str, ...] | None) -> tuple[str, ...] | None:
    kind = caption.kind
    if not kind and caption.text is not None:
        return (caption.text.strip(),)
    if kind == "caption_empty" and default:
        return default
    if kind and not (kind == "caption_bom" and work.rules.encoding == "utf-8-sig"):
        place = f"line {caption.line}, column {caption.column}" if caption.line and kind != "caption_bom" else ""
        work.problems.append(Problem(kind, path, "; ".join(filter(None, (caption.detail, place))), caption.line, caption.column))
    return None if caption.text is None else (caption.text.strip(),)


def _readable(work: _Work, path: str, fact: Fact) -> bool:
    """Whether the file is a picture or clip that the trainer can open; if not, says so."""
    header = fact.header
    if not (fact.error or header.problem or header.cut):
        return True
    if fact.error:
        work.problems.append(Problem("odd" if fact.odd else "unreadable", path, fact.error))
    elif header.problem:
        foreign = not header.format and work.rules.takes_all and ending_of(path).lower() not in work.rules.pictures | work.rules.clips
        opaque = not header.format and ending_of(path).lower() in (".flv", ".wmv", ".mpg", ".mpeg", ".ts", ".jxl")
        if opaque and fact.size:
            work.problems.append(Problem("unknown_length", path))
            return True
        work.problems.append(Problem("foreign" if foreign else "broken", path, header.problem))
    else:
        work.problems.append(Problem("cut", path, "its end is missing"))
        if not work.rules.drops_cut:
            return True
    work.left.append(Left(path, "cannot be read"))
    return False


def _item(path: str, fact: Fact, captions: tuple[str, ...], caption_path: str, control: tuple[str, ...] = ()) -> Item:
    header = fact.header
    return Item(
        path,
        "video" if header.format in _CLIPS else "image",
        header.width,
        header.height,
        header.frames,
        header.fps,
        header.orientation,
        header.mode,
        header.bits,
        header.alpha,
        header.estimated,
        header.format,
        fact.size,
        fact.ends,
        captions[0] if captions else None,
        captions,
        caption_path,
        "",
        control,
    )


def _beside(work: _Work, folder: str, listing: Listing, facts: Sequence[Fact], used: set[str]) -> None:
    """What else lies in the folder: captions without pictures, two pictures of one name, caches, companions."""
    extension = work.rules.caption_extension or work.data.captions.extension
    stems: dict[str, list[str]] = {}
    for path in listing.taken:
        cut = path.rfind(os.sep) + 1
        stems.setdefault(path[:cut] + stem_of(path[cut:]), []).append(path)
    for paths in stems.values():
        work.problems += [Problem("same_stem", path, f"`{os.path.basename(paths[0])}`") for path in paths[1:]]
    for here, names in listing.names.items():
        base = here.rstrip(os.sep) + os.sep
        texts = {base + name for name in names if name.endswith(extension) and name != extension} - used
        work.problems += [Problem("orphan", path) for path in sorted(texts) if path[: -len(extension)] not in stems]
    _companion_folders(work, folder)
    newest = max((fact.changed for fact in facts), default=0)
    for sidecar in listing.sidecars:
        if os.path.isdir(sidecar) and 0 < _newest(sidecar) < newest:
            work.problems.append(Problem("stale_cache", sidecar))
    if "unwritable" in work.rules.effects and not os.access(folder, os.W_OK):
        work.problems.append(Problem("unwritable", folder, work.rules.writes))


def _companion_folders(work: _Work, folder: str) -> None:
    """Masks and control pictures that the trainer takes for training pictures."""
    here = os.path.realpath(folder)
    for value in (*([work.data.masks] if work.data.masks else []), *work.data.control):
        path = os.path.realpath(under(work.root, value))
        inside = os.path.commonpath((path, here)) == here and os.path.basename(path) not in work.rules.never_folders
        if path == here or (inside and work.rules.recursive):
            work.problems.append(Problem("nested_companion", path))


def _newest(folder: str) -> int:
    """The latest change below a cache folder, over its first 10,000 files."""
    latest = count = 0
    for here, _, names in os.walk(folder):
        for name in names:
            count += 1
            try:
                latest = max(latest, os.lstat(os.path.join(here, name)).st_mtime_ns)
            except OSError:
                continue
            if count >= 10_000:
                return latest
    return latest


def _from_list(work: _Work, path: str, memory: Memory) -> tuple[list[Item], int]:
    if not os.path.exists(path):
        raise FileNotFoundError(2, "it does not exist")
    records, problems = read_jsonl(path, work.video)
    work.problems += problems
    folder = os.path.dirname(path)
    files = [os.path.join(folder, os.path.expanduser(record.path)) for record in records]
    items = []
    for record, file, fact in zip(records, files, read_facts(files, memory), strict=True):
        item = _listed(work, path, record, file, fact)
        if item:
            items.append(item)
    return items, len(records)


def _listed(work: _Work, source: str, record: Record, file: str, fact: Fact) -> Item | None:
    place = {"line": record.line, "column": 1, "source": source}
    if not os.path.isabs(os.path.expanduser(record.path)):
        work.problems.append(Problem("listed_relative", record.path, f"line {record.line}", record.line, 1, source))
    if fact.error and not fact.odd and not os.path.exists(file):
        work.problems.append(Problem("listed_missing", file, f"line {record.line}", **place))  # type: ignore[arg-type]
        work.left.append(Left(file, "not there"))
        return None
    if not _readable(work, file, fact):
        return None
    if record.caption is not None and not record.caption.strip():
        work.problems.append(Problem("caption_empty", file, f"line {record.line}", **place))  # type: ignore[arg-type]
    return _item(file, fact, (record.caption or "",), source, record.control)


def _missing(work: _Work, source: str, error: OSError | ValueError) -> Diagnostic:
    reason = getattr(error, "strerror", None) or str(error)
    return Diagnostic(
        "LB401",
        f"`{source}`: {reason}",
        work.frame.place,
        why="there is nothing to train on",
        fix="check the path; relative ones start at the config's folder",
        path=work.frame.here,
    )


def _empty(work: _Work, source: str) -> Diagnostic:
    what = "clips" if work.video else "pictures"
    endings = sorted({item.lower() for item in (work.rules.clips if work.video else work.rules.pictures)})
    return Diagnostic(
        "LB402",
        f"`{source}` holds no {what} that {work.rules.title} {'finds' if work.rules.trainer else 'find'}",
        work.frame.place,
        why="known endings: " + ", ".join(endings),
        fix="name the folder that the files lie in" + ("" if work.rules.recursive else "; sub-folders are not searched"),
        path=work.frame.here,
    )
