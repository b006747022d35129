"""Users' own files, in the forms that the trainer reads."""

from __future__ import annotations

import yaml

from lorabridge.backends import musubi
from lorabridge.backends.musubi.lift_files import line

from .helpers import loaded, plan

TRAIN = """
[model]
dit = "/m/qwen.safetensors"
vae = "/m/vae.safetensors"
text_encoder = "/m/te.safetensors"
fp8_base = true
fp8_scaled = true
sdpa = true
mixed_precision = "bf16"

[train]
network_module = "musubi_tuner.networks.lora_qwen_image"
network_dim = 16
optimizer_type = "adamw8bit"
optimizer_args = ["weight_decay=0.1", "betas=(0.9,0.95)"]
learning_rate = 5e-5
timestep_sampling = "shift"
discrete_flow_shift = 2.2
max_train_epochs = 16
save_every_n_epochs = 1
save_every_n_steps = 100
output_dir = "/out"
output_name = "my_lora"
num_timestep_buckets = 10
misspelt_option = 3
"""
DATASET = """
[general]
resolution = 1024
caption_extension = ".txt"
batch_size = 2
enable_bucket = true

[[datasets]]
image_directory = "/data/a"
cache_directory = "/data/a/cache"
num_repeats = 3

[[datasets]]
video_directory = "/data/v"
resolution = [960, 544]
target_frames = [1, 25]
frame_extraction = "slide"
"""


def test_a_users_files() -> None:
    lifted = musubi.lift({"my.toml": TRAIN, "data.toml": DATASET})
    data = lifted.data
    assert data["name"] == "my_lora"
    assert data["model"]["family"] == "qwen-image"
    assert data["model"]["quantize"] == {"transformer": "fp8-scaled"}
    assert data["adapter"]["rank"] == 16
    assert data["adapter"]["alpha"] == 1.0, "the trainer's default, not lorabridge's"
    assert data["train"]["for"] == "16 epochs"
    assert data["optimizer"] == {"type": "adamw8bit", "lr": 5e-5, "weight_decay": 0.1, "betas": [0.9, 0.95], "max_grad_norm": 1.0}
    assert data["save"]["dtype"] == "fp32", "the trainer's default"
    assert data["memory"] == {"attention": "sdpa", "gradient_checkpointing": False}
    assert data["datasets"][0] == {
        "images": "/data/a",
        "resolution": [1024],
        "cache_dir": "/data/a/cache",
        "captions": {"extension": ".txt"},
        "repeats": 3.0,
        "batch_size": 2,
        "bucket": True,
        "upscale": True,
    }
    assert data["datasets"][1]["video"] == {"frames": [1, 25], "extract": "slide"}
    assert data["datasets"][1]["resolution"] == [[960, 544]]
    assert lifted.native == {"num_timestep_buckets": 10, "save_every_n_epochs": 1}
    assert any(item.code == "LB303" and "misspelt_option" in item.message for item in lifted.diagnostics)
    assert lifted.origins["optimizer.lr"] == "train:learning_rate"


def test_what_comes_back_is_a_config() -> None:
    lifted = musubi.lift({"my.toml": TRAIN, "data.toml": DATASET.partition("[[datasets]]\nvideo")[0]})
    again = loaded(yaml.safe_dump(lifted.data))
    assert again.ok, again.diagnostics


def test_command_line_wins_over_the_file() -> None:
    command = "accelerate launch --num_cpu_threads_per_process 1 --mixed_precision bf16 src/musubi_tuner/qwen_image_train_network.py \\\n  --config_file my.toml --learning_rate 2e-4 --network_args conv_dim=4 verbose=True\n"
    cache = "python src/musubi_tuner/qwen_image_cache_latents.py --dataset_config d.toml --vae /v.safetensors --batch_size 4 --num_workers=2 --skip_existing --vae_tiling\n"
    lifted = musubi.lift({"run.sh": "#!/bin/bash\n" + cache + command, "my.toml": TRAIN})
    assert lifted.data["optimizer"]["lr"] == 2e-4
    assert lifted.data["adapter"]["conv_rank"] == 4
    assert lifted.data["cache"] == {"latents": {"batch_size": 4, "workers": 2}, "reuse": True}
    assert lifted.native["network_args"] == ["verbose=True"]
    assert lifted.native["cache_latents"] == {"vae_tiling": True}


