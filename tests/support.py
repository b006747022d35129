"""What tests import by name (fixtures are in conftest.py, which must not be imported)."""

from __future__ import annotations

from collections.abc import Callable

from lorabridge.config.load import Loaded

SMALL = """\
lorabridge: 1
name: cat-toy
trigger: ohwx
model: {family: qwen-image}
datasets: [{images: pictures}]
train: {for: 1600 steps}
"""

LoadText = Callable[..., Loaded]
