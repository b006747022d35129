"""SANA: linear attention over strongly compressed latents, a Gemma as text encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from .base import Batch, Drawing, Embeds, FlowMixin, drawing_arguments, first_image, one, pad


class Sana(FlowMixin):
    """SANA 0.6B and 1.6B."""

    name = "sana"
    pipeline = "SanaPipeline"
    attention: tuple[str, ...] = ("*.attn1.to_?", "*.attn1.to_out.0", "*.attn2.to_?", "*.attn2.to_out.0")
    # its feed-forward is made of convolutions: conv_rank reaches those
    feed_forward: tuple[str, ...] = ()

    def granularity(self, pipe: Any) -> int:
        """The factor of the autoencoder; latents are not patched further."""
        return int(pipe.vae_scale_factor) * int(pipe.transformer.config.patch_size)

    def encode_image(self, pipe: Any, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to (B, 32, H/32, W/32)."""
        encoded: torch.Tensor = pipe.vae.encode(pixels.to(pipe.vae.dtype)).latent
        return encoded * pipe.vae.config.scaling_factor

    def encode_prompt(self, pipe: Any, text: str, max_length: int | None) -> dict[str, torch.Tensor]:
        """(L, D), only real tokens: attention never sees the padding."""
        arguments = pipe.__call__.__wrapped__ if hasattr(pipe.__call__, "__wrapped__") else pipe.__call__
        embeds, mask, *_ = pipe.encode_prompt(
            text,
            do_classifier_free_guidance=False,
            max_sequence_length=max_length or 300,
            complex_human_instruction=_instruction(arguments),
        )
        return {"embeds": embeds[0][mask[0].bool()]}

    def tokens(self, latents: Sequence[int]) -> int:
        """One per latent position."""
        return latents[1] * latents[2]

    def predict(self, pipe: Any, batch: Batch) -> torch.Tensor:
        """One pass."""
        text, mask = pad(batch.embeds, "embeds", batch.noisy)
        channels = batch.noisy.shape[1]
        predicted: torch.Tensor = pipe.transformer(
            batch.noisy,
            encoder_hidden_states=text,
            encoder_attention_mask=mask.to(batch.noisy.dtype),
            timestep=batch.levels * 1000 * pipe.transformer.config.timestep_scale,
            return_dict=False,
        )[0]
        return predicted[:, :channels]

    def draw(self, pipe: Any, prompt: Embeds, negative: Embeds, drawing: Drawing) -> Image.Image:
        """Sizes are taken as they are, not moved to the nearest of the trained ones."""
        words, blank = one(prompt, "embeds", pipe, "transformer"), one(negative, "embeds", pipe, "transformer")
        (words, blank), (mask, blank_mask) = _same_length([words, blank])
        result = pipe(
            prompt_embeds=words,
            prompt_attention_mask=mask,
            negative_prompt=None,
            negative_prompt_embeds=blank,
            negative_prompt_attention_mask=blank_mask,
            guidance_scale=drawing.guidance,
            use_resolution_binning=False,
            **drawing_arguments(drawing),
        )
        return first_image(result)


def _instruction(call: Any) -> Any:
    """What SANA puts in front of every prompt, as the pipeline has it: training must see what drawing sees."""
    import inspect

    return inspect.signature(call).parameters["complex_human_instruction"].default


def _same_length(embeds: list[torch.Tensor]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    longest = max(each.shape[1] for each in embeds)
    padded = [torch.nn.functional.pad(each, (0, 0, 0, longest - each.shape[1])) for each in embeds]
    masks = []
    for each in embeds:
        mask = torch.zeros(1, longest, dtype=torch.long, device=each.device)
        mask[:, : each.shape[1]] = 1
        masks.append(mask)
    return padded, masks
