"""What ai-toolkit cannot say, drops in silence or crashes on: each refused, with the way out."""

from __future__ import annotations

import pytest

from lorabridge.backends.base import Site

from .conftest import codes

REFUSED = [
    ("adapter.alpha=8", "LB301", "adapter.alpha", "`alpha: 16`"),
    ("adapter.type=loha", "LB301", "adapter.type", "lokr"),
    ("adapter.conv_rank=4", "LB301", "adapter.conv_rank", "remove"),
    ("adapter.module_dropout=0.1", "LB301", "adapter.module_dropout", ""),
    ("adapter.text_encoder=true", "LB301", "adapter.text_encoder", "false"),
    ("adapter.dtype=bf16", "LB301", "adapter.dtype", ""),
    ("adapter.factor=8", "LB301", "adapter.factor", "lokr"),
    ("adapter.targets={layers: attention, include: [layers.0.]}", "LB307", "adapter.targets.include", ""),
    ("train.for=16 epochs", "LB308", "train.for", "steps = epochs"),
    ("save.every=1 epoch", "LB308", "save.every", "steps"),
    ("logging.every=1 epoch", "LB308", "logging.every", "steps"),
    ("train.mixed_precision=fp16", "LB301", "train.mixed_precision", "model.dtype"),
    ("model.vae_dtype=fp32", "LB301", "model.vae_dtype", "bf16"),
    ("train.resume_from=elsewhere", "LB301", "train.resume_from", "init_from"),
    ("optimizer.type=sgd", "LB301", "optimizer.type", ""),
    ("optimizer.eps=1e-8", "LB301", "optimizer.eps", "remove"),
    ("optimizer.text_encoder_lr=1e-5", "LB301", "optimizer.text_encoder_lr", ""),
    ("optimizer.lora_plus_ratio=4", "LB301", "optimizer.lora_plus_ratio", ""),
    ("scheduler.type=polynomial", "", "", ""),
    ("scheduler={type: polynomial, power: 2}", "LB301", "scheduler.type", "cosine"),
    ("scheduler.type=rex", "LB301", "scheduler.type", ""),
    ("scheduler={type: cosine, warmup: 10 steps}", "LB301", "scheduler.warmup", "constant"),
    ("scheduler={type: cosine-with-restarts, cycles: 3}", "LB301", "scheduler.cycles", "1"),
    ("noise.bias=balanced", "LB301", "noise.bias", "off"),
    ("noise.timestep_sampling=shift", "LB301", "noise.timestep_sampling", "sigmoid"),
    ("noise.shift=3.0", "LB301", "noise.shift", "remove"),
    ("noise.sigmoid_scale=1.5", "LB301", "noise.sigmoid_scale", ""),
    ("noise.logit_mean=0.5", "LB301", "noise.logit_mean", ""),
    ("noise.weighting=cosmap", "LB301", "noise.weighting", "bell-shaped"),
    ("noise={weighting: bell-shaped, timestep_sampling: sigmoid}", "LB307", "noise.weighting", "uniform"),
    ("noise={min_timestep: 100, timestep_sampling: sigmoid}", "LB307", "noise.min_timestep", "uniform"),
    ("loss.type=huber", "LB301", "loss.type", "mse"),
    ("loss.min_snr_gamma=5", "LB301", "loss.min_snr_gamma", ""),
    ("memory.blocks_to_swap=10", "LB301", "memory.blocks_to_swap", "layer_offload"),
    ("memory.checkpoint_offload=true", "LB301", "memory.checkpoint_offload", "layer_offload"),
    ("cache.latents.batch_size=4", "LB301", "cache.latents.batch_size", ""),
    ("cache.text=memory", "LB301", "cache.text.to", "disk"),
    ("save.metadata=false", "LB301", "save.metadata", ""),
    ("datasets[0].captions.prefix=a photo of", "LB301", "datasets[0].captions.prefix", "trigger"),
    ("datasets[0].captions.keep_tokens=1", "LB301", "datasets[0].captions.keep_tokens", "shuffle"),
    ("datasets[0].repeats=1.5", "LB301", "datasets[0].repeats", "2"),
    ("datasets[0].resolution=[[512, 768]]", "LB301", "datasets[0].resolution", "627"),
    ("datasets[0].upscale=true", "LB301", "datasets[0].upscale", ""),
    ("datasets[0].masks=data/cat/masks", "LB307", "datasets[0].masks", "beside"),
    ("datasets[0].cache_dir=cache", "LB301", "datasets[0].cache_dir", ""),
    ("datasets[0].aspect={min: 0.8}", "LB301", "datasets[0].aspect.min", ""),
    ("datasets[0]={jsonl: a.jsonl}", "LB301", "datasets[0].jsonl", "folder"),
    ("datasets[0].captions.default='[name] asleep'", "LB307", "datasets[0].captions.default", "[trigger]"),
    ("trigger=a${HOME}b", "LB307", "trigger", "${"),
    ("logging.wandb={key_env: MY_KEY}", "", "", ""),
    ("logging={to: wandb, wandb: {key_env: MY_KEY}}", "LB301", "logging.wandb.key_env", "WANDB_API_KEY"),
    ("hardware.gpus=[0, 1]", "LB301", "hardware.gpus", "`gpus: [0]`"),
    ("hardware.pipeline_stages=2", "LB301", "hardware.pipeline_stages", "diffusion-pipe"),
    ("evaluate={datasets: [{images: held}]}", "LB301", "evaluate", ""),
    ("preservation={type: blank-prompt, every: 4 steps}", "LB301", "preservation.every", "1 step"),
    ("model.quantize.transformer=nf4", "LB301", "model.quantize.transformer", "fp8"),
    ("model.merge=[{path: a.safetensors}]", "LB301", "model.merge", ""),
]


