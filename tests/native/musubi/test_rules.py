"""Rules about more than one setting, and where they point."""

from __future__ import annotations

from typing import Any

import pytest

from tests.native.musubi.helpers import BASE, MISSING, codes, lines, train

LAST = len(BASE.splitlines()) + 1

ERRORS: dict[str, tuple[dict[str, Any], str]] = {
    "constant takes no warmup": ({"lr_warmup_steps": 2}, "LB319"),
    "a ratio of warmup counts too": ({"lr_warmup_steps": 0.5}, "LB319"),
    "a float is a ratio": ({"lr_scheduler": "constant_with_warmup", "lr_warmup_steps": 100.0}, "LB317"),
    "a scheduler that is called wrongly": ({"lr_scheduler": "reduce_lr_on_plateau"}, "LB315"),
    "scheduler typo": ({"lr_scheduler": "cosin"}, "LB314"),
    "scheduler in capitals": ({"lr_scheduler": "Cosine"}, "LB314"),
    "min_lr needs its ratio": ({"lr_scheduler": "cosine_with_min_lr"}, "LB318"),
    "piecewise_constant needs rules": ({"lr_scheduler": "piecewise_constant"}, "LB315"),
    "adafactor scheduler without adafactor": ({"lr_scheduler": "adafactor"}, "LB315"),
    "adafactor takes no warmup": ({"optimizer_type": "adafactor", "lr_warmup_steps": 2}, "LB319"),
    "scheduler type is a class": ({"lr_scheduler_type": "cosine"}, "LB314"),
    "optimizer in small letters": ({"optimizer_type": "sgd"}, "LB314"),
    "8-bit optimizer without path": ({"optimizer_type": "lion8bit"}, "LB314"),
    "optimizer needs a closure": ({"optimizer_type": "LBFGS"}, "LB315"),
    "torch has no such class": ({"optimizer_type": "torch.optim.adamw"}, "LB314"),
    "unknown optimizer argument": ({"optimizer_args": ["weightdecay=0.01"]}, "LB315"),
    "optimizer argument without =": ({"optimizer_args": ["weight_decay"]}, "LB315"),
    "two arguments in one text": ({"optimizer_args": ["weight_decay=0.01 eps=1e-8"]}, "LB315"),
    "blanks around =": ({"optimizer_args": ["weight_decay = 0.01"]}, "LB315"),
    "a word is no Python value": ({"optimizer_args": ["amsgrad=true"]}, "LB315"),
    "betas out of range": ({"optimizer_args": ["betas=(0.9,1.5)"]}, "LB315"),
    "lr twice": ({"optimizer_args": ["lr=1e-3"]}, "LB315"),
    "nesterov without momentum": ({"optimizer_type": "SGD", "optimizer_args": ["nesterov=True"]}, "LB319"),
    "unknown network argument": ({"network_args": ["foo=1"]}, "LB310"),
    "network argument with blanks": ({"network_args": ["conv_dim = 4"]}, "LB317"),
    "network argument of the wrong type": ({"network_args": ["conv_dim=x"]}, "LB315"),
    "pattern that is no list": ({"network_args": ["exclude_patterns=.*attn.*"]}, "LB315"),
    "pattern that is no expression": ({"network_args": ["exclude_patterns=['(']"]}, "LB317"),
    "network module typo": ({"network_module": "networks.lora_z_image"}, "LB314"),
    "network module without package": ({"network_module": "lora_zimage"}, "LB314"),
    "no attention": ({"sdpa": MISSING}, "LB318"),
    "sage cannot train": ({"sage_attn": True}, "LB315"),
    "fp8_scaled alone": ({"fp8_scaled": True}, "LB319"),
    "too many blocks": ({"blocks_to_swap": 29}, "LB315"),
    "persistent workers without workers": ({"persistent_data_loader_workers": True}, "LB319"),
    "range upside down": ({"min_timestep": 900, "max_timestep": 100}, "LB319"),
    "name with folder": ({"output_name": "a/b"}, "LB315"),
    "steps, not files": ({"save_every_n_steps": 100, "save_last_n_steps": 4}, "LB317"),
    "tensorboard without folder": ({"log_with": "tensorboard"}, "LB318"),
    "samples without models": ({"sample_prompts": "/data/p.txt", "sample_every_n_epochs": 1}, "LB318"),
    "resume takes a folder": ({"resume": "/data/x.safetensors"}, "LB315"),
    "dashes": ({"max-train-steps": 5}, "LB310"),
    "another script's option": ({"t5": "/data/t5.safetensors"}, "LB310"),
    "another trainer's option": ({"train_batch_size": 2}, "LB310"),
    "dataset parameter leaks": ({"resolution": [512, 512]}, "LB311"),
    "ring without places": ({"blocks_to_swap": 4, "block_swap_ring_size": 0}, "LB315"),
    "empty choice of compile": ({"compile": True, "compile_dynamic": ""}, "LB315"),
    "tilde": ({"output_dir": "~/out"}, "LB321"),
    "variable": ({"dit": "$MODELS/z.safetensors"}, "LB321"),
}


