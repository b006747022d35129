"""What is written, and how ai-toolkit must be told: one line each."""

from __future__ import annotations

import pytest

from .conftest import at, codes

ABSENT = "absent"

MEANS = [
    # length, saves: 0 steps is off, keep 0 is all; the defaults (1000 steps, 5 kept) are dangerous
    ("train.for=1600 steps", "train.steps", 1600),
    ("train.for=800 samples", "train.steps", 800),
    ("save.every=never", "save.save_every", 0),
    ("save.every=0", "save.save_every", 0),
    ("save.every=null", "save.save_every", 0),
    ("save.every=250 steps", "save.save_every", 250),
    ("save.keep_last=0", "save.max_step_saves_to_keep", 0),
    ("save.keep_last=unlimited", "save.max_step_saves_to_keep", 0),
    ("save.keep_last=null", "save.max_step_saves_to_keep", 0),
    ("save.keep_last=3", "save.max_step_saves_to_keep", 3),
    ("save.dtype=fp16", "save.dtype", "fp16"),
    ("model.dtype=fp32", "save.dtype", "fp32"),
    # one dtype for weights and computation
    ("model.dtype=fp16", "train.dtype", "fp16"),
    ("name=x", "train.dtype", "bf16"),
    # accumulation never under the key that drops batches
    ("train.gradient_accumulation=4", "train.gradient_accumulation", 4),
    ("train.gradient_accumulation=4", "train.gradient_accumulation_steps", ABSENT),
    ("train.seed=7", "training_seed", 7),
    # network: always there, LoKr with its rank
    ("adapter.type=dora", "network.type", "dora"),
    ("adapter.rank=32", "network.linear", 32),
    ("adapter.rank=32", "network.linear_alpha", 32),
    ("adapter.type=lokr", "network.lokr_full_rank", False),
    ("adapter.type=lokr", "network.lokr_factor", -1),
    ("adapter.dropout=0", "network.dropout", ABSENT),
    ("adapter.dropout=0.1", "network.dropout", 0.1),
    ("adapter.rank_dropout=0.2", "network.network_kwargs.rank_dropout", 0.2),
    ("adapter.init_from=lora.safetensors", "network.pretrained_lora_path", "/data/lora.safetensors"),
    ("adapter.targets=attention", "network.network_kwargs.only_if_contains", ["attention."]),
    ("adapter.targets=all", "network.network_kwargs.only_if_contains", ["attention.", "feed_forward."]),
    ("adapter.targets=auto", "network.network_kwargs", ABSENT),
    ("adapter.targets.exclude=[layers.0.]", "network.network_kwargs.ignore_if_contains", ["layers.0."]),
    # optimizer
    ("optimizer.type=AdamW8bit", "train.optimizer", "adamw8bit"),
    ("optimizer.type=torch.optim.AdamW", "train.optimizer", "adamw"),
    ("optimizer.weight_decay=0", "train.optimizer_params.weight_decay", 0.0),
    ("optimizer.weight_decay=null", "train.optimizer_params", ABSENT),
    ("optimizer.betas=[0.9, 0.99]", "train.optimizer_params.betas", [0.9, 0.99]),
    ("optimizer.max_grad_norm=0", "train.max_grad_norm", 1e9),
    ("optimizer.max_grad_norm=off", "train.max_grad_norm", 1e9),
    ("optimizer.max_grad_norm=0.5", "train.max_grad_norm", 0.5),
    ("optimizer.args={decouple: true}", "train.optimizer_params", {"decouple": True}),
    # schedules that mean what their names say
    ("scheduler.type=constant", "train.lr_scheduler", "constant"),
    ("scheduler.warmup=0", "train.lr_scheduler", "constant"),
    ("scheduler.warmup=10%", "train.lr_scheduler_params", {"num_warmup_steps": 160}),
    ("scheduler.warmup=100 steps", "train.lr_scheduler", "constant_with_warmup"),
    ("scheduler.type=linear", "train.lr_scheduler_params", {"start_factor": 1.0, "end_factor": 0.0}),
    ("scheduler.type=cosine", "train.lr_scheduler_params", ABSENT),
    # noise: the two words of the bias mean the opposite here
    ("noise.bias=content", "train.content_or_style", "style"),
    ("noise.bias=style", "train.content_or_style", "content"),
    ("noise.bias=off", "train.content_or_style", "balanced"),
    ("name=x", "train.noise_scheduler", "flowmatch"),
    ("name=x", "train.timestep_type", "weighted"),
    ("noise.timestep_sampling=uniform", "train.timestep_type", "linear"),
    ("noise.timestep_sampling=sigmoid", "train.timestep_type", "sigmoid"),
    ("noise.timestep_sampling=logit-normal", "train.timestep_type", "sigmoid"),
    ("noise.weighting=bell-shaped", "train.linear_timesteps", True),
    ("noise.weighting=none", "train.linear_timesteps", ABSENT),
    ("noise.offset=0", "train.noise_offset", ABSENT),
    # averages, preservation
    ("train.ema=0.9", "train.ema_config", {"use_ema": True, "ema_decay": 0.9}),
    ("train.ema=0", "train.ema_config", ABSENT),
    ("train.ema=null", "train.ema_config", ABSENT),
    ("preservation.type=blank-prompt", "train.blank_prompt_preservation", True),
    # quantization: both switches always written, for the second copies the first
    ("name=x", "model.quantize", False),
    ("name=x", "model.quantize_te", False),
    ("model.quantize.transformer=fp8", "model.qtype", "qfloat8"),
    ("model.quantize.transformer=fp8", "model.quantize_te", False),
    ("model.quantize.text_encoder=fp8-scaled", "model.qtype_te", "qfloat8"),
    ("model.quantize.transformer=uint4", "model.qtype", "uint4"),
    # memory
    ("memory.gradient_checkpointing=false", "train.gradient_checkpointing", False),
    ("memory.layer_offload=0.5", "model.layer_offloading_transformer_percent", 0.5),
    ("memory.layer_offload=0.5", "model.layer_offloading_text_encoder_percent", 0.0),
    ("memory.layer_offload=0", "model.layer_offloading", ABSENT),
    ("memory.low_vram=true", "model.low_vram", True),
    ("memory.attention=flash", "train.attention_backend", "flash"),
    ("memory.attention=sdpa", "train.attention_backend", ABSENT),
    ("memory.compile=true", "model.compile", True),
    # caches; captions are never dropped by unload_text_encoder
    ("name=x", "datasets.0.cache_latents_to_disk", True),
    ("cache.latents=memory", "datasets.0.cache_latents", True),
    ("cache.latents.to=null", "datasets.0.cache_latents_to_disk", ABSENT),
    ("cache.latents.workers=0", "datasets.0.cache_latents_num_workers", 1),
    ("name=x", "train.cache_text_embeddings", True),
    ("name=x", "train.unload_text_encoder", ABSENT),
    ("cache.text=off", "train.cache_text_embeddings", False),
    ("datasets[0].captions.shuffle=true", "train.cache_text_embeddings", False),
    # datasets
    ("name=x", "datasets.0.folder_path", "/data/data/cat"),
    ("datasets[0].captions.extension=.caption", "datasets.0.caption_ext", ".caption"),
    ("datasets[0].captions.dropout=0.05", "datasets.0.caption_dropout_rate", 0.05),
    ("datasets[0].captions.dropout=0", "datasets.0.caption_dropout_rate", ABSENT),
    ("datasets[0].captions.default=a cat", "datasets.0.default_caption", "a cat"),
    ("datasets[0].repeats=10", "datasets.0.num_repeats", 10),
    ("datasets[0].resolution=[512, 768]", "datasets.0.resolution", [512, 768]),
    ("datasets[0].resolution=[[512, 512]]", "datasets.0.resolution", [512]),
    ("datasets[0].resolution=[]", "datasets.0.resolution", [1024]),
    ("datasets[0].bucket=false", "datasets.0.square_crop", True),
    ("datasets[0].batch_size=2", "datasets.0.batch_size", 2),
    ("datasets[0].masks=data/masks", "datasets.0.mask_path", "/data/data/masks"),
    ("datasets[0].regularization=true", "datasets.0.is_reg", True),
    ("datasets[0].loss_weight=0.5", "datasets.0.loss_multiplier", 0.5),
    ("datasets[0].flip=both", "datasets.0.flip_y", True),
    ("train.workers=0", "datasets.0.num_workers", 0),
    ("train.workers=null", "datasets.0.num_workers", ABSENT),
    ("trigger=sks cat", "trigger_word", "sks cat"),
    ("trigger=", "trigger_word", ABSENT),
    # samples: off as a whole; `neg` always text
    ("name=x", "train.disable_sampling", True),
    ("name=x", "sample", ABSENT),
    # logging
    ("name=x", "logging", {"log_every": 1, "use_ui_logger": True}),
    ("logging.every=0", "logging.log_every", 0),
    ("logging.dir=tb", "log_dir", "/data/tb"),
    ("logging.to=wandb", "logging.use_wandb", True),
    ("output.dir=out", "training_folder", "/data/out"),
    ("name=x", "name", ABSENT),
]


