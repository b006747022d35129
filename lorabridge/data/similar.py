"""Near duplicates and broken pixels: every picture decoded once, small, with Pillow (the extra `data`).

Two pictures are nearly the same when their 64-bit perceptual hashes (signs of the low DCT coefficients of the brightness) are close, and their
small versions agree after the best of a few slight crops: in brightness by correlation, in colour by difference. Measured by tests/data/test_similar.py.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from lorabridge.data.facts import Memory, identity
from lorabridge.data.items import Item
from lorabridge.data.judge import MOST_PIXELS
from lorabridge.data.problems import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 32
COLOUR = 8
NEAR_BITS = 22
"""Differing hash bits up to which a pair is looked at closely; unrelated pictures differ in 32 of 64 on average."""
AGREE = 0.94
"""Correlation of brightness from which two small pictures are the same."""
COLOUR_STEP = 12.0
"""Mean difference of the colour planes (of 255) up to which they are the same."""
FLAT = 2.0
"""Standard deviation of brightness below which a picture has no structure to compare."""
_LARGE = 40_000_000
_MOST_PAIRS = 500_000
_CROPS = ((0.0, 0.0, 1.0), *((x, y, 1 - d) for d in (0.05, 0.1) for x in (0.0, d / 2, d) for y in (0.0, d / 2, d)))


def installed() -> bool:
    """Whether Pillow can be imported."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Print:
    """A small picture: brightness `SIDE` x `SIDE`, colour planes 2 x `COLOUR` x `COLOUR`, one byte each."""

    grey: bytes
    colour: bytes


def look(items: Sequence[Item], memory: Memory) -> tuple[list[Problem], dict[str, Print]]:
    """Decode every picture: what is broken, and the prints by path."""
    pictures = [item for item in items if item.kind == "image" and 0 < item.width * item.height <= MOST_PIXELS]
    problems: list[Problem] = []
    prints: dict[str, Print] = {}
    for item, found in zip(pictures, _all(pictures, memory), strict=True):
        if isinstance(found, str):
            problems.append(Problem("pixels", item.path, found))
        else:
            prints[item.path] = found
    return problems, prints


def _all(pictures: Sequence[Item], memory: Memory) -> Iterator[Print | str]:
    from concurrent.futures import ThreadPoolExecutor

    small = [item for item in pictures if item.width * item.height <= _LARGE]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        found = dict(zip((item.path for item in small), pool.map(lambda item: _one(item.path, memory), small), strict=True))
    for item in pictures:
        yield found[item.path] if item.path in found else _one(item.path, memory)


def _one(path: str, memory: Memory) -> Print | str:
    try:
        facts = os.stat(path)
    except OSError as error:
        return error.strerror or "cannot be opened"
    key = identity(facts)
    known = memory.get(key)
    if isinstance(known, list) and len(known) == 2 and all(isinstance(part, str) for part in known):
        return Print(base64.b85decode(known[0]), base64.b85decode(known[1]))
    found = decode(path)
    if isinstance(found, Print):
        memory.put(key, [base64.b85encode(found.grey).decode(), base64.b85encode(found.colour).decode()], facts.st_mtime_ns)
    return found


