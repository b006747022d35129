"""Tencent's Hunyuan models, and what stands on HunyuanVideo's VAE: FramePack, Kandinsky 5."""

from __future__ import annotations

from lorabridge.families.base import Family, Variant
from lorabridge.families.rows import (
    GLYPHS,
    MODELS,
    MUSUBI,
    NATIVE_HUNYUAN,
    PIPE,
    TWO_ENCODERS,
    UNPUBLISHED,
    M,
    P,
    defaults,
    drawn,
)

_LLAVA = {"text_encoder": "LLaVA-Llama-3-8B", "text_encoder_2": "CLIP-L", "vae": "HunyuanVideo VAE"}
_QWEN_BYT5 = {"text_encoder": "Qwen2.5-VL-7B", "byt5": "ByT5-small glyph"}
_QWEN_CLIP = {"text_encoder": "Qwen2.5-VL-7B", "text_encoder_2": "CLIP-L", "vae": "HunyuanVideo VAE"}

HUNYUAN_VIDEO = Family(
    name="hunyuan-video",
    title="HunyuanVideo",
    media="video",
    objective="flow",
    resolution=720,
    dtype="bf16",
    aliases=("hunyuanvideo",),
    variants=(
        Variant(
            "t2v",
            "Text to video, 13B, guidance-distilled, trained as it is.",
            repo="tencent/HunyuanVideo",
            pairs=_LLAVA,
            lora_group="hunyuan-video",
        ),
    ),
    needs={MUSUBI: TWO_ENCODERS, PIPE: (("repo",), *TWO_ENCODERS)},
    defaults=defaults(
        f"{M} docs/hunyuan_video.md:198-201 (lr 2e-4, rank 32, shift 7) and :380 (30 steps); "
        "guidance 6: docs/sampling_during_training.md:75",
        rank=32,
        lr=2e-4,
        sampling="shift",
        shift=7.0,
        steps=30,
        guidance=6.0,
    ),
    frame_rule=(4, 1),
    attention=NATIVE_HUNYUAN.attention,
    feed_forward=NATIVE_HUNYUAN.feed_forward,
    notes="Layer names are Hunyuan's own in both trainers. Where fine detail is not learned, musubi-tuner's page suggests a shift near 3.",
    evidence="backends/musubi.md 1; backends/diffusion_pipe.md 1 (hunyuan-video)",
)

HUNYUAN_VIDEO_15 = Family(
    name="hunyuan-video-1.5",
    title="HunyuanVideo 1.5",
    media="video",
    objective="flow",
    resolution=640,
    dtype="bf16",
    aliases=("hunyuanvideo-1.5", "hunyuan-video-15", "hunyuanvideo-15"),
    variants=(
        Variant(
            "t2v",
            "Text to video, 480p and 720p weights.",
            repo="tencent/HunyuanVideo-1.5",
            pairs=_QWEN_BYT5,
            lora_group="hunyuan-video-1.5",
        ),
        Variant(
            "i2v",
            "Picture to video.",
            repo="tencent/HunyuanVideo-1.5",
            pairs={**_QWEN_BYT5, "image_encoder": "SigLIP SO400M patch14 384"},
            lora_group="hunyuan-video-1.5",
            needs={MUSUBI: (("transformer", "vae", "text_encoder", "byt5", "image_encoder"),)},
            trainers=(MUSUBI,),
        ),
    ),
    needs={MUSUBI: GLYPHS, PIPE: GLYPHS},
    defaults=defaults(
        f"{M} docs/hunyuan_video_1_5.md:134-137 (shift 2, lr 1e-4, rank 32), :296 and :332 (25 steps, guidance 6)",
        rank=32,
        lr=1e-4,
        sampling="shift",
        shift=2.0,
        steps=25,
        guidance=6.0,
    ),
    frame_rule=(4, 1),
    attention=("img_attn", "txt_attn"),
    feed_forward=("img_mlp.", "txt_mlp."),
    notes="ComfyUI's fp16 weights were converted and are not for bf16 training (musubi-tuner's page). diffusion-pipe suggests "
    "trying shift 3 for clips.",
    evidence="backends/musubi.md 1; backends/diffusion_pipe.md 1 (hunyuan_video_15)",
)

HUNYUAN_IMAGE = Family(
    name="hunyuan-image",
    title="HunyuanImage 2.1",
    media="image",
    objective="flow",
    resolution=2048,
    dtype="bf16",
    aliases=("hunyuan-image-2.1", "hunyuanimage", "hunyuanimage-2.1"),
    variants=(
        Variant(
            "2.1",
            "Draws at 2048 px with a VAE that shrinks 32 times.",
            repo="tencent/HunyuanImage-2.1",
            pairs={**_QWEN_BYT5, "vae": "HunyuanImage 2.1 VAE"},
            lora_group="hunyuan-image-2.1",
        ),
    ),
    needs={PIPE: GLYPHS},
    defaults=defaults(
        f"rank 32, lr 2e-5, logit-normal: {P} examples/main_example.toml:134-157; drawing: {UNPUBLISHED}",
        rank=32,
        lr=2e-5,
        sampling="logit-normal",
        shift=4.0,
        steps=50,
        guidance=3.5,
    ),
    attention=NATIVE_HUNYUAN.attention,
    feed_forward=NATIVE_HUNYUAN.feed_forward,
    notes=f"Training at 1024 costs what 512 costs elsewhere, and works ({MODELS}:410-426).",
    evidence="backends/diffusion_pipe.md 1 (hunyuan_image)",
)

