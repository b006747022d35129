"""Launch scripts: the command line as argparse takes it, together with the files that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorabridge.plan.native import check_files
from tests.native.musubi.helpers import DATASET, MISSING, lines, train

START = "accelerate launch --mixed_precision bf16 src/musubi_tuner/zimage_train_network.py --config_file train.toml"


def _errors(command: str, **changes: object) -> list[str]:
    return lines("error", train_sh=f"{command}\n", train_toml=train(**changes))


def test_good() -> None:
    assert _errors(f"{START} --max_train_steps 20 --learning_rate 5e-5") == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--max_train_stepss 5", "LB310"),
        ("--network_dim abc", "LB313"),
        ("--timestep_sampling shiftt", "LB314"),
        ("--sdpa true", "LB313"),
        ("--network_dim", "LB313"),
        ("--seed 1 2", "LB310"),
        ("--output_dir=~/out", "LB321"),
        ("--network_dim 0", "LB315"),
        ("--lr_warmup_steps 100", "LB319"),
    ],
)
def test_words(words: str, code: str) -> None:
    found = _errors(f"{START} {words}")
    assert [line.split()[0] for line in found] == [code]
    assert all(int(line.split(":")[1]) > len(START) for line in found)


def test_the_command_line_wins() -> None:
    assert _errors(f"{START} --network_dim 8", network_dim=0) == []
    assert _errors(f"{START} --dit /data/z_image.safetensors", dit=MISSING) == []
    assert _errors(f"{START} --dit $MODEL", dit=MISSING) == []


def test_warmup_on_the_command_line_is_converted() -> None:
    assert _errors(f"{START} --lr_scheduler cosine --lr_warmup_steps 100.0") == []
    assert [line.split()[0] for line in _errors(f"{START} --lr_scheduler cosine --lr_warmup_steps 1.5")] == ["LB317"]


def test_caching() -> None:
    cache = "python src/musubi_tuner/zimage_cache_latents.py"
    assert lines("error", train_sh=f"{cache} --dataset_config ds.toml --vae v.safetensors\n") == []
    assert lines("error", train_sh=f"{cache} --dataset_config ds.toml\n") == ["LB318 1:8"]
    assert lines("error", train_sh=f"{cache} --dataset_config ds.toml --vae v --num_workers 0\n") == ["LB315 1:96"]
    assert "LB311 1:8" in lines("error", train_sh=f"{cache} --config_file x.toml --dataset_config ds.toml --vae v\n")
    other = f"{cache} --dataset_config other.toml --vae v\n{START} --dataset_config ds.toml\n"
    assert lines("warning", train_sh=other, train_toml=train()) == ["LB319 1:66"]


def test_broken_continuation() -> None:
    text = f"{START} \\ \n  --learning_rate 1e-4\n"
    assert "LB320" in [line.split()[0] for line in lines("error", train_sh=text, train_toml=train())]


def test_a_script_brings_its_files(tmp_path: Path) -> None:
    (tmp_path / "train.sh").write_text(f"{START}\n")
    (tmp_path / "train.toml").write_text(train(dataset_config="ds.toml", learning_rat=1e-4))
    (tmp_path / "ds.toml").write_text(DATASET + "enable_buckets = true\n")
    found, texts = check_files([str(tmp_path / "train.sh")])
    assert {Path(name).name for name in texts} == {"train.sh", "train.toml", "ds.toml"}
    assert sorted((Path(item.span.file).name, item.code) for item in found if item.span and item.severity == "error") == [
        ("ds.toml", "LB310"),
        ("train.toml", "LB310"),
    ]


def test_files_on_disk(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    (images / "a.png").touch()
    (images / "b.Jpg").touch()
    dataset = tmp_path / "ds.toml"
    dataset.write_text(DATASET.replace("/data/images", images.as_posix()))
    found = [item.message for item in check_files([str(dataset)], paths=True)[0] if item.code == "LB322"]
    assert any("mixed case" in text for text in found)
    assert any("no caption file" in text for text in found)
    assert not [item for item in check_files([str(dataset)])[0] if item.code == "LB322"]
    main = tmp_path / "train.toml"
    main.write_text(train(network_weights="/nope/x.safetensors"))
    assert any("does not exist" in item.message for item in check_files([str(main)], paths=True)[0])
