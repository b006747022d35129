"""Tiny random diffusers models of many families, each with inputs for one forward pass. Needs torch and diffusers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Tiny:
    """`pipeline` and `model` are classes of diffusers. `inputs` makes the arguments of `forward` from torch.

    `direct`: modules with this in their names diffusers itself reads in ComfyUI's form too: a second opinion on the key map.
    """

    pipeline: str
    model: str
    config: dict[str, Any]
    inputs: Callable[[Any], dict[str, Any]]
    direct: str = ""


def _image(tokens: int, channels: int, text: int, wide: int, **more: Any) -> Callable[[Any], dict[str, Any]]:
    def make(torch: Any) -> dict[str, Any]:
        rng = torch.Generator().manual_seed(1)
        found = {
            "hidden_states": torch.randn(1, tokens, channels, generator=rng),
            "encoder_hidden_states": torch.randn(1, text, wide, generator=rng),
            "timestep": torch.tensor([0.5]),
        }
        return found | {name: value(torch) if callable(value) else value for name, value in more.items()}

    return make


def _picture(shape: tuple[int, ...], text: int, wide: int, **more: Any) -> Callable[[Any], dict[str, Any]]:
    def make(torch: Any) -> dict[str, Any]:
        rng = torch.Generator().manual_seed(1)
        found = {
            "hidden_states": torch.randn(1, *shape, generator=rng),
            "encoder_hidden_states": torch.randn(1, text, wide, generator=rng),
            "timestep": torch.tensor([7]),
        }
        return found | {name: value(torch) if callable(value) else value for name, value in more.items()}

    return make


def _zeros(*shape: int) -> Callable[[Any], Any]:
    return lambda torch: torch.zeros(*shape)


def _ones(*shape: int, dtype: str = "float32") -> Callable[[Any], Any]:
    return lambda torch: torch.ones(*shape, dtype=getattr(torch, dtype))


_IDS = {"img_ids": _zeros(4, 3), "txt_ids": _zeros(3, 3)}
TINY: dict[str, Tiny] = {
    "flux1": Tiny(
        "FluxPipeline",
        "FluxTransformer2DModel",
        {"in_channels": 4, "num_layers": 1, "num_single_layers": 1, "attention_head_dim": 16, "num_attention_heads": 2}
        | {"joint_attention_dim": 32, "pooled_projection_dim": 32, "axes_dims_rope": (4, 4, 8)},
        _image(4, 4, 3, 32, pooled_projections=_ones(1, 32), **_IDS),
    ),
    "chroma": Tiny(
        "ChromaPipeline",
        "ChromaTransformer2DModel",
        {
            "in_channels": 4,
            "num_layers": 1,
            "num_single_layers": 1,
            "attention_head_dim": 16,
            "num_attention_heads": 2,
            "joint_attention_dim": 32,
        }
        | {"axes_dims_rope": (4, 4, 8), "approximator_num_channels": 8, "approximator_hidden_dim": 32, "approximator_layers": 1},
        _image(4, 4, 3, 32, **_IDS),
    ),
    "sd3": Tiny(
        "StableDiffusion3Pipeline",
        "SD3Transformer2DModel",
        {"sample_size": 8, "in_channels": 4, "out_channels": 4, "num_layers": 2, "attention_head_dim": 8, "num_attention_heads": 4}
        | {
            "joint_attention_dim": 32,
            "caption_projection_dim": 32,
            "pooled_projection_dim": 32,
            "pos_embed_max_size": 8,
            "dual_attention_layers": (0,),
        },
        _picture((4, 8, 8), 3, 32, pooled_projections=_ones(1, 32)),
    ),
    "qwen-image": Tiny(
        "QwenImagePipeline",
        "QwenImageTransformer2DModel",
        {
            "in_channels": 16,
            "out_channels": 4,
            "num_layers": 1,
            "attention_head_dim": 16,
            "num_attention_heads": 2,
            "joint_attention_dim": 16,
        }
        | {"axes_dims_rope": (8, 4, 4)},
        _image(4, 16, 3, 16, encoder_hidden_states_mask=_ones(1, 3, dtype="bool"), img_shapes=[[(1, 2, 2)]]),
        direct=".",
    ),
    "wan21": Tiny(
        "WanPipeline",
        "WanTransformer3DModel",
        {
            "num_attention_heads": 2,
            "attention_head_dim": 12,
            "in_channels": 4,
            "out_channels": 4,
            "text_dim": 16,
            "freq_dim": 32,
            "ffn_dim": 32,
        }
        | {"num_layers": 2, "rope_max_seq_len": 32},
        _picture((4, 1, 8, 8), 3, 16),
        direct=".",
    ),
    "ltx-video": Tiny(
        "LTXPipeline",
        "LTXVideoTransformer3DModel",
        {
            "in_channels": 8,
            "out_channels": 8,
            "num_attention_heads": 2,
            "attention_head_dim": 16,
            "cross_attention_dim": 32,
            "num_layers": 1,
        }
        | {"caption_channels": 16},
        _image(4, 8, 3, 16, encoder_attention_mask=_ones(1, 3), num_frames=1, height=2, width=2),
    ),
    "lumina2": Tiny(
        "Lumina2Pipeline",
        "Lumina2Transformer2DModel",
        {
            "sample_size": 8,
            "in_channels": 4,
            "hidden_size": 36,
            "num_layers": 1,
            "num_refiner_layers": 1,
            "num_attention_heads": 3,
            "num_kv_heads": 1,
        }
        | {"multiple_of": 16, "axes_dim_rope": (4, 4, 4), "axes_lens": (32, 32, 32), "cap_feat_dim": 16},
        _picture((4, 8, 8), 3, 16, encoder_attention_mask=_ones(1, 3, dtype="bool")),
    ),
    "hunyuan-video": Tiny(
        "HunyuanVideoPipeline",
        "HunyuanVideoTransformer3DModel",
        {"in_channels": 4, "out_channels": 4, "num_attention_heads": 2, "attention_head_dim": 12, "num_layers": 1, "num_single_layers": 1}
        | {"num_refiner_layers": 1, "guidance_embeds": False, "text_embed_dim": 16, "pooled_projection_dim": 8, "rope_axes_dim": (2, 4, 6)},
        _picture((4, 1, 8, 8), 3, 16, encoder_attention_mask=_ones(1, 3), pooled_projections=_ones(1, 8)),
    ),
    "krea2": Tiny(
        "Krea2Pipeline",
        "Krea2Transformer2DModel",
        {
            "in_channels": 8,
            "num_layers": 1,
            "attention_head_dim": 16,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "intermediate_size": 32,
        }
        | {
            "timestep_embed_dim": 16,
            "text_hidden_dim": 32,
            "num_text_layers": 2,
            "text_num_attention_heads": 2,
            "text_num_key_value_heads": 2,
        }
        | {"text_intermediate_size": 32, "num_layerwise_text_blocks": 1, "num_refiner_text_blocks": 1, "axes_dims_rope": (4, 4, 8)},
        lambda torch: {
            "hidden_states": torch.randn(1, 4, 8, generator=torch.Generator().manual_seed(1)),
            "encoder_hidden_states": torch.randn(1, 3, 2, 32, generator=torch.Generator().manual_seed(2)),
            "timestep": torch.tensor([0.5]),
            "position_ids": torch.arange(7)[:, None].repeat(1, 3),
        },
        direct=".",
    ),
    "ideogram4": Tiny(
        "Ideogram4Pipeline",
        "Ideogram4Transformer2DModel",
        {"in_channels": 8, "num_layers": 1, "attention_head_dim": 16, "num_attention_heads": 2, "intermediate_size": 32, "adaln_dim": 8}
        | {"llm_features_dim": 16, "mrope_section": (4, 2, 2)},
        lambda torch: {
            "hidden_states": torch.randn(1, 7, 8, generator=torch.Generator().manual_seed(1)),
            "encoder_hidden_states": torch.randn(1, 7, 16, generator=torch.Generator().manual_seed(2)),
            "timestep": torch.tensor([0.5]),
            "position_ids": torch.arange(7)[None, :, None].repeat(1, 1, 3),
            "segment_ids": torch.zeros(1, 7, dtype=torch.long),
            "indicator": torch.tensor([[3, 3, 3, 2, 2, 2, 2]]),
        },
        direct="layers.",
    ),
}
