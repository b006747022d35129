"""The real trainers: what each family and each golden compiles to is what their own code uses, field by field."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lorabridge.backends.base import Site
from lorabridge.config.load import Loaded, load
from lorabridge.plan.compile import compile_config
from lorabridge.plan.prove import Proof, installed, prove
from lorabridge.plan.write import home_variable, write_files

from .configs import configs, variations

GOLDENS = Path(__file__).parents[1] / "goldens"
TRAINERS = ("musubi", "diffusion-pipe", "ai-toolkit", "embedded")


def needed(trainer: str) -> None:
    if trainer != "embedded" and not os.environ.get(home_variable(trainer)):
        pytest.skip(f"{home_variable(trainer)} is not set: no checkout of {trainer} to ask")


def asked(loaded: Loaded, trainer: str, folder: Path) -> Proof | None:
    """The proof, or None where the config does not compile."""
    files = folder / "files"
    files.mkdir(exist_ok=True)
    plan = compile_config(loaded, trainer, Site(root="/data", files=files.as_posix(), unsupported="warn"))
    if not plan.ok:
        return None
    write_files(files, plan.files)
    return prove(plan, files, installed(trainer, None, os.environ))


def wrong(proof: Proof) -> list[tuple[object, ...]]:
    rows = [(row.claim.at, row.claim.value, row.used, row.verdict) for row in proof.rows if row.verdict != "same"]
    return [*rows, *proof.refusals]


GOLDEN_CASES = [
    (trainer, path.parent.name) for trainer in TRAINERS for path in sorted((GOLDENS / trainer.replace("-", "_")).glob("*/config.yaml"))
]


@pytest.mark.trainer
@pytest.mark.parametrize(("trainer", "case"), GOLDEN_CASES)
def test_goldens(trainer: str, case: str, tmp_path: Path) -> None:
    needed(trainer)
    proof = asked(load(GOLDENS / trainer.replace("-", "_") / case / "config.yaml", environ={}), trainer, tmp_path)
    assert proof is not None
    assert wrong(proof) == []
    assert len(proof.rows) > 30


@pytest.mark.trainer
@pytest.mark.slow
@pytest.mark.parametrize("trainer", TRAINERS)
def test_families(trainer: str, tmp_path: Path) -> None:
    needed(trainer)
    found, uncompiled = {}, []
    for name, data in configs(trainer):
        tried = (asked(loaded, trainer, tmp_path) for loaded in variations(data, tmp_path))
        proof = next((item for item in tried if item is not None), None)
        if proof is None:
            uncompiled.append(name)
        else:
            found[name] = wrong(proof)
    print(f"{trainer}: {len(found)} of family x variant x paths proved; without a config here: {uncompiled}")
    assert {name: rows for name, rows in found.items() if rows} == {}
    assert len(found) > 3 * len(uncompiled)
