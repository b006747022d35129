"""What zero, off, empty, null and absence become: the YAML beside the trainer's own words."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from lorabridge.backends.base import Site

from .helpers import SITE, argv, codes, plan, tables, train

ABSENT = object()

SPELLED: list[tuple[str, dict[str, Any]]] = [
    ("save: {every: never}", {"save_every_n_steps": ABSENT, "save_every_n_epochs": ABSENT}),
    ("save: {every: 0}", {"save_every_n_steps": ABSENT, "save_every_n_epochs": ABSENT}),
    ("save: {every: 250 steps}", {"save_every_n_steps": 250, "save_every_n_epochs": ABSENT, "save_last_n_steps": ABSENT}),
    ("save: {every: 2 epochs}", {"save_every_n_epochs": 2, "save_every_n_steps": ABSENT}),
    ("save: {every: 2 epochs, keep_last: 0}", {"save_last_n_epochs": ABSENT}),
    ("save: {every: 2 epochs, keep_last: unlimited}", {"save_last_n_epochs": ABSENT}),
    ("save: {every: 2 epochs, keep_last: 3}", {"save_last_n_epochs": 3}),
    ("save: {every: 250 steps, keep_last: 0}", {"save_last_n_steps": ABSENT}),
    ("save: {every: 250 steps, keep_last: 1}", {"save_last_n_steps": 0}),
    ("save: {every: 250 steps, keep_last: 4}", {"save_last_n_steps": 750}),
    ("save: {state: true}", {"save_state": True}),
    ("save: {state: false}", {"save_state": ABSENT}),
    ("save: {metadata: true}", {"no_metadata": ABSENT}),
    ("save: {metadata: false}", {"no_metadata": True}),
    ("save: {dtype: null}", {"save_precision": "bf16"}),
    ("save: {dtype: fp32}", {"save_precision": "fp32"}),
    ("optimizer: {max_grad_norm: 0}", {"max_grad_norm": 0.0}),
    ("optimizer: {max_grad_norm: off}", {"max_grad_norm": 0.0}),
    ("optimizer: {max_grad_norm: 2}", {"max_grad_norm": 2.0}),
    ("", {"max_grad_norm": 1.0}),
    ("optimizer: {type: AdamW8bit}", {"optimizer_type": "adamw8bit"}),
    ("optimizer: {type: adamw}", {"optimizer_type": "AdamW"}),
    ("optimizer: {type: bitsandbytes.optim.AdEMAMix8bit}", {"optimizer_type": "bitsandbytes.optim.AdEMAMix8bit"}),
    ("optimizer: {type: torch.optim.SGD}", {"optimizer_type": "torch.optim.SGD"}),
    ("optimizer: {type: sgd}", {"optimizer_type": "torch.optim.SGD"}),
    ("optimizer: {type: adafactor}", {"optimizer_type": "AdaFactor", "optimizer_args": ["relative_step=False", "scale_parameter=False"]}),
    ("optimizer: {weight_decay: 0}", {"optimizer_args": ["weight_decay=0.0"]}),
    ("optimizer: {weight_decay: auto}", {"optimizer_args": ABSENT}),
    ("optimizer: {args: null}", {"optimizer_args": ABSENT}),
    ("optimizer: {args: {decouple: true, d_coef: 2, mode: x}}", {"optimizer_args": ["decouple=True", "d_coef=2", "mode='x'"]}),
    ("optimizer: {lr: auto}", {"learning_rate": 1e-4}),
    ("optimizer: {lr: 3e-5}", {"learning_rate": 3e-5}),
    ("optimizer: {lora_plus_ratio: 0}", {"network_args": ABSENT}),
    ("optimizer: {lora_plus_ratio: 16}", {"network_args": ["loraplus_lr_ratio=16"]}),
    ("scheduler: {warmup: 0}", {"lr_scheduler": "constant", "lr_warmup_steps": ABSENT}),
    ("scheduler: {warmup: 50 steps}", {"lr_scheduler": "constant_with_warmup", "lr_warmup_steps": 50}),
    ("scheduler: {type: cosine, warmup: 10%}", {"lr_scheduler": "cosine", "lr_warmup_steps": 0.1}),
    ("scheduler: {type: cosine, warmup: 100%}", {"lr_warmup_steps": 1.0}),
    ("scheduler: {type: cosine, min_lr_ratio: 0}", {"lr_scheduler": "cosine", "lr_scheduler_min_lr_ratio": ABSENT}),
    ("scheduler: {type: cosine, min_lr_ratio: 0.1}", {"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_min_lr_ratio": 0.1}),
    ("scheduler: {type: cosine-with-min-lr}", {"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_min_lr_ratio": 0.0}),
    ("scheduler: {type: rex}", {"lr_scheduler": "rex", "lr_scheduler_min_lr_ratio": 0.0}),
    ("scheduler: {type: warmup-stable-decay, decay: 20%}", {"lr_scheduler": "warmup_stable_decay", "lr_decay_steps": 0.2}),
    ("scheduler: {type: cosine-with-restarts, cycles: 3}", {"lr_scheduler": "cosine_with_restarts", "lr_scheduler_num_cycles": 3}),
    ("scheduler: {type: polynomial, power: 2}", {"lr_scheduler": "polynomial", "lr_scheduler_power": 2.0}),
    ("scheduler: {args: {last_epoch: -1}}", {"lr_scheduler_args": ["last_epoch=-1"]}),
    ("adapter: {rank: null}", {"network_dim": 32}),
    ("adapter: {rank: 8}", {"network_dim": 8, "network_alpha": 8.0}),
    ("adapter: {rank: 8, alpha: 1}", {"network_dim": 8, "network_alpha": 1.0}),
    ("adapter: {dropout: 0}", {"network_dropout": ABSENT}),
    ("adapter: {dropout: 0.1}", {"network_dropout": 0.1}),
    ("adapter: {max_norm: 0}", {"scale_weight_norms": ABSENT}),
    ("adapter: {max_norm: 1}", {"scale_weight_norms": 1.0}),
    ("adapter: {conv_rank: 0}", {"network_args": ABSENT}),
    ("adapter: {conv_rank: 4}", {"network_args": ["conv_dim=4", "conv_alpha=4"]}),
    ("adapter: {init_from: ''}", {"network_weights": ABSENT}),
    ("adapter: {init_from: /a/b.safetensors}", {"network_weights": "/a/b.safetensors"}),
    ("adapter: {type: loha}", {"network_module": "networks.loha"}),
    ("adapter: {type: lokr, factor: 8}", {"network_module": "networks.lokr", "network_args": ["factor=8"]}),
    ("model: {merge: []}", {"base_weights": ABSENT, "base_weights_multiplier": ABSENT}),
    (
        "model: {merge: [/a.safetensors, {path: /b.safetensors, weight: 0.5}]}",
        {"base_weights": ["/a.safetensors", "/b.safetensors"], "base_weights_multiplier": [1.0, 0.5]},
    ),
    ("model: {quantize: {transformer: off}}", {"fp8_base": ABSENT, "fp8_scaled": ABSENT}),
    ("model: {quantize: {transformer: fp8}}", {"fp8_base": True, "fp8_scaled": ABSENT}),
    ("model: {quantize: {transformer: fp8-scaled}}", {"fp8_base": True, "fp8_scaled": True}),
    ("train: {resume_from: ''}", {"resume": ABSENT}),
    ("train: {resume_from: /out/x-state}", {"resume": "/out/x-state"}),
    ("train: {workers: 0}", {"max_data_loader_n_workers": 0, "persistent_data_loader_workers": ABSENT}),
    ("train: {workers: 2}", {"max_data_loader_n_workers": 2, "persistent_data_loader_workers": True}),
    ("train: {workers: null}", {"max_data_loader_n_workers": ABSENT}),
    ("train: {gradient_accumulation: 4}", {"gradient_accumulation_steps": 4}),
    ("train: {mixed_precision: fp16}\nmodel: {dtype: fp16}", {"mixed_precision": "fp16"}),
    ("train: {mixed_precision: null}", {"mixed_precision": "bf16"}),
    ("train: {mixed_precision: off}", {"mixed_precision": "no"}),
    ("train: {for: 16 epochs}", {"max_train_epochs": 16, "max_train_steps": ABSENT}),
    ("train: {for: 1600 steps}", {"max_train_steps": 1600, "max_train_epochs": ABSENT}),
    ("train: {for: 1600 samples, batch_size: 2, gradient_accumulation: 4}", {"max_train_steps": 200}),
    ("train: {seed: 42}", {"seed": 42}),
    ("memory: {blocks_to_swap: 0}", {"blocks_to_swap": ABSENT}),
    ("memory: {blocks_to_swap: 28}", {"blocks_to_swap": 28}),
    ("memory: {gradient_checkpointing: false}", {"gradient_checkpointing": ABSENT}),
    (
        "memory: {gradient_checkpointing: true, checkpoint_offload: true}",
        {"gradient_checkpointing": True, "gradient_checkpointing_cpu_offload": True},
    ),
    ("memory: {attention: null}", {"sdpa": True}),
    ("memory: {attention: ''}", {"sdpa": True}),
    ("memory: {attention: flash}", {"flash_attn": True, "sdpa": ABSENT}),
    ("memory: {attention: xformers, split_attention: true}", {"xformers": True, "split_attn": True}),
    ("memory: {compile: true}", {"compile": True}),
    ("noise: {timestep_sampling: shift, shift: 3}", {"timestep_sampling": "shift", "discrete_flow_shift": 3.0}),
    ("noise: {timestep_sampling: null}", {"timestep_sampling": "shift", "discrete_flow_shift": 2.0}),
    ("noise: {timestep_sampling: uniform}", {"timestep_sampling": "uniform", "discrete_flow_shift": ABSENT, "sigmoid_scale": ABSENT}),
    ("noise: {timestep_sampling: logit-normal}", {"timestep_sampling": "shift", "discrete_flow_shift": 1.0, "sigmoid_scale": 1.0}),
    (
        "noise: {timestep_sampling: sigma, weighting: logit-normal, logit_mean: 1}",
        {"weighting_scheme": "logit_normal", "logit_mean": -1.0, "logit_std": 1.0},
    ),
    (
        "noise: {timestep_sampling: logsnr, logit_mean: -6, logit_std: 2}",
        {"timestep_sampling": "logsnr", "logit_mean": -6.0, "logit_std": 2.0},
    ),
    ("noise: {weighting: ''}", {"weighting_scheme": "none"}),
    ("noise: {weighting: cosmap}", {"weighting_scheme": "cosmap"}),
    (
        "noise: {min_timestep: 0, max_timestep: 1000}",
        {"min_timestep": ABSENT, "max_timestep": ABSENT, "preserve_distribution_shape": ABSENT},
    ),
    ("noise: {min_timestep: 100}", {"min_timestep": 100, "max_timestep": ABSENT, "preserve_distribution_shape": True}),
    ("sample: {every: 0}", {"sample_every_n_steps": ABSENT, "sample_every_n_epochs": ABSENT, "sample_at_first": ABSENT}),
    ("sample: {every: 5 steps, prompts: [a]}", {"sample_every_n_steps": 5, "sample_at_first": True}),
    ("sample: {every: 1 epoch, prompts: [a], before: false}", {"sample_every_n_epochs": 1, "sample_at_first": ABSENT}),
    ("logging: {to: '', dir: ''}", {"log_with": ABSENT, "logging_dir": ABSENT}),
    ("logging: {dir: logs}", {"log_with": "tensorboard", "logging_dir": "/project/logs", "log_prefix": ABSENT}),
    ("logging: {dir: logs, prefix: p_}", {"log_prefix": "p_"}),
    ("logging: {to: off, dir: logs}", {"log_with": ABSENT, "logging_dir": ABSENT}),
    (
        "logging: {to: wandb, wandb: {project: p}}",
        {
            "log_with": "wandb",
            "logging_dir": "/project/output/logs",
            "log_tracker_name": "p",
            "wandb_run_name": "run",
            "wandb_api_key": ABSENT,
        },
    ),
    ("hardware: {timeout: 0}", {"ddp_timeout": ABSENT}),
    ("hardware: {timeout: 30 minutes}", {"ddp_timeout": 30}),
    ("output: results", {"output_dir": "/project/results", "output_name": "run"}),
    ("output: /abs/out", {"output_dir": "/abs/out"}),
]


@pytest.mark.parametrize(("text", "expected"), SPELLED, ids=[text or "(minimal)" for text, _ in SPELLED])
def test_training_options(text: str, expected: dict[str, Any]) -> None:
    found = train(text)
    assert {key: found.get(key, ABSENT) for key in expected} == expected


DATASETS: list[tuple[str, dict[str, Any]]] = [
    (
        "{images: /a}",
        {
            "image_directory": "/a",
            "resolution": [1024, 1024],
            "num_repeats": 1,
            "batch_size": 1,
            "enable_bucket": True,
            "bucket_no_upscale": False,
            "caption_extension": ".txt",
        },
    ),
    ("{images: a/b}", {"image_directory": "/project/a/b"}),
    ("{images: /a, repeats: 10}", {"num_repeats": 10}),
    ("{images: /a, resolution: null}", {"resolution": [1024, 1024]}),
    ("{images: /a, resolution: [512]}", {"resolution": [512, 512]}),
    ("{images: /a, resolution: [[960, 544]]}", {"resolution": [960, 544]}),
    ("{images: /a, bucket: false, resolution: [512]}", {"enable_bucket": False}),
    ("{images: /a, upscale: false}", {"bucket_no_upscale": True}),
    ("{images: /a, batch_size: 4}", {"batch_size": 4}),
    ("{images: /a, captions: .caption}", {"caption_extension": ".caption"}),
    ("{jsonl: /a.jsonl}", {"image_jsonl_file": "/a.jsonl", "caption_extension": ABSENT, "image_directory": ABSENT}),
    ("{images: /a, cache_dir: /c}", {"cache_directory": "/c"}),
]


@pytest.mark.parametrize(("text", "expected"), DATASETS, ids=[text for text, _ in DATASETS])
def test_dataset_parameters(text: str, expected: dict[str, Any]) -> None:
    found = tables(f"datasets: [{text}]")[0]
    assert {key: found.get(key, ABSENT) for key in expected} == expected


def test_every_dataset_names_everything_that_could_leak_in() -> None:
    for table in tables("datasets: [{images: /a}, {images: /b, resolution: [512]}]"):
        assert {
            "resolution",
            "enable_bucket",
            "bucket_no_upscale",
            "caption_extension",
            "batch_size",
            "num_repeats",
            "cache_directory",
        } <= table.keys()


def test_several_sizes_are_several_datasets_with_a_cache_each() -> None:
    found = tables("datasets: [{images: /a, resolution: [512, [768, 512]]}, {images: /b}]")
    assert [table["resolution"] for table in found] == [[512, 512], [768, 512], [1024, 1024]]
    assert len({table["cache_directory"] for table in found}) == 3


def test_a_folder_of_the_users_own_is_split_by_size() -> None:
    found = tables("datasets: [{images: /a, cache_dir: /c, resolution: [512, 768]}]")
    assert [table["cache_directory"] for table in found] == ["/c/512x512", "/c/768x768"]


def prompts(text: str) -> list[dict[str, Any]]:
    made = plan(f"trigger: sks\nsample: {{every: 5 steps, {text}}}")
    assert made.ok, made.diagnostics
    found: list[dict[str, Any]] = json.loads(next(file.text for file in made.files if file.path == "samples.json"))
    return found


class TestPrompts:
    def test_all_settings(self) -> None:
        assert prompts("width: 100, height: 512, seed: 0, steps: 9, guidance: 2, negative: bad, prompts: ['a [trigger] cat']") == [
            {"prompt": "a sks cat", "width": 96, "height": 512, "seed": 0, "sample_steps": 9, "cfg_scale": 2.0, "negative_prompt": "bad"}
        ]

    def test_a_prompt_has_its_own(self) -> None:
        first, second = prompts("seed: 1, prompts: [{prompt: a, seed: 2, width: 64, steps: 3, guidance: 7, negative: x}, b]")
        assert (first["seed"], first["width"], first["sample_steps"], first["cfg_scale"], first["negative_prompt"]) == (2, 64, 3, 7.0, "x")
        assert (second["seed"], second["width"], "negative_prompt" in second) == (1, 1024, False)

    @pytest.mark.parametrize(
        ("written", "left"),
        [
            ("[trigger] on a beach", "on a beach"),
            ("a photo of [trigger], smiling", "a photo of, smiling"),
            ("sks", ""),
            ("asks sks why", "asks why"),
        ],
    )
    def test_without_the_trigger(self, written: str, left: str) -> None:
        found = prompts(f"without_trigger: true, prompts: ['{written}']")
        assert [entry["prompt"] for entry in found] == [written.replace("[trigger]", "sks"), left]


@pytest.mark.parametrize(
    "change",
    ["resolution: [512]", "bucket: false", "upscale: false", "captions: .cap", "images: /other", "control_resolution: 512"],
)
def test_the_cache_folder_changes_with_what_is_in_it(change: str) -> None:
    key, _, value = change.partition(": ")
    plain, other = tables("datasets: [{images: /a}]")[0], tables(f"datasets: [{{{'images: /a, ' if key != 'images' else ''}{change}}}]")[0]
    assert plain["cache_directory"] != other["cache_directory"], value


@pytest.mark.parametrize("change", ["repeats: 3", "batch_size: 4"])
def test_the_cache_folder_stays_where_its_contents_do(change: str) -> None:
    assert tables("datasets: [{images: /a}]")[0]["cache_directory"] == tables(f"datasets: [{{images: /a, {change}}}]")[0]["cache_directory"]


@pytest.mark.parametrize(
    ("text", "stage", "expected"),
    [
        ("cache: {latents: {workers: 0}}", "cache-latents", ["--num_workers", "1"]),
        ("cache: {latents: {workers: 8, batch_size: 4}}", "cache-latents", ["--batch_size", "4", "--num_workers", "8"]),
        ("cache: {text: {workers: 0, batch_size: 16}}", "cache-text", ["--batch_size", "16", "--num_workers", "1"]),
        ("cache: {reuse: true}", "cache-text", ["--skip_existing"]),
        ("hardware: {device: cpu}", "cache-latents", ["--device", "cpu"]),
        ("model: {quantize: {text_encoder: fp8}}", "cache-text", ["--fp8_llm"]),
    ],
)
def test_caching_arguments(text: str, stage: str, expected: list[str]) -> None:
    words = argv(plan(text), stage)
    assert " ".join(expected) in " ".join(words)


def test_nothing_is_added_to_the_caching_scripts_when_nothing_is_said() -> None:
    assert argv(plan(), "cache-latents")[2:] == ["--dataset_config", "{files}/dataset.toml", "--vae", "/m/vae.safetensors"]
    assert argv(plan(), "cache-text")[2:] == ["--dataset_config", "{files}/dataset.toml", "--text_encoder", "/m/te.safetensors"]


def test_logit_normal_is_the_same_distribution() -> None:
    found = train("noise: {timestep_sampling: logit-normal, logit_mean: 0.5, logit_std: 1.5}")
    shift, scale = found["discrete_flow_shift"], found["sigmoid_scale"]
    for x in (-2.0, -0.3, 0.0, 1.7):
        drawn = 1 / (1 + math.exp(-scale * x))
        shifted = drawn * shift / (1 + (shift - 1) * drawn)  # training/trainer_base.py:604
        assert shifted == pytest.approx(1 / (1 + math.exp(-(0.5 + 1.5 * x))))


def kept(every: int, distance: int, steps: int) -> list[int]:
    """The step files that are left, by the trainer's rule (utils/train_utils.py:105)."""
    files: list[int] = []
    for step in range(every, steps + 1, every):
        files.append(step)
        gone = step - distance - 1
        gone -= gone % every
        if gone >= 0 and gone in files:
            files.remove(gone)
    return files


