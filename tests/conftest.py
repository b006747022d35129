"""What many tests need: a small valid config, a way to load text, and findings as short tuples."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import settings

from lorabridge.cli.common import preset
from lorabridge.config.load import Loaded, load
from lorabridge.diagnostics import Diagnostic
from tests.support import SMALL, LoadText

# The same examples on every CI run: a new find belongs in a developer's run, not in somebody else's push.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(autouse=True, scope="session")
def _state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Index, queue and leases of the tests are not the user's."""
    before = os.environ.get("LORABRIDGE_STATE_HOME")
    os.environ["LORABRIDGE_STATE_HOME"] = str(tmp_path_factory.mktemp("state-home"))
    yield
    os.environ.pop("LORABRIDGE_STATE_HOME")
    if before is not None:
        os.environ["LORABRIDGE_STATE_HOME"] = before


@pytest.fixture
def small() -> str:
    """The shortest config that says something."""
    return SMALL


@pytest.fixture(scope="session")
def load_text(tmp_path_factory: pytest.TempPathFactory) -> LoadText:
    """Load a text as a file of that content, with the built-in presets and an empty environment."""
    path = tmp_path_factory.mktemp("load") / "config.yaml"

    def run(text: str | bytes, *overrides: str, environ: dict[str, str] | None = None) -> Loaded:
        path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
        return load(path, overrides=overrides, presets=preset, environ=environ or {}, shown="config.yaml")

    return run


@pytest.fixture
def found() -> Callable[[Iterable[Diagnostic]], list[tuple[str, str]]]:
    """Findings as `(code, path)`, in order."""
    return lambda items: [(item.code, item.path) for item in items]
