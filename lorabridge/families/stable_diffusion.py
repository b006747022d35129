"""The Stable Diffusion line, PixArt and SANA: models that began with UNets, and their small successors."""

from __future__ import annotations

from lorabridge.families.base import Family, Variant
from lorabridge.families.rows import AITK, EMBEDDED, JOB, OPTIONS, PACKED, PIPE, REPO, UNPUBLISHED, A, P, defaults

_ATTENTION = ("attn1.", "attn2.")
_FEED_FORWARD = ("ff.net.",)
_CLIPS = {"text_encoder": "CLIP-L", "text_encoder_2": "OpenCLIP bigG"}

SDXL = Family(
    name="sdxl",
    title="Stable Diffusion XL",
    media="image",
    objective="epsilon",
    resolution=1024,
    dtype="bf16",
    aliases=("sd-xl", "stable-diffusion-xl"),
    variants=(
        Variant(
            "base", "SDXL 1.0 and its epsilon fine-tunes.", repo="stabilityai/stable-diffusion-xl-base-1.0", pairs=_CLIPS, lora_group="sdxl"
        ),
        Variant(
            "v-pred",
            "Fine-tunes with v-prediction (NoobAI).",
            repo="Laxhar/noobai-XL-Vpred-1.0",
            pairs=_CLIPS,
            lora_group="sdxl-v-pred",
            trainers=(PIPE, AITK),
        ),
        Variant(
            "ssd-1b", "SSD-1B: SDXL with half of its blocks.", repo="segmind/SSD-1B", pairs=_CLIPS, lora_group="ssd-1b", trainers=(AITK,)
        ),
        Variant("vega", "Segmind Vega: smaller still.", repo="segmind/Segmind-Vega", pairs=_CLIPS, lora_group="vega", trainers=(AITK,)),
    ),
    needs={PIPE: (("checkpoint",),), AITK: PACKED, EMBEDDED: REPO},
    defaults=defaults(
        f"rank 32, lr 1e-4: {JOB}; 30 steps, guidance 6: {OPTIONS}:582; diffusion-pipe's example uses 4e-5 (docs/supported_models.md:46)",
        rank=32,
        lr=1e-4,
        sampling="uniform",
        shift=1.0,
        steps=30,
        guidance=6.0,
    ),
    attention=_ATTENTION,
    feed_forward=_FEED_FORWARD,
    notes="Epsilon loss: flow words of `noise` have no effect. diffusion-pipe trains the text encoders too, without caching their output.",
    evidence="backends/diffusion_pipe.md 1; backends/ai_toolkit.md 1; feasibility.md A",
)

SD15 = Family(
    name="sd15",
    title="Stable Diffusion 1.5",
    media="image",
    objective="epsilon",
    resolution=512,
    dtype="bf16",
    aliases=("sd1", "sd1.5", "sd-1.5", "stable-diffusion-1.5"),
    variants=(
        Variant(
            "base",
            "1.5 and its fine-tunes.",
            repo="stable-diffusion-v1-5/stable-diffusion-v1-5",
            pairs={"text_encoder": "CLIP-L"},
            lora_group="sd15",
        ),
    ),
    needs={AITK: PACKED},
    defaults=defaults(
        f"rank 32, lr 1e-4: {JOB}; 30 steps, guidance 6: {OPTIONS}:597",
        rank=32,
        lr=1e-4,
        sampling="uniform",
        shift=1.0,
        steps=30,
        guidance=6.0,
    ),
    attention=_ATTENTION,
    feed_forward=_FEED_FORWARD,
    evidence="backends/ai_toolkit.md 1 (sd15, sd1)",
)

SD2 = Family(
    name="sd2",
    title="Stable Diffusion 2",
    media="image",
    objective="epsilon",
    resolution=768,
    dtype="bf16",
    aliases=("sd-2", "sd2.1", "stable-diffusion-2"),
    variants=(
        Variant(
            "2.1",
            "2.1 at 768 px, v-prediction.",
            repo="stabilityai/stable-diffusion-2-1",
            pairs={"text_encoder": "OpenCLIP ViT-H"},
            lora_group="sd2",
        ),
        Variant(
            "2.1-base",
            "2.1 at 512 px.",
            repo="stabilityai/stable-diffusion-2-1-base",
            pairs={"text_encoder": "OpenCLIP ViT-H"},
            lora_group="sd2",
        ),
    ),
    needs={AITK: PACKED},
    defaults=defaults(f"{JOB}; guidance: {UNPUBLISHED}", rank=32, lr=1e-4, sampling="uniform", shift=1.0, steps=30, guidance=6.0),
    attention=_ATTENTION,
    feed_forward=_FEED_FORWARD,
    evidence="backends/ai_toolkit.md 1 (sd2, legacy)",
)

