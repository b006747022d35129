"""Tiny models with random weights, one of each family, made without any download: a few megabytes each.

Run as `python -m lorabridge.backends.embedded.trainer.tiny FAMILY OUT_DIR`. They prove plumbing; what they draw is noise.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .tokens import clip_tokenizer, qwen_tokenizer

_CORPUS = ["a photo of a cat toy on a beach", "a red circle on a white background", "describe the image", "sks dog"] * 8


def _flow_scheduler(shift: float = 1.0) -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(shift=shift)


def _qwen3(vocab_size: int, layers: int, width: int) -> Any:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        vocab_size=vocab_size,
        hidden_size=width,
        intermediate_size=width * 2,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
    )
    return Qwen3ForCausalLM(config)


def flux2_klein() -> Any:
    """FLUX.2 Klein. The pipeline reads the layers 9, 18 and 27 of its text encoder, which sets the depth."""
    from diffusers import AutoencoderKLFlux2, Flux2KleinPipeline, Flux2Transformer2DModel

    tokenizer = qwen_tokenizer(_CORPUS)
    width = 32
    vae = AutoencoderKLFlux2(block_out_channels=(16, 16, 32, 32), layers_per_block=1, latent_channels=4, norm_num_groups=8)
    denoiser = Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=2,
        attention_head_dim=32,
        num_attention_heads=2,
        joint_attention_dim=width * 3,
        timestep_guidance_channels=32,
        axes_dims_rope=(8, 8, 8, 8),
        guidance_embeds=False,
    )
    return Flux2KleinPipeline(_flow_scheduler(), vae, _qwen3(len(tokenizer), 28, width), tokenizer, denoiser)


def z_image() -> Any:
    """Z-Image. The width must leave room for its three axes of positions."""
    from diffusers import AutoencoderKL, ZImagePipeline, ZImageTransformer2DModel

    tokenizer = qwen_tokenizer(_CORPUS)
    vae = AutoencoderKL(
        block_out_channels=(16, 16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=16,
        norm_num_groups=8,
        scaling_factor=0.3611,
        shift_factor=0.1159,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )
    denoiser = ZImageTransformer2DModel(
        dim=64,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=32,
        axes_dims=[8, 12, 12],
        axes_lens=[256, 64, 64],
    )
    return ZImagePipeline(_flow_scheduler(3.0), vae, _qwen3(len(tokenizer), 3, 32), tokenizer, denoiser)


def qwen_image() -> Any:
    """Qwen-Image. Its text encoder carries a vision tower, one block of it here."""
    from diffusers import AutoencoderKLQwenImage, QwenImagePipeline, QwenImageTransformer2DModel
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    tokenizer = qwen_tokenizer(_CORPUS)
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 2048,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
    }
    vision = {
        "depth": 1,
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_heads": 2,
        "out_hidden_size": 32,
        "fullatt_block_indexes": [0],
    }
    special = len(tokenizer) - 1
    config = Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=special,
        video_token_id=special,
        vision_start_token_id=special,
        vision_end_token_id=special,
    )
    vae = AutoencoderKLQwenImage(base_dim=8, z_dim=16, dim_mult=[1, 2, 2, 2], num_res_blocks=1)
    denoiser = QwenImageTransformer2DModel(
        in_channels=64,
        out_channels=16,
        num_layers=2,
        attention_head_dim=32,
        num_attention_heads=2,
        joint_attention_dim=32,
        axes_dims_rope=(8, 12, 12),
    )
    return QwenImagePipeline(_flow_scheduler(), vae, Qwen2_5_VLForConditionalGeneration(config), tokenizer, denoiser)


def sana() -> Any:
    """SANA, with an autoencoder that shrinks by eight instead of thirty-two."""
    from diffusers import AutoencoderDC, SanaPipeline, SanaTransformer2DModel
    from transformers import Gemma2Config, Gemma2Model

    tokenizer = qwen_tokenizer(_CORPUS, max_length=4096)
    encoder = Gemma2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=4096,
    )
    vae = AutoencoderDC(
        latent_channels=8,
        encoder_block_out_channels=(8, 16, 32, 32),
        decoder_block_out_channels=(8, 16, 32, 32),
        encoder_layers_per_block=(1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1),
        encoder_qkv_multiscales=((),) * 4,
        decoder_qkv_multiscales=((),) * 4,
        scaling_factor=0.41407,
    )
    denoiser = SanaTransformer2DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=32,
        num_layers=2,
        num_cross_attention_heads=2,
        cross_attention_head_dim=32,
        cross_attention_dim=64,
        caption_channels=32,
        sample_size=16,
    )
    return SanaPipeline(tokenizer, Gemma2Model(encoder), vae, denoiser, _flow_scheduler(3.0))


def sdxl() -> Any:
    """SDXL with a UNet of two levels."""
    from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    tokenizer = clip_tokenizer(_CORPUS)
    first, second = (_clip(tokenizer, projection) for projection in (32, 32))
    vae = AutoencoderKL(
        block_out_channels=(16, 16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        scaling_factor=0.13025,
    )
    denoiser = UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 1),
        projection_class_embeddings_input_dim=8 * 6 + 32,
        cross_attention_dim=64,
        norm_num_groups=8,
    )
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, timestep_spacing="leading"
    )
    return StableDiffusionXLPipeline(
        vae, CLIPTextModel(first), CLIPTextModelWithProjection(second), tokenizer, tokenizer, denoiser, scheduler
    )


def _clip(tokenizer: Any, projection: int) -> Any:
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=projection,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


BUILDERS: dict[str, Callable[[], Any]] = {
    "flux2-klein": flux2_klein,
    "qwen-image": qwen_image,
    "z-image": z_image,
    "sdxl": sdxl,
    "sana": sana,
}


def build(family: str, out: Path, seed: int = 0) -> Path:
    """Write a tiny model of `family` as the diffusers folder `out`; the same seed gives the same weights."""
    torch.manual_seed(seed)
    pipe = BUILDERS[family]()
    _wake(pipe)
    pipe.save_pretrained(out)
    return out


def _wake(pipe: Any) -> None:
    """Fill weights that start as zero: behind such gates nothing could be learned, and no test could see a change."""
    denoiser = pipe.components.get("transformer") or pipe.components["unet"]
    with torch.no_grad():
        for parameter in denoiser.parameters():
            if parameter.ndim > 1 and not parameter.any():
                parameter.normal_(std=0.02)


def main(argv: list[str] | None = None) -> int:
    """Command line of this module; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lorabridge.backends.embedded.trainer.tiny", description=__doc__)
    parser.add_argument("family", choices=sorted(BUILDERS))
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    print(build(args.family, args.out, args.seed))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
