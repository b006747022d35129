"""Conversions: round trips bit by bit, fused weights, alphas, refusals, and what diffusers makes of the result."""

import hashlib
import json

import numpy as np
import pytest

from lorabridge.artifacts.convert import convert, save
from lorabridge.artifacts.header import read_header
from lorabridge.artifacts.lora import RefusedError, load_lora
from lorabridge.artifacts.lowrank import matrices
from lorabridge.artifacts.origin import origin_of
from lorabridge.artifacts.read import Reader

from .makers import FILES, pair, write, z_image

REFUSED = {("zimage_lokr", "diffusers"), ("zimage_lokr", "peft")} | {
    (name, to) for name in ("sd15_lora", "pipe_sdxl") for to in ("comfyui", "peft")
}
TARGETS = ("comfyui", "diffusers", "kohya", "peft")
REAL = (
    "embedded_qwen",
    "flux1_lora",
    "pipe_flux",
    "musubi_qwen_slice",
    "musubi_zimage-step00000006",
    "sd15_lora",
    "pipe_sdxl",
    "zimage_lora",
    "zimage_lokr",
)


def bits(path):
    header = read_header(path)
    with Reader(path) as reader:
        return {name: (tensor.dtype, tensor.shape, bytes(reader.raw(tensor))) for name, tensor in header.tensors.items()}


def to(path, target, out, family=""):
    found = convert(path, target, family=family)
    save(found, out)
    return found


def updates(path):
    return {item.key: up @ down for item in load_lora(path).items for up, down in [matrices(item)]}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", REAL)
def test_files_of_real_trainers_come_back_bit_by_bit(name, target, tmp_path):
    path = FILES / f"{name}.safetensors"
    dialect = load_lora(path).dialect
    out = tmp_path / ("out" if target == "peft" else "out.safetensors")
    if (name, target) in REFUSED:
        with pytest.raises(RefusedError):
            convert(path, target)
        return
    there = to(path, target, out, "flux1" if name == "pipe_flux" else "")
    assert there.exact
    to(out, dialect, tmp_path / "back.safetensors")
    assert bits(path) == bits(tmp_path / "back.safetensors")
    assert there.metadata["lorabridge_converted_from"] == dialect
    assert set(read_header(path).metadata) - {"lora_adapter_metadata"} - set(there.metadata) <= {"sshs_model_hash", "sshs_legacy_hash"}


@pytest.mark.parametrize(("alpha", "exact"), [(2, True), (8, True), (4, True), (3, False)])
def test_alpha_is_folded_exactly_or_said(alpha, exact, tmp_path):
    path = write(tmp_path / "a.safetensors", z_image(style="kohya", alpha=alpha), dtype="BF16")
    found = to(path, "diffusers", tmp_path / "d.safetensors", "z-image")
    assert found.exact == exact == (not found.notes)
    before, after = updates(path), updates(tmp_path / "d.safetensors")
    for one, two in zip(before.values(), after.values(), strict=True):
        assert np.array_equal(one, two) if exact else np.allclose(one, two, rtol=1e-6, atol=1e-8)
    to(tmp_path / "d.safetensors", "kohya", tmp_path / "back.safetensors")
    assert (bits(path) == bits(tmp_path / "back.safetensors")) == exact


def test_a_fold_that_underflows_goes_to_fp32(tmp_path):
    tensors = {name: np.full_like(value, 6e-8) if "up" in name else value for name, value in z_image(style="kohya", alpha=1).items()}
    found = convert(write(tmp_path / "a.safetensors", tensors, dtype="F16"), "diffusers")
    assert not found.exact
    assert {data.dtype for name, data in found.tensors.items() if "lora_B" in name} == {"F32"}


def flux(same_down):
    found = {}
    for number, part in enumerate(("to_q", "to_k", "to_v")):
        found |= pair(f"transformer_blocks.0.attn.{part}", 96, 64, style="diffusers", seed=number)
    for number, (part, out) in enumerate((("attn.to_q", 64), ("attn.to_k", 64), ("attn.to_v", 64), ("proj_mlp", 256))):
        found |= pair(f"single_transformer_blocks.0.{part}", out, 64, style="diffusers", seed=9 + number)
    found |= pair("single_transformer_blocks.0.norm.linear", 192, 64, style="diffusers", seed=20)
    if same_down:
        down = found["transformer.transformer_blocks.0.attn.to_q.lora_A.weight"]
        found |= {name: down for name in found if name.endswith("lora_A.weight")}
    return found


