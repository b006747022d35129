"""What musubi-tuner cannot say, crashes on or ignores: refused with a way out, all in one pass."""

from __future__ import annotations

import pytest

from .helpers import BASE, codes, plan, train

QWEN = BASE.replace("z-image", "qwen-image")
HV = BASE.replace("family: z-image", "family: hunyuan-video").replace(
    "te.safetensors", "te.safetensors, text_encoder_2: /m/clip.safetensors"
)
HIDREAM = BASE.replace(
    "{family: z-image, paths: {transformer: /m/dit.safetensors, vae: /m/vae.safetensors, text_encoder: /m/te.safetensors}}",
    "{family: hidream-o1, paths: {transformer: /m/dit.safetensors}}",
)
WAN = BASE.replace("family: z-image", "family: wan21")
KREA = BASE.replace("z-image", "krea2")
KONTEXT = (
    BASE.replace("family: z-image", "family: flux1-kontext")
    .replace("te.safetensors", "te.safetensors, text_encoder_2: /m/clip.safetensors")
    .replace("{images: /data/a}", "{images: /data/a, control: [/data/c]}")
)

REFUSED = [
    ("adapter: {type: dora}", "LB301", "adapter.type"),
    ("adapter: {text_encoder: true}", "LB301", "adapter.text_encoder"),
    ("adapter: {dtype: bf16}", "LB301", "adapter.dtype"),
    ("adapter: {factor: 4}", "LB301", "adapter.factor"),
    ("adapter: {type: loha, conv_rank: 4}", "LB301", "adapter.conv_rank"),
    ("adapter: {targets: {include: ['a=b']}}", "LB301", "adapter.targets"),
    ("train: {ema: 0.99}", "LB301", "train.ema"),
    ("train: {ema: 0.9}", "LB301", "train.ema"),
    ("trigger: x\npreservation: {class: cat}", "LB301", "preservation"),
    ("evaluate: {datasets: [{images: /e}]}", "LB301", "evaluate"),
    ("loss: mae", "LB301", "loss.type"),
    ("loss: {min_snr_gamma: 5}", "LB301", "loss.min_snr_gamma"),
    ("loss: {debiased: true}", "LB301", "loss.debiased"),
    ("noise: {offset: 0.1}", "LB301", "noise.offset"),
    ("noise: {bias: style}", "LB301", "noise.bias"),
    ("noise: {timestep_sampling: weighted}", "LB301", "noise.timestep_sampling"),
    ("noise: {timestep_sampling: resolution-shift}", "LB301", "noise.timestep_sampling"),
    ("noise: {weighting: bell-shaped}", "LB301", "noise.weighting"),
    ("noise: {weighting: mode}", "LB307", "noise.weighting"),
    ("noise: {timestep_sampling: sigma, shift: 3}", "LB301", "noise.shift"),
    ("noise: {timestep_sampling: uniform, sigmoid_scale: 2}", "LB301", "noise.sigmoid_scale"),
    ("noise: {mode_scale: 2}", "LB301", "noise.mode_scale"),
    ("optimizer: {type: lion9}", "LB301", "optimizer.type"),
    ("optimizer: {text_encoder_lr: 1e-5}", "LB301", "optimizer.text_encoder_lr"),
    ("optimizer: {args: {a: 'b=c'}}", "LB301", "optimizer.args.a"),
    ("optimizer: {type: adafactor, args: {relative_step: true}}", "LB307", "optimizer.args.relative_step"),
    ("optimizer: {type: schedulefree.AdamWScheduleFree}\nscheduler: cosine", "LB307", "scheduler"),
    ("scheduler: {type: linear, cycles: 2}", "LB301", "scheduler.cycles"),
    ("scheduler: {type: linear, power: 2}", "LB301", "scheduler.power"),
    ("scheduler: {type: linear, min_lr_ratio: 0.1}", "LB301", "scheduler.min_lr_ratio"),
    ("memory: {attention: sage}", "LB301", "memory.attention"),
    ("memory: {attention: flash3}", "LB307", "memory.attention"),
    ("memory: {layer_offload: 0.5}", "LB301", "memory.layer_offload"),
    ("memory: {low_vram: true}", "LB301", "memory.low_vram"),
    ("memory: {blocks_to_swap: 29}", "LB307", "memory.blocks_to_swap"),
    ("memory: {gradient_checkpointing: false, checkpoint_offload: true}", "LB307", "memory.checkpoint_offload"),
    ("cache: {latents: off}", "LB301", "cache.latents.to"),
    ("cache: {text: memory}", "LB301", "cache.text.to"),
    ("hardware: {pipeline_stages: 2}", "LB301", "hardware.pipeline_stages"),
    ("hardware: {gpus: [0], device: cpu}", "LB307", "hardware.gpus"),
    ("hardware: {gpus: [0, 0]}", "LB307", "hardware.gpus"),
    ("logging: {dir: l, every: 10 steps}", "LB301", "logging.every"),
    ("logging: {to: wandb, wandb: {key_env: MY_KEY}}", "LB301", "logging.wandb.key_env"),
    ("train: {for: 100 samples, batch_size: 3}", "LB308", "train.for"),
    ("train: {for: 100 samples}\ndatasets: [{images: /a, batch_size: 1}, {images: /b, batch_size: 2}]", "LB308", "train.for"),
    ("datasets: [{images: /a, repeats: 1.5}]", "LB301", "datasets[0].repeats"),
    ("datasets: [{images: /a, masks: /m}]", "LB301", "datasets[0].masks"),
    ("datasets: [{images: /a, flip: horizontal}]", "LB301", "datasets[0].flip"),
    ("datasets: [{images: /a, loss_weight: 2}]", "LB301", "datasets[0].loss_weight"),
    ("datasets: [{images: /a, aspect: {min: 0.5}}]", "LB301", "datasets[0].aspect"),
    ("datasets: [{images: /a, captions: {prefix: x}}]", "LB301", "datasets[0].captions.prefix"),
    ("datasets: [{images: /a, captions: {dropout: 0.1}}]", "LB301", "datasets[0].captions.dropout"),
    ("datasets: [{images: /a, captions: {shuffle: true}}]", "LB301", "datasets[0].captions.shuffle"),
    ("datasets: [{jsonl: /a.jsonl, captions: .txt}]", "LB301", "datasets[0].captions.extension"),
    ("datasets: [{videos: /v}]", "LB307", "datasets[0].videos"),
    ("datasets: [{images: /a, bucket: false, upscale: false, resolution: [512]}]", "LB307", "datasets[0].upscale"),
    ("datasets: [{images: /a, bucket: false, resolution: [72]}]", "LB307", "datasets[0].resolution"),
    ("datasets: [{images: /a, cache_dir: /c}, {images: /b, cache_dir: /c/}]", "LB307", "datasets"),
    ("datasets: [{images: /a, resolution: [512, [512, 512]]}]", "LB307", "datasets[0].resolution"),
    ("model: {guidance: 3}", "LB301", "model.guidance"),
    ("model: {vae_dtype: bf16}", "LB301", "model.vae_dtype"),
    ("model: {dtype: fp32}\ntrain: {mixed_precision: bf16}", "LB301", "model.dtype"),
    ("model: {quantize: {transformer: nf4}}", "LB301", "model.quantize.transformer"),
    ("model: {quantize: {text_encoder: nf4}}", "LB301", "model.quantize.text_encoder"),
    ("model: {paths: {byt5: /b}}", "LB301", "model.paths.byt5"),
    ("sample: {every: 1 epoch, frames: 5, prompts: [a]}", "LB301", "sample.frames"),
    ("sample: {every: 1 epoch, prompts: [{prompt: a, control: [/x.png]}]}", "LB301", "sample.prompts[0].control"),
]


