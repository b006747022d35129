"""The package as strangers get it: a wheel in a clean environment, used from an empty directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import lorabridge

ROOT = Path(lorabridge.__file__).parent.parent
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="needs a checkout to build from")]


def _call(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "LORABRIDGE", "VIRTUAL_ENV"))}
    return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = _call([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)], folder)
    if built.returncode:
        built = _call([sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], folder)
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def binaries(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    venv = tmp_path_factory.mktemp("venv") / "venv"
    assert _call([sys.executable, "-m", "venv", str(venv)], venv.parent).returncode == 0
    found = venv / ("Scripts" if sys.platform == "win32" else "bin")
    installed = _call([str(found / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)], venv.parent)
    if installed.returncode:
        pytest.skip(f"the dependencies cannot be installed here: {installed.stderr[-300:]}")
    return found


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_what_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "lorabridge/py.typed" in names
    for folder in ("schemas", "templates"):
        here = {
            path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        }
        assert here
        assert {f"lorabridge/{name}" for name in here} <= names
    source = {path.relative_to(ROOT).as_posix() for path in (ROOT / "lorabridge").rglob("*.py")}
    assert source <= names
    assert not [name for name in names if name.startswith(("tests/", "examples/", "docs/", "benchmarks/")) or "__pycache__" in name]
    (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
    text = zipfile.ZipFile(wheel).read(metadata).decode()
    assert f"Version: {lorabridge.__version__}" in text
    core = [line for line in text.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert not [line for line in core if any(word in line for word in ("torch", "diffusers", "peft", "transformers", "starlette"))]


def test_the_commands_run_from_an_empty_directory(binaries: Path, empty: Path) -> None:
    command = str(binaries / "lorabridge")
    assert _call([command, "--version"], empty).stdout == f"lorabridge {lorabridge.__version__}\n"
    assert "check" in _call([command, "--help"], empty).stdout
    schema = _call([command, "schema"], empty)
    assert json.loads(schema.stdout)["title"] == "lorabridge 1"
    assert "qwen-image" in _call([command, "families"], empty).stdout
    made = _call([command, "init", "cat.yaml", "--family", "z-image", "--preset", "character", "--trigger", "ohwx cat"], empty)
    assert made.returncode == 0, made.stderr
    checked = _call([command, "check", "cat.yaml"], empty)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert _call([command, "explain", "save.every", "--backend", "musubi"], empty).returncode == 0
    assert sorted(path.name for path in empty.iterdir()) == ["cat.yaml"]


def test_the_examples_are_clean(binaries: Path, empty: Path) -> None:
    examples = sorted(str(path) for path in (ROOT / "examples").glob("*.yaml"))
    checked = _call([str(binaries / "lorabridge"), "check", *examples, "--fail-level", "hint"], empty)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_compiling_finds_its_templates(binaries: Path, empty: Path) -> None:
    (empty / "x.yaml").write_text(
        "lorabridge: 1\nname: x\nmodel: {family: qwen-image, paths: {transformer: /m/t.safetensors, vae: /m/v.safetensors, text_encoder: /m/q.safetensors}}\n"
        "datasets: [{images: pictures}]\ntrain: {for: 10 steps, seed: 1}\n"
    )
    ended = _call([str(binaries / "lorabridge"), "compile", "x.yaml", "--backend", "musubi", "--out", "out"], empty)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert {"launch.sh", "report.md", "stages.json"} <= {path.name for path in (empty / "out").iterdir()}


def test_data_files_are_found_inside_the_package(binaries: Path, empty: Path) -> None:
    code = "from lorabridge.resources import schema_dir, template_dir; print(schema_dir()); print(template_dir())"
    ended = _call([str(binaries / "python"), "-c", code], empty)
    found = [Path(line) for line in ended.stdout.split("\n") if line]
    assert [path.parent.name for path in found] == ["lorabridge", "lorabridge"]
    assert (found[0] / "lorabridge-1.schema.json").is_file()
    assert (found[1] / "presets").is_dir()


def test_data_files_are_found_in_a_checkout() -> None:
    from lorabridge.resources import schema_dir, template_dir

    assert (schema_dir() / "lorabridge-1.schema.json").is_file()
    assert (template_dir() / "init.yaml.jinja").is_file()
