"""Black Forest Labs' models and what was made from them: FLUX.1, Kontext, FLUX.2, Flex, Chroma."""

from __future__ import annotations

from lorabridge.families.base import Family, Variant
from lorabridge.families.rows import (
    AITK,
    EMBEDDED,
    MODELS,
    MUSUBI,
    NATIVE_FLUX,
    OPTIONS,
    PARTS,
    PIPE,
    REPO,
    REPO_OR_EXTRAS,
    REPO_OR_FILE,
    TWO_ENCODERS,
    A,
    M,
    defaults,
    drawn,
    sampled,
)

_ATTENTION = ("attn.", ".proj_out")
_FEED_FORWARD = ("ff.", "ff_context.", "proj_mlp")
_CLIP_T5 = {"text_encoder": "T5-XXL", "text_encoder_2": "CLIP-L"}
_QWEN_4B = {"text_encoder": "Qwen3-4B", "vae": "FLUX.2 VAE"}
_QWEN_8B = {"text_encoder": "Qwen3-8B", "vae": "FLUX.2 VAE"}
_KLEIN = (MUSUBI, PIPE, AITK, EMBEDDED)
_DISTILLED = drawn(f"{M} docs/flux_2.md:79 (4 steps, guidance 1 for the distilled Klein models)", 4, 1.0)

FLUX2 = Family(
    name="flux2",
    title="FLUX.2",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("flux-2", "flux.2", "flux2-klein", "flux.2-klein"),
    variants=(
        Variant(
            "klein-base-4b",
            "Klein 4B before distillation: small, and the one to train.",
            repo="black-forest-labs/FLUX.2-klein-base-4B",
            control="optional",
            pairs=_QWEN_4B,
            lora_group="flux2-klein-4b",
            trainers=_KLEIN,
        ),
        Variant(
            "klein-base-9b",
            "Klein 9B before distillation. Gated on the hub.",
            repo="black-forest-labs/FLUX.2-klein-base-9B",
            control="optional",
            pairs=_QWEN_8B,
            lora_group="flux2-klein-9b",
            trainers=_KLEIN,
        ),
        Variant(
            "dev",
            "32B, guidance-distilled, trained as it is. Gated on the hub.",
            repo="black-forest-labs/FLUX.2-dev",
            control="optional",
            pairs={"text_encoder": "Mistral-Small-3.1-24B", "vae": "FLUX.2 VAE"},
            lora_group="flux2-dev",
            trainers=(MUSUBI, PIPE, AITK),
        ),
        Variant(
            "klein-4b",
            "Klein 4B distilled to four steps: for drawing; LoRAs of the base model work on it.",
            repo="black-forest-labs/FLUX.2-klein-4B",
            distilled=True,
            control="optional",
            pairs=_QWEN_4B,
            lora_group="flux2-klein-4b",
            trainers=_KLEIN,
            defaults=_DISTILLED,
        ),
        Variant(
            "klein-9b",
            "Klein 9B distilled to four steps: for drawing; LoRAs of the base model work on it.",
            repo="black-forest-labs/FLUX.2-klein-9B",
            distilled=True,
            control="optional",
            pairs=_QWEN_8B,
            lora_group="flux2-klein-9b",
            trainers=_KLEIN,
            defaults=_DISTILLED,
        ),
    ),
    needs={MUSUBI: PARTS, PIPE: PARTS, AITK: REPO_OR_FILE, EMBEDDED: REPO},
    defaults=defaults(
        f"{M} docs/flux_2.md:169-172 (flux2_shift, lr 1e-4, rank 32) and :78-82 (50 steps, guidance 4); "
        "papers/flux2-lora-training-guide.md has the same rate and rank; shift 3: " + MODELS + ":498",
        rank=32,
        lr=1e-4,
        sampling="resolution-shift",
        shift=3.0,
        steps=50,
        guidance=4.0,
    ),
    trainer_defaults={
        PIPE: sampled(f"{MODELS}:498,514,529 (shift 3; its flux_shift is FLUX.1's curve)", "shift", 3.0),
        AITK: sampled(f"{OPTIONS}:627,1177,1227", "weighted"),
    },
    attention=("attn.",),
    feed_forward=("ff.", "ff_context."),
    native={MUSUBI: NATIVE_FLUX, PIPE: NATIVE_FLUX, AITK: NATIVE_FLUX},
    notes="The text encoder decides the variant: Klein 4B reads Qwen3-4B, Klein 9B Qwen3-8B, dev Mistral Small 3.1; with the wrong one "
    "diffusion-pipe caches without complaint and fails at the first step. LoRAs of 4B, 9B and dev are not interchangeable. ai-toolkit "
    "loads text encoders from the hub only and refuses diffusers folders for the transformer. Control pictures: not with "
    "diffusion-pipe (fails at the first batch).",
    evidence="backends/musubi.md 1; backends/diffusion_pipe.md 1; backends/ai_toolkit.md 1; papers/flux2-lora-training-guide.md; "
    "papers/diffusion-lora-training.md (train the base model; 4B and 9B not compatible)",
)

