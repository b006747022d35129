"""Picture transformers with a plain text encoder: HiDream-I1, Lumina 2, OmniGen2, Anima, AuraFlow, ERNIE, CogView4, F-Lite."""

from __future__ import annotations

from lorabridge.families.base import Family, Modules, Variant
from lorabridge.families.rows import (
    AITK,
    JOB,
    MODELS,
    NATIVE_COSMOS,
    OPTIONS,
    PARTS,
    PIPE,
    REPO,
    UNPUBLISHED,
    A,
    P,
    defaults,
    sampled,
)

_EXAMPLE = f"{P} examples/main_example.toml:134-157 (rank 32, lr 2e-5)"
_HIDREAM = {"text_encoder": "CLIP-L", "text_encoder_2": "OpenCLIP bigG", "text_encoder_3": "Llama-3.1-8B-Instruct"}

HIDREAM = Family(
    name="hidream",
    title="HiDream-I1",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("hidream-i1",),
    variants=(
        Variant("full", "Not distilled.", repo="HiDream-ai/HiDream-I1-Full", pairs=_HIDREAM, lora_group="hidream-i1"),
        Variant(
            "dev",
            "Distilled, without guidance: diffusion-pipe's author expects it not to train well.",
            repo="HiDream-ai/HiDream-I1-Dev",
            distilled=True,
            pairs=_HIDREAM,
            lora_group="hidream-i1",
        ),
        Variant(
            "e1",
            "HiDream-E1.1: edits a picture by instruction.",
            repo="HiDream-ai/HiDream-E1-1",
            control=True,
            pairs=_HIDREAM,
            lora_group="hidream-e1",
            trainers=(AITK,),
            defaults=sampled(f"{OPTIONS}:564", "weighted"),
        ),
    ),
    needs={PIPE: (("repo", "text_encoder_3"),), AITK: REPO},
    defaults=defaults(
        f"{A} config/examples/train_lora_hidream_48.yaml:26,56,58,108; shift: its scheduler",
        rank=32,
        lr=2e-4,
        sampling="shift",
        shift=3.0,
        steps=25,
        guidance=4.0,
    ),
    attention=("attn1.",),
    feed_forward=("ff_i.", "ff_t."),
    notes="A mixture of experts: ai-toolkit's own preset leaves out `ff_i.experts` and `ff_i.gate`. Poor below 1024 px "
    f"({MODELS}:233). diffusion-pipe keeps Llama loaded while training.",
    evidence="backends/diffusion_pipe.md 1 (hidream); backends/ai_toolkit.md 1 (hidream, hidream_e1)",
)

LUMINA2 = Family(
    name="lumina2",
    title="Lumina Image 2.0",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("lumina-2", "lumina-image-2", "lumina-image-2.0"),
    variants=(
        Variant(
            "base",
            "2.0.",
            repo="Alpha-VLLM/Lumina-Image-2.0",
            pairs={"text_encoder": "Gemma-2-2B", "vae": "FLUX.1 VAE"},
            lora_group="lumina2",
        ),
    ),
    needs={PIPE: PARTS, AITK: REPO},
    defaults=defaults(
        f"{A} config/examples/train_lora_lumina.yaml:19,42,51,92 (rank 16, lumina2_shift, lr 1e-4, 25 steps, guidance 4); "
        f"{MODELS}:143 (lumina_shift); shift: {UNPUBLISHED}",
        rank=16,
        lr=1e-4,
        sampling="resolution-shift",
        shift=6.0,
        steps=25,
        guidance=4.0,
    ),
    attention=("attn.",),
    feed_forward=("feed_forward.",),
    native={PIPE: Modules(("attention.",), ("feed_forward.",))},
    notes="diffusion-pipe ships a dataset example with the caption prefix that the model expects.",
    evidence="backends/diffusion_pipe.md 1 (lumina_2); backends/ai_toolkit.md 1 (lumina2)",
)

OMNIGEN2 = Family(
    name="omnigen2",
    title="OmniGen2",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("omnigen-2",),
    variants=(
        Variant(
            "base",
            "Draws and edits.",
            repo="OmniGen2/OmniGen2",
            control="optional",
            pairs={"text_encoder": "Qwen2.5-VL-3B"},
            lora_group="omnigen2",
        ),
    ),
    needs={PIPE: REPO, AITK: REPO},
    defaults=defaults(
        f"{A} config/examples/train_lora_omnigen2_24gb.yaml:18,49,50,90; shift: {UNPUBLISHED}",
        rank=16,
        lr=1e-4,
        sampling="sigmoid",
        shift=3.0,
        steps=25,
        guidance=4.0,
    ),
    attention=("attn.",),
    feed_forward=("feed_forward.",),
    notes="diffusion-pipe trains text to picture only.",
    evidence="backends/diffusion_pipe.md 1 (omnigen2); backends/ai_toolkit.md 1 (omnigen2)",
)

