"""What the trainer cannot do is refused at the place where it was written."""

from __future__ import annotations

import pytest

from lorabridge.backends.base import Site
from lorabridge.backends.embedded import ROWS

from .helpers import errors, plan

SDXL = "model={family: sdxl, paths: {repo: /m/sdxl}}"
DRAWN = "sample={every: 10 steps, prompts: [a, b]}"

REFUSED: list[tuple[list[str], str, str]] = [
    (["model.paths.vae=/m/vae.safetensors"], "LB301", "model.paths.vae"),
    (["model.quantize.transformer=fp8"], "LB301", "model.quantize.transformer"),
    (["model.vae_dtype=fp32"], "LB301", "model.vae_dtype"),
    (["model.merge=[/l/a.safetensors]"], "LB301", "model.merge[0].path"),
    (["model.guidance=3"], "LB301", "model.guidance"),
    (["model.dtype=fp16", "hardware.device=cpu"], "LB307", "model.dtype"),
    (
        ["model={family: z-image, variant: turbo, paths: {repo: /m}, training_adapter: o/r/a.safetensors}"],
        "LB301",
        "model.training_adapter.path",
    ),
    (["model.variant=edit"], "LB306", "model.family"),
    (["adapter.type=lokr"], "LB301", "adapter.type"),
    (["adapter.rank_dropout=0.1"], "LB301", "adapter.rank_dropout"),
    (["adapter.text_encoder=true"], "LB301", "adapter.text_encoder"),
    (["adapter.dtype=bf16"], "LB301", "adapter.dtype"),
    (["adapter.targets={layers: attention, include: [mlp]}"], "LB301", "adapter.targets.include"),
    (["train.for=65 samples", "train.batch_size=2"], "LB308", "train.for"),
    (["train.mixed_precision=fp16"], "LB301", "train.mixed_precision"),
    (["train.workers=2"], "LB301", "train.workers"),
    (["scheduler.warmup=10%", "train.for=3 epochs"], "LB308", "scheduler.warmup"),
    (["scheduler=rex"], "LB301", "scheduler.type"),
    (["optimizer.type=lion"], "LB301", "optimizer.type"),
    (["optimizer={type: sgd, betas: [0.9, 0.99]}"], "LB301", "optimizer.betas"),
    (["optimizer={type: adafactor, eps: 1e-8}"], "LB301", "optimizer.eps"),
    (["optimizer.betas=[0.9]"], "LB301", "optimizer.betas"),
    (["optimizer={lr: 1e-4, args: {lr: 1e-3}}"], "LB305", "optimizer.args.lr"),
    (["optimizer.args={x: .inf}"], "LB304", "optimizer.args"),
    (["optimizer.lora_plus_ratio=16"], "LB301", "optimizer.lora_plus_ratio"),
    (["noise.timestep_sampling=sigma"], "LB301", "noise.timestep_sampling"),
    (["noise.weighting=mode"], "LB301", "noise.weighting"),
    ([SDXL, "noise.weighting=cosmap"], "LB301", "noise.weighting"),
    ([SDXL, "noise.weighting=bell-shaped", "loss.min_snr_gamma=5"], "LB301", "loss.min_snr_gamma"),
    (["noise.offset=0.1"], "LB301", "noise.offset"),
    (["loss.min_snr_gamma=5"], "LB301", "loss.min_snr_gamma"),
    (["loss=mae"], "LB301", "loss.type"),
    (["datasets=[{videos: /v}]"], "LB301", "datasets[0].videos"),
    (["datasets=[{jsonl: /a.jsonl}]"], "LB301", "datasets[0].jsonl"),
    (["datasets[0].repeats=0.5"], "LB301", "datasets[0].repeats"),
    (["datasets[0].aspect={min: 0.5}"], "LB301", "datasets[0].aspect"),
    (["datasets[0].upscale=false"], "LB301", "datasets[0].upscale"),
    (["datasets[0].flip=vertical"], "LB301", "datasets[0].flip"),
    (["datasets[0].captions.default=a cat"], "LB301", "datasets[0].captions.default"),
    (["model={family: flux2, paths: {repo: /m}}", "datasets[0].control=[/c]"], "LB301", "datasets[0].control"),
    (["datasets=[{images: /a, batch_size: 2}, {images: /b, batch_size: 4}]"], "LB301", "datasets[1].batch_size"),
    (["datasets=[{images: /a, cache_dir: /c}, {images: /b, cache_dir: /d}]"], "LB301", "datasets[1].cache_dir"),
    (["datasets=[{images: /a, regularization: true}]"], "LB307", "datasets"),
    (["datasets[0].resolution=[16400]"], "LB307", "datasets[0].resolution"),
    (["trigger=sks", "preservation={type: blank-prompt}"], "LB301", "preservation.type"),
    (["trigger=sks", "preservation={class: cat, every: 1 epoch}"], "LB308", "preservation.every"),
    ([DRAWN, "sample.prompts=[{prompt: a, seed: 1}, b]"], "LB301", "sample.prompts[0].seed"),
    ([DRAWN, "sample.prompts=[a, {prompt: b, width: 512}]"], "LB301", "sample.prompts[1].width"),
    ([DRAWN, "sample.frames=9"], "LB301", "sample.frames"),
    (["evaluate={datasets: [{images: /e}]}"], "LB301", "evaluate"),
    (["logging.to=wandb"], "LB301", "logging.to"),
    (["logging.dir=/logs"], "LB301", "logging.dir"),
    (["logging.every=10 steps"], "LB301", "logging.every"),
    (["hardware.gpus=[0, 1]"], "LB301", "hardware.gpus"),
    (["memory.blocks_to_swap=4"], "LB301", "memory.blocks_to_swap"),
    (["memory.attention=flash"], "LB301", "memory.attention"),
    (["cache.latents=memory"], "LB301", "cache.latents.to"),
    (["save.metadata=false"], "LB301", "save.metadata"),
]


