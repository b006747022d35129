"""Wan 2.1 and 2.2."""

from __future__ import annotations

from lorabridge.families.base import Family, Variant
from lorabridge.families.rows import (
    AITK,
    MODELS,
    MUSUBI,
    NATIVE_WAN,
    OPTIONS,
    PARTS,
    PIPE,
    REPO,
    REPO_OR_EXTRAS,
    WITH_IMAGES,
    A,
    M,
    defaults,
    drawn,
    sampled,
)

_T5 = {"text_encoder": "UMT5-XXL", "vae": "Wan 2.1 VAE"}
_T5_CLIP = {**_T5, "image_encoder": "open-CLIP XLM-R ViT-H/14"}
_CLIPPED = {MUSUBI: WITH_IMAGES}
_EXPERT_FILES = (("transformer", "vae", "text_encoder"), ("transformer_high_noise", "vae", "text_encoder"))
_EXPERT_FOLDERS = tuple((folder, expert) for folder in ("repo", "extras") for expert in ("transformer", "transformer_high_noise"))
_EXPERTS = {MUSUBI: _EXPERT_FILES, PIPE: _EXPERT_FOLDERS}
_FUN = "Fun-Control: follows a control video."

WAN21 = Family(
    name="wan21",
    title="Wan 2.1",
    media="video",
    objective="flow",
    resolution=640,
    dtype="bf16",
    aliases=("wan2.1", "wan-2.1", "wan-21"),
    variants=(
        Variant("t2v-14b", "Text to video, 14B.", repo="Wan-AI/Wan2.1-T2V-14B-Diffusers", pairs=_T5, lora_group="wan21-14b"),
        Variant("t2v-1.3b", "Text to video, 1.3B.", repo="Wan-AI/Wan2.1-T2V-1.3B-Diffusers", pairs=_T5, lora_group="wan21-1.3b"),
        Variant(
            "i2v-480p-14b",
            "Picture to video at 480p, 14B.",
            repo="Wan-AI/Wan2.1-I2V-14B-480P-Diffusers",
            pairs=_T5_CLIP,
            lora_group="wan21-14b",
            needs=_CLIPPED,
        ),
        Variant(
            "i2v-720p-14b",
            "Picture to video at 720p, 14B.",
            repo="Wan-AI/Wan2.1-I2V-14B-720P-Diffusers",
            pairs=_T5_CLIP,
            lora_group="wan21-14b",
            needs=_CLIPPED,
        ),
        Variant(
            "t2i-14b",
            "The 14B model as a picture model.",
            repo="Wan-AI/Wan2.1-T2V-14B",
            pairs=_T5,
            lora_group="wan21-14b",
            trainers=(MUSUBI,),
        ),
        Variant(
            "flf2v-14b",
            "First and last frame to video, 14B.",
            repo="Wan-AI/Wan2.1-FLF2V-14B-720P",
            pairs=_T5_CLIP,
            lora_group="wan21-14b",
            needs=_CLIPPED,
            trainers=(MUSUBI, PIPE),
        ),
        Variant(
            "t2v-1.3b-fun-control",
            _FUN,
            repo="alibaba-pai/Wan2.1-Fun-1.3B-Control",
            control=True,
            pairs=_T5,
            lora_group="wan21-1.3b-fun-control",
            trainers=(MUSUBI,),
        ),
        Variant(
            "t2v-14b-fun-control",
            _FUN,
            repo="alibaba-pai/Wan2.1-Fun-14B-Control",
            control=True,
            pairs=_T5,
            lora_group="wan21-14b-fun-control",
            trainers=(MUSUBI,),
        ),
        Variant(
            "i2v-14b-fun-control",
            _FUN,
            repo="alibaba-pai/Wan2.1-Fun-14B-Control",
            control=True,
            pairs=_T5_CLIP,
            lora_group="wan21-14b-fun-control",
            needs=_CLIPPED,
            trainers=(MUSUBI,),
        ),
        Variant(
            "skyreels-v2-14b",
            "SkyReels V2 text to video, 24 frames a second.",
            repo="Skywork/SkyReels-V2-T2V-14B-720P",
            pairs=_T5,
            lora_group="wan21-14b",
            trainers=(PIPE,),
        ),
    ),
    needs={MUSUBI: PARTS, PIPE: REPO_OR_EXTRAS, AITK: REPO},
    defaults=defaults(
        f"{M} docs/wan.md:174-177 (lr 2e-4, rank 32, shift 3), :293 and :320 (20 steps, guidance 5)",
        rank=32,
        lr=2e-4,
        sampling="shift",
        shift=3.0,
        steps=20,
        guidance=5.0,
    ),
    trainer_defaults={AITK: sampled(f"{A} config/examples/train_lora_wan21_14b_24gb.yaml:55 (weighted for i2v: {OPTIONS}:231)", "sigmoid")},
    frame_rule=(4, 1),
    attention=("attn1.", "attn2."),
    feed_forward=("ffn.",),
    native={MUSUBI: NATIVE_WAN, PIPE: NATIVE_WAN},
    notes="480p is 832x480, about 640 px square. musubi-tuner asserts that mixed precision fits the file (bf16 or fp16; no fp8_scaled). "
    "diffusion-pipe always wants the original checkpoint folder as `repo`; its i2v and flf2v train on clips only. ai-toolkit names layers "
    "as diffusers does but saves Wan's own names.",
    evidence="backends/musubi.md 1; backends/diffusion_pipe.md 1 (wan); backends/ai_toolkit.md 1 (wan21, wan21_i2v)",
)