@pytest.mark.parametrize(("changes", "code"), ERRORS.values(), ids=ERRORS)
def test_errors(changes: dict[str, Any], code: str) -> None:
    assert code in codes(train(**changes))


WARNINGS: dict[str, tuple[dict[str, Any], str]] = {
    "no learning rate": ({"learning_rate": MISSING}, "LB318"),
    "no rank": ({"network_dim": MISSING}, "LB318"),
    "Z-Image in fp32": ({"mixed_precision": MISSING}, "LB318"),
    "shift without its sampling": ({"timestep_sampling": "sigmoid"}, "LB312"),
    "another model's shift": ({"timestep_sampling": "qwen_shift"}, "LB319"),
    "weighting that only draws": ({"weighting_scheme": "logit_normal"}, "LB312"),
    "decay without its scheduler": ({"lr_decay_steps": 3}, "LB312"),
    "two lengths": ({"max_train_epochs": 2}, "LB312"),
    "keeping epochs without saving them": ({"save_every_n_epochs": MISSING, "save_last_n_epochs": 2}, "LB312"),
    "samples without prompts": ({"sample_every_n_epochs": 1}, "LB312"),
    "two attentions": ({"xformers": True}, "LB319"),
    "adafactor decides itself": ({"optimizer_type": "adafactor"}, "LB317"),
    "Prodigy with a small rate": ({"optimizer_type": "prodigyopt.Prodigy"}, "LB317"),
    "a VAE by its name": ({"dit": "/data/models/zimage_vae.safetensors"}, "LB322"),
    "another model by its name": ({"network_weights": "/data/my_qwen_image_lora.safetensors"}, "LB322"),
    "saving every -1 epochs": ({"save_every_n_epochs": -1}, "LB317"),
    "saving every -1 steps": ({"save_every_n_steps": -1}, "LB317"),
    "sampling every -1 epochs": ({"sample_every_n_epochs": -1}, "LB317"),
    "sampling every -1 steps": ({"sample_every_n_steps": -1}, "LB317"),
    "keeping -1 epochs": ({"save_last_n_epochs": -1}, "LB317"),
    "a rate for an adaptive optimizer": ({"learning_rate": 1.0}, "LB317"),
    "negative alpha": ({"network_alpha": -1}, "LB317"),
    "a distribution without width": ({"timestep_sampling": "logsnr", "logit_std": 0.0}, "LB317"),
    "negative buckets": ({"num_timestep_buckets": -1}, "LB317"),
    "negative blocks": ({"blocks_to_swap": -1}, "LB317"),
    "empty weighting": ({"weighting_scheme": ""}, "LB317"),
    "empty repository": ({"huggingface_repo_id": ""}, "LB317"),
    "wandb's secret": ({"wandb_api_key": "x"}, "LB205"),
    "a secret": ({"huggingface_token": "hf_x"}, "LB205"),
}


@pytest.mark.parametrize(("changes", "code"), WARNINGS.values(), ids=WARNINGS)
def test_warnings(changes: dict[str, Any], code: str) -> None:
    assert code in codes(train(**changes), "warning")


