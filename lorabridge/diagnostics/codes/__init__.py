"""Every diagnostic code as one row: what it means, why it matters, a bad and a good example.

Codes are a stable contract: never renumbered, never reused. LB1xx syntax and types, LB2xx meanings
and contradictions, LB3xx trainers, LB4xx data, LB5xx models, LB6xx budget, LB7xx run, LB8xx artifacts: one file each.
"""

from __future__ import annotations

from lorabridge.diagnostics.codes import advice, artifact, buckets, budget, data, meanings, models, running, steps, syntax, trainers
from lorabridge.diagnostics.codes.row import Code

__all__ = ["CODES", "Code"]

_PARTS = (syntax, meanings, trainers, data, buckets, models, steps, budget, advice, running, artifact)
CODES: dict[str, Code] = {row.code: row for part in _PARTS for row in part.ROWS}
"""Code to row, in ascending order."""
