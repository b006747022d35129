"""Qwen-Image: a video autoencoder used on one frame, two-by-two patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from .base import Batch, Drawing, Embeds, FlowMixin, drawing_arguments, first_image, one, pad


class QwenImage(FlowMixin):
    """Qwen-Image, the text to image model."""

    name = "qwen-image"
    pipeline = "QwenImagePipeline"
    attention: tuple[str, ...] = (
        "*.attn.to_q",
        "*.attn.to_k",
        "*.attn.to_v",
        "*.attn.to_out.0",
        "*.attn.add_?_proj",
        "*.attn.to_add_out",
    )
    feed_forward: tuple[str, ...] = ("*.img_mlp.net.*", "*.txt_mlp.net.*")
    # nothing reads the text stream after the last block: a LoRA there would stay zero for ever
    dead: tuple[str, ...] = (
        "transformer_blocks.{last}.attn.add_q_proj",
        "transformer_blocks.{last}.attn.to_add_out",
        "transformer_blocks.{last}.txt_mlp.*",
    )

    def granularity(self, pipe: Any) -> int:
        """Autoencoder factor times the patch of two."""
        return int(pipe.vae_scale_factor) * 2

    def encode_image(self, pipe: Any, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to (B, 16, H/8, W/8)."""
        encoded = pipe.vae.encode(pixels.to(pipe.vae.dtype).unsqueeze(2)).latent_dist.mode()[:, :, 0]
        mean = torch.tensor(pipe.vae.config.latents_mean).view(1, -1, 1, 1).to(encoded)
        deviation = torch.tensor(pipe.vae.config.latents_std).view(1, -1, 1, 1).to(encoded)
        normalised: torch.Tensor = (encoded - mean) / deviation
        return normalised

    def encode_prompt(self, pipe: Any, text: str, max_length: int | None) -> dict[str, torch.Tensor]:
        """(L, D), only real tokens."""
        embeds, mask = pipe.encode_prompt(text, max_sequence_length=max_length or 512)
        return {"embeds": embeds[0] if mask is None else embeds[0][mask[0].bool()]}

    def tokens(self, latents: Sequence[int]) -> int:
        """One per two-by-two patch."""
        return (latents[1] // 2) * (latents[2] // 2)

    def predict(self, pipe: Any, batch: Batch) -> torch.Tensor:
        """One pass over packed latents."""
        size, channels, height, width = batch.noisy.shape
        text, mask = pad(batch.embeds, "embeds", batch.noisy)
        packed = pipe._pack_latents(batch.noisy, size, channels, height, width)
        guided = pipe.transformer.config.guidance_embeds
        predicted = pipe.transformer(
            hidden_states=packed,
            timestep=batch.levels,
            guidance=torch.ones_like(batch.levels) if guided else None,
            encoder_hidden_states=text,
            # a mask forces the slower attention, so it is left out where nothing is padded
            encoder_hidden_states_mask=None if bool(mask.all()) else mask,
            img_shapes=[[(1, height // 2, width // 2)]] * size,
            return_dict=False,
        )[0]
        patches = predicted.view(size, height // 2, width // 2, channels, 2, 2).permute(0, 3, 1, 4, 2, 5)
        unpacked: torch.Tensor = patches.reshape(size, channels, height, width)
        return unpacked

    def draw(self, pipe: Any, prompt: Embeds, negative: Embeds, drawing: Drawing) -> Image.Image:
        """Guidance is what the pipeline calls true_cfg_scale; up to one it is off."""
        arguments = drawing_arguments(drawing)
        if drawing.guidance > 1:
            arguments["negative_prompt_embeds"] = one(negative, "embeds", pipe, "transformer")
            arguments["negative_prompt_embeds_mask"] = _full_mask(arguments["negative_prompt_embeds"])
        embeds = one(prompt, "embeds", pipe, "transformer")
        result = pipe(
            prompt_embeds=embeds,
            prompt_embeds_mask=_full_mask(embeds),
            true_cfg_scale=max(1.0, drawing.guidance),
            **arguments,
        )
        return first_image(result)


def _full_mask(embeds: torch.Tensor) -> torch.Tensor:
    return torch.ones(embeds.shape[:2], dtype=torch.long, device=embeds.device)