@pytest.mark.parametrize(("written", "key", "native"), MEANS, ids=lambda value: str(value)[:60])
def test_zimage(process, written, key, native):
    assert at(process(written), key) == native


UNET = [
    ("adapter.alpha=8", "network.linear_alpha", 8),
    ("adapter.conv_rank=4", "network.conv", 4),
    ("adapter.conv_rank=4", "network.conv_alpha", 4),
    ("adapter.conv_rank=0", "network.conv", ABSENT),
    ("adapter.text_encoder=true", "train.train_text_encoder", True),
    ("adapter.text_encoder=true", "train.cache_text_embeddings", False),
    ("name=x", "train.noise_scheduler", "ddpm"),
    ("name=x", "train.timestep_type", ABSENT),
    ("loss.min_snr_gamma=5", "train.min_snr_gamma", 5.0),
    ("loss.min_snr_gamma=0", "train.min_snr_gamma", ABSENT),
    ("memory.attention=xformers", "train.xformers", True),
    ("model.merge=[{path: a.safetensors}]", "model.lora_path", "/data/a.safetensors"),
    ("model.paths.vae=/models/vae", "model.vae_path", "/models/vae"),
    ("noise.max_timestep=900", "train.min_denoising_steps", 98),
    ("noise.min_timestep=100", "train.max_denoising_steps", 901),
    ("name=x", "model.name_or_path", "/models/sdxl.safetensors"),
]


