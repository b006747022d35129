"""Pictures, captions and sizes of a job's data sets. Pillow and the standard library; no torch."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from .events import Emit, warn
from .job import Dataset, Job

IMAGE_EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
_LARGE_SIDE = 512
_LARGE_STEP = 64


class DataError(ValueError):
    """A data set that cannot be trained on."""


@dataclass(frozen=True)
class Item:
    """One picture at one training size.

    `size` is (width, height) to train at, `original` that of the file. `captions` are the texts to draw from, `digest` the
    SHA-256 of the file's bytes, `mask` the picture of what counts.
    """

    path: Path
    digest: str
    original: tuple[int, int]
    size: tuple[int, int]
    captions: tuple[str, ...]
    class_caption: str | None
    dropout: float
    flip: bool
    mask: Path | None
    mask_background: float
    weight: float
    repeats: int


def derive(seed: int, *parts: object) -> int:
    """A 63-bit seed that depends on nothing but its arguments; the same on every machine."""
    text = ":".join([str(seed), *map(str, parts)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def fit_size(original: tuple[int, int], wanted: int | tuple[int, int], bucket: bool, step: int) -> tuple[int, int]:
    """The (width, height) to train a picture at: multiples of `step`, at least one `step` each.

    With `bucket` the area is about that of `wanted` and the aspect that of the picture; without, `wanted` itself.
    """
    width, height = (wanted, wanted) if isinstance(wanted, int) else wanted
    if bucket:
        aspect = original[0] / original[1]
        area = width * height
        width, height = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
    return max(step, round(width / step) * step), max(step, round(height / step) * step)


def bucket_step(dataset: Dataset, wanted: int | tuple[int, int], granularity: int) -> int:
    """The grid of sizes, in pixels: what the model needs, coarser for large pictures so that they share buckets."""
    if dataset.bucket_step is not None:
        return math.lcm(granularity, dataset.bucket_step)
    side = wanted if isinstance(wanted, int) else min(wanted)
    return math.lcm(granularity, _LARGE_STEP) if dataset.bucket and side >= _LARGE_SIDE else granularity


def open_rgb(path: Path, size: tuple[int, int]) -> Image.Image:
    """A picture upright, on white where it is transparent, scaled to cover `size` and cut around its middle."""
    with Image.open(path) as source:
        upright = ImageOps.exif_transpose(source).convert("RGBA")
    white = Image.new("RGBA", upright.size, (255, 255, 255, 255))
    return ImageOps.fit(Image.alpha_composite(white, upright).convert("RGB"), size, Image.Resampling.LANCZOS)


def open_mask(path: Path, size: tuple[int, int]) -> Image.Image:
    """A mask in grey, cut and scaled as its picture is."""
    with Image.open(path) as source:
        return ImageOps.fit(ImageOps.exif_transpose(source).convert("L"), size, Image.Resampling.BILINEAR)


def scan(job: Job, granularity: int, emit: Emit) -> list[Item]:
    """All items of a job in a fixed order.

    Raises:
        DataError: a folder is missing or holds no picture, or a picture cannot be read.
    """
    items: list[Item] = []
    for number, dataset in enumerate(job.datasets):
        folder = Path(dataset.images)
        if not folder.is_dir():
            raise DataError(f"datasets.{number}.images: no such folder: {folder}")
        pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_EXTENSIONS)
        if not pictures:
            raise DataError(f"datasets.{number}.images: no picture in {folder}")
        class_word = job.preservation.class_word if job.preservation else None
        for picture in pictures:
            items.extend(_items(picture, dataset, class_word, granularity, emit))
    return items


def _items(picture: Path, dataset: Dataset, class_word: str | None, granularity: int, emit: Emit) -> list[Item]:
    try:
        with Image.open(picture) as source:
            original = ImageOps.exif_transpose(source).size
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{picture}: cannot be read as a picture: {error}") from None
    text = _caption_text(picture, dataset, emit)
    captions = caption_variants(text, dataset, str(picture.name))
    mask = _mask_of(picture, dataset, emit)
    class_caption = None
    if class_word is not None and dataset.trigger and not dataset.regularization:
        class_caption = captions[0].replace(dataset.trigger, class_word)
    return [
        Item(
            path=picture,
            digest=hashlib.sha256(picture.read_bytes()).hexdigest(),
            original=original,
            size=fit_size(original, wanted, dataset.bucket, bucket_step(dataset, wanted, granularity)),
            captions=captions,
            class_caption=class_caption,
            dropout=dataset.caption_dropout,
            flip=dataset.flip,
            mask=mask,
            mask_background=dataset.mask_background,
            weight=dataset.weight,
            repeats=dataset.repeats,
        )
        for wanted in dataset.resolutions
    ]


def _caption_text(picture: Path, dataset: Dataset, emit: Emit) -> str:
    file = picture.with_suffix(dataset.caption_extension)
    try:
        return " ".join(file.read_text(encoding="utf-8-sig").split())
    except FileNotFoundError:
        warn(emit, "caption_missing", f"{file.name}: no such caption file, the caption is empty")
        return ""
    except UnicodeDecodeError:
        raise DataError(f"{file}: not UTF-8") from None


def _mask_of(picture: Path, dataset: Dataset, emit: Emit) -> Path | None:
    if dataset.masks is None:
        return None
    for suffix in (picture.suffix, *sorted(IMAGE_EXTENSIONS)):
        mask = Path(dataset.masks) / (picture.stem + suffix)
        if mask.is_file():
            return mask
    warn(emit, "mask_missing", f"{picture.name}: no mask in {dataset.masks}, all of the picture counts")
    return None


def caption_variants(text: str, dataset: Dataset, name: str) -> tuple[str, ...]:
    """The texts that a picture may be shown with. The first is the caption in its written order.

    Shuffling draws a fixed number of orders, since each text is encoded once before training.
    """
    first = _dress(text, dataset)
    tags = [tag.strip() for tag in text.split(",") if tag.strip()]
    kept, loose = tags[: dataset.keep_tokens], tags[dataset.keep_tokens :]
    if not dataset.caption_shuffle or len(loose) < 2:
        return (first,)
    rng = random.Random(derive(0, "shuffle", name, text))
    variants = [_dress(", ".join(kept + rng.sample(loose, len(loose))), dataset) for _ in range(dataset.shuffle_variants)]
    return tuple(dict.fromkeys([first, *variants]))


def _dress(text: str, dataset: Dataset) -> str:
    if dataset.regularization or not dataset.trigger:
        return f"{dataset.caption_prefix}{text}{dataset.caption_suffix}"
    text = text.replace("[trigger]", dataset.trigger)
    dressed = f"{dataset.caption_prefix}{text}{dataset.caption_suffix}".replace("[trigger]", dataset.trigger)
    if dataset.trigger not in dressed:
        dressed = f"{dataset.trigger}, {dressed}" if dressed else dataset.trigger
    return dressed


@dataclass(frozen=True)
class Shown:
    """One picture as it is shown once: `serial` counts all that were shown before it in the whole run."""

    item: int
    serial: int


Step = tuple[tuple[Shown, ...], ...]


class Order:
    """Which pictures each step shows. A pure function of the seed and the step, so a run can be taken up anywhere.

    A step is a tuple of micro-batches, each of one size. The pictures of one size are cut into whole steps first, so that
    batch size and accumulation can be exchanged without another order; what remains of each size is gathered into steps.
    """

    def __init__(self, items: Sequence[Item], batch: int, accumulation: int, seed: int) -> None:
        self._batch, self._accumulation, self._seed = batch, accumulation, seed
        self._buckets: dict[tuple[int, int], list[int]] = {}
        for index, item in enumerate(items):
            self._buckets.setdefault(item.size, []).extend([index] * item.repeats)
        self.shown_per_epoch = sum(len(bucket) for bucket in self._buckets.values())
        self.steps_per_epoch = len(self._arrange(random.Random(0)))
        self._epoch: tuple[int, list[Step]] | None = None

    def step(self, step: int) -> Step:
        """The micro-batches of step `step`, counted from 0."""
        epoch, within = divmod(step, self.steps_per_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            serial = epoch * self.shown_per_epoch
            steps: list[Step] = []
            for arranged in self._arrange(random.Random(derive(self._seed, "order", epoch))):
                batches = []
                for batch in arranged:
                    batches.append(tuple(Shown(index, serial + at) for at, index in enumerate(batch)))
                    serial += len(batch)
                steps.append(tuple(batches))
            self._epoch = (epoch, steps)
        return self._epoch[1][within]

    def _arrange(self, rng: random.Random) -> list[list[list[int]]]:
        whole: list[list[list[int]]] = []
        leftovers: list[list[int]] = []
        size = self._batch * self._accumulation
        for bucket in self._buckets.values():
            mixed = rng.sample(bucket, len(bucket))
            full = len(mixed) // size * size
            whole.extend(self._cut(mixed[at : at + size]) for at in range(0, full, size))
            leftovers.extend(self._cut(mixed[full:]))
        rng.shuffle(leftovers)
        gathered = [leftovers[at : at + self._accumulation] for at in range(0, len(leftovers), self._accumulation)]
        steps = [*whole, *gathered]
        rng.shuffle(steps)
        return steps

    def _cut(self, indices: list[int]) -> list[list[int]]:
        return [indices[at : at + self._batch] for at in range(0, len(indices), self._batch)]
