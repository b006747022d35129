"""The table of codes: complete, stable, and every code of the language can really be produced."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

import lorabridge
from lorabridge.cli.common import preset
from lorabridge.config.load import load
from lorabridge.diagnostics import CODES
from lorabridge.plan.check import check_loaded
from tests.support import SMALL


class Case(NamedTuple):
    text: str | bytes
    overrides: Sequence[str] = ()
    backends: Sequence[str] = ()


def _model(line: str) -> str:
    return SMALL.replace("model: {family: qwen-image}", f"model: {{{line}}}")


def _data(item: str) -> str:
    return SMALL.replace("{images: pictures}", item)


CASES: dict[str, Case] = {
    "LB100": Case("a: ["),
    "LB101": Case(SMALL + "name: again\n"),
    "LB102": Case(SMALL + "optimizer: {tpye: adamw}\n"),
    "LB103": Case(SMALL + "memory: {lr: 1e-4}\n"),
    "LB104": Case("lorabridge: 1\n"),
    "LB105": Case(SMALL + 'optimizer: {lr: "1e-4"}\n'),
    "LB106": Case(SMALL + "noise: {max_timestep: 2000}\n"),
    "LB107": Case(SMALL + "noise: {timestep_sampling: shiftt}\n"),
    "LB108": Case(SMALL + "save: {every: 100}\n"),
    "LB109": Case(b"\xff\xfea"),
    "LB110": Case("a: " + "[" * 1000),
    "LB112": Case("extends: charcter\n" + SMALL),
    "LB113": Case(SMALL, ["lr"]),
    "LB114": Case(SMALL + "output: ${env:LORABRIDGE_SURELY_NOT_SET}/out\n"),
    "LB201": Case(SMALL + "adapter: {rank: 0}\n"),
    "LB202": Case(SMALL + "scheduler: {type: cosine, decay: 10%}\n"),
    "LB203": Case(SMALL.replace("1600 steps", "1600 steps, seed: 0")),
    "LB204": Case(SMALL + "save: {keep_last: 3}\n"),
    "LB205": Case(SMALL + "wandb_api_key: x\n"),
    "LB206": Case(SMALL + "noise: {min_timestep: 900, max_timestep: 100}\n"),
    "LB306": Case(_model("family: sana"), (), ["musubi"]),
    "LB401": Case(SMALL),
    "LB402": Case(_data("{images: empty}")),
    "LB403": Case(_data("{images: bare}")),
    "LB501": Case(_model("family: qwen-imgae")),
    "LB502": Case(_model("family: qwen-image, variant: huge")),
    "LB503": Case(SMALL, (), ["musubi"]),
    "LB504": Case(_model("family: z-image, variant: turbo")),
    "LB505": Case(_model("family: qwen-image, paths: {vae: ./gone.safetensors}")),
    "LB506": Case(_model("family: qwen-image, experts: both")),
    "LB507": Case(_data("{images: x, control: [y]}")),
    "LB508": Case(_model("family: qwen-image, variant: edit")),
}
ELSEWHERE = re.compile(r"LB3(?!06)..|LB4(?!0[123])..|LB[678]..")
"""Codes of the trainers' tables, the budget, the run and the artifacts: their own tests produce them."""


@pytest.mark.parametrize("code", CASES)
def test_every_code_of_the_language_can_happen(code: str, tmp_path: Path) -> None:
    case = CASES[code]
    (tmp_path / "empty").mkdir()
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "a.png").touch()
    path = tmp_path / "config.yaml"
    path.write_bytes(case.text if isinstance(case.text, bytes) else case.text.encode())
    loaded = load(path, overrides=case.overrides, presets=preset, environ={})
    found = check_loaded(loaded, case.backends, paths=code.startswith("LB4") or code == "LB505")
    assert code in {item.code for item in found}
    for item in found:
        assert item.message
        assert item.code in CODES
        assert item.severity in ("error", "warning", "hint")
        if item.code == code and code not in ("LB104", "LB503"):
            assert item.fix or item.why, item
            assert item.span is not None, item


def test_no_code_is_forgotten() -> None:
    assert {code for code in CODES if not ELSEWHERE.fullmatch(code)} == set(CASES)


def test_every_code_that_the_source_mentions_has_a_row() -> None:
    mentioned = {
        code
        for path in Path(lorabridge.__file__).parent.rglob("*.py")
        if path.name not in ("pages.py", "explain.py")
        for code in re.findall(r'"(LB[0-9]{3})"', path.read_text("utf-8"))
    }
    assert mentioned <= set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_row_is_complete(code: str) -> None:
    row = CODES[code]
    assert row.code == code
    assert re.fullmatch(r"LB[1-8][0-9]{2}", code)
    assert not row.title.endswith(".")
    assert row.what.endswith(".")
    assert row.why.endswith(".")
    assert bool(row.bad) == bool(row.good)


def test_titles_are_told_apart() -> None:
    titles = [row.title for row in CODES.values()]
    assert sorted(titles) == sorted(set(titles))


def test_codes_are_in_order() -> None:
    assert list(CODES) == sorted(CODES)


PUBLISHED = "100 101 102 103 104 105 106 107 108 109 110 112 113 114 201 202 203 204 205 206 301 302 303 304 305 306 307 308"


@pytest.mark.parametrize("number", PUBLISHED.split())
def test_published_codes_are_never_taken_back(number: str) -> None:
    assert f"LB{number}" in CODES


@pytest.mark.parametrize("code", [code for code, row in CODES.items() if row.bad and code < "LB3" and not row.bad.startswith("--set")])
def test_the_bad_example_is_bad_and_the_good_one_good(code: str, tmp_path: Path) -> None:
    def codes(example: str) -> set[str]:
        key = example.partition(":")[0]
        rest = "".join(line for line in SMALL.splitlines(keepends=True) if not line.startswith(f"{key}:"))
        if key == "train" and "for:" not in example and code != "LB104":
            example = example.replace("{", "{for: 1600 steps, ")
        path = tmp_path / "x.yaml"
        path.write_text(f"{rest}{example}\n", "utf-8")
        return {item.code for item in load(path, presets=preset, environ={}).diagnostics}

    row = CODES[code]
    if code != "LB205":  # the example holds no real key
        assert code in codes(row.bad)
    assert code not in codes(row.good)
