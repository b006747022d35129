"""Advice: each row speaks where it should, is silent where it should be, names its source, and never fails anything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lorabridge.cli.main import app
from lorabridge.config.fields import leaves, walk
from lorabridge.config.schema import Config
from lorabridge.diagnostics import Diagnostic
from lorabridge.diagnostics.codes.advice import ROWS as CODE_ROWS
from lorabridge.families import FAMILIES
from lorabridge.plan.advice import advise_loaded
from lorabridge.plan.advice_rows import LEAST_SIDE, PRESERVE_EVERY, ROWS, USEFUL_STEPS
from lorabridge.plan.start import presets
from tests.plan.memory.support import loaded_text

GOOD = {
    "name": "a",
    "trigger": "ohwx",
    "model": "{family: flux2, variant: klein-base-4b}",
    "datasets": "[{images: p, resolution: [1024]}]",
    "train": "{for: 1500 steps}",
    "adapter": "{rank: 16}",
    "save": "{every: 250 steps}",
    "sample": "{every: 250 steps, prompts: [a]}",
}


def _hints(trainer: str = "", *without: str, **changes: str) -> list[Diagnostic]:
    values = {**GOOD, **changes}
    loaded = loaded_text("lorabridge: 1\n" + "".join(f"{key}: {value}\n" for key, value in values.items() if value))
    assert loaded.config is not None, loaded.diagnostics
    return advise_loaded(loaded, trainer, without)


_TURBO = "{family: z-image, variant: turbo, training_adapter: a/b/c.safetensors}"
_9B = "{family: flux2, variant: klein-base-9b}"
PROVOKE: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "LB650": ("", {"model": _TURBO, "train": "{for: 6000 steps}"}, {"model": _TURBO}),
    "LB651": ("", {"optimizer": "{lr: 3e-4}"}, {"optimizer": "{lr: 1.5e-4}"}),
    "LB652": ("", {"optimizer": "{type: prodigy, lr: 1e-4}"}, {"optimizer": "{type: prodigy, lr: 1.0}"}),
    "LB653": ("", {"preservation": "{class: cat}", "noise": "{bias: style}"}, {"preservation": "{class: cat}", "noise": "{bias: content}"}),
    "LB654": ("", {"model": _9B, "preservation": "{class: cat}"}, {"model": _9B, "preservation": "{class: cat, every: 4 steps}"}),
    "LB655": ("", {"cache": "{text: off}"}, {"cache": "{text: off}", "datasets": "[{images: p, captions: {dropout: 0.1}}]"}),
    "LB656": ("", {"cache": "{latents: off}"}, {"cache": "{latents: off}", "datasets": "[{images: p, flip: horizontal}]"}),
    "LB657": ("", {"model": _9B, "train": "{for: 7001 steps}"}, {"model": _9B, "train": "{for: 7000 steps}"}),
    "LB658": ("", {"adapter": "{rank: 128}"}, {"model": _9B, "adapter": "{rank: 128, alpha: 64}"}),
    "LB659": ("", {"model": "{family: hidream}", "datasets": "[{images: p, resolution: [768]}]"}, {"model": "{family: hidream}"}),
    "LB660": ("", {"train": "{for: 1500 steps, batch_size: 8, gradient_accumulation: 4}"}, {"train": "{for: 1500 steps, batch_size: 4}"}),
    "LB661": ("musubi", {"sample": ""}, {}),
    "LB662": ("", {"adapter": "{rank: 32, alpha: 1}"}, {"adapter": "{rank: 32, alpha: 16}"}),
    "LB663": (
        "",
        {"model": "{family: cosmos-predict2, quantize: {transformer: fp8}}"},
        {"model": "{family: cosmos-predict2, quantize: {transformer: fp8-e5m2}}"},
    ),
    "LB664": ("", {"model": _9B, "optimizer": "{weight_decay: 0.01}"}, {"model": _9B, "optimizer": "{weight_decay: 1e-5}"}),
    "LB665": ("", {"save": ""}, {"save": "", "train": "{for: 500 steps}"}),
    "LB666": ("", {"trigger": ""}, {"trigger": "", "noise": "{bias: style}"}),
    "LB667": ("", {"trigger": "Cat"}, {"trigger": "sks cat"}),
}


@pytest.mark.parametrize("code", PROVOKE)
def test_a_row_speaks_and_is_silent(code: str) -> None:
    trainer, bad, good = PROVOKE[code]
    (hint,) = [item for item in _hints(trainer, **bad) if item.code == code]
    assert hint.severity == "hint"
    assert hint.fix
    assert re.search(r"papers/\S+\.md|docs/\S+\.md|ai-toolkit|musubi|jobConfig", hint.why), hint.why
    assert code not in [item.code for item in _hints(trainer, **good)]
    assert code not in [item.code for item in _hints(trainer, code, **bad)]


def test_a_good_config_gets_no_advice() -> None:
    assert _hints("ai-toolkit") == []


def test_nothing_is_said_of_samples_where_none_can_be_drawn() -> None:
    model = "{family: flux2, variant: klein-base-4b}"
    assert "LB661" not in [item.code for item in _hints("diffusion-pipe", model=model, sample="")]


def test_every_row_has_a_code_a_field_and_a_test() -> None:
    assert [row.code for row in ROWS] == [row.code for row in CODE_ROWS] == list(PROVOKE)
    known = {path for path, _ in walk(Config)} | set(leaves(Config))
    for row in ROWS:
        assert row.path.replace("[0]", "[]") in known, row.path


def test_the_models_of_the_tables_exist() -> None:
    for name in (*USEFUL_STEPS, *PRESERVE_EVERY):
        family, _, variant = name.partition(":")
        assert FAMILIES[family].variant(variant), name
    assert set(LEAST_SIDE) <= set(FAMILIES)


@pytest.mark.parametrize("name", sorted(presets()))
def test_the_presets_follow_the_advice_on_numbers(name: str) -> None:
    """What a preset leaves open is the user's; what it writes must not be advised against."""
    loaded = loaded_text(
        f"lorabridge: 1\nextends: {name}\nname: a\ntrigger: ohwx\nmodel: {{family: z-image}}\ndatasets: [{{images: p}}]\ntrain: {{for: 900 steps}}\n"
    )
    if loaded.config is not None:
        assert {item.code for item in advise_loaded(loaded, "musubi")} <= {"LB661", "LB665"}


def _run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments), standalone_mode=False)
    assert result.exception is None, result.exception
    return result


def test_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    text = {
        **GOOD,
        "trigger": "cat",
        "model": "{family: flux2, variant: klein-base-4b, paths: {transformer: ./a, vae: ./b, text_encoder: ./c}}",
    }
    path.write_text("lorabridge: 1\n" + "".join(f"{key}: {value}\n" for key, value in text.items()))
    assert "LB667" not in _run("check", str(path)).output
    hinted = _run("check", str(path), "--hints", "--fail-level", "hint")
    assert "LB667" in hinted.output
    assert not hinted.return_value
    assert "LB667" not in _run("check", str(path), "--hints", "--without", "LB667").output
    told = _run("plan", str(path), "-b", "musubi")
    assert "LB667" in told.output
    assert not told.return_value
    for off in (("--no-hints",), ("--without", "LB667")):
        assert "LB667" not in _run("plan", str(path), "-b", "musubi", *off).output
