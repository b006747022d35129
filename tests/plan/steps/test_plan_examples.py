"""Every example that compiles for a trainer can be planned for it, with data declared, and in every form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lorabridge.backends import backend_names
from lorabridge.config.load import load
from lorabridge.plan.foretell import Asked, foretell
from lorabridge.plan.outlook_text import as_data, svg, text

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "examples").glob("*.yaml")) + sorted((ROOT / "tests" / "goldens").glob("*/*/config.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.parent.name}-{path.parent.name}-{path.stem}")
def test_it_is_planned(path: Path) -> None:
    loaded = load(path)
    planned = 0
    for backend in backend_names():
        asked = Asked.of(pictures=7, size="700x900", frames=40 if any(data.videos for data in loaded.config.datasets) else None)
        told = foretell(loaded, backend, root=path.parent, unsupported="warn", asked=asked)
        if told.subject is None or told.subject.forecast is None:
            continue
        planned += 1
        assert text(told.subject, told.ran)
        assert json.loads(json.dumps(as_data(told.subject, told.ran, told.found)))["sections"]["steps"]["facts"]["steps"] is not None
        assert svg(told.ran).startswith("<svg")
    assert planned
