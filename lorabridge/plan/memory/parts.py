"""Companions of a model by the name that the families' `pairs` give them: parameters, in billions.

Read from the models' own configs and cards; a text encoder counts without its vision tower where trainers drop it, so the low end
of its interval is smaller.
"""

from __future__ import annotations

ENCODERS: dict[str, tuple[float, float]] = {
    "CLIP-L": (0.123, 0.123),
    "OpenCLIP bigG": (0.695, 0.695),
    "OpenCLIP ViT-H": (0.354, 0.354),
    "T5-XXL": (4.76, 4.76),
    "T5-XXL (old)": (4.76, 4.76),
    "UMT5-XXL": (5.68, 5.68),
    "UMT5 (AuraFlow)": (1.22, 1.22),
    "Qwen3-0.6B": (0.60, 0.60),
    "Qwen3-4B": (4.02, 4.02),
    "Qwen3-8B": (7.57, 8.19),
    "Qwen2.5-VL-3B": (3.09, 3.75),
    "Qwen2.5-VL-7B": (7.07, 8.29),
    "Qwen3-VL-4B-Instruct": (4.02, 4.44),
    "Qwen3-VL-8B": (7.57, 8.77),
    "Qwen3-VL-32B": (32.0, 33.4),
    "Ministral-3-3B": (3.4, 3.8),
    "Mistral-Small-3.1-24B": (23.6, 24.0),
    "Gemma-2-2B": (2.61, 2.61),
    "Gemma-3-12B": (11.8, 12.2),
    "GLM-4-9B": (9.4, 9.4),
    "Llama-3.1-8B-Instruct": (8.03, 8.03),
    "LLaVA-Llama-3-8B": (7.5, 8.03),
    "ByT5-small glyph": (0.22, 0.30),
    "SigLIP SO400M patch14 384": (0.43, 0.43),
    "open-CLIP XLM-R ViT-H/14": (0.63, 1.19),
}
VAES: dict[str, float] = {
    "FLUX.1 VAE": 0.084,
    "FLUX.2 VAE": 0.084,
    "Qwen-Image VAE": 0.127,
    "Wan 2.1 VAE": 0.127,
    "Wan 2.2 VAE": 0.705,
    "HunyuanVideo VAE": 0.246,
    "HunyuanImage 2.1 VAE": 0.41,
    "DC-AE f32": 0.312,
}
VAE_UNKNOWN = (0.05, 0.3)
"""The least and the most of those above, but for the largest."""