@pytest.mark.parametrize(("yaml", "code", "path"), REFUSED, ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_refused(yaml: list[str], code: str, path: str) -> None:
    made = plan(*yaml)
    assert (code, path) in errors(made)
    assert not made.files
    assert not made.stages
    refused = next(item for item in made.diagnostics if item.path == path)
    assert refused.message
    assert refused.fix or refused.why


ONE_BY_ONE: list[tuple[str, str]] = [
    *(
        (f"model.paths.{key}", "/m/x.safetensors")
        for key in ("checkpoint", "transformer", "transformer_high_noise", "audio_vae", "text_encoder")
    ),
    *((f"model.paths.{key}", "/m/x") for key in ("text_encoder_2", "text_encoder_3", "byt5", "image_encoder", "extras")),
    ("model.quantize.text_encoder", "fp8"),
    ("model.experts.train", "low-noise"),
    ("model.experts.boundary", "0.5"),
    ("model.experts.switch_every", "5 steps"),
    ("model.experts.offload_inactive", "true"),
    ("adapter.module_dropout", "0.1"),
    ("adapter.factor", "4"),
    ("adapter.max_norm", "1.0"),
    ("optimizer.text_encoder_lr", "1e-5"),
    ("scheduler.decay", "10%"),
    ("scheduler.args", "{a: 1}"),
    ("noise.mode_scale", "1.5"),
    ("loss.debiased", "true"),
    ("memory.checkpoint_offload", "true"),
    ("memory.layer_offload", "0.5"),
    ("memory.low_vram", "true"),
    ("memory.split_attention", "true"),
    ("memory.compile", "true"),
    *((f"cache.{part}.{key}", "2") for part in ("latents", "text") for key in ("batch_size", "workers")),
    ("cache.text.to", "memory"),
    ("logging.prefix", "x"),
    ("hardware.pipeline_stages", "2"),
    ("hardware.timeout", "30 minutes"),
    ("datasets[0].control_resolution", "512"),
]


@pytest.mark.parametrize(("path", "value"), ONE_BY_ONE)
def test_what_it_has_no_key_for(path: str, value: str) -> None:
    assert ("LB301", path) in errors(plan(f"{path}={value}"))


def test_no_refusal_is_untested() -> None:
    tested = {path.replace("[0]", "[]") for path, _ in ONE_BY_ONE} | {path.replace("[0]", "[]") for _, _, path in REFUSED}
    assert sorted({row.path for row in ROWS if row.cannot} - tested) == []


NEUTRAL = [
    "memory.blocks_to_swap=0",
    "memory.attention=sdpa",
    "model.quantize.transformer=off",
    "cache.latents={to: disk, batch_size: 1, workers: 0}",
    "train.workers=0",
    "logging.every=1 step",
    "logging.to=off",
    "hardware.pipeline_stages=1",
    "adapter={type: lora, dtype: fp32}",
    "noise.offset=0",
    "datasets[0].control=[]",
    "model.experts=null",
]


@pytest.mark.parametrize("yaml", NEUTRAL)
def test_what_it_does_anyway_may_be_written(yaml: str) -> None:
    assert errors(plan(yaml)) == []


def test_everything_is_found_in_one_pass() -> None:
    found = errors(
        plan("adapter.type=dora", "loss=wavelet", "datasets[0].repeats=0.5", "hardware.gpus=[0, 1]", "evaluate={datasets: [{images: /e}]}")
    )
    assert {path for _, path in found} == {"adapter.type", "loss.type", "datasets[0].repeats", "hardware.gpus", "evaluate"}


def test_unsupported_may_be_a_warning() -> None:
    made = plan("memory.blocks_to_swap=4", "loss=wavelet", site=Site(root="/project", unsupported="warn"))
    assert made.ok
    assert made.files
    assert [item.severity for item in made.diagnostics] == ["warning", "warning"]
    assert [note.path for note in made.notes if note.kind == "refused"] == ["loss.type", "memory.blocks_to_swap"]