ANIMA = Family(
    name="anima",
    title="Anima",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    variants=(
        Variant(
            "base",
            "Drawn pictures, on the Cosmos-Predict2 architecture.",
            repo="circlestone-labs/Anima-Base-v1.0-Diffusers",
            pairs={"text_encoder": "Qwen3-0.6B", "vae": "Qwen-Image VAE"},
            lora_group="anima",
        ),
    ),
    needs={PIPE: PARTS, AITK: REPO},
    defaults=defaults(
        f"{_EXAMPLE}, for {MODELS}:557 asks for a lower rate than other models; logit-normal: its default; 30 steps, guidance 4: {JOB}; "
        f"shift: {A} anima.py:36",
        rank=32,
        lr=2e-5,
        sampling="logit-normal",
        shift=3.0,
        steps=30,
        guidance=4.0,
    ),
    trainer_defaults={AITK: sampled(f"{OPTIONS}:83", "weighted")},
    attention=("attn1.", "attn2."),
    feed_forward=("ff.net.",),
    native={PIPE: NATIVE_COSMOS},
    notes="diffusion-pipe can train the adapter between Qwen3 and the model; `llm_adapter_lr = 0` leaves it alone, which suits small sets.",
    evidence="backends/diffusion_pipe.md 1 (anima); backends/ai_toolkit.md 1 (anima)",
)

AURAFLOW = Family(
    name="auraflow",
    title="AuraFlow",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("aura-flow",),
    variants=(
        Variant(
            "v0.3",
            "AuraFlow 0.3; captions up to 256 tokens.",
            repo="fal/AuraFlow-v0.3",
            pairs={"text_encoder": "UMT5 (AuraFlow)"},
            lora_group="auraflow",
        ),
        Variant(
            "pony-v7",
            "Pony V7; captions up to 768 tokens.",
            repo="purplesmartai/pony-v7-base",
            pairs={"text_encoder": "UMT5 (AuraFlow)"},
            lora_group="auraflow",
        ),
    ),
    needs={PIPE: PARTS, AITK: REPO},
    defaults=defaults(
        f"{_EXAMPLE}; logit-normal: {MODELS}:438; drawing: {UNPUBLISHED}",
        rank=32,
        lr=2e-5,
        sampling="logit-normal",
        shift=1.73,
        steps=50,
        guidance=3.5,
    ),
    attention=("attn.",),
    feed_forward=("ff.", "ff_context."),
    notes="diffusion-pipe must be told the caption length (`max_sequence_length`). Legacy loader in ai-toolkit, not in its interface.",
    evidence="backends/diffusion_pipe.md 1 (auraflow); backends/ai_toolkit.md 1 (auraflow, legacy)",
)

ERNIE_IMAGE = Family(
    name="ernie-image",
    title="ERNIE-Image",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("ernie",),
    variants=(
        Variant(
            "base",
            "The full model.",
            repo="baidu/ERNIE-Image",
            pairs={"text_encoder": "Ministral-3-3B", "vae": "FLUX.2 VAE"},
            lora_group="ernie-image",
        ),
    ),
    needs={PIPE: PARTS, AITK: REPO},
    defaults=defaults(
        f"{MODELS}:576-577 (logit-normal, shift 3); rank, lr and drawing: {JOB}",
        rank=32,
        lr=1e-4,
        sampling="shift",
        shift=3.0,
        steps=30,
        guidance=4.0,
    ),
    trainer_defaults={AITK: sampled(f"{OPTIONS}:1208", "weighted")},
    attention=("self_attention.",),
    feed_forward=(".mlp.",),
    evidence="backends/diffusion_pipe.md 1 (ernie_image); backends/ai_toolkit.md 1 (ernie_image)",
)

COGVIEW4 = Family(
    name="cogview4",
    title="CogView4",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("cogview-4",),
    variants=(Variant("6b", "6B.", repo="THUDM/CogView4-6B", pairs={"text_encoder": "GLM-4-9B"}, lora_group="cogview4"),),
    needs={AITK: REPO},
    defaults=defaults(f"{JOB}; noise: {UNPUBLISHED}", rank=32, lr=1e-4, sampling="sigmoid", shift=3.0, steps=30, guidance=4.0),
    attention=("attn1.",),
    feed_forward=("ff.net.",),
    evidence="contracts/ai_toolkit/fields.json ($archs); ai-toolkit 27a03a9 toolkit/models/cogview4.py",
)

F_LITE = Family(
    name="f-lite",
    title="F-Lite",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("flite",),
    variants=(
        Variant("base", "10B, trained on licensed pictures.", repo="Freepik/F-Lite", pairs={"text_encoder": "T5-XXL"}, lora_group="f-lite"),
    ),
    needs={AITK: REPO},
    defaults=defaults(
        f"{JOB}; noise: {UNPUBLISHED}; shift: {A} f_light.py:29", rank=32, lr=1e-4, sampling="sigmoid", shift=3.0, steps=30, guidance=4.0
    ),
    attention=("self_attn.", "cross_attn."),
    feed_forward=(".mlp.",),
    evidence="contracts/ai_toolkit/fields.json ($archs); ai-toolkit 27a03a9 extensions_built_in/diffusion_models/f_light",
)

ROWS = (HIDREAM, LUMINA2, OMNIGEN2, ANIMA, AURAFLOW, ERNIE_IMAGE, COGVIEW4, F_LITE)