def test_options_alone() -> None:
    lifted = musubi.lift(
        {
            "run.sh": "python zimage_train_network.py --dit /d.safetensors --network_module networks.lora_zimage --max_train_steps 10 --optimizer_type AdamW --lr_warmup_steps 10% --lr_scheduler cosine"
        }
    )
    assert lifted.data["model"] == {"family": "z-image", "variant": "base", "paths": {"transformer": "/d.safetensors"}}
    assert lifted.data["scheduler"] == {"type": "cosine", "warmup": "10%"}
    assert lifted.data["noise"]["timestep_sampling"] == "sigma", "the trainer's default"
    assert any("`turbo`" in item.message for item in lifted.diagnostics)


def test_kandinsky_by_its_command() -> None:
    lifted = musubi.lift({"run.sh": "python kandinsky5_train_network.py --task k5-pro-t2v-5s-hd --dit /d --max_train_steps 5"})
    assert lifted.data["model"]["variant"] == "pro-t2v-5s-hd"


def test_prompt_lines() -> None:
    entry = line("a cat --w 512 --h 256 --d 7 --s 20 --g 3.5 --l 4 --n blurry, bad --ci /a.png --ci /b.png")
    assert entry == {
        "prompt": "a cat",
        "width": 512,
        "height": 256,
        "seed": 7,
        "sample_steps": 20,
        "guidance_scale": 3.5,
        "cfg_scale": 4.0,
        "negative_prompt": "blurry, bad",
        "control_image_path": ["/a.png", "/b.png"],
    }


def test_prompts_of_all_three_kinds() -> None:
    train = TRAIN + "sample_every_n_steps = 5\n"
    for name, text in (
        ("p.txt", "# no\n\na cat --l 4\n"),
        ("p.json", '[{"prompt": "a cat", "cfg_scale": 4.0, "enum": 0}]'),
        ("p.toml", '[prompt]\ncfg_scale = 4.0\n[[prompt.subset]]\nprompt = "a cat"\n'),
    ):
        lifted = musubi.lift({"my.toml": train, name: text})
        assert lifted.data["sample"] == {"every": "5 steps", "before": False, "prompts": [{"prompt": "a cat", "guidance": 4.0}]}


def test_seed_zero_stays_zero() -> None:
    lifted = musubi.lift({"my.toml": TRAIN + "seed = 0\n"})
    assert lifted.native["seed"] == 0
    assert "seed" not in lifted.data["train"]


def test_datasets_of_the_same_folder_stay_apart() -> None:
    made = plan("datasets: [{images: /a, resolution: [512, 768]}, {images: /a, resolution: [1024]}]")
    lifted = musubi.lift({file.path: file.text for file in made.files})
    assert [data["resolution"] for data in lifted.data["datasets"]] == [[512, 768], [1024]]
    assert not any("cache_dir" in data for data in lifted.data["datasets"])


def test_nothing_to_read() -> None:
    assert [item.severity for item in musubi.lift({}).diagnostics] == ["error"]
    assert [item.code for item in musubi.lift({"x.toml": "a = ["}).diagnostics] == ["LB100", "LB104"]
    assert "LB306" in [item.code for item in musubi.lift({"x.toml": "network_module = 'networks.lokr'\ndit = '/d'"}).diagnostics]


def test_a_secret_is_not_taken_over() -> None:
    lifted = musubi.lift({"my.toml": TRAIN + "wandb_api_key = 'k'\n"})
    assert "wandb_api_key" not in lifted.native
    assert any(item.code == "LB205" for item in lifted.diagnostics)
