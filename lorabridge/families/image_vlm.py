"""Picture models that read with a vision-language model: Krea 2, Ideogram 4, HiDream-O1, Mage-Flow, Boogu, Nucleus, PRX."""

from __future__ import annotations

from lorabridge.families.base import Family, Variant
from lorabridge.families.rows import (
    AITK,
    JOB,
    MODELS,
    MUSUBI,
    OPTIONS,
    PARTS,
    PIPE,
    REPO,
    REPO_OR_FILE,
    UNPUBLISHED,
    A,
    M,
    defaults,
    drawn,
    sampled,
)

_KREA = {"text_encoder": "Qwen3-VL-4B-Instruct", "vae": "Qwen-Image VAE"}
_KREA_ADAPTER = "ostris/krea2_turbo_training_adapter/krea2_turbo_training_adapter_v1.safetensors"

KREA2 = Family(
    name="krea2",
    title="Krea 2",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("krea-2",),
    variants=(
        Variant("raw", "Not distilled: the one to train. Gated on the hub.", repo="krea/Krea-2-Raw", pairs=_KREA, lora_group="krea2"),
        Variant(
            "turbo",
            "Distilled to eight steps. Gated on the hub.",
            repo="krea/Krea-2-Turbo",
            distilled=True,
            adapter=_KREA_ADAPTER,
            pairs=_KREA,
            lora_group="krea2",
            trainers=(AITK,),
            defaults=drawn(f"{OPTIONS}:1488", 9, 1.0),
        ),
        Variant(
            "raw-edit",
            "Teaches the raw model to edit. Experimental.",
            repo="krea/Krea-2-Raw",
            control=True,
            pairs=_KREA,
            lora_group="krea2-edit",
            trainers=(AITK,),
        ),
        Variant(
            "turbo-edit",
            "Teaches the turbo model to edit. Experimental.",
            repo="krea/Krea-2-Turbo",
            distilled=True,
            adapter=_KREA_ADAPTER,
            control=True,
            pairs=_KREA,
            lora_group="krea2-edit",
            trainers=(AITK,),
            defaults=drawn(f"{OPTIONS}:1544", 8, 1.0),
        ),
    ),
    needs={MUSUBI: PARTS, PIPE: PARTS, AITK: REPO_OR_FILE},
    defaults=defaults(
        f"{M} docs/krea2.md:124-128 (shift 2.5, lr 1e-4, rank 32), :280 (28 steps, guidance 5.5)",
        rank=32,
        lr=1e-4,
        sampling="shift",
        shift=2.5,
        steps=28,
        guidance=5.5,
    ),
    trainer_defaults={AITK: sampled(f"{OPTIONS}:1471-1544 (linear)", "uniform")},
    attention=("attn.",),
    feed_forward=(".mlp.",),
    notes="The text fusion layers count with these groups; projections outside them only with the trainer's own set, which wraps "
    "every linear layer in musubi-tuner. There fp8 must be scaled, and `model.vae_dtype` cannot be set. No LoHa or LoKr.",
    evidence="backends/musubi.md 1; backends/diffusion_pipe.md 1 (krea2); backends/ai_toolkit.md 1 (krea2)",
)

IDEOGRAM4 = Family(
    name="ideogram4",
    title="Ideogram 4",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("ideogram-4",),
    variants=(
        Variant(
            "base",
            "The conditional transformer; published in fp8 and fp4 only. Gated on the hub.",
            repo="ideogram-ai/ideogram-4-fp8",
            pairs={"text_encoder": "Qwen3-VL-8B", "vae": "FLUX.2 VAE"},
            lora_group="ideogram4",
        ),
    ),
    needs={MUSUBI: PARTS, PIPE: PARTS, AITK: REPO},
    defaults=defaults(
        f"{M} docs/ideogram4.md:174 (ideogram4_shift), :252 (20 steps, guidance 7); it sets no rank and rate: {JOB}; shift 3: {MODELS}:616",
        rank=32,
        lr=1e-4,
        sampling="resolution-shift",
        shift=3.0,
        steps=20,
        guidance=7.0,
    ),
    trainer_defaults={
        PIPE: sampled(f"{MODELS}:615-616 (its flux_shift is FLUX.1's curve)", "shift", 3.0),
        AITK: sampled(f"{OPTIONS}:1427 (linear)", "uniform"),
    },
    attention=("attention.",),
    feed_forward=("feed_forward.",),
    notes="Captions were structured JSON; plain text is accepted for training. musubi-tuner refuses other loss weightings than `none`. "
    "A second, unconditional transformer is for drawing only and is never trained.",
    evidence="backends/musubi.md 1; backends/diffusion_pipe.md 1 (ideogram4); backends/ai_toolkit.md 1 (ideogram4)",
)

