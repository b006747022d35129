"""The model types of the trainer as data: key names, what each type can and cannot do.

Read at the commit below. A type is one branch of `train.py:310-382` and one module in `models/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

NAME = "diffusion-pipe"
TITLE = "diffusion-pipe"
COMMIT = "8f83dbf25d03219df705570ec03e62be04bc402f"

FP8 = {"fp8": "float8", "fp8-e5m2": "float8_e5m2"}
"""DTYPE_MAP, utils/common.py:14-21."""


@dataclass(frozen=True)
class Arch:
    """One model type.

    `paths` maps `model.paths` keys to `[model]` keys. `clip` is the type word of ComfyUI's text
    encoder loader, for types that load ComfyUI files. `fp8` is the key that lowers the precision of the denoiser.
    `shifts`: `noise.shift` works; `by_size`: the key of the resolution-dependent shift. `swap`: most
    blocks that can be swapped, 0 for none, None where it depends on the checkpoint. `fps` is the
    rate clips are resampled to, None where clips are not read. `merges` is the key that takes LoRAs to merge. `scheme` is
    the order of frame counts (`4n+1`) as a number. `breaks_reentrant`: a checkpointable first layer.
    """

    type: str
    paths: Mapping[str, str] = field(default_factory=dict)
    clip: str = ""
    fp8: str = ""
    flow: bool = True
    shifts: bool = True
    by_size: str = "flux_shift"
    huber: bool = True
    guidance: bool = False
    lokr: bool = True
    swap: int | None = 0
    fps: float | None = None
    frames: int = 4
    edit: bool = False
    hub: bool = False
    rounds: int = 16
    text_fp8: str = ""
    text_nf4: str = ""
    text_cache: bool = False
    time_range: bool = False
    merges: str = ""
    breaks_reentrant: bool = False
    evidence: str = ""

    @property
    def comfy(self) -> bool:
        return bool(self.clip)


def double_single(double: int, single: int) -> int:
    """The most `blocks_to_swap` for a model with two kinds of blocks (models/flux.py:410-421)."""
    fits = [b for b in range(1, 2 * (double + single)) if b // 2 <= double - 2 and (b - b // 2) * 2 + 1 <= single - 2]
    return max(fits, default=0)


_TRANSFORMER = {"transformer": "transformer_path", "vae": "vae_path"}
_COMFY = {"transformer": "diffusion_model", "vae": "vae"}


def _comfy(type_: str, clip: str, **more: Any) -> Arch:
    settings: dict[str, Any] = {"paths": _COMFY, "clip": clip, "fp8": "diffusion_model_dtype", "merges": "merge_adapters", "swap": None}
    return Arch(type_, **(settings | more))


_ARCHS = (
    Arch(
        "sdxl",
        {"checkpoint": "checkpoint_path"},
        flow=False,
        shifts=False,
        by_size="",
        huber=False,
        lokr=False,
        breaks_reentrant=True,
        evidence="models/sdxl.py:371-396",
    ),
    Arch(
        "flux",
        {"repo": "diffusers_path", "extras": "diffusers_path", "transformer": "transformer_path"},
        fp8="transformer_dtype",
        guidance=True,
        lokr=False,
        swap=double_single(19, 38),
        edit=True,
        merges="fuse_adapters",
        evidence="models/flux.py:165-200",
    ),
    Arch(
        "ltx-video",
        {"repo": "diffusers_path", "extras": "diffusers_path", "checkpoint": "single_file_path", "transformer": "single_file_path"},
        fp8="transformer_dtype",
        shifts=False,
        by_size="",
        huber=False,
        fps=25,
        frames=8,
        rounds=32,
        evidence="models/ltx_video.py:31-95",
    ),
    Arch(
        "hunyuan-video",
        {**_TRANSFORMER, "repo": "ckpt_path", "text_encoder": "llm_path", "text_encoder_2": "clip_path"},
        fp8="transformer_dtype",
        by_size="",
        guidance=True,
        swap=double_single(20, 40),
        fps=24,
        evidence="models/hunyuan_video.py:195-330",
    ),
    Arch(
        "cosmos",
        {**_TRANSFORMER, "text_encoder": "text_encoder_path"},
        flow=False,
        shifts=False,
        by_size="",
        huber=False,
        fps=24,
        frames=8,
        breaks_reentrant=True,
        evidence="models/cosmos.py:124-190",
    ),
    Arch(
        "lumina_2",
        {**_TRANSFORMER, "text_encoder": "llm_path"},
        by_size="lumina_shift",
        breaks_reentrant=True,
        evidence="models/lumina_2.py:43-175",
    ),
    Arch(
        "wan",
        {"repo": "ckpt_path", "extras": "ckpt_path", "transformer": "transformer_path", "text_encoder": "llm_path"},
        fp8="transformer_dtype",
        swap=38,
        fps=16,
        text_fp8="text_encoder_fp8",
        text_cache=True,
        time_range=True,
        evidence="models/wan/wan.py:73-190",
    ),
    Arch(
        "chroma",
        {"repo": "diffusers_path", "extras": "diffusers_path", "transformer": "transformer_path"},
        fp8="transformer_dtype",
        swap=double_single(19, 38),
        hub=True,
        merges="fuse_adapters",
        evidence="models/chroma.py:136-165",
    ),
    Arch(
        "hidream",
        {"repo": "diffusers_path", "text_encoder_3": "llama3_path"},
        fp8="transformer_dtype",
        swap=double_single(16, 32),
        hub=True,
        evidence="models/hidream.py:48-110",
    ),
    Arch("sd3", {"repo": "diffusers_path"}, fp8="transformer_dtype", hub=True, evidence="models/sd3.py:30-47"),
    Arch(
        "cosmos_predict2",
        {**_TRANSFORMER, "text_encoder": "t5_path"},
        fp8="transformer_dtype",
        swap=None,
        fps=16,
        text_fp8="text_encoder_fp8",
        text_nf4="text_encoder_nf4",
        text_cache=True,
        evidence="models/cosmos_predict2.py:200-300",
    ),
    Arch(
        "anima",
        {**_TRANSFORMER, "text_encoder": "llm_path"},
        fp8="transformer_dtype",
        swap=None,
        fps=16,
        text_cache=True,
        evidence="models/cosmos_predict2.py:248-300",
    ),
    Arch("omnigen2", {"repo": "diffusers_path"}, hub=True, evidence="models/omnigen2.py:39-60"),
    Arch(
        "qwen_image",
        {**_TRANSFORMER, "repo": "diffusers_path", "text_encoder": "text_encoder_path"},
        fp8="transformer_dtype",
        swap=58,
        edit=True,
        evidence="models/qwen_image.py:190-256",
    ),
    Arch(
        "hunyuan_image",
        {**_TRANSFORMER, "text_encoder": "text_encoder_path", "byt5": "byt5_path"},
        fp8="transformer_dtype",
        swap=double_single(20, 40),
        rounds=32,
        evidence="models/hunyuan_image.py:44-110",
    ),
    Arch(
        "auraflow",
        {**_TRANSFORMER, "text_encoder": "text_encoder_path"},
        fp8="transformer_dtype",
        swap=30,
        evidence="models/auraflow.py:24-60",
    ),
    _comfy("z_image", "lumina2", swap=28, breaks_reentrant=True, evidence="models/z_image.py:16-110"),
    _comfy("hunyuan_video_15", "hunyuan_video_15", swap=52, fps=24, evidence="models/hunyuan_video_15.py:16-190"),
    _comfy("flux2", "flux2", evidence="models/flux2.py:17-200"),
    _comfy("ernie_image", "flux2", breaks_reentrant=True, evidence="models/ernie_image.py:14-105"),
    _comfy(
        "ltx2",
        "ltxv",
        paths={"checkpoint": "diffusion_model", "transformer": "diffusion_model", "text_encoder": "text_encoder"},
        swap=46,
        fps=24,
        frames=8,
        rounds=32,
        evidence="models/ltx2.py:172-360",
    ),
    _comfy("ideogram4", "ideogram4", evidence="models/ideogram4.py:21-120"),
    _comfy("krea2", "krea2", breaks_reentrant=True, evidence="models/krea2.py:17-140"),
    _comfy(
        "minimax_h3",
        "minimax",
        paths=_COMFY | {"audio_vae": "audio_vae"},
        swap=48,
        fps=24,
        frames=17,
        rounds=32,
        evidence="models/minimax_h3.py:184-470",
    ),
)

ARCHS: dict[str, Arch] = {arch.type: arch for arch in _ARCHS}


TYPES: dict[str, str] = {
    "qwen-image": "qwen_image",
    "z-image": "z_image",
    "flux2": "flux2",
    "flux1": "flux",
    "flux1-kontext": "flux",
    "chroma": "chroma",
    "sdxl": "sdxl",
    "sd3": "sd3",
    "hidream": "hidream",
    "lumina2": "lumina_2",
    "omnigen2": "omnigen2",
    "anima": "anima",
    "auraflow": "auraflow",
    "ernie-image": "ernie_image",
    "krea2": "krea2",
    "ideogram4": "ideogram4",
    "wan21": "wan",
    "wan22": "wan",
    "hunyuan-video": "hunyuan-video",
    "hunyuan-video-1.5": "hunyuan_video_15",
    "hunyuan-image": "hunyuan_image",
    "ltx-video": "ltx-video",
    "ltx2": "ltx2",
    "cosmos": "cosmos",
    "cosmos-predict2": "cosmos_predict2",
    "minimax-h3": "minimax_h3",
}
"""Families of the language to model types."""

EXTRA_KEYS: dict[tuple[str, str], dict[str, Any]] = {
    ("sdxl", "v-pred"): {"v_pred": True},
    ("flux1", "flex1"): {"bypass_guidance_embedding": True},
    ("auraflow", "v0.3"): {"max_sequence_length": 256},
    ("auraflow", "pony-v7"): {"max_sequence_length": 768},
}
"""`[model]` keys that a variant must have (docs/supported_models.md: SDXL, Flux, AuraFlow)."""

SWAP: dict[tuple[str, str], int] = {
    ("flux2", "dev"): double_single(8, 48),
    ("flux2", "klein-base-4b"): double_single(5, 20),
    ("flux2", "klein-4b"): double_single(5, 20),
    ("flux2", "klein-base-9b"): double_single(8, 24),
    ("flux2", "klein-9b"): double_single(8, 24),
    ("wan21", "t2v-1.3b"): 28,
    ("wan22", "5b"): 28,
    ("cosmos-predict2", "2b-text2image"): 26,
    ("cosmos-predict2", "14b-text2image"): 34,
}
"""Most blocks to swap where the checkpoint decides; block counts of the published models."""

FPS: dict[tuple[str, str], float] = {("wan21", "skyreels-v2-14b"): 24, ("wan22", "5b"): 24}
"""Rates that differ from the type's own (models/wan/wan.py:108)."""

ROUNDS: dict[tuple[str, str], int] = {("wan22", "5b"): 32}

CLIPS_ONLY = frozenset({("wan21", "i2v-480p-14b"), ("wan21", "i2v-720p-14b"), ("wan21", "flf2v-14b"), ("wan22", "i2v-a14b")})
"""Variants whose caching asserts that every sample is a clip (docs/supported_models.md, Wan)."""

BOUNDARIES: dict[str, float] = {"t2v-a14b": 0.875, "i2v-a14b": 0.9}
"""Where the experts of Wan 2.2 hand over (docs/supported_models.md, Wan 2.2)."""


def arch_of(family: str, variant: str) -> Arch:
    """The model type of a variant, with what the variant changes. Raises KeyError for an unknown family."""
    arch, key = ARCHS[TYPES[family]], (family, variant)
    return replace(arch, swap=SWAP.get(key, arch.swap), fps=FPS.get(key, arch.fps), rounds=ROUNDS.get(key, arch.rounds))