FLUX1 = Family(
    name="flux1",
    title="FLUX.1",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("flux-1", "flux.1", "flux1-dev", "flux.1-dev"),
    variants=(
        Variant(
            "dev",
            "Guidance-distilled, trained as it is. Gated on the hub.",
            repo="black-forest-labs/FLUX.1-dev",
            pairs=_CLIP_T5,
            lora_group="flux1",
        ),
        Variant(
            "krea", "FLUX.1 Krea dev: same shapes as dev.", repo="black-forest-labs/FLUX.1-Krea-dev", pairs=_CLIP_T5, lora_group="flux1"
        ),
        Variant(
            "schnell",
            "Distilled to four steps.",
            repo="black-forest-labs/FLUX.1-schnell",
            distilled=True,
            adapter="ostris/FLUX.1-schnell-training-adapter",
            pairs=_CLIP_T5,
            lora_group="flux1",
            defaults=drawn(f"{A} config/examples/train_lora_flux_schnell_24gb.yaml:94", 4, 1.0),
        ),
        Variant(
            "flex1",
            "Flex.1 alpha: fewer blocks, the guidance embedding is bypassed while training.",
            repo="ostris/Flex.1-alpha",
            pairs=_CLIP_T5,
            lora_group="flex1",
            defaults=drawn(f"{A} config/examples/train_lora_flex_24gb.yaml:97", 25, 4.0),
        ),
    ),
    needs={PIPE: REPO_OR_EXTRAS, AITK: REPO},
    defaults=defaults(
        f"{A} config/examples/train_lora_flux_24gb.yaml:18,49,92 (rank 16, lr 1e-4, 20 steps, guidance 4; sigmoid is its default); "
        "shift: that trainer's scheduler, used by `shift` only",
        rank=16,
        lr=1e-4,
        sampling="sigmoid",
        shift=3.0,
        steps=20,
        guidance=4.0,
    ),
    attention=_ATTENTION,
    feed_forward=_FEED_FORWARD,
    notes="papers/diffusion-lora-training.md warns that FLUX is very sensitive to the learning rate. diffusion-pipe's own example sets "
    "`flux_shift` (`noise.timestep_sampling: resolution-shift`). musubi-tuner trains Kontext only.",
    evidence="backends/diffusion_pipe.md 1; backends/ai_toolkit.md 1; contracts/ai_toolkit/lora_keys.json (flux)",
)