HIDREAM_O1 = Family(
    name="hidream-o1",
    title="HiDream-O1-Image",
    media="image",
    objective="flow",
    resolution=2048,
    dtype="bf16",
    aliases=("hidream-o1-image",),
    variants=(
        Variant(
            "full",
            "One Qwen3-VL that reads and draws, in pixel space.",
            repo="HiDream-ai/HiDream-O1-Image",
            control="optional",
            lora_group="hidream-o1",
        ),
        Variant(
            "dev",
            "Distilled.",
            repo="HiDream-ai/HiDream-O1-Image-Dev",
            distilled=True,
            control="optional",
            lora_group="hidream-o1",
            trainers=(MUSUBI,),
            defaults=drawn(UNPUBLISHED, 28, 1.0),
        ),
    ),
    needs={MUSUBI: (("transformer",),), AITK: REPO_OR_FILE},
    defaults=defaults(
        f"{M} docs/hidream_o1.md:96-100 (uniform, lr 4e-5, rank 32); 30 steps, guidance 4: {JOB}; shift: {A} hidream_o1_model.py:34",
        rank=32,
        lr=4e-5,
        sampling="uniform",
        shift=3.0,
        steps=30,
        guidance=4.0,
    ),
    attention=("self_attn.",),
    feed_forward=("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),
    notes="No VAE and no separate text encoder. Sides are multiples of 32. musubi-tuner wants `weighting: none`, and control "
    "pictures in all items or in none (task i2i or t2i). Noise scale 8 (full) or 7.5 (dev) is a native option.",
    evidence="backends/musubi.md 1; backends/ai_toolkit.md 1 (hidream_o1)",
)

MAGE_FLOW = Family(
    name="mage-flow",
    title="Mage-Flow",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("mageflow",),
    variants=(
        Variant("base", "Text to picture.", repo="microsoft/Mage-Flow-Base", pairs={"text_encoder": "Qwen3-VL"}, lora_group="mage-flow"),
        Variant(
            "edit",
            "Edits with control pictures.",
            repo="microsoft/Mage-Flow-Edit-Base",
            control=True,
            pairs={"text_encoder": "Qwen3-VL"},
            lora_group="mage-flow",
        ),
    ),
    needs={AITK: REPO},
    defaults=defaults(
        f"rank, lr: {JOB}; {OPTIONS}:1584 (linear, 25 steps, guidance 4); shift: {A} mageflow.py:70",
        rank=32,
        lr=1e-4,
        sampling="uniform",
        shift=6.0,
        steps=25,
        guidance=4.0,
    ),
    attention=("attn.",),
    feed_forward=("img_mlp.", "txt_mlp."),
    evidence="backends/ai_toolkit.md 1 (mageflow, mageflow_edit)",
)

BOOGU_IMAGE = Family(
    name="boogu-image",
    title="Boogu Image",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("boogu",),
    variants=(
        Variant(
            "base", "0.1, text to picture.", repo="Boogu/Boogu-Image-0.1-Base", pairs={"text_encoder": "Qwen3-VL"}, lora_group="boogu-image"
        ),
        Variant(
            "edit",
            "0.1, edits with control pictures.",
            repo="Boogu/Boogu-Image-0.1-Edit",
            control=True,
            pairs={"text_encoder": "Qwen3-VL"},
            lora_group="boogu-image",
        ),
    ),
    needs={AITK: REPO},
    defaults=defaults(
        f"{JOB}; {OPTIONS}:1626 (linear); shift: {A} boogu_image.py:57",
        rank=32,
        lr=1e-4,
        sampling="uniform",
        shift=3.0,
        steps=30,
        guidance=4.0,
    ),
    attention=("attn.",),
    feed_forward=("feed_forward.",),
    notes="`train.unload_text_encoder` is refused for the edit variant.",
    evidence="backends/ai_toolkit.md 1 (boogu_image, boogu_image_edit)",
)

NUCLEUS_IMAGE = Family(
    name="nucleus-image",
    title="Nucleus-Image",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("nucleus",),
    variants=(
        Variant(
            "base",
            "A mixture of experts.",
            repo="NucleusAI/Nucleus-Image",
            pairs={"text_encoder": "Qwen3-VL", "vae": "Qwen-Image VAE"},
            lora_group="nucleus-image",
        ),
    ),
    needs={AITK: REPO},
    defaults=defaults(
        f"{OPTIONS}:1367 (rank 128, linear); lr and drawing: {JOB}; shift: its scheduler",
        rank=128,
        lr=1e-4,
        sampling="uniform",
        shift=1.0,
        steps=30,
        guidance=4.0,
    ),
    attention=("attn.",),
    feed_forward=("img_mlp.",),
    notes="ai-toolkit's own preset leaves out `img_mlp.experts` and `img_mlp.gate`.",
    evidence="backends/ai_toolkit.md 1 (nucleus_image)",
)

PRX_PIXEL = Family(
    name="prx-pixel",
    title="PRXPixel",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("prxpixel", "prx"),
    variants=(
        Variant(
            "t2i",
            "Text to picture, in pixel space.",
            repo="Photoroom/prxpixel-t2i",
            pairs={"text_encoder": "Qwen3-VL"},
            lora_group="prx-pixel",
        ),
    ),
    needs={AITK: REPO},
    defaults=defaults(
        f"{JOB}; {OPTIONS}:1455 (linear); shift: {A} prx_pixel_t2i.py:69",
        rank=32,
        lr=1e-4,
        sampling="uniform",
        shift=3.0,
        steps=30,
        guidance=4.0,
    ),
    attention=("attention.",),
    feed_forward=("gate_proj", "up_proj", "down_proj"),
    evidence="backends/ai_toolkit.md 1 (prx_pixel)",
)

ROWS = (KREA2, IDEOGRAM4, HIDREAM_O1, MAGE_FLOW, BOOGU_IMAGE, NUCLEUS_IMAGE, PRX_PIXEL)
