"""What a run leaves in its output folder."""

from __future__ import annotations

import re
from pathlib import Path

from lorabridge.backends.base import Artifacts

_STEP = re.compile(r"-\d{8}\.safetensors")
_STATE = re.compile(r"step-\d{8}")
_SAMPLE = re.compile(r"step-\d{8}-\d{2,}\.png")


def artifacts(output: Path, name: str) -> Artifacts:
    """LoRA files by step with the final one at the end, complete states, sample pictures by step and prompt."""
    own = sorted(path for path in output.glob("*.safetensors") if path.name.startswith(name) and _STEP.fullmatch(path.name[len(name) :]))
    final = output / f"{name}.safetensors"
    states = sorted(path.parent for path in output.glob("state/*/state.json") if _STATE.fullmatch(path.parent.name))
    samples = sorted(path for path in output.glob("samples/*.png") if _SAMPLE.fullmatch(path.name))
    return Artifacts((*own, *([final] if final.is_file() else [])), tuple(states), tuple(samples))