def decode(path: str) -> Print | str:
    """The print of a picture file, or what is wrong with its pixels."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as source:
            source.draft("RGB", (SIDE * 8, SIDE * 8))
            source.load()
            upright = ImageOps.exif_transpose(source)
            if upright.mode in ("RGBA", "LA", "P", "PA"):
                clear = upright.convert("RGBA")
                upright = Image.alpha_composite(Image.new("RGBA", clear.size, (255, 255, 255, 255)), clear)
            planes = upright.convert("RGB").resize((SIDE * 2, SIDE * 2), Image.Resampling.BOX).convert("YCbCr").split()
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, MemoryError, Image.DecompressionBombError) as error:
        return str(error).splitlines()[0][:160] if str(error) else type(error).__name__
    box = Image.Resampling.BOX
    return Print(planes[0].resize((SIDE, SIDE), box).tobytes(), b"".join(p.resize((COLOUR, COLOUR), box).tobytes() for p in planes[1:]))


def near(prints: dict[str, Print], same: frozenset[str] = frozenset()) -> list[Problem]:
    """The pictures that are nearly the same as an earlier one. `same`: copies that were reported already."""
    paths = [path for path in prints if path not in same]
    if len(paths) < 2:
        return []
    import numpy as np

    grey = np.stack([np.frombuffer(prints[path].grey, np.uint8).reshape(SIDE, SIDE) for path in paths]).astype(np.float32)
    colour = np.stack([np.frombuffer(prints[path].colour, np.uint8) for path in paths]).astype(np.float32)
    first = list(range(len(paths)))
    for a, b in _pairs(grey, colour):
        if _root(first, a) != _root(first, b) and _alike(grey[a], grey[b]):
            low, high = sorted((_root(first, a), _root(first, b)))
            first[high] = low
    roots = [(at, _root(first, at)) for at in range(len(paths))]
    return [Problem("similar", paths[at], f"to `{os.path.basename(paths[root])}`") for at, root in roots if at != root]


def _root(first: list[int], at: int) -> int:
    while first[at] != at:
        first[at] = first[first[at]]
        at = first[at]
    return at


@cache
def _waves() -> Any:
    """The first 9 rows of the orthogonal DCT-II matrix."""
    import numpy as np

    k, n = np.arange(9)[:, None], np.arange(SIDE)[None, :]
    return np.cos(np.pi * k * (2 * n + 1) / (2 * SIDE)).astype(np.float32)


def _pairs(grey: NDArray[Any], colour: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Pairs that are worth a close look: hashes near, colours alike."""
    import numpy as np

    waves = _waves()
    low = np.einsum("ki,nij,lj->nkl", waves, grey, waves)[:, :8, :8].reshape(len(grey), 64)
    low[:, 0] = 0
    bits = low > np.median(low, axis=1, keepdims=True)
    packed = np.packbits(bits, axis=1).view(np.uint64).reshape(-1)
    flat = grey.reshape(len(grey), -1).std(axis=1) < FLAT
    given = 0
    for at in range(len(packed) - 1):
        apart = np.bitwise_count(packed[at + 1 :] ^ packed[at]) if hasattr(np, "bitwise_count") else _count(packed[at + 1 :] ^ packed[at])
        close = apart <= NEAR_BITS
        if flat[at]:
            close = flat[at + 1 :] & (np.abs(grey[at + 1 :].mean(axis=(1, 2)) - grey[at].mean()) < COLOUR_STEP)
        others: list[int] = (np.flatnonzero(close) + at + 1).tolist()
        for other in others:
            if np.abs(colour[at] - colour[other]).mean() <= COLOUR_STEP:
                given += 1
                if given > _MOST_PAIRS:
                    return
                yield at, other


def _count(words: NDArray[Any]) -> Any:
    import numpy as np

    return np.unpackbits(words.view(np.uint8).reshape(-1, 8), axis=1).sum(axis=1)


def _alike(one: NDArray[Any], two: NDArray[Any]) -> bool:
    if min(float(one.std()), float(two.std())) < FLAT:
        return abs(float(one.mean() - two.mean())) < COLOUR_STEP
    return any(_correlation(_crop(one, crop), two) >= AGREE or _correlation(one, _crop(two, crop)) >= AGREE for crop in _CROPS)


def _crop(picture: NDArray[Any], crop: tuple[float, float, float]) -> Any:
    """The part of a picture, brought back to its size (bilinear)."""
    import numpy as np

    x, y, size = crop
    if size == 1:
        return picture
    grid = (np.arange(SIDE) + 0.5) * size - 0.5

    def axis(start: float) -> tuple[Any, Any, Any]:
        place = np.clip(grid + start * SIDE, 0, SIDE - 1)
        low = np.floor(place).astype(int)
        return low, np.minimum(low + 1, SIDE - 1), (place - low).astype(np.float32)

    top, bottom, down = axis(y)
    left, right, along = axis(x)
    rows = picture[top] * (1 - down)[:, None] + picture[bottom] * down[:, None]
    return rows[:, left] * (1 - along) + rows[:, right] * along


def _correlation(one: NDArray[Any], two: NDArray[Any]) -> float:
    import numpy as np

    a, b = one - one.mean(), two - two.mean()
    return float((a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-6))
