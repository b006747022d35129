"""Near duplicates and broken pixels: every picture decoded once, small, with Pillow (the extra `data`).

Two pictures are nearly the same when their small versions agree after the best of several cuts at the four sides: in brightness by
correlation, in colour by difference. The pairs to compare are those whose low spatial frequencies correlate. Precision and recall are
measured by tests/data/test_similar.py.
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
COARSE, MIDDLE = 8, 16
"""Waves per side of the two structures by which pairs are chosen."""
LIKELY = 0.4
"""Correlation of a structure from which a pair is looked at closely."""
AGREE = 0.94
"""Correlation of brightness from which two small pictures are the same."""
COLOUR_STEP = 12.0
"""Mean difference of the colour planes (of 255) up to which they are the same."""
BRIGHTER, CONTRAST = 55.0, 1.5
"""Difference of mean brightness (of 255) and ratio of contrast up to which pictures can be the same."""
WORTH = 0.5
"""Correlation after coarse cuts from which finer ones are tried."""
FLAT = 2.0
"""Standard deviation of brightness below which a picture has no structure to compare."""
_LARGE = 40_000_000
_MOST_PAIRS = 500_000
_BLOCK = 512


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
    """The first rows of the DCT-II matrix."""
    import numpy as np

    k, n = np.arange(MIDDLE)[:, None], np.arange(SIDE)[None, :]
    return np.cos(np.pi * k * (2 * n + 1) / (2 * SIDE)).astype(np.float32)


def _features(grey: NDArray[Any]) -> tuple[Any, Any]:
    """Unit vectors of the coarse and the middle structure of each picture, without its mean brightness."""
    import numpy as np

    waves = _waves()
    spectrum = np.einsum("ki,nij,lj->nkl", waves, grey, waves, optimize=True)
    spectrum[:, 0, 0] = 0
    found = [part.reshape(len(grey), -1) for part in (spectrum[:, :COARSE, :COARSE], spectrum)]
    coarse, middle = (part / (np.linalg.norm(part, axis=1, keepdims=True) + 1e-6) for part in found)
    return coarse, middle


def _pairs(grey: NDArray[Any], colour: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Pairs that are worth a close look: structure, contrast and colour near each other."""
    import numpy as np

    coarse, middle = _features(grey)
    mean, spread = grey.mean(axis=(1, 2)), grey.std(axis=(1, 2))
    flat = spread < FLAT
    given = 0
    for start in range(0, len(grey), _BLOCK):
        block = slice(start, start + _BLOCK)
        near_by = np.maximum(coarse[block] @ coarse[start:].T, middle[block] @ middle[start:].T) >= LIKELY
        near_by |= flat[block, None] & flat[None, start:]
        for row, column in np.argwhere(np.triu(near_by, 1)).tolist():
            one, two = start + row, start + column
            if (
                abs(mean[one] - mean[two]) <= BRIGHTER
                and spread[one] <= CONTRAST * spread[two] + FLAT
                and spread[two] <= CONTRAST * spread[one] + FLAT
                and np.abs(colour[one] - colour[two]).mean() <= COLOUR_STEP
            ):
                given += 1
                if given > _MOST_PAIRS:
                    return
                yield one, two


def _alike(one: NDArray[Any], two: NDArray[Any]) -> bool:
    """Whether one picture is the other, or a part of it with up to a tenth cut off each side."""
    if min(float(one.std()), float(two.std())) < FLAT:
        return abs(float(one.mean() - two.mean())) < COLOUR_STEP
    for step in (0.05, 0.025):
        best = max(_best(one, two, step), _best(two, one, step))
        if best >= AGREE:
            return True
        if best < WORTH:
            return False
    return False


def _best(whole: NDArray[Any], part: NDArray[Any], step: float) -> float:
    """The highest correlation of `part` with `whole` cut by multiples of `step` at its four sides."""
    import numpy as np

    cuts = _cuts(step)
    cut = np.einsum("aij,jk,bmk->abim", cuts, whole, cuts, optimize=True).reshape(-1, SIDE * SIDE)
    cut = cut - cut.mean(axis=1, keepdims=True)
    other = (part - part.mean()).reshape(-1)
    scale = np.sqrt((cut * cut).sum(axis=1) * float((other * other).sum())) + 1e-6
    return float((cut @ other / scale).max())


@cache
def _cuts(step: float) -> Any:
    """Matrices that cut a row at both ends and stretch it back (bilinear), for all pairs of cuts up to a tenth."""
    import numpy as np

    shares = np.arange(0, 0.1 + 1e-6, step)
    found: NDArray[Any] = np.zeros((len(shares) ** 2, SIDE, SIDE), np.float32)
    for at, (left, right) in enumerate((left, right) for left in shares for right in shares):
        place = np.clip((np.arange(SIDE) + 0.5) * (1 - left - right) + left * SIDE - 0.5, 0, SIDE - 1)
        low = np.minimum(place.astype(int), SIDE - 2)
        rows = np.arange(SIDE)
        found[at, rows, low] = 1 - (place - low)
        found[at, rows, low + 1] += place - low
    return found
