"""What a model family has to provide, and the few helpers that several of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from PIL import Image

# One encoded prompt: named tensors without a batch axis.
Embeds = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Drawing:
    """What to draw: sizes in pixels, `guidance` in the pipeline's own meaning."""

    width: int
    height: int
    steps: int
    guidance: float
    seed: int


@dataclass(frozen=True)
class Batch:
    """Pictures of one size on their way through the denoiser.

    `noisy` is (B, C, h, w), `levels` (B,) in 0..1. `time_ids` is (B, 6): original height and width, top and left of the
    cut, height and width, in pixels; only SDXL reads it.
    """

    noisy: torch.Tensor
    levels: torch.Tensor
    embeds: Sequence[Embeds]
    time_ids: torch.Tensor = field(default_factory=lambda: torch.zeros(0))


class Family(Protocol):
    """One model family. Instances hold no weights; the pipeline is passed in.

    Latents are (B, C, h, w) as the denoiser sees them, scaled; a family packs them inside `predict`.
    """

    name: str
    pipeline: str  # class name in diffusers
    denoiser: str  # attribute of the pipeline
    text_parts: tuple[str, ...]  # components that only prompts need
    attention: tuple[str, ...]  # module name patterns
    feed_forward: tuple[str, ...]
    dead: tuple[str, ...]  # those of the above that reach no output; {last} is the last block

    def granularity(self, pipe: Any) -> int:
        """Pixels that both sides must be a multiple of."""

    def encode_image(self, pipe: Any, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) in [-1, 1] to latents. No randomness: the mode, not a sample."""

    def encode_prompt(self, pipe: Any, text: str, max_length: int | None) -> dict[str, torch.Tensor]:
        """Encode one prompt."""

    def tokens(self, latents: Sequence[int]) -> int:
        """Number of picture tokens for a latent shape (C, h, w)."""

    def mix(self, pipe: Any, latents: torch.Tensor, noise: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        """The noisy latents at `levels`."""

    def target(self, pipe: Any, latents: torch.Tensor, noise: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        """What `predict` should return."""

    def snr(self, pipe: Any, levels: torch.Tensor) -> torch.Tensor | None:
        """Signal-to-noise ratio at `levels`, for epsilon models."""

    def predict(self, pipe: Any, batch: Batch) -> torch.Tensor:
        """Run the denoiser; (B, C, h, w)."""

    def draw(self, pipe: Any, prompt: Embeds, negative: Embeds, drawing: Drawing) -> Image.Image:
        """Make one picture with the pipeline."""

    def saved(self, state: dict[str, torch.Tensor], metadata: dict[str, Any]) -> dict[str, Any]:
        """Arguments of the pipeline's `save_lora_weights` for the denoiser's LoRA."""


class FlowMixin:
    """Flow matching: straight lines between picture and noise, velocity as target."""

    name: str
    denoiser = "transformer"
    text_parts: tuple[str, ...] = ("text_encoder", "tokenizer")
    dead: tuple[str, ...] = ()

    def mix(self, pipe: Any, latents: torch.Tensor, noise: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        """(1 - t) x + t n."""
        t = levels.view(-1, 1, 1, 1)
        return (1 - t) * latents + t * noise

    def target(self, pipe: Any, latents: torch.Tensor, noise: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        """Noise minus picture."""
        return noise - latents

    def snr(self, pipe: Any, levels: torch.Tensor) -> torch.Tensor | None:
        """Flow models have no use for it."""
        return None

    def saved(self, state: dict[str, torch.Tensor], metadata: dict[str, Any]) -> dict[str, Any]:
        """The transformer's LoRA with its alpha: without the metadata a reload would scale by one."""
        return {"transformer_lora_layers": state, "transformer_lora_adapter_metadata": metadata}


def pad(embeds: Sequence[Embeds], key: str, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack (L, D) tensors of several lengths to (B, L, D), and the mask of what is real, (B, L) bool."""
    rows = [each[key].to(like.device, like.dtype) for each in embeds]
    stacked = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    lengths = torch.tensor([len(row) for row in rows], device=like.device)
    return stacked, torch.arange(stacked.shape[1], device=like.device)[None] < lengths[:, None]


def one(embeds: Embeds, key: str, pipe: Any, denoiser: str) -> torch.Tensor:
    """One embedding with a batch axis, where and as the denoiser computes."""
    module = getattr(pipe, denoiser)
    return embeds[key][None].to(module.device, module.dtype)


def drawing_arguments(drawing: Drawing) -> dict[str, Any]:
    """The arguments that all pipelines understand. The generator is on the CPU: the same start on every device."""
    return {
        "width": drawing.width,
        "height": drawing.height,
        "num_inference_steps": drawing.steps,
        "generator": torch.Generator().manual_seed(drawing.seed),
        "output_type": "pil",
    }


def first_image(result: Any) -> Image.Image:
    """The picture of a pipeline's answer."""
    image: Image.Image = result.images[0]
    return image
