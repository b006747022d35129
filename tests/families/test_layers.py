"""`adapter.targets` is lowered by substrings of layer names: they must find the layers that each trainer really has.

Names are those of LoRA files and model sources at the trainers' pinned commits; `N` stands for a number.
"""

from __future__ import annotations

import pytest

from lorabridge.families import FAMILIES

_QWEN = """
transformer_blocks.N.attn.add_k_proj a, transformer_blocks.N.attn.to_q a, transformer_blocks.N.attn.to_out.N a,
transformer_blocks.N.attn.to_add_out a, transformer_blocks.N.img_mlp.net.N.proj f, transformer_blocks.N.txt_mlp.net.N f,
transformer_blocks.N.img_mod.N -, transformer_blocks.N.txt_mod.N -
"""
_FLUX = """
double_blocks.N.img_attn.proj a, double_blocks.N.img_attn.qkv a, double_blocks.N.txt_attn.qkv a, double_blocks.N.img_mlp.N f,
double_blocks.N.txt_mlp.N f, single_blocks.N.linear1 a, single_blocks.N.linear2 a, double_blocks.N.img_mod.lin -, final_layer.linear -
"""
_FLUX_DIFFUSERS = """
single_transformer_blocks.N.attn.to_k a, single_transformer_blocks.N.proj_out a, single_transformer_blocks.N.proj_mlp f,
single_transformer_blocks.N.norm.linear -, transformer_blocks.N.attn.add_q_proj a, transformer_blocks.N.attn.to_out.N a,
transformer_blocks.N.ff.net.N.proj f, transformer_blocks.N.ff_context.net.N f, transformer_blocks.N.norm1.linear -, proj_out -
"""
_FLUX2_DIFFUSERS = """
transformer_blocks.N.attn.to_q a, transformer_blocks.N.attn.add_k_proj a, single_transformer_blocks.N.attn.to_qkv_mlp_proj a,
single_transformer_blocks.N.attn.to_out a, transformer_blocks.N.ff.linear_in f, transformer_blocks.N.ff_context.linear_out f,
double_stream_modulation_img.linear -
"""
_ZIMAGE = """
layers.N.attention.to_q a, layers.N.attention.to_out.N a, layers.N.feed_forward.w1 f, layers.N.feed_forward.w3 f,
layers.N.adaLN_modulation.N -
"""
_WAN = """
blocks.N.self_attn.q a, blocks.N.cross_attn.o a, blocks.N.cross_attn.k_img a, blocks.N.ffn.N f, time_embedding.N -, head.head -
"""
_WAN_DIFFUSERS = """
blocks.N.attn1.to_q a, blocks.N.attn2.to_out.N a, blocks.N.ffn.net.N.proj f, condition_embedder.time_proj -
"""
_UNET = """
down_blocks.N.attentions.N.transformer_blocks.N.attn1.to_q a, mid_block.attentions.N.transformer_blocks.N.attn2.to_out.N a,
up_blocks.N.attentions.N.transformer_blocks.N.ff.net.N.proj f, down_blocks.N.attentions.N.proj_in -, time_embedding.linear_1 -
"""
_HUNYUAN = """
double_blocks.N.img_attn_qkv a, double_blocks.N.txt_attn_proj a, double_blocks.N.img_mlp.fc1 f, single_blocks.N.linear1 a,
double_blocks.N.img_mod.linear -
"""
_COSMOS = """
blocks.N.self_attn.q_proj a, blocks.N.cross_attn.output_proj a, blocks.N.mlp.layer1 f, blocks.N.adaln_modulation_self_attn.N -,
blocks.N.adaln_modulation_mlp.N -
"""
_LUMINA = """
layers.N.attn.to_q a, context_refiner.N.attn.to_out.N a, layers.N.feed_forward.linear_1 f, layers.N.norm1.linear -
"""
_HIDREAM = """
double_stream_blocks.N.block.attn1.to_k_t a, double_stream_blocks.N.block.ff_i.experts.N.w1 f, double_stream_blocks.N.block.ff_t.w2 f,
double_stream_blocks.N.block.adaLN_modulation.N -, single_stream_blocks.N.block.attn1.to_out a
"""
_LTX2 = """
transformer_blocks.N.attn1.to_q a, transformer_blocks.N.audio_attn2.to_v a, transformer_blocks.N.audio_to_video_attn.to_k a,
transformer_blocks.N.video_to_audio_attn.to_out.N a, transformer_blocks.N.ff.net.N.proj f, transformer_blocks.N.audio_ff.net.N f
"""
_KREA = """
blocks.N.attn.wq a, blocks.N.attn.gate a, blocks.N.mlp.gate f, blocks.N.mlp.down f, tmlp.N -, txtmlp.N -, tproj.N -, first -, last.linear -,
txtfusion.layerwise_blocks.N.attn.wo a, txtfusion.projector -
"""
_KANDINSKY = """
visual_transformer_blocks.N.self_attention.to_query a, visual_transformer_blocks.N.cross_attention.out_layer a,
visual_transformer_blocks.N.feed_forward.in_layer f, visual_transformer_blocks.N.visual_modulation.out_layer -
"""
_O1 = """
language_model.layers.N.self_attn.q_proj a, language_model.layers.N.mlp.gate_proj f, language_model.layers.N.mlp.down_proj f,
visual.blocks.N.attn.qkv -, visual.blocks.N.mlp.linear_fc1 -, lm_head -, t_embedder.mlp.N -
"""
_IDEOGRAM = "layers.N.attention.qkv a, layers.N.attention.o a, layers.N.feed_forward.w2 f, layers.N.adaln_modulation -, adaln_proj -"

