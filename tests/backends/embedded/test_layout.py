"""What lies in an output folder, and where the trainer is."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from lorabridge.backends import embedded
from lorabridge.backends.embedded import locate as locate_function


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def test_artifacts_in_order(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "cat.safetensors",
        "cat-00000020.safetensors",
        "cat-00000010.safetensors",
        "cat-2-00000010.safetensors",
        "cat-00000010.safetensors.77.partial",
        "state/step-00000010/state.json",
        "state/step-00000020/adapter.safetensors",
        "state/step-00000030.99.partial/state.json",
        "samples/step-00000010-01.png",
        "samples/step-00000010-00.png",
        "samples/step-00000000-00.png",
        "cache/ab/cd.safetensors",
    )
    found = embedded.artifacts(tmp_path, "cat")
    assert [path.name for path in found.checkpoints] == ["cat-00000010.safetensors", "cat-00000020.safetensors", "cat.safetensors"]
    assert [path.name for path in found.states] == ["step-00000010"]
    assert [path.name for path in found.samples] == ["step-00000000-00.png", "step-00000010-00.png", "step-00000010-01.png"]


def test_an_empty_or_absent_folder(tmp_path: Path) -> None:
    assert embedded.artifacts(tmp_path / "none", "cat").checkpoints == ()


def test_it_is_where_this_package_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("torch", "peft") else object())
    found = locate_function({})
    assert (found.home / "lorabridge" / "__init__.py").is_file()
    assert found.python == Path(sys.executable)
    assert found.problems == ("torch, peft are missing: pip install 'lorabridge[embedded]'",)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert locate_function({}).problems == ()
