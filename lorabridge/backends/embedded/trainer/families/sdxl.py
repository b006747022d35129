"""SDXL: a UNet that predicts the noise (or its velocity) at one of a thousand discrete levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from .base import Batch, Drawing, Embeds, drawing_arguments, one


class Sdxl:
    """Stable Diffusion XL. Its text encoders are not trained."""

    name = "sdxl"
    pipeline = "StableDiffusionXLPipeline"
    denoiser = "unet"
    text_parts: tuple[str, ...] = ("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2")
    attention: tuple[str, ...] = ("*.attn1.to_?", "*.attn1.to_out.0", "*.attn2.to_?", "*.attn2.to_out.0")
    dead: tuple[str, ...] = ()
    feed_forward: tuple[str, ...] = ("*.ff.net.0.proj", "*.ff.net.2", "*.proj_in", "*.proj_out")

    def granularity(self, pipe: Any) -> int:
        """The autoencoder's factor times that of the UNet's levels, so that every level halves evenly."""
        levels = len(pipe.unet.config.block_out_channels)
        return int(pipe.vae_scale_factor) << (levels - 1)

    def encode_image(self, pipe: Any, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to (B, 4, H/8, W/8). In float32: the autoencoder overflows in float16."""
        vae = pipe.vae.float() if pipe.vae.config.force_upcast else pipe.vae
        encoded: torch.Tensor = vae.encode(pixels.to(vae.dtype)).latent_dist.mode()
        return encoded * vae.config.scaling_factor

    def encode_prompt(self, pipe: Any, text: str, max_length: int | None) -> dict[str, torch.Tensor]:
        """(77, D) of both encoders side by side, and the pooled (P,) of the second. CLIP's length is fixed."""
        embeds, _, pooled, _ = pipe.encode_prompt(text, do_classifier_free_guidance=False)
        return {"embeds": embeds[0], "pooled": pooled[0]}

    def tokens(self, latents: Sequence[int]) -> int:
        """Counted as if in two-by-two patches, to compare with the transformers."""
        return (latents[1] // 2) * (latents[2] // 2)

    def mix(self, pipe: Any, latents: torch.Tensor, noise: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        """Variance-preserving mixture at the nearest discrete level."""
        signal, spread = _shares(pipe, levels)
        return signal * latents + spread * noise

    def target(self, pipe: Any, latents: torch.Tensor, noise: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        """The noise, or for v-prediction models the velocity."""
        if pipe.scheduler.config.prediction_type == "v_prediction":
            signal, spread = _shares(pipe, levels)
            return signal * noise - spread * latents
        return noise

    def snr(self, pipe: Any, levels: torch.Tensor) -> torch.Tensor | None:
        """Signal over noise, in power."""
        signal, spread = _shares(pipe, levels)
        return ((signal / spread) ** 2).flatten()

    def predict(self, pipe: Any, batch: Batch) -> torch.Tensor:
        """One pass of the UNet."""
        predicted: torch.Tensor = pipe.unet(
            batch.noisy,
            _discrete(pipe, batch.levels),
            encoder_hidden_states=torch.stack([each["embeds"] for each in batch.embeds]).to(batch.noisy),
            added_cond_kwargs={
                "text_embeds": torch.stack([each["pooled"] for each in batch.embeds]).to(batch.noisy),
                "time_ids": batch.time_ids.to(batch.noisy),
            },
            return_dict=False,
        )[0]
        return predicted

    def draw(self, pipe: Any, prompt: Embeds, negative: Embeds, drawing: Drawing) -> Image.Image:
        """The pipeline draws with its own scheduler. Decoding is done here, in float32 whatever the base computes in."""
        arguments = {**drawing_arguments(drawing), "output_type": "latent"}
        latents = pipe(
            prompt_embeds=one(prompt, "embeds", pipe, "unet"),
            pooled_prompt_embeds=one(prompt, "pooled", pipe, "unet"),
            negative_prompt_embeds=one(negative, "embeds", pipe, "unet"),
            negative_pooled_prompt_embeds=one(negative, "pooled", pipe, "unet"),
            guidance_scale=drawing.guidance,
            **arguments,
        ).images
        vae = pipe.vae.float() if pipe.vae.config.force_upcast else pipe.vae
        with torch.autocast(latents.device.type, enabled=False):
            decoded = vae.decode(latents.to(vae.dtype) / vae.config.scaling_factor, return_dict=False)[0]
        picture: Image.Image = pipe.image_processor.postprocess(decoded, output_type="pil")[0]
        return picture

    def saved(self, state: dict[str, torch.Tensor], metadata: dict[str, Any]) -> dict[str, Any]:
        """The UNet's LoRA with its alpha."""
        return {"unet_lora_layers": state, "unet_lora_adapter_metadata": metadata}


def _discrete(pipe: Any, levels: torch.Tensor) -> torch.Tensor:
    last = int(pipe.scheduler.config.num_train_timesteps) - 1
    return (levels * last).round().long()


def _shares(pipe: Any, levels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How much picture and how much noise there is at `levels`, each (B, 1, 1, 1)."""
    kept = pipe.scheduler.alphas_cumprod.to(levels.device)[_discrete(pipe, levels)].view(-1, 1, 1, 1)
    return kept.sqrt(), (1 - kept).sqrt()
