"""`lorabridge check` as a person types it: exit codes, formats, options."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lorabridge.cli.main import app
from tests.support import SMALL

PATHS = "{family: qwen-image, paths: {transformer: /m/t.safetensors, vae: /m/v.safetensors, text_encoder: /m/q.safetensors}}"
GOOD = SMALL.replace("{family: qwen-image}", PATHS)
WARNING = GOOD + "save: {keep_last: 3}\n"
HINT = GOOD.replace("1600 steps", "1600 steps, seed: 0")
BAD = GOOD + "optimizer: {lr: 0}\n"


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["check", *arguments], standalone_mode=False)


def _file(folder: Path, text: str, name: str = "x.yaml") -> str:
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        (GOOD, [], 0),
        (BAD, [], 1),
        (WARNING, [], 0),
        (WARNING, ["--fail-level", "warning"], 1),
        (WARNING, ["--fail-level", "hint"], 1),
        (HINT, ["--fail-level", "warning"], 0),
        (HINT, ["--fail-level", "hint"], 1),
        (BAD, ["--exit-zero"], 0),
        (BAD, ["--set", "optimizer.lr=1e-4"], 0),
        (GOOD, ["--set", "optimizer.lr=0"], 1),
        (GOOD, ["--paths"], 1),
        ("", [], 1),
    ],
)
def test_exit_codes(text: str, options: list[str], code: int, tmp_path: Path) -> None:
    result = _run(_file(tmp_path, text), *options)
    assert result.exception is None, result.exception
    assert result.return_value == code


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["check", "x.yaml", "--format", "xml"],
        ["check", "x.yaml", "--fail-level", "never"],
        ["check", "x.yaml", "--backend", "kohya"],
        ["check", "x.yaml", "--nonsense"],
        ["chekc", "x.yaml"],
        ["explain", "nothing-of-the-kind-zzz"],
        ["families", "nope"],
        ["compile", "x.yaml"],
        ["init", "--preset", "nope"],
    ],
)
def test_usage_errors_exit_2(arguments: list[str], tmp_path: Path) -> None:
    ended = _process(*arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr
    assert "Traceback" not in ended.stderr


def _process(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    import lorabridge

    root = str(Path(lorabridge.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-c", "from lorabridge.cli.main import main; main()", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": root, "COLUMNS": "100"} | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_clean_file_is_told(tmp_path: Path) -> None:
    one, two = _file(tmp_path, GOOD, "x.yaml"), _file(tmp_path, GOOD, "y.yaml")
    assert _run(one).output == "1 file checked, no findings\n"
    assert _run(one, two).output == "2 files checked, no findings\n"


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes")
@pytest.mark.parametrize("name", ["pipe", "pipe.yaml"])
def test_a_pipe_is_read_once(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    writer = subprocess.Popen([sys.executable, "-c", f"open({str(tmp_path / name)!r}, 'w').write({GOOD!r})"])
    try:
        assert _process("check", name, cwd=tmp_path).stdout == "1 file checked, no findings\n"
    finally:
        writer.kill()
        writer.wait()


def test_files_are_shown_as_they_were_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    Path("sub/x.yaml").write_text(BAD)
    assert _run("sub/x.yaml").output.startswith("sub/x.yaml:")
    assert _run("./sub/../sub/x.yaml").output.startswith("./sub/../sub/x.yaml:")


def test_several_files_and_one_that_is_not_there(tmp_path: Path) -> None:
    result = _run(_file(tmp_path, BAD), str(tmp_path / "gone.yaml"))
    assert result.return_value == 1
    assert "LB201" in result.output
    assert "LB109" in result.output
    assert "2 errors" in result.output


def test_machine_formats_are_nothing_but_that(tmp_path: Path) -> None:
    path = _file(tmp_path, BAD)
    envelope = json.loads(_run(path, "--format", "json").output)
    assert envelope["error_count"] == 1
    assert json.loads(_run(path, "--format", "sarif").output)["version"] == "2.1.0"
    assert _run(path, "--format", "github").output.startswith("::error file=")
    clean = _file(tmp_path, GOOD, "good.yaml")
    assert json.loads(_run(clean, "--format", "json").output)["diagnostics"] == []
    assert _run(clean, "--format", "github").output == ""


def test_paths_are_only_looked_at_when_asked(tmp_path: Path) -> None:
    path = _file(tmp_path, GOOD)
    assert _run(path, "--no-paths").return_value == 0
    output = _run(path, "--paths").output
    assert "LB401" in output
    assert "LB505" in output


def test_a_trainer_is_asked(tmp_path: Path) -> None:
    path = _file(tmp_path, SMALL)
    assert _run(path).return_value == 0
    result = _run(path, "--backend", "musubi")
    assert result.return_value == 1
    assert "LB503" in result.output


def test_the_same_finding_is_told_once_for_several_trainers(tmp_path: Path) -> None:
    path = _file(tmp_path, BAD)
    assert _run(path, "-b", "musubi", "-b", "diffusion-pipe").output.count("LB201") == 1


def test_colour_only_for_terminals(tmp_path: Path) -> None:
    _file(tmp_path, BAD)
    assert "\x1b" not in _process("check", "x.yaml", cwd=tmp_path).stdout


@pytest.mark.parametrize("name", ["a b.yaml", "-x.yaml", "ünï😀.yaml", "a:b.yaml", "a\nb.yaml", "\x1b[31m.yaml", "x.yaml.bak"])
def test_names_of_files(name: str, tmp_path: Path) -> None:
    _file(tmp_path, BAD, name)
    ended = _process("check", "--", name, cwd=tmp_path)
    assert ended.returncode == 1, ended.stderr
    assert "LB201" in ended.stdout
    assert "\x1b" not in ended.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not text")
def test_a_name_that_is_not_text(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\xfe.yaml"
    with open(name, "wb") as file:
        file.write(BAD.encode())
    for style in ("text", "json", "github", "sarif"):
        ended = _process("check", os.fsdecode(name), "--format", style, cwd=tmp_path)
        assert ended.returncode == 1, ended.stderr
        assert "LB201" in ended.stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_output_for_a_terminal_that_knows_few_characters(encoding: str, tmp_path: Path) -> None:
    _file(tmp_path, GOOD + 'optimizer: {lr: "ключ 😀"}\n')
    for style in ("text", "json"):
        ended = subprocess.run(
            [sys.executable, "-c", "from lorabridge.cli.main import main; main()", "check", "x.yaml", "--format", style],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 1, ended.stderr
        assert ended.stderr == b""
        if style == "json":
            assert "ключ 😀" in json.loads(ended.stdout)["diagnostics"][0]["message"]


@pytest.mark.parametrize("arguments", [["schema"], ["families"], ["check", "x.yaml"]])
def test_a_reader_that_goes_away(arguments: list[str], tmp_path: Path) -> None:
    _file(tmp_path, BAD)
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", "from lorabridge.cli.main import main; main()", *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=60)
    assert b"Traceback" not in errors
    assert b"Exception" not in errors


def test_a_defect_of_our_own_is_one_line_and_exit_2(tmp_path: Path) -> None:
    _file(tmp_path, GOOD)
    code = "import lorabridge.cli.check as c\nc._check = lambda *a: 1 / 0\nfrom lorabridge.cli.main import main\nmain()"
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, "-c", code, "check", "x.yaml"]
    ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "internal error: ZeroDivisionError" in ended.stderr
    assert "Traceback" not in ended.stderr
    ended = subprocess.run(
        command, cwd=tmp_path, env=environ | {"LORABRIDGE_DEBUG": "1"}, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" in ended.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("arguments", [["check", "x.yaml"], ["check", "x.toml"], ["import", "x.toml"], ["parse", "x.log"]])
def test_a_pipe_that_nobody_writes_keeps_nobody_waiting(tmp_path: Path, arguments: list[str]) -> None:
    os.mkfifo(tmp_path / arguments[1])
    command = [sys.executable, "-c", "from lorabridge.cli.main import main; main()", *arguments]
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "it is a pipe, and nobody wrote into it" in ended.stdout + ended.stderr


def test_a_trainers_findings_come_in_the_same_pass(tmp_path: Path) -> None:
    text = SMALL.replace("{family: qwen-image}", "{family: qwen-image, paths: {transformer: /m/t.safetensors}}")
    ended = _run(_file(tmp_path, text + "adapter: {rank: 3.5}\noptimizer: {type: adamw8bits}\n"), "--backend", "musubi")
    for finding in ("error[LB105] `adapter.rank`", "error[LB503] `model.paths.vae`", "error[LB301] musubi-tuner knows no optimizer"):
        assert finding in ended.output
