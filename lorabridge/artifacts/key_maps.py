"""What modules are called in diffusers and in the model's own code, and what names each program reads."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal, NamedTuple

from lorabridge.artifacts.key_rows import FIRST_WORDS, LINES, SPELLINGS
from lorabridge.artifacts.tables import pattern, tables


class Row(NamedTuple):
    """One module in both namings (see `key_rows`)."""

    native: str
    diffusers: tuple[str, ...]
    shares: tuple[int, ...] = (1,)
    swap: Literal["", "swap", "swap if twice"] = ""

    @property
    def even(self) -> bool:
        """Whether the parts are of one size, so that any width can be split."""
        return len(set(self.shares)) == 1


_LINE = re.compile(r"(?P<native>\S+) -> (?P<diffusers>[^/]+?)(?: / (?P<shares>[\d ]+?))?(?P<swap> swap(?: if twice)?)?$")


def _row(line: str) -> Row:
    match = _LINE.match(line.strip())
    if match is None:
        raise ValueError(f"no line of a key map: {line}")
    names = tuple(name.strip() for name in match["diffusers"].split("+"))
    shares = tuple(map(int, match["shares"].split())) if match["shares"] else (1,) * len(names)
    return Row(match["native"], names, shares, (match["swap"] or "").strip())  # type: ignore[arg-type]


@cache
def rows(architecture: str) -> tuple[Row, ...]:
    """The rows of an architecture; empty where there is no map."""
    return tuple(_row(line) for line in LINES.get(architecture, "").splitlines() if line.strip())


@cache
def to_diffusers(architecture: str) -> dict[str, Row]:
    """Rows by their native name."""
    return {row.native: row for row in rows(architecture)}


@cache
def to_native(architecture: str) -> dict[str, tuple[Row, int]]:
    """Rows by each of their diffusers names, and which of them it is."""
    return {name: (row, place) for row in rows(architecture) for place, name in enumerate(row.diffusers)}


def mapped(architecture: str) -> bool:
    """Whether there is anything that leads from one naming to the other."""
    return architecture in LINES or architecture in FIRST_WORDS


SAME: dict[str, tuple[str, ...]] = {
    "qwen-image": ("comfyui", "kohya"),
    "z-image": ("comfyui", "kohya"),
    "hidream": ("comfyui", "kohya"),
    "omnigen2": ("comfyui", "kohya"),
    "sdxl": ("kohya",),
    "sd15": ("kohya",),
    "sd2": ("kohya",),
}
"""Programs that read the names of diffusers for these architectures: ai-toolkit (27a03a91) writes them after
`diffusion_model.` for HiDream, OmniGen2, Qwen-Image and Z-Image."""

UNETS = frozenset({"sdxl", "sd15", "sd2"})
"""Their denoiser is `unet.` in diffusers."""

ENCODER_NAMES: tuple[str, ...] = (
    "text_projection",
    *(
        f"{start}encoder.layers.{{}}.{name}"
        for start in ("text_model.", "")
        for name in ("mlp.fc1", "mlp.fc2", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj")
    ),
)
"""CLIP's modules, with and without the word that new transformers leave out."""

_NUMBERS = re.compile(r"(?<=\.)\d+(?=\.)")


def template(name: str, known: object = None) -> tuple[str, str]:
    """A name with its block's number taken out, and the number; an empty one where there is none, or the name is in `known`."""
    if isinstance(known, dict) and name in known:
        return name, ""
    match = _NUMBERS.search(name)
    return (name[: match.start()] + "{}" + name[match.end() :], match[0]) if match else (name, "")


def first_word(name: str, architecture: str, *, native: bool) -> str:
    """The name with its first word as the other naming has it."""
    word, dot, rest = name.partition(".")
    pairs = FIRST_WORDS.get(architecture, ())
    words = {two: one for one, two in pairs} if native else dict(pairs)
    return words.get(word, word) + dot + rest


def spelled(name: str, architecture: str, *, comfyui: bool) -> str:
    """A native name as ComfyUI spells it, or as the published code does."""
    for pair in SPELLINGS.get(architecture, ()):
        old, new = pair if comfyui else pair[::-1]
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


@cache
def namings(architecture: str, flat_name: str) -> frozenset[str]:
    """The namings whose key tables hold a module of this pattern (see `tables.pattern`)."""
    return frozenset(table.naming for table in tables() if table.architecture == architecture and flat_name in table.by_pattern)


def in_both(name: str, architecture: str) -> bool:
    """Whether a module is called so in both namings."""
    return namings(architecture, pattern(name)) == {"diffusers", "native"}
