"""Captions, sizes and the order of pictures."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("PIL", reason="the embedded trainer needs pillow")

from lorabridge.backends.embedded.trainer.data import Item, Order, bucket_step, caption_variants, derive, fit_size, open_rgb
from lorabridge.backends.embedded.trainer.job import Dataset


def dataset(**keys: object) -> Dataset:
    return Dataset.model_validate({"images": "d", "resolutions": [512], **keys})


def item(size: tuple[int, int] = (64, 64), repeats: int = 1) -> Item:
    return Item(Path("x"), "", size, size, ("c",), None, 0.0, False, None, 0.0, 1.0, repeats)


@pytest.mark.parametrize(
    ("keys", "text", "first"),
    [
        ({}, "a cat", "a cat"),
        ({"trigger": "sks"}, "a [trigger] cat", "a sks cat"),
        ({"trigger": "sks"}, "a cat", "sks, a cat"),
        ({"trigger": "sks"}, "", "sks"),
        ({"trigger": "sks", "caption_prefix": "photo of [trigger], "}, "a cat", "photo of sks, a cat"),
        ({"caption_prefix": "photo, ", "caption_suffix": ", 4k"}, "a cat", "photo, a cat, 4k"),
        ({"trigger": "sks", "regularization": True}, "a cat", "a cat"),
    ],
)
def test_captions(keys: dict[str, object], text: str, first: str) -> None:
    assert caption_variants(text, dataset(**keys), "x.png") == (first,)


def test_shuffled_captions_keep_their_tags_and_their_first_ones() -> None:
    variants = caption_variants("a, b, c, d, e", dataset(caption_shuffle=True, keep_tokens=2), "x.png")
    assert variants[0] == "a, b, c, d, e"
    assert len(variants) > 2
    for variant in variants:
        assert variant.startswith("a, b, ")
        assert sorted(variant.split(", ")) == list("abcde")


@pytest.mark.parametrize(
    ("original", "wanted", "bucket", "step", "size"),
    [
        ((1000, 1000), 512, True, 16, (512, 512)),
        ((2000, 1000), 512, True, 16, (720, 368)),
        ((1000, 2000), 512, True, 16, (368, 720)),
        ((2000, 1000), 512, False, 16, (512, 512)),
        ((10, 10), (768, 512), False, 64, (768, 512)),
        ((5000, 10), 64, True, 16, (1424, 16)),
    ],
)
def test_sizes(original: tuple[int, int], wanted: int | tuple[int, int], bucket: bool, step: int, size: tuple[int, int]) -> None:
    assert fit_size(original, wanted, bucket, step) == size


def test_a_bucket_step_is_a_multiple_of_what_the_model_needs() -> None:
    assert bucket_step(dataset(bucket_step=24), 512, 16) == 48
    assert bucket_step(dataset(), 512, 16) == 64
    assert bucket_step(dataset(), 64, 16) == 16


def test_transparent_pictures_stand_on_white(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "t.png")
    assert open_rgb(tmp_path / "t.png", (4, 4)).getpixel((0, 0)) == (255, 255, 255)


def test_an_epoch_shows_every_picture_as_often_as_it_is_repeated() -> None:
    items = [item(), item(repeats=3), item((32, 64)), item((32, 64), repeats=2)]
    order = Order(items, batch=2, accumulation=2, seed=1)
    for epoch in range(3):
        steps = [order.step(epoch * order.steps_per_epoch + at) for at in range(order.steps_per_epoch)]
        shown = [each for step in steps for batch in step for each in batch]
        assert Counter(each.item for each in shown) == {0: 1, 1: 3, 2: 1, 3: 2}
        assert [each.serial for each in shown] == list(range(epoch * 7, epoch * 7 + 7))
        for step in steps:
            assert len(step) <= 2
            for batch in step:
                assert len(batch) <= 2
                assert len({items[each.item].size for each in batch}) == 1


def test_batch_size_and_accumulation_can_be_exchanged() -> None:
    items = [item() for _ in range(8)]
    big, small = Order(items, 4, 1, seed=3), Order(items, 1, 4, seed=3)
    for step in range(6):
        assert [each for batch in big.step(step) for each in batch] == [each for batch in small.step(step) for each in batch]


def test_the_order_is_a_function_of_seed_and_step() -> None:
    items = [item() for _ in range(8)]
    order = Order(items, 2, 1, seed=3)
    forward = [order.step(step) for step in range(12)]
    assert [Order(items, 2, 1, seed=3).step(step) for step in reversed(range(12))] == forward[::-1]
    assert [Order(items, 2, 1, seed=4).step(step) for step in range(12)] != forward
    assert forward[:4] != forward[4:8]


def test_derived_seeds_differ() -> None:
    assert len({derive(seed, name, at) for seed in range(5) for name in "ab" for at in range(50)}) == 500
