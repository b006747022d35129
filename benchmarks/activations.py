"""How much one block of each transformer keeps for its backward pass: the numbers of `lorabridge/plan/memory/models.py`.

    python benchmarks/activations.py [NAME...]        needs torch, diffusers and peft (extra `embedded`), no GPU and no weights

Blocks of full size run on torch's meta device in bf16 with a LoRA of rank 16. Each storage that autograd saves is counted once, weights
not. Attention saves q, k, v, its output and one float32 per row, as flash attention does. Two depths are compared, so that what lies
outside the blocks falls away; of a UNet the whole is counted. Printed: kept bytes / (tokens x width x 2 bytes), per kind of block, at 1024 and 4096 picture tokens.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import isqrt
from typing import Any

import diffusers
import torch
from peft import LoraConfig, inject_adapter_in_model

Case = tuple[Callable[..., tuple[Any, dict[str, Any]]], int, int, bool, int]
"""Maker of (model, inputs) from tokens, text tokens and depths; text tokens; width; whether text is joined; kinds of blocks."""


class Flash(torch.autograd.Function):
    """Attention that keeps what flash attention keeps; its result is not computed."""

    @staticmethod
    def forward(ctx: Any, query: Any, key: Any, value: Any) -> Any:
        out = torch.empty(*query.shape[:-1], value.shape[-1], dtype=query.dtype, device=query.device)
        ctx.save_for_backward(query, key, value, out, torch.empty(query.shape[:-1], dtype=torch.float32, device=query.device))
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise NotImplementedError


def _attention(query: Any, key: Any, value: Any, *rest: Any, **options: Any) -> Any:
    return Flash.apply(query, key, value)


def _t(*shape: int) -> Any:
    return torch.zeros(*shape, dtype=torch.bfloat16, device="meta")


def _flux(n: int, text: int, depth: tuple[int, ...], cls: str = "FluxTransformer2DModel", **options: Any) -> tuple[Any, dict[str, Any]]:
    model = getattr(diffusers, cls)(num_layers=depth[0], num_single_layers=depth[1], **options)
    inputs = {
        "hidden_states": _t(1, n, 64),
        "encoder_hidden_states": _t(1, text, 4096),
        "timestep": _t(1),
        "img_ids": _t(n, 3),
        "txt_ids": _t(text, 3),
    }
    if cls.startswith("Flux"):
        inputs |= {"pooled_projections": _t(1, 768), "guidance": _t(1)}
    return model, inputs


def _flux2(n: int, text: int, depth: tuple[int, ...], **options: Any) -> tuple[Any, dict[str, Any]]:
    model = diffusers.Flux2Transformer2DModel(num_layers=depth[0], num_single_layers=depth[1], **options)
    width = model.config.joint_attention_dim
    inputs = {"hidden_states": _t(1, n, model.config.in_channels), "encoder_hidden_states": _t(1, text, width), "timestep": _t(1)}
    return model, inputs | {"img_ids": _t(1, n, 4), "txt_ids": _t(1, text, 4), "guidance": _t(1)}


def _qwen(n: int, text: int, depth: tuple[int, ...]) -> tuple[Any, dict[str, Any]]:
    model, side = diffusers.QwenImageTransformer2DModel(num_layers=depth[0]), isqrt(n)
    inputs = {
        "hidden_states": _t(1, n, 64),
        "encoder_hidden_states": _t(1, text, 3584),
        "timestep": _t(1),
        "img_shapes": [[(1, side, side)]],
    }
    return model, inputs | {"encoder_hidden_states_mask": None}


def _z_image(n: int, text: int, depth: tuple[int, ...]) -> tuple[Any, dict[str, Any]]:
    side = 2 * isqrt(n)
    return diffusers.ZImageTransformer2DModel(n_layers=depth[0]), {"x": [_t(16, 1, side, side)], "t": _t(1), "cap_feats": [_t(text, 2560)]}


def _wan(n: int, text: int, depth: tuple[int, ...], **options: Any) -> tuple[Any, dict[str, Any]]:
    side = 2 * isqrt(n)
    inputs = {"hidden_states": _t(1, 16, 1, side, side), "timestep": _t(1), "encoder_hidden_states": _t(1, text, 4096)}
    return diffusers.WanTransformer3DModel(num_layers=depth[0], **options), inputs


def _latent(cls: str, channels: int, wide: int, patch: int, **options: Any) -> Callable[..., tuple[Any, dict[str, Any]]]:
    """Makers of models that take a latent picture, a text and a timestep; `more` inputs are made of the text's length."""
    more = options.pop("more", lambda text: {})
    depth_names = options.pop("depths", ("num_layers",))

    def make(n: int, text: int, depth: tuple[int, ...]) -> tuple[Any, dict[str, Any]]:
        side = patch * isqrt(n)
        model = getattr(diffusers, cls)(**options, **dict(zip(depth_names, depth, strict=True)))
        frames = (1,) if cls.startswith("Hunyuan") else ()
        inputs = {"hidden_states": _t(1, channels, *frames, side, side), "encoder_hidden_states": _t(1, text, wide), "timestep": _t(1)}
        return model, inputs | more(text)

    return make


def _ltx(n: int, text: int, depth: tuple[int, ...]) -> tuple[Any, dict[str, Any]]:
    model, side = diffusers.LTXVideoTransformer3DModel(num_layers=depth[0], attention_head_dim=128, cross_attention_dim=4096), isqrt(n)
    inputs = {"hidden_states": _t(1, n, 128), "encoder_hidden_states": _t(1, text, 4096), "timestep": _t(1)}
    return model, inputs | {"encoder_attention_mask": None, "num_frames": 1, "height": side, "width": side}


