"""The names of a LoRA's modules for another program: dotted, then in the naming that it reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from lorabridge.artifacts.fuse import join, split, swap_halves
from lorabridge.artifacts.key_maps import ENCODER_NAMES, SAME, Row, template, to_diffusers, to_native
from lorabridge.artifacts.lora import Item, Lora, RefusedError
from lorabridge.artifacts.tables import flat, pattern, tables

Target = Literal["comfyui", "diffusers", "kohya", "peft"]
_FLAT_NUMBER = re.compile(r"(?<![^_])\d+(?![^_])")
_DOTTED_NUMBER = re.compile(r"(?<![^._])\d+(?![^._])|\{[0-9,-]+\}")


def architecture_of(lora: Lora) -> str:
    """The architecture of the best key table; empty when there is none."""
    return lora.identity.match.table.architecture if lora.identity.match else ""


def dotted(lora: Lora) -> list[Item]:
    """The modules with their dots back. Raises RefusedError for a name that no table knows."""
    known = _templates(architecture_of(lora))
    found = []
    for item in lora.items:
        module = lora.source.get(item.key)
        if module is not None and module.prefix.flat:
            names = {pattern(name.format(0)): name.format(0) for name in ENCODER_NAMES} if item.part != "transformer" else known
            found.append(replace(item, name=_undo(item, names)))
        else:
            found.append(item)
    return found


def _templates(architecture: str) -> dict[str, str]:
    return {row.pattern: row.name for table in tables() if table.architecture == architecture for row in table.rows}


def _undo(item: Item, names: dict[str, str]) -> str:
    name = names.get(pattern(item.name))
    if name is None:
        raise RefusedError(f"`{item.key}`: where its dots were cannot be known, the name is in no key table")
    numbers = iter(_FLAT_NUMBER.findall(item.name))
    found = _DOTTED_NUMBER.sub(lambda match: next(numbers, match[0]), name)
    if flat(found) != item.name:
        raise RefusedError(f"`{item.key}`: where its dots were cannot be known, {found} is the nearest name")
    return found


def renamed(items: Sequence[Item], lora: Lora, target: Target) -> list[Item]:
    """The modules as the target names them, fused or split where it must be. Raises RefusedError."""
    architecture, naming = architecture_of(lora), lora.identity.naming
    body = [item for item in items if item.part == "transformer"]
    rest = [item for item in items if item.part != "transformer"]
    if target == "comfyui" and rest:
        raise RefusedError("the ComfyUI dialect has no names for text encoders here; ComfyUI reads kohya: `--to kohya`")
    if not body:
        return list(items)
    if not architecture:
        raise RefusedError("the module names are of no known model, so nothing says what another program calls them")
    if target in ("diffusers", "peft"):
        if naming == "diffusers":
            return list(items)
        return [*_forward(body, architecture), *rest]
    if naming == "native" or target in SAME.get(architecture, ()):
        return list(items)
    return [*_backward(body, architecture, target), *rest]


def _forward(items: Sequence[Item], architecture: str) -> list[Item]:
    """Native names to those of diffusers."""
    rows = to_diffusers(architecture)
    if not rows:
        raise RefusedError(f"there is no key map from native names to diffusers' for {architecture}")
    alike = _templates(architecture)
    found: list[Item] = []
    for item in items:
        name, number = template(item.name)
        row = rows.get(name)
        if row is None and pattern(item.name) in alike and _in_both(item.name, architecture):
            found.append(item)
        elif row is None:
            raise RefusedError(f"`{item.key}`: diffusers has no module for it")
        else:
            whole = swap_halves(item) if row.swap else item
            found += split(whole, [part.replace("{}", number) for part in row.diffusers], row.shares)
    return found


def _in_both(name: str, architecture: str) -> bool:
    namings = {table.naming for table in tables() if table.architecture == architecture and pattern(name) in table.by_pattern}
    return namings == {"diffusers", "native"}


def _backward(items: Sequence[Item], architecture: str, target: str) -> list[Item]:
    """Names of diffusers to native ones."""
    rows = to_native(architecture)
    if not rows:
        other = " or ".join(SAME.get(architecture, ())) or "no other program that is known here"
        raise RefusedError(f"{target} does not read the names of diffusers for {architecture}, and there is no key map ({other} does)")
    groups: dict[str, tuple[Row, list[Item | None]]] = {}
    for item in items:
        name, number = template(item.name)
        if name in rows:
            row, place = rows[name]
            _, parts = groups.setdefault(row.native.replace("{}", number), (row, [None] * len(row.diffusers)))
            parts[place] = item
        elif _in_both(item.name, architecture):
            groups[item.name] = (Row(item.name, (item.name,), (1,)), [item])
        else:
            raise RefusedError(f"`{item.key}`: the native model has no module for it")
    found = []
    for name, (row, parts) in groups.items():
        one = join(name, parts, row.shares)
        found.append(swap_halves(one) if row.swap else one)
    return found
