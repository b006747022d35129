"""diffusion-pipe: main, dataset and eval TOML, and the DeepSpeed command that caches and trains.

Read and executed at commit 8f83dbf. Model types and what each can do: `archs.ARCHS`.
"""

from __future__ import annotations

from lorabridge.backends.diffusion_pipe.archs import COMMIT, NAME, TITLE
from lorabridge.backends.diffusion_pipe.control import CONTROL
from lorabridge.backends.diffusion_pipe.layout import artifacts
from lorabridge.backends.diffusion_pipe.lift import lift
from lorabridge.backends.diffusion_pipe.locate import locate
from lorabridge.backends.diffusion_pipe.logs import parser
from lorabridge.backends.diffusion_pipe.lower import lower
from lorabridge.backends.diffusion_pipe.resume import RESUME
from lorabridge.backends.diffusion_pipe.rows import DATASET_ROWS, EVAL_ROWS, HANDLED, MAIN_ROWS

ROWS = MAIN_ROWS + DATASET_ROWS + EVAL_ROWS

__all__ = ["COMMIT", "CONTROL", "HANDLED", "NAME", "RESUME", "ROWS", "TITLE", "artifacts", "lift", "locate", "lower", "parser"]
