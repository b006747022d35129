"""All families, in the order in which they are shown, and how a name finds its row."""

from __future__ import annotations

from lorabridge.families import flux, hunyuan, image, image_vlm, qwen, stable_diffusion, video, wan
from lorabridge.families.base import Family

FAMILIES: dict[str, Family] = {
    row.name: row for group in (qwen, flux, stable_diffusion, image, image_vlm, wan, hunyuan, video) for row in group.ROWS
}


def plain(name: str) -> str:
    """A name without the differences that do not count: case, underscores, blanks."""
    return name.strip().lower().replace("_", "-").replace(" ", "-")


_BY_NAME = {plain(name): row for row in FAMILIES.values() for name in (row.name, *row.aliases)}


def find_family(name: str) -> Family | None:
    """The family called `name`, or by one of its aliases; None when there is none."""
    return _BY_NAME.get(plain(name))