@pytest.mark.parametrize(("written", "code", "path", "fix"), REFUSED, ids=lambda value: str(value)[:50])
def test_refused(compiled, written, code, path, fix):
    plan = compiled(written)
    if not code:
        assert plan.ok, codes(plan)
        return
    assert codes(plan).get(path) == code
    found = next(item for item in plan.diagnostics if item.path == path and item.code == code)
    assert fix in f"{found.fix} {found.message}"
    assert found.why
    assert not plan.files


@pytest.mark.parametrize(
    ("written", "on", "path"),
    [
        ("memory.layer_offload=0.5", "sdxl", "memory.layer_offload"),
        ("memory.low_vram=true", "sdxl", "memory.low_vram"),
        ("model.quantize.transformer=fp8", "sdxl", "model.quantize.transformer"),
        ("memory.attention=flash", "flux2", "memory.attention"),
        ("noise.timestep_sampling=resolution-shift", "z-image", "noise.timestep_sampling"),
        ("noise.timestep_sampling=sigmoid", "sdxl", "noise.timestep_sampling"),
        ("model.guidance=3.5", "z-image", "model.guidance"),
        ("model.training_adapter=a.safetensors", "qwen-image", "model.training_adapter.path"),
        ("datasets[0].control=[a, b, c, d]", "edit", "datasets[0].control"),
        ("model.experts={boundary: 0.9}", "wan22", "model.experts.boundary"),
        ("datasets[0]={videos: clips, video: {frames: [33], extract: middle}}", "wan22", "datasets[0].video.extract"),
        ("datasets[0]={videos: clips, video: {frames: [33, 49]}}", "wan22", "datasets[0].video.frames"),
        ("datasets[0]={videos: clips}", "z-image", "datasets[0].videos"),
    ],
)
def test_refused_where_the_loader_would_drop_it(compiled, written, on, path):
    assert path in codes(compiled(written, on=on))


def test_prompts_with_options_are_refused_because_they_would_be_cut(compiled):
    plan = compiled(more="sample: {every: 9 steps, prompts: ['a cat --v 5']}\n")
    assert codes(plan) == {"sample.prompts[0].prompt": "LB307"}


def test_the_name_placeholder_in_a_prompt_is_refused(compiled):
    plan = compiled(more="sample: {every: 9 steps, prompts: ['[name] asleep']}\n")
    assert codes(plan) == {"sample.prompts[0].prompt": "LB307"}


def test_samples_that_are_no_whole_steps_name_the_nearest(compiled):
    plan = compiled("train.for=1001 samples", "train.batch_size=4")
    found = next(item for item in plan.diagnostics if item.code == "LB308")
    assert "`1000 samples` or `1004 samples`" in found.fix


def test_all_findings_come_in_one_pass(compiled):
    plan = compiled("adapter.alpha=8", "noise.shift=3.0", "hardware.gpus=[0, 1]", "save.every=1 epoch")
    assert set(codes(plan)) == {"adapter.alpha", "noise.shift", "hardware.gpus", "save.every"}


def test_going_on_without_it_is_a_warning_and_told(compiled):
    plan = compiled("memory.split_attention=true", site=Site(root="/data", unsupported="warn"))
    assert plan.ok
    assert any(note.kind == "refused" and note.path == "memory.split_attention" for note in plan.notes)


def test_warnings_name_what_a_user_should_know(compiled):
    warned = codes(compiled("trigger=sks", "datasets[0].captions.dropout=0.1"), ("warning",))
    assert warned["datasets[0].captions.dropout"] == "LB302"
    warned = codes(compiled("datasets=[{images: a}, {images: b, regularization: true}]"), ("warning",))
    assert warned["datasets[1].regularization"] == "LB302"
    warned = codes(compiled("model.paths.vae=/m/vae.safetensors"), ("hint", "warning"))
    assert warned["model.paths.vae"] == "LB302"


def test_family_values_that_nobody_wrote_are_not_refused(compiled):
    plan = compiled(on="flux1")
    assert plan.ok
    assert any(note.kind == "defaulted" and note.path == "noise.timestep_sampling" for note in plan.notes)
