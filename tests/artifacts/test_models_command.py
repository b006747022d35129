"""`check --models` and `compile --models` as a person types them: the place in the YAML, exit codes, bytes read."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lorabridge.cli.main import app

from .makers import FILES, encoder_file, header_file, model_file

CONFIG = """\
lorabridge: 1
name: cat
model:
  family: flux2
  variant: klein-base-9b
  paths:
    transformer: ./dit.safetensors
    vae: ./vae.safetensors
    text_encoder: ./te.safetensors
datasets: [{images: data}]
train: {for: 100 steps}
"""
VAE = {"decoder.conv_in.weight": (512, 32, 3, 3), "encoder.conv_in.weight": (128, 3, 3, 3), "bn.running_mean": (128,)}


@pytest.fixture
def folder(tmp_path):
    """A config whose three files are right."""
    (tmp_path / "x.yaml").write_text(CONFIG)
    model_file(tmp_path / "dit.safetensors", "flux2", "klein-9b native")
    encoder_file(tmp_path / "te.safetensors", "Qwen3-8B")
    header_file(tmp_path / "vae.safetensors", VAE)
    return tmp_path


def check(folder, *options):
    result = CliRunner().invoke(app, ["check", str(folder / "x.yaml"), "--models", *options], standalone_mode=False)
    assert result.exception is None, result.exception
    return result


def findings(folder):
    result = check(folder, "--format", "json")
    return result.return_value, [
        (item["code"], item["severity"], *item["range"]["start"].values()) for item in json.loads(result.output)["diagnostics"]
    ]


def test_right_files(folder):
    assert findings(folder) == (0, [])


@pytest.mark.parametrize(
    ("name", "make", "code", "line"),
    [
        ("te", lambda path: encoder_file(path, "Qwen3-4B"), "LB832", 9),
        ("dit", lambda path: path.write_bytes((FILES / "zimage_lora.safetensors").read_bytes()), "LB830", 7),
        ("dit", lambda path: model_file(path, "flux2", "klein-4b native"), "LB831", 7),
        ("dit", lambda path: model_file(path, "flux2", "klein-9b native", dtype="F8_E4M3", more={"x.scale_weight": (1,)}), "LB833", 7),
        ("dit", lambda path: header_file(path, VAE), "LB834", 7),
        ("dit", lambda path: encoder_file(path, "Qwen3-8B"), "LB834", 7),
        ("vae", lambda path: model_file(path, "flux2", "klein-9b native"), "LB834", 8),
        ("vae", lambda path: encoder_file(path, "Qwen3-8B"), "LB834", 8),
        ("te", lambda path: header_file(path, VAE), "LB834", 9),
        ("te", lambda path: model_file(path, "flux2", "klein-9b native"), "LB834", 9),
        ("vae", lambda path: path.write_bytes(b"<!DOCTYPE html>" + b" " * 100), "LB801", 8),
        ("te", Path.unlink, "LB505", 9),
    ],
)
def test_each_wrong_file_at_its_line(folder, name, make, code, line):
    path = folder / f"{name}.safetensors"
    path.unlink()
    path.touch()
    make(path)
    column = {"dit": 18, "vae": 10, "te": 19}[name]
    assert findings(folder) == (1, [(code, "error", line, column)])


def test_the_text_shows_the_line(folder):
    encoder_file(folder / "te.safetensors", "Qwen3-4B")
    output = check(folder).output
    assert "x.yaml:9:19" in output
    assert "text_encoder: ./te.safetensors" in output
    assert "needs Qwen3-8B" in output


def test_paths_and_models_together_tell_a_missing_file_once(folder):
    (folder / "te.safetensors").unlink()
    (folder / "data").mkdir()
    (folder / "data" / "a.png").write_bytes(b"")
    (folder / "data" / "a.txt").write_text("a cat")
    assert check(folder, "--paths").output.count("LB505") == 1


def test_a_distilled_file_where_the_base_is_needed(folder):
    (folder / "dit.safetensors").rename(folder / "klein_9b_4steps.safetensors")
    text = (folder / "x.yaml").read_text().replace("./dit.", "./klein_9b_4steps.")
    (folder / "x.yaml").write_text(text)
    assert findings(folder) == (0, [("LB835", "warning", 7, 18)])


def test_without_the_flag_nothing_is_opened(folder):
    encoder_file(folder / "te.safetensors", "Qwen3-4B")
    result = CliRunner().invoke(app, ["check", str(folder / "x.yaml")], standalone_mode=False)
    assert result.return_value == 0


def test_compile_refuses_on_request(folder):
    encoder_file(folder / "te.safetensors", "Qwen3-4B")
    arguments = ["compile", str(folder / "x.yaml"), "--backend", "musubi", "--out", str(folder / "out")]
    result = CliRunner().invoke(app, [*arguments, "--models"], standalone_mode=False)
    assert result.return_value == 1
    assert "LB832" in result.output
    assert not (folder / "out").exists()
    assert CliRunner().invoke(app, arguments, standalone_mode=False).return_value == 0


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/io counts the bytes that were read")
def test_less_than_a_mebibyte_of_30_gb(folder):
    path = folder / "dit.safetensors"
    model_file(path, "flux2", "dev native")
    (folder / "x.yaml").write_text(CONFIG.replace("klein-base-9b", "dev").replace("    text_encoder: ./te.safetensors\n", ""))
    assert path.stat().st_size > 30e9
    check(folder)
    before = _read()
    check(folder)
    assert _read() - before < 1 << 20


def _read() -> int:
    text = Path("/proc/self/io").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("rchar")).split()[1])
