"""`lock`, `verify` and `--locked`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lorabridge.cli.main import app
from tests.plan.lock.support import CONFIG, make


def _run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments), standalone_mode=False)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert (result.return_value or 0) == code, result.output
    return result


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return str(make(tmp_path / "here", tmp_path / "models"))


def test_lock_verify_and_drift(config: str, tmp_path: Path) -> None:
    output = _run("lock", config, "-b", "musubi").output
    assert "the random seed is" in output
    assert "LB627" in output  # no trainer here
    lock = tmp_path / "here/x.musubi.lock"
    assert f"nothing changed since {lock}" in _run("verify", str(lock)).output
    assert "nothing changed since the lock" in _run("lock", config, "-b", "musubi").output
    (tmp_path / "here/pics/a.txt").write_text("ohwx else")
    output = _run("verify", str(lock), code=1).output
    assert "LB624" in output
    assert "changed: `a.txt`" in output
    assert "lorabridge lock" in output
    assert "new: `datasets[0].images`: changed: `a.txt`" in _run("lock", config, "-b", "musubi").output
    _run("verify", str(lock))


def test_compile_takes_the_seed_of_the_lock_and_refuses_drift(config: str, tmp_path: Path) -> None:
    _run("lock", config, "-b", "musubi", "--seed", "12345")
    out = str(tmp_path / "out")
    _run("compile", config, "-b", "musubi", "-o", out, "--locked")
    assert "seed = 12345" in (tmp_path / "out/train.toml").read_text()
    Path(config).write_text(CONFIG.replace("1600", "1700"))
    result = _run("compile", config, "-b", "musubi", "-o", out, "--locked", code=1)
    assert "LB621" in result.output
    assert "`train.for` was `1600 steps` and is `1700 steps`" in result.output
    assert CliRunner().invoke(app, ["compile", config, "-b", "musubi", "--locked", "--seed", "3"]).exit_code == 2


def test_without_a_lock_nothing_is_locked(config: str) -> None:
    for command in (("compile", config, "-b", "musubi", "--locked"), ("verify", "gone.lock")):
        assert "LB620" in _run(*command, code=1).output
    assert CliRunner().invoke(app, ["lock", config, "-b", "nobody"]).exit_code == 2


def test_a_config_with_errors_cannot_be_locked(config: str) -> None:
    Path(config).write_text("lorabridge: 1\n")
    assert "LB104" in _run("lock", config, "-b", "musubi", code=1).output
