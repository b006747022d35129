"""What each model family does with a picture: tokens, and what one block keeps for the backward pass. Rows with sources.

`kept` was measured: the block of diffusers 0.39.0 at full size with a LoRA of rank 16, bf16, on torch's meta device, counting each
tensor that autograd saves once, with an attention that saves q, k, v, its output and one number per row (as flash attention does).
In units of tokens x width x 2 bytes it is the same at 1024 and at 4096 tokens (benchmarks/activations.py).
"""

from __future__ import annotations

from dataclasses import dataclass

MEASURED = "measured on diffusers 0.39.0 (benchmarks/activations.py)"


@dataclass(frozen=True)
class Geometry:
    """One family.

    `pixels`: side in pixels of what one token covers; `frames`: frames that one latent frame covers (the first is alone).
    `text`: text tokens, least, usual, most; `joined`: they go through the blocks with the picture's. `kept`: tokens x width x 2 bytes
    that one block keeps, per kind of block, the first kind first; empty means the range seen in other families. `unet`: bytes kept
    per latent pixel by a whole UNet. `source` is where tokens and compression were read.
    """

    pixels: int = 16
    frames: int = 1
    text: tuple[int, int, int] = (512, 512, 512)
    joined: bool = True
    kept: tuple[float, ...] = ()
    unet: float = 0.0
    source: str = ""


KEPT_LOW, KEPT_MID, KEPT_HIGH = 21.0, 32.0, 47.1
"""The range of the 15 transformers that were measured."""

_T5 = (512, 512, 512)
_FREE = (30, 150, 512)
"""Captions that are not padded: a sentence, a paragraph, a page."""

GEOMETRY: dict[str, Geometry] = {
    "qwen-image": Geometry(text=_FREE, kept=(27.1,), source="VAE 8, patch 2 (diffusers QwenImagePipeline); captions are not padded"),
    "z-image": Geometry(text=_FREE, kept=(39.7,), source="VAE 8, patch 2 (diffusers ZImageTransformer2DModel)"),
    "flux2": Geometry(kept=(29.1, 27.1), source="VAE 16 with patches (diffusers Flux2Pipeline), 512 text tokens"),
    "flux1": Geometry(text=_T5, kept=(25.1, 21.1), source="VAE 8, patch 2, T5 padded to 512"),
    "flux1-kontext": Geometry(text=_T5, kept=(25.1, 21.1), source="as FLUX.1; the control picture doubles the tokens"),
    "flex2": Geometry(text=_T5, kept=(25.1, 21.1), source="as FLUX.1"),
    "chroma": Geometry(text=_T5, kept=(25.3, 21.2), source="as FLUX.1"),
    "sd3": Geometry(text=(154, 333, 333), kept=(27.1,), source="VAE 8, patch 2; CLIP 77 and T5 256"),
    "lumina2": Geometry(text=(256, 256, 256), kept=(47.1,), source="VAE 8, patch 2, 256 text tokens"),
    "cogview4": Geometry(text=_FREE, kept=(23.3,), source="VAE 8, patch 2"),
    "hidream": Geometry(text=(128, 384, 512), source="VAE 8, patch 2; 128 tokens of each encoder"),
    "auraflow": Geometry(text=(256, 256, 768), source="VAE 8, patch 2"),
    "omnigen2": Geometry(text=_FREE, source="VAE 8, patch 2"),
    "ernie-image": Geometry(text=_FREE, source="FLUX.2 VAE"),
    "krea2": Geometry(text=(128, 512, 512), source="VAE 8, patch 2"),
    "ideogram4": Geometry(text=(128, 512, 2048), source="FLUX.2 VAE; up to 2048 text tokens (musubi-tuner docs/ideogram4.md)"),
    "hidream-o1": Geometry(pixels=32, text=_FREE, source="pixels in patches of 32"),
    "nucleus-image": Geometry(text=_FREE, source="Qwen-Image VAE, patch 2"),
    "pixart": Geometry(text=(120, 300, 300), joined=False, source="VAE 8, patch 2, cross attention"),
    "sana": Geometry(pixels=32, text=(300, 300, 300), joined=False, kept=(43.7,), source="DC-AE 32, patch 1, cross attention"),
    "anima": Geometry(text=(512, 512, 512), joined=False, source="Qwen-Image VAE, patch 2, cross attention"),
    "cosmos-predict2": Geometry(frames=4, joined=False, source="Wan 2.1 VAE, patch 2, cross attention"),
    "cosmos": Geometry(frames=8, joined=False, source="VAE 8 x 8 frames, patch 2, cross attention"),
    "wan21": Geometry(frames=4, joined=False, kept=(36.8,), source="VAE 8 x 4 frames, patch 2, cross attention"),
    "wan22": Geometry(frames=4, joined=False, kept=(36.8,), source="as Wan 2.1"),
    "wan22:5b": Geometry(pixels=32, frames=4, joined=False, kept=(36.8,), source="VAE 16 x 4 frames, patch 2"),
    "hunyuan-video": Geometry(frames=4, text=(256, 256, 256), kept=(27.1, 24.1), source="VAE 8 x 4 frames, patch 2, LLM padded to 256"),
    "framepack": Geometry(frames=4, text=(256, 256, 512), kept=(27.1, 24.1), source="as HunyuanVideo, windows of 9 latent frames"),
    "hunyuan-video-1.5": Geometry(frames=4, text=(256, 1000, 1256), source="VAE 16 x 4 frames, patch 1"),
    "hunyuan-image": Geometry(pixels=32, text=(256, 1000, 1128), source="VAE 32, patch 1"),
    "kandinsky5": Geometry(frames=4, text=(128, 256, 512), joined=False, source="HunyuanVideo VAE, patch 2, cross attention"),
    "ltx-video": Geometry(pixels=32, frames=8, text=(128, 128, 256), joined=False, kept=(35.4,), source="VAE 32 x 8 frames, patch 1"),
    "ltx2": Geometry(pixels=32, frames=8, text=(256, 1024, 1024), joined=False, source="VAE 32 x 8 frames, patch 1"),
    "minimax-h3": Geometry(frames=17, text=_FREE, source="frames in groups of 17 (diffusion-pipe docs/minimax_h3_notes.md)"),
    "sdxl": Geometry(pixels=8, joined=False, unet=445_900, source="UNet2DConditionModel, SDXL's config"),
    "sd15": Geometry(pixels=8, joined=False, unet=239_000, source="UNet2DConditionModel, cross_attention_dim 768"),
    "sd2": Geometry(pixels=8, joined=False, unet=239_000, source="as SD 1.5"),
}


def geometry_of(family: str, variant: str) -> Geometry | None:
    """The row of a variant, or of its family; None where nothing is known."""
    return GEOMETRY.get(f"{family}:{variant}") or GEOMETRY.get(family)
