"""Launch commands, and what they say to the files they start."""

from __future__ import annotations

import pytest

from lorabridge.plan.native import check_texts
from tests.native.diffusion_pipe.conftest import DATASET, check, main_text, told

GOOD = "NCCL_P2P_DISABLE=1 deepspeed --num_gpus=1 train.py --deepspeed --config main.toml"


def findings(script: str, main: str = "", dataset: str = "") -> list[str]:
    return told(check(main, dataset, script))


@pytest.mark.parametrize(
    "tail",
    ["", " --resume_from_checkpoint", " --resume_from_checkpoint 20250101_10-00-00", " --trust_cache", " --master_port 29501", " --regen"],
)
def test_good_launches(tail: str) -> None:
    assert findings(GOOD + tail) == []


@pytest.mark.parametrize(("script", "expected"), [
    (GOOD + " --epochs 3", "error LB310"),
    (GOOD + " --deepspeed_config ds.json", "error LB315"),
    (GOOD + " --master_port", "error LB315"),
    (GOOD + " --master_port abc", "error LB313"),
    (GOOD + " --trust_cache yes", "error LB315"),
    (GOOD + " extra.toml", "error LB315"),
    (GOOD.replace("--deepspeed", "extra.toml --deepspeed"), "error LB310"),
    (GOOD + " --reset_optimizer", "warning LB312"),
    (GOOD + " --trust_cache --regenerate_cache", "warning LB319"),
    (GOOD + " --cache_only", "hint LB323"),
    (GOOD.replace("main.toml", "'~/main.toml'"), "error LB321"),
    (GOOD + " --resume_from_checkpoint /runs/a", "hint LB317"),
    ("deepspeed --num_gpus=1 train.py --deepspeed", "error LB318"),
    ("python train.py --deepspeed --config main.toml", "warning LB319"),
    ("deepspeed --num_gpus=1 --master_port 29501 train.py --deepspeed --config main.toml", "warning LB312"),
    ("deepspeed --num_gpus=1 --include localhost:1 train.py --deepspeed --config main.toml", "error LB319"),
    ("CUDA_VISIBLE_DEVICES=1 deepspeed --num_gpus=1 train.py --deepspeed --config main.toml", "warning LB317"),
])  # fmt: skip
def test_bad_launches(script: str, expected: str) -> None:
    assert expected in findings(script)


def test_stages_and_gpus() -> None:
    text = main_text("qwen_image", top="pipeline_stages = 2")
    assert findings(GOOD, text) == ["error LB315 pipeline_stages"]
    assert findings(GOOD.replace("num_gpus=1", "num_gpus=2"), text) == []
    assert findings("deepspeed --include localhost:2,3 train.py --deepspeed --config main.toml", text) == []


def test_four_resolutions_need_the_flag() -> None:
    dataset = DATASET.replace("[512]", "[256, 512, 768, 1024]").format(top="", directory="")
    assert findings(GOOD, "", dataset) == ["error LB323 resolutions"]
    assert findings(GOOD + " --i_know_what_i_am_doing", "", dataset) == []
    assert told(check("", dataset)) == ["warning LB323 resolutions"]


def test_batch_over_all_ranks() -> None:
    text = main_text("qwen_image", top="save_every_n_examples = 3")
    assert findings(GOOD, text) == []
    assert findings(GOOD.replace("num_gpus=1", "num_gpus=4"), text) == ["error LB315 save_every_n_examples"]
    assert "error LB319 optimizer.gradient_release" in findings(
        GOOD.replace("num_gpus=1", "num_gpus=4"), main_text(optimizer="gradient_release = true")
    )


def test_each_dataset_is_read_by_the_run_that_names_it() -> None:
    texts = {
        "a.toml": main_text("sdxl").replace("ds.toml", "a_ds.toml"),
        "b.toml": main_text("qwen_image").replace("ds.toml", "b_ds.toml"),
        "a_ds.toml": DATASET.format(top="", directory="control_path = '/data/c'"),
        "b_ds.toml": DATASET.format(top="", directory="control_path = '/data/c'"),
    }
    found = check_texts(texts)
    assert [(item.span.file, item.code) for item in found if item.span] == [("a_ds.toml", "LB316")]
