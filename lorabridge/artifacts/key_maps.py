"""What modules are called in diffusers and in the model's own code, as data; and what names each program reads.

`{}` is a block's number. A row with several diffusers names is one fused weight: its rows are theirs one after another,
in the shares that are stated. `swap`: the two halves of the rows stand the other way round (scale and shift).
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple


class Row(NamedTuple):
    """One module in both namings."""

    native: str
    diffusers: tuple[str, ...]
    shares: tuple[int, ...] = ()
    swap: bool = False


def _rows(text: str) -> tuple[Row, ...]:
    """Lines of `native -> diffusers [+ diffusers]... [/ shares] [swap]`."""
    found = []
    for line in filter(None, map(str.strip, text.strip().splitlines())):
        swap = line.endswith(" swap")
        native, _, rest = line.removesuffix(" swap").partition(" -> ")
        names, _, shares = rest.partition(" / ")
        parts = tuple(name.strip() for name in names.split("+"))
        found.append(Row(native.strip(), parts, tuple(map(int, shares.split())) if shares else (1,) * len(parts), swap))
    return tuple(found)


_DOUBLE = """
double_blocks.{}.img_attn.qkv -> transformer_blocks.{}.attn.to_q + transformer_blocks.{}.attn.to_k + transformer_blocks.{}.attn.to_v
double_blocks.{}.txt_attn.qkv -> transformer_blocks.{}.attn.add_q_proj + transformer_blocks.{}.attn.add_k_proj \
 + transformer_blocks.{}.attn.add_v_proj
double_blocks.{}.img_attn.proj -> transformer_blocks.{}.attn.to_out.0
double_blocks.{}.txt_attn.proj -> transformer_blocks.{}.attn.to_add_out
img_in -> x_embedder
txt_in -> context_embedder
final_layer.linear -> proj_out
final_layer.adaLN_modulation.1 -> norm_out.linear swap
"""

MAPS: dict[str, tuple[Row, ...]] = {
    "flux1": _rows(
        _DOUBLE
        + """
double_blocks.{}.img_mlp.0 -> transformer_blocks.{}.ff.net.0.proj
double_blocks.{}.img_mlp.2 -> transformer_blocks.{}.ff.net.2
double_blocks.{}.txt_mlp.0 -> transformer_blocks.{}.ff_context.net.0.proj
double_blocks.{}.txt_mlp.2 -> transformer_blocks.{}.ff_context.net.2
double_blocks.{}.img_mod.lin -> transformer_blocks.{}.norm1.linear
double_blocks.{}.txt_mod.lin -> transformer_blocks.{}.norm1_context.linear
single_blocks.{}.linear1 -> single_transformer_blocks.{}.attn.to_q + single_transformer_blocks.{}.attn.to_k \
 + single_transformer_blocks.{}.attn.to_v + single_transformer_blocks.{}.proj_mlp / 1 1 1 4
single_blocks.{}.linear2 -> single_transformer_blocks.{}.proj_out
single_blocks.{}.modulation.lin -> single_transformer_blocks.{}.norm.linear
time_in.in_layer -> time_text_embed.timestep_embedder.linear_1
time_in.out_layer -> time_text_embed.timestep_embedder.linear_2
guidance_in.in_layer -> time_text_embed.guidance_embedder.linear_1
guidance_in.out_layer -> time_text_embed.guidance_embedder.linear_2
vector_in.in_layer -> time_text_embed.text_embedder.linear_1
vector_in.out_layer -> time_text_embed.text_embedder.linear_2
"""
    ),
    "flux2": _rows(
        _DOUBLE
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
    ),
    "z-image": _rows("""
layers.{}.attention.qkv -> layers.{}.attention.to_q + layers.{}.attention.to_k + layers.{}.attention.to_v
layers.{}.attention.out -> layers.{}.attention.to_out.0
noise_refiner.{}.attention.qkv -> noise_refiner.{}.attention.to_q + noise_refiner.{}.attention.to_k + noise_refiner.{}.attention.to_v
noise_refiner.{}.attention.out -> noise_refiner.{}.attention.to_out.0
context_refiner.{}.attention.qkv -> context_refiner.{}.attention.to_q + context_refiner.{}.attention.to_k \
 + context_refiner.{}.attention.to_v
context_refiner.{}.attention.out -> context_refiner.{}.attention.to_out.0
x_embedder -> all_x_embedder.2-1
final_layer.linear -> all_final_layer.2-1.linear
final_layer.adaLN_modulation.1 -> all_final_layer.2-1.adaLN_modulation.1
"""),
    "wan": _rows(
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
text_embedding.0 -> condition_embedder.text_embedder.linear_1
text_embedding.2 -> condition_embedder.text_embedder.linear_2
time_embedding.0 -> condition_embedder.time_embedder.linear_1
time_embedding.2 -> condition_embedder.time_embedder.linear_2
time_projection.1 -> condition_embedder.time_proj
head.head -> proj_out
"""
    ),
}
"""By the architecture's name in `schemas/lora_keys`. Read from diffusers' conversions of the published weights."""

SAME: dict[str, tuple[str, ...]] = {
    "qwen-image": ("comfyui", "kohya"),
    "z-image": ("comfyui", "kohya"),
    "sdxl": ("kohya",),
    "sd15": ("kohya",),
    "sd2": ("kohya",),
}
"""Programs that read the names of diffusers for these architectures."""

UNETS = frozenset({"sdxl", "sd15", "sd2"})
"""Their denoiser is `unet.` in diffusers."""

ENCODER_NAMES: tuple[str, ...] = (
    "text_projection",
    *(
        f"{start}encoder.layers.{{}}.{name}"
        for start in ("text_model.", "")
        for name in ("mlp.fc1", "mlp.fc2", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj")
    ),
)
"""CLIP's modules, with and without the word that new transformers leave out."""

_NUMBERS = re.compile(r"(?<=\.)\d+(?=\.)")


@cache
def to_diffusers(architecture: str) -> dict[str, Row]:
    """Rows by their native name."""
    return {row.native: row for row in MAPS.get(architecture, ())}


@cache
def to_native(architecture: str) -> dict[str, tuple[Row, int]]:
    """Rows by each of their diffusers names, and which of them it is."""
    return {name: (row, place) for row in MAPS.get(architecture, ()) for place, name in enumerate(row.diffusers)}


def template(name: str) -> tuple[str, str]:
    """A name with its block's number taken out, and the number; an empty one where there is none."""
    match = _NUMBERS.search(name)
    return (name[: match.start()] + "{}" + name[match.end() :], match[0]) if match else (name, "")
