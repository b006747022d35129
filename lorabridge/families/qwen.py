"""Alibaba's picture models: Qwen-Image and Z-Image with their offspring."""

from __future__ import annotations

from lorabridge.families.base import Family, Variant
from lorabridge.families.rows import (
    AITK,
    EMBEDDED,
    JOB,
    MUSUBI,
    OPTIONS,
    PARTS,
    PIPE,
    REPO,
    REPO_OR_FILE,
    A,
    M,
    defaults,
    drawn,
    sampled,
)

_QWEN_VL = {"text_encoder": "Qwen2.5-VL-7B", "vae": "Qwen-Image VAE"}
_QWEN3 = {"text_encoder": "Qwen3-4B", "vae": "FLUX.1 VAE"}
_EDITORS = (MUSUBI, AITK)

QWEN_IMAGE = Family(
    name="qwen-image",
    title="Qwen-Image",
    media="image",
    objective="flow",
    resolution=1328,
    dtype="bf16",
    aliases=("qwen", "qwenimage"),
    variants=(
        Variant("base", "The first Qwen-Image, text to picture.", repo="Qwen/Qwen-Image", pairs=_QWEN_VL, lora_group="qwen-image"),
        Variant("2512", "The December 2025 release; same shapes.", repo="Qwen/Qwen-Image-2512", pairs=_QWEN_VL, lora_group="qwen-image"),
        Variant(
            "edit",
            "Edits one picture by instruction.",
            repo="Qwen/Qwen-Image-Edit",
            control=True,
            pairs=_QWEN_VL,
            lora_group="qwen-image",
            trainers=(MUSUBI, PIPE, AITK),
        ),
        Variant(
            "edit-2509",
            "Edits with up to three control pictures.",
            repo="Qwen/Qwen-Image-Edit-2509",
            control=True,
            pairs=_QWEN_VL,
            lora_group="qwen-image",
            trainers=_EDITORS,
        ),
        Variant(
            "edit-2511",
            "The successor of edit-2509.",
            repo="Qwen/Qwen-Image-Edit-2511",
            control=True,
            pairs=_QWEN_VL,
            lora_group="qwen-image",
            trainers=_EDITORS,
        ),
        Variant(
            "layered",
            "Draws a picture as a stack of layers; has a VAE of its own and several targets per item.",
            repo="Qwen/Qwen-Image-Layered",
            pairs={"text_encoder": "Qwen2.5-VL-7B", "vae": "Qwen-Image-Layered VAE"},
            lora_group="qwen-image-layered",
            trainers=(MUSUBI,),
        ),
    ),
    needs={MUSUBI: PARTS, PIPE: (("repo",), *PARTS), AITK: REPO_OR_FILE, EMBEDDED: REPO},
    defaults=defaults(
        f"{M} docs/qwen_image.md:199-204 (shift 2.2, lr 5e-5, rank 16), :440 (25 steps, guidance 4). The trainer's page is preferred to "
        "papers/qwen-image-field-behaviour.md, whose examples say lr 1e-4, rank 32, shift 3",
        rank=16,
        lr=5e-5,
        sampling="shift",
        shift=2.2,
        steps=25,
        guidance=4.0,
    ),
    trainer_defaults={AITK: sampled(f"{OPTIONS}:410-509", "weighted")},
    attention=("attn.",),
    feed_forward=("img_mlp.", "txt_mlp."),
    notes="Computed in bf16 always. diffusion-pipe reads the diffusers VAE, not ComfyUI's, and no fp8_scaled weights. musubi-tuner: the "
    "edit variants share one cache suffix, so caches of one are taken for the other. Pictures of 1328 px cost 1.7 times the memory of "
    "1024.",
    evidence="backends/musubi.md 1; backends/diffusion_pipe.md 1; backends/ai_toolkit.md 1; papers/qwen-image-field-behaviour.md",
)