_SD3 = {"num_attention_heads": 38, "caption_projection_dim": 2432, "qk_norm": "rms_norm", "pos_embed_max_size": 192, "sample_size": 128}
_SDXL: dict[str, Any] = {
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
    "use_linear_projection": True,
}


def _unet(n: int, text: int, depth: tuple[int, ...], **options: Any) -> tuple[Any, dict[str, Any]]:
    side, wide = 2 * isqrt(n), options["cross_attention_dim"]
    inputs = {"sample": _t(1, 4, side, side), "timestep": torch.tensor(1), "encoder_hidden_states": _t(1, text, wide)}
    if "addition_embed_type" in options:
        inputs["added_cond_kwargs"] = {"text_embeds": _t(1, 1280), "time_ids": _t(1, 6)}
    return diffusers.UNet2DConditionModel(**options), inputs


UNETS: dict[str, Case] = {
    "sdxl": (lambda n, t, d: _unet(n, t, d, **_SDXL), 77, 0, False, 0),
    "sd15": (lambda n, t, d: _unet(n, t, d, cross_attention_dim=768), 77, 0, False, 0),
}
CASES: dict[str, Case] = {
    "flux1": (lambda n, t, d: _flux(n, t, d, guidance_embeds=True), 512, 3072, True, 2),
    "chroma": (lambda n, t, d: _flux(n, t, d, "ChromaTransformer2DModel"), 512, 3072, True, 2),
    "flux2-dev": (_flux2, 512, 6144, True, 2),
    "flux2-klein-4b": (
        lambda n, t, d: _flux2(n, t, d, num_attention_heads=24, joint_attention_dim=7680, guidance_embeds=False),
        512,
        3072,
        True,
        2,
    ),
    "qwen-image": (_qwen, 256, 3072, True, 1),
    "z-image": (_z_image, 256, 3840, True, 1),
    "wan-14b": (_wan, 512, 5120, False, 1),
    "wan-1.3b": (lambda n, t, d: _wan(n, t, d, num_attention_heads=12, ffn_dim=8960), 512, 1536, False, 1),
    "sd3.5-large": (
        _latent("SD3Transformer2DModel", 16, 4096, 2, more=lambda text: {"pooled_projections": _t(1, 2048)}, **_SD3),
        333,
        2432,
        True,
        1,
    ),
    "hunyuan-video": (
        _latent(
            "HunyuanVideoTransformer3DModel",
            16,
            4096,
            2,
            depths=("num_layers", "num_single_layers"),
            more=lambda text: {"encoder_attention_mask": _t(1, text) + 1, "pooled_projections": _t(1, 768), "guidance": _t(1)},
        ),
        256,
        3072,
        True,
        2,
    ),
    "ltx-2b": (_ltx, 128, 4096, False, 1),
    "lumina2": (
        _latent(
            "Lumina2Transformer2DModel",
            16,
            2304,
            2,
            cap_feat_dim=2304,
            more=lambda text: {"encoder_attention_mask": torch.ones(1, text, device="cpu").bool()},
        ),
        256,
        2304,
        True,
        1,
    ),
    "sana-1.6b": (_latent("SanaTransformer2DModel", 32, 2304, 1), 300, 2240, False, 1),
    "cogview4": (
        _latent(
            "CogView4Transformer2DModel",
            16,
            4096,
            2,
            num_attention_heads=32,
            attention_head_dim=128,
            more=lambda text: {name: _t(1, 2) for name in ("original_size", "target_size", "crop_coords")},
        ),
        256,
        4096,
        True,
        1,
    ),
}


def kept(case: Case, n: int, depth: tuple[int, ...]) -> int:
    """Bytes that autograd saves in one forward pass."""
    with torch.device("meta"):
        model, inputs = case[0](n, case[1], depth)
    model = model.to(torch.bfloat16).requires_grad_(False)
    linear = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear) and any(c.isdigit() for c in name)]
    model = inject_adapter_in_model(LoraConfig(r=16, target_modules=linear), model).to("meta", torch.bfloat16)
    weights = {item.untyped_storage()._cdata for item in (*model.parameters(), *model.buffers())}
    seen: dict[int, int] = {}
    alive = []

    def pack(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights and storage._cdata not in seen:
            seen[storage._cdata] = storage.nbytes()
            alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(**inputs)
    return sum(seen.values())


def main(names: list[str]) -> None:
    """Print one line per model."""
    torch.nn.functional.scaled_dot_product_attention = _attention
    for name in names or (*CASES, *UNETS):
        if name in UNETS:
            print(f"{name:<16} bytes of a latent pixel: {[round(kept(UNETS[name], n, ()) / (4 * n)) for n in (1024, 4096)]}", flush=True)
            continue
        case = CASES[name]
        shown = []
        for n in (1024, 4096):
            base = kept(case, n, (2,) * case[4])
            unit = (n + (case[1] if case[3] else 0)) * case[2] * 2
            deeper = [tuple(4 if at == kind else 2 for at in range(case[4])) for kind in range(case[4])]
            shown.append([round((kept(case, n, depth) - base) / 2 / unit, 1) for depth in deeper])
        print(f"{name:<16} 1024: {shown[0]}  4096: {shown[1]}", flush=True)


if __name__ == "__main__":
    for word in ("Flux", "Flux2", "Chroma", "ZImage", "QwenImage", "SD3", "Lumina2", "Sana", "CogView4"):
        getattr(diffusers, f"{word}Transformer2DModel")  # imported here: they must not be imported on the meta device
    main(sys.argv[1:])
