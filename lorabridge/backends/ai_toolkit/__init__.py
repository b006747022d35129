"""ai-toolkit: one YAML job for its `diffusion_trainer`.

Read and executed at commit 27a03a91 (v0.12.26). Architectures and what each loader honours: `archs.ARCHS`.
"""

from __future__ import annotations

from lorabridge.backends.ai_toolkit.archs import COMMIT, NAME, TITLE
from lorabridge.backends.ai_toolkit.control import CONTROL
from lorabridge.backends.ai_toolkit.layout import artifacts
from lorabridge.backends.ai_toolkit.lift import lift
from lorabridge.backends.ai_toolkit.locate import locate
from lorabridge.backends.ai_toolkit.logs import parser
from lorabridge.backends.ai_toolkit.lower import lower
from lorabridge.backends.ai_toolkit.resume import RESUME
from lorabridge.backends.ai_toolkit.rows import DATASET_ROWS, HANDLED, JOB_ROWS

ROWS = JOB_ROWS + DATASET_ROWS

__all__ = ["COMMIT", "CONTROL", "HANDLED", "NAME", "RESUME", "ROWS", "TITLE", "artifacts", "lift", "locate", "lower", "parser"]
