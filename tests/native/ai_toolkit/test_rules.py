"""One line per rule: a change to a good job, and what must be found."""

from __future__ import annotations

from typing import Any

import pytest

from tests.native.ai_toolkit.helpers import GONE, check, told

Row = tuple[dict[str, Any], str]
FLUX = {"model.arch": "flux", "model.name_or_path": "black-forest-labs/FLUX.1-dev"}
QWEN = {"model.arch": "qwen_image", "model.name_or_path": "Qwen/Qwen-Image"}
EDIT = {"model.arch": "qwen_image_edit_plus", "model.name_or_path": "Qwen/Qwen-Image-Edit-2509", "datasets.0.control_path": "/data/before"}
SDXL = {
    "model.arch": "sdxl",
    "model.name_or_path": "stabilityai/stable-diffusion-xl-base-1.0",
    "train.noise_scheduler": "ddpm",
    "train.timestep_type": GONE,
    "sample.sampler": "ddpm",
    "model.quantize": GONE,
}
KONTEXT = {
    "model.arch": "flux_kontext",
    "model.name_or_path": "x/y",
    "datasets.0.control_path": "/data/before",
    "sample.prompts": ["a --ctrl_img /data/x.png"],
}
SAMPLES = {"sample.prompts": GONE}
QUIET = {"train.disable_sampling": True}

