"""Generated pictures of plain shapes, with captions: the food of the toy base and of the quick start.

Run as `python -m lorabridge.backends.embedded.trainer.shapes OUT_DIR` for eight stars. Pillow and the standard library
only, so that a data set can be written before torch is imported.
"""

from __future__ import annotations

import argparse
import math
import random
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw

COLORS = {
    "red": (214, 40, 40),
    "green": (46, 160, 67),
    "blue": (38, 84, 214),
    "yellow": (242, 201, 20),
    "purple": (132, 46, 168),
    "orange": (242, 126, 28),
}
BACKGROUNDS = {"white": (244, 244, 244), "black": (20, 20, 20), "gray": (128, 128, 128)}
SIZES = {"small": (0.20, 0.27), "big": (0.32, 0.42)}
BASE_SHAPES = ("circle", "square", "triangle", "diamond", "cross")
SHAPES = (*BASE_SHAPES, "star")
_OVERSAMPLE = 4


class Scene(NamedTuple):
    """One picture before it is drawn; centre and radius are fractions of the side."""

    shape: str
    color: str
    background: str
    size: str
    center: tuple[float, float]
    radius: float

    @property
    def caption(self) -> str:
        """What the picture shows, in the words that the toy text encoder learns."""
        return f"a {self.size} {self.color} {self.shape} on a {self.background} background"


def random_scene(rng: random.Random, shapes: tuple[str, ...] = BASE_SHAPES) -> Scene:
    """Draw one scene from `rng`; equal generators give equal scenes."""
    size = rng.choice(tuple(SIZES))
    return Scene(
        shape=rng.choice(shapes),
        color=rng.choice(tuple(COLORS)),
        background=rng.choice(tuple(BACKGROUNDS)),
        size=size,
        center=(rng.uniform(0.44, 0.56), rng.uniform(0.44, 0.56)),
        radius=rng.uniform(*SIZES[size]),
    )


def _star(cx: float, cy: float, radius: float, points: int = 5) -> list[tuple[float, float]]:
    corners = []
    for index in range(points * 2):
        length = radius if index % 2 == 0 else radius * 0.42
        angle = math.pi * index / points - math.pi / 2
        corners.append((cx + length * math.cos(angle), cy + length * math.sin(angle)))
    return corners


def _regular(cx: float, cy: float, radius: float, corners: int, turn: float) -> list[tuple[float, float]]:
    steps = [2 * math.pi * index / corners + turn for index in range(corners)]
    return [(cx + radius * math.cos(angle), cy + radius * math.sin(angle)) for angle in steps]


def draw(scene: Scene, side: int = 64) -> Image.Image:
    """Render a scene as an RGB picture of `side` x `side` pixels, smooth at the edges.

    Raises:
        ValueError: the shape is none of circle, square, triangle, diamond, cross, star.
    """
    big = side * _OVERSAMPLE
    picture = Image.new("RGB", (big, big), BACKGROUNDS[scene.background])
    pen = ImageDraw.Draw(picture)
    cx, cy, radius = scene.center[0] * big, scene.center[1] * big, scene.radius * big
    fill = COLORS[scene.color]
    if scene.shape == "circle":
        pen.ellipse((cx - radius, cy - radius, cx + radius, cy + radius), fill=fill)
    elif scene.shape == "square":
        half = radius * 0.86
        pen.rectangle((cx - half, cy - half, cx + half, cy + half), fill=fill)
    elif scene.shape == "triangle":
        pen.polygon(_regular(cx, cy + radius * 0.15, radius * 1.1, 3, -math.pi / 2), fill=fill)
    elif scene.shape == "diamond":
        pen.polygon(_regular(cx, cy, radius, 4, 0.0), fill=fill)
    elif scene.shape == "cross":
        arm = radius * 0.34
        pen.rectangle((cx - radius, cy - arm, cx + radius, cy + arm), fill=fill)
        pen.rectangle((cx - arm, cy - radius, cx + arm, cy + radius), fill=fill)
    elif scene.shape == "star":
        pen.polygon(_star(cx, cy, radius * 1.15), fill=fill)
    else:
        raise ValueError(f"no such shape: {scene.shape!r}")
    return picture.resize((side, side), Image.Resampling.LANCZOS)


def write_dataset(folder: Path, shape: str = "star", count: int = 8, side: int = 64, seed: int = 7) -> list[Path]:
    """Write `count` pictures of one shape as `00.png` with captions in `00.txt`; return the pictures.

    Colours and backgrounds are walked in turn rather than drawn, so that eight pictures differ from each other.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    colors, backgrounds = tuple(COLORS), tuple(BACKGROUNDS)
    written = []
    for index in range(count):
        scene = random_scene(rng, (shape,))._replace(
            color=colors[index % len(colors)], background=backgrounds[(index + index // 3) % len(backgrounds)]
        )
        path = folder / f"{index:02d}.png"
        draw(scene, side).save(path)
        path.with_suffix(".txt").write_text(scene.caption + "\n", encoding="utf-8")
        written.append(path)
    return written


def main(argv: list[str] | None = None) -> int:
    """Command line of this module; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lorabridge.backends.embedded.trainer.shapes", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--shape", choices=SHAPES, default="star")
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args(argv)
    write_dataset(args.out, args.shape, args.count, args.side, args.seed)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
