"""Whole compiled outputs that a person can read, and the way back from them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lorabridge.backends import musubi
from lorabridge.backends.base import Plan
from lorabridge.backends.musubi.archs import ARCHS
from lorabridge.config.load import load
from lorabridge.plan.compile import compile_config

from .helpers import GOLDENS, SITE, loaded, stages_text

CASES = sorted(path.name for path in GOLDENS.iterdir() if path.is_dir())
UPDATE = os.environ.get("LORABRIDGE_UPDATE_GOLDENS") == "1"


def compiled(case: str) -> Plan:
    return compile_config(load(GOLDENS / case / "config.yaml", shown="config.yaml", environ={}), "musubi", SITE)


def expected_files(made: Plan) -> dict[str, str]:
    report = "".join(
        f"{note.kind:9} {note.path or '-'}: {note.value} -> {note.at} {note.native}{'  # ' + note.text if note.text else ''}\n"
        for note in made.notes
    )
    found = "".join(f"{item.severity} {item.code} {item.path}: {item.message}\n" for item in made.diagnostics)
    return {file.path: file.text for file in made.files} | {"stages.sh": stages_text(made), "report.txt": found + report}


@pytest.mark.parametrize("case", CASES)
def test_compiles_to_the_golden(case: str) -> None:
    made = compiled(case)
    assert made.ok, made.diagnostics
    files, folder = expected_files(made), GOLDENS / case
    if UPDATE:
        for old in folder.iterdir():
            if old.name != "config.yaml":
                old.unlink()
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.name != "config.yaml"}
    assert there == files, "set LORABRIDGE_UPDATE_GOLDENS=1 to write them anew"


@pytest.mark.parametrize("case", CASES)
def test_is_the_same_each_time(case: str) -> None:
    assert compiled(case).files == compiled(case).files


def sources(made: Plan) -> dict[str, str]:
    return {file.path: file.text for file in made.files} | {"stages.sh": stages_text(made)}


def native_tree(native: object) -> object:
    return {"musubi": native} if native else {}


@pytest.mark.parametrize("case", CASES)
def test_way_back_compiles_to_the_same_files(case: str) -> None:
    made = compiled(case)
    lifted = musubi.lift(sources(made))
    assert not [item for item in lifted.diagnostics if item.severity == "error"], lifted.diagnostics
    tree = lifted.data | ({"backends": native_tree(lifted.native)} if lifted.native else {})
    again = compile_config(loaded(tree), "musubi", SITE)
    assert again.ok, again.diagnostics
    plain = {name: without_comments(text) for name, text in sources(made).items()}
    assert {name: without_comments(text) for name, text in sources(again).items()} == plain


@pytest.mark.parametrize(("family", "variant"), ARCHS, ids=[f"{family}:{variant}" for family, variant in ARCHS])
def test_way_back_of_every_variant(family: str, variant: str) -> None:
    arch = ARCHS[family, variant]
    paths = {name: f"/m/{name}.safetensors" for name in [*arch.keys, *(["transformer_high_noise"] if family == "wan22" else [])]}
    data = {"videos": "/v", "video": {"frames": [5]}} if arch.video else {"images": "/a"}
    tree = {
        "lorabridge": 1,
        "name": "x",
        "model": {"family": family, "variant": variant, "paths": paths},
        "datasets": [data],
        "adapter": {"targets": {"layers": "attention", "exclude": ["0."]}},
        "train": {"for": "10 steps", "seed": 1},
    }
    made = compile_config(loaded(tree), "musubi", SITE)
    lifted = musubi.lift(sources(made))
    assert not lifted.native
    assert lifted.data["model"]["family"] == family
    again = compile_config(loaded(lifted.data), "musubi", SITE)
    assert sources(again).keys() == sources(made).keys()
    for name, text in sources(made).items():
        assert without_comments(sources(again)[name]) == without_comments(text)


def without_comments(text: str) -> list[str]:
    return sorted(line.split(" # ")[0] for line in text.splitlines() if not line.startswith("# "))


def test_no_path_of_this_machine_is_in_a_golden() -> None:
    for path in GOLDENS.rglob("*"):
        if path.is_file():
            assert str(Path.home()) not in path.read_text(encoding="utf-8")