ERRORS: list[Row] = [
    # frame
    ({"/job": "lora"}, "LB314 job"), ({"/job": GONE}, "LB318 "), ({"/config": GONE}, "LB318 "), ({"/config": []}, "LB313 config"), ({"/job": "train"}, "LB319 job"),
    ({"/meta": None}, "LB315 meta"), ({"/train": {"lr": 1}}, "LB311 train"), ({"/process": []}, "LB311 process"), ({"/mteta": {}}, "LB310 mteta"),
    ({"/config.name": GONE}, "LB318 config"), ({"/config.name": 12}, "LB313 config.name"), ({"/config.name": None}, "LB313 config.name"), ({"/config.name": True}, "LB313 config.name"),
    ({"/config.name": "a/b"}, "LB315 config.name"), ({"/config.name": 'a"b'}, "LB315 config.name"), ({"/config.name": "a\\b"}, "LB315 config.name"),
    ({"/config.name": "cat [v2]"}, "LB317 config.name"), ({"/config.name": "cat*"}, "LB317 config.name"), ({"/config.name": ""}, "LB317 config.name"),
    ({"/config.process": GONE}, "LB318 config.process"), ({"/config.process": []}, "LB318 config.process"), ({"/config.process": {"type": "sd_trainer"}}, "LB313 config.process"),
    ({"/config.process": ["sd_trainer"]}, "LB313 "), ({"/config.lr": 1}, "LB310 config.lr"), ({"/config.model": {}}, "LB311 config.model"),
    ({"/config.training_folder": "/data"}, "LB311 config.training_folder"), ({"type": GONE}, "LB318 "), ({"type": "trainer"}, "LB314 type"),
    ({"training_folder": GONE}, "LB318 "), ({"training_folder": None}, "LB318 training_folder"), ({"training_folder": 5}, "LB313 training_folder"),
    ({"/job": "generate"}, "LB319 job"), ({"/job": "mod"}, "LB319 job"), ({"/config.name": "x" * 240}, "LB315 config.name"),
    ({"datasets.0.scale": None}, "LB315 datasets[0].scale"), ({"sample.sample_steps": None}, "LB315 sample.sample_steps"),
    ({"model.arch": "zimage", "model.name_or_path": "x/y", "model.assistant_lora_path": ""}, "LB315 model.assistant_lora_path"),
    ({"train.noise_multiplier": None}, "LB315 train.noise_multiplier"), ({"datasets.0.num_workers": None}, "LB315 datasets[0].num_workers"),
    ({"datasets.0.type": None}, "LB315 datasets[0].type"), ({"sample.width": None}, "LB315 sample.width"), ({"train.min_denoising_steps": None}, "LB315 train.min_denoising_steps"),
    # keys
    ({"trian": {"lr": 1}}, "LB310 trian"), ({"lr": 0.1}, "LB311 lr"), ({"steps": 5}, "LB311 steps"), ({"train.linear": 4}, "LB311 train.linear"), ({"network.lr": 4}, "LB311 network.lr"),
    ({"train.learning_rate": 0.1}, "LB310 train.learning_rate"), ({"train.max_train_steps": 1}, "LB310 train.max_train_steps"), ({"train.optimiser": "adamw"}, "LB310 train.optimiser"),
    ({"network.dim": 16}, "LB310 network.dim"), ({"network.network_alpha": 16}, "LB310 network.network_alpha"), ({"datasets.0.repeats": 3}, "LB310 datasets[0].repeats"),
    ({"datasets.0.captoin_ext": "txt"}, "LB310 datasets[0].captoin_ext"), ({"datasets.0.steps": 3}, "LB311 datasets[0].steps"), ({"save.save_ever": 3}, "LB310 save.save_ever"),
    ({"sample.negative_prompt": "x"}, "LB310 sample.negative_prompt"), ({"logging": {"log_evry": 1}}, "LB310 logging.log_evry"), ({"model.dtpye": "x"}, "LB310 model.dtpye"),
    ({"train.ema_config": {"use_emma": True}}, "LB310 train.ema_config.use_emma"), ({"network.network_kwargs": {"only_if_contain": ["x"]}}, "LB310 network.network_kwargs.only_if_contain"),
    ({"network.network_kwargs": {"alpha": 4}}, "LB315 network.network_kwargs.alpha"), ({"train.validation_config": {"validation_items": [{"image": "x"}]}}, "LB310 train.validation_config.validation_items[0].image"),
    ({**SAMPLES, "sample.samples": [{"prompt": "x", "widht": 5}]}, "LB310 sample.samples[0].widht"), ({"adapter": {"typ": "ip"}}, "LB310 adapter.typ"),
    ({"train.ema_config": {"use_ema": "false"}}, "LB317 train.ema_config.use_ema"), ({"datasets.0.scale": 0}, "LB315 datasets[0].scale"),
    ({"train.unet_lr": 0.01}, "LB312 train.unet_lr"), ({"train.text_encoder_lr": 0.01}, "LB312 train.text_encoder_lr"),
    # kinds
    ({"train.steps": "2000"}, "LB313 train.steps"), ({"train.steps": 4.5}, "LB313 train.steps"), ({"train.steps": 4.0}, "LB313 train.steps"), ({"train.steps": None}, "LB315 train.steps"),
    ({"train.steps": True}, "LB313 train.steps"), ({"train.lr": "1e-4"}, "LB313 train.lr"), ({"train.lr": None}, "LB315 train.lr"), ({"train.lr": [0.1]}, "LB313 train.lr"),
    ({"train.batch_size": "1"}, "LB313 train.batch_size"), ({"train.batch_size": 1.5}, "LB313 train.batch_size"), ({"train.batch_size": None}, "LB315 train.batch_size"),
    ({"train.gradient_accumulation": "4"}, "LB313 train.gradient_accumulation"), ({"train.gradient_accumulation": None}, "LB315 train.gradient_accumulation"),
    ({"train.optimizer": 5}, "LB313 train.optimizer"), ({"train.optimizer": None}, "LB315 train.optimizer"), ({"train.lr_scheduler": None}, "LB315 train.lr_scheduler"),
    ({"train.lr_scheduler_params": None}, "LB315 train.lr_scheduler_params"), ({"train.optimizer_params": "weight_decay=0.1"}, "LB313 train.optimizer_params"),
    ({"train.max_grad_norm": None}, "LB315 train.max_grad_norm"), ({"train.content_or_style": None}, "LB315 train.content_or_style"), ({"train.noise_offset": "0.1"}, "LB313 train.noise_offset"),
    ({"train.ema_config": True}, "LB313 train.ema_config"), ({"train.ema_config": {"use_ema": True, "ema_decay": "0.99"}}, "LB313 train.ema_config.ema_decay"),
    ({"train.ema_config": {"use_ema": True, "ema_decay": 1.5}}, "LB315 train.ema_config.ema_decay"), ({"train.start_step": "5"}, "LB313 train.start_step"),
    ({"train.min_snr_gamma": "5"}, "LB313 train.min_snr_gamma"), ({"train.disable_sampling": "false"}, "LB317 train.disable_sampling"), ({"train.skip_first_sample": "no"}, "LB317 train.skip_first_sample"),
    ({"train.gradient_checkpointing": "off"}, "LB317 train.gradient_checkpointing"), ({"model.quantize": "False"}, "LB317 model.quantize"), ({"model.low_vram": "0"}, "LB317 model.low_vram"),
    ({"datasets.0.cache_latents_to_disk": "none"}, "LB317 datasets[0].cache_latents_to_disk"), ({"network.linear": "16"}, "LB313 network.linear"), ({"network.linear": 16.5}, "LB313 network.linear"),
    ({"network.dropout": "0.1"}, "LB313 network.dropout"), ({"network.type": None}, "LB315 network.type"), ({"network.type": 5}, "LB313 network.type"), ({"network.network_kwargs": None}, "LB315 network.network_kwargs"),
    ({"network.network_kwargs": ["x"]}, "LB313 network.network_kwargs"), ({"network": "lora"}, "LB313 network"), ({"network": []}, "LB313 network"), ({"train": "x"}, "LB313 train"), ({"save": [1]}, "LB313 save"),
    ({"save.save_every": "250"}, "LB313 save.save_every"), ({"save.max_step_saves_to_keep": None}, "LB315 save.max_step_saves_to_keep"), ({"save.max_step_saves_to_keep": "4"}, "LB313 save.max_step_saves_to_keep"),
    ({"save.dtype": 16}, "LB313 save.dtype"), ({"logging": {"log_every": "1"}}, "LB313 logging.log_every"), ({"performance_log_every": "10"}, "LB313 performance_log_every"), ({"trigger_word": 12}, "LB313 trigger_word"),
    ({"trigger_word": False}, "LB313 trigger_word"), ({"datasets.0.trigger_word": 7}, "LB313 datasets[0].trigger_word"), ({"sample.width": "1024"}, "LB313 sample.width"), ({"sample.num_frames": "1"}, "LB313 sample.num_frames"),
    ({**QUIET, "sample.num_frames": "1"}, "LB313 sample.num_frames"), ({"sample.prompts": "a cat"}, "LB313 sample.prompts"), ({"sample.prompts": None}, "LB315 sample.prompts"), ({"sample.prompts": [5]}, "LB313 sample.prompts[0]"),
    ({"sample.neg": 5}, "LB313 sample.neg"), ({"sample.sample_steps": "20"}, "LB313 sample.sample_steps"), ({"sample.guidance_scale": "4"}, "LB313 sample.guidance_scale"),
    ({**SAMPLES, "sample.samples": [{"prompt": "x", "width": "64"}]}, "LB313 sample.samples[0].width"), ({**SAMPLES, "sample.samples": ["a cat"]}, "LB313 sample.samples[0]"),
    ({"datasets.0.num_repeats": "2"}, "LB313 datasets[0].num_repeats"), ({"datasets.0.num_repeats": 1.5}, "LB313 datasets[0].num_repeats"), ({"datasets.0.num_repeats": None}, "LB315 datasets[0].num_repeats"),
    ({"datasets.0.num_frames": "1"}, "LB313 datasets[0].num_frames"), ({"datasets.0.num_workers": "2"}, "LB313 datasets[0].num_workers"), ({"datasets.0.caption_ext": False}, "LB313 datasets[0].caption_ext"),
    ({"datasets.0.caption_ext": None}, "LB315 datasets[0].caption_ext"), ({"datasets.0.folder_path": 5}, "LB313 datasets[0].folder_path"), ({"datasets.0.caption_dropout_rate": None}, "LB315 datasets[0].caption_dropout_rate"),
    ({"datasets.0.caption_dropout_rate": "x"}, "LB313 datasets[0].caption_dropout_rate"), ({"datasets.0.loss_multiplier": "1"}, "LB313 datasets[0].loss_multiplier"), ({"model.arch": 5}, "LB313 model.arch"),
    ({"model.name_or_path": None}, "LB315 model.name_or_path"), ({"model.name_or_path": ["x"]}, "LB313 model.name_or_path"), ({"model.model_kwargs": "x"}, "LB313 model.model_kwargs"),
    # choices
    ({"save.dtype": "fp12"}, "LB314 save.dtype"), ({"train.dtype": "bf32"}, "LB314 train.dtype"), ({"train.dtype": "torch.bfloat16"}, "LB314 train.dtype"), ({"train.dtype": "BF16"}, "LB314 train.dtype"),
    ({"save.save_format": "ckpt"}, "LB314 save.save_format"), ({"train.content_or_style": "both"}, "LB314 train.content_or_style"), ({"train.loss_type": "msee"}, "LB314 train.loss_type"), ({"train.loss_type": "huber"}, "LB314 train.loss_type"),
    ({"train.loss_target": "x"}, "LB314 train.loss_target"), ({"train.attention_backend": "flahs"}, "LB314 train.attention_backend"), ({"network.type": "lroa"}, "LB314 network.type"), ({"network.type": "loha"}, "LB314 network.type"),
    ({"network.type": "locon"}, "LB315 network.type"), ({"network.type": "LyCORIS"}, "LB315 network.type"), ({"sample.format": "pngg"}, "LB314 sample.format"),
    # ranges
    ({"train.batch_size": 0}, "LB315 train.batch_size"), ({"train.steps": 0}, "LB323 train.steps"), ({"train.steps": -5}, "LB323 train.steps"), ({"train.gradient_accumulation": 0}, "LB315 train.gradient_accumulation"),
    ({"network.linear": 0}, "LB315 network.linear"), ({"network.rank": 0, "network.linear": GONE}, "LB315 network.rank"), ({"network.linear": -4}, "LB315 network.linear"), ({"network.dropout": 1.5}, "LB315 network.dropout"),
    ({"save.max_step_saves_to_keep": -1}, "LB317 save.max_step_saves_to_keep"), ({"save.save_every": -1}, "LB317 save.save_every"), ({"datasets.0.caption_dropout_rate": 5}, "LB317 datasets[0].caption_dropout_rate"),
    ({"datasets.0.num_repeats": 0}, "LB317 datasets[0].num_repeats"), ({"datasets.0.num_workers": -1}, "LB315 datasets[0].num_workers"), ({"datasets.0.batch_size": 0}, "LB315 datasets[0].batch_size"),
    # train
    ({"train": GONE}, "LB323 train"), ({"train": None}, "LB323 train"), ({"train": {}}, "LB323 train"), ({"train.lr": GONE}, "LB318 train"), ({"train.lr": 0}, "LB323 train.lr"), ({"train.lr": -0.1}, "LB315 train.lr"), ({"train.lr": 1000000.0}, "LB323 train.lr"),
    ({"train.lr": float("nan")}, "LB323 train.lr"), ({"train.start_step": 2000}, "LB323 train.start_step"), ({"train.optimizer": "adamw7bit"}, "LB314 train.optimizer"), ({"train.optimizer": "paged_adamw8bit"}, "LB314 train.optimizer"),
    ({"train.optimizer": "sgd"}, "LB314 train.optimizer"), ({"train.optimizer_params": {"eps": 1e-8}}, "LB315 train.optimizer_params.eps"), ({"train.optimizer_params": {"lr": 1e-8}}, "LB315 train.optimizer_params.lr"),
    ({"train.optimizer_params": {"weight_decy": 0.1}}, "LB315 train.optimizer_params.weight_decy"), ({"train.optimizer_params": {"weight_decay": "0.01"}}, "LB313 train.optimizer_params.weight_decay"),
    ({"train.optimizer": "prodigy", "train.lr": 1.0, "train.optimizer_params": {"momentum": 1}}, "LB315 train.optimizer_params.momentum"), ({"train.optimizer": "adafactor", "train.optimizer_params": {"betas": [0.9, 0.99]}}, "LB315 train.optimizer_params.betas"),
    ({"train.lr_scheduler": "polynomial"}, "LB314 train.lr_scheduler"), ({"train.lr_scheduler": "step"}, "LB315 train.lr_scheduler"), ({"train.lr_scheduler": "Cosine"}, "LB314 train.lr_scheduler"), ({"train.lr_scheduler": "warmup"}, "LB314 train.lr_scheduler"),
    ({"train.lr_scheduler_params": {"num_warmup_steps": 5}}, "LB315 train.lr_scheduler_params.num_warmup_steps"), ({"train.lr_scheduler": "cosine", "train.lr_scheduler_params": {"warmup_steps": 5}}, "LB315 train.lr_scheduler_params.warmup_steps"),
    ({"train.lr_scheduler": "cosine", "train.lr_scheduler_params": {"eta_min": "1e-6"}}, "LB313 train.lr_scheduler_params.eta_min"), ({"train.gradient_accumulation_steps": 4}, "LB323 train.gradient_accumulation_steps"),
    ({"train.gradient_accumulation_steps": -1}, "LB323 train.gradient_accumulation_steps"), ({"train.gradient_accumulation_steps": 2, "train.gradient_accumulation": 2}, "LB319 train.gradient_accumulation_steps"),
    ({"train.diff_output_preservation": True}, "LB318 train.diff_output_preservation"), ({"train.diff_output_preservation": True, "trigger_word": "x", "train.blank_prompt_preservation": True}, "LB319 train.diff_output_preservation"),
    ({"train.diff_output_preservation": True, "trigger_word": "x", "network": GONE}, "LB319 train.diff_output_preservation"), ({"train.blank_prompt_preservation": True, "network": GONE}, "LB319 train.blank_prompt_preservation"),
    ({**SDXL, "train.diff_output_preservation": True, "trigger_word": "x", "train.train_text_encoder": True}, "LB319 train.diff_output_preservation"), ({"train.train_text_encoder": True}, "LB312 train.train_text_encoder"),
    ({**SDXL, "train.train_text_encoder": True, "train.cache_text_embeddings": True}, "LB319 train.train_text_encoder"), ({**EDIT, "model.arch": "qwen_image_edit", "train.unload_text_encoder": True}, "LB319 train.unload_text_encoder"),
    ({"train.bypass_guidance_embedding": True, "train.do_guidance_loss": True}, "LB319 train.do_guidance_loss"), ({"train.train_unet": False}, "LB323 train.train_unet"), ({"train.dtype": "float8"}, "LB315 train.dtype"),
    # noise
    ({"train.noise_scheduler": GONE}, "LB317 train"), ({"train.noise_scheduler": "ddpm"}, "LB317 train.noise_scheduler"), ({"train.noise_scheduler": "flow"}, "LB314 train.noise_scheduler"), ({**FLUX, "train.noise_scheduler": GONE}, "LB323 train"),
    ({**FLUX, "train.noise_scheduler": "ddpm"}, "LB323 train.noise_scheduler"), ({**QWEN, "train.noise_scheduler": GONE}, "LB315 train"), ({**SDXL, "train.noise_scheduler": "dppm"}, "LB314 train.noise_scheduler"),
    ({"train.timestep_type": "sigmoidd"}, "LB314 train.timestep_type"), ({"train.timestep_type": "uniform"}, "LB314 train.timestep_type"), ({"train.timestep_type": None}, "LB315 train.timestep_type"),
    ({"train.min_denoising_steps": 900, "train.max_denoising_steps": 100}, "LB319 train.max_denoising_steps"),
    # model
    ({"model": GONE}, "LB318 model"), ({"model": None}, "LB318 model"), ({"model.name_or_path": GONE}, "LB318 model"), ({"model.name_or_path": ""}, "LB318 model.name_or_path"), ({"model.arch": "zimg"}, "LB314 model.arch"),
    ({"model.arch": "ZImage"}, "LB314 model.arch"), ({"model.arch": "z-image"}, "LB314 model.arch"), ({"model.arch": "sd35"}, "LB314 model.arch"), ({"model.arch": GONE}, "LB318 model"), ({"model.arch": "flux1"}, "LB314 model.arch"),
    ({"model.attn_masking": True}, "LB319 model.attn_masking"), ({**FLUX, "model.split_model_over_gpus": True}, "LB319 model.split_model_over_gpus"), ({**FLUX, "model.name_or_path": "/data/flux1-dev.safetensors"}, "LB315 model.name_or_path"),
    ({"model.qtype": "fp8"}, "LB314 model.qtype"), ({"model.qtype": ""}, "LB315 model.qtype"), ({"model.qtype_te": "int3"}, "LB314 model.qtype_te"), ({"model.qtype": "uint3|a|b"}, "LB315 model.qtype"),
    ({"model.qtype": "uint3|x/y/z.safetensors", "model.assistant_lora_path": "/data/a.safetensors"}, "LB319 model.assistant_lora_path"),
    # network
    ({"network.network_kwargs": {"only_if_contains": "attention"}}, "LB317 network.network_kwargs.only_if_contains"), ({"network.network_kwargs": {"only_if_contains": []}}, "LB315 network.network_kwargs.only_if_contains"),
    ({"network.network_kwargs": {"ignore_if_contains": [5]}}, "LB313 network.network_kwargs.ignore_if_contains[0]"), ({"network.network_kwargs": {"only_if_contains": [""]}}, "LB317 network.network_kwargs.only_if_contains[0]"),
    ({"network.network_kwargs": {"module_dropout": 0.1}}, "LB315 network.network_kwargs.module_dropout"), ({"network.network_kwargs": {"rank_dropout": "x"}}, "LB313 network.network_kwargs.rank_dropout"), ({"network.network_kwargs": {"rank_dropout": 2}}, "LB317 network.network_kwargs.rank_dropout"), ({"network.type": "lorm"}, "LB318 network.type"),
    # datasets
    ({"datasets": GONE}, "LB318 datasets"), ({"datasets": []}, "LB318 datasets"), ({"datasets": None}, "LB318 datasets"), ({"datasets": {"folder_path": "x"}}, "LB313 datasets"), ({"datasets": ["/data/cats"]}, "LB313 datasets[0]"),
    ({"datasets.0.folder_path": GONE}, "LB318 datasets[0]"), ({"datasets.0.folder_path": None}, "LB318 datasets[0].folder_path"), ({"datasets.0.folder_path": ""}, "LB318 datasets[0].folder_path"), ({"datasets.0.poi": "x"}, "LB315 datasets[0].poi"),
    ({"datasets.0.resolution": []}, "LB315 datasets[0].resolution"), ({"datasets.0.resolution": "512"}, "LB313 datasets[0].resolution"), ({"datasets.0.resolution": ["512"]}, "LB313 datasets[0].resolution[0]"),
    ({"datasets.0.resolution": [[512, 768]]}, "LB313 datasets[0].resolution[0]"), ({"datasets.0.resolution": None}, "LB313 datasets[0].resolution"), ({"datasets.0.resolution": 0}, "LB317 datasets[0].resolution"), ({"datasets.0.resolution": "512x512"}, "LB313 datasets[0].resolution"),
    ({"datasets.0.caption_ext": "png"}, "LB317 datasets[0].caption_ext"), ({"datasets.0.caption_ext": "*.txt"}, "LB317 datasets[0].caption_ext"), ({"datasets.0.mask_path": "/data/cats/masks"}, "LB319 datasets[0].mask_path"),
    ({"datasets.0.control_path": ["/data/cats/a/b/"]}, "LB319 datasets[0].control_path"), ({**EDIT, "datasets.0.control_path": GONE}, "LB318 datasets[0]"), ({"datasets.0.controls": ["dpeth"]}, "LB314 datasets[0].controls"),
    ({"datasets.0.batch_size": 2, "datasets.0.buckets": False}, "LB319 datasets[0].batch_size"), ({"datasets.0.is_reg": True}, "LB318 datasets"),
    ({"network.network_kwargs": {"only_if_contains": ["nope", "single_transformer_blocks"]}}, "LB315 network.network_kwargs.only_if_contains"), ({**SDXL, "network.network_kwargs": {"only_if_contains": ["layers.1.attention"]}}, "LB315 network.network_kwargs.only_if_contains"),
    ({"datasets": [{"folder_path": "/a", "buckets": False}, {"folder_path": "/b"}]}, "LB319 datasets[0].buckets"), ({"datasets.0.type": "slider"}, "LB314 datasets[0].type"),
    ({"network.network_kwargs": {"only_if_contains": 5}}, "LB313 network.network_kwargs.only_if_contains"), ({"train.optimizer_params": {"weight_decay": -0.1}}, "LB315 train.optimizer_params.weight_decay"),
    ({"datasets": [{"folder_path": "/a", "cache_text_embeddings": True}, {"folder_path": "/b"}]}, "LB319 datasets[0].cache_text_embeddings"),
    # samples
    ({"sample.neg": GONE}, "LB318 sample"), ({"sample.neg": None}, "LB318 sample.neg"), ({"sample.neg": False}, "LB318 sample.neg"), ({**FLUX, "sample.neg": GONE}, "LB318 sample"), ({**SDXL, "sample.neg": GONE}, "LB318 sample"),
    ({"sample.prompts": ["x --w big"]}, "LB315 sample.prompts[0]"), ({"sample.prompts": ["x --seed 1.5"]}, "LB315 sample.prompts[0]"), ({"sample.prompts": ["x --cfg high"]}, "LB315 sample.prompts[0]"), ({"sample.prompts": ["x --w"]}, "LB315 sample.prompts[0]"),
    ({"sample.prompts": ["x --w 512, y"]}, "LB315 sample.prompts[0]"), ({"sample.prompts": ["x --ev a,b"]}, "LB315 sample.prompts[0]"), ({**SAMPLES, "sample.samples": [{"width": 5}]}, "LB317 sample.samples[0]"),
    ({**SAMPLES, "sample.samples": [{"prompt": "x --steps many"}]}, "LB315 sample.samples[0].prompt"), ({**SDXL, "sample.sampler": "ddimm"}, "LB314 sample.sampler"), ({**KONTEXT, "sample.prompts": ["a"]}, "LB318 sample.prompts[0]"),
    ({"first_sample": {"prompts": ["x"]}}, "LB318 first_sample"), ({"sample.walk_seed": True, "sample.seed": "x"}, "LB315 sample.seed"),
    # save and places
    ({"save.push_to_hub": True}, "LB318 save.push_to_hub"), ({"training_folder": "~/out"}, "LB321 training_folder"), ({"training_folder": "$HOME/out"}, "LB321 training_folder"), ({"datasets.0.folder_path": "~/cats"}, "LB321 datasets[0].folder_path"),
    ({"model.name_or_path": "$MODELS/z"}, "LB321 model.name_or_path"), ({"datasets.0.folder_path": "%HOME%/cats"}, "LB321 datasets[0].folder_path"), ({"datasets.0.folder_path": "C:\new"}, "LB320 datasets[0].folder_path"),
    ({"datasets.0.control_path": ["~/x"]}, "LB321 datasets[0].control_path[0]"), ({"network.pretrained_lora_path": "~/a.safetensors"}, "LB321 network.pretrained_lora_path"), ({"model.model_kwargs": {"vae_path": "~/a"}}, "LB321 model.model_kwargs.vae_path"),
]  # fmt: skip