@pytest.mark.parametrize(("written", "key", "native"), UNET, ids=lambda value: str(value)[:60])
def test_unet(process, written, key, native):
    assert at(process(written, on="sdxl"), key) == native


def test_range_of_timesteps_counts_from_the_noisy_end(process):
    train = process("noise.timestep_sampling=uniform", "noise.min_timestep=100", "noise.max_timestep=900")["train"]
    assert (train["min_denoising_steps"], train["max_denoising_steps"]) == (100, 901)
    # timesteps[i] = 1000 - i, indices drawn from [100, 901): 900 down to 100
    assert 1000 - train["min_denoising_steps"] == 900
    assert 1000 - (train["max_denoising_steps"] - 1) == 100


def test_cosine_floor_is_a_rate(process):
    train = process("scheduler.type=cosine", "scheduler.min_lr_ratio=0.1")["train"]
    assert train["lr_scheduler_params"] == {"eta_min": pytest.approx(1e-5)}


def test_differential_preservation(process):
    train = process("trigger=sks cat", "preservation={class: cat, multiplier: 0.5}")["train"]
    assert train["diff_output_preservation"] is True
    assert train["diff_output_preservation_class"] == "cat"
    assert train["diff_output_preservation_multiplier"] == 0.5


def test_samples(process):
    more = "trigger: sks\nsample: {every: 100 steps, prompts: ['[trigger] in a box', {prompt: a dog, seed: 7, width: 512}]}\n"
    tree = process(more=more)
    assert tree["sample"]["neg"] == ""
    assert tree["sample"]["sample_every"] == 100
    assert tree["sample"]["samples"] == [
        {"prompt": "[trigger] in a box", "seed": 42},
        {"prompt": "a dog", "width": 512, "seed": 7},
    ]
    assert tree["train"]["skip_first_sample"] is False
    assert "disable_sampling" not in tree["train"]


def test_samples_without_the_trigger_skip_prompts_that_have_none(process):
    more = "trigger: sks\nsample: {every: 9 steps, without_trigger: true, prompts: ['a [trigger], asleep', 'a dog']}\n"
    prompts = [entry["prompt"] for entry in process(more=more)["sample"]["samples"]]
    assert prompts == ["a [trigger], asleep", "a, asleep", "a dog"]


def test_prompts_without_every_are_not_drawn(process):
    tree = process(more="sample: {every: never, prompts: [a dog]}\n")
    assert tree["train"]["disable_sampling"] is True
    assert "sample" not in tree


def test_triggers_that_differ_stay_with_their_datasets(process):
    more = "trigger: sks\nsample: {every: 9 steps, prompts: ['[trigger] asleep']}\n"
    tree = process("datasets=[{images: a, trigger: one}, {images: b}, {images: c, regularization: true}]", more=more)
    assert "trigger_word" not in tree
    assert [entry.get("trigger_word") for entry in tree["datasets"]] == ["one", "sks", None]
    assert tree["sample"]["samples"][0]["prompt"] == "sks asleep"


