"""Keys apart and together again; what the real files hold."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from lorabridge.artifacts.dialects import ENDINGS, PREFIXES, neighbour, put_together, take_apart
from lorabridge.artifacts.header import read_header
from lorabridge.artifacts.modules import assemble, peft_config

from .makers import FILES, pair, write, z_image

REAL = {
    "flux1_lora": ("diffusers", "lora", 26, 8, None),
    "sd15_lora": ("kohya", "lora", 66, 8, 4.0),
    "zimage_lora": ("comfyui", "lora", 16, 8, None),
    "zimage_lokr": ("comfyui", "lokr", 16, None, 9999220736.0),
    "pipe_sdxl": ("kohya", "lora", 186, 4, 4.0),
    "pipe_flux": ("diffusers", "lora", 40, 4, None),
    "pipe_qwen/adapter_model": ("comfyui", "lora", 56, 4, 4.0),
    "musubi_zimage-step00000006": ("kohya", "lora", 28, 4, 4.0),
    "musubi_qwen_slice": ("kohya", "lora", 3, 4, 4.0),
    "embedded_sana": ("diffusers", "lora", 16, 4, 8.0),
    "embedded_state": ("trainer state", "lora", 12, 4, None),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files(name):
    path = FILES / f"{name}.safetensors"
    adapter = assemble(read_header(path), peft_config(path.parent))
    module = next(iter(adapter.modules.values()))
    assert (adapter.dialect, adapter.kind, len(adapter.modules), module.rank, module.alpha) == REAL[name]
    assert adapter.strangers == []
    assert not any(module.missing or module.misfit for module in adapter.modules.values())


@pytest.mark.parametrize("path", sorted(FILES.rglob("*.safetensors")), ids=lambda path: path.stem)
def test_apart_and_together(path):
    for key in read_header(path).tensors:
        found = take_apart(key)
        if found is not None:
            assert put_together(found) == key


def test_every_prefix_with_every_ending():
    for prefix in PREFIXES:
        for ending in ENDINGS:
            key = take_apart(f"{prefix.text}blocks_0_attn_q{ending.text}")
            assert key is not None
            assert (key.prefix, key.ending, key.module) == (prefix, ending, "blocks_0_attn_q")


@pytest.mark.parametrize(
    "key", ["transformer_blocks.0.attn.to_q.weight", "model.norm.bias", "latents_1x16x16_bfloat16", ".lora_A.weight", ""]
)
def test_keys_of_something_else(key):
    assert take_apart(key) is None


def test_parts_of_the_pipeline():
    assert take_apart("lora_te2_text_model_encoder_layers_0_mlp_fc1.alpha").prefix.part == "text_encoder_2"
    assert take_apart("text_encoder.text_model.encoder.layers.0.mlp.fc1.lora_A.weight").prefix.part == "text_encoder"
    assert take_apart("model.diffusion_model.blocks.0.q.lora_A.weight").prefix.text == "model.diffusion_model."


def test_weight_shapes_of_every_kind(tmp_path):
    ones = np.ones
    arrays = {
        **pair("a", 8, 6),
        "diffusion_model.c.lora_down.weight": ones((4, 6, 3, 3)),
        "diffusion_model.c.lora_up.weight": ones((8, 4, 1, 1)),
        **{
            f"diffusion_model.h.hada_{role}": ones(shape)
            for role, shape in (("w1_a", (8, 2)), ("w1_b", (2, 6)), ("w2_a", (8, 2)), ("w2_b", (2, 6)))
        },
        "diffusion_model.k.lokr_w1": ones((2, 3)),
        "diffusion_model.k.lokr_w2_a": ones((4, 2)),
        "diffusion_model.k.lokr_w2_b": ones((2, 2)),
        "diffusion_model.f.diff": ones((8, 6)),
        **pair("d", 8, 6),
        "diffusion_model.d.dora_scale": ones((8, 1)),
    }
    adapter = assemble(read_header(write(tmp_path / "x.safetensors", arrays)))
    found = {module.name: (module.kind, module.shape, module.rank) for module in adapter.modules.values()}
    assert found == {
        "a": ("lora", (8, 6), 4),
        "c": ("lora", (8, 6, 3, 3), 4),
        "h": ("loha", (8, 6), 2),
        "k": ("lokr", (8, 6), 2),
        "f": ("full", (8, 6), None),
        "d": ("dora", (8, 6), 4),
    }


def test_alpha_patterns_of_peft(tmp_path):
    path = write(tmp_path / "adapter_model.safetensors", z_image(style="peft"))
    config = {"r": 4, "lora_alpha": 8, "alpha_pattern": {"attention.to_q": 2}}
    adapter = assemble(read_header(path), config)
    assert {module.alpha for name, module in adapter.modules.items() if name.endswith("to_q")} == {2.0}
    assert {module.scale for name, module in adapter.modules.items() if name.endswith("to_k")} == {2.0}
    rs = assemble(read_header(path), {"r": 4, "lora_alpha": 8, "use_rslora": True})
    assert next(iter(rs.modules.values())).scale == pytest.approx(8 / 4**0.5)


def test_no_ending_ends_another():
    """What `take_apart` and `neighbour` stand on."""
    texts = [ending.text for ending in ENDINGS]
    assert len(set(texts)) == len(texts)
    assert not [(one, two) for one in texts for two in texts if one != two and two.endswith(one)]


def test_neighbours_are_what_taking_apart_says(tmp_path):
    for path in FILES.glob("*.safetensors"):
        names = list(read_header(path).tensors)
        for one, two in pairwise(names):
            first, second = take_apart(one), take_apart(two)
            found = neighbour(two, first.prefix.text + first.module) if first else None
            if found is not None:
                assert (second.ending, second.module) == (found, first.module)
