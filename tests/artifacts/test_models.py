"""The model files of a config: what is wrong is said before anything is loaded."""

from __future__ import annotations

import pytest

from lorabridge.artifacts.models import check_models
from lorabridge.config.load import load

from .makers import FILES, encoder_file, header_file, model_file

CONFIG = """
lorabridge: 1
name: x
model:
  family: {family}
  variant: {variant}
  quantize: {{transformer: {quantize}}}
  paths:
    {paths}
datasets: [{{images: data}}]
train: {{for: 100 steps}}
"""


def check(tmp_path, paths, family="flux2", variant="klein-base-9b", quantize="off"):
    text = "\n    ".join(f"{key}: {name}" for key, name in paths.items())
    path = tmp_path / "x.yaml"
    path.write_text(CONFIG.format(family=family, variant=variant, quantize=quantize, paths=text))
    loaded = load(path)
    assert loaded.config is not None, loaded.diagnostics
    return check_models(loaded)


def codes(found):
    return [item.code for item in found]


def klein(tmp_path, size="9b", **how):
    return model_file(tmp_path / "dit.safetensors", "flux2", f"klein-{size} native", **how)


VAE = {"decoder.conv_in.weight": (512, 32, 3, 3), "encoder.conv_in.weight": (128, 3, 3, 3), "bn.running_mean": (128,)}


def test_all_right(tmp_path):
    klein(tmp_path)
    encoder_file(tmp_path / "te.safetensors", "Qwen3-8B")
    header_file(tmp_path / "vae.safetensors", VAE)
    assert check(tmp_path, {"transformer": "./dit.safetensors", "text_encoder": "./te.safetensors", "vae": "./vae.safetensors"}) == []


def test_klein_9b_with_the_encoder_of_4b(tmp_path):
    encoder_file(tmp_path / "te.safetensors", "Qwen3-4B")
    found = check(tmp_path, {"text_encoder": "./te.safetensors"})
    assert codes(found) == ["LB832"]
    assert "is Qwen3-4B; FLUX.2 klein-base-9b needs Qwen3-8B" in found[0].message
    assert (found[0].path, found[0].span.line) == ("model.paths.text_encoder", 9)


def test_another_size_of_the_family(tmp_path):
    klein(tmp_path, "4b")
    found = check(tmp_path, {"transformer": "./dit.safetensors"})
    assert codes(found) == ["LB831"]
    assert "klein-base-4b or klein-4b" in found[0].message


def test_another_family(tmp_path):
    model_file(tmp_path / "dit.safetensors", "z-image", "base")
    found = check(tmp_path, {"transformer": "./dit.safetensors"})
    assert [(item.code, item.severity) for item in found] == [("LB831", "error")]


def test_lora_given_as_base(tmp_path):
    found = check(tmp_path, {"transformer": str(FILES / "zimage_lora.safetensors")})
    assert codes(found) == ["LB830"]
    assert "init_from" in found[0].fix


def test_vae_in_place_of_the_transformer(tmp_path):
    header_file(tmp_path / "vae.safetensors", VAE)
    found = check(tmp_path, {"transformer": "./vae.safetensors"})
    assert codes(found) == ["LB834"]
    assert "FLUX.2 VAE" in found[0].message


def test_vae_of_another_model(tmp_path):
    header_file(tmp_path / "vae.safetensors", {"decoder.conv_in.weight": (512, 16, 3, 3), "encoder.conv_in.weight": (128, 3, 3, 3)})
    assert codes(check(tmp_path, {"vae": "./vae.safetensors"})) == ["LB832"]


@pytest.mark.parametrize(
    ("more", "quantize", "found"),
    [
        ({"x.scale_weight": (1,)}, "off", [("LB833", "error")]),
        ({"x.scale_weight": (1,)}, "fp8-scaled", [("LB833", "error")]),
        ({}, "off", [("LB833", "warning")]),
        ({}, "fp8", []),
    ],
)
def test_fp8_where_bf16_is_needed(tmp_path, more, quantize, found):
    klein(tmp_path, dtype="F8_E4M3", more=more)
    assert [(item.code, item.severity) for item in check(tmp_path, {"transformer": "./dit.safetensors"}, quantize=quantize)] == found


def test_ideogram_is_published_in_fp8(tmp_path):
    model_file(tmp_path / "dit.safetensors", "ideogram4", "base native", dtype="F8_E4M3", more={"x.scale_weight": (1,)})
    assert check(tmp_path, {"transformer": "./dit.safetensors"}, "ideogram4", "base") == []


def test_distilled_by_its_name(tmp_path):
    model_file(tmp_path / "z_image_turbo_bf16.safetensors", "z-image", "base")
    found = check(tmp_path, {"transformer": "./z_image_turbo_bf16.safetensors"}, "z-image", "base")
    assert [(item.code, item.severity) for item in found] == [("LB835", "warning")]
    assert check(tmp_path, {"transformer": "./z_image_turbo_bf16.safetensors"}, "z-image", "turbo") == []


def test_wan_experts_have_the_shapes_of_wan21(tmp_path):
    model_file(tmp_path / "dit.safetensors", "wan", "t2v-14b native")
    assert check(tmp_path, {"transformer": "./dit.safetensors"}, "wan22", "t2v-a14b") == []
    assert codes(check(tmp_path, {"transformer": "./dit.safetensors"}, "wan22", "i2v-a14b")) == ["LB831"]


def test_experts_that_are_exchanged(tmp_path):
    high, low = "wan2.2_t2v_high_noise_14B_fp16.safetensors", "wan2.2_t2v_low_noise_14B_fp16.safetensors"
    for name in (high, low):
        model_file(tmp_path / name, "wan", "t2v-14b native", dtype="F16")
    right = {"transformer": f"./{low}", "transformer_high_noise": f"./{high}"}
    assert check(tmp_path, right, "wan22", "t2v-a14b") == []
    found = check(tmp_path, {"transformer": f"./{high}", "transformer_high_noise": f"./{low}"}, "wan22", "t2v-a14b")
    assert [(item.code, item.severity, item.path) for item in found] == [
        ("LB838", "warning", "model.paths.transformer"), ("LB838", "warning", "model.paths.transformer_high_noise")
    ]  # fmt: skip


def test_damaged_and_foreign_files(tmp_path):
    path = klein(tmp_path)
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size - 1)
    assert codes(check(tmp_path, {"transformer": "./dit.safetensors"})) == ["LB803"]
    header_file(tmp_path / "what.safetensors", {"some.weight": (8, 8)})
    assert [(item.code, item.severity) for item in check(tmp_path, {"transformer": "./what.safetensors"})] == [("LB836", "hint")]


def test_a_family_without_a_table_is_not_judged(tmp_path):
    model_file(tmp_path / "dit.safetensors", "qwen-image", "base")
    assert check(tmp_path, {"repo": "microsoft/Mage-Flow-Base", "transformer": "./dit.safetensors"}, "mage-flow", "base") == []


def test_hub_ids_and_missing_files_are_left_to_others(tmp_path):
    assert check(tmp_path, {"repo": "black-forest-labs/FLUX.2-klein-base-9B", "vae": "./none.safetensors"}) == []


def test_checkpoint_that_holds_all(tmp_path):
    more = {"first_stage_model.decoder.conv_in.weight": (512, 4, 3, 3), "conditioner.embedders.0.transformer.a.weight": (8, 8)}
    path = tmp_path / "sdxl.safetensors"
    model_file(path, "sdxl", "base native", prefix="model.diffusion_model.", more=more)
    assert check(tmp_path, {"checkpoint": "./sdxl.safetensors"}, "sdxl", "base") == []
