"""What the rows of the families share: path sets, layer names, and the short way to write defaults."""

from __future__ import annotations

from lorabridge.families.base import Defaults, Modules, Needs

MUSUBI, PIPE, AITK, EMBEDDED = "musubi", "diffusion-pipe", "ai-toolkit", "embedded"

M, P, A = "musubi-tuner 30c658c", "diffusion-pipe 8f83dbf", "ai-toolkit 27a03a9"
OPTIONS = f"{A} ui/src/app/jobs/new/options.tsx"
MODELS = f"{P} docs/supported_models.md"
JOB = f"{A} ui/src/app/jobs/new/jobConfig.ts (rank 32, lr 1e-4) and ui/src/helpers/defaultSamples.ts (30 steps, guidance 4)"
UNPUBLISHED = "no published recommendation; common practice"

REPO: Needs = (("repo",),)
REPO_OR_FILE: Needs = (("repo",), ("transformer",))
PACKED: Needs = (("repo",), ("checkpoint",))
REPO_OR_EXTRAS: Needs = (("repo",), ("extras", "transformer"))
PARTS: Needs = (("transformer", "vae", "text_encoder"),)
TWO_ENCODERS: Needs = (("transformer", "vae", "text_encoder", "text_encoder_2"),)
GLYPHS: Needs = (("transformer", "vae", "text_encoder", "byt5"),)
WITH_IMAGES: Needs = (("transformer", "vae", "text_encoder", "image_encoder"),)

NATIVE_FLUX = Modules(("img_attn.", "txt_attn.", "linear1", "linear2"), ("img_mlp.", "txt_mlp."))
NATIVE_HUNYUAN = Modules(("img_attn_", "txt_attn_", "linear1", "linear2"), ("img_mlp.", "txt_mlp."))
NATIVE_WAN = Modules(("self_attn.", "cross_attn."), ("ffn.",))
NATIVE_COSMOS = Modules((".self_attn.", ".cross_attn."), (".mlp.",))


def defaults(source: str, *, rank: int, lr: float, sampling: str, shift: float, steps: int, guidance: float) -> Defaults:
    """A family's full set."""
    values = {
        "adapter.rank": rank,
        "optimizer.lr": lr,
        "noise.timestep_sampling": sampling,
        "noise.shift": shift,
        "sample.steps": steps,
        "sample.guidance": guidance,
    }
    return Defaults(values, source)


def sampled(source: str, sampling: str, shift: float | None = None) -> Defaults:
    """Another distribution of timesteps, for one trainer or one variant."""
    values: dict[str, object] = {"noise.timestep_sampling": sampling}
    return Defaults(values if shift is None else values | {"noise.shift": shift}, source)


def drawn(source: str, steps: int, guidance: float) -> Defaults:
    """Another way to draw samples, for one variant."""
    return Defaults({"sample.steps": steps, "sample.guidance": guidance}, source)