FRAMEPACK = Family(
    name="framepack",
    title="FramePack",
    media="video",
    objective="flow",
    resolution=640,
    dtype="bf16",
    variants=(
        Variant(
            "base",
            "Picture to video, section by section, last section first.",
            repo="lllyasviel/FramePackI2V_HY",
            control="optional",
            pairs=_LLAVA,
            lora_group="framepack",
        ),
        Variant(
            "f1",
            "The same, first section first.",
            repo="lllyasviel/FramePack_F1_I2V_HY_20250503",
            control="optional",
            pairs=_LLAVA,
            lora_group="framepack",
        ),
    ),
    needs={MUSUBI: (("transformer", "vae", "text_encoder", "text_encoder_2", "image_encoder"),)},
    defaults=defaults(
        f"{M} docs/framepack.md:213-216 (lr 2e-4, rank 32, shift 3), :274 and :293 (25 steps, guidance 10)",
        rank=32,
        lr=2e-4,
        sampling="shift",
        shift=3.0,
        steps=25,
        guidance=10.0,
    ),
    attention=("attn.", ".proj_out"),
    feed_forward=("ff.", "ff_context.", "proj_mlp"),
    notes="Trains on clips of any length (`video.extract: full`); pictures only in one-frame training, where control pictures "
    "count. The VAE runs in fp16.",
    evidence="backends/musubi.md 1",
)


def _kandinsky(name: str, doc: str, file: str, group: str, distilled: bool = False) -> Variant:
    drawing = drawn(f"{M} kandinsky5/configs.py:1463 (16 steps, guidance 1)", 16, 1.0) if distilled else None
    return Variant(
        name, doc, repo=f"kandinskylab/{file}", distilled=distilled, pairs=_QWEN_CLIP, lora_group=f"kandinsky5-{group}", defaults=drawing
    )


KANDINSKY5 = Family(
    name="kandinsky5",
    title="Kandinsky 5",
    media="video",
    objective="flow",
    resolution=512,
    dtype="bf16",
    aliases=("kandinsky-5", "kandinsky-5.0", "kandinsky5.0"),
    variants=(
        _kandinsky("pro-t2v-5s-sd", "Text to video, 19B, 5 s.", "Kandinsky-5.0-T2V-Pro-sft-5s", "pro"),
        _kandinsky("pro-t2v-5s-hd", "The same at 1024.", "Kandinsky-5.0-T2V-Pro-sft-5s", "pro"),
        _kandinsky("pro-t2v-10s-sd", "Text to video, 19B, 10 s.", "Kandinsky-5.0-T2V-Pro-sft-10s", "pro"),
        _kandinsky("pro-t2v-10s-hd", "The same at 1024.", "Kandinsky-5.0-T2V-Pro-sft-10s", "pro"),
        _kandinsky("pro-i2v-5s-sd", "Picture to video, 19B.", "Kandinsky-5.0-I2V-Pro-sft-5s", "pro"),
        _kandinsky("pro-i2v-5s-hd", "The same at 1024.", "Kandinsky-5.0-I2V-Pro-sft-5s", "pro"),
        _kandinsky("lite-t2v-5s-sd", "Text to video, 2B, 5 s.", "Kandinsky-5.0-T2V-Lite-sft-5s", "lite"),
        _kandinsky("lite-t2v-10s-sd", "Text to video, 2B, 10 s.", "Kandinsky-5.0-T2V-Lite-sft-10s", "lite"),
        _kandinsky("lite-i2v-5s-sd", "Picture to video, 2B.", "Kandinsky-5.0-I2V-Lite-5s", "lite"),
        _kandinsky("lite-t2v-5s-pretrain-sd", "2B before fine-tuning, 5 s.", "Kandinsky-5.0-T2V-Lite-pretrain-5s", "lite"),
        _kandinsky("lite-t2v-10s-pretrain-sd", "2B before fine-tuning, 10 s.", "Kandinsky-5.0-T2V-Lite-pretrain-10s", "lite"),
        _kandinsky("lite-t2v-5s-nocfg-sd", "2B that needs no guidance, 5 s.", "Kandinsky-5.0-T2V-Lite-nocfg-5s", "lite"),
        _kandinsky("lite-t2v-10s-nocfg-sd", "2B that needs no guidance, 10 s.", "Kandinsky-5.0-T2V-Lite-nocfg-10s", "lite"),
        _kandinsky("lite-t2v-5s-distil-sd", "2B distilled to 16 steps, 5 s.", "Kandinsky-5.0-T2V-Lite-distilled16steps-5s", "lite", True),
        _kandinsky(
            "lite-t2v-10s-distil-sd", "2B distilled to 16 steps, 10 s.", "Kandinsky-5.0-T2V-Lite-distilled16steps-10s", "lite", True
        ),
    ),
    needs={MUSUBI: TWO_ENCODERS},
    defaults=defaults(
        f"{M} docs/kandinsky5.md:230-240 (lr 1e-4, rank 32, shift 5), :413 (50 steps, guidance 5)",
        rank=32,
        lr=1e-4,
        sampling="shift",
        shift=5.0,
        steps=50,
        guidance=5.0,
    ),
    frame_rule=(4, 1),
    attention=("self_attention.", "cross_attention."),
    feed_forward=("feed_forward.",),
    notes="A variant is musubi-tuner's task without its `k5-`. Its page calls Lite little tested and the picture models unsupported, "
    "so these are left out. Text encoders are hub ids or snapshot folders. No LoHa or LoKr.",
    evidence="backends/musubi.md 1; musubi-tuner 30c658c src/musubi_tuner/kandinsky5/configs.py:103",
)

ROWS = (HUNYUAN_VIDEO, HUNYUAN_VIDEO_15, HUNYUAN_IMAGE, FRAMEPACK, KANDINSKY5)