@pytest.mark.parametrize("same_down", [True, False])
def test_fused_weights_are_the_parts_above_each_other(same_down, tmp_path):
    path = write(tmp_path / "a.safetensors", flux(same_down))
    to(path, "comfyui", tmp_path / "c.safetensors", "flux1")
    before, after = updates(path), updates(tmp_path / "c.safetensors")
    parts = [before[f"transformer.transformer_blocks.0.attn.to_{letter}"] for letter in "qkv"]
    assert np.array_equal(after["diffusion_model.double_blocks.0.img_attn.qkv"], np.concatenate(parts))
    single = [before[f"transformer.single_transformer_blocks.0.{name}"] for name in ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp")]
    assert np.array_equal(after["diffusion_model.single_blocks.0.linear1"], np.concatenate(single))
    assert load_lora(tmp_path / "c.safetensors").items[0].rank == (4 if same_down else 12)
    to(tmp_path / "c.safetensors", "diffusers", tmp_path / "back.safetensors")
    assert bits(path) == bits(tmp_path / "back.safetensors")


def test_a_missing_part_of_a_fused_weight_changes_nothing(tmp_path):
    tensors = {name: value for name, value in flux(False).items() if "transformer_blocks.0.attn.to_k" not in name}
    path = write(tmp_path / "a.safetensors", tensors)
    to(path, "kohya", tmp_path / "k.safetensors", "flux1")
    whole = updates(tmp_path / "k.safetensors")["lora_unet_double_blocks_0_img_attn_qkv"]
    assert not whole[96:192].any()
    assert whole[:96].any()
    assert whole[192:].any()


def test_peft_states_ranks_and_alphas(tmp_path):
    tensors = z_image(style="kohya", alpha=2) | pair("layers.0.attention.to_q", 64, 64, rank=8, alpha=16, style="kohya")
    to(write(tmp_path / "a.safetensors", tensors), "peft", tmp_path / "p")
    config = json.loads((tmp_path / "p" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"]) == (4, 2)
    assert config["rank_pattern"] == {"layers.0.attention.to_q": 8}
    assert config["alpha_pattern"] == {"layers.0.attention.to_q": 16}


@pytest.mark.parametrize(
    ("name", "target", "word"),
    [
        ("zimage_lokr", "diffusers", "lokr"),
        ("embedded_sana", "comfyui", "no key map"),
        ("sd15_lora", "peft", "text encoders"),
        ("musubi_cache", "kohya", "no LoRA"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(name, target, word, tmp_path):
    with pytest.raises(RefusedError, match=word):
        convert(FILES / f"{name}.safetensors", target)


def test_names_of_no_known_model_are_refused(tmp_path):
    path = write(tmp_path / "a.safetensors", pair("strange.part", 8, 8))
    with pytest.raises(RefusedError, match="no known model"):
        convert(path, "diffusers")


def test_dtype_is_rounded_and_said(tmp_path):
    found = convert(FILES / "musubi_zimage-step00000006.safetensors", "comfyui", "BF16")
    assert not found.exact
    assert any("rounded" in note for note in found.notes)
    assert {data.dtype for name, data in found.tensors.items() if "lora_" in name} == {"BF16"}


@pytest.mark.parametrize("target", ["comfyui", "kohya"])
def test_diffusers_draws_the_same_with_a_converted_file(target, tmp_path):
    """A random LoRA for a tiny FLUX.2 Klein; fused where the target has it, and back."""
    torch = pytest.importorskip("torch", reason="needs torch")
    pytest.importorskip("diffusers", reason="needs diffusers")
    pytest.importorskip("peft", reason="needs peft")
    from lorabridge.backends.embedded.trainer.tiny import flux2_klein

    torch.manual_seed(0)
    pipe = flux2_klein()
    tensors = {}
    for number, (name, weight) in enumerate(
        (name, module.weight)
        for name, module in pipe.transformer.named_modules()
        if isinstance(module, torch.nn.Linear) and "blocks" in name
    ):
        tensors |= pair(name, weight.shape[0], weight.shape[1], style="diffusers", seed=number)
    path = write(tmp_path / "a.safetensors", tensors)
    there, back = tmp_path / "there.safetensors", tmp_path / "back.safetensors"
    to(path, target, there)
    to(there, "diffusers", back)

    def drawn(file):
        if file:
            pipe.load_lora_weights(str(file.parent), weight_name=file.name)
        width = pipe.transformer.config
        rng = torch.Generator().manual_seed(1)
        inputs = {
            "hidden_states": torch.randn(1, 4, width.in_channels, generator=rng),
            "encoder_hidden_states": torch.randn(1, 3, width.joint_attention_dim, generator=rng),
            "timestep": torch.tensor([0.5]),
            "img_ids": torch.zeros(1, 4, 4),
            "txt_ids": torch.zeros(1, 3, 4),
        }
        with torch.no_grad():
            found = pipe.transformer(**inputs, return_dict=False)[0]
        if file:
            pipe.unload_lora_weights()
        return found

    bare, first = drawn(None), drawn(path)
    assert float((first - bare).abs().mean()) > 1e-3
    assert torch.equal(drawn(back), first)
    assert torch.allclose(drawn(there), first, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("module", "shape", "style", "families"),
    [
        ("single_blocks.0.linear1", (448, 64), "comfyui", ("flux1", "flux2", "chroma")),
        ("double_blocks.0.img_attn.qkv", (192, 64), "kohya", ("flux1", "flux2", "chroma", "hunyuan-video")),
        ("transformer_blocks.0.attn.to_q", (64, 64), "diffusers", ("flux1", "flux2", "sd3")),
    ],
)
def test_odd_widths_are_no_guess(module, shape, style, families, tmp_path):
    """A tiny random model's LoRA: FLUX.1 and FLUX.2 split and name the same weights differently."""
    path = write(tmp_path / "a.safetensors", pair(module, *shape, style=style))
    target = "comfyui" if style == "diffusers" else "diffusers"
    identity = load_lora(path).identity
    assert set(families) <= set(identity.families)
    assert not identity.known
    assert any("the same in" in note for note in identity.notes)
    if style == "kohya":
        assert "to_q" in "".join(convert(path, target).tensors)  # all of them call it so
        return
    with pytest.raises(RefusedError, match="--family"):
        convert(path, target)
    told = {family: sorted(convert(path, target, family=family).tensors) for family in families}
    assert len({str(names) for names in told.values()}) > 1
    with pytest.raises(RefusedError, match="not those of sdxl"):
        convert(path, target, family="sdxl")


def test_a_converted_file_says_what_was_decided(tmp_path):
    path = write(tmp_path / "a.safetensors", pair("single_blocks.0.linear1", 448, 64))
    to(path, "diffusers", tmp_path / "d.safetensors", "flux1")
    assert load_lora(tmp_path / "d.safetensors").identity.families == ("flux1",)
    assert origin_of(read_header(tmp_path / "d.safetensors").metadata).trainer == ""
    to(tmp_path / "d.safetensors", "comfyui", tmp_path / "c.safetensors")
    assert bits(tmp_path / "c.safetensors") == bits(path)


def test_a_file_of_a_run_carries_the_digest_of_its_plan(tmp_path):
    run = tmp_path / "cat-20261121-101500"
    (run / "output").mkdir(parents=True)
    path = write(run / "output" / "cat.safetensors", z_image())
    assert "lorabridge_manifest_sha256" not in convert(path, "diffusers", family="z-image").metadata
    (run / "plan.json").write_text("{}")
    (run / "resolved.yaml").write_text("")
    found = convert(path, "diffusers", family="z-image").metadata
    assert found["lorabridge_manifest_sha256"] == hashlib.sha256(b"{}").hexdigest()
    assert found["lorabridge_source_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