Z_IMAGE = Family(
    name="z-image",
    title="Z-Image",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("zimage",),
    variants=(
        Variant("base", "Not distilled: the one to train.", repo="Tongyi-MAI/Z-Image", pairs=_QWEN3, lora_group="z-image"),
        Variant(
            "turbo",
            "Distilled to eight steps; for short trainings, with its training adapter.",
            repo="Tongyi-MAI/Z-Image-Turbo",
            distilled=True,
            adapter="ostris/zimage_turbo_training_adapter/zimage_turbo_training_adapter_v2.safetensors",
            pairs=_QWEN3,
            lora_group="z-image",
            defaults=drawn(f"{OPTIONS}:659 (9 steps, guidance 1; papers/lora-training-plan-z-image.md says 8)", 9, 1.0),
        ),
        Variant(
            "de-turbo",
            "Turbo with the distillation trained away; for long trainings without an adapter.",
            repo="ostris/Z-Image-De-Turbo",
            pairs=_QWEN3,
            lora_group="z-image",
            trainers=(MUSUBI, PIPE, AITK),
            defaults=drawn(f"{OPTIONS}:704; papers/lora-training-plan-z-image.md (20-30 steps, guidance 2-3)", 25, 3.0),
        ),
        Variant(
            "l2p",
            "Works on pixels, without a VAE.",
            repo="zhen-nan/L2P",
            pairs={"text_encoder": "Qwen3-4B"},
            lora_group="z-image-l2p",
            needs={AITK: (("transformer",),)},
            trainers=(AITK,),
            defaults=sampled(f"{OPTIONS}:1410", "uniform"),
        ),
    ),
    needs={MUSUBI: PARTS, PIPE: PARTS, AITK: REPO_OR_FILE, EMBEDDED: REPO},
    defaults=defaults(
        f"{M} docs/zimage.md:145-148 (shift 2, lr 1e-4, rank 32; papers/lora-training-plan-z-image.md has the same rate and rank) and "
        f":384 (guidance 4); 30 steps: {OPTIONS}:684",
        rank=32,
        lr=1e-4,
        sampling="shift",
        shift=2.0,
        steps=30,
        guidance=4.0,
    ),
    trainer_defaults={AITK: sampled(f"{OPTIONS}:659-704", "weighted")},
    attention=("attention.",),
    feed_forward=("feed_forward.",),
    notes="musubi-tuner takes the model's dtype from `train.mixed_precision` and doubles the memory where that is off. "
    "ai-toolkit's `shift` is fixed at 3 for this model. Distilled weights must not be trained bare: LoRAs then fit neither model.",
    evidence="backends/musubi.md 1; backends/diffusion_pipe.md 1; backends/ai_toolkit.md 1; papers/lora-training-plan-z-image.md",
)

ZETA_CHROMA = Family(
    name="zeta-chroma",
    title="Zeta Chroma",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    variants=(
        Variant(
            "base",
            "Chroma's author on Z-Image, in pixel space. Experimental.",
            repo="lodestones/Zeta-Chroma",
            pairs={"text_encoder": "Qwen3-4B"},
            lora_group="zeta-chroma",
        ),
    ),
    needs={AITK: (("transformer",),)},
    defaults=defaults(
        f"{JOB}; {OPTIONS}:194 (sigmoid is kept); shift: {A} zeta_chroma_model.py:34",
        rank=32,
        lr=1e-4,
        sampling="sigmoid",
        shift=3.0,
        steps=30,
        guidance=4.0,
    ),
    attention=("attention.",),
    feed_forward=("feed_forward.",),
    notes="`transformer` may be a hub file: lodestones/Zeta-Chroma/zeta-chroma-base-x0-pixel-dino-distance.safetensors.",
    evidence="backends/ai_toolkit.md 1 (zeta_chroma)",
)

ROWS = (QWEN_IMAGE, Z_IMAGE, ZETA_CHROMA)
