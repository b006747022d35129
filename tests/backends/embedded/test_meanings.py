"""Zero, off, empty, null and absent, with the job's spelling beside the YAML."""

from __future__ import annotations

from typing import Any

import pytest

from lorabridge.backends.base import Site

from .helpers import at, job, plan

ABSENT = object()
SDXL = "model={family: sdxl, paths: {repo: /m/sdxl}}"
DRAWN = "sample={every: 10 steps, prompts: [a cat]}"

SAID: list[tuple[list[str], dict[str, Any]]] = [
    # frame
    ([], {"name": "run", "output": "/project/output", "cache": "/project/output/cache", "resume": ABSENT, "version": 1}),
    (["output=/runs/x"], {"output": "/runs/x", "cache": "/runs/x/cache"}),
    (["train.resume_from=states/step-00000010"], {"resume": "/project/states/step-00000010"}),
    (["train.resume_from="], {"resume": ABSENT}),
    # model
    ([], {"model": {"family": "qwen-image", "path": "/m/qwen", "dtype": "bfloat16"}}),
    (["model.paths.repo=Qwen/Qwen-Image"], {"model.path": "Qwen/Qwen-Image"}),
    (["model.paths.repo=./Qwen/Qwen-Image"], {"model.path": "/project/Qwen/Qwen-Image"}),
    (["model.dtype=fp32"], {"model.dtype": "float32", "save.dtype": "float32"}),
    (["model.dtype=fp16"], {"model.dtype": "float16", "save.dtype": "float16"}),
    (["save.dtype=fp32"], {"model.dtype": "bfloat16", "save.dtype": "float32"}),
    (["model.vae_dtype=bf16"], {"model.dtype": "bfloat16"}),
    (["model={family: flux2, paths: {repo: /m}}"], {"model.family": "flux2-klein"}),
    (
        ["model={family: z-image, variant: turbo, paths: {repo: /m}, training_adapter: de.safetensors}"],
        {"adapter.training_adapter": "/project/de.safetensors"},
    ),
    # length
    (["train.for=100 steps"], {"train.length": {"steps": 100}}),
    (["train.for=16 epochs"], {"train.length": {"epochs": 16}}),
    (["train.for=64 samples", "train.batch_size=4"], {"train.length": {"samples": 64}, "train.batch_size": 4}),
    (["train.seed=7"], {"train.seed": 7}),
    (["datasets[0].batch_size=3"], {"train.batch_size": 3}),
    (["train.ema=0.9"], {"ema_decay": 0.9}),
    (["train.ema=0"], {"ema_decay": ABSENT}),
    (["train.ema=null"], {"ema_decay": ABSENT}),
    # adapter
    ([], {"adapter.rank": 16, "adapter.alpha": 16.0, "adapter.conv_rank": ABSENT, "adapter.dropout": 0.0, "adapter.targets": "attention"}),
    (["adapter={rank: 8, alpha: 4}"], {"adapter.rank": 8, "adapter.alpha": 4.0}),
    (["adapter={rank: 8, alpha: null}"], {"adapter.alpha": 8.0}),
    (["adapter.conv_rank=0"], {"adapter.conv_rank": ABSENT, "adapter.conv_alpha": ABSENT}),
    (["adapter.conv_rank=4"], {"adapter.conv_rank": 4, "adapter.conv_alpha": 4.0}),
    (["adapter.dropout=0"], {"adapter.dropout": 0.0}),
    (["adapter.targets=all"], {"adapter.targets": "all"}),
    (["adapter.targets={include: [to_q]}"], {"adapter.targets": {"include": ["*to_q*"], "exclude": []}}),
    (["adapter.targets={exclude: [to_v]}"], {"adapter.targets": {"include": ["*attn.*"], "exclude": ["*to_v*"]}}),
    (["adapter.targets={layers: attention, include: [attn.to_q]}"], {"adapter.targets.include": ["*attn.to_q*"]}),
    (["adapter.targets={include: ['a*b']}"], {"adapter.targets.include": ["*a[*]b*"]}),
    (["adapter.targets={include: []}"], {"adapter.targets": "attention"}),
    (["adapter.init_from=/l/a.safetensors"], {"adapter.init_from": "/l/a.safetensors"}),
    (["adapter.init_from="], {"adapter.init_from": ABSENT}),
    # optimizer
    ([], {"optimizer": {"type": "adamw", "lr": 5e-5, "weight_decay": 0.01}, "train.max_grad_norm": 1.0}),
    (["optimizer.type=adamw8bit"], {"optimizer.type": "adamw8bit"}),
    (["optimizer.type=torch.optim.AdamW"], {"optimizer.type": "adamw"}),
    (["optimizer.type=prodigy"], {"optimizer": {"type": "prodigy", "lr": 1.0, "weight_decay": 0.0}}),
    (["optimizer={type: prodigy, lr: 0.5}"], {"optimizer.lr": 0.5}),
    (["optimizer.weight_decay=0"], {"optimizer.weight_decay": 0.0}),
    (["optimizer.max_grad_norm=0"], {"train.max_grad_norm": None}),
    (["optimizer.max_grad_norm=off"], {"train.max_grad_norm": None}),
    (["optimizer.betas=[0.9, 0.99]"], {"optimizer.betas": [0.9, 0.99]}),
    (["optimizer.betas=[]"], {"optimizer.betas": ABSENT}),
    (["optimizer.eps=1e-6"], {"optimizer.eps": 1e-6}),
    (["optimizer.args={amsgrad: true}"], {"optimizer.args": {"amsgrad": True}}),
    (["optimizer.args={}"], {"optimizer.args": ABSENT}),
    # schedule
    ([], {"scheduler.type": "constant", "scheduler.warmup_steps": 0, "scheduler.power": 1.0, "scheduler.min_lr_ratio": 0.0}),
    (["scheduler.warmup=0"], {"scheduler.warmup_steps": 0}),
    (["scheduler.warmup=10%"], {"scheduler.warmup_steps": 10}),
    (["scheduler.warmup=10%", "train.for=200 samples", "train.gradient_accumulation=4"], {"scheduler.warmup_steps": 5}),
    (["scheduler={type: cosine-with-restarts, cycles: 3}"], {"scheduler.type": "cosine_with_restarts", "scheduler.cycles": 3}),
    (["scheduler={type: cosine-with-min-lr, min_lr_ratio: 0.1}"], {"scheduler.type": "cosine", "scheduler.min_lr_ratio": 0.1}),
    # noise
    ([], {"noise.timestep_sampling": "shift", "noise.shift": 2.2, "noise.weighting": "none", "noise.bias": "none", "noise.loss": "mse"}),
    (["noise.timestep_sampling=uniform"], {"noise.timestep_sampling": "uniform", "noise.shift": ABSENT}),
    (["noise.timestep_sampling=resolution-shift"], {"noise.timestep_sampling": "auto_shift", "noise.shift": ABSENT}),
    (["noise={timestep_sampling: logit-normal, logit_mean: 0, logit_std: 0.5}"], {"noise.mean": 0.0, "noise.std": 0.5}),
    (["noise={min_timestep: 0, max_timestep: 800}"], {"noise.min_timestep": 0.0, "noise.max_timestep": 0.8}),
    (["noise.weighting=bell-shaped"], {"noise.weighting": "bell_shaped"}),
    (["noise.weighting="], {"noise.weighting": "none"}),
    (["noise.bias=balanced"], {"noise.bias": "balanced"}),
    (["noise.offset=0"], {"noise.noise_offset": ABSENT}),
    ([SDXL, "noise.offset=0.1"], {"noise.noise_offset": 0.1}),
    ([SDXL, "loss.min_snr_gamma=5"], {"noise.weighting": "min_snr", "noise.min_snr_gamma": 5.0}),
    ([SDXL, "loss.min_snr_gamma=0"], {"noise.weighting": "none", "noise.min_snr_gamma": ABSENT}),
    (["loss={type: smooth-l1, delta: 0.5}"], {"noise.loss": "smooth_l1", "noise.delta": 0.5}),
    (["loss="], {"noise.loss": "mse"}),
    # data
    (["datasets[0].captions={prefix: '', suffix: ', x'}"], {"datasets.0.caption_prefix": "", "datasets.0.caption_suffix": ", x"}),
    (["datasets[0].captions.dropout=0"], {"datasets.0.caption_dropout": 0.0}),
    (["datasets[0].captions.shuffle=true"], {"datasets.0.caption_shuffle": True}),
    (["datasets[0].repeats=10"], {"datasets.0.repeats": 10}),
    (["datasets[0].resolution=[512, [640, 384]]"], {"datasets.0.resolutions": [512, [640, 384]]}),
    (["datasets[0].resolution=[]"], {"datasets.0.resolutions": [1328]}),
    (["datasets[0].masks=/masks", "datasets[0].mask_floor=0"], {"datasets.0.masks": "/masks", "datasets.0.mask_background": 0.0}),
    (["datasets[0].masks="], {"datasets.0.masks": ABSENT}),
    (["datasets[0].flip="], {"datasets.0.flip": False}),
    (["datasets[0].flip=horizontal"], {"datasets.0.flip": True}),
    (["trigger=sks"], {"datasets.0.trigger": "sks"}),
    (["trigger=sks", "datasets[0].trigger=dog"], {"datasets.0.trigger": "dog"}),
    (["datasets[0].cache_dir=c"], {"cache": "/project/c"}),
    (["datasets[0].cache_dir="], {"cache": "/project/output/cache"}),
    # preservation
    (["trigger=sks", "preservation={class: cat}"], {"preservation": {"class_word": "cat", "multiplier": 1.0, "every": 1}}),
    (
        ["trigger=sks", "preservation={class: cat, every: 4 steps, multiplier: 0.5}"],
        {"preservation.every": 4, "preservation.multiplier": 0.5},
    ),
    (["preservation=null"], {"preservation": ABSENT}),
    # checkpoints
    ([], {"save": {"dtype": "bfloat16", "state": False}}),
    (["save.every=0"], {"save.every": ABSENT}),
    (["save.every=2 epochs"], {"save.every": {"epochs": 2}}),
    (["save={every: 5 steps, keep_last: 0}"], {"save.every": {"steps": 5}, "save.keep_last": ABSENT}),
    (["save={every: 5 steps, keep_last: 2, state: true}"], {"save.keep_last": 2, "save.state": True}),
    # samples
    ([], {"sample": ABSENT}),
    (["sample.prompts=[a cat]"], {"sample": ABSENT}),
    (["sample={every: never, prompts: [a cat]}"], {"sample": ABSENT}),
    (
        [DRAWN],
        {
            "sample.every": {"steps": 10},
            "sample.at_start": True,
            "sample.at_end": True,
            "sample.width": 1328,
            "sample.steps": 25,
            "sample.seed": 42,
        },
    ),
    ([DRAWN, "sample.before=false", "sample.seed=0"], {"sample.at_start": False, "sample.seed": 0}),
    ([DRAWN, "sample.prompts=[{prompt: a, seed: 3}, {prompt: b, seed: 3}]"], {"sample.seed": 3, "sample.prompts": ["a", "b"]}),
    (
        ["trigger=sks", DRAWN, "sample.prompts=['[trigger] x', 'sks y']"],
        {"sample.prompts": ["[trigger] x", "sks y"], "sample.without_trigger": ABSENT},
    ),
    (
        ["trigger=sks", DRAWN, "sample.without_trigger=true", "sample.prompts=['[trigger] x', 'sks y', z]"],
        {"sample.prompts": ["[trigger] x", "[trigger] y", "z"], "sample.without_trigger": True},
    ),
    (
        [
            "trigger=sks",
            "datasets[0].trigger=dog",
            "preservation={class: cat}",
            DRAWN,
            "sample={without_trigger: true, every: 1 step, prompts: ['a [trigger] x']}",
        ],
        {"sample.prompts": ["a sks x", "a cat x"], "sample.without_trigger": ABSENT},
    ),
    # machine
    ([], {"train.device": "auto", "train.threads": 1, "train.gradient_checkpointing": True}),
    (["hardware={device: cpu, threads: 4}"], {"train.device": "cpu", "train.threads": 4}),
    (["hardware.device=cuda"], {"train.device": "cuda", "train.threads": ABSENT}),
    (["memory.gradient_checkpointing=false"], {"train.gradient_checkpointing": False}),
]