GOOD: dict[str, dict[str, Any]] = {
    "warmup": {"lr_scheduler": "constant_with_warmup", "lr_warmup_steps": 2},
    "warmup as a share": {"lr_scheduler": "cosine", "lr_warmup_steps": 0.1},
    "stable decay": {"lr_scheduler": "warmup_stable_decay", "lr_decay_steps": 2, "lr_warmup_steps": 1},
    "min_lr in the arguments": {"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_args": ["min_lr=1e-6"]},
    "scheduler class": {"lr_scheduler_type": "CosineAnnealingLR", "lr_scheduler_args": ["T_max=7"]},
    "8 bit": {"optimizer_type": "adamw8bit", "optimizer_args": ["weight_decay=0.01", "betas=(0.9,0.99)"]},
    "class path": {"optimizer_type": "bitsandbytes.optim.AdEMAMix8bit"},
    "own adafactor rate": {"optimizer_type": "adafactor", "optimizer_args": ["relative_step=False", "scale_parameter=False"]},
    "network arguments": {"network_args": ["conv_dim=4", "conv_alpha=1", "verbose=True", "exclude_patterns=[r'.*refiner.*']"]},
    "lokr": {"network_module": "networks.lokr", "network_args": ["factor=8"]},
    "whole module path": {"network_module": "musubi_tuner.networks.lora_zimage"},
    "seed 0": {"seed": 0},
    "all blocks": {"blocks_to_swap": 28},
    "weighting of the loss": {"weighting_scheme": "sigma_sqrt"},
    "part of the timesteps": {"min_timestep": 100, "max_timestep": 900},
    "fp8": {"fp8_base": True, "fp8_scaled": True},
    "unused path": {"vae": "/nope.safetensors"},
    "samples": {
        "sample_prompts": "/data/p.txt",
        "vae": "/data/v.safetensors",
        "text_encoder": "/data/t.safetensors",
        "sample_every_n_epochs": 1,
    },
    "steps kept": {"save_every_n_steps": 2, "save_last_n_steps": 4},
}


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_good(changes: dict[str, Any]) -> None:
    assert codes(train(**changes), "error", "warning") == []


def test_positions() -> None:
    assert lines("error", train_toml=train(learning_rat=1e-3)) == [f"LB310 {LAST}:1"]
    assert f"LB315 {LAST}:22" in lines("error", train_toml=train(save_every_n_steps=0))
    assert lines("error", train_toml=train(optimizer_args=["weight_decay=0.1", "eps"])) == [f"LB315 {LAST}:39"]


def test_sections() -> None:
    text = train(learning_rate=MISSING)
    twice = f"[a]\n{text}learning_rate = 1e-4\n[b]\nlearning_rate = 5e-4\n"
    assert codes(twice) == ["LB319"]
    nested = f"[a]\n{train()}[a.b]\nmax_grad_norm = 0.5\n"
    assert codes(nested) == ["LB311"]
    assert codes(f"[any]\n{train()}") == []


def test_dialect() -> None:
    assert "LB320" in codes("\ufeff" + train())
    assert "LB318" in codes("\ufeff" + train()), "the first key, dit, is lost"
    assert codes("\ufeff# a comment\n" + train()) == ["LB320"]
    assert "LB320" in codes(train() + "base_weights_multiplier = [1, 0.5]\n")
    assert "LB320" in codes(train() + "max_grad_norm = .5\n")
    assert "LB320" in codes(train() + 'vae = "C:\\models\\x"\n')
    assert codes(train().replace("\n", "\r\n")) == []


@pytest.mark.parametrize(
    ("script", "text", "code"),
    [
        ("wan", 'task = "t2v-14B"\nmixed_precision = ""\n', "LB318"),
        ("wan", 'task = "t2v-14b"\nmixed_precision = "bf16"\n', "LB314"),
        ("krea2", "fp8_base = true\n", "LB319"),
        ("krea2", 'turbo_dit = "/data/t.safetensors"\nblocks_to_swap = 4\n', "LB319"),
        ("hidream_o1", 'weighting_scheme = "cosmap"\n', "LB315"),
        ("qwen_image", 'model_version = "edit-2510"\n', "LB314"),
        ("qwen_image", "blocks_to_swap = 60\n", "LB315"),
        ("qwen_image", "remove_first_image_from_target = true\n", "LB319"),
        ("kandinsky5", 'task = "k5-lite-t2v-5s-sd"\n', "LB318"),
        ("framepack", 'vae_dtype = "bfloat16"\n', "LB315"),
    ],
)
def test_models(script: str, text: str, code: str) -> None:
    module = {"kandinsky5": "kandinsky"}.get(script, script)
    keys = [line.split(" = ")[0] for line in text.splitlines()]
    start = train(network_module=f"networks.lora_{module}", dit="/data/dit.safetensors", **dict.fromkeys(keys, MISSING))
    found = codes(start + text, "error", "warning")
    assert code in found