KONTEXT = Family(
    name="flux1-kontext",
    title="FLUX.1 Kontext",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("flux-kontext", "flux.1-kontext", "kontext"),
    variants=(
        Variant(
            "dev",
            "Edits a picture by instruction; shapes and LoRA keys of FLUX.1 dev. Gated on the hub.",
            repo="black-forest-labs/FLUX.1-Kontext-dev",
            control=True,
            pairs=_CLIP_T5,
            lora_group="flux1",
        ),
    ),
    needs={MUSUBI: TWO_ENCODERS, PIPE: REPO_OR_EXTRAS, AITK: REPO},
    defaults=defaults(
        f"{M} docs/flux_kontext.md:108-111 (flux_shift, lr 1e-4, rank 32), :151 and :168 (25 steps, guidance 2.5); "
        "shift: ai-toolkit's scheduler, used by `shift` only",
        rank=32,
        lr=1e-4,
        sampling="resolution-shift",
        shift=3.0,
        steps=25,
        guidance=2.5,
    ),
    trainer_defaults={AITK: sampled(f"{A} config/examples/train_lora_flux_kontext_24gb.yaml:57", "weighted")},
    attention=_ATTENTION,
    feed_forward=_FEED_FORWARD,
    native={MUSUBI: NATIVE_FLUX},
    notes="musubi-tuner takes exactly one control picture per item.",
    evidence="backends/musubi.md 1; backends/diffusion_pipe.md 1 (type flux); backends/ai_toolkit.md 1 (flux_kontext)",
)

FLEX2 = Family(
    name="flex2",
    title="Flex.2",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("flex-2", "flex.2"),
    variants=(
        Variant(
            "preview",
            "FLUX.1 offspring with inpainting and line, pose and depth controls.",
            repo="ostris/Flex.2-preview",
            control="optional",
            pairs=_CLIP_T5,
            lora_group="flex2",
        ),
    ),
    needs={AITK: REPO},
    defaults=defaults(
        f"{A} config/examples/train_lora_flex2_24gb.yaml:22,80,82,161",
        rank=32,
        lr=1e-4,
        sampling="shift",
        shift=3.0,
        steps=25,
        guidance=4.0,
    ),
    attention=_ATTENTION,
    feed_forward=_FEED_FORWARD,
    notes="The guidance embedding is bypassed while training; masks and controls are switched by native `model_kwargs`.",
    evidence="backends/ai_toolkit.md 1 (flex2)",
)

CHROMA = Family(
    name="chroma",
    title="Chroma",
    media="image",
    objective="flow",
    resolution=1024,
    dtype="bf16",
    aliases=("chroma1",),
    variants=(
        Variant("base", "Chroma1 Base.", repo="lodestones/Chroma1-Base", pairs={"text_encoder": "T5-XXL"}, lora_group="chroma"),
        Variant("hd", "Chroma1 HD.", repo="lodestones/Chroma1-HD", pairs={"text_encoder": "T5-XXL"}, lora_group="chroma"),
        Variant(
            "radiance",
            "Works on pixels, without a VAE.",
            repo="lodestones/Chroma1-Radiance",
            pairs={"text_encoder": "T5-XXL"},
            lora_group="chroma-radiance",
            trainers=(AITK,),
        ),
    ),
    needs={PIPE: (("repo", "transformer"), ("extras", "transformer")), AITK: REPO_OR_FILE},
    defaults=defaults(
        f"{MODELS}:209 (flux_shift); {A} config/examples/train_lora_chroma_24gb.yaml:18,49,100 (rank 16, lr 1e-4, 25 steps, guidance 4); "
        "shift: ai-toolkit's scheduler, used by `shift` only",
        rank=16,
        lr=1e-4,
        sampling="resolution-shift",
        shift=3.0,
        steps=25,
        guidance=4.0,
    ),
    trainer_defaults={AITK: sampled(f"{OPTIONS}:180 (its default, sigmoid, is kept)", "sigmoid")},
    attention=_ATTENTION,
    feed_forward=_FEED_FORWARD,
    native={PIPE: NATIVE_FLUX, AITK: NATIVE_FLUX},
    notes="diffusion-pipe: `repo` or `extras` is a FLUX.1 diffusers folder (text encoder and VAE), `transformer` the Chroma file. ai-toolkit takes "
    "`lodestones/Chroma1-*` or a local file, and the rest from the hub.",
    evidence="backends/diffusion_pipe.md 1; backends/ai_toolkit.md 1 (chroma, chroma_radiance)",
)

ROWS = (FLUX2, FLUX1, KONTEXT, FLEX2, CHROMA)