WARNINGS: list[Row] = [
    ({"train.cfg_scale": None}, "LB317 train.cfg_scale"),
    ({"device": "cuda:1"}, "LB312 device"), ({"type": "ui_trainer"}, "LB315 type"), ({"train.weight_jitter": 0.1}, "LB312 train.weight_jitter"), ({"model.in_context": True}, "LB312 model.in_context"), ({"model.dtype": "fp16"}, "LB312 model.dtype"),
    ({"model.model_kwargs": {"match_target_rez": True}}, "LB310 model.model_kwargs.match_target_rez"), ({"network": GONE}, "LB323 network"), ({"network": None}, "LB323 network"), ({"network.linear_alpha": 8}, "LB312 network.linear_alpha"),
    ({**SDXL, "network.linear_alpha": GONE}, "LB318 network"), ({"network.conv": 4}, "LB312 network.conv"), ({"network.rank": 8}, "LB319 network.linear"), ({"network.linear": GONE, "network.linear_alpha": GONE}, "LB318 network"),
    ({"network.type": "lokr"}, "LB312 network.linear"), ({"network.network_kwargs": {"only_if_contains": ["attention", "attn.*"]}}, "LB317 network.network_kwargs.only_if_contains[1]"), ({**SDXL, "network.linear_alpha": 0}, "LB317 network.linear_alpha"),
    ({"train.steps": GONE}, "LB318 train"), ({"train.optimizer": "prodigy"}, "LB317 train.lr"), ({"train.optimizer": "prodigy_8bit", "train.lr": 1.0}, "LB317 train.optimizer"), ({"train.lr": 0.5}, "LB323 train.lr"), ({"train.lr": 0.05}, "LB317 train.lr"),
    ({"train.optimizer": "lion"}, "LB315 train.optimizer"), ({"train.optimizer": "dadaptation", "train.lr": 1.0}, "LB315 train.optimizer"), ({"train.lr_scheduler": "linear"}, "LB317 train.lr_scheduler"),
    ({"train.lr_scheduler": "constant_with_warmup"}, "LB318 train.lr_scheduler"), ({"train.lr_scheduler": "cosine_with_restarts"}, "LB317 train.lr_scheduler"), ({"train.lr_scheduler": "cosine", "train.lr_scheduler_params": {"T_max": 5}}, "LB312 train.lr_scheduler_params.T_max"),
    ({"train.lr_scheduler_params": {"total_iters": 5}}, "LB312 train.lr_scheduler_params.total_iters"), ({"train.lr_scheduler": "constant_with_warmup", "train.lr_scheduler_params": {"num_warmup_steps": 5000}}, "LB317 train.lr_scheduler_params.num_warmup_steps"),
    ({"train.unload_text_encoder": True}, "LB317 train.unload_text_encoder"), ({"train.diff_output_preservation": True, "trigger_word": "x"}, "LB318 train.diff_output_preservation"), ({"train.ema_config": {"ema_decay": 0.99}}, "LB312 train.ema_config"),
    ({"train.validation_config": {"resolution": 512}}, "LB318 train.validation_config"), ({"train.noise_scheduler": GONE, "train.timestep_type": GONE}, "LB317 train"), ({**SDXL, "train.noise_scheduler": "flowmatch"}, "LB317 train.noise_scheduler"),
    ({"train.linear_timesteps": True}, "LB319 train.timestep_type"), ({"train.max_denoising_steps": 5000}, "LB317 train.max_denoising_steps"), ({"train.max_denoising_steps": 1}, "LB317 train.max_denoising_steps"), ({"model.arch": "sd1.5"}, "LB314 model.arch"),
    ({"model.is_flux": True}, "LB319 model.is_flux"), ({"model.arch": GONE, "model.is_xl": True, "model.is_flux": True, "train.noise_scheduler": "ddpm"}, "LB319 model.is_flux"), ({"model.name_or_path": "/data/z.safetensors"}, "LB318 model.name_or_path"),
    ({**FLUX, "model.layer_offloading": True}, "LB312 model.layer_offloading"), ({**SDXL, "model.quantize": True}, "LB312 model.quantize"), ({"model.quantize": False, "model.qtype": "fp8"}, "LB314 model.qtype"), ({"model.quantize": GONE, "model.qtype": "int8"}, "LB312 model.qtype"),
    ({**QWEN, "model.assistant_lora_path": "a/b/c"}, "LB312 model.assistant_lora_path"), ({"datasets.0.resolution": [512, 512]}, "LB317 datasets[0].resolution[1]"), ({"datasets.0.resolution": [9]}, "LB317 datasets[0].resolution[0]"), ({"datasets.0.caption_ext": "txtt"}, "LB317 datasets[0].caption_ext"),
    ({"datasets.0.caption_ext": ""}, "LB317 datasets[0].caption_ext"), ({"datasets.0.mask_path": "/data/cats"}, "LB319 datasets[0].mask_path"), ({"datasets.0.dataset_path": "/data/dogs"}, "LB319 datasets[0].folder_path"), ({"datasets.0.num_frames": 41}, "LB319 datasets[0].num_frames"),
    ({**KONTEXT, "datasets.0.control_path": GONE}, "LB318 datasets[0]"), ({**KONTEXT, "datasets.0.control_path": ["/a", "/b"]}, "LB317 datasets[0].control_path"), ({"train.cache_text_embeddings": True, "datasets.0.shuffle_tokens": True}, "LB312 datasets[0].shuffle_tokens"),
    ({"datasets.0.augments": ["x"], "datasets.0.cache_latents": True}, "LB319 datasets[0].augments"), ({"datasets": [{"folder_path": "/a"}, {"folder_path": "/a"}]}, "LB317 datasets[1]"), ({"datasets.0.caption_type": "txt"}, "LB312 datasets[0].caption_type"),
    ({"sample.prompts": ["a cat -- on a mat"]}, "LB317 sample.prompts[0]"), ({"sample.prompts": ["a --width 512"]}, "LB317 sample.prompts[0]"), ({"sample.samples": [{"prompt": "x"}]}, "LB319 sample.prompts"), ({**QUIET, "sample.format": "pngg"}, "LB314 sample.format"),
    ({**QUIET, "sample.width": "64"}, "LB313 sample.width"), ({**QUIET, "first_sample": {"prompts": ["x"], "neg": ""}}, "LB312 first_sample"), ({"model.arch": "chroma", "sample.neg": GONE}, "LB318 sample"), ({"datasets.0.caption_dropout_rate": "0.1"}, "LB313 datasets[0].caption_dropout_rate"),
    ({"network.linear_alpha": "16"}, "LB313 network.linear_alpha"), ({"train.disable_sampling": "true"}, "LB313 train.disable_sampling"), ({"train.max_grad_norm": "1.0"}, "LB313 train.max_grad_norm"), ({"save.save_every": 250.5}, "LB317 save.save_every"),
    ({"datasets.0.resolution": 512.5}, "LB317 datasets[0].resolution"), ({**SDXL, "train.timestep_type": "sigmoidd"}, "LB314 train.timestep_type"), ({"train.optimizer": "prodigy", "train.lr": 50}, "LB317 train.lr"),
    ({"network.network_kwargs": {"only_if_contains": ["attention", "nope"]}}, "LB317 network.network_kwargs.only_if_contains[1]"),
    ({"datasets.0.bucket_tolerance": 32}, "LB312 datasets[0].bucket_tolerance"), ({"datasets.0.caption_ext": "json"}, "LB317 datasets[0].caption_ext"), ({**SDXL, "model.low_vram": True}, "LB312 model.low_vram"), ({"train.attention_backend": "flash"}, "LB315 train.attention_backend"), ({"train.xformers": True}, "LB315 train.xformers"),
    ({"sample.format": ".png"}, "LB317 sample.format"), ({"datasets.0.replacements": ["a|b"]}, "LB312 datasets[0].replacements"), ({"sample.width": 0}, "LB317 sample.width"),
    ({"name": "dog"}, "LB317 name"), ({"training_folder": "/data/_cn_runs"}, "LB317 training_folder"), ({"training_folder": " /data"}, "LB317 training_folder"), ({"training_folder": ""}, "LB317 training_folder"), ({"model.layer_offloading_transformer_percent": 50}, "LB317 model.layer_offloading_transformer_percent"),
]  # fmt: skip

