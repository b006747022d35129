"""Every verdict of `prove` and `compile --prove`, provoked in small checkouts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lorabridge.cli.main import app

from .fakes import Edits, checkout

CONFIG = """\
lorabridge: 1
name: cat
model:
  family: qwen-image
  paths: {transformer: /m/dit.safetensors, vae: /m/vae.safetensors, text_encoder: /m/te.safetensors}
datasets: [{images: /data/cat, resolution: [512], repeats: 3}]
adapter: {rank: 16}
train: {for: 100 steps}
optimizer: {lr: 2e-4}
save: {every: 50 steps}
"""
TRAINERS = ("musubi", "diffusion-pipe", "ai-toolkit")
TRAIN = "src/musubi_tuner/common.py"
CONFIGS = "toolkit/config_modules.py"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for trainer in TRAINERS:
        monkeypatch.setenv(f"LORABRIDGE_{trainer.upper().replace('-', '_')}_PYTHON", sys.executable)
    return tmp_path


def config(trainer: str) -> str:
    single = "paths: {repo: Qwen/Qwen-Image}\n"
    return CONFIG if trainer != "ai-toolkit" else CONFIG.replace(CONFIG.splitlines()[4].strip() + "\n", single)


def run(here: Path, trainer: str, *words: str, edits: Edits | None = None, text: str = "", command: str = "prove") -> Result:
    home = checkout(here / "trainer", trainer, edits)
    (here / "c.yaml").write_text(text or config(trainer), encoding="utf-8")
    where = ["--trainer", str(home)] if command == "prove" else []
    return CliRunner().invoke(app, [command, "c.yaml", "--backend", trainer, *where, *words], standalone_mode=False)


def codes(result: Result) -> list[tuple[str, str]]:
    data = json.loads(result.output)
    return [(item["code"], item["path"]) for item in data["findings"]]


@pytest.mark.parametrize("trainer", TRAINERS)
def test_an_honest_trainer_is_proved(here: Path, trainer: str) -> None:
    found = run(here, trainer, "--format", "json")
    assert found.return_value == 0, found.output
    data = json.loads(found.output)
    assert data["ok"]
    assert data["same"] == data["total"] > 25
    keys = {(row["path"], row["key"].rpartition(".")[2], row["used"]) for row in data["rows"] if isinstance(row["used"], str | int | float)}
    rank = {"musubi": "network_dim", "diffusion-pipe": "rank", "ai-toolkit": "linear"}[trainer]
    assert ("adapter.rank", rank, 16) in keys
    assert {path.name for path in here.iterdir()} == {"trainer", "c.yaml"}, "nothing is left behind"


@pytest.mark.parametrize("trainer", TRAINERS)
def test_the_text_says_what_was_proved(here: Path, trainer: str) -> None:
    found = run(here, trainer)
    assert f"proved: {trainer} uses all" in found.output
    assert "adapter.rank" in run(here, trainer, "--all").output


LIES: list[tuple[str, Edits, list[tuple[str, str]]]] = [
    ("musubi", {TRAIN: ('"network_dim", "max', '"max')}, [("LB331", "adapter.rank")]),
    ("musubi", {TRAIN: ("    return args", "    args.network_dim = 4\n    return args")}, [("LB330", "adapter.rank")]),
    ("musubi", {TRAIN: ('choices=["constant", "cosine"]', 'choices=["linear"]')}, [("LB335", "scheduler.type")]),
    ("musubi", {TRAIN: ('"blocks_to_swap", ', ""), "src/musubi_tuner/qwen_image_train_network.py": ("args = read(parser())", "args = read(parser())\n    raise KeyError('task')")}, [("LB332", "")]),
    ("musubi", {"src/musubi_tuner/dataset/config_utils.py": ("    num_repeats: int = 1\n", "")}, [("LB332", "")] * 3),
    ("musubi", {"src/musubi_tuner/qwen_image_cache_latents.py": ("parser().parse_args()", "parser().parse_args(['--nonsense'])")}, [("LB332", "")]),
    ("ai-toolkit", {CONFIGS: ('kwargs.get("steps", 1000)', "2000")}, [("LB331", "train.for")]),
    ("ai-toolkit", {CONFIGS: ('kwargs.get("lr", 1e-6)', 'min(kwargs.get("lr", 1e-6), 1e-5)')}, [("LB330", "optimizer.lr")]),
    ("ai-toolkit", {CONFIGS: ('kwargs.get("resolution", 512)', 'kwargs.get("resolution", 512) // 2')}, [("LB330", "datasets[0].resolution")]),
    ("ai-toolkit", {CONFIGS: ("import torch", "import torch\nraise ImportError('no')")}, [("LB332", "")]),
    ("diffusion-pipe", {"train.py": ('config.get("max_steps", None), ', "")}, [("LB331", "train.for")]),
    ("diffusion-pipe", {"train.py": ('    config.setdefault("pipeline_stages", 1)', '    config["micro_batch_size_per_gpu"] = 8')}, [("LB330", "train.batch_size")]),
    ("diffusion-pipe", {"utils/common.py": ('"bfloat16": torch.bfloat16', '"bfloat16": torch.float16')}, [("LB330", "model.dtype"), ("LB330", "save.dtype")]),
    ("diffusion-pipe", {"utils/dataset.py": ('        return self.directory_config["num_repeats"]', "        return 1")}, [("LB331", "datasets[0].repeats")]),
    ("diffusion-pipe", {"utils/dataset.py": ('raise RuntimeError("no such folder")', "pass")}, []),
    ("diffusion-pipe", {"utils/dataset.py": ("        model.model_specific", "        quit()\n        model.model_specific")}, [("LB332", "")]),
    ("diffusion-pipe", {"models/qwen_image.py": ("get_t(self.model_config), ", "")}, [("LB331", "noise.timestep_sampling")]),
    ("diffusion-pipe", {"train.py": ("'qwen_image'", "'another'")}, [("LB332", "")]),
]  # fmt: skip


@pytest.mark.parametrize(("trainer", "edits", "expected"), LIES, ids=lambda value: str(value)[:60] if isinstance(value, dict) else "")
def test_every_lie_is_found(here: Path, trainer: str, edits: Edits, expected: list[tuple[str, str]]) -> None:
    found = run(here, trainer, "--format", "json", edits=edits)
    assert found.return_value == int(bool(expected)), found.output
    seen = codes(found)
    assert [item for item in expected if item not in seen] == [], seen
    assert {code for code, _ in seen} <= {code for code, _ in expected} | ({"LB331"} if ("LB332", "") in expected else set())


def test_a_finding_stands_at_the_line_of_the_config(here: Path) -> None:
    found = run(here, "musubi", edits={TRAIN: ("    return args", "    args.network_dim = 4\n    return args")})
    assert "c.yaml:7:17: error[LB330] `network_dim`: meant 16, musubi-tuner uses 4" in found.output
    assert "adapter.rank" in found.output.splitlines()[1]


def test_a_default_that_has_changed(here: Path) -> None:
    edits = {
        TRAIN: ('made.add_argument("--optimizer_args"', 'made.set_defaults(blocks_to_swap=9)\n    made.add_argument("--optimizer_args"')
    }
    text = CONFIG + "memory: {blocks_to_swap: off}\n"
    found = run(here, "musubi", "--format", "json", edits=edits, text=text)
    assert codes(found) == [("LB336", "memory.blocks_to_swap")]
    assert "its default was None where the meaning was read" in found.output


def test_a_native_option_that_nothing_reads(here: Path) -> None:
    text = config("ai-toolkit") + "backends: {ai-toolkit: {train: {noise_offset: 0.1}}}\n"
    found = run(here, "ai-toolkit", "--format", "json", text=text)
    assert found.return_value == 1
    assert [code for code, _ in codes(found)] == ["LB331"]


def test_no_trainer(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LORABRIDGE_MUSUBI_HOME", raising=False)
    monkeypatch.setenv("HOME", str(here / "nobody"))
    (here / "c.yaml").write_text(CONFIG, encoding="utf-8")
    for words in ([], ["--trainer", str(here / "nowhere")]):
        found = CliRunner().invoke(app, ["prove", "c.yaml", "-b", "musubi", *words], standalone_mode=False)
        assert found.return_value == 2
        assert "LB333" in found.output
        assert "--trainer PATH" in found.output
    home = checkout(here / "trainer", "musubi")
    monkeypatch.setenv("LORABRIDGE_MUSUBI_PYTHON", str(here / "no-python"))
    found = CliRunner().invoke(app, ["prove", "c.yaml", "-b", "musubi", "--trainer", str(home)], standalone_mode=False)
    assert (found.return_value, "LB333" in found.output) == (2, True)


def test_a_trainer_that_does_not_answer(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lorabridge.plan.prove.LIMIT_S", 3.0)
    for body, said in (("import os; os._exit(3)", "exit code 3"), ("while True: pass", "no answer within 3 s")):
        found = run(here, "musubi", edits={"src/musubi_tuner/dataset/config_utils.py": ("import torch", body)})
        assert found.return_value == 2
        assert "LB334" in found.output
        assert said in found.output


def test_it_writes_nothing_and_calls_nobody(here: Path) -> None:
    target = here / "touched"
    for body in (f"open({str(target)!r}, 'w')", f"import os; os.mkdir({str(target)!r})", "import subprocess; subprocess.Popen(['true'])", "import socket; socket.create_connection(('192.0.2.1', 80))"):  # fmt: skip
        found = run(here, "musubi", edits={"src/musubi_tuner/common.py": ("    made = argparse", f"    {body}\n    made = argparse")})
        assert found.return_value == 1
        assert "PermissionError: the probe" in found.output
        assert not target.exists()


def test_no_secret_reaches_the_trainer(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "very-secret")
    body = "    import os; assert 'very-secret' not in str(os.environ), 'leaked'\n    made = argparse"
    assert run(here, "musubi", edits={TRAIN: ("    made = argparse", body)}).return_value == 0


def test_a_config_that_does_not_compile(here: Path) -> None:
    found = run(here, "musubi", text=CONFIG + "evaluate: {every: 10 steps, datasets: [{images: /e}]}\n")
    assert found.return_value == 1
    assert "LB301" in found.output


def test_compile_can_require_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORABRIDGE_MUSUBI_HOME", str(here / "trainer"))
    good = run(here, "musubi", "--prove", "-o", "good", command="compile")
    assert (good.return_value, (here / "good" / "train.toml").is_file()) == (0, True)
    edits = {TRAIN: ("    return args", "    args.network_dim = 4\n    return args")}
    bad = run(here, "musubi", "--prove", "-o", "bad", command="compile", edits=edits)
    assert (bad.return_value, (here / "bad").exists()) == (1, False)
    assert "LB330" in bad.output
    monkeypatch.setenv("LORABRIDGE_MUSUBI_HOME", str(here / "nowhere"))
    none = CliRunner().invoke(app, ["compile", "c.yaml", "-b", "musubi", "--prove", "-o", "none"], standalone_mode=False)
    assert (none.return_value, (here / "none").exists()) == (2, False)


def test_the_embedded_trainer_needs_no_checkout(here: Path) -> None:
    text = "lorabridge: 1\nname: star\nmodel: {family: sana, paths: {repo: ./model}}\ndatasets: [{images: pictures, resolution: [64]}]\ntrain: {for: 10 steps}\n"
    (here / "c.yaml").write_text(text, encoding="utf-8")
    found = CliRunner().invoke(app, ["prove", "c.yaml", "-b", "embedded", "--format", "json"], standalone_mode=False)
    data: dict[str, Any] = json.loads(found.output)
    assert (found.return_value, data["ok"], data["total"] > 40) == (0, True, True)


def test_an_unknown_trainer(here: Path) -> None:
    (here / "c.yaml").write_text(CONFIG, encoding="utf-8")
    found = CliRunner().invoke(app, ["prove", "c.yaml", "-b", "musubbi"])
    assert found.exit_code == 2