@pytest.mark.parametrize(("yaml", "native"), SAID, ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_said(yaml: list[str], native: dict[str, Any]) -> None:
    tree = job(*yaml)
    for key, value in native.items():
        found = at(tree, key, ABSENT)
        assert found is ABSENT if value is ABSENT else found == value and type(found) is type(value), (key, found)


STAGES: list[tuple[list[str], dict[str, str | None]]] = [
    ([], {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": None, "PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"}),
    (["hardware={device: cpu, threads: 3}"], {"OMP_NUM_THREADS": "3"}),
    (["hardware.threads=0"], {"OMP_NUM_THREADS": "1"}),
    (["hardware={device: cuda}"], {"OMP_NUM_THREADS": None}),
    (["hardware={device: cuda, threads: 8}"], {"OMP_NUM_THREADS": "8"}),
    (["hardware.gpus=[0]"], {"CUDA_VISIBLE_DEVICES": "0"}),
    (["hardware.gpus=[2]"], {"CUDA_VISIBLE_DEVICES": "2"}),
    (["hardware.gpus=[]"], {"CUDA_VISIBLE_DEVICES": None}),
]


@pytest.mark.parametrize(("yaml", "env"), STAGES)
def test_stage(yaml: list[str], env: dict[str, str | None]) -> None:
    (stage,) = plan(*yaml).stages
    assert {key: stage.env.get(key) for key in env} == env
    assert stage.argv == ("{python}", "-m", "lorabridge.backends.embedded.trainer", "{files}/job.json")
    assert (stage.cwd, stage.makes) == ("{files}", ("/project/output/run.safetensors",))


def test_total_steps_are_known_where_no_data_is_needed() -> None:
    assert plan("train.for=100 steps").total_steps == 100
    assert plan("train.for=64 samples", "train.batch_size=4", "train.gradient_accumulation=2").total_steps == 8
    assert plan("train.for=3 epochs").total_steps is None


def test_a_random_seed_is_fixed_by_the_config_or_by_the_site() -> None:
    first, again, other = (job("train.seed=random", f"optimizer.lr={lr}")["train"]["seed"] for lr in (1e-4, 1e-4, 2e-4))
    assert first == again != other
    assert job("train.seed=0", site=Site(root="/project", seed=99))["train"]["seed"] == 99
    assert job("train.seed=5", site=Site(root="/project", seed=99))["train"]["seed"] == 5


def test_rewrites_are_told() -> None:
    def kinds(path: str, *yaml: str) -> list[str]:
        return [note.kind for note in plan(*yaml).notes if note.path == path]

    assert kinds("optimizer.type") == ["rewritten"]
    assert kinds("optimizer.type", "optimizer.type=adamw8bit") == ["exact"]
    assert kinds("train.seed", "train.seed=random") == ["rewritten"]
    assert kinds("scheduler.warmup", "scheduler.warmup=10%") == ["rewritten"]
    assert kinds("noise.timestep_sampling", "noise.timestep_sampling=resolution-shift") == ["rewritten"]
    assert kinds("train.ema.decay", "train.ema=0.9") == ["rewritten"]
    assert kinds("datasets[0].captions.shuffle", "datasets[0].captions.shuffle=true") == ["rewritten"]


def test_lines_of_the_job_know_their_intent() -> None:
    (file,) = plan("trigger=sks", "optimizer.lr=3e-4").files
    lines = file.text.splitlines()
    told = {path: lines[number - 1].strip().rstrip(",") for number, path in file.sources.items()}
    assert told["optimizer.lr"] == '"lr": 0.0003'
    assert told["trigger"] == '"trigger": "sks"'
    assert told["train.for"] == '"steps": 100'
    assert told["model.paths.repo"] == '"path": "/m/qwen"'
