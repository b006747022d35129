"""Z-Image: single-stream transformer whose time runs from noise to picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from .base import Batch, Drawing, Embeds, FlowMixin, drawing_arguments, first_image


class ZImage(FlowMixin):
    """Z-Image and Z-Image-Turbo."""

    name = "z-image"
    pipeline = "ZImagePipeline"
    attention: tuple[str, ...] = ("*.attention.to_q", "*.attention.to_k", "*.attention.to_v", "*.attention.to_out.0")
    feed_forward: tuple[str, ...] = ("*.feed_forward.w1", "*.feed_forward.w2", "*.feed_forward.w3")

    def granularity(self, pipe: Any) -> int:
        """Autoencoder factor times the patch of two."""
        return int(pipe.vae_scale_factor) * 2

    def encode_image(self, pipe: Any, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to (B, 16, H/8, W/8)."""
        encoded: torch.Tensor = pipe.vae.encode(pixels.to(pipe.vae.dtype)).latent_dist.mode()
        return (encoded - pipe.vae.config.shift_factor) * pipe.vae.config.scaling_factor

    def encode_prompt(self, pipe: Any, text: str, max_length: int | None) -> dict[str, torch.Tensor]:
        """(L, D), only real tokens."""
        embeds, _ = pipe.encode_prompt(text, do_classifier_free_guidance=False, max_sequence_length=max_length or 512)
        return {"embeds": embeds[0]}

    def tokens(self, latents: Sequence[int]) -> int:
        """One per two-by-two patch."""
        return (latents[1] // 2) * (latents[2] // 2)

    def predict(self, pipe: Any, batch: Batch) -> torch.Tensor:
        """One pass over lists of pictures and prompts. The model's time is 1 - t and its velocity points the other way."""
        prompts = [each["embeds"].to(batch.noisy.device, batch.noisy.dtype) for each in batch.embeds]
        pictures = list(batch.noisy.unsqueeze(2).unbind(0))
        predicted = pipe.transformer(pictures, 1 - batch.levels, prompts, return_dict=False)[0]
        return -torch.stack([each.squeeze(1) for each in predicted])

    def draw(self, pipe: Any, prompt: Embeds, negative: Embeds, drawing: Drawing) -> Image.Image:
        """The pipeline adds `guidance` times the difference to the prompt, above 1; 0 and 1 mean none."""
        module = pipe.transformer
        result = pipe(
            prompt_embeds=[prompt["embeds"].to(module.device, module.dtype)],
            negative_prompt_embeds=[negative["embeds"].to(module.device, module.dtype)],
            guidance_scale=drawing.guidance,
            **drawing_arguments(drawing),
        )
        return first_image(result)