WAN22 = Family(
    name="wan22",
    title="Wan 2.2",
    media="video",
    objective="flow",
    resolution=640,
    dtype="bf16",
    aliases=("wan2.2", "wan-2.2", "wan-22"),
    variants=(
        Variant(
            "t2v-a14b",
            "Text to video: a high-noise and a low-noise expert of 14B, changing at 0.875.",
            repo="ai-toolkit/Wan2.2-T2V-A14B-Diffusers-bf16",
            experts=True,
            pairs=_T5,
            lora_group="wan22-a14b",
            needs=_EXPERTS,
        ),
        Variant(
            "i2v-a14b",
            "Picture to video: two experts of 14B, changing at 0.9.",
            repo="ai-toolkit/Wan2.2-I2V-A14B-Diffusers-bf16",
            experts=True,
            pairs=_T5,
            lora_group="wan22-a14b",
            needs=_EXPERTS,
        ),
        Variant(
            "5b",
            "Text or picture to video, one model of 5B with a VAE of its own, 24 frames a second.",
            repo="Wan-AI/Wan2.2-TI2V-5B-Diffusers",
            pairs={"text_encoder": "UMT5-XXL", "vae": "Wan 2.2 VAE"},
            lora_group="wan22-5b",
            trainers=(PIPE, AITK),
            defaults=drawn(f"{OPTIONS}:366 with its defaults (30 steps, guidance 4)", 30, 4.0),
        ),
    ),
    needs={MUSUBI: PARTS, PIPE: REPO_OR_EXTRAS, AITK: REPO},
    defaults=defaults(
        f"{M} docs/wan.md:174-177 (lr 2e-4, rank 32, shift 3; :197 the models draw with 12 for t2v and 5 for i2v); "
        f"{A} config/examples/train_lora_wan22_14b_24gb.yaml:107 (25 steps, guidance 3.5)",
        rank=32,
        lr=2e-4,
        sampling="shift",
        shift=3.0,
        steps=25,
        guidance=3.5,
    ),
    trainer_defaults={AITK: sampled(f"{A} config/examples/train_lora_wan22_14b_24gb.yaml:44 (linear; weighted for 5b)", "uniform")},
    frame_rule=(4, 1),
    attention=("attn1.", "attn2."),
    feed_forward=("ffn.",),
    native={MUSUBI: NATIVE_WAN, PIPE: NATIVE_WAN},
    notes="`transformer` is the low-noise expert, `transformer_high_noise` the other. diffusion-pipe trains one expert per run "
    f"({MODELS}:311-355: low noise below the boundary, high noise above). ai-toolkit writes one LoRA file per expert. "
    "No CLIP is needed. The 5B model is not for musubi-tuner, and diffusion-pipe trains it text-to-video only.",
    evidence="backends/musubi.md 1; backends/diffusion_pipe.md 1 (wan); backends/ai_toolkit.md 1 (wan22_14b, wan22_14b_i2v, wan22_5b)",
)

ROWS = (WAN21, WAN22)
