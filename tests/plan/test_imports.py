"""The way back: every native key is accounted for, and the new config means the same."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from lorabridge.backends.base import Plan, Site
from lorabridge.backends.emit import float_loader
from lorabridge.cli.main import app
from lorabridge.config.load import load
from lorabridge.plan.compile import compile_config
from lorabridge.plan.convert import converted
from lorabridge.plan.imports import Imported, compiled, import_files, import_texts, native_tree

GOLDENS = Path(__file__).parents[1] / "goldens"
NAMES = {"musubi": "musubi", "diffusion_pipe": "diffusion-pipe", "ai_toolkit": "ai-toolkit", "embedded": "embedded"}
CASES = [(folder, path.parent.name) for folder in NAMES for path in sorted((GOLDENS / folder).glob("*/config.yaml"))]
SITE = Site(root="/data", output="/data/runs", files="/srv/compiled")

JOB = """
job: extension
config:
  name: cat
  process:
    - type: sd_trainer
      training_folder: output
      device: cuda:0
      network: {type: lora, linear: 16, linear_alpha: 8}
      save: {dtype: float16, save_every: 250, push_to_hub: false}
      datasets: [{folder_path: /pictures, caption_ext: txt, resolution: [512]}]
      train: {steps: 2000, lr: 1e-4, batch_size: 1, optimizer: adamw8bit, dtype: bf16, noise_scheduler: flowmatch, skip_first_sample: true}
      model: {name_or_path: black-forest-labs/FLUX.1-dev, arch: flux, quantize: true}
      sample: {sampler: flowmatch, walk_seed: true, sample_every: 250, guidance_rescale: 0.5, prompts: ["a cat --w 640 --h 768", a dog]}
