"""Masks and control pictures: which file belongs to which picture, and whether the sizes fit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from lorabridge.data.facts import Memory, read_facts
from lorabridge.data.items import Item
from lorabridge.data.problems import Problem
from lorabridge.data.rules import Rules, ending_of, stem_of

_SHAPE = 0.02
"""Relative difference of aspect ratios up to which two shapes count as one: less than a bucket's step."""


class Folder:
    """The files of a companion folder by stem."""

    def __init__(self, path: str, rules: Rules) -> None:
        self.path = path
        self.error = ""
        self._stems: dict[str, list[str]] = {}
        try:
            names = sorted(os.listdir(path))
        except OSError as error:
            names, self.error = [], error.strerror or "cannot be listed"
        for name in names:
            if rules.companions is not None and ending_of(name) not in rules.companions and ending_of(name).lower() not in rules.companions:
                continue
            if rules.companions is None and not ending_of(name):
                continue
            self._stems.setdefault(stem_of(name), []).append(os.path.join(path, name))

    def of(self, item: Item) -> tuple[str, ...]:
        """The companions of an item: those of its name, then `name_0`, `name_1`, …"""
        stem = stem_of(os.path.basename(item.path))
        numbered = []
        for number in range(100):
            more = self._stems.get(f"{stem}_{number}")
            if not more:
                if number:
                    break
                continue
            numbered += more[:1]
        return (*self._stems.get(stem, ())[:1], *numbered)


def attach(items: Sequence[Item], masks: Folder | None, control: Sequence[Folder], memory: Memory) -> tuple[list[Item], list[Problem]]:
    """The items with their companions, and what is missing or of another size."""
    problems = [Problem("unreadable", folder.path, folder.error) for folder in (*([masks] if masks else []), *control) if folder.error]
    dressed = []
    for item in items:
        mask = masks.of(item)[:1] if masks else ()
        pictures = tuple(path for folder in control for path in folder.of(item))
        if masks and not mask:
            problems.append(Problem("mask_missing", item.path))
        if control and not pictures:
            problems.append(Problem("control_missing", item.path))
        dressed.append(replace(item, mask=mask[0] if mask else "", control=pictures))
    return dressed, problems + _sizes(dressed, memory)


def _sizes(items: Sequence[Item], memory: Memory) -> list[Problem]:
    pairs = [("mask_size", item, item.mask) for item in items if item.mask]
    pairs += [("control_size", item, path) for item in items for path in item.control if not os.path.isdir(path)]
    problems = []
    for (kind, item, path), fact in zip(pairs, read_facts([path for _, _, path in pairs], memory), strict=True):
        header = fact.header
        if fact.error or header.problem or header.cut:
            problems.append(Problem("odd" if fact.odd else "broken", path, fact.error or header.problem or "its end is missing"))
        elif not header.width or not item.width:
            continue
        elif kind == "mask_size" and (header.width, header.height) != (item.width, item.height):
            problems.append(Problem(kind, item.path, f"{item.width} x {item.height}, mask {header.width} x {header.height}"))
        elif kind == "control_size" and abs(header.width * item.height / (header.height * item.width) - 1) > _SHAPE:
            problems.append(Problem(kind, item.path, f"{item.width} x {item.height}, control {header.width} x {header.height}"))
    return problems
