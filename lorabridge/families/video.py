"""Other video models: LTX, Cosmos, MiniMax-H3; and ACE-Step, which sings."""

from __future__ import annotations

from lorabridge.families.base import Family, Variant
from lorabridge.families.rows import (
    AITK,
    JOB,
    MODELS,
    NATIVE_COSMOS,
    OPTIONS,
    PACKED,
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

LTX_VIDEO = Family(
    name="ltx-video",
    title="LTX-Video",
    media="video",
    objective="flow",
    resolution=640,
    dtype="bf16",
    aliases=("ltxv", "ltx-video-0.9"),
    variants=(
        Variant("2b", "The 0.9 line, 2B.", repo="Lightricks/LTX-Video", pairs={"text_encoder": "T5-XXL"}, lora_group="ltx-video-2b"),
        Variant("13b", "0.9.7 and later, 13B.", repo="Lightricks/LTX-Video", pairs={"text_encoder": "T5-XXL"}, lora_group="ltx-video-13b"),
    ),
    needs={PIPE: (("repo", "checkpoint"), ("extras", "checkpoint"))},
    defaults=defaults(
        f"{_EXAMPLE}; logit-normal: {MODELS}:86; drawing: {UNPUBLISHED}",
        rank=32,
        lr=2e-5,
        sampling="logit-normal",
        shift=1.0,
        steps=40,
        guidance=3.0,
    ),
    frame_rule=(8, 1),
    attention=("attn1.", "attn2."),
    feed_forward=("ff.net.",),
    notes="`repo` or `extras` is the diffusers folder (text encoder), `checkpoint` the single file (transformer and VAE). No shift, no huber loss.",
    evidence="backends/diffusion_pipe.md 1 (ltx-video)",
)

LTX2 = Family(
    name="ltx2",
    title="LTX-2",
    media="video",
    objective="flow",
    resolution=768,
    dtype="bf16",
    aliases=("ltx-2",),
    variants=(
        Variant(
            "2.3",
            "LTX-2.3 dev, 22B, with sound.",
            repo="Lightricks/LTX-2.3",
            pairs={"text_encoder": "Gemma-3-12B"},
            lora_group="ltx2.3",
        ),
        Variant(
            "2.0",
            "LTX-2, with sound.",
            repo="Lightricks/LTX-2",
            pairs={"text_encoder": "Gemma-3-12B"},
            lora_group="ltx2",
            trainers=(AITK,),
        ),
        Variant(
            "2.5",
            "LTX-2.5 in split files, with sound. Gated on the hub.",
            repo="Lightricks/LTX-2.5",
            lora_group="ltx2.5",
            needs={AITK: (("repo",), ("transformer", "text_encoder", "vae", "audio_vae"))},
            trainers=(AITK,),
        ),
    ),
    needs={PIPE: (("checkpoint", "text_encoder"),), AITK: PACKED},
    defaults=defaults(
        f"rank, lr, 30 steps, guidance 4: {JOB}; logit-normal with shift 1: {MODELS}:585-596 (tried once, says its author)",
        rank=32,
        lr=1e-4,
        sampling="logit-normal",
        shift=1.0,
        steps=30,
        guidance=4.0,
    ),
    trainer_defaults={AITK: sampled(f"{OPTIONS}:1056,1094,1133", "weighted")},
    frame_rule=(8, 1),
    attention=("attn1.", "attn2.", "audio_to_video_attn.", "video_to_audio_attn."),
    feed_forward=("ff.net.",),
    notes="diffusion-pipe trains without sound and from text only; its `checkpoint` is the packed file with the VAE inside.",
    evidence="backends/diffusion_pipe.md 1 (ltx2); backends/ai_toolkit.md 1 (ltx2, ltx2.3, ltx2.5); contracts/ai_toolkit/lora_keys.json",
)

COSMOS = Family(
    name="cosmos",
    title="Cosmos 1.0",
    media="video",
    objective="flow",
    resolution=960,
    dtype="bf16",
    aliases=("cosmos1", "cosmos-1"),
    variants=(
        Variant(
            "7b-text2world",
            "Text to world, 7B.",
            repo="nvidia/Cosmos-1.0-Diffusion-7B-Text2World",
            pairs={"text_encoder": "T5-XXL (old)"},
            lora_group="cosmos-7b",
        ),
        Variant(
            "14b-text2world",
            "Text to world, 14B.",
            repo="nvidia/Cosmos-1.0-Diffusion-14B-Text2World",
            pairs={"text_encoder": "T5-XXL (old)"},
            lora_group="cosmos-14b",
        ),
    ),
    needs={PIPE: PARTS},
    defaults=defaults(
        f"{_EXAMPLE}; noise and drawing: {UNPUBLISHED} (its noise cannot be set)",
        rank=32,
        lr=2e-5,
        sampling="logit-normal",
        shift=1.0,
        steps=35,
        guidance=7.0,
    ),
    frame_rule=(8, 1),
    attention=(".block.attn.",),
    feed_forward=(".block.layer",),
    notes="Fixed resolutions; clips must have 121 frames. The trainer's author calls the support tentative and does not maintain it. Needs "
    "TransformerEngine.",
    evidence="backends/diffusion_pipe.md 1 (cosmos)",
)

COSMOS_PREDICT2 = Family(
    name="cosmos-predict2",
    title="Cosmos-Predict2",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("cosmos2",),
    variants=(
        Variant(
            "2b-text2image",
            "Text to picture, 2B.",
            repo="nvidia/Cosmos-Predict2-2B-Text2Image",
            pairs={"text_encoder": "T5-XXL (old)", "vae": "Wan 2.1 VAE"},
            lora_group="cosmos-predict2-2b",
        ),
        Variant(
            "14b-text2image",
            "Text to picture, 14B.",
            repo="nvidia/Cosmos-Predict2-14B-Text2Image",
            pairs={"text_encoder": "T5-XXL (old)", "vae": "Wan 2.1 VAE"},
            lora_group="cosmos-predict2-14b",
        ),
    ),
    needs={PIPE: PARTS},
    defaults=defaults(
        f"{_EXAMPLE}; noise and drawing: {UNPUBLISHED}", rank=32, lr=2e-5, sampling="logit-normal", shift=1.0, steps=35, guidance=7.0
    ),
    attention=NATIVE_COSMOS.attention,
    feed_forward=NATIVE_COSMOS.feed_forward,
    notes="Sensitive to fp8: e4m3fn does not work; e5m2 does on the 14B model. The text encoder is the older T5 of Cosmos 1.0.",
    evidence="backends/diffusion_pipe.md 1 (cosmos_predict2)",
)

_H3 = {"text_encoder": "Qwen3-VL-32B", "vae": "MiniMax-H3 video VAE", "audio_vae": "MiniMax-H3 audio VAE"}
_H3_ADAPTER = "ostris/minimax_h3_training_adapter/minimax_h3_"

MINIMAX_H3 = Family(
    name="minimax-h3",
    title="MiniMax-H3",
    media="video",
    objective="flow",
    resolution=768,
    dtype="bf16",
    variants=(
        Variant(
            "fl2va",
            "Text or first frame to video with sound, guidance-distilled.",
            repo="Comfy-Org/MiniMax-H3",
            distilled=True,
            adapter=f"{_H3_ADAPTER}training_adapter_v1.safetensors",
            pairs=_H3,
            lora_group="minimax-h3-fl2va",
        ),
        Variant(
            "ref2va",
            "Reference pictures and clips to video with sound, guidance-distilled.",
            repo="Comfy-Org/MiniMax-H3",
            distilled=True,
            adapter=f"{_H3_ADAPTER}ref2va_training_adapter_v1.safetensors",
            control=True,
            pairs=_H3,
            lora_group="minimax-h3-ref2va",
            trainers=(AITK,),
        ),
    ),
    needs={PIPE: (("transformer", "vae", "audio_vae", "text_encoder"),), AITK: REPO},
    defaults=defaults(
        f"rank 16, 28 steps, guidance 1: {OPTIONS}:726; lr 1e-4: {P} examples/minimax_h3_example.toml:61; "
        f"uniform with shift 8: {MODELS}:646-647",
        rank=16,
        lr=1e-4,
        sampling="uniform",
        shift=8.0,
        steps=28,
        guidance=1.0,
    ),
    trainer_defaults={
        PIPE: sampled(f"{MODELS}:646-647 and docs/minimax_h3_notes.md (12 is the inference schedule)", "shift", 8.0),
        AITK: sampled(f"{OPTIONS}:726 (shift, fixed at 12 by {A} minimax_h3/src/packing.py:47)", "shift", 12.0),
    },
    frame_rule=(17, 5),
    attention=("attn.",),
    feed_forward=(".mlp.",),
    notes="There is no undistilled release: train with the adapter, or let the trainer keep the guidance (diffusion-pipe `cfg`, ai-toolkit "
    "`do_guidance_loss`), not both in diffusion-pipe. 24 frames a second. ai-toolkit cuts clips to 17n+5 frames, diffusion-pipe to 17n. "
    "AdaLN weights are not trained, so that LoRAs fit full and pruned weights.",
    evidence="backends/diffusion_pipe.md 1 (minimax_h3); backends/ai_toolkit.md 1; diffusion-pipe 8f83dbf docs/minimax_h3_notes.md",
)

ACE_STEP = Family(
    name="ace-step",
    title="ACE-Step 1.5",
    media="audio",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("ace-step-1.5", "ace-step-15", "acestep"),
    variants=(
        Variant("1.5", "Music from a caption and lyrics.", repo="ostris/ace_step_1.5_ComfyUI_files", lora_group="ace-step-1.5"),
        Variant("1.5-xl", "The larger one.", repo="ostris/ace_step_1.5_ComfyUI_files", lora_group="ace-step-1.5-xl"),
    ),
    needs={AITK: (("checkpoint",),)},
    defaults=defaults(
        f"{JOB}; linear timesteps: {OPTIONS}:1259,1313", rank=32, lr=1e-4, sampling="uniform", shift=1.0, steps=30, guidance=4.0
    ),
    attention=("self_attn.", "cross_attn."),
    feed_forward=(".mlp.",),
    notes="The language has no word for sound files: `datasets` needs native options. `checkpoint` is a local file or a hub file such as "
    "ostris/ace_step_1.5_ComfyUI_files/ace_step_1.5_base_aio.safetensors. The resolution means nothing here.",
    evidence="contracts/ai_toolkit/fields.json ($archs); ai-toolkit 27a03a9 extensions_built_in/audio_models/ace_step",
)

ROWS = (LTX_VIDEO, LTX2, COSMOS, COSMOS_PREDICT2, MINIMAX_H3, ACE_STEP)