"""
TRAIN = """
dit = "/m/dit.safetensors"
vae = "/m/vae.safetensors"
text_encoder = "/m/te.safetensors"
network_module = "networks.lora_zimage"
network_dim = 32
network_alpha = 16
learning_rate = 1e-4
max_train_steps = 1000
output_dir = "/out"
output_name = "cat"
nonsense = 3
dataset_config = "data.toml"
"""
DATA = '[general]\nresolution = [512, 512]\n[[datasets]]\nimage_directory = "/pictures"\n'


def _compiled(folder: str, case: str) -> Plan:
    return compile_config(load(GOLDENS / folder / case / "config.yaml", environ={}), NAMES[folder], SITE)


def _back(plan: Plan, trainer: str) -> Imported:
    gathered = compiled(plan)
    return import_texts({source.file: source.native.text if source.native else source.text for source in gathered.sources}, trainer=trainer)


def _tree(name: str, text: str) -> Any:
    if name.endswith(".toml"):
        return tomllib.loads(text)
    return json.loads(text) if name.endswith(".json") else yaml.load(text, Loader=float_loader())


def _trees(plan: Plan) -> dict[str, Any]:
    return {item.path: _tree(item.path, item.text) for item in plan.files}


@pytest.mark.parametrize(("folder", "case"), CASES, ids=[f"{folder}-{case}" for folder, case in CASES])
def test_goldens_import_and_compile_back_to_equal_files(folder: str, case: str) -> None:
    plan = _compiled(folder, case)
    made = _back(plan, NAMES[folder])
    assert made.ok, [(item.code, item.path, item.message) for item in made.findings if item.severity == "error"]
    assert made.loaded is not None
    again = compile_config(made.loaded, NAMES[folder], SITE)
    assert again.ok, again.diagnostics
    assert _trees(again) == _trees(plan)


@pytest.mark.parametrize(("folder", "case"), CASES, ids=[f"{folder}-{case}" for folder, case in CASES])
def test_every_key_of_a_golden_has_a_fate(folder: str, case: str) -> None:
    made = _back(_compiled(folder, case), NAMES[folder])
    assert made.fates
    lost = [fate.key.name for fate in made.fates if fate.kind in ("dead", "unknown", "unused")]
    assert not lost, lost


def _fate(made: Imported, name: str) -> tuple[str, tuple[str, ...]]:
    (found,) = [fate for fate in made.fates if fate.key.name.endswith(name)]
    return found.kind, found.to


def test_what_becomes_of_the_keys_of_a_job() -> None:
    made = import_texts({"job.yaml": JOB})
    assert made.ok, made.findings
    assert made.trainer == "ai-toolkit"
    assert _fate(made, "train.lr") == ("carried", ("optimizer.lr",))
    assert _fate(made, "save.save_every") == ("carried", ("save.every",))
    assert _fate(made, "sample.walk_seed") == ("carried", ("sample.prompts[1].seed",))
    assert _fate(made, "skip_first_sample")[0] == "carried"
    assert _fate(made, "guidance_rescale")[0] == "native"
    assert _fate(made, "save.push_to_hub")[0] == "default"
    assert _fate(made, "caption_ext")[0] == "default"
    assert _fate(made, "sample.sampler")[0] == "written"
    assert _fate(made, "network.linear_alpha")[0] == "dead"
    assert _fate(made, "process[0].device")[0] == "dead"
    assert made.loaded is not None
    assert made.loaded.written["backends"] == {"ai-toolkit": {"sample": {"guidance_rescale": 0.5}}}
    assert made.loaded.written["sample"]["prompts"] == [{"prompt": "a cat", "width": 640, "height": 768}, {"prompt": "a dog", "seed": 1}]
    assert "lr: 0.0001  # train.lr" in made.text
    assert made.text.startswith("# yaml-language-server: $schema=")


def test_an_alpha_without_effect_is_told_and_never_carried_in_silence() -> None:
    made = import_texts({"job.yaml": JOB})
    assert any(item.code == "LB312" and "linear_alpha: 8" in item.message for item in made.findings)
    assert made.loaded is not None
    assert made.loaded.written["adapter"]["alpha"] == 16


@pytest.mark.parametrize("target", ["diffusion-pipe", "ai-toolkit"])
def test_an_alpha_that_is_not_the_rank_is_never_changed_in_silence(target: str) -> None:
    made = import_texts({"train.toml": TRAIN.replace("nonsense = 3\n", ""), "data.toml": DATA}, trainer="musubi")
    assert made.loaded is not None
    assert (made.loaded.written["adapter"]["rank"], made.loaded.written["adapter"]["alpha"]) == (32, 16)
    for unsupported, severity in (("error", "error"), ("warn", "warning")):
        plan = converted(made, target, unsupported)
        told = [item for item in plan.diagnostics if "alpha" in item.path]
        assert [item.severity for item in told] == [severity], told


def test_an_unknown_key_is_left_out_and_told() -> None:
    made = import_texts({"train.toml": TRAIN, "data.toml": DATA})
    assert made.ok, made.findings
    assert _fate(made, "nonsense")[0] in ("unknown", "unused")
    assert any("nonsense" in item.message for item in made.findings)
    assert "nonsense" not in made.text
    assert _fate(made, "network_alpha") == ("carried", ("adapter.alpha",))


def test_a_secret_is_not_carried_and_that_is_told() -> None:
    main = (
        "output_dir = '/out'\nepochs = 3\n[model]\ntype = 'sdxl'\ncheckpoint_path = '/m/sdxl.safetensors'\ndtype = 'bfloat16'\n"
        "[adapter]\ntype = 'lora'\nrank = 8\n[optimizer]\ntype = 'adamw'\nlr = 1e-4\n[monitoring]\nwandb_api_key = 'abc'\n"
    )
    made = import_texts({"main.toml": main, "dataset.toml": "resolutions = [512]\n[[directory]]\npath = '/pictures'\n"})
    (fate,) = [fate for fate in made.fates if fate.key.name == "monitoring.wandb_api_key"]
    assert "secret" in fate.why
    assert "abc" not in made.text


def test_a_relative_file_does_not_become_a_name_on_the_hub() -> None:
    made = import_texts({"train.toml": TRAIN.replace("/m/dit", "path/to/models/dit"), "data.toml": DATA})
    assert made.ok, made.findings
    assert made.loaded is not None
    assert made.loaded.written["model"]["paths"]["transformer"] == "./path/to/models/dit.safetensors"


def test_a_launch_script_brings_the_files_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "train.toml").write_text(TRAIN, "utf-8")
    (tmp_path / "data.toml").write_text(DATA, "utf-8")
    script = tmp_path / "train.sh"
    script.write_text(
        "RATE=5e-5\naccelerate launch src/musubi_tuner/zimage_train_network.py --config_file train.toml \\\n  --dataset_config data.toml --learning_rate $RATE\n",
        "utf-8",
    )
    made = import_files([str(script)])
    assert made.ok, made.findings
    assert made.loaded is not None
    assert made.loaded.written["optimizer"]["lr"] == 5e-5
    assert made.loaded.written["datasets"][0]["images"] == "/pictures"
    assert _fate(made, "--learning_rate") == ("carried", ("optimizer.lr",))
    assert _fate(made, "--config_file")[0] == "written"


@pytest.mark.parametrize("text", ["", "a: 1\n", "job: [\n", "config: {process: []}\n"])
def test_what_is_no_trainers_file_is_a_finding(text: str) -> None:
    made = import_texts({"x.yaml": text})
    assert not made.ok
    assert made.findings
    assert not made.text


def test_values_that_differ_between_datasets_are_not_merged_in_silence() -> None:
    tree, clashes = native_tree({"process:datasets.0.a": 1, "process:datasets.1.a": 2, "dataset:directory.b": 3, "main:c": 4})
    assert clashes == ["process:datasets.1.a"]
    assert tree["directory"] == {"b": 3}
    assert tree["c"] == 4


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), standalone_mode=False)


@pytest.fixture
def job(tmp_path: Path) -> str:
    path = tmp_path / "job.yaml"
    path.write_text(JOB, "utf-8")
    return str(path)


def test_the_command_writes_a_config_that_checks_clean(job: str, tmp_path: Path) -> None:
    out = str(tmp_path / "cat.yaml")
    result = _run("import", job, "-o", out)
    assert result.return_value == 0, result.output
    assert "said in the language" in result.output
    assert "linear_alpha" in result.output
    assert _run("check", out, "--backend", "ai-toolkit").return_value == 0
    assert isinstance(_run("import", job, "-o", out).exception, Exception), "an existing file is not replaced"
    assert _run("import", job, "-o", out, "--force").return_value == 0


def test_the_command_prints_the_config_alone_on_stdout(job: str) -> None:
    result = _run("import", job)
    assert result.return_value == 0
    assert yaml.safe_load(result.stdout)["name"] == "cat"
    assert "native keys" in result.stderr


def test_the_account_as_data(job: str) -> None:
    data = json.loads(_run("import", job, "--format", "json").stdout)
    assert data["trainer"] == "ai-toolkit"
    assert {"file": job, "key": "config.process[0].train.lr", "kind": "carried", "to": ["optimizer.lr"], "why": ""} in data["keys"]


def test_convert_refuses_what_cannot_be_said_and_writes_when_allowed(job: str, tmp_path: Path) -> None:
    out = tmp_path / "made"
    refused = _run("convert", job, "--to", "diffusion-pipe", "-o", str(out))
    assert refused.return_value == 1
    assert "guidance_rescale" in refused.output
    assert not out.exists()


def test_convert_writes_the_other_trainers_files(tmp_path: Path) -> None:
    (tmp_path / "train.toml").write_text(TRAIN.replace("network_alpha = 16", "network_alpha = 32").replace("nonsense = 3\n", ""), "utf-8")
    (tmp_path / "data.toml").write_text(DATA, "utf-8")
    out = tmp_path / "made"
    result = _run("convert", str(tmp_path / "train.toml"), str(tmp_path / "data.toml"), "--to", "musubi", "-o", str(out))
    assert result.return_value == 0, result.output
    assert tomllib.loads((out / "train.toml").read_text("utf-8"))["network_dim"] == 32


def test_a_trainer_that_does_not_exist_is_a_usage_error(job: str) -> None:
    assert "is not one of" in str(_run("import", job, "--trainer", "x").exception.message)  # type: ignore[union-attr]
