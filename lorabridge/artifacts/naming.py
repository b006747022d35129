"""The names of a LoRA's modules for another program: dotted, then in the naming that it reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from lorabridge.artifacts.fuse import join, split, swap_halves
from lorabridge.artifacts.key_maps import (
    ENCODER_NAMES,
    SAME,
    Row,
    first_word,
    in_both,
    mapped,
    namings,
    spelled,
    template,
    to_diffusers,
    to_native,
)
from lorabridge.artifacts.key_rows import FIRST_WORDS
from lorabridge.artifacts.lora import Item, Lora, RefusedError
from lorabridge.artifacts.tables import Match, flat, pattern, tables

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


class Told(NamedTuple):
    """A LoRA's modules before and after renaming, and the LoRA with the model that was decided on."""

    lora: Lora
    before: list[Item]
    after: list[Item]


def retold(lora: Lora, target: Target, prepare: Callable[[list[Item]], list[Item]], family: str = "") -> Told:
    """The modules as the target names them, by each model that the file may be of.

    Raises RefusedError where these come to different ends: then `family` must say which it is, as names and shapes cannot.
    """
    told: list[Told] = []
    refused: list[RefusedError] = []
    kept: list[str] = []
    lost: list[str] = []
    for match in _candidates(lora, family):
        one = replace(lora, identity=replace(lora.identity, match=match, naming=match.table.naming if match else ""))
        families = match.table.families if match else ()
        try:
            before = prepare(dotted(one))
            told.append(Told(one, before, renamed(before, one, target)))
            kept += families
        except RefusedError as error:
            refused.append(error)
            lost += families
    if not told:
        raise refused[0]
    if set(lost) - set(kept) or len({_signature(one.after) for one in told}) > 1:
        names = ", ".join(dict.fromkeys([*kept, *lost]))
        text = f"this may be a LoRA of {names}: names and shapes are alike, and {target} does not call them alike"
        raise RefusedError(f"{text}; `--family` says which it is")
    return told[0]


def _candidates(lora: Lora, family: str) -> list[Match | None]:
    """One match for each architecture and naming; only those of a family where it is said."""
    identity = lora.identity
    fits = [match for match in identity.fits if family in match.table.families] if family else identity.candidates
    if family and not fits:
        others = ", ".join(dict.fromkeys(name for match in identity.fits for name in match.table.families)) or "no known model"
        raise RefusedError(f"names and shapes are not those of {family}, but of {others}")
    found = {(match.table.architecture, match.table.naming): match for match in reversed(fits)}
    return list(reversed(found.values())) or [None]


def _signature(items: Sequence[Item]) -> tuple[object, ...]:
    """What two renamings must have in common to be the same."""
    return tuple(
        (item.name, tuple((role, data.dtype, data.shape, hash(data.bits.tobytes())) for role, data in item.tensors.items()))
        for item in items
    )


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
        return list(items) if naming == "diffusers" else [*_forward(body, architecture), *rest]
    if naming == "native" or target in SAME.get(architecture, ()):
        return list(items)
    return [*_backward(body, architecture, target), *rest]


def _forward(items: Sequence[Item], architecture: str) -> list[Item]:
    """Native names to those of diffusers."""
    if not mapped(architecture):
        raise RefusedError(f"there is no key map from native names to diffusers' for {architecture}")
    rows = to_diffusers(architecture)
    found: list[Item] = []
    for item in items:
        own = spelled(first_word(item.name, architecture, native=False), architecture, comfyui=True)
        name, number = template(own, rows)
        row = rows.get(name)
        if row is None and (in_both(own, architecture) or namings(architecture, pattern(own)) == {"diffusers"}):
            found.append(replace(item, name=own))
        elif row is None:
            raise RefusedError(f"`{item.key}`: diffusers has no module for it")
        else:
            whole = swap_halves(item) if _swapped(row, item) else item
            _splittable(row, item)
            found += split(whole, [part.replace("{}", number) for part in row.diffusers], row.shares)
    return found


def _swapped(row: Row, item: Item) -> bool:
    if row.swap != "swap if twice":
        return bool(row.swap)
    return "up" not in item.tensors or _rows(item) == 2 * item.tensors["down"].shape[1]


def _rows(item: Item) -> int:
    return item.tensors["up"].shape[0]


def _splittable(row: Row, item: Item) -> None:
    """Parts of different sizes: the first is as tall as the module is wide, or the shares are of another model."""
    if row.even or "up" not in item.tensors:
        return
    if _rows(item) * row.shares[0] != item.tensors["down"].shape[1] * sum(row.shares):
        shares = ":".join(map(str, row.shares))
        raise RefusedError(f"`{item.key}` has {_rows(item)} rows, which are not parts of {shares}: where to cut cannot be known")


def _backward(items: Sequence[Item], architecture: str, target: str) -> list[Item]:
    """Names of diffusers to native ones."""
    if not mapped(architecture):
        other = " or ".join(SAME.get(architecture, ())) or "no other program that is known here"
        raise RefusedError(f"{target} does not read the names of diffusers for {architecture}, and there is no key map ({other} does)")
    rows = to_native(architecture)
    groups: dict[str, tuple[Row, list[Item | None]]] = {}
    for item in items:
        name, number = template(item.name, rows)
        if name in rows:
            row, place = rows[name]
            _, parts = groups.setdefault(row.native.replace("{}", number), (row, [None] * len(row.diffusers)))
            parts[place] = item
        elif architecture in FIRST_WORDS or in_both(item.name, architecture):
            groups[first_word(item.name, architecture, native=True)] = (Row(item.name, (item.name,)), [item])
        else:
            raise RefusedError(f"`{item.key}`: the native model has no module for it")
    found = []
    for name, (row, parts) in groups.items():
        one = join(spelled(name, architecture, comfyui=target == "comfyui"), parts, row.shares)
        found.append(swap_halves(one) if _swapped(row, one) else one)
    return found
