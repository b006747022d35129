"""FLUX.2 Klein: packed latents, normalised by the running statistics of the autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from .base import Batch, Drawing, Embeds, FlowMixin, drawing_arguments, first_image, one, pad


class Flux2Klein(FlowMixin):
    """FLUX.2 Klein 4B and 9B, base and distilled."""

    name = "flux2-klein"
    pipeline = "Flux2KleinPipeline"
    # single blocks compute attention and feed-forward in one projection
    attention: tuple[str, ...] = (
        "*.attn.to_q",
        "*.attn.to_k",
        "*.attn.to_v",
        "*.attn.to_out.0",
        "*.attn.add_?_proj",
        "*.attn.to_add_out",
        "single_transformer_blocks.*.attn.to_qkv_mlp_proj",
        "single_transformer_blocks.*.attn.to_out",
    )
    feed_forward: tuple[str, ...] = ("*.ff.linear_in", "*.ff.linear_out", "*.ff_context.linear_in", "*.ff_context.linear_out")

    def granularity(self, pipe: Any) -> int:
        """Autoencoder factor times the patch of two."""
        return int(pipe.vae_scale_factor) * 2

    def encode_image(self, pipe: Any, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to (B, 4C, H/16, W/16)."""
        encoded = pipe.vae.encode(pixels.to(pipe.vae.dtype)).latent_dist.mode()
        batch, channels, height, width = encoded.shape
        patches = encoded.reshape(batch, channels, height // 2, 2, width // 2, 2).permute(0, 1, 3, 5, 2, 4)
        packed = patches.reshape(batch, channels * 4, height // 2, width // 2)
        mean = pipe.vae.bn.running_mean.view(1, -1, 1, 1).to(packed)
        deviation = (pipe.vae.bn.running_var + pipe.vae.config.batch_norm_eps).sqrt().view(1, -1, 1, 1).to(packed)
        return (packed - mean) / deviation

    def encode_prompt(self, pipe: Any, text: str, max_length: int | None) -> dict[str, torch.Tensor]:
        """Padding belongs to what the model was trained on, so it stays: (L, D) with L the full length."""
        embeds, _ = pipe.encode_prompt(text, max_sequence_length=max_length or 512)
        return {"embeds": embeds[0]}

    def tokens(self, latents: Sequence[int]) -> int:
        """One per latent position."""
        return latents[1] * latents[2]

    def predict(self, pipe: Any, batch: Batch) -> torch.Tensor:
        """One pass; positions are (time, row, column, word)."""
        size, channels, height, width = batch.noisy.shape
        text, _ = pad(batch.embeds, "embeds", batch.noisy)
        picture_ids = pipe._prepare_latent_ids(batch.noisy).to(batch.noisy.device)
        text_ids = pipe._prepare_text_ids(text).to(batch.noisy.device)
        guided = pipe.transformer.config.guidance_embeds
        predicted: torch.Tensor = pipe.transformer(
            hidden_states=batch.noisy.flatten(2).transpose(1, 2),
            timestep=batch.levels,
            guidance=torch.ones_like(batch.levels) if guided else None,
            encoder_hidden_states=text,
            txt_ids=text_ids,
            img_ids=picture_ids,
            return_dict=False,
        )[0]
        return predicted.transpose(1, 2).reshape(size, channels, height, width)

    def draw(self, pipe: Any, prompt: Embeds, negative: Embeds, drawing: Drawing) -> Image.Image:
        """The pipeline ignores guidance for distilled weights."""
        result = pipe(
            prompt_embeds=one(prompt, "embeds", pipe, "transformer"),
            negative_prompt_embeds=one(negative, "embeds", pipe, "transformer"),
            guidance_scale=drawing.guidance,
            **drawing_arguments(drawing),
        )
        return first_image(result)
