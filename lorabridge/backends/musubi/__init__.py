"""musubi-tuner: training TOML, dataset TOML, prompt file, and three stages.

Read and executed at commit 30c658c (v0.3.4). Image and video families as listed in `archs.ARCHS`.
"""

from __future__ import annotations

from lorabridge.backends.musubi.control import CONTROL
from lorabridge.backends.musubi.layout import artifacts
from lorabridge.backends.musubi.lift import lift
from lorabridge.backends.musubi.locate import locate
from lorabridge.backends.musubi.logs import parser
from lorabridge.backends.musubi.lower import NAME, TITLE, lower
from lorabridge.backends.musubi.resume import RESUME
from lorabridge.backends.musubi.rows import DATASET_ROWS, HANDLED
from lorabridge.backends.musubi.rows import ROWS as _ROWS

COMMIT = "30c658c4f4b0bf05038b3346eff9670259b10fc7"
ROWS = _ROWS + DATASET_ROWS

__all__ = ["COMMIT", "CONTROL", "HANDLED", "NAME", "RESUME", "ROWS", "TITLE", "artifacts", "lift", "locate", "lower", "parser"]
