"""`lorabridge checkpoint`: output, formats, exit codes; and that other commands do not pay for it."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner

from lorabridge.cli.checkpoint import command

from .makers import FILES, raw_file, write, z_image


def run(*arguments):
    result = CliRunner().invoke(command, [str(item) for item in arguments], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.return_value, result.output


@pytest.mark.parametrize("path", sorted(FILES.rglob("*.safetensors")), ids=lambda path: path.stem)
def test_inspect_every_real_file(path):
    code, text = run("inspect", path)
    assert code == 0
    assert text.startswith(path.name)
    code, text = run("inspect", path, "--format", "json")
    assert json.loads(text)["bytes"] == path.stat().st_size


def test_inspect_says_what_matters():
    _, text = run("inspect", FILES / "sd15_lora.safetensors")
    for word in (
        "Stable Diffusion 1.5",
        "kohya",
        "ai-toolkit 0.12.26, step 6",
        "text encoder",
        "bf16",
        "█",
        "norm of the effective update",
    ):
        assert word in text, word
    rank = next(line for line in text.splitlines() if line.startswith("rank"))
    assert rank.split() == ["rank", "8"]


def test_json_has_every_module():
    _, text = run("inspect", FILES / "flux1_lora.safetensors", "--format", "json")
    data = json.loads(text)
    assert (data["dialect"], data["ranks"], data["families"], len(data["modules"])) == ("diffusers", {"8": 26}, ["flux1"], 26)
    assert all(module["norm"] > 0 for module in data["modules"])
    assert {module["group"] for module in data["modules"]} == {"attention", "feed-forward", "other"}


def test_norms_only_where_asked_for(monkeypatch):
    monkeypatch.setattr("lorabridge.artifacts.inspect.NORM_BYTES", 1000)
    _, text = run("inspect", FILES / "flux1_lora.safetensors")
    assert "`--norms` does" in text
    assert "█" not in text
    assert "█" in run("inspect", FILES / "flux1_lora.safetensors", "--norms")[1]
    monkeypatch.undo()
    assert "█" not in run("inspect", FILES / "flux1_lora.safetensors", "--no-norms")[1]


def test_pictures(tmp_path):
    code, _ = run("inspect", FILES / "flux1_lora.safetensors", "--svg", tmp_path / "x.svg", "--html", tmp_path / "x.html")
    assert code == 0
    assert len(ET.parse(tmp_path / "x.svg").getroot().findall("{http://www.w3.org/2000/svg}rect")) == 3
    page = (tmp_path / "x.html").read_text()
    HTMLParser().feed(page)
    assert "lora_A" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("https://github.com/ostris/ai-toolkit", "")


def test_hostile_names_reach_neither_terminal_nor_page(tmp_path):
    name = "diffusion_model.layers.0.\x1b[31m<script>alert(1)</script>"
    arrays = {f"{name}.lora_A.weight": np.ones((2, 4)), f"{name}.lora_B.weight": np.ones((4, 2)), "\x1b]0;x\x07": np.ones(1)}
    path = write(tmp_path / "x.safetensors", arrays, {"ss_output_name": "\x1b[2J<script>"})
    assert "\x1b" not in run("inspect", path, "--html", tmp_path / "x.html", "--svg", tmp_path / "x.svg")[1]
    assert "\x1b" not in run("verify", path)[1]
    assert "<script>" not in (tmp_path / "x.html").read_text()
    ET.parse(tmp_path / "x.svg")


def test_damaged_file(tmp_path):
    path = raw_file(tmp_path / "x.safetensors", b"{nonsense")
    code, text = run("inspect", path)
    assert (code, "LB802" in text) == (1, True)
    code, text = run("inspect", path, "--format", "json")
    assert (code, json.loads(text)["problems"][0]["code"]) == (1, "LB802")


def test_pickle(tmp_path):
    path = tmp_path / "lora.pt"
    path.write_bytes(b"\x80\x02}q\x00.")
    for name in ("inspect", "verify"):
        code, text = run(name, path)
        assert (code, "LB820" in text) == (1, True), text


def test_folder():
    code, text = run("inspect", FILES / "pipe_qwen")
    assert code == 0
    assert "a PEFT adapter" in text
    assert "rank 4, alpha 4" in text
    data = json.loads(run("inspect", FILES / "pipe_qwen", "--format", "json")[1])
    assert data["files"][0]["alphas"] == {"4": 56}


def test_verify(tmp_path):
    code, text = run("verify", FILES / "flux1_lora.safetensors")
    assert (code, "26 of 26 modules" in text) == (0, True)
    code, text = run("verify", FILES / "zimage_untrained_zero_steps.safetensors", "--format", "json")
    assert (code, [item["code"] for item in json.loads(text)["diagnostics"]]) == (1, ["LB808"])
    code, _ = run("verify", FILES / "pipe_qwen")
    assert code == 0


CONFIG = "lorabridge: 1\nname: x\nmodel: {family: z-image}\ndatasets: [{images: data}]\nadapter: {rank: 4}\ntrain: {for: 100 steps}\nsave: {dtype: fp32}\n"


def test_verify_with_a_config(tmp_path):
    config = tmp_path / "x.yaml"
    config.write_text(CONFIG)
    good, bad = write(tmp_path / "a.safetensors", z_image()), write(tmp_path / "b.safetensors", z_image(rank=2))
    assert run("verify", good, "--config", config)[0] == 0
    code, text = run("verify", bad, "--config", config)
    assert (code, "LB812" in text, "x.yaml:5" in text) == (1, True, True)


def test_verify_a_run(tmp_path):
    (tmp_path / "output" / "epoch1").mkdir(parents=True)
    (tmp_path / "output" / "cache").mkdir()
    (tmp_path / "resolved.yaml").write_text(CONFIG)
    (tmp_path / "plan.json").write_text(json.dumps({"backend": "musubi", "total_steps": 100}))
    write(tmp_path / "output" / "epoch1" / "x.safetensors", z_image(), {"ss_steps": "50"})
    write(tmp_path / "output" / "x.safetensors", z_image(), {"ss_steps": "100"})
    write(tmp_path / "output" / "cache" / "y.safetensors", {"latents": np.ones(3)})
    code, text = run("verify", "--run", tmp_path)
    assert (code, "2 files checked" in text) == (0, True), text
    write(tmp_path / "output" / "x.safetensors", z_image(), {"ss_steps": "60"})
    code, text = run("verify", "--run", tmp_path)
    assert (code, "LB816" in text) == (1, True)


def test_usage(tmp_path):
    import click

    with pytest.raises(click.UsageError, match="--run"):
        run("verify")
    with pytest.raises(click.ClickException, match="no run folder"):
        run("verify", "--run", tmp_path)


PROGRAM = """
import sys
sys.argv = ["lorabridge", *{arguments!r}]
from lorabridge.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
assert "torch" not in sys.modules
print("numpy" in sys.modules)
"""


@pytest.mark.parametrize(
    ("arguments", "numpy"),
    [
        (["--help"], False),
        (["checkpoint", "--help"], False),
        (["families"], False),
        (["checkpoint", "inspect", "--no-norms", str(FILES / "sd15_lora.safetensors")], False),
        (["checkpoint", "inspect", str(FILES / "sd15_lora.safetensors")], True),
    ],
)
def test_numpy_is_imported_by_what_needs_it(arguments, numpy):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(arguments=arguments)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == str(numpy)
