"""Where the embedded trainer is: in this very installation."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path

import lorabridge
from lorabridge.backends.base import Installation

PARTS = ("torch", "diffusers", "peft", "transformers", "accelerate", "safetensors", "numpy", "PIL")
STEP = "pip install 'lorabridge[embedded]'"


def locate(environ: Mapping[str, str]) -> Installation:
    """The folder that holds the package, and the Python that runs now. Nothing is imported or started."""
    home = Path(lorabridge.__file__).resolve().parent.parent
    missing = [part for part in PARTS if importlib.util.find_spec(part) is None]
    problems = (f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: {STEP}",) if missing else ()
    return Installation(home, Path(sys.executable), "", None, problems)
