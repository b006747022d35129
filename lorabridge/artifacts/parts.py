"""Text encoders, VAEs and precisions, told from names and shapes of a header."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from lorabridge.artifacts.header import Header, Tensor

Tensors = Mapping[str, Tensor]


class Encoder(NamedTuple):
    """A text or image encoder. `vocabulary` 0 and `visual` None: not looked at. `source` is where the numbers were read."""

    name: str
    kind: str
    width: int
    layers: int
    vocabulary: int = 0
    visual: bool | None = None
    source: str = ""


_M, _P, _T = "musubi-tuner 30c658c", "diffusion-pipe 8f83dbf configs", "transformers"
ENCODERS: tuple[Encoder, ...] = (
    Encoder("CLIP-L", "clip", 768, 12, source=f"{_M} flux/flux_utils.py:217-284"),
    Encoder("OpenCLIP bigG", "clip", 1280, 32, source="the text_encoder_2 of SDXL (stable-diffusion-xl-base-1.0)"),
    Encoder("OpenCLIP ViT-H", "clip", 1024, 23, source="the text_encoder of Stable Diffusion 2.1"),
    Encoder("T5-XXL", "t5", 4096, 24, 32128, source=f"{_M} flux/flux_utils.py:353 (google/t5-v1_1-xxl)"),
    Encoder("UMT5-XXL", "t5", 4096, 24, 256384, source=f"{_M} wan/configs/shared_config.py, wan/modules/t5.py"),
    Encoder("T5-XXL (old)", "t5", 1024, 24, 32128, source=f"{_P}/t5_old"),
    Encoder("UMT5 (AuraFlow)", "t5", 2048, 24, 32128, source=f"{_P}/auraflow/text_encoder"),
    Encoder("ByT5-small glyph", "t5", 1472, 12, source=f"{_P}/hunyuan_image/byt5-small"),
    Encoder("Qwen3-0.6B", "decoder", 1024, 28, visual=False, source=f"{_P}/qwen3_06b"),
    Encoder("Qwen3-4B", "decoder", 2560, 36, visual=False, source=f"{_M} zimage/zimage_utils.py:37-66"),
    Encoder("Qwen3-8B", "decoder", 4096, 36, visual=False, source=f"{_M} zimage/zimage_utils.py:70-99"),
    Encoder("Qwen3-VL-4B-Instruct", "decoder", 2560, 36, visual=True, source=f"{_M} krea2/krea2_encoder.py:40-81"),
    Encoder("Qwen3-VL-8B", "decoder", 4096, 36, visual=True, source=f"{_M} ideogram4/ideogram4_utils.py:51-94"),
    Encoder("Qwen2.5-VL-7B", "decoder", 3584, 28, source=f"{_M} qwen_image/qwen_image_utils.py:73-198"),
    Encoder("Qwen2.5-VL-3B", "decoder", 2048, 36, visual=True, source="Qwen/Qwen2.5-VL-3B-Instruct config.json"),
    Encoder("Llama-3.1-8B-Instruct", "decoder", 4096, 32, 128256, source="meta-llama/Llama-3.1-8B-Instruct config.json"),
    Encoder("LLaVA-Llama-3-8B", "decoder", 4096, 32, 128320, source=f"{_M} frame_pack/framepack_utils.py:75-92"),
    Encoder("Mistral-Small-3.1-24B", "decoder", 5120, 40, source=f"{_M} flux_2/flux2_utils.py:539-566"),
    Encoder("Gemma-2-2B", "decoder", 2304, 26, source=f"{_P}/gemma_2_2b"),
    Encoder("SigLIP SO400M patch14 384", "siglip", 1152, 27, source=f"{_M} frame_pack/framepack_utils.py:236-243"),
)


class Vae(NamedTuple):
    """A VAE: the shape of the decoder's first weight, and one more tensor's where that is not enough."""

    name: str
    first: tuple[int, ...]
    also: str = ""
    shape: tuple[int, ...] = ()
    twins: tuple[str, ...] = ()


VAES: tuple[Vae, ...] = (
    Vae("FLUX.2 VAE", (512, 32, 3, 3), "bn.running_mean", (128,)),
    Vae("FLUX.1 VAE", (512, 16, 3, 3), twins=("SD 3 VAE",)),
    Vae("SD VAE", (512, 4, 3, 3), twins=("SDXL VAE", "PixArt VAE")),
    Vae("Qwen-Image-Layered VAE", (384, 16, 3, 3, 3), "decoder.conv_out.weight", (4, 96, 3, 3, 3)),
    Vae("Qwen-Image VAE", (384, 16, 3, 3, 3), twins=("Wan 2.1 VAE",)),
    Vae("Wan 2.2 VAE", (1024, 48, 3, 3, 3)),
    Vae("HunyuanVideo 1.5 VAE", (1024, 32, 3, 3, 3)),
    Vae("HunyuanVideo VAE", (512, 16, 3, 3, 3)),
    Vae("HunyuanImage 2.1 VAE", (1024, 64, 3, 3)),
    Vae("DC-AE f32", (1024, 32, 3, 3)),
    Vae("LTX-2 VAE", (1024, 128, 3, 3, 3)),
    Vae("LTX-Video VAE", (512, 128, 3, 3, 3)),
)
"""Read from diffusers 0.42.1's classes with the published configs, and from musubi-tuner's own VAEs."""

_FIRST = ("decoder.conv_in.weight", "decoder.conv_in.conv.weight", "decoder.conv1.weight", "decoder.conv_in.conv_s.weight")
_LAYERS = {
    "clip": r"(?:text_model\.)?encoder\.layers\.(\d+)\.self_attn\.q_proj\.weight$",
    "clip open": r"transformer\.resblocks\.(\d+)\.attn\.in_proj_weight$",
    "t5": r"encoder\.block\.(\d+)\.layer\.0\.SelfAttention\.q\.weight$",
    "t5 wan": r"(?:^|\.)blocks\.(\d+)\.attn\.q\.weight$",
    "siglip": r"vision_model\.encoder\.layers\.(\d+)\.self_attn\.q_proj\.weight$",
    "decoder": r"^(?:language_model\.|model\.|text_model\.)*layers\.(\d+)\.self_attn\.q_proj\.weight$",
}
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _LAYERS.items()}


class Found(NamedTuple):
    """A part: what it is called in the families' table (empty: none of these), and what was measured."""

    kind: str
    name: str
    twins: tuple[str, ...]
    measured: str