GOOD: list[dict[str, Any]] = [
    {"train.start_step": None}, {"save.save_every": None}, {"datasets.0.bucket_tolerance": None}, {"network.dropout": None},
    {}, FLUX, QWEN, EDIT, SDXL, KONTEXT, {"type": "sd_trainer"}, {"save.save_every": None}, {"save.save_every": 0}, {"logging": {"log_every": None}}, {"save.max_step_saves_to_keep": 0}, {"sample.sample_every": 0},
    {"train.optimizer": "AdamW"}, {"train.optimizer": "Prodigy", "train.lr": 1.0}, {"train.optimizer": "adafactor", "train.optimizer_params": {"eps": [1e-30, 0.001]}}, {"train.optimizer_params": {"weight_decay": 0.01, "betas": [0.9, 0.99]}},
    {"train.lr_scheduler": "cosine", "train.lr_scheduler_params": {"eta_min": 1e-6}}, {"train.lr_scheduler": "constant_with_warmup", "train.lr_scheduler_params": {"num_warmup_steps": 100}}, {"train.lr_scheduler": "linear", "train.lr_scheduler_params": {"start_factor": 1.0, "end_factor": 0.1}},
    {"train.gradient_accumulation": 4}, {"train.gradient_accumulation_steps": 1}, {"train.timestep_type": "weighted"}, {"train.diff_output_preservation": True, "trigger_word": "x", "train.diff_output_preservation_class": "cat"}, {"train.blank_prompt_preservation": True},
    {"train.cache_text_embeddings": True}, {"train.cache_text_embeddings": True, "train.unload_text_encoder": True}, {"train.ema_config": {"use_ema": True, "ema_decay": 0.99}}, {"train.ema_config": None}, {"network.type": "dora"}, {"network.type": "LoRA"},
    {"network.type": "lokr", "network.lokr_full_rank": True, "network.lokr_factor": 8}, {"network.dropout": 0.1}, {"network.linear_alpha": GONE}, {"network.network_kwargs": {"only_if_contains": ["attention"], "rank_dropout": 0.1}}, {"network.transformer_only": False}, {**FLUX, "network.network_kwargs": {"only_if_contains": ["transformer.single_transformer_blocks.7.proj_out", "attn.to_q"]}}, {**QWEN, "network.network_kwargs": {"ignore_if_contains": ["img_mlp"]}},
    {**SDXL, "network.network_kwargs": {"only_if_contains": ["attn2.to_k", "down_blocks"]}}, {"model.arch": "wan21", "network.network_kwargs": {"only_if_contains": ["blocks.3.attn1"]}}, {"train.attention_backend": "_native_flash"},
    {"model.arch": "zimage:turbo", "model.assistant_lora_path": "ostris/x/y.safetensors"}, {"model.qtype": "uint3|ostris/a/b.safetensors"}, {"model.qtype": "int8", "model.qtype_te": "float8"}, {"model.arch": "flex1", "model.name_or_path": "ostris/Flex.1-alpha"},
    {"model.arch": GONE, "model.is_xl": True, "train.noise_scheduler": "ddpm", "train.timestep_type": GONE, "model.quantize": GONE, "sample.sampler": "ddpm"}, {"model.name_or_path": "/data/z.safetensors", "model.extras_name_or_path": "/data/z"},
    {"datasets.0.resolution": 1024}, {"datasets.0.resolution": 1024.0}, {"datasets.0.caption_ext": ".txt"}, {"datasets.0.caption_ext": "caption"}, {"datasets.0.mask_path": "/data/cats_masks"}, {"datasets.0.mask_path": None}, {"datasets.0.control_path": ""},
    {"datasets.0.mask_path": "/data/cats/.masks"}, {"datasets.0.num_repeats": 10}, {"datasets.0.batch_size": 2}, {"datasets.0.is_reg": 0}, {**QUIET, "sample.neg": GONE}, {"sample.prompts": [], "sample.neg": GONE}, {"sample": GONE},
    {**QWEN, "sample.neg": GONE}, {"sample.prompts": ["a cat --w 512 --h 512 --seed -1 --cfg 3.5 --n bad, worse --m .5"]}, {**SAMPLES, "sample.samples": [{"prompt": "x", "seed": 1, "neg": "y"}]}, {"trigger_word": "ohwx"}, {"trigger_word": None}, {"/meta": GONE},
    {"training_seed": 42}, {"train.start_step": 2}, {"train.max_loss": 0.1}, {"log_dir": "/data/log"}, {"/config.device": "cuda"}, {"name": "cat"}, {"train.disable_sampling": 1}, {"datasets": [{"folder_path": "/a"}, {"folder_path": "/b", "is_reg": True}]},
    {"/config.name": 'a"b', "/meta": GONE}, {"train.train_unet": True}, {**SDXL, "train.train_text_encoder": True}, {"model.quantize": False, "model.qtype": ""}, {"train.unet_lr": 0.0001},
]  # fmt: skip


