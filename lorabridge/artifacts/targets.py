"""Which modules are attention, feed-forward or something else, and how modules group into blocks."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from lorabridge.artifacts.modules import Module
from lorabridge.artifacts.tables import flat
from lorabridge.families import FAMILIES

Group = Literal["attention", "feed-forward", "text encoder", "other"]

_ATTENTION = re.compile(r"_(attn\d*|attention|self_attn|cross_attn)(_|$)|_(linear1|linear2|proj_out)$|_(to_[qkv]|to_out_0|qkv)$")
_FEED_FORWARD = re.compile(r"_(ff\w*|mlp|ffn|feed_forward|img_mlp|txt_mlp|proj_mlp)(_|$)")


@cache
def words(families: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The flat substrings that mark attention and feed-forward modules in any implementation of these families."""
    attention: list[str] = []
    feed_forward: list[str] = []
    for name in families:
        family = FAMILIES.get(name)
        if family is not None:
            for modules in (family.modules(""), *family.native.values()):
                attention += modules.attention
                feed_forward += modules.feed_forward
    return tuple(dict.fromkeys(map(flat, attention))), tuple(dict.fromkeys(map(flat, feed_forward)))


def group_of(module: Module, families: tuple[str, ...]) -> Group:
    """The group of a module, by the families' own words, else by common ones. A layer that fuses both is attention."""
    if module.part != "transformer":
        return "text encoder"
    name = "_" + flat(module.name) + "_"
    attention, feed_forward = words(families)
    if any(word in name for word in attention):
        return "attention"
    if any(word in name for word in feed_forward):
        return "feed-forward"
    if attention or feed_forward:
        return "other"
    if _ATTENTION.search(name[:-1]):
        return "attention"
    return "feed-forward" if _FEED_FORWARD.search(name[:-1]) else "other"


_BLOCK = re.compile(r"^(.*?)[._](\d+)(?=[._]|$)")


def block_of(module: Module) -> tuple[str, int]:
    """The block: the name up to the first number, and the number; -1 for a module of no block."""
    match = _BLOCK.match(module.name)
    before = "" if module.part == "transformer" else f"{module.part}: "
    if match is None:
        return before + "outside blocks", -1
    return before + match[1], int(match[2])