REAL = [
    *(("qwen-image", trainer, _QWEN) for trainer in ("musubi", "diffusion-pipe", "ai-toolkit", "embedded")),
    *(("flux2", trainer, _FLUX) for trainer in ("musubi", "diffusion-pipe", "ai-toolkit")),
    ("flux2", "embedded", _FLUX2_DIFFUSERS),
    ("flux1", "diffusion-pipe", _FLUX_DIFFUSERS),
    ("flux1", "ai-toolkit", _FLUX_DIFFUSERS),
    ("flux1-kontext", "ai-toolkit", _FLUX_DIFFUSERS),
    ("flux1-kontext", "musubi", _FLUX),
    ("flex2", "ai-toolkit", _FLUX_DIFFUSERS),
    ("chroma", "ai-toolkit", _FLUX),
    ("chroma", "diffusion-pipe", _FLUX),
    ("z-image", "musubi", _ZIMAGE),
    ("z-image", "ai-toolkit", _ZIMAGE),
    ("z-image", "embedded", _ZIMAGE),
    ("z-image", "diffusion-pipe", "layers.N.attention.qkv a, layers.N.attention.out a, layers.N.feed_forward.w1 f"),
    *((family, trainer, _WAN) for family in ("wan21", "wan22") for trainer in ("musubi", "diffusion-pipe")),
    *((family, "ai-toolkit", _WAN_DIFFUSERS) for family in ("wan21", "wan22")),
    *(("sdxl", trainer, _UNET) for trainer in ("diffusion-pipe", "ai-toolkit", "embedded")),
    ("sd15", "ai-toolkit", _UNET),
    ("hunyuan-video", "musubi", _HUNYUAN),
    ("hunyuan-image", "diffusion-pipe", _HUNYUAN),
    ("hunyuan-video-1.5", "musubi", "double_blocks.N.img_attn_q a, double_blocks.N.txt_attn_proj a, double_blocks.N.txt_mlp.fc2 f"),
    ("hunyuan-video-1.5", "diffusion-pipe", "double_blocks.N.img_attn.qkv a, double_blocks.N.txt_mlp.N f, double_blocks.N.img_mod.lin -"),
    ("framepack", "musubi", _FLUX_DIFFUSERS),
    ("kandinsky5", "musubi", _KANDINSKY),
    ("krea2", "musubi", _KREA),
    ("krea2", "ai-toolkit", _KREA),
    ("ideogram4", "musubi", _IDEOGRAM),
    ("ideogram4", "ai-toolkit", _IDEOGRAM),
    ("hidream-o1", "musubi", _O1),
    ("hidream", "ai-toolkit", _HIDREAM),
    ("lumina2", "ai-toolkit", _LUMINA),
    ("lumina2", "diffusion-pipe", "layers.N.attention.qkv a, layers.N.feed_forward.w1 f, layers.N.adaLN_modulation.N -"),
    ("omnigen2", "ai-toolkit", _LUMINA),
    ("anima", "diffusion-pipe", _COSMOS),
    ("cosmos-predict2", "diffusion-pipe", _COSMOS),
    ("anima", "ai-toolkit", "transformer_blocks.N.attn1.to_q a, transformer_blocks.N.attn2.to_k a, transformer_blocks.N.ff.net.N.proj f"),
    ("ltx2", "ai-toolkit", _LTX2),
    (
        "ernie-image",
        "ai-toolkit",
        "layers.N.self_attention.to_q a, layers.N.mlp.gate_proj f, layers.N.mlp.linear_fc2 f, adaLN_modulation.N -",
    ),
    ("minimax-h3", "ai-toolkit", "blocks.N.attn.qkv_proj a, blocks.N.mlp.fc1 f, blocks.N.adaln_proj.linear -, condition_proj -"),
    ("mage-flow", "ai-toolkit", _QWEN),
    (
        "boogu-image",
        "ai-toolkit",
        "double_stream_layers.N.img_instruct_attn.to_q a, single_stream_layers.N.attn.to_v a, double_stream_layers.N.img_feed_forward.linear_1 f",
    ),
    ("prx-pixel", "ai-toolkit", "blocks.N.attention.img_qkv_proj a, blocks.N.gate_proj f, blocks.N.down_proj f, blocks.N.modulation.lin -"),
    ("f-lite", "ai-toolkit", "blocks.N.self_attn.qkv a, blocks.N.cross_attn.context_kv a, blocks.N.mlp.N f, blocks.N.adaLN_modulation.N -"),
    ("ace-step", "ai-toolkit", "layers.N.cross_attn.q_proj a, layers.N.self_attn.o_proj a, layers.N.mlp.up_proj f, time_embed.linear_1 -"),
]


@pytest.mark.parametrize(("family", "trainer", "names"), REAL, ids=[f"{family}:{trainer}" for family, trainer, _ in REAL])
def test_real_layer_names_fall_into_their_groups(family: str, trainer: str, names: str) -> None:
    modules = FAMILIES[family].modules(trainer)
    for entry in names.replace("\n", " ").split(","):
        name, group = entry.split()
        name = name.replace("N", "3")
        in_attention = any(part in name for part in modules.attention)
        in_feed_forward = any(part in name for part in modules.feed_forward)
        assert (in_attention, in_feed_forward) == (group == "a", group == "f"), name


def test_a_trainer_without_names_of_its_own_uses_those_of_diffusers() -> None:
    family = FAMILIES["flux2"]
    assert family.modules("embedded").attention == family.attention
    assert family.modules("musubi").attention != family.attention
