"""Zero, off, empty, null and absent, with the native spelling beside the YAML."""

from __future__ import annotations

import math
from typing import Any

import pytest

ABSENT = object()
NEVER = 1_000_000_000

MAIN: list[tuple[list[str], dict[str, Any]]] = [
    # length: `epochs` is always needed, `max_steps` ends a run earlier
    (["train.for=10 epochs"], {"epochs": 10, "max_steps": ABSENT}),
    (["train.for=300 steps"], {"epochs": 300, "max_steps": 300}),
    (["train.for=64 samples", "train.batch_size=2", "train.gradient_accumulation=4"], {"max_steps": 8, "epochs": 8}),
    (["train.for=64 samples", "hardware.gpus=[0, 1]"], {"max_steps": 32}),
    # checkpoints: one key is required and 0 crashes
    (["save.every=never"], {"save_every_n_epochs": 10, "save_every_n_steps": ABSENT}),
    (["save.every=0"], {"save_every_n_epochs": 10}),
    (["save.every=never", "train.for=300 steps"], {"save_every_n_steps": 300, "save_every_n_epochs": ABSENT}),
    (["save.every=25 steps"], {"save_every_n_steps": 25, "save_every_n_epochs": ABSENT}),
    (["save.every=2 epochs", "save.state=true"], {"save_every_n_epochs": 2, "checkpoint_every_n_epochs": 2}),
    (["save.every=2 epochs"], {"checkpoint_every_n_epochs": ABSENT}),
    (["save.state=true"], {"checkpoint_every_n_epochs": ABSENT}),
    (
        ["save.every=9 steps", "save.state=true", "backends={diffusion-pipe: {checkpoint_every_n_minutes: 30}}"],
        {"checkpoint_every_n_minutes": 30},
    ),
    (["save.keep_last=0"], {}),
    (["save.keep_last=unlimited"], {}),
    (["save.dtype=fp32"], {"save_dtype": "float32"}),
    ([], {"save_dtype": "bfloat16"}),
    # gradient clipping: 0 is off there too, absent would be 1.0
    (["optimizer.max_grad_norm=0"], {"gradient_clipping": 0.0}),
    (["optimizer.max_grad_norm=off"], {"gradient_clipping": 0.0}),
    (["optimizer.max_grad_norm=null"], {"gradient_clipping": 0.0}),
    ([], {"gradient_clipping": 1.0}),
    (["train.gradient_accumulation=4"], {"gradient_accumulation_steps": 4}),
    ([], {"gradient_accumulation_steps": 1}),
    (["memory.compile=true"], {"compile": True}),
    # schedule
    ([], {"lr_scheduler": "constant", "warmup_steps": ABSENT}),
    (["scheduler.warmup=0"], {"warmup_steps": ABSENT}),
    (["scheduler.warmup=5 steps"], {"warmup_steps": 5}),
    (["scheduler.warmup=10%", "train.for=300 steps"], {"warmup_steps": 30}),
    (["scheduler=cosine"], {"lr_scheduler": "cosine"}),
    (["scheduler={type: cosine-with-min-lr, min_lr_ratio: 0.01}"], {"lr_scheduler": "cosine"}),
    # memory
    ([], {"activation_checkpointing": True, "blocks_to_swap": ABSENT, "compile": False}),
    (["memory.gradient_checkpointing=false"], {"activation_checkpointing": False}),
    (["memory.checkpoint_offload=true"], {"activation_checkpointing": "unsloth"}),
    (["memory.blocks_to_swap=0"], {"blocks_to_swap": ABSENT}),
    (["memory.blocks_to_swap=58"], {"blocks_to_swap": 58}),
    (["memory.attention=sdpa"], {}),
    # caches
    ([], {"caching_batch_size": ABSENT, "map_num_proc": ABSENT}),
    (["cache.latents.batch_size=4"], {"caching_batch_size": 4}),
    (["cache.text.batch_size=3"], {"caching_batch_size": 3}),
    (["cache.latents.workers=0"], {"map_num_proc": 1}),
    (["cache.latents.workers=6"], {"map_num_proc": 6}),
    # logging: 0 crashes
    ([], {"logging_steps": 1, "steps_per_print": 1, "monitoring": ABSENT}),
    (["logging.every=0"], {"logging_steps": NEVER}),
    (["logging.every=never"], {"logging_steps": NEVER}),
    (["logging.every=10 steps"], {"logging_steps": 10}),
    (
        ["logging={to: wandb, wandb: {project: p, run_name: r}}"],
        {"monitoring": {"enable_wandb": True, "wandb_api_key": "", "wandb_tracker_name": "p", "wandb_run_name": "r"}},
    ),
    # loss
    ([], {"huber_delta": ABSENT, "smooth_l1_beta": ABSENT}),
    (["loss=huber"], {"huber_delta": 1.0, "smooth_l1_beta": ABSENT}),
    (["loss={type: smooth-l1, delta: 0.5}"], {"smooth_l1_beta": 0.5, "huber_delta": ABSENT}),
    (["loss=mae"], {"smooth_l1_beta": 0.0}),
    # datasets that reach the main file
    (["datasets=[{images: /a, captions: {dropout: 0.1}}]"], {"uncond_fraction": 0.1}),
    (["datasets=[{images: /a, captions: {dropout: 0}}]"], {"uncond_fraction": ABSENT}),
    (["datasets=[{images: /a, batch_size: 3}, {images: /b, batch_size: 3}]"], {"micro_batch_size_per_gpu": 3}),
    (
        ["datasets=[{images: /a, batch_size: 4, resolution: [512]}, {images: /b, batch_size: 1, resolution: [1024]}]"],
        {"micro_batch_size_per_gpu": [[512, 4], [1024, 1]]},
    ),
    (["hardware={gpus: [0, 1], pipeline_stages: 2}"], {"pipeline_stages": 2}),
    ([], {"pipeline_stages": 1, "output_dir": "/data/output/cat", "dataset": "/srv/compiled/dataset.toml", "eval_datasets": ABSENT}),
]


