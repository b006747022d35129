"""Files that a person wrote."""

from __future__ import annotations

from typing import Any

from lorabridge.backends.diffusion_pipe import lift

MAIN = """
output_dir = '/runs/hunyuan'
dataset = 'examples/dataset.toml'
epochs = 1000
micro_batch_size_per_gpu = 1
pipeline_stages = 1
gradient_accumulation_steps = 4
gradient_clipping = 0
warmup_steps = 100
eval_every_n_epochs = 1
save_every_n_epochs = 2
checkpoint_every_n_minutes = 120
activation_checkpointing = true
partition_method = 'parameters'
save_dtype = 'bfloat16'
caching_batch_size = 1
steps_per_print = 1
video_clip_mode = 'single_beginning'
pseudo_huber_c = 0.5

[model]
type = 'hunyuan-video'
transformer_path = '/m/t.safetensors'
vae_path = '/m/v.safetensors'
llm_path = '/m/l'
clip_path = '/m/c'
dtype = 'bfloat16'
transformer_dtype = 'float8'
timestep_sample_method = 'logit_normal'

[adapter]
type = 'lora'
rank = 32
dtype = 'bfloat16'

[optimizer]
type = 'adamw_optimi'
lr = 2e-5
betas = [0.9, 0.99]
weight_decay = 0.01
eps = 1e-8

[monitoring]
enable_wandb = false
wandb_api_key = ''
wandb_tracker_name = ''
wandb_run_name = ''
"""

DATASET = """
resolutions = [512]
enable_ar_bucket = true
min_ar = 0.5
max_ar = 2.0
num_ar_buckets = 7
frame_buckets = [1, 33]
cache_shuffle_num = 5

[[directory]]
path = '/data/clips'
num_repeats = 10
"""


def read() -> Any:
    return lift({"main.toml": MAIN, "dataset.toml": DATASET})


def test_intent() -> None:
    data = read().data
    assert data["model"]["family"] == "hunyuan-video"
    assert data["model"]["quantize"] == {"transformer": "fp8"}
    assert data["model"]["paths"] == {
        "transformer": "/m/t.safetensors",
        "vae": "/m/v.safetensors",
        "text_encoder": "/m/l",
        "text_encoder_2": "/m/c",
    }
    assert data["train"] == {"gradient_accumulation": 4, "for": "1000 epochs", "batch_size": 1}
    assert data["optimizer"] == {
        "max_grad_norm": 0,
        "betas": [0.9, 0.99],
        "weight_decay": 0.01,
        "eps": 1e-8,
        "type": "adamw_optimi",
        "lr": 2e-5,
    }
    assert data["scheduler"] == {"type": "constant", "warmup": "100 steps"}
    assert data["save"] == {"dtype": "bf16", "every": "2 epochs", "state": True}
    assert data["noise"] == {"timestep_sampling": "sigmoid"}
    assert data["name"] == "hunyuan"
    assert data["output"] == {"dir": "/runs"}
    assert data["datasets"] == [
        {
            "videos": "/data/clips",
            "repeats": 10.0,
            "resolution": [512],
            "bucket": True,
            "aspect": {"min": 0.5, "max": 2.0, "buckets": 7},
            "video": {"frames": [33], "extract": "head"},
        }
    ]


def test_what_is_left_stays_native() -> None:
    assert read().native == {
        "main:checkpoint_every_n_minutes": 120,
        "main:partition_method": "parameters",
        "main:pseudo_huber_c": 0.5,
        "dataset:cache_shuffle_num": 5,
    }


def test_origins_name_native_keys() -> None:
    origins = read().origins
    assert origins["optimizer.lr"] == "main:optimizer.lr"
    assert origins["train.for"] == "main:epochs"


def test_not_toml_is_a_finding() -> None:
    assert [item.code for item in lift({"main.toml": "a = = 1"}).diagnostics] == ["LB100"]


def test_the_launch_script_tells_the_gpus() -> None:
    script = "deepspeed --include localhost:2,3 train.py --deepspeed --config main.toml --resume_from_checkpoint /runs/x\n"
    data = lift({"main.toml": MAIN, "dataset.toml": DATASET, "launch.sh": script}).data
    assert data["hardware"] == {"gpus": [2, 3]}
    assert data["cache"]["reuse"] is True
    assert data["train"]["resume_from"] == "/runs/x"


def test_a_range_of_timesteps() -> None:
    text = "[model]\ntype = 'wan'\nckpt_path = '/m/Wan2.1'\ndtype = 'bfloat16'\nmin_t = 0.25\nmax_t = 0.9\n"
    noise = lift({"main.toml": text.replace("max_t = 0.9\n", "max_t = 0.8\n")}).data["noise"]
    assert (noise["min_timestep"], noise["max_timestep"]) == (250, 800)


def test_a_pattern_of_ones_own_stays_native() -> None:
    native = lift({"main.toml": MAIN.replace("rank = 32", "rank = 32\nexclude_modules = '.*mod$'")}).native
    assert native["main:adapter.exclude_modules"] == ".*mod$"