@pytest.mark.parametrize(("text", "code", "path"), REFUSED, ids=[text for text, _, _ in REFUSED])
def test_refused(text: str, code: str, path: str) -> None:
    made = plan(text)
    assert (code, path) in codes(made)
    assert not made.files
    finding = next(item for item in made.diagnostics if item.path == path and item.code == code)
    assert finding.fix, "a refusal says what to do"


@pytest.mark.parametrize(
    ("base", "text", "code", "path"),
    [
        (HV, "model: {quantize: {transformer: fp8-scaled}}", "LB301", "model.quantize.transformer"),
        (HV, "sample: {every: 1 epoch, prompts: [{prompt: a, negative: b}]}", "LB301", "sample.prompts[0].negative"),
        (KREA, "model: {quantize: {transformer: fp8}}", "LB301", "model.quantize.transformer"),
        (KREA, "adapter: {type: lokr}", "LB307", "adapter.type"),
        (HIDREAM, "noise: {weighting: cosmap}", "LB307", "noise.weighting"),
        (HIDREAM, "datasets: [{images: /a, bucket: false, resolution: [1040]}]", "LB307", "datasets[0].resolution"),
        (HIDREAM, "model: {quantize: {text_encoder: nf4}}", "LB301", "model.quantize.text_encoder"),
        (WAN, "train: {mixed_precision: fp16}", "LB307", "train.mixed_precision"),
        (WAN, "datasets: [{videos: /v, video: {frames: [24]}}]", "LB308", "datasets[0].video.frames"),
        (WAN, "datasets: [{videos: /v, video: {extract: middle}}]", "LB301", "datasets[0].video.extract"),
        (WAN, "datasets: [{videos: /v, bucket: false, batch_size: 2, resolution: [512]}]", "LB307", "datasets[0].bucket"),
        (WAN, "model: {paths: {transformer_high_noise: /h.safetensors}}", "LB301", "model.paths.transformer_high_noise"),
        (QWEN, "model: {dtype: fp16}", "LB301", "model.dtype"),
        (QWEN, "memory: {blocks_to_swap: 60}", "LB307", "memory.blocks_to_swap"),
        (KONTEXT, "datasets: [{images: /a, control: [/c, /d]}]", "LB301", "datasets[0].control"),
        (KONTEXT, "sample: {every: 1 epoch, prompts: [a]}", "LB307", "sample.prompts[0]"),
    ],
)
def test_refused_for_a_family(base: str, text: str, code: str, path: str) -> None:
    assert (code, path) in codes(plan(text, base=base))


