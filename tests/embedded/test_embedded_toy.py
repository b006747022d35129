# ruff: noqa: E402 - without torch the module is skipped before it imports anything
"""The toy base of the quick start: it draws what it is told, and a LoRA changes that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra `embedded` is not installed: no torch")
pytest.importorskip("diffusers", reason="the extra `embedded` is not installed: no diffusers")
from PIL import Image

import lorabridge
from lorabridge.backends.embedded.trainer import shapes, toy

BASE = Path(lorabridge.__file__).parent / "backends/embedded/toy_base"


def fill_of(path: Path) -> tuple[str, str]:
    """The named colours of the middle and of the corner."""
    picture = Image.open(path)

    def nearest(point: tuple[int, int]) -> str:
        pixel = picture.getpixel(point)
        named = {**shapes.COLORS, **shapes.BACKGROUNDS}
        return min(named, key=lambda name: sum((a - b) ** 2 for a, b in zip(named[name], pixel, strict=True)))

    return nearest((32, 32)), nearest((2, 2))


def test_data_sets_are_reproducible(tmp_path: Path) -> None:
    for name in "ab":
        assert shapes.main([str(tmp_path / name)]) == 0
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert Counter(Path(name).suffix for name in files) == {".png": 8, ".txt": 8}
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


@pytest.mark.parametrize("shape", shapes.SHAPES)
def test_shapes_fill_the_middle(shape: str) -> None:
    scene = shapes.Scene(shape, "blue", "white", "big", (0.5, 0.5), 0.4)
    picture = shapes.draw(scene)
    assert picture.getpixel((32, 32)) == shapes.COLORS["blue"]
    assert picture.getpixel((0, 0)) == shapes.BACKGROUNDS["white"]


def test_a_toy_can_be_built(tmp_path: Path) -> None:
    toy.build(tmp_path / "toy", 1, 1, pool_size=64)
    assert (tmp_path / "toy/model_index.json").exists()


def test_the_base_is_small_and_draws_the_colours_it_is_told(
    make_job: Callable[..., Any], train: Callable[..., Any], tmp_path: Path
) -> None:
    assert sum(path.stat().st_size for path in BASE.rglob("*") if path.is_file()) < 10_000_000
    wanted = [("red", "white"), ("blue", "gray"), ("yellow", "black"), ("green", "white")]
    job = make_job("sana", model={"family": "sana", "path": str(BASE)}, train__length={"steps": 40}, optimizer__lr=4e-3)
    job["train"]["batch_size"] = 4
    job["adapter"] = {"rank": 16, "targets": "all", "conv_rank": 16}
    job["noise"] = {"timestep_sampling": "sigmoid"}
    prompts = [f"a big {color} square on a {background} background" for color, background in wanted]
    job["sample"] = {"prompts": prompts, "width": 64, "height": 64, "steps": 8, "guidance": 1.5, "at_end": False}
    losses = [event["loss"] for event in train(job) if event["event"] == "progress"]
    assert [fill_of(tmp_path / f"out/samples/step-00000000-{at:02d}.png") for at in range(4)] == wanted
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])