@pytest.mark.parametrize(("yaml", "native"), MAIN, ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_main(compile_: Any, yaml: list[str], native: dict[str, Any]) -> None:
    main = compile_(*yaml).main
    for key, value in native.items():
        if value is ABSENT:
            assert key not in main
        else:
            assert main[key] == value
            assert type(main[key]) is type(value)


TABLES: list[tuple[str, list[str], dict[str, Any]]] = [
    ("adapter", [], {"type": "lora", "rank": 16, "alpha": ABSENT, "dropout": ABSENT, "dtype": ABSENT}),
    ("adapter", ["adapter.rank=8", "adapter.alpha=8"], {"rank": 8, "alpha": ABSENT}),
    ("adapter", ["adapter.dropout=0"], {"dropout": ABSENT}),
    ("adapter", ["adapter.dropout=0.1"], {"dropout": 0.1}),
    ("adapter", ["adapter.dtype=fp32"], {"dtype": "float32"}),
    ("adapter", ["adapter={type: lokr, factor: 4, rank_dropout: 0.2}"], {"type": "lokr", "decompose_factor": 4, "rank_dropout": 0.2}),
    ("adapter", ["adapter={type: lokr, factor: auto}"], {"decompose_factor": ABSENT, "rank_dropout": ABSENT}),
    ("adapter", ["adapter.targets={include: [attn], exclude: [to_k]}"], {"exclude_modules": r"(?!.*(?:attn)).*|.*(?:to_k).*"}),
    ("adapter", ["adapter.targets={exclude: [attn.to_k]}"], {"exclude_modules": r".*(?:attn\.to_k).*"}),
    ("adapter", ["adapter.init_from=/loras/cat"], {"init_from_existing": "/loras/cat"}),
    ("optimizer", [], {"type": "adamw8bit", "lr": 1e-4, "betas": ABSENT, "eps": ABSENT, "weight_decay": ABSENT}),
    ("optimizer", ["optimizer.weight_decay=0"], {"weight_decay": 0.0}),
    ("optimizer", ["optimizer.betas=[0.9, 0.99]", "optimizer.eps=1e-6"], {"betas": [0.9, 0.99], "eps": 1e-6}),
    ("optimizer", ["optimizer.type=lion"], {"type": "Lion"}),
    ("optimizer", ["optimizer.type=Prodigy"], {"type": "Prodigy", "lr": 1e-4}),
    ("optimizer", ["optimizer={type: prodigy}"], {"type": "Prodigy", "lr": 1.0}),
    ("optimizer", ["optimizer.type=adafactor"], {"type": "AdaFactor", "relative_step": False, "scale_parameter": False}),
    ("optimizer", ["optimizer={type: adafactor, args: {relative_step: true}}"], {"relative_step": True, "scale_parameter": ABSENT}),
    ("optimizer", ["optimizer={type: adamw8bitkahan, args: {stabilize: true}}"], {"type": "adamw8bitkahan", "stabilize": True}),
    ("model", [], {"type": "qwen_image", "diffusers_path": "/models/qwen", "dtype": "bfloat16", "transformer_dtype": ABSENT}),
    ("model", ["model.quantize.transformer=fp8"], {"transformer_dtype": "float8", "diffusion_model_dtype": ABSENT}),
    ("model", ["model.quantize.transformer=off"], {"transformer_dtype": ABSENT}),
    ("model", ["model.dtype=fp16"], {"dtype": "float16"}),
    ("model", ["noise.timestep_sampling=uniform"], {"timestep_sample_method": "uniform", "shift": ABSENT, "sigmoid_scale": ABSENT}),
    (
        "model",
        ["noise={timestep_sampling: sigmoid, sigmoid_scale: 1.5}"],
        {"timestep_sample_method": "logit_normal", "sigmoid_scale": 1.5, "shift": ABSENT},
    ),
    (
        "model",
        ["noise={timestep_sampling: shift, shift: 3, sigmoid_scale: 0.5}"],
        {"timestep_sample_method": "logit_normal", "sigmoid_scale": 0.5, "shift": 3.0},
    ),
    ("model", ["noise={timestep_sampling: logit-normal, logit_std: 0.8}"], {"sigmoid_scale": 0.8, "shift": ABSENT}),
    ("model", ["noise={timestep_sampling: logit-normal, logit_mean: -0.5}"], {"sigmoid_scale": ABSENT, "shift": math.exp(-0.5)}),
    ("model", ["noise.timestep_sampling=resolution-shift"], {"flux_shift": True, "shift": ABSENT}),
]


@pytest.mark.parametrize(("table", "yaml", "native"), TABLES)
def test_tables(compile_: Any, table: str, yaml: list[str], native: dict[str, Any]) -> None:
    found = compile_(*yaml).main[table]
    for key, value in native.items():
        if value is ABSENT:
            assert key not in found
        else:
            assert found[key] == value
            assert type(found[key]) is type(value)


FAMILIES: list[tuple[str, list[str], str, Any]] = [
    ("z-image", [], "text_encoders", [{"path": "/m/qwen.safetensors", "type": "lumina2"}]),
    ("z-image", ["model.quantize.transformer=fp8-e5m2"], "diffusion_model_dtype", "float8_e5m2"),
    ("z-image", ["model.training_adapter=/m/de.safetensors"], "merge_adapters", ["/m/de.safetensors"]),
    ("hunyuan-video-1.5", [], "text_encoders", [{"paths": ["/m/q", "/m/b"], "type": "hunyuan_video_15"}]),
    ("flux1", ["model.guidance=3.5"], "guidance", 3.5),
    ("flux1", ["model.variant=flex1"], "bypass_guidance_embedding", True),
    ("sdxl", ["model.variant=v-pred"], "v_pred", True),
    ("sdxl", ["loss.min_snr_gamma=5"], "min_snr_gamma", 5),
    ("sdxl", ["loss.min_snr_gamma=0"], "min_snr_gamma", ABSENT),
    ("sdxl", [], "debiased_estimation_loss", ABSENT),
    ("sdxl", ["loss.debiased=false"], "debiased_estimation_loss", ABSENT),
    ("sdxl", ["loss.debiased=true"], "debiased_estimation_loss", True),
    ("sdxl", [], "text_encoder_1_lr", 0.0),
    ("sdxl", [], "text_encoder_2_lr", 0.0),
    ("sdxl", ["adapter.text_encoder=true"], "text_encoder_1_lr", ABSENT),
    ("sdxl", ["adapter.text_encoder=true", "optimizer.text_encoder_lr=1e-5"], "text_encoder_2_lr", 1e-5),
    ("sdxl", [], "timestep_sample_method", ABSENT),
    ("wan21", ["cache.text=off"], "cache_text_embeddings", False),
    ("wan21", [], "cache_text_embeddings", ABSENT),
    ("wan21", ["model.quantize.text_encoder=fp8"], "text_encoder_fp8", True),
    ("wan21", ["noise.min_timestep=100"], "min_t", 0.1),
    ("wan21", [], "max_t", ABSENT),
    ("wan22", ["model.experts=low-noise"], "max_t", 0.875),
    ("wan22", ["model.experts=low-noise"], "transformer_path", "/models/low"),
    ("wan22", ["model.experts=high-noise"], "min_t", 0.875),
    ("wan22", ["model.experts=high-noise"], "transformer_path", "/models/high"),
    ("wan22", ["model.experts={train: high-noise, boundary: 0.8}"], "min_t", 0.8),
    ("wan22-i2v", ["model.experts=low-noise", "datasets=[{videos: /v, video: {frames: [17]}}]"], "max_t", 0.9),
    ("cosmos-predict2", ["model.quantize={transformer: fp8-e5m2, text_encoder: nf4}"], "text_encoder_nf4", True),
    ("cosmos", ["optimizer.lr=1e-5", "datasets=[{images: /a, resolution: [960]}]"], "timestep_sample_method", ABSENT),
]


@pytest.mark.parametrize(("family", "yaml", "key", "value"), FAMILIES)
def test_model_types(compile_: Any, family: str, yaml: list[str], key: str, value: Any) -> None:
    model = compile_(*yaml, family=family).main["model"]
    assert model[key] == value if value is not ABSENT else key not in model, model


def test_fused_adapters_of_flux_keep_their_weight(compile_: Any) -> None:
    main = compile_("model.merge=[{path: /l/a.safetensors, weight: 0.5}]", family="flux1").main
    assert main["adapter"]["fuse_adapters"] == [{"path": "/l/a.safetensors", "weight": 0.5}]


REFUSED: list[tuple[str, list[str], str, str]] = [
    ("", ["adapter.rank=32", "adapter.alpha=16"], "LB301", "adapter.alpha"),
    ("", ["train.seed=42"], "LB301", "train.seed"),
    ("", ["adapter.type=loha"], "LB301", "adapter.type"),
    ("", ["adapter.type=dora"], "LB301", "adapter.type"),
    ("", ["adapter.conv_rank=8"], "LB301", "adapter.conv_rank"),
    ("", ["adapter={conv_rank: 8, conv_alpha: 4}"], "LB301", "adapter.conv_alpha"),
    ("", ["adapter.module_dropout=0.1"], "LB301", "adapter.module_dropout"),
    ("", ["optimizer.lora_plus_ratio=16"], "LB301", "optimizer.lora_plus_ratio"),
    ("", ["scheduler={type: cosine-with-restarts, cycles: 3}"], "LB301", "scheduler.cycles"),
    ("", ["scheduler={type: polynomial, power: 2}"], "LB301", "scheduler.power"),
    ("", ["scheduler={type: cosine, args: {gamma: 0.5}}"], "LB301", "scheduler.args"),
    ("", ["scheduler={type: warmup-stable-decay, decay: 10%}"], "LB301", "scheduler.decay"),
    ("", ["noise={weighting: mode, mode_scale: 1.5}"], "LB301", "noise.mode_scale"),
    ("", ["noise.offset=0.1"], "LB301", "noise.offset"),
    ("", ["memory.low_vram=true"], "LB301", "memory.low_vram"),
    ("", ["memory.split_attention=true"], "LB301", "memory.split_attention"),
    ("", ["logging.prefix=x"], "LB301", "logging.prefix"),
    ("", ["adapter={type: lokr, dropout: 0.1}"], "LB301", "adapter.dropout"),
    ("", ["adapter.rank_dropout=0.1"], "LB301", "adapter.rank_dropout"),
    ("", ["adapter.factor=4"], "LB301", "adapter.factor"),
    ("", ["adapter.max_norm=1"], "LB301", "adapter.max_norm"),
    ("", ["adapter.text_encoder=true"], "LB301", "adapter.text_encoder"),
    ("", ["adapter.init_from=/l/a.safetensors"], "LB301", "adapter.init_from"),
    ("", ["adapter={type: lokr, init_from: /l}"], "LB307", "adapter.init_from"),
    ("flux1", ["adapter.type=lokr"], "LB307", "adapter.type"),
    ("sdxl", ["adapter.type=lokr"], "LB307", "adapter.type"),
    ("sdxl", ["adapter.targets.include=[attn]"], "LB301", "adapter.targets.include"),
    ("sdxl", ["scheduler=cosine"], "LB307", "scheduler.type"),
    ("sdxl", ["optimizer.type=automagic"], "LB307", "optimizer.type"),
    ("sdxl", ["memory.checkpoint_offload=true"], "LB307", "memory.checkpoint_offload"),
    ("sdxl", ["memory.blocks_to_swap=2"], "LB301", "memory.blocks_to_swap"),
    ("sdxl", ["model.quantize.transformer=fp8"], "LB301", "model.quantize.transformer"),
    ("sdxl", ["loss=huber"], "LB301", "loss.type"),
    ("sdxl", ["noise.timestep_sampling=sigmoid"], "LB301", "noise.timestep_sampling"),
    ("", ["trigger=ohwx", "preservation={class: cat}"], "LB301", "preservation"),
    ("", ["train.ema=0.99"], "LB301", "train.ema"),
    ("", ["train.workers=2"], "LB301", "train.workers"),
    ("", ["train.mixed_precision=fp16"], "LB301", "train.mixed_precision"),
    ("", ["train.for=65 samples", "train.batch_size=2"], "LB308", "train.for"),
    ("", ["train.for=300 steps", "scheduler=linear"], "LB308", "scheduler.type"),
    ("", ["train.for=300 steps", "scheduler=cosine"], "LB308", "scheduler.type"),
    ("", ["scheduler=rex"], "LB301", "scheduler.type"),
    ("", ["scheduler={type: cosine-with-min-lr, min_lr_ratio: 0.1}"], "LB301", "scheduler.type"),
    ("", ["scheduler={type: linear, min_lr_ratio: 0.1}"], "LB301", "scheduler.min_lr_ratio"),
    ("", ["scheduler.warmup=10%"], "LB308", "scheduler.warmup"),
    ("", ["save={every: 10 steps, state: true}"], "LB301", "save.state"),
    ("", ["save={every: 10 steps, keep_last: 3}"], "LB301", "save.keep_last"),
    ("", ["sample={every: 1 epoch, prompts: [a cat]}"], "LB301", "sample.prompts"),
    ("", ["logging.every=2 epochs"], "LB301", "logging.every"),
    ("", ["logging.dir=/logs"], "LB301", "logging.dir"),
    ("", ["logging.to=wandb"], "LB301", "logging.wandb.project"),
    ("", ["logging={to: wandb, wandb: {project: p, key_env: OTHER}}"], "LB301", "logging.wandb.key_env"),
    ("", ["noise.bias=style"], "LB301", "noise.bias"),
    ("", ["noise.weighting=mode"], "LB301", "noise.weighting"),
    ("", ["noise.timestep_sampling=logsnr"], "LB301", "noise.timestep_sampling"),
    ("", ["noise.min_timestep=100"], "LB301", "noise.min_timestep"),
    ("ltx-video", ["noise={timestep_sampling: shift, shift: 3}"], "LB301", "noise.shift"),
    ("ltx-video", ["noise.timestep_sampling=resolution-shift"], "LB301", "noise.timestep_sampling"),
    ("", ["loss=wavelet"], "LB301", "loss.type"),
    ("", ["loss.min_snr_gamma=5"], "LB301", "loss.min_snr_gamma"),
    ("", ["memory.blocks_to_swap=59"], "LB307", "memory.blocks_to_swap"),
    ("", ["memory.blocks_to_swap=4", "hardware={gpus: [0, 1], pipeline_stages: 2}"], "LB307", "memory.blocks_to_swap"),
    ("flux2", ["memory.blocks_to_swap=8"], "LB307", "memory.blocks_to_swap"),
    ("", ["memory.attention=flash"], "LB301", "memory.attention"),
    ("", ["memory.layer_offload=0.5"], "LB301", "memory.layer_offload"),
    ("", ["cache.latents=memory"], "LB301", "cache.latents.to"),
    ("", ["cache.text=off"], "LB301", "cache.text.to"),
    ("", ["cache={latents: {batch_size: 2}, text: {batch_size: 4}}"], "LB301", "cache.text.batch_size"),
    ("", ["cache.text.workers=2"], "LB301", "cache.text.workers"),
    ("", ["model.quantize.transformer=fp8-scaled"], "LB301", "model.quantize.transformer"),
    ("", ["model.quantize.text_encoder=fp8"], "LB301", "model.quantize.text_encoder"),
    ("", ["model.guidance=3"], "LB301", "model.guidance"),
    ("", ["model.vae_dtype=fp32"], "LB301", "model.vae_dtype"),
    ("", ["model.paths.repo=Qwen/Qwen-Image"], "LB301", "model.paths.repo"),
    ("", ["model.merge=[/l/a.safetensors]"], "LB301", "model.merge[0].path"),
    ("z-image", ["model.merge=[{path: /l/a.safetensors, weight: 0.5}]"], "LB301", "model.merge[0].weight"),
    ("z-image", ["model.training_adapter=ostris/adapter/v1.safetensors"], "LB301", "model.training_adapter.path"),
    ("wan22", [], "LB301", "model.variant"),
    ("wan22", ["model.experts=both"], "LB301", "model.experts.train"),
    ("wan22", ["model.experts=low-noise", "noise.max_timestep=900"], "LB305", "noise.max_timestep"),
    ("", ["optimizer.type=adamw9bit"], "LB301", "optimizer.type"),
    ("", ["optimizer.type=bitsandbytes.optim.AdamW8bit"], "LB301", "optimizer.type"),
    ("", ["optimizer.type=ScheduleFreeAdamW"], "LB307", "optimizer.type"),
    ("", ["optimizer={lr: 1e-4, args: {wight_decay: 0.1}}"], "LB303", "optimizer.args.wight_decay"),
    ("", ["optimizer={type: automagic, lr: 1e-4, betas: [0.9, 0.99]}"], "LB303", "optimizer.betas"),
    ("", ["optimizer={lr: 1e-4, args: {betas: [0.9, true]}}"], "LB304", "optimizer.args.betas"),
    ("", ["optimizer={lr: 1e-4, betas: [0.9, 0.99], args: {betas: [0.8, 0.9]}}"], "LB305", "optimizer.args.betas"),
    ("", ["hardware={gpus: [0, 1, 2], pipeline_stages: 2}"], "LB307", "hardware.pipeline_stages"),
    ("", ["hardware.device=cpu"], "LB301", "hardware.device"),
    ("", ["train.resume_from=/out/cat/20260101_00-00-00/global_step10"], "LB301", "train.resume_from"),
]


@pytest.mark.parametrize(("family", "yaml", "code", "path"), REFUSED)
def test_refused(compile_: Any, family: str, yaml: list[str], code: str, path: str) -> None:
    found = compile_(*yaml, family=family)
    assert (code, path) in found.codes
    assert not found.texts
    assert not found.plan.stages
    assert all(item.fix for item in found.plan.diagnostics if item.severity == "error")


def test_a_refusal_can_be_waved_through(compile_: Any) -> None:
    found = compile_("train.seed=42", "scheduler=cosine", "train.for=9 steps", unsupported="warn")
    assert not found.codes
    assert found.main["lr_scheduler"] == "constant"
    assert ("refused", "") in found.notes("train.seed")
    assert ("refused", "") in found.notes("scheduler.type")


def test_alpha_tells_both_ways_out(compile_: Any) -> None:
    (found,) = [item for item in compile_("adapter.rank=32", "adapter.alpha=16").plan.diagnostics if item.path == "adapter.alpha"]
    assert "alpha: 32" in found.fix
    assert "0.5 times" in found.fix
    assert "musubi" in found.fix
    assert "2 times as strong" in found.message


def test_the_shift_of_a_mean_is_exact() -> None:
    """sigmoid(n + m) equals the trainer's shift of sigmoid(n) by exp(m)."""
    for mean in (-1.0, -0.25, 0.5, 2.0):
        shift = math.exp(mean)
        for n in (-3.0, -0.4, 0.0, 1.7):
            t = 1 / (1 + math.exp(-n))
            assert math.isclose((t * shift) / (1 + (shift - 1) * t), 1 / (1 + math.exp(-(n + mean))), rel_tol=1e-12)


def test_total_steps(compile_: Any) -> None:
    assert compile_("train.for=300 steps").plan.total_steps == 300
    assert compile_().plan.total_steps is None


def test_same_input_same_bytes(compile_: Any) -> None:
    assert compile_().texts == compile_().texts


def test_no_line_names_a_secret(compile_: Any) -> None:
    text = "".join(compile_("logging={to: wandb, wandb: {project: p}}").texts.values())
    assert 'wandb_api_key = ""' in text