def vae_of(tensors: Tensors) -> Found | None:
    """The VAE in these tensors; None when there is none."""
    first = next((tensors[key] for key in _FIRST if key in tensors), None)
    if first is None or not any(key.startswith("encoder.") for key in tensors):
        return None
    measured = f"{first.shape[1] if len(first.shape) > 1 else 0} latent channels, {'video' if len(first.shape) == 5 else 'pictures'}"
    for vae in VAES:
        if vae.first == first.shape and (not vae.also or _shape(tensors, vae.also) == vae.shape):
            return Found("vae", vae.name, vae.twins, measured)
    return Found("vae", "", (), measured)


def encoder_of(tensors: Tensors) -> Found | None:
    """The text or image encoder in these tensors; None when there is none."""
    for kind in ("siglip", "clip", "clip open", "t5", "t5 wan", "decoder"):
        layers = {int(match[1]): name for name in tensors if (match := _PATTERNS[kind].search(name))}
        if layers:
            return _encoder(kind.split()[0], tensors, tensors[layers[min(layers)]], len(layers))
    return None


def _encoder(kind: str, tensors: Tensors, query: Tensor, layers: int) -> Found:
    width = query.shape[-1] if query.shape else 0
    visual = any(name.startswith(("visual.", "model.visual.", "vision_tower.", "model.vision_tower.")) for name in tensors)
    embedding = next((tensor for name, tensor in tensors.items() if name.endswith(_EMBEDDINGS) and len(tensor.shape) == 2), None)
    vocabulary = embedding.shape[0] if embedding else 0
    measured = (
        f"{width} wide, {layers} layers"
        + (f", {vocabulary:,} tokens" if vocabulary else "")
        + (", with an image encoder" if visual else "")
    )
    fits = [
        encoder
        for encoder in ENCODERS
        if (encoder.kind, encoder.width, encoder.layers) == (kind, width, layers)
        and (not encoder.vocabulary or not vocabulary or encoder.vocabulary == vocabulary)
        and (encoder.visual is None or encoder.visual == visual)
    ]
    names = tuple(encoder.name for encoder in fits)
    return Found("image encoder" if kind == "siglip" else "text encoder", names[0] if names else "", names[1:], measured)


_EMBEDDINGS = ("embed_tokens.weight", "shared.weight", "token_embedding.weight", "wte.weight")


def _shape(tensors: Tensors, name: str) -> tuple[int, ...]:
    return tensors[name].shape if name in tensors else ()


_SCALED = (".scale_weight", ".weight_scale", ".scale_input", ".input_scale", ".comfy_quant")
_FOUR_BIT = ("bitsandbytes__nf4", "bitsandbytes__fp4", ".absmax", ".quant_map")
_WORDS = {"F32": "fp32", "F16": "fp16", "BF16": "bf16", "F8_E4M3": "fp8", "F8_E5M2": "fp8-e5m2", "I8": "int8", "F64": "fp64", "U8": "uint8"}


class Precision(NamedTuple):
    """How weights are stored. `word` is one of the language's: `bf16`, `fp8`, `fp8-scaled`, `nf4`, ...; `counts` are bytes by dtype."""

    word: str
    counts: dict[str, int]

    @property
    def quantized(self) -> bool:
        return self.word not in ("bf16", "fp16", "fp32", "fp64", "")


def precision_of(header: Header) -> Precision:
    """The precision of most bytes, and whether scales are stored beside."""
    counts: Counter[str] = Counter()
    for _, dtype, _, start, end in header.tensors.values():
        counts[dtype] += end - start
    if not counts:
        return Precision("", {})
    most = counts.most_common(1)[0][0]
    names = "\n".join(["", *header.tensors, ""])  # one text: a search in it is many times faster than one in each name
    scaled = any(mark + "\n" in names for mark in (*_SCALED, ".scaled_fp8", "\nscaled_fp8"))
    word = _WORDS.get(most, most.lower())
    if any(mark in names for mark in _FOUR_BIT):
        word = "nf4"
    elif scaled:
        word = f"{word}-scaled"
    return Precision(word, dict(counts))