def test_single_file_model_gets_its_extras(process):
    model = process("model.paths={transformer: /m/z.safetensors}")["model"]
    assert model["name_or_path"] == "/m/z.safetensors"
    assert model["extras_name_or_path"] == "Tongyi-MAI/Z-Image-Turbo"
    model = process("model.paths={transformer: /m/z.safetensors, repo: /m/z}")["model"]
    assert model["extras_name_or_path"] == "/m/z"


def test_training_adapter(process):
    path = "ostris/zimage_turbo_training_adapter/zimage_turbo_training_adapter_v2.safetensors"
    model = process(f"model.training_adapter={path}", on="z-image-turbo")["model"]
    assert model["assistant_lora_path"] == path
    assert model["arch"] == "zimage:turbo"


def test_flux_quantizes_both_parts_by_one_key(process, compiled):
    model = process("model.quantize={transformer: fp8, text_encoder: fp8}", on="flux1")["model"]
    assert (model["quantize"], model["quantize_te"], model["qtype"]) == (True, True, "qfloat8")
    assert "qtype_te" not in model
    assert not compiled("model.quantize={transformer: fp8, text_encoder: int8}", on="flux1").ok


def test_quantized_qwen_image_with_preservation_takes_a_format_that_survives_it(process, compiled):
    keep = "preservation.type=blank-prompt"
    assert process("model.quantize.transformer=fp8", on="qwen-image")["model"]["qtype"] == "qfloat8"
    assert process("model.quantize.transformer=fp8", keep, on="qwen-image")["model"]["qtype"] == "float8"
    assert process("model.quantize.transformer=int8", keep, on="qwen-image")["model"]["qtype"] == "int8"
    assert process("model.quantize.transformer=fp8", keep)["model"]["qtype"] == "qfloat8"
    assert not compiled("model.quantize.transformer=int4", keep, on="qwen-image").ok


def test_a_unet_that_draws_samples_never_puts_its_text_encoder_away(process, compiled):
    drawn = "sample: {every: 9 steps, prompts: [a cat]}\n"
    assert process(on="sdxl")["train"]["cache_text_embeddings"] is True
    assert process("sample={every: never, prompts: [a cat]}", on="sdxl")["train"]["cache_text_embeddings"] is True
    assert process(on="sdxl", more=drawn)["train"]["cache_text_embeddings"] is False
    assert codes(compiled("cache.text=disk", on="sdxl", more=drawn)) == {"cache.text.to": "LB307"}


def test_experts(process):
    model = process("model.experts={train: high-noise, switch_every: 10 steps}", "train.gradient_accumulation=2", on="wan22")
    assert model["model"]["model_kwargs"] == {"train_high_noise": True, "train_low_noise": False}
    assert model["train"]["switch_boundary_every"] == 20


def test_control_pictures(process):
    entry = process("datasets[0].control=[data/a, data/b]", on="edit")["datasets"][0]
    assert entry["control_path"] == ["/data/data/a", "/data/data/b"]
    entry = process("datasets[0].control=[data/a]", on="edit")["datasets"][0]
    assert entry["control_path"] == "/data/data/a"


def test_a_trained_text_encoder_stays_when_layers_are_chosen(process):
    kwargs = process("adapter={rank: 8, text_encoder: true, targets: attention}", on="sdxl")["network"]["network_kwargs"]
    assert kwargs["only_if_contains"] == ["attn1.", "attn2.", "lora_te"]


def test_a_text_encoder_in_one_file_is_told_where_a_folder_is_needed(compiled):
    plan = compiled("model={family: krea2, paths: {repo: krea/Krea-2-Raw, text_encoder: /m/te.safetensors}}")
    assert "text_encoder_path" not in plan.files[0].text
    assert any(item.path == "model.paths.text_encoder" and item.code == "LB302" for item in plan.diagnostics)
    plan = compiled("model={family: krea2, paths: {repo: krea/Krea-2-Raw, text_encoder: /m/te}}")
    assert "text_encoder_path: /m/te\n" in plan.files[0].text


def test_clips(process):
    entry = process("datasets[0]={videos: clips, video: {frames: [33]}}", on="wan22")["datasets"][0]
    assert (entry["num_frames"], entry["shrink_video_to_frames"]) == (33, True)
    entry = process("datasets[0]={videos: clips, video: {extract: full, fps: 16}}", on="wan22")["datasets"][0]
    assert (entry["auto_frame_count"], entry["fps"]) == (True, 16)


def test_prodigy_is_told_its_own_rate_when_none_was_written(compiled, tmp_path):
    plan = compiled("optimizer={type: prodigy}")
    assert plan.ok
    assert "lr: 1.0\n" in plan.files[0].text
