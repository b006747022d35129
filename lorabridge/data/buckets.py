"""What bucket rules have in common: the pictures and clips they look at, and the buckets they make.

The rules themselves differ per trainer and live in `backends/<trainer>/buckets.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding without its place: `path` is the intent path it belongs to."""

    code: str
    path: str
    message: str
    why: str = ""
    fix: str = ""
    severity: Literal["error", "warning", "hint"] = "error"


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or a clip as a bucket rule sees it.

    `width` and `height` in pixels as stored; `turned` where EXIF swaps them. `frames` is 0 for a picture. `captions` counts the captions
    found for it (0: none). `controls` are the sizes of its control pictures.
    """

    name: str
    width: int
    height: int
    frames: int = 0
    fps: float = 0.0
    captions: int = 1
    controls: tuple[tuple[int, int], ...] = ()
    turned: bool = False

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height for a reader that heeds EXIF orientation."""
        return (self.height, self.width) if self.turned else (self.width, self.height)

    @property
    def clip(self) -> bool:
        return self.frames > 0


@dataclass(frozen=True, slots=True)
class Fit:
    """How one source meets its bucket: resized to `scaled` (width, height), then cropped to the bucket. `windows`: samples cut from it."""

    media: Media
    scaled: tuple[int, int]
    windows: int = 1

    def enlarged(self) -> float:
        """Factor of the resize per side; above 1 the picture is blown up."""
        return math.sqrt(self.scaled[0] * self.scaled[1] / (self.media.width * self.media.height))

    def lost(self, width: int, height: int) -> float:
        """Share of the resized area that a bucket of `width` x `height` cuts away, 0 to 1."""
        area = self.scaled[0] * self.scaled[1]
        return max(0.0, 1 - width * height / area)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket in one epoch.

    `datasets`: indices of the trainer's own dataset tables that feed it. `samples` is what goes in per epoch, repeats
    included; of these `dropped` are not seen (no full batch), and `padded` are shown on top to fill a batch. `batch` is the
    size of a full batch of one process, `batches` their number per epoch over all processes, `partial` the size of a
    last smaller one (0: none).
    """

    datasets: tuple[int, ...]
    key: str
    width: int
    height: int
    frames: int
    samples: int
    batch: int
    batches: int
    fits: tuple[Fit, ...] = ()
    dropped: int = 0
    padded: int = 0
    partial: int = 0

    @property
    def seen(self) -> int:
        """Samples that are trained on in one epoch."""
        return self.samples - self.dropped + self.padded


Why = Literal["no caption", "too short", "same name", "too small", "not its kind"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A source that no bucket takes, or that the trainer does not read."""

    dataset: int
    media: Media
    why: Why


@dataclass(frozen=True, slots=True)
class Bucketing:
    """All buckets of a run, and what is left out of them. `notes` name what is not exact."""

    buckets: tuple[Bucket, ...]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def samples(self) -> int:
        return sum(bucket.samples for bucket in self.buckets)

    @property
    def seen(self) -> int:
        return sum(bucket.seen for bucket in self.buckets)

    @property
    def batches(self) -> int:
        return sum(bucket.batches for bucket in self.buckets)


def largest(buckets: Sequence[Bucket]) -> Bucket | None:
    """The bucket whose full batch holds the most pixels: what memory must be planned for."""
    return max(buckets, key=lambda one: one.width * one.height * max(1, one.frames) * one.batch, default=None)


def stem(name: str) -> str:
    """A file's name without folder and last extension, as `os.path.splitext` sees it."""
    base = name.replace("\\", "/").rpartition("/")[2]
    dot = base.rfind(".")
    return base[:dot] if dot > 0 and base[:dot].strip(".") else base
