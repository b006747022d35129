"""The smaller commands and the group."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import lorabridge
from lorabridge.cli.main import COMMANDS, app
from lorabridge.config.load import load
from lorabridge.families import FAMILIES
from lorabridge.plan.check import check_loaded
from lorabridge.plan.schema import language_schema
from lorabridge.plan.start import presets
from tests.support import SMALL


def _run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments), standalone_mode=False)
    assert result.exception is None, result.exception
    return result


def test_help_lists_every_command() -> None:
    output = _run("--help").output
    for name, (_, text) in COMMANDS.items():
        assert f"  {name}" in output
        assert text.split()[0] in output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_own_help(name: str) -> None:
    output = _run(name, "--help").output
    assert output.startswith("Usage:")
    assert len(output.splitlines()) > 5


def test_version() -> None:
    assert _run("--version").output == f"lorabridge {lorabridge.__version__}\n"


def test_the_nearest_command_is_told() -> None:
    result = CliRunner().invoke(app, ["chekc"], standalone_mode=True)
    assert result.exit_code == 2
    assert "Did you mean `check`?" in result.output


def test_schema_is_the_schema() -> None:
    assert json.loads(_run("schema").output) == language_schema()


def test_explain() -> None:
    assert "LB203: seed 0 is random here" in _run("explain", "LB203").output
    output = _run("explain", "save.every", "--backend", "musubi").output
    assert output.startswith("save.every: How often a checkpoint is written.")
    assert "musubi-tuner" in output


def test_families() -> None:
    output = _run("families").output
    assert all(name in output for name in FAMILIES)
    assert "klein" in _run("families", "flux2").output
    assert {item["name"] for item in json.loads(_run("families", "--format", "json").output)} == set(FAMILIES)
    assert json.loads(_run("families", "flux2", "--format", "json").output)["name"] == "flux2"


def test_show(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(SMALL)
    assert "family: qwen-image" in _run("show", str(path)).output
    assert "# " in _run("show", str(path), "--origin").output
    assert "rank: " in _run("show", str(path), "--resolved").output
    path.write_text(SMALL + "optimizer: {lr: 0}\n")
    result = _run("show", str(path))
    assert result.return_value == 1
    assert "LB201" in result.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    assert "_LORABRIDGE_COMPLETE" in _run("completion", shell).output


def test_completion_knows_the_commands() -> None:
    from click.shell_completion import ShellComplete

    found = ShellComplete(app, {}, "lorabridge", "_LORABRIDGE_COMPLETE").get_completions([], "ch")
    assert [item.value for item in found] == [name for name in COMMANDS if name.startswith("ch")]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_init_writes_has_no_errors(family: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    for variant in FAMILIES[family].variants:
        _run("init", str(path), "--family", family, "--variant", variant.name, "--preset", "character", "--trigger", "ohwx", "--force")
        from lorabridge.cli.common import preset

        found = check_loaded(load(path, presets=preset, environ={}))
        assert [item for item in found if item.severity == "error"] == [], variant.name


@pytest.mark.parametrize("name", presets())
@pytest.mark.parametrize("trigger", ["", 'a "quoted" # one', "no", "[x]"])
def test_every_preset_with_odd_triggers(name: str, trigger: str, tmp_path: Path) -> None:
    from lorabridge.cli.common import preset

    path = tmp_path / "x.yaml"
    _run("init", str(path), "--preset", name, "--trigger", trigger, "--images", "C:\\my pictures\\#1", "--name", "two words: x")
    loaded = load(path, presets=preset, environ={})
    assert loaded.diagnostics == []
    assert loaded.config is not None
    assert loaded.config.trigger == trigger
    assert loaded.config.datasets[0].images == "C:\\my pictures\\#1"
    assert loaded.config.name == "two-words-x"


def test_init_does_not_replace_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("mine")
    result = CliRunner().invoke(app, ["init", str(path)])
    assert result.exit_code != 0
    assert path.read_text() == "mine"


def test_presets_are_listed() -> None:
    output = _run("init", "--list").output
    assert all(name in output for name in presets())
