# ruff: noqa: E402 - without torch the module is skipped before it imports anything
"""Each family on a tiny random model: it learns, it saves what it learned, and it agrees with the pipeline of diffusers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra `embedded` is not installed: no torch")
diffusers = pytest.importorskip("diffusers", reason="the extra `embedded` is not installed: no diffusers")

from lorabridge.backends.embedded.trainer import lora
from lorabridge.backends.embedded.trainer.families import FAMILIES, Batch
from lorabridge.backends.embedded.trainer.job import Adapter, Model, Patterns
from lorabridge.backends.embedded.trainer.setup import load_pipeline, prepare

ALL = sorted(FAMILIES)
FLOW = [name for name in ALL if name != "sdxl"]
STEPS = {"flux2-klein": 24, "sdxl": 40}


def pipeline(name: str, folder: Path, without: tuple[str, ...] = ()) -> Any:
    return load_pipeline(FAMILIES[name], folder, Model(family=name, path=str(folder)), without)


def batch_for(name: str, pipe: Any, noisy: torch.Tensor, level: float) -> Batch:
    embeds = FAMILIES[name].encode_prompt(pipe, "a red circle", 48)
    time_ids = torch.tensor([[64.0, 64.0, 0.0, 0.0, 64.0, 64.0]]).repeat(len(noisy), 1)
    return Batch(noisy, torch.full((len(noisy),), level), [embeds] * len(noisy), time_ids)


@pytest.mark.parametrize("name", ALL)
def test_it_learns_and_reloads(name: str, make_job: Callable[..., dict[str, Any]], train: Callable[..., Any], tmp_path: Path) -> None:
    steps = STEPS.get(name, 50)
    job = make_job(name, train__length={"steps": steps}, train__batch_size=4, optimizer__lr=1e-2, noise={"min_timestep": 0.3})
    events = train(job)
    losses = [event["loss"] for event in events if event["event"] == "progress"]
    assert len(losses) == steps
    third = steps // 3
    assert sum(losses[-third:]) < 0.97 * sum(losses[:third])
    path = tmp_path / "out" / "star.safetensors"
    metadata = lora.read_metadata(path)
    assert metadata["lorabridge_family"] == name
    assert metadata["lorabridge_step"] == str(steps)
    assert str(tmp_path) not in json.dumps(metadata)
    _same_after_reload(name, job, path)


def _same_after_reload(name: str, job: dict[str, Any], path: Path) -> None:
    from lorabridge.backends.embedded.trainer.job import parse_job
    from lorabridge.backends.embedded.trainer.state import newest_state, read_state

    session = prepare(parse_job(json.dumps(job)), lambda event: None)
    read_state(newest_state(session.output), session.parameters, session.optimizer, session.average, session.marks)
    assert all(p.any() for key, p in session.parameters.items() if ".lora_B." in key)
    fresh = pipeline(name, Path(job["model"]["path"]))
    shape = session.store.get(session.keys.latents(session.items[0], False))["latents"].shape
    batch = batch_for(name, fresh, torch.randn(2, *shape, generator=torch.Generator().manual_seed(0)), 0.6)
    family = FAMILIES[name]
    with torch.no_grad():
        session.denoiser.eval()
        trained, bare = family.predict(session.pipe, batch), family.predict(fresh, batch)
        fresh.load_lora_weights(str(path.parent), weight_name=path.name)
        loaded = family.predict(fresh, batch)
    assert torch.allclose(loaded, trained, atol=1e-6), "the reloaded LoRA does something else; is alpha kept?"
    assert float((loaded - bare).abs().mean()) > 1e-3


@pytest.mark.parametrize("name", FLOW)
def test_it_predicts_what_the_pipeline_predicts(name: str, tiny_model: Callable[[str], Path]) -> None:
    """One Euler step of the pipeline, from pure noise, is noise minus prediction: then both run the denoiser alike."""
    pipe, family = pipeline(name, tiny_model(name)), FAMILIES[name]
    embeds = family.encode_prompt(pipe, "a red circle", 48)
    decoded = _capture_decoder(pipe)
    seen: list[torch.Tensor] = []
    original = pipe.scheduler.step

    def step(model_output: Any, timestep: Any, sample: torch.Tensor, **keys: Any) -> Any:
        seen[:] = [sample, original(model_output, timestep, sample, **keys)[0]]
        return (seen[1],)

    pipe.scheduler.step = step
    with torch.no_grad():
        family.draw(pipe, embeds, embeds, _drawing())
        start, end = (_unpack(name, tensor) for tensor in seen)
        # the pipelines start at their scheduler's highest level, which is one
        predicted = family.predict(pipe, Batch(start.float(), torch.ones(1), [embeds], torch.zeros(1, 6)))
    assert torch.allclose(start - predicted, end, atol=1e-4)
    assert decoded


def _drawing() -> Any:
    from lorabridge.backends.embedded.trainer.families import Drawing

    return Drawing(64, 64, 1, 0.0, 3)


def _unpack(name: str, tensor: torch.Tensor) -> torch.Tensor:
    if name == "flux2-klein":
        return tensor.transpose(1, 2).reshape(1, -1, 4, 4)
    if name == "qwen-image":
        return diffusers.QwenImagePipeline._unpack_latents(tensor, 64, 64, 8)[:, :, 0]
    return tensor


def _capture_decoder(pipe: Any) -> list[torch.Tensor]:
    seen: list[torch.Tensor] = []
    original = pipe.vae.decode

    def decode(latents: torch.Tensor, **keys: Any) -> Any:
        seen.append(latents)
        return original(latents, **keys)

    pipe.vae.decode = decode
    return seen


@pytest.mark.parametrize("name", FLOW)
def test_latents_are_scaled_as_the_pipeline_unscales_them(name: str, tiny_model: Callable[[str], Path], monkeypatch: Any) -> None:
    """With a denoiser that says nothing the pipeline hands its start to the decoder: that must be the bare latents."""
    pipe, family = pipeline(name, tiny_model(name)), FAMILIES[name]
    if name == "flux2-klein":
        pipe.vae.bn.running_mean.uniform_(-1, 1)
        pipe.vae.bn.running_var.uniform_(0.5, 2)
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        latents = family.encode_image(pipe, pixels)
        raw = pipe.vae.encode(pixels.unsqueeze(2) if name == "qwen-image" else pixels)
        bare = raw.latent if hasattr(raw, "latent") else raw.latent_dist.mode()
    embeds = family.encode_prompt(pipe, "x", 48)
    decoded = _capture_decoder(pipe)
    packed = latents
    if name == "flux2-klein":
        monkeypatch.setattr(pipe, "prepare_latents", lambda **keys: (latents.flatten(2).transpose(1, 2), pipe._prepare_latent_ids(latents)))
    else:
        packed = pipe._pack_latents(latents, 1, 16, 8, 8) if name == "qwen-image" else latents
        monkeypatch.setattr(pipe, "prepare_latents", lambda *args, **keys: packed)
    pipe.scheduler.step = lambda model_output, timestep, sample, **keys: (sample,)
    with torch.no_grad():
        family.draw(pipe, embeds, embeds, _drawing())
    assert torch.allclose(decoded[0], bare, atol=1e-4)


@pytest.mark.parametrize("name", FLOW)
def test_going_back_along_the_target_gives_the_picture(name: str) -> None:
    """Loss would fall for a target of the wrong sign too, and draw nothing but noise."""
    family, latents, noise = FAMILIES[name], torch.randn(3, 4, 8, 8), torch.randn(3, 4, 8, 8)
    levels = torch.tensor([0.1, 0.5, 1.0])
    noisy = family.mix(None, latents, noise, levels)
    assert torch.allclose(noisy - levels.view(-1, 1, 1, 1) * family.target(None, latents, noise, levels), latents, atol=1e-5)
    assert torch.equal(noisy[2], noise[2])


def test_sdxl_mixes_as_its_scheduler_does(tiny_model: Callable[[str], Path]) -> None:
    pipe, family = pipeline("sdxl", tiny_model("sdxl")), FAMILIES["sdxl"]
    ddpm = diffusers.DDPMScheduler.from_config(pipe.scheduler.config)
    latents, noise = torch.randn(3, 4, 8, 8), torch.randn(3, 4, 8, 8)
    levels = torch.tensor([0.0, 0.4, 1.0])
    assert torch.allclose(
        family.mix(pipe, latents, noise, levels), ddpm.add_noise(latents, noise, (levels * 999).round().long()), atol=1e-5
    )
    assert torch.equal(family.target(pipe, latents, noise, levels), noise)
    pipe.scheduler.register_to_config(prediction_type="v_prediction")
    velocity = ddpm.get_velocity(latents, noise, (levels * 999).round().long())
    assert torch.allclose(family.target(pipe, latents, noise, levels), velocity, atol=1e-5)


def test_sdxl_predicts_what_the_pipeline_predicts(tiny_model: Callable[[str], Path]) -> None:
    pipe, family = pipeline("sdxl", tiny_model("sdxl")), FAMILIES["sdxl"]
    embeds = family.encode_prompt(pipe, "a red circle", None)
    seen: dict[str, Any] = {}
    original = pipe.unet.forward

    def forward(sample: torch.Tensor, timestep: Any, **keys: Any) -> Any:
        result = original(sample, timestep, **keys)
        seen.setdefault("call", (sample, timestep, result[0]))
        return result

    pipe.unet.forward = forward
    with torch.no_grad():
        family.draw(pipe, embeds, embeds, _drawing())
        sample, timestep, output = seen["call"]
        batch = Batch(sample, timestep[None].float() / 999, [embeds], torch.tensor([[64.0, 64, 0, 0, 64, 64]]))
        assert torch.allclose(family.predict(pipe, batch), output, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_targets(name: str, tiny_model: Callable[[str], Path]) -> None:
    family = FAMILIES[name]
    pipe = pipeline(name, tiny_model(name), (*family.text_parts, "vae"))
    denoiser = getattr(pipe, family.denoiser)
    attention, none = lora.target_modules(family, denoiser, Adapter())
    everything, conv = lora.target_modules(family, denoiser, Adapter(targets="all", conv_rank=2))
    assert attention
    assert not none
    assert set(attention) <= set(everything)
    assert len(everything) + len(conv) > len(attention)
    # every pattern of a family finds something: a renamed module would otherwise be lost in silence
    for pattern in (*family.attention, *family.feed_forward):
        assert lora._match([*everything], [pattern], []), pattern
    chosen, _ = lora.target_modules(family, denoiser, Adapter(targets=Patterns(include=["*"], exclude=["*0*"])))
    assert chosen
    assert not any("0" in module for module in chosen)
    with pytest.raises(RuntimeError, match="matches no module"):
        lora.target_modules(family, denoiser, Adapter(targets=Patterns(include=["*.nothing"])))


def test_convolutions_get_their_own_rank_and_alpha(
    make_job: Callable[..., dict[str, Any]], train: Callable[..., Any], tmp_path: Path
) -> None:
    job = make_job(
        "sdxl", adapter={"rank": 4, "alpha": 8.0, "conv_rank": 2, "conv_alpha": 1.0, "targets": "all"}, noise={"noise_offset": 0.05}
    )
    job["train"]["length"] = {"steps": 2}
    job["noise"]["weighting"] = "min_snr"
    # the keywords name no convolution of a UNet, patterns do
    job["adapter"]["targets"] = {"include": ["*.conv1", "*.attn2.to_q"]}
    train(job)
    fresh = pipeline("sdxl", Path(job["model"]["path"]))
    fresh.load_lora_weights(str(tmp_path / "out"), weight_name="star.safetensors")
    found = {(type(m).__name__, m.r[a], m.scaling[a]) for m in fresh.unet.modules() if hasattr(m, "lora_A") for a in m.lora_A}
    assert found == {("Linear", 4, 2.0), ("Conv2d", 2, 0.5)}


@pytest.mark.parametrize("name", ["z-image", "sana", "qwen-image", "flux2-klein", "sdxl"])
def test_bfloat16_and_checkpointing(name: str, make_job: Callable[..., dict[str, Any]], train: Callable[..., Any], tmp_path: Path) -> None:
    job = make_job(name, model__dtype="bfloat16", train__gradient_checkpointing=True, train__length={"steps": 2})
    job["sample"]["prompts"] = ["a star"]
    events = train(job)
    assert [event["event"] for event in events].count("sample") == 2
    assert lora.read_metadata(tmp_path / "out" / "star.safetensors")["adapter"]