def test_all_in_one_pass() -> None:
    found = codes(plan("adapter: {type: dora, factor: 3}\nmemory: {attention: sage}\ndatasets: [{images: /a, masks: /m, flip: both}]"))
    assert {path for _, path in found} == {"adapter.type", "adapter.factor", "memory.attention", "datasets[0].masks", "datasets[0].flip"}


def test_unsupported_as_a_warning_leaves_the_rest() -> None:
    from lorabridge.backends.base import Site

    found = train("datasets: [{images: /a, flip: both}]", site=Site(root="/p", unsupported="warn"))
    assert found["max_train_steps"] == 100


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("memory: {attention: sage}", "sdpa", True),
        ("adapter: {type: dora}", "network_module", "networks.lora_zimage"),
        ("adapter: {factor: 4}", "network_args", None),
        ("adapter: {targets: {include: ['a=b']}}", "network_args", None),
        ("adapter: {type: loha, conv_rank: 4}", "network_args", None),
        ("optimizer: {args: {a: 'b=c', d: 1}}", "optimizer_args", ["d=1"]),
        ("noise: {timestep_sampling: weighted}", "timestep_sampling", "shift"),
        ("noise: {weighting: bell-shaped}", "weighting_scheme", "none"),
        ("model: {quantize: {transformer: nf4}}", "fp8_base", None),
    ],
)
def test_going_on_without_it_writes_nothing_that_crashes(text: str, key: str, expected: object) -> None:
    from lorabridge.backends.base import Site

    assert train(text, site=Site(root="/p", unsupported="warn")).get(key) == expected


@pytest.mark.parametrize("text", ["optimizer: {type: lion9}", "model: {paths: {vae: org/vae}}", "memory: {blocks_to_swap: 29}"])
def test_what_is_sure_to_fail_is_an_error_in_any_case(text: str) -> None:
    from lorabridge.backends.base import Site

    assert not plan(text, site=Site(root="/p", unsupported="warn")).ok


def test_experts_of_one_expert_models_are_refused() -> None:
    assert ("LB506", "model.experts") in codes(plan("model: {experts: both}", base=WAN))


WAN22 = BASE.replace("family: z-image", "family: wan22, variant: t2v-a14b").replace(
    "/m/dit.safetensors", "/m/low.safetensors, transformer_high_noise: /m/high.safetensors"
)


class TestExperts:
    def test_both_when_both_are_given(self) -> None:
        found = train(base=WAN22)
        assert (found["dit"], found["dit_high_noise"]) == ("/m/low.safetensors", "/m/high.safetensors")
        assert "timestep_boundary" not in found
        assert "min_timestep" not in found

    def test_boundary_in_thousandths(self) -> None:
        boundary = train("model: {experts: {boundary: 0.9}}", base=WAN22)["timestep_boundary"]
        assert boundary == 900
        assert type(boundary) is int

    def test_high_noise_alone(self) -> None:
        found = train("model: {experts: high-noise}", base=WAN22)
        assert found["dit"] == "/m/high.safetensors"
        assert "dit_high_noise" not in found
        assert (found["min_timestep"], found.get("max_timestep"), found["preserve_distribution_shape"]) == (875, None, True)

    def test_low_noise_alone(self) -> None:
        found = train("model: {experts: low-noise}", base=WAN22)
        assert found["dit"] == "/m/low.safetensors"
        assert (found.get("min_timestep"), found["max_timestep"]) == (None, 875)

    def test_a_range_of_ones_own_is_cut_with_the_experts(self) -> None:
        found = train("model: {experts: {train: low-noise, boundary: 0.8}}\nnoise: {min_timestep: 100, max_timestep: 950}", base=WAN22)
        assert (found["min_timestep"], found["max_timestep"]) == (100, 800)

    def test_offload_and_swap_exclude_each_other(self) -> None:
        text = "model: {experts: {offload_inactive: true}}\nmemory: {blocks_to_swap: 4}"
        assert ("LB307", "model.experts.offload_inactive") in codes(plan(text, base=WAN22))

    def test_switching_is_refused(self) -> None:
        assert ("LB301", "model.experts.switch_every") in codes(plan("model: {experts: {switch_every: 10 steps}}", base=WAN22))
