"""What an upgrade of a trainer does to its own files, as they stand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from lorabridge.backends import musubi
from lorabridge.backends.base import Installation
from lorabridge.cli.contract import command
from lorabridge.cli.doctor import command as doctor
from lorabridge.contracts.model import Section, dumps
from lorabridge.contracts.store import nearest
from lorabridge.plan.sources import gather_texts
from lorabridge.plan.used import used_keys
from tests.plan.test_round_trip import DATASET, H3, JOB, MAIN, MODELS, QWEN_SH


def _run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, list(words), standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return int(done.return_value or 0), done.output


def _without(trainer: str, section: str, key: str, path: Path) -> str:
    """The shipped contract with one key gone, as a file of another commit."""
    found = nearest(trainer)
    assert found is not None
    base = found.contract
    keys = {name: entry for name, entry in base.sections[section].keys.items() if name != key}
    path.write_text(dumps(replace(base, commit="f" * 40, sections={**base.sections, section: Section(keys)})), "utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("trainer", "section", "key", "texts"),
    [
        ("musubi", "qwen_image_train_network", "network_dim", {"train.sh": QWEN_SH, "data.toml": DATASET}),
        ("musubi", "qwen_image_cache_latents", "vae", {"train.sh": QWEN_SH, "data.toml": DATASET}),
        ("diffusion-pipe", "main", "activation_checkpointing", {"main.toml": MAIN, "data.toml": "[[directory]]\npath = '/x'\n"}),
        ("diffusion-pipe", "directory[]", "num_repeats", {"main.toml": H3, "data.toml": "[[directory]]\npath = '/x'\nnum_repeats = 3\n"}),
        ("ai-toolkit", "network", "linear_alpha", {"job.yaml": JOB.replace("MODEL", MODELS["flux"])}),
        ("ai-toolkit", "datasets[]", "caption_ext", {"job.yaml": JOB.replace("MODEL", MODELS["flux"])}),
    ],
)
def test_a_key_of_native_files_that_goes_away(trainer: str, section: str, key: str, texts: dict[str, str], tmp_path: Path) -> None:
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    new = _without(trainer, section, key, tmp_path / "new.json")
    code, out = _run("diff", trainer, new, ",".join(str(tmp_path / name) for name in texts))
    assert code == 1
    assert f"{section}.{key}: the config writes it, and nothing reads it any more" in out
    other = _without(trainer, section, next(k for k in sorted(nearest(trainer).contract.sections[section].keys) if k not in str(texts)), tmp_path / "o.json")  # type: ignore[union-attr]  # fmt: skip
    assert "nothing of it concerns this config" in _run("diff", trainer, other, ",".join(str(tmp_path / name) for name in texts))[1]


def test_files_of_another_trainer_are_told(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB.replace("MODEL", MODELS["flux"]), "utf-8")
    code, out = _run("diff", "musubi", "musubi", str(tmp_path / "job.yaml"))
    assert code == 1
    assert "not recognised as files of musubi" in out


def test_a_broken_value_is_told(tmp_path: Path) -> None:
    (tmp_path / "main.toml").write_text(MAIN, "utf-8")
    (tmp_path / "data.toml").write_text("directory = [3]\n", "utf-8")
    code, out = _run("diff", "diffusion-pipe", "diffusion-pipe", f"{tmp_path / 'main.toml'},{tmp_path / 'data.toml'}")
    assert code == 1
    assert "cannot be read" in out


def test_a_commit_that_is_not_shipped_is_the_nearest_and_that_is_said() -> None:
    code, out = _run("diff", "abcdef1234", "musubi", "--trainer", "musubi")
    assert code == 0
    assert "no contract of musubi at abcdef1234; the newest is 30c658c4f4" in out
    with pytest.raises(Exception, match="no checkout"):
        _run("diff", "abcdef1234", "musubi")


def test_doctor_reads_native_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "trainer"
    (root / "src/musubi_tuner").mkdir(parents=True)
    body = "import argparse\nif __name__ == '__main__':\n    p = argparse.ArgumentParser()\n    p.add_argument('--dit')\n"
    (root / "src/musubi_tuner/qwen_image_train_network.py").write_text(body, "utf-8")
    (tmp_path / "train.sh").write_text(QWEN_SH, "utf-8")
    monkeypatch.setattr(musubi, "locate", lambda environ: Installation(root, Path("python"), "f" * 40))
    done = CliRunner().invoke(doctor, [str(tmp_path / "train.sh")], standalone_mode=False)
    assert done.exception is None
    assert done.return_value == 1
    assert "qwen_image_train_network.network_dim: the config writes it, and nothing reads it any more" in done.output
    (tmp_path / "x.txt").write_text("nothing\n", "utf-8")
    done = CliRunner().invoke(doctor, [str(tmp_path / "x.txt")], standalone_mode=False)
    assert "not recognised" in str(done.exception.message)  # type: ignore[union-attr]


def test_the_keys_of_files_are_those_of_their_sections() -> None:
    used = used_keys(gather_texts({"main.toml": MAIN, "data.toml": "resolutions = [512]\n[[directory]]\npath = '/x'\n"}))
    assert used["model.wan"]["ckpt_path"] == "/models/Wan2.1-T2V-14B"
    assert used["directory[]"] == {"path": "/x", "resolutions": [512]}
    assert used["optimizer.adamw8bitkahan"]["stabilize"] is False
