"""Near duplicates: precision and recall on seeded sets of augmented and of different pictures, and broken pixels. Needs Pillow."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from lorabridge.data.facts import Memory
from lorabridge.data.items import Item
from lorabridge.data.similar import Print, decode, look, near

pytest.importorskip("PIL.Image", reason="Pillow is not installed: nothing can be decoded")
PICTURES = 60
GOAL = 0.95


def scene(seed: int, size: tuple[int, int] = (320, 240)) -> Any:
    """A picture with large and small shapes on a gradient: different seeds differ as photographs do, not as noise does."""
    from PIL import Image, ImageDraw, ImageFilter

    dice = random.Random(seed)
    corners = Image.new("RGB", (3, 3))
    corners.putdata([tuple(dice.randrange(40, 230) for _ in range(3)) for _ in range(9)])
    picture = corners.resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(dice.randrange(5, 14)):
        x, y = dice.randrange(size[0]), dice.randrange(size[1])
        w, h = dice.randrange(15, size[0] // 2), dice.randrange(15, size[1] // 2)
        shape = draw.ellipse if dice.random() < 0.5 else draw.rectangle
        shape((x - w // 2, y - h // 2, x + w // 2, y + h // 2), fill=tuple(dice.randrange(256) for _ in range(3)))
    return picture.filter(ImageFilter.GaussianBlur(1))


def series(seed: int, number: int) -> Any:
    """One subject before one background in several poses: different pictures that share much."""
    from PIL import ImageDraw

    picture = scene(seed)
    dice = random.Random(seed * 100 + number)
    draw = ImageDraw.Draw(picture)
    for _ in range(4):
        x, y, r = dice.randrange(60, 260), dice.randrange(50, 190), dice.randrange(35, 70)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(dice.randrange(256) for _ in range(3)))
    return picture


def augmented(picture: Any, kind: str, dice: random.Random) -> tuple[Any, int]:
    """The picture and the JPEG quality to save it with."""
    from PIL import ImageEnhance

    width, height = picture.size
    if kind == "resize":
        factor = dice.uniform(0.4, 1.8)
        return picture.resize((round(width * factor), round(height * factor))), 90
    if kind == "recompress":
        return picture, dice.randrange(15, 45)
    if kind == "crop":
        left, top = (round(side * dice.uniform(0, 0.05)) for side in (width, height))
        right, bottom = (round(side * (1 - dice.uniform(0, 0.05))) for side in (width, height))
        return picture.crop((left, top, right, bottom)), 90
    if kind == "brightness":
        return ImageEnhance.Brightness(picture).enhance(dice.uniform(0.85, 1.15)), 90
    return ImageEnhance.Contrast(picture).enhance(dice.uniform(0.85, 1.15)), 80


KINDS = ("resize", "recompress", "crop", "brightness", "contrast")


def prints(folder: Path) -> dict[str, Print]:
    found = {}
    for path in sorted(folder.iterdir()):
        item = decode(str(path))
        assert isinstance(item, Print), item
        found[str(path)] = item
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_precision_and_recall(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    wanted = set()
    for at in range(PICTURES):
        picture = scene(seed * 1000 + at)
        picture.save(tmp_path / f"a{at:03}.jpg", quality=92)
        kind = KINDS[at % len(KINDS)]
        copy, quality = augmented(picture, kind, dice)
        copy.save(tmp_path / f"b{at:03}-{kind}.jpg", quality=quality)
        wanted.add(f"b{at:03}-{kind}.jpg")
    for at in range(40):
        series(seed * 7 + at // 8, at % 8).save(tmp_path / f"s{at:03}.jpg", quality=92)
    problems = near(prints(tmp_path))
    assert {problem.kind for problem in problems} == {"similar"}
    found = {Path(problem.path).name: problem.detail for problem in problems}
    right = {name for name, detail in found.items() if name in wanted and f"`a{name[1:4]}.jpg`" in detail}
    precision, recall = len(right) / max(1, len(found)), len(right) / len(wanted)
    assert precision >= GOAL, sorted(set(found) - right)
    assert recall >= GOAL, sorted(wanted - right)


def test_one_drawing_in_other_colours_is_another_picture(tmp_path: Path) -> None:
    from PIL import Image

    grey = scene(3).convert("L")
    for name, (u, v) in {"a": (128, 128), "b": (90, 180), "c": (180, 90)}.items():
        planes = [grey, Image.new("L", grey.size, u), Image.new("L", grey.size, v)]
        Image.merge("YCbCr", planes).convert("RGB").save(tmp_path / f"{name}.png")
    found = prints(tmp_path)
    assert len({item.colour for item in found.values()}) == 3
    assert near(found) == []


def test_flat_pictures_are_told_apart_by_colour(tmp_path: Path) -> None:
    from PIL import Image

    for name, colour in {"a": (200, 30, 30), "b": (30, 200, 30), "c": (201, 31, 30)}.items():
        Image.new("RGB", (64, 64), colour).save(tmp_path / f"{name}.png")
    assert [Path(item.path).name for item in near(prints(tmp_path))] == ["c.png"]


def test_copies_are_not_reported_twice(tmp_path: Path) -> None:
    for name in "ab":
        scene(1).save(tmp_path / f"{name}.png")
    found = prints(tmp_path)
    assert len(near(found)) == 1
    assert near(found, frozenset([str(tmp_path / "b.png")])) == []


def test_broken_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORABRIDGE_CACHE", str(tmp_path / "cache"))
    scene(1).save(tmp_path / "good.png")
    data = bytearray((tmp_path / "good.png").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    (tmp_path / "bad.png").write_bytes(data)
    items = [Item(str(tmp_path / name), "image", 320, 240) for name in ("good.png", "bad.png")]
    problems, found = look(items, Memory("pixels", str(tmp_path)))
    assert [(Path(item.path).name, item.kind) for item in problems] == [("bad.png", "pixels")]
    assert list(found) == [str(tmp_path / "good.png")]


def test_prints_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("LORABRIDGE_CACHE", str(tmp_path / "cache"))
    scene(1).save(tmp_path / "a.png")
    os.utime(tmp_path / "a.png", (1e9, 1e9))
    items = [Item(str(tmp_path / "a.png"), "image", 320, 240)]
    memory = Memory("pixels", str(tmp_path))
    first = look(items, memory)
    memory.save()
    monkeypatch.setattr("lorabridge.data.similar.decode", lambda path: pytest.fail("decoded again"))
    assert look(items, Memory("pixels", str(tmp_path))) == first