@pytest.mark.parametrize("every", [1, 2, 5, 250])
@pytest.mark.parametrize("keep", [1, 2, 3, 7])
def test_keep_last_keeps_that_many(every: int, keep: int) -> None:
    distance = train(f"save: {{every: {every} steps, keep_last: {keep}}}\ntrain: {{for: 5000 steps}}")["save_last_n_steps"]
    assert kept(every, distance, every * 20) == [every * number for number in range(21 - keep, 21)]


class TestSeed:
    def test_random_is_drawn_from_the_config_and_always_the_same(self) -> None:
        first, second = train("train: {seed: random}"), train("train: {seed: random}")
        assert first["seed"] == second["seed"]
        assert 1 <= first["seed"] < 2**32

    def test_another_config_draws_another(self) -> None:
        assert train("train: {seed: random}")["seed"] != train("train: {seed: random}\nname: other")["seed"]

    def test_zero_is_random(self) -> None:
        assert train("train: {seed: 0}")["seed"] != 0

    def test_the_site_may_give_it(self) -> None:
        assert train("train: {seed: random}", site=Site(root="/project", seed=77))["seed"] == 77
        assert train("train: {seed: 5}", site=Site(root="/project", seed=77))["seed"] == 5

    def test_it_is_told(self) -> None:
        note = next(item for item in plan("train: {seed: random}").notes if item.path == "train.seed")
        assert note.kind == "rewritten"


