"""The matrix of meanings: what was recorded of each cell is what is compiled today, and what the trainer still does."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lorabridge.plan.matrix import COVERED, counts, recorded
from lorabridge.plan.write import home_variable

from .cells import MODELS, PAPER, SLOTS, SPECIAL, fields
from .record import Facts, compile_all, record

TRAINERS = tuple(MODELS)


SAID_TWICE = {
    (
        "ai-toolkit",
        "datasets[].batch_size",
    ): "null is written as train.batch_size; left out, it is None, for which the trainer takes train.batch_size",
}
NO_EVIDENCE = {
    "hardware.": "the environment of the process, or accelerate's own file",
    "logging.wandb.key_env": "W&B itself reads WANDB_API_KEY",
    "save.state": "always written by these trainers, said by no key",
    "save.metadata": "never written by diffusion-pipe, said by no key",
    "train.mixed_precision": "repeated in accelerate's own file",
    "datasets[].trigger": "musubi-tuner takes captions as they are; the trigger goes into sample prompts only",
    "model.paths.": "a part that the model of the cell does not have",
    "model.variant": "diffusion-pipe has one type for these variants",
}
"""Fields whose cells no executed code of the trainer speaks for, in some trainer, and why."""


@cache
def kept(trainer: str) -> Facts:
    data = recorded(trainer)
    assert data is not None
    return data


@pytest.fixture(scope="module", params=TRAINERS)
def today(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, dict[str, Facts]]]:
    trainer = str(request.param)
    table, _ = compile_all(trainer, tmp_path_factory.mktemp("cells"))
    return trainer, table


def _written(facts: Facts) -> Any:
    return json.loads(json.dumps({at: entry.get("written", "left out") for at, entry in facts.get("keys", {}).items()}))


def test_every_cell_is_compiled_as_it_was_recorded(today: tuple[str, dict[str, dict[str, Facts]]]) -> None:
    trainer, table = today
    cells = kept(trainer)["cells"]
    assert list(cells) == sorted(table), "run scripts/record_meanings.py"
    for path, slots in table.items():
        for slot, facts in slots.items():
            was = cells[path][slot]
            where = f"{trainer} {path} {slot}"
            assert facts.get("code", "") == was.get("code", ""), where
            assert facts.get("told", "") == was.get("told", ""), where
            assert _written(facts) == _written(was), where
            if was["status"] == "nothing":
                assert facts["nothing"], where


@pytest.mark.parametrize("trainer", TRAINERS)
def test_what_the_trainer_uses_is_what_is_written(trainer: str) -> None:
    """A value in the files is the one that the trainer's code ended with; a key that is left out has its default."""
    from lorabridge.backends.proving import Claim
    from lorabridge.plan.prove import prover_of

    prover = prover_of(trainer)
    compared = 0
    for path, slots in kept(trainer)["cells"].items():
        for slot, facts in slots.items():
            for at, entry in facts.get("keys", {}).items() if facts["status"] == "proved" else ():
                document, _, key = at.partition(": ")
                if "written" in entry:
                    compared += 1
                    assert prover.same(Claim(document, key, entry["written"]), entry["used"]), (path, slot, at, entry)
    assert compared > 100


@pytest.mark.parametrize("trainer", TRAINERS)
def test_one_meaning_has_one_effect(trainer: str) -> None:
    """Raw values with the same meaning end in the same values of the trainer."""
    compared = 0
    for path, row in fields().items():
        slots = kept(trainer)["cells"][path]
        by_meaning: dict[str, list[tuple[str, Facts]]] = {}
        for slot in SLOTS[:4]:
            meaning = getattr(row.meanings, slot)
            if meaning is not None and meaning.kind in SPECIAL and (trainer, path) not in SAID_TWICE:
                by_meaning.setdefault(str(meaning), []).append((slot, slots[slot]))
        for meaning, several in by_meaning.items():
            used = [(slot, _effect(facts)) for slot, facts in several if facts["status"] != "refused"]
            compared += max(0, len(used) - 1)
            assert all(effect == used[0][1] for _, effect in used), (trainer, path, meaning, used)
    assert compared > 100


def _effect(facts: Facts) -> Any:
    return {at: entry.get("used", entry.get("written")) for at, entry in facts.get("keys", {}).items()}


@pytest.mark.parametrize("trainer", TRAINERS)
def test_an_ordinary_value_differs_from_none(trainer: str) -> None:
    """A field that has an effect has another one when it is left out (but where the ordinary value is the default)."""
    same = []
    for path, slots in kept(trainer)["cells"].items():
        ordinary, absent = slots["ordinary"], slots["absent"]
        if ordinary["status"] == absent["status"] == "proved" and _effect(ordinary) == _effect(absent):
            same.append(path)
    assert len(same) <= 3, same


def test_every_field_of_the_paper_is_in_the_matrix() -> None:
    assert len(PAPER) >= 55
    assert set(PAPER.values()) <= set(fields())


@pytest.mark.parametrize("trainer", TRAINERS)
def test_nearly_every_cell_has_evidence(trainer: str) -> None:
    """What has none is named, with the reason."""
    for path, slots in kept(trainer)["cells"].items():
        for slot, facts in slots.items():
            assert facts["status"] in COVERED or path.startswith(tuple(NO_EVIDENCE)), (trainer, path, slot, facts)
    done, total = counts(trainer)
    assert done / total > 0.94


@pytest.mark.trainer
@pytest.mark.slow
@pytest.mark.parametrize("trainer", TRAINERS)
def test_the_trainer_still_answers_so(trainer: str, tmp_path: Path) -> None:
    if trainer != "embedded" and not os.environ.get(home_variable(trainer)):
        pytest.skip(f"{home_variable(trainer)} is not set: no checkout of {trainer} to ask")
    now = json.loads(json.dumps(record(trainer, dict(os.environ))))
    was = kept(trainer)
    if now["commit"] != was["commit"]:
        pytest.skip(f"the checkout is at {now['commit'][:7]}; the matrix was recorded at {was['commit'][:7]}")
    assert now["cells"] == was["cells"]
    assert now["decisions"] == was["decisions"]