HINTS: list[Row] = [
    ({"save.save_format": "diffusers"}, "LB312 save.save_format"), ({"training_folder": "out"}, "LB317 training_folder"), ({"save.save_every": 5000}, "LB317 save.save_every"), ({"train.unet_lr": 0.0001}, "LB312 train.unet_lr"),
    ({"network.type": "lokr", "network.lokr_full_rank": True}, "LB312 network.linear"), ({"network.network_kwargs": {"ignore_if_contains": ["nope"]}}, "LB317 network.network_kwargs.ignore_if_contains[0]"),
    ({"logging": {"use_wandb": True}}, "LB315 logging.use_wandb"),
]  # fmt: skip


def _name(row: Any) -> str:
    return ",".join(f"{key}={value!r}"[:40] for key, value in row.items()) if isinstance(row, dict) else str(row)


def _found(changes: dict[str, Any], severity: str) -> set[str]:
    found = [item for item in check(changes) if item.severity == severity]
    return {f"{item.code} {item.path.replace('config.process[0]', '').lstrip('.')}" for item in found}


@pytest.mark.parametrize(("changes", "expected"), ERRORS, ids=_name)
def test_errors(changes: dict[str, Any], expected: str) -> None:
    assert expected in _found(changes, "error")


@pytest.mark.parametrize(("changes", "expected"), WARNINGS, ids=_name)
def test_warnings(changes: dict[str, Any], expected: str) -> None:
    assert expected in _found(changes, "warning")
    assert _found(changes, "error") == set()


@pytest.mark.parametrize(("changes", "expected"), HINTS, ids=_name)
def test_hints(changes: dict[str, Any], expected: str) -> None:
    assert expected in _found(changes, "hint")
    assert told(check(changes)) == []


def test_a_process_that_is_no_section_is_told_at_its_place() -> None:
    found = check({"/config.process": ["sd_trainer"]})
    assert [item.message for item in found] == ["a process is a section"]


@pytest.mark.parametrize("changes", GOOD, ids=_name)
def test_good_jobs_pass(changes: dict[str, Any]) -> None:
    assert told(check(changes)) == []