_SD3 = {"text_encoder": "CLIP-L", "text_encoder_2": "OpenCLIP bigG", "text_encoder_3": "T5-XXL"}

SD3 = Family(
    name="sd3",
    title="Stable Diffusion 3",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("sd-3", "sd3.5", "sd-3.5", "stable-diffusion-3", "stable-diffusion-3.5"),
    variants=(
        Variant("3.5-medium", "3.5 Medium, 2.5B.", repo="stabilityai/stable-diffusion-3.5-medium", pairs=_SD3, lora_group="sd3.5-medium"),
        Variant("3.5-large", "3.5 Large, 8B.", repo="stabilityai/stable-diffusion-3.5-large", pairs=_SD3, lora_group="sd3.5-large"),
        Variant("3-medium", "3 Medium, 2B.", repo="stabilityai/stable-diffusion-3-medium-diffusers", pairs=_SD3, lora_group="sd3-medium"),
    ),
    needs={PIPE: REPO, AITK: REPO},
    defaults=defaults(
        f"{A} config/examples/train_lora_sd35_large_24gb.yaml:19,49,51,93 (rank 16, linear, lr 1e-4, 25 steps, guidance 4); "
        f"shift 3: {UNPUBLISHED}",
        rank=16,
        lr=1e-4,
        sampling="uniform",
        shift=3.0,
        steps=25,
        guidance=4.0,
    ),
    attention=("attn.", "attn2."),
    feed_forward=("ff.", "ff_context."),
    notes=f"diffusion-pipe was tried on 3.5 Medium and Large ({P} docs/supported_models.md:253).",
    evidence="backends/diffusion_pipe.md 1 (sd3); backends/ai_toolkit.md 1 (sd3, legacy)",
)

PIXART = Family(
    name="pixart",
    title="PixArt",
    media="image",
    objective="epsilon",
    resolution=1024,
    dtype="bf16",
    variants=(
        Variant(
            "sigma",
            "PixArt-Sigma.",
            repo="PixArt-alpha/PixArt-Sigma-XL-2-1024-MS",
            pairs={"text_encoder": "T5-XXL"},
            lora_group="pixart-sigma",
        ),
        Variant(
            "alpha", "PixArt-alpha.", repo="PixArt-alpha/PixArt-XL-2-1024-MS", pairs={"text_encoder": "T5-XXL"}, lora_group="pixart-alpha"
        ),
    ),
    needs={AITK: REPO},
    defaults=defaults(f"{JOB}; noise and guidance: {UNPUBLISHED}", rank=32, lr=1e-4, sampling="uniform", shift=1.0, steps=30, guidance=4.5),
    attention=_ATTENTION,
    feed_forward=_FEED_FORWARD,
    notes="Legacy loader of ai-toolkit, not in its interface.",
    evidence="backends/ai_toolkit.md 1 (pixart, pixart_sigma, legacy)",
)

_GEMMA = {"text_encoder": "Gemma-2-2B", "vae": "DC-AE f32"}

SANA = Family(
    name="sana",
    title="SANA",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    variants=(
        Variant(
            "1.6b", "1.6B at 1024 px.", repo="Efficient-Large-Model/Sana_1600M_1024px_BF16_diffusers", pairs=_GEMMA, lora_group="sana-1.6b"
        ),
        Variant("0.6b", "0.6B at 1024 px.", repo="Efficient-Large-Model/Sana_600M_1024px_diffusers", pairs=_GEMMA, lora_group="sana-0.6b"),
        Variant(
            "1.5-1.6b",
            "SANA 1.5, 1.6B.",
            repo="Efficient-Large-Model/SANA1.5_1.6B_1024px_diffusers",
            pairs=_GEMMA,
            lora_group="sana-1.5-1.6b",
        ),
        Variant(
            "1.5-4.8b",
            "SANA 1.5, 4.8B.",
            repo="Efficient-Large-Model/SANA1.5_4.8B_1024px_diffusers",
            pairs=_GEMMA,
            lora_group="sana-1.5-4.8b",
        ),
    ),
    needs={EMBEDDED: REPO},
    defaults=defaults(
        f"papers/diffusion-lora-training.md (lr 1e-4, batch 1 times 4, 500 steps); rank, noise and drawing: {UNPUBLISHED}",
        rank=16,
        lr=1e-4,
        sampling="logit-normal",
        shift=3.0,
        steps=20,
        guidance=4.5,
    ),
    attention=_ATTENTION,
    notes="None of the three trainers knows it. Its feed-forward layers are convolutions, so `all` is `attention` unless "
    "`adapter.conv_rank` is set. Converges in hundreds of steps.",
    evidence="feasibility.md A; papers/diffusion-lora-training.md",
)

ROWS = (SDXL, SD15, SD2, SD3, PIXART, SANA)
