"""What a scan of a dataset yields: plain values that buckets, step arithmetic and the lint read.

`lorabridge.data.scan.scan(data, rules, root, here=...)` makes a `Scan` of one dataset entry, as one trainer would find it;
`lorabridge.data.rules.Rules` says how that trainer looks, and each trainer's rules are in `backends/<trainer>/scan.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from lorabridge.data.problems import Problem
from lorabridge.diagnostics import Diagnostic

Kind = Literal["image", "video"]
SIDEWAYS = frozenset((5, 6, 7, 8))
"""EXIF orientations that swap width and height (Exif 2.32, tag 274)."""


class Header(NamedTuple):
    """What the first (and last) bytes of a picture or clip say. Sizes in pixels as stored, before any EXIF orientation.

    `mode` is the colour mode as Pillow names it (`RGB`, `RGBA`, `L`, `LA`, `P`, `CMYK`, `1`), `bits` per channel, `alpha` whether
    transparency is stored in any form, `frames` 1 for a still, 0 where a clip's container does not say, `estimated` that they follow from
    duration and rate, `fps` frames per second, `problem` why the file cannot be used, `cut` that its end is missing. Width and height
    are 0 when unknown.
    """

    format: str = ""
    width: int = 0
    height: int = 0
    frames: int = 1
    fps: float | None = None
    orientation: int = 1
    mode: str = "RGB"
    bits: int = 8
    alpha: bool = False
    estimated: bool = False
    cut: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One picture or clip of a dataset that the trainer finds and uses.

    `width` and `height` are as stored; `upright` is after EXIF orientation. `caption` is the first one as text, None where there is none; `captions`
    holds all (diffusion-pipe's captions.json may name several, each a sample of its own). `mask` and `control` are paths of companions; `ends` is a checksum of the first and last bytes.
    """

    path: str
    kind: Kind
    width: int
    height: int
    frames: int = 1
    fps: float | None = None
    orientation: int = 1
    mode: str = "RGB"
    bits: int = 8
    alpha: bool = False
    estimated: bool = False
    format: str = ""
    size_bytes: int = 0
    ends: int = 0
    caption: str | None = None
    captions: tuple[str, ...] = ()
    caption_path: str = ""
    mask: str = ""
    control: tuple[str, ...] = ()

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height as a person sees them."""
        return (self.height, self.width) if self.orientation in SIDEWAYS else (self.width, self.height)


@dataclass(frozen=True, slots=True)
class Left:
    """A file that looks like data and is not used: `why` ends the sentence "left out: "."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Scan:
    """One dataset entry as one trainer finds it, sorted by path (a list: in its order). `items` are used, `left` are not."""

    trainer: str
    here: str
    items: tuple[Item, ...] = ()
    findings: tuple[Diagnostic, ...] = ()
    left: tuple[Left, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        return not any(item.severity == "error" for item in self.findings)


def findings(scans: Sequence[Scan]) -> list[Diagnostic]:
    """The findings of several scans, without duplicates."""
    return list(dict.fromkeys(item for scan in scans for item in scan.findings))
