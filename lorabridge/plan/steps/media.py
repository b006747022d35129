"""The data of a plan: what a scan finds in each dataset, as bucket rules want it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lorabridge.backends.outlook import MediaOf
from lorabridge.backends.paths import absolute
from lorabridge.config.load import Loaded
from lorabridge.config.schema.data import Dataset
from lorabridge.data.buckets import Media
from lorabridge.data.facts import Memory, read_facts
from lorabridge.data.items import SIDEWAYS, Item, Scan
from lorabridge.data.scan import Frame, scan
from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.data import rules_of


@dataclass(frozen=True)
class Found:
    """What was found. `media` is None where a folder is missing; `left` counts files that the trainer does not take, by reason."""

    media: MediaOf | None
    left: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[Diagnostic, ...] = ()


def gather(loaded: Loaded, backend: str, root: Path, folders: Sequence[str] = (), *, required: bool = False) -> Found:
    """Scan each dataset as the trainer would. `folders` stand in for those of the config, in its order.

    Without `folders` a missing folder only means that the data is not at hand; with them, or where it is `required`, it is an error. Raises
    ValueError when there are more or fewer folders than datasets.
    """
    datasets = list(loaded.config.datasets) if loaded.config is not None else []
    if folders and len(folders) != len(datasets):
        raise ValueError(f"the config has {len(datasets)} dataset{'s' if len(datasets) != 1 else ''}, and --data names {len(folders)}")
    scans: list[Scan] = []
    table: dict[tuple[str, str], list[Media]] = {}
    for index, data in enumerate(datasets):
        here = f"datasets[{index}]"
        moved = _moved(data, str(Path(folders[index]).absolute())) if folders else data
        one = scan(moved, rules_of(backend), root, Frame(here, place=loaded.place(here)))
        absent = [item for item in one.findings if item.code == "LB401"]
        if absent:
            return Found(None, findings=tuple(absent) if folders or required else ())
        scans.append(one)
        folder = absolute(_source(data), root.as_posix())
        sizes = _control_sizes(one.items, str(root))
        table.setdefault((folder, data.captions.extension), []).extend(_media(item, sizes) for item in one.items)
    left = Counter(item.why for one in scans for item in one.left)
    unknown = sum(item.kind == "video" and not item.frames for one in scans for item in one.items)
    notes = (f"{unknown} clips do not say how many frames they have; they count as one",) if unknown else ()
    return Found(_lookup(table), tuple(sorted(left.items())), notes)


def _lookup(table: dict[tuple[str, str], list[Media]]) -> MediaOf:
    by_folder = {folder: items for (folder, _), items in table.items()}
    return lambda folder, extension: table.get((folder, extension)) or by_folder.get(folder, [])


def _source(data: Dataset) -> str:
    return data.jsonl or data.videos or data.images or ""


def _moved(data: Dataset, folder: str) -> Dataset:
    key = "jsonl" if data.jsonl is not None else "videos" if data.videos is not None else "images"
    return data.replace(**{key: folder})


def _control_sizes(items: Sequence[Item], purpose: str) -> dict[str, tuple[int, int]]:
    """The sizes of control pictures, as stored, from their headers."""
    paths = sorted({path for item in items for path in item.control})
    if not paths:
        return {}
    facts = read_facts(paths, Memory("headers", purpose, use=False))
    return {path: (fact.header.width, fact.header.height) for path, fact in zip(paths, facts, strict=True)}


def _media(item: Item, sizes: Mapping[str, tuple[int, int]]) -> Media:
    clip = item.kind == "video"
    captions = len(item.captions) if item.captions else int(bool(item.caption_path))
    controls = tuple(sizes[path] for path in item.control if all(sizes.get(path, (0, 0))))
    frames = max(1, item.frames) if clip else 0
    return Media(item.path, item.width, item.height, frames, item.fps or 0.0, captions, controls, item.orientation in SIDEWAYS)
