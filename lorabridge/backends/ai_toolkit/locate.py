"""Where ai-toolkit is on this machine."""

from __future__ import annotations

from collections.abc import Mapping

from lorabridge.backends.base import Installation
from lorabridge.backends.checkout import find


def locate(environ: Mapping[str, str]) -> Installation | None:
    """The checkout named by LORABRIDGE_AI_TOOLKIT_HOME, or one in a usual place. None when there is none."""
    return find(environ, "LORABRIDGE_AI_TOOLKIT", ("ai-toolkit",), ("run.py", "toolkit/config_modules.py"), lambda home, python: ())
