"""What modules are called in the model's own code and in diffusers: one line for each, as text.

`native -> diffusers [+ diffusers]... [/ shares] [swap]`. `{}` is a block's number. A line with several diffusers names is
one fused weight: its rows are theirs one after another, in the shares that are stated. `swap`: the two halves of the rows
stand the other way round (scale and shift); `swap if twice`: only where there are twice as many rows as inputs.

Read from diffusers 0.42.1 `loaders/single_file_utils.py` and `loaders/lora_conversion_utils.py`, where it turns published
weights into its own; `tests/artifacts/test_key_maps.py` holds every line against the shapes of both key tables.
"""

from __future__ import annotations


def _qkv(native: str, diffusers: str, names: tuple[str, str, str] = ("to_q", "to_k", "to_v"), shares: str = "") -> str:
    return f"{native} -> " + " + ".join(f"{diffusers}.{name}" for name in names) + shares + "\n"


def _each(blocks: tuple[str, ...], lines: str) -> str:
    """The lines for several stacks of blocks that are alike."""
    return "".join(line.replace("BLOCK", block) + "\n" for block in blocks for line in lines.strip().splitlines())


_ADDED = ("add_q_proj", "add_k_proj", "add_v_proj")
_ENDS = """
img_in -> x_embedder
txt_in -> context_embedder
final_layer.linear -> proj_out
"""
_LAST = "final_layer.adaLN_modulation.1 -> norm_out.linear swap\n"
_DOUBLE = (
    _qkv("double_blocks.{}.img_attn.qkv", "transformer_blocks.{}.attn")
    + _qkv("double_blocks.{}.txt_attn.qkv", "transformer_blocks.{}.attn", _ADDED)
    + """
double_blocks.{}.img_attn.proj -> transformer_blocks.{}.attn.to_out.0
double_blocks.{}.txt_attn.proj -> transformer_blocks.{}.attn.to_add_out
"""
)
_GELU = """
double_blocks.{}.img_mlp.0 -> transformer_blocks.{}.ff.net.0.proj
double_blocks.{}.img_mlp.2 -> transformer_blocks.{}.ff.net.2
double_blocks.{}.txt_mlp.0 -> transformer_blocks.{}.ff_context.net.0.proj
double_blocks.{}.txt_mlp.2 -> transformer_blocks.{}.ff_context.net.2
"""
_SINGLE = """
single_blocks.{}.linear1 -> single_transformer_blocks.{}.attn.to_q + single_transformer_blocks.{}.attn.to_k \
 + single_transformer_blocks.{}.attn.to_v + single_transformer_blocks.{}.proj_mlp / 1 1 1 4
single_blocks.{}.linear2 -> single_transformer_blocks.{}.proj_out
"""
_MODULATED = """
double_blocks.{}.img_mod.lin -> transformer_blocks.{}.norm1.linear
double_blocks.{}.txt_mod.lin -> transformer_blocks.{}.norm1_context.linear
single_blocks.{}.modulation.lin -> single_transformer_blocks.{}.norm.linear
"""
_REFINER = """
txt_in.input_embedder -> context_embedder.proj_in
txt_in.t_embedder.mlp.0 -> context_embedder.time_text_embed.timestep_embedder.linear_1
txt_in.t_embedder.mlp.2 -> context_embedder.time_text_embed.timestep_embedder.linear_2
txt_in.c_embedder.linear_1 -> context_embedder.time_text_embed.text_embedder.linear_1
txt_in.c_embedder.linear_2 -> context_embedder.time_text_embed.text_embedder.linear_2
txt_in.individual_token_refiner.blocks.{}.mlp.fc1 -> context_embedder.token_refiner.refiner_blocks.{}.ff.net.0.proj
txt_in.individual_token_refiner.blocks.{}.mlp.fc2 -> context_embedder.token_refiner.refiner_blocks.{}.ff.net.2
txt_in.individual_token_refiner.blocks.{}.adaLN_modulation.1 -> context_embedder.token_refiner.refiner_blocks.{}.norm_out.linear
"""
_FLUX1 = (
    _DOUBLE
    + _GELU
    + _SINGLE
    + _MODULATED
    + _ENDS
    + _LAST
    + """
time_in.in_layer -> time_text_embed.timestep_embedder.linear_1
time_in.out_layer -> time_text_embed.timestep_embedder.linear_2
guidance_in.in_layer -> time_text_embed.guidance_embedder.linear_1
guidance_in.out_layer -> time_text_embed.guidance_embedder.linear_2
vector_in.in_layer -> time_text_embed.text_embedder.linear_1
vector_in.out_layer -> time_text_embed.text_embedder.linear_2
"""
)
_FLUX2 = (
    _DOUBLE
    + _ENDS
    + _LAST
    + """
double_blocks.{}.img_mlp.0 -> transformer_blocks.{}.ff.linear_in
double_blocks.{}.img_mlp.2 -> transformer_blocks.{}.ff.linear_out
double_blocks.{}.txt_mlp.0 -> transformer_blocks.{}.ff_context.linear_in
double_blocks.{}.txt_mlp.2 -> transformer_blocks.{}.ff_context.linear_out
single_blocks.{}.linear1 -> single_transformer_blocks.{}.attn.to_qkv_mlp_proj
single_blocks.{}.linear2 -> single_transformer_blocks.{}.attn.to_out
time_in.in_layer -> time_guidance_embed.timestep_embedder.linear_1
time_in.out_layer -> time_guidance_embed.timestep_embedder.linear_2
guidance_in.in_layer -> time_guidance_embed.guidance_embedder.linear_1
guidance_in.out_layer -> time_guidance_embed.guidance_embedder.linear_2
double_stream_modulation_img.lin -> double_stream_modulation_img.linear
double_stream_modulation_txt.lin -> double_stream_modulation_txt.linear
single_stream_modulation.lin -> single_stream_modulation.linear
"""
)
_CHROMA = (
    _DOUBLE
    + _GELU
    + _SINGLE
    + _ENDS
    + """
distilled_guidance_layer.layers.{}.in_layer -> distilled_guidance_layer.layers.{}.linear_1
distilled_guidance_layer.layers.{}.out_layer -> distilled_guidance_layer.layers.{}.linear_2
"""
)
_HUNYUAN_VIDEO = (
    _DOUBLE
    + _GELU
    + _SINGLE
    + _MODULATED
    + _LAST
    + _REFINER
    + _qkv("txt_in.individual_token_refiner.blocks.{}.self_attn.qkv", "context_embedder.token_refiner.refiner_blocks.{}.attn")
    + """
txt_in.individual_token_refiner.blocks.{}.self_attn.proj -> context_embedder.token_refiner.refiner_blocks.{}.attn.to_out.0
img_in.proj -> x_embedder.proj
final_layer.linear -> proj_out
time_in.mlp.0 -> time_text_embed.timestep_embedder.linear_1
time_in.mlp.2 -> time_text_embed.timestep_embedder.linear_2
guidance_in.mlp.0 -> time_text_embed.guidance_embedder.linear_1
guidance_in.mlp.2 -> time_text_embed.guidance_embedder.linear_2
vector_in.in_layer -> time_text_embed.text_embedder.linear_1
vector_in.out_layer -> time_text_embed.text_embedder.linear_2
"""
)
_HUNYUAN_VIDEO_15 = (
    _LAST
    + _REFINER
    + _qkv("txt_in.individual_token_refiner.blocks.{}.self_attn_qkv", "context_embedder.token_refiner.refiner_blocks.{}.attn")
    + "".join(
        f"double_blocks.{{}}.{stream}_{native} -> transformer_blocks.{{}}.{diffusers}\n"
        for stream, names in (
            ("img", ("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0", "ff.net.0.proj", "ff.net.2", "norm1.linear")),
            (
                "txt",
                (
                    *(f"attn.{name}" for name in _ADDED),
                    "attn.to_add_out",
                    "ff_context.net.0.proj",
                    "ff_context.net.2",
                    "norm1_context.linear",
                ),
            ),
        )
        for native, diffusers in zip(("attn_q", "attn_k", "attn_v", "attn_proj", "mlp.fc1", "mlp.fc2", "mod.linear"), names, strict=True)
    )
    + """
txt_in.individual_token_refiner.blocks.{}.self_attn_proj -> context_embedder.token_refiner.refiner_blocks.{}.attn.to_out.0
img_in.proj -> x_embedder.proj
final_layer.linear -> proj_out
time_in.mlp.0 -> time_embed.timestep_embedder.linear_1
time_in.mlp.2 -> time_embed.timestep_embedder.linear_2
byt5_in.fc1 -> context_embedder_2.linear_1
byt5_in.fc2 -> context_embedder_2.linear_2
byt5_in.fc3 -> context_embedder_2.linear_3
vision_in.proj.1 -> image_embedder.linear_1
vision_in.proj.3 -> image_embedder.linear_2
cond_type_embedding -> cond_type_embed
"""
)
_SD3 = (
    _qkv("joint_blocks.{}.x_block.attn.qkv", "transformer_blocks.{}.attn")
    + _qkv("joint_blocks.{}.x_block.attn2.qkv", "transformer_blocks.{}.attn2")
    + _qkv("joint_blocks.{}.context_block.attn.qkv", "transformer_blocks.{}.attn", _ADDED)
    + _LAST
    + """
joint_blocks.{}.x_block.attn.proj -> transformer_blocks.{}.attn.to_out.0
joint_blocks.{}.x_block.attn2.proj -> transformer_blocks.{}.attn2.to_out.0
joint_blocks.{}.x_block.mlp.fc1 -> transformer_blocks.{}.ff.net.0.proj
joint_blocks.{}.x_block.mlp.fc2 -> transformer_blocks.{}.ff.net.2
joint_blocks.{}.x_block.adaLN_modulation.1 -> transformer_blocks.{}.norm1.linear
joint_blocks.{}.context_block.attn.proj -> transformer_blocks.{}.attn.to_add_out
joint_blocks.{}.context_block.mlp.fc1 -> transformer_blocks.{}.ff_context.net.0.proj
joint_blocks.{}.context_block.mlp.fc2 -> transformer_blocks.{}.ff_context.net.2
joint_blocks.{}.context_block.adaLN_modulation.1 -> transformer_blocks.{}.norm1_context.linear swap if twice
x_embedder.proj -> pos_embed.proj
t_embedder.mlp.0 -> time_text_embed.timestep_embedder.linear_1
t_embedder.mlp.2 -> time_text_embed.timestep_embedder.linear_2
y_embedder.mlp.0 -> time_text_embed.text_embedder.linear_1
y_embedder.mlp.2 -> time_text_embed.text_embedder.linear_2
final_layer.linear -> proj_out
"""
)
_STACKS = ("layers", "noise_refiner", "context_refiner")
_Z_IMAGE = (
    "".join(_qkv(f"{stack}.{{}}.attention.qkv", f"{stack}.{{}}.attention") for stack in _STACKS)
    + _each(_STACKS, "BLOCK.{}.attention.out -> BLOCK.{}.attention.to_out.0")
    + """
x_embedder -> all_x_embedder.2-1
final_layer.linear -> all_final_layer.2-1.linear
final_layer.adaLN_modulation.1 -> all_final_layer.2-1.adaLN_modulation.1
"""
)
_LUMINA2 = (
    "".join(_qkv(f"{stack}.{{}}.attention.qkv", f"{stack}.{{}}.attn", shares=" / 3 1 1") for stack in _STACKS)
    + _each(
        _STACKS,
        """
BLOCK.{}.attention.out -> BLOCK.{}.attn.to_out.0
BLOCK.{}.feed_forward.w1 -> BLOCK.{}.feed_forward.linear_1
BLOCK.{}.feed_forward.w2 -> BLOCK.{}.feed_forward.linear_2
BLOCK.{}.feed_forward.w3 -> BLOCK.{}.feed_forward.linear_3
""",
    )
    + _each(_STACKS[:2], "BLOCK.{}.adaLN_modulation.1 -> BLOCK.{}.norm1.linear")
    + """
cap_embedder.1 -> time_caption_embed.caption_embedder.1
t_embedder.mlp.0 -> time_caption_embed.timestep_embedder.linear_1
t_embedder.mlp.2 -> time_caption_embed.timestep_embedder.linear_2
final_layer.adaLN_modulation.1 -> norm_out.linear_1
final_layer.linear -> norm_out.linear_2
"""
)
_WAN = (
    "".join(
        f"blocks.{{}}.{native}.{one} -> blocks.{{}}.{diffusers}.{two}\n"
        for native, diffusers in (("self_attn", "attn1"), ("cross_attn", "attn2"))
        for one, two in (("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("o", "to_out.0"))
    )
    + """
blocks.{}.cross_attn.k_img -> blocks.{}.attn2.add_k_proj
blocks.{}.cross_attn.v_img -> blocks.{}.attn2.add_v_proj
blocks.{}.ffn.0 -> blocks.{}.ffn.net.0.proj
blocks.{}.ffn.2 -> blocks.{}.ffn.net.2
img_emb.proj.1 -> condition_embedder.image_embedder.ff.net.0.proj
img_emb.proj.3 -> condition_embedder.image_embedder.ff.net.2
text_embedding.0 -> condition_embedder.text_embedder.linear_1
text_embedding.2 -> condition_embedder.text_embedder.linear_2
time_embedding.0 -> condition_embedder.time_embedder.linear_1
time_embedding.2 -> condition_embedder.time_embedder.linear_2
time_projection.1 -> condition_embedder.time_proj
head.head -> proj_out
"""
)
_COSMOS = (
    "".join(
        f"blocks.{{}}.{native}.{one} -> transformer_blocks.{{}}.{diffusers}.{two}\n"
        for native, diffusers in (("self_attn", "attn1"), ("cross_attn", "attn2"))
        for one, two in (("q_proj", "to_q"), ("k_proj", "to_k"), ("v_proj", "to_v"), ("output_proj", "to_out.0"))
    )
    + "".join(
        f"blocks.{{}}.adaln_modulation_{part}.{one} -> transformer_blocks.{{}}.norm{number}.linear_{one}\n"
        for number, part in enumerate(("self_attn", "cross_attn", "mlp"), 1)
        for one in (1, 2)
    )
    + """
blocks.{}.mlp.layer1 -> transformer_blocks.{}.ff.net.0.proj
blocks.{}.mlp.layer2 -> transformer_blocks.{}.ff.net.2
t_embedder.1.linear_1 -> time_embed.t_embedder.linear_1
t_embedder.1.linear_2 -> time_embed.t_embedder.linear_2
x_embedder.proj.1 -> patch_embed.proj
final_layer.adaln_modulation.1 -> norm_out.linear_1
final_layer.adaln_modulation.2 -> norm_out.linear_2
final_layer.linear -> proj_out
"""
)
_KREA2 = (
    "".join(
        f"{native}.{one} -> {diffusers}.{two}\n"
        for native, diffusers in (
            ("blocks.{}", "transformer_blocks.{}"),
            ("txtfusion.layerwise_blocks.{}", "text_fusion.layerwise_blocks.{}"),
            ("txtfusion.refiner_blocks.{}", "text_fusion.refiner_blocks.{}"),
        )
        for one, two in (
            *((f"attn.w{letter}", f"attn.to_{letter}") for letter in "qkv"),
            ("attn.wo", "attn.to_out.0"),
            ("attn.gate", "attn.to_gate"),
            *((f"mlp.{name}", f"ff.{name}") for name in ("gate", "up", "down")),
        )
    )
    + """
first -> img_in
last.linear -> final_layer.linear
tmlp.0 -> time_embed.linear_1
tmlp.2 -> time_embed.linear_2
tproj.1 -> time_mod_proj
txtmlp.1 -> txt_in.linear_1
txtmlp.3 -> txt_in.linear_2
txtfusion.projector -> text_fusion.projector
"""
)
_IDEOGRAM4 = _qkv("layers.{}.attention.qkv", "layers.{}.attention") + "layers.{}.attention.o -> layers.{}.attention.to_out.0"

LINES: dict[str, str] = {
    "flux1": _FLUX1,
    "flux2": _FLUX2,
    "chroma": _CHROMA,
    "hunyuan-video": _HUNYUAN_VIDEO,
    "hunyuan-image": _DOUBLE + _GELU + _SINGLE + _MODULATED,
    "hunyuan-video-1.5": _HUNYUAN_VIDEO_15,
    "sd3": _SD3,
    "z-image": _Z_IMAGE,
    "lumina2": _LUMINA2,
    "wan": _WAN,
    "cosmos": _COSMOS,
    "krea2": _KREA2,
    "ideogram4": _IDEOGRAM4,
    "kandinsky5": "",
}
"""By the architecture's name in `schemas/lora_keys`. Kandinsky 5 has the same names in both. Modules that are called the
same in both key tables need no line."""

_LTX = (("patchify_proj", "proj_in"), ("adaln_single", "time_embed"))
FIRST_WORDS: dict[str, tuple[tuple[str, str], ...]] = {
    "ltx-video": _LTX,
    "ltx2": (
        *_LTX,
        ("audio_patchify_proj", "audio_proj_in"),
        ("audio_adaln_single", "audio_time_embed"),
        ("av_ca_video_scale_shift_adaln_single", "av_cross_attn_video_scale_shift"),
        ("av_ca_audio_scale_shift_adaln_single", "av_cross_attn_audio_scale_shift"),
        ("av_ca_a2v_gate_adaln_single", "av_cross_attn_video_a2v_gate"),
        ("av_ca_v2a_gate_adaln_single", "av_cross_attn_audio_v2a_gate"),
        ("prompt_adaln_single", "prompt_adaln"),
        ("audio_prompt_adaln_single", "audio_prompt_adaln"),
    ),
}
"""Models whose native names are diffusers' but for the first word: native, diffusers."""

SPELLINGS: dict[str, tuple[tuple[str, str], ...]] = {
    "hunyuan-video": (
        ("_attn_qkv", "_attn.qkv"),
        ("_attn_proj", "_attn.proj"),
        ("_mlp.fc1", "_mlp.0"),
        ("_mlp.fc2", "_mlp.2"),
        ("_mod.linear", "_mod.lin"),
        (".modulation.linear", ".modulation.lin"),
    ),
}
"""Endings of the names in the published code (and musubi-tuner, diffusion-pipe), and in ComfyUI, which reads both
(ComfyUI comfy/lora.py, model_lora_keys_unet, HunyuanVideo). The lines above have ComfyUI's."""
