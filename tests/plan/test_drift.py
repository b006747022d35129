"""What compiled plans write, and what an upgrade or a drifted installation does to configs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from lorabridge.backends.base import Installation, Note, Plan, Site, Stage
from lorabridge.cli import doctor as doctor_command
from lorabridge.cli.contract import command
from lorabridge.cli.doctor import command as doctor
from lorabridge.config.load import Loaded
from lorabridge.contracts.extract import READERS
from lorabridge.contracts.model import Contract, Entry, Section, dumps
from lorabridge.contracts.store import nearest
from lorabridge.plan.compile import compile_config
from lorabridge.plan.drift import drift
from lorabridge.plan.upgrade import _intent
from lorabridge.plan.used import used_keys

FULL = """\
lorabridge: 1
name: cat-toy
model:
  family: qwen-image
  paths: {transformer: /m/t.safetensors, vae: /m/v.safetensors, text_encoder: /m/e.safetensors}
datasets: [{images: pictures, repeats: 2, resolution: [1024]}]
adapter: {rank: 16, alpha: 16}
train: {for: 1600 steps}
optimizer: {lr: 1e-4}
save: {every: 250 steps}
sample: {every: never}
"""


def shipped(trainer: str) -> Contract:
    found = nearest(trainer)
    assert found is not None
    return found.contract


def plan(load_text: Callable[..., Loaded], trainer: str) -> Plan:
    found = compile_config(load_text(FULL), trainer, Site(root="/r", seed=1, unsupported="warn"))
    assert found.ok, found.diagnostics
    return found


@pytest.mark.parametrize("trainer", READERS)
def test_everything_that_is_written_is_read_by_the_trainer(load_text: Callable[..., Loaded], trainer: str) -> None:
    contract = shipped(trainer)
    used = used_keys(plan(load_text, trainer))
    assert sum(len(keys) for keys in used.values()) > 30
    for name, keys in used.items():
        section = contract.sections.get(name)
        if section is not None and not section.takes:
            assert set(keys) <= {*section.keys, *(entry.dest for entry in section.keys.values())}, name


def test_used_keys_of_musubi(load_text: Callable[..., Loaded]) -> None:
    used = used_keys(plan(load_text, "musubi"))
    assert set(used) == {
        "qwen_image_cache_latents",
        "qwen_image_cache_text_encoder_outputs",
        "qwen_image_train_network",
        "dataset.datasets[] (image)",
    }
    assert used["qwen_image_train_network"]["network_dim"] == 16
    assert used["qwen_image_cache_latents"]["vae"] == "/m/v.safetensors"
    assert used["dataset.datasets[] (image)"]["num_repeats"] == 2


def test_used_keys_of_diffusion_pipe(load_text: Callable[..., Loaded]) -> None:
    used = used_keys(plan(load_text, "diffusion-pipe"))
    assert used["model.qwen_image"]["vae_path"] == "/m/v.safetensors"
    assert used["adapter"]["rank"] == 16
    assert used["optimizer"]["lr"] == 1e-4
    assert used["directory[]"]["num_repeats"] == 2
    assert used["args"]["deepspeed"] is True
    assert "save_every_n_steps" in used["main"]


def test_used_keys_of_ai_toolkit(load_text: Callable[..., Loaded]) -> None:
    used = used_keys(plan(load_text, "ai-toolkit"))
    assert used["network"]["linear"] == 16
    assert used["datasets[]"]["num_repeats"] == 2
    assert used["process"]["type"] == "diffusion_trainer"
    assert used["config"]["name"] == "cat-toy"


def test_flags_of_every_form(load_text: Callable[..., Loaded]) -> None:
    words = ("--config_file", "x.yaml", "{home}/zimage_train_network.py", "--network_dim=1", "--network_args", "a=2", "b=3", "--sdpa")
    stage = Stage("train", ("{python}", "-m", "accelerate.commands.launch", *words))
    assert used_keys(Plan("musubi", stages=(stage,))) == {
        "zimage_train_network": {"network_dim": 1, "network_args": ["a=2", "b=3"], "sdpa": True}
    }


def test_a_field_is_named_only_where_it_is_the_only_one() -> None:
    notes = (
        Note("exact", "optimizer.lr", "1", "train:lr"),
        Note("exact", "a.b", "1", "train:x.rank"),
        Note("exact", "c.d", "1", "data:rank"),
    )
    assert _intent(Plan("musubi", notes=notes)) == {"lr": "optimizer.lr"}


def test_no_contracts_no_keys() -> None:
    assert used_keys(Plan("embedded")) == {}


def changed(trainer: str, section: str, key: str, entry: Entry | None) -> Contract:
    """The shipped contract with one key changed or gone, as of another commit."""
    base = shipped(trainer)
    keys = {name: old for name, old in base.sections[section].keys.items() if name != key}
    keys |= {} if entry is None else {key: entry}
    return replace(base, commit="f" * 40, sections={**base.sections, section: Section(keys)})


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "cat.yaml").write_text(FULL, encoding="utf-8")
    gone = changed("ai-toolkit", "network", "linear", None)
    (tmp_path / "gone.json").write_text(dumps(gone), encoding="utf-8")
    (tmp_path / "same.json").write_text(dumps(shipped("ai-toolkit")), encoding="utf-8")
    return tmp_path


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, list(words), standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return int(done.return_value or 0), done.output


def test_diff_says_what_concerns_a_config(files: Path) -> None:
    code, text = run("diff", "ai-toolkit", str(files / "gone.json"), str(files / "cat.yaml"))
    assert code == 1
    assert "- linear  [network]" in text
    assert "cat.yaml: one of them concerns this config" in text
    assert "network.linear (from `adapter.rank`): the config writes it, and nothing reads it any more" in text


def test_diff_without_a_change(files: Path) -> None:
    code, text = run("diff", "27a03a9", str(files / "same.json"), str(files / "cat.yaml"))
    assert code == 0
    assert text.splitlines()[0].endswith("no changes")
    assert text.splitlines()[1].endswith("nothing of it concerns this config")


def test_diff_as_data(files: Path) -> None:
    code, text = run("diff", "ai-toolkit", str(files / "gone.json"), str(files / "cat.yaml"), "--format", "json")
    found = json.loads(text)
    assert code == 1
    assert found["new"]["commit"] == "f" * 40
    assert [(item["kind"], item["section"], item["key"]) for item in found["changes"]] == [("removed", "network", "linear")]
    assert found["configs"][0]["concerns"][0]["field"] == "adapter.rank"


def test_diff_of_a_config_that_does_not_compile(files: Path) -> None:
    (files / "bad.yaml").write_text(FULL.replace("qwen-image", "qwen-imagg"), encoding="utf-8")
    code, text = run("diff", "ai-toolkit", str(files / "same.json"), str(files / "bad.yaml"))
    assert code == 1
    assert "it does not compile for ai-toolkit: LB" in text


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("diff", "musubi", "ai-toolkit"), "is of musubi"),
        (("diff", "nothing", "musubi"), "`nothing` is no checkout, contract file, trainer or commit that is shipped (musubi 30c658c4f4"),
        (("show", "musubi", "nothing"), "has no section `nothing`"),
    ],
)
def test_usage(words: tuple[str, ...], text: str) -> None:
    with pytest.raises(Exception, match=r".") as caught:
        run(*words)
    assert text in str(getattr(caught.value, "message", caught.value))


def test_the_same_change_in_many_scripts_is_one_line(tmp_path: Path) -> None:
    base = shipped("musubi")
    sections = {
        name: Section({key: replace(entry, default=1) if key == "max_train_steps" else entry for key, entry in section.keys.items()})
        for name, section in base.sections.items()
    }
    (tmp_path / "new.json").write_text(dumps(replace(base, commit="f" * 40, sections=sections)), encoding="utf-8")
    lines = [line for line in run("diff", "musubi", str(tmp_path / "new.json"))[1].splitlines() if "max_train_steps" in line]
    assert len(lines) == 1
    assert "~ max_train_steps: default 1600 -> 1  [flux_2_train_network, " in lines[0]


def test_extract_and_show(tmp_path: Path) -> None:
    root = tmp_path / "trainer"
    (root / "src/musubi_tuner").mkdir(parents=True)
    body = (
        "import argparse\nif __name__ == '__main__':\n    p = argparse.ArgumentParser()\n    p.add_argument('--x', type=int, default=3)\n"
    )
    (root / "src/musubi_tuner/go.py").write_text(body, encoding="utf-8")
    code, text = run("extract", str(root), "-o", str(tmp_path / "out.json"))
    assert (code, text.strip()) == (0, f"wrote {tmp_path / 'out.json'}: musubi without a commit, 1 entries in 1 sections")
    assert run("extract", str(root))[1] == (tmp_path / "out.json").read_text(encoding="utf-8")
    assert run("show", str(tmp_path / "out.json"), "go")[1] == "x  int, default 3  go.py:4\n"
    assert run("show", str(root))[1].split() == ["go", "1"]
    assert json.loads(run("show", str(root), "go", "--format", "json")[1])["keys"]["x"] == {"type": "int", "default": 3, "at": "go.py:4"}
    assert "30c658c4f4b0bf05038b3346eff9670259b10fc7" in run("show")[1]


def test_drift_of_an_installation(tmp_path: Path) -> None:
    root = tmp_path / "trainer"
    (root / "src/musubi_tuner").mkdir(parents=True)
    base = shipped("musubi")
    assert drift(root, "embedded") is None
    same = drift(root, "musubi", base.commit)
    assert same is not None
    assert not same.any
    assert same.problem == ""
    empty = drift(root, "musubi", "f" * 40)
    assert empty is not None
    assert empty.any
    assert "nothing that musubi reads" in empty.problem
    body = (
        "import argparse\nif __name__ == '__main__':\n    p = argparse.ArgumentParser()\n    p.add_argument('--dim', type=int, default=3)\n"
    )
    (root / "src/musubi_tuner/qwen_extract_lora.py").write_text(body, encoding="utf-8")
    live = drift(root, "musubi", "f" * 40, {"qwen_extract_lora": {"dim": 4, "device": "cpu"}}, base.commit)
    assert live is not None
    assert (live.known, live.installed) == (base.commit, "f" * 40)
    assert [item.change.key for item in live.concerns] == ["device"]


def test_doctor_tells_what_drifted_for_a_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lorabridge.backends import musubi

    root = tmp_path / "trainer"
    (root / "src/musubi_tuner").mkdir(parents=True)
    body = "import argparse\nif __name__ == '__main__':\n    p = argparse.ArgumentParser()\n    p.add_argument('--dit')\n"
    (root / "src/musubi_tuner/qwen_image_train_network.py").write_text(body, encoding="utf-8")
    config = tmp_path / "cat.yaml"
    config.write_text(FULL, encoding="utf-8")
    monkeypatch.setattr(musubi, "locate", lambda environ: Installation(root, Path("python"), "f" * 40))
    done = CliRunner().invoke(doctor, [str(config), "-b", "musubi"], standalone_mode=False)
    assert done.exception is None
    assert done.return_value == 1
    assert "qwen_image_train_network.network_dim (from `adapter.rank`): the config writes it, and nothing reads it any more" in done.output
    monkeypatch.setattr(musubi, "locate", lambda environ: Installation(root, Path("python"), musubi.COMMIT))
    done = CliRunner().invoke(doctor, [str(config), "-b", "musubi"], standalone_mode=False)
    assert done.return_value == 0
    assert doctor_command.command is doctor
