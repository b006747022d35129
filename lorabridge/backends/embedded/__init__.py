"""The embedded trainer: one `job.json` for `python -m lorabridge.backends.embedded.trainer`.

The trainer is part of this package, so it has no commit of its own; `trainer/job.py` is its contract.
"""

from __future__ import annotations

from lorabridge.backends.embedded.archs import NAME, TITLE
from lorabridge.backends.embedded.control import CONTROL
from lorabridge.backends.embedded.layout import artifacts
from lorabridge.backends.embedded.lift import lift
from lorabridge.backends.embedded.locate import locate
from lorabridge.backends.embedded.logs import parser
from lorabridge.backends.embedded.lower import lower
from lorabridge.backends.embedded.resume import RESUME
from lorabridge.backends.embedded.rows import DATASET_ROWS, HANDLED, JOB_ROWS

COMMIT = ""
ROWS = JOB_ROWS + DATASET_ROWS

__all__ = ["COMMIT", "CONTROL", "HANDLED", "NAME", "RESUME", "ROWS", "TITLE", "artifacts", "lift", "locate", "lower", "parser"]
