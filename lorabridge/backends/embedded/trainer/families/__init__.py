"""The model families of the embedded trainer, all of them."""

from __future__ import annotations

from .base import Batch, Drawing, Embeds, Family
from .flux2 import Flux2Klein
from .qwen import QwenImage
from .sana import Sana
from .sdxl import Sdxl
from .zimage import ZImage

FAMILIES: dict[str, Family] = {
    "flux2-klein": Flux2Klein(),
    "qwen-image": QwenImage(),
    "z-image": ZImage(),
    "sdxl": Sdxl(),
    "sana": Sana(),
}

__all__ = ["FAMILIES", "Batch", "Drawing", "Embeds", "Family"]