class TestGpus:
    def test_one_process_where_nothing_is_said(self) -> None:
        made = plan()
        assert "num_processes: 1\n" in made.files[2].text
        assert "CUDA_VISIBLE_DEVICES" not in made.stages[2].env

    def test_one_gpu(self) -> None:
        made = plan("hardware: {gpus: [3]}")
        assert [stage.env["CUDA_VISIBLE_DEVICES"] for stage in made.stages] == ["3", "3", "3"]
        assert "distributed_type: 'NO'\n" in made.files[2].text

    def test_two_gpus(self) -> None:
        made = plan("hardware: {gpus: [1, 3]}\nscheduler: {type: cosine, warmup: 10 steps}")
        assert [stage.env["CUDA_VISIBLE_DEVICES"] for stage in made.stages] == ["1", "1", "1,3"]
        assert "distributed_type: MULTI_GPU\n" in made.files[2].text
        assert "num_processes: 2\n" in made.files[2].text
        assert "lr_warmup_steps = 20 " in made.files[0].text

    def test_a_part_of_the_run_needs_no_factor(self) -> None:
        assert train("hardware: {gpus: [1, 3]}\nscheduler: {type: cosine, warmup: 10%}")["lr_warmup_steps"] == 0.1


class TestPaths:
    def test_home_and_relative_paths(self) -> None:
        found = train("model: {paths: {transformer: models/dit.safetensors}}")
        assert found["dit"] == "/project/models/dit.safetensors"

    def test_windows(self) -> None:
        made = plan("model: {paths: {transformer: 'C:\\models\\dit.safetensors'}}", site=Site(root="D:\\project"))
        assert made.ok
        assert "dit = 'C:/models/dit.safetensors'" in made.files[0].text
        assert "output_dir = 'D:/project/output'" in made.files[0].text

    def test_a_hub_id_is_refused(self) -> None:
        assert codes(plan("model: {paths: {text_encoder: Qwen/Qwen3-4B}}")) == [("LB301", "model.paths.text_encoder")]

    def test_results_may_go_elsewhere(self) -> None:
        assert train(site=Site(root="/project", output="/runs/1"))["output_dir"] == "/runs/1"


def test_warnings_do_not_stop_with_unsupported_warn() -> None:
    made = plan("adapter: {dtype: bf16}", site=Site(root=SITE.root, unsupported="warn"))
    assert made.ok
    assert [item.severity for item in made.diagnostics] == ["warning"]
