"""Damaged LoRAs by construction, each with its code; real ones without findings."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lorabridge.artifacts.expect import Expectation, expectation
from lorabridge.artifacts.verify import verify
from lorabridge.config.load import load

from .makers import FILES, Z, entry, pair, raw_file, write, z_image


def codes(path, expected=None, base=None, level=("error", "warning")):
    return [item.code for item in verify(path, expected, base).diagnostics if item.severity in level]


REAL = [path for path in sorted(FILES.rglob("*.safetensors")) if path.stem not in ("zimage_untrained_zero_steps", "musubi_cache")]


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_files_are_clean(path):
    result = verify(path)
    assert result.diagnostics == []
    assert len(result.checked) == 3


def test_real_file_of_no_step():
    result = verify(FILES / "zimage_untrained_zero_steps.safetensors")
    assert [(item.code, item.severity) for item in result.diagnostics] == [("LB808", "error")]


def test_cache_in_place_of_a_lora():
    result = verify(FILES / "musubi_cache.safetensors")
    assert [item.code for item in result.diagnostics] == ["LB806"]
    assert "cache of musubi-tuner" in result.diagnostics[0].message


@pytest.mark.parametrize("style", ["comfyui", "diffusers", "kohya", "peft"])
def test_made_files_are_clean(tmp_path, style):
    assert codes(write(tmp_path / "x.safetensors", z_image(style=style))) == []


def changed(change, **how):
    arrays = z_image(**how)
    change(arrays)
    return arrays


def drop(name):
    return lambda arrays: arrays.pop(name)


def put(name, value):
    return lambda arrays: arrays.__setitem__(name, value)


def spoil(name, value):
    def change(arrays):
        arrays[name][1, 1] = value

    return change


Q = "diffusion_model.layers.1.attention.to_q"
DAMAGED = {
    "one NaN": (spoil(f"{Q}.lora_A.weight", np.nan), "LB807", "error"),
    "one infinity": (spoil(f"{Q}.lora_B.weight", -np.inf), "LB807", "error"),
    "one module dead": (put(f"{Q}.lora_B.weight", np.zeros((64, 4))), "LB809", "warning"),
    "down without up": (drop(f"{Q}.lora_B.weight"), "LB810", "error"),
    "up without down": (drop(f"{Q}.lora_A.weight"), "LB810", "error"),
    "ranks that do not fit": (put(f"{Q}.lora_A.weight", np.ones((5, 64))), "LB811", "error"),
    "a vector": (put(f"{Q}.lora_A.weight", np.ones(64)), "LB811", "error"),
    "alpha 0": (put(f"{Q}.alpha", np.float32(0)), "LB813", "error"),
    "alpha NaN": (put(f"{Q}.alpha", np.float32(np.nan)), "LB807", "error"),
    "two dialects": (lambda arrays: arrays.update(pair("layers.0.attention.to_q", 64, 64, style="kohya")), "LB818", "error"),
    "two spellings": (lambda a: a.update({f"{Q}.lora_up.weight": a.pop(f"{Q}.lora_B.weight")}), "LB818", "error"),
    "a stranger": (put("optimizer.step", np.ones(3)), "LB817", "warning"),
    "an unknown module": (lambda arrays: arrays.update(pair("layers.0.attention.gate", 64, 64)), "LB817", "error"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged(tmp_path, name):
    change, code, severity = DAMAGED[name]
    found = verify(write(tmp_path / "x.safetensors", changed(change))).diagnostics
    assert [(item.code, item.severity) for item in found] == [(code, severity)], [item.message for item in found]
    assert found[0].fix


def test_all_dead_is_untrained(tmp_path):
    assert codes(write(tmp_path / "x.safetensors", z_image(up_zero=True))) == ["LB808"]
    arrays = {name: np.zeros_like(value) if "lora_A" in name else value for name, value in z_image().items()}
    assert codes(write(tmp_path / "x.safetensors", arrays)) == ["LB808"]


def test_swapped_dialect(tmp_path):
    dotted = {name.replace("diffusion_model.", "lora_unet_"): value for name, value in z_image().items()}
    assert codes(write(tmp_path / "x.safetensors", dotted)) == ["LB818"]
    flat = {
        name.replace("lora_unet_", "diffusion_model.").replace("lora_down", "lora_A"): value
        for name, value in z_image(style="kohya").items()
    }
    assert "LB818" in codes(write(tmp_path / "x.safetensors", flat))


def test_last_block_of_qwen_has_no_gradient(tmp_path):
    """Seen in every real Qwen-Image LoRA; in another block, or another model, it is a finding."""
    names = ("attn.add_q_proj", "attn.to_q", "attn.to_k", "txt_mlp.net.2")
    arrays = {}
    for block in range(3):
        for name in names:
            arrays |= pair(f"transformer_blocks.{block}.{name}", 64, 64, up_zero=block == 2 and name in (names[0], names[3]))
    assert codes(write(tmp_path / "x.safetensors", arrays)) == []
    arrays |= pair("transformer_blocks.1.attn.add_q_proj", 64, 64, up_zero=True)
    assert codes(write(tmp_path / "x.safetensors", arrays)) == ["LB809"]


def test_hundred_thousand_tensors(tmp_path):
    """Bounded, and each finding told once."""
    document, here = {}, 0
    for number in range(50_000):
        for name, shape in (("lora_A", [1, 4]), ("lora_B", [4, 1])):
            document[f"diffusion_model.blocks.{number}.attn.q.{name}.weight"] = entry(here, here + 8, shape, "BF16")
            here += 8
    path = raw_file(tmp_path / "x.safetensors", document, b"\x80\x3f" * (here // 2))
    found = verify(path).diagnostics
    assert {item.code for item in found} <= {"LB817"}
    assert len(found) == 1


CONFIG = """
lorabridge: 1
name: x
model: {family: z-image, dtype: bf16}
datasets: [{images: data}]
adapter: {rank: 4, alpha: 4%s}
train: {for: 100 steps}
save: {dtype: fp32}
"""


def expected(tmp_path, more="", **how):
    path = tmp_path / "x.yaml"
    path.write_text(CONFIG % more)
    found = expectation(load(path), **how)
    assert isinstance(found, Expectation), found
    return found


def test_agrees_with_its_config(tmp_path):
    path = write(tmp_path / "x.safetensors", z_image(alpha=4, style="kohya"))
    assert codes(path, expected(tmp_path)) == []
    assert codes(path, expected(tmp_path, ", targets: all")) == []


def test_findings_point_into_the_config(tmp_path):
    path = write(tmp_path / "x.safetensors", z_image(rank=8))
    found = verify(path, expected(tmp_path)).diagnostics
    assert [(item.code, item.span.line) for item in found] == [("LB812", 6), ("LB813", 6)]
    assert "every module has rank 8, the config says 4" in found[0].message


OTHERWISE = {
    "rank": ({"rank": 8, "alpha": 4}, "", "LB812"),
    "alpha": ({"alpha": 2}, "", "LB813"),
    "alpha by absence": ({}, ", conv_rank: 8", None),
    "attention only": ({"only": "attention"}, ", targets: all", "LB814"),
    "more than attention": ({}, ", targets: attention", "LB814"),
    "feed-forward only": ({"only": "feed_forward"}, ", targets: attention", "LB814"),
    "kind": ({}, ", type: lokr", "LB814"),
    "text encoder": ({}, ", text_encoder: true", "LB814"),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_otherwise_than_the_config(tmp_path, name):
    how, more, code = OTHERWISE[name]
    found = codes(write(tmp_path / "x.safetensors", z_image(**how)), expected(tmp_path, more))
    assert set(found) == ({code} if code else set())


def test_dtype_and_family(tmp_path):
    path = write(tmp_path / "x.safetensors", z_image(), dtype="BF16")
    assert codes(path, expected(tmp_path)) == ["LB815"]
    assert codes(path, Expectation(family="qwen-image")) == ["LB819"]
    assert codes(path, Expectation(family="z-image", variants=("base",))) == []


def real_size(group):
    """A rank-1 LoRA of one attention block with the true widths of FLUX.2 Klein."""
    width = {"4b": 3072, "9b": 4096}[group]
    blocks = {"4b": (5, 20), "9b": (8, 24)}[group]
    arrays = {}
    for block in range(blocks[0]):
        arrays |= pair(f"double_blocks.{block}.img_attn.qkv", 3 * width, width, rank=1)
    for block in range(blocks[1]):
        arrays |= pair(f"single_blocks.{block}.linear2", width, 4 * width, rank=1)
    return arrays


def test_klein_sizes_are_told_apart(tmp_path):
    path = write(tmp_path / "x.safetensors", real_size("4b"), dtype="BF16")
    result = verify(path)
    assert result.diagnostics == []
    assert result.identity.variants == (("flux2", "klein-base-4b"), ("flux2", "klein-4b"))
    assert codes(path, Expectation(family="flux2", variants=("klein-base-9b", "klein-9b"))) == ["LB819"]
    beyond = real_size("4b") | pair("double_blocks.7.img_attn.qkv", 9216, 3072, rank=1)
    assert codes(write(tmp_path / "y.safetensors", beyond, dtype="BF16")) == ["LB817"]
    wide = real_size("4b") | pair("double_blocks.0.img_attn.proj", 999, 3072, rank=1)
    assert codes(write(tmp_path / "z.safetensors", wide, dtype="BF16")) == ["LB819"]


def base_file(path, change=lambda weights: None, prefix=""):
    weights = {f"{prefix}{name.format(block)}.weight": np.ones(shape, np.float32) for block in range(2) for name, shape in Z.items()}
    weights[f"{prefix}x_embedder.weight"] = np.ones((64, 16), np.float32)
    change(weights)
    return write(path, weights)


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model.", "transformer."])
@pytest.mark.parametrize("style", ["comfyui", "kohya", "diffusers"])
def test_matched_against_its_base(tmp_path, prefix, style):
    lora = write(tmp_path / "x.safetensors", z_image(style=style))
    result = verify(lora, base=base_file(tmp_path / "base.safetensors", prefix=prefix))
    assert result.diagnostics == []
    assert "14 of 14 modules found in base.safetensors" in result.checked


def test_base_without_a_weight_and_of_another_shape(tmp_path):
    lora = write(tmp_path / "x.safetensors", z_image())
    base = base_file(tmp_path / "base.safetensors", lambda weights: weights.pop("layers.1.attention.to_q.weight"))
    assert codes(lora, base=base) == ["LB817"]
    wide = {"layers.1.attention.to_q.weight": np.ones((128, 64), np.float32)}
    assert codes(lora, base=base_file(tmp_path / "base.safetensors", lambda weights: weights.update(wide))) == ["LB819"]


def test_base_of_another_model(tmp_path):
    weights = {f"blocks.{block}.self_attn.{name}.weight": np.ones((64, 64)) for block in range(2) for name in "qkvo"}
    base = write(tmp_path / "base.safetensors", weights)
    found = verify(write(tmp_path / "x.safetensors", z_image()), base=base).diagnostics
    assert [item.code for item in found] == ["LB819"]
    assert codes(FILES / "zimage_lora.safetensors", base=tmp_path / "none.safetensors") == ["LB801"]


STEPS = [
    ("x-step00000100.safetensors", 100, None, []),
    ("x-step00000100.safetensors", 50, None, ["LB816"]),
    ("x_000000100.safetensors", 101, None, []),
    ("x.safetensors", 100, 100, []),
    ("x.safetensors", 40, 100, ["LB816"]),
    ("x-step00000040.safetensors", 40, 100, []),
    ("x.safetensors", 500, 100, ["LB816"]),
    ("x-000002.safetensors", 40, 100, []),
]


@pytest.mark.parametrize(("name", "step", "planned", "wanted"), STEPS)
def test_steps(tmp_path, name, step, planned, wanted):
    path = write(tmp_path / name, z_image(), {"training_info": json.dumps({"step": step, "epoch": 0})})
    assert codes(path, Expectation(steps=planned)) == wanted


def test_lokr_and_loha_that_change_nothing(tmp_path):
    ones, zeros = np.ones((4, 4)), np.zeros((4, 4))
    name = "diffusion_model.layers.{}.attention.to_q"
    arrays = {f"{name.format(0)}.lokr_w1": ones, f"{name.format(0)}.lokr_w2": zeros}
    assert codes(write(tmp_path / "x.safetensors", arrays)) == ["LB808"]
    arrays |= {f"{name.format(1)}.lokr_w1": ones, f"{name.format(1)}.lokr_w2": ones}
    assert codes(write(tmp_path / "x.safetensors", arrays)) == ["LB809"]
    loha = {f"{name.format(0)}.hada_{role}": zeros if role == "w2_a" else ones for role in ("w1_a", "w1_b", "w2_a", "w2_b")}
    assert codes(write(tmp_path / "x.safetensors", loha)) == ["LB808"]
