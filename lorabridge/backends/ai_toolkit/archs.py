"""What ai-toolkit calls each model, and what each of its loaders really honours (read at 27a03a91).

`ARCHS` is keyed by (family, variant). The part after `:` of an `arch` is cut off by the trainer
(toolkit/config_modules.py:766), so it can carry the variant: the file reads back to the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from lorabridge.families import Family, Variant

NAME = "ai-toolkit"
TITLE = "ai-toolkit"
COMMIT = "27a03a91f23eb1b757d5ec2e80ee3e129cfcc350"


@dataclass(frozen=True)
class Arch:
    """One native architecture.

    `te_qtype` is the key that says how the text encoder is quantized (None: it is not). `offload`,
    `low_vram`, `backends` (diffusers attention kernels), `merge` (a LoRA merged before training),
    `assistant` (a training adapter), `guidance` (guidance fed while training), `alpha` (alpha is not
    forced to the rank) tell what the loader honours; elsewhere the key is read and dropped in
    silence. `extras` is the repository that completes a single file; `reads_extras`: `extras_name_or_path` is read, too. `paths` maps further
    `model.paths` keys to native ones; those in `files` may be one file, others are folders or hub
    ids. `dynamic` schedulers shift timesteps by the picture's size. `controls` is the number of
    control pictures. `moving` loaders move the weights before each prediction. `fixed` keys are
    always written.
    """

    native: str
    scheduler: Literal["flowmatch", "ddpm"] = "flowmatch"
    te_qtype: Literal["qtype", "qtype_te"] | None = "qtype_te"
    quantize: bool = True
    offload: bool = False
    low_vram: bool = True
    backends: bool = False
    merge: bool = False
    assistant: bool = False
    guidance: bool = False
    alpha: bool = False
    text_encoder: bool = False
    dynamic: bool = False
    extras: str = ""
    reads_extras: bool = False
    paths: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ("vae",)
    controls: int = 0
    moving: bool = False
    fps: int = 16
    ignore: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)


_UNET = Arch(
    "sd15",
    scheduler="ddpm",
    te_qtype=None,
    quantize=False,
    low_vram=False,
    merge=True,
    alpha=True,
    text_encoder=True,
    paths={"vae": "model.vae_path"},
)
_V_PRED = {"model.is_v_pred": True}
_FLUX = Arch(
    "flux", te_qtype="qtype", backends=True, merge=True, assistant=True, guidance=True, dynamic=True, paths={"vae": "model.vae_path"}
)
_FLUX2 = Arch("flux2", te_qtype="qtype", offload=True, guidance=True, dynamic=True, paths={"vae": "model.vae_path"}, controls=3)
_KLEIN = replace(_FLUX2, te_qtype="qtype_te", guidance=False)
_QWEN = Arch("qwen_image", moving=True, offload=True, backends=True, dynamic=True, extras="Qwen/Qwen-Image")
_ZIMAGE = Arch("zimage", offload=True, backends=True, assistant=True, extras="Tongyi-MAI/Z-Image-Turbo")
_TE_PATH = {"text_encoder": "model.model_kwargs.text_encoder_path"}
_MAGE = Arch("mageflow", offload=True, paths={**_TE_PATH, "vae": "model.model_kwargs.vae_path"})
_BOOGU = Arch("boogu_image", paths=_TE_PATH)
_PIXEL = Arch("zimage_l2p", offload=True, extras="Tongyi-MAI/Z-Image-Turbo")
_CHROMA = Arch("chroma", te_qtype="qtype", low_vram=False, dynamic=True)
_WAN = Arch("wan21", te_qtype="qtype", offload=True, backends=True, reads_extras=True)
_LTX = Arch(
    "ltx2",
    reads_extras=True,
    files=("vae", "text_encoder", "audio_vae"),
    offload=True,
    backends=True,
    dynamic=True,
    fps=24,
    paths={"text_encoder": "model.te_name_or_path"},
)
_LTX_PARTS = {
    "transformer": "model.model_kwargs.dit_path",
    "text_encoder": "model.model_kwargs.text_encoder_path",
    "vae": "model.model_kwargs.video_vae_path",
    "audio_vae": "model.model_kwargs.audio_vae_path",
}
_KREA = Arch(
    "krea2",
    files=(),
    offload=True,
    assistant=True,
    dynamic=True,
    paths={"text_encoder": "model.model_kwargs.text_encoder_path", "vae": "model.model_kwargs.vae_path"},
)
_KREA_EDIT = replace(
    _KREA,
    controls=3,
    fixed={"model.model_kwargs.edit": True, "model.model_kwargs.match_target_res": True, "model.model_kwargs.kv_cache": True},
)
_HIDREAM = Arch(
    "hidream", reads_extras=True, ignore=("ff_i.experts", "ff_i.gate"), paths={"text_encoder_3": "model.model_kwargs.llama_model_path"}
)
_PIXART = Arch("pixart_sigma", scheduler="ddpm", te_qtype=None, low_vram=False, quantize=False, paths={"vae": "model.vae_path"})
_MINIMAX = Arch(
    "minimax_h3",
    files=("text_encoder",),
    offload=True,
    assistant=True,
    fps=24,
    ignore=("adaln_proj",),
    paths={"text_encoder": "model.te_name_or_path"},
)
_ACE = Arch("ace_step_15", low_vram=True)

ARCHS: dict[tuple[str, str], Arch] = {
    ("qwen-image", "base"): _QWEN,
    ("qwen-image", "2512"): replace(_QWEN, native="qwen_image:2512"),
    ("qwen-image", "edit"): replace(_QWEN, native="qwen_image_edit", controls=1),
    ("qwen-image", "edit-2509"): replace(_QWEN, native="qwen_image_edit_plus", controls=3),
    ("qwen-image", "edit-2511"): replace(_QWEN, native="qwen_image_edit_plus:2511", controls=3),
    ("z-image", "base"): _ZIMAGE,
    ("z-image", "turbo"): replace(_ZIMAGE, native="zimage:turbo"),
    ("z-image", "de-turbo"): replace(_ZIMAGE, native="zimage:deturbo", fixed={"model.extras_name_or_path": "Tongyi-MAI/Z-Image-Turbo"}),
    ("z-image", "l2p"): replace(_PIXEL, fixed={"model.extras_name_or_path": "Tongyi-MAI/Z-Image-Turbo"}),
    ("zeta-chroma", "base"): replace(_PIXEL, native="zeta_chroma"),
    ("flux2", "klein-base-4b"): replace(_KLEIN, native="flux2_klein_4b"),
    ("flux2", "klein-base-9b"): replace(_KLEIN, native="flux2_klein_9b"),
    ("flux2", "dev"): _FLUX2,
    ("flux2", "klein-4b"): replace(_KLEIN, native="flux2_klein_4b:klein-4b"),
    ("flux2", "klein-9b"): replace(_KLEIN, native="flux2_klein_9b:klein-9b"),
    ("flux1", "dev"): _FLUX,
    ("flux1", "krea"): replace(_FLUX, native="flux:krea"),
    ("flux1", "schnell"): replace(_FLUX, native="flux:schnell", guidance=False),
    ("flux1", "flex1"): replace(_FLUX, native="flex1", guidance=False, fixed={"train.bypass_guidance_embedding": True}),
    ("flux1-kontext", "dev"): Arch(
        "flux_kontext",
        te_qtype="qtype",
        low_vram=False,
        backends=True,
        guidance=True,
        dynamic=True,
        extras="black-forest-labs/FLUX.1-Kontext-dev",
        controls=1,
    ),
    ("flex2", "preview"): Arch(
        "flex2", te_qtype="qtype", low_vram=False, dynamic=True, controls=1, fixed={"train.bypass_guidance_embedding": True}
    ),
    ("chroma", "base"): _CHROMA,
    ("chroma", "hd"): replace(_CHROMA, native="chroma:hd"),
    ("chroma", "radiance"): replace(_CHROMA, native="chroma_radiance"),
    ("sdxl", "base"): replace(_UNET, native="sdxl"),
    ("sdxl", "v-pred"): replace(_UNET, native="sdxl:v-pred", fixed=_V_PRED),
    ("sdxl", "ssd-1b"): replace(_UNET, native="ssd"),
    ("sdxl", "vega"): replace(_UNET, native="vega"),
    ("sd15", "base"): _UNET,
    ("sd2", "2.1"): replace(_UNET, native="sd2", fixed=_V_PRED),
    ("sd2", "2.1-base"): replace(_UNET, native="sd2:base"),
    ("sd3", "3.5-medium"): Arch("sd3", te_qtype="qtype"),
    ("sd3", "3.5-large"): Arch("sd3:3.5-large", te_qtype="qtype"),
    ("sd3", "3-medium"): Arch("sd3:3-medium", te_qtype="qtype"),
    ("pixart", "sigma"): _PIXART,
    ("pixart", "alpha"): replace(_PIXART, native="pixart"),
    ("hidream", "full"): _HIDREAM,
    ("hidream", "dev"): replace(_HIDREAM, native="hidream:dev"),
    ("hidream", "e1"): replace(_HIDREAM, native="hidream_e1", controls=1),
    ("lumina2", "base"): Arch("lumina2", te_qtype="qtype", paths={"text_encoder": "model.te_name_or_path"}),
    ("omnigen2", "base"): Arch("omnigen2", controls=1, extras="OmniGen2/OmniGen2"),
    ("anima", "base"): Arch("anima", offload=True),
    ("auraflow", "v0.3"): Arch("auraflow", te_qtype=None, low_vram=False, quantize=False),
    ("auraflow", "pony-v7"): Arch("auraflow:pony-v7", te_qtype=None, low_vram=False, quantize=False),
    ("ernie-image", "base"): Arch("ernie_image", offload=True, extras="baidu/ERNIE-Image"),
    ("cogview4", "6b"): Arch("cogview4", te_qtype="qtype", low_vram=False, dynamic=True),
    ("f-lite", "base"): Arch("f-lite", te_qtype="qtype", low_vram=False, dynamic=True, reads_extras=True),
    ("krea2", "raw"): _KREA,
    ("krea2", "turbo"): replace(_KREA, native="krea2:turbo"),
    ("krea2", "raw-edit"): replace(_KREA_EDIT, native="krea2:o_edit"),
    ("krea2", "turbo-edit"): replace(_KREA_EDIT, native="krea2:o_edit_turbo"),
    ("ideogram4", "base"): Arch("ideogram4", offload=True, paths=_TE_PATH),
    ("hidream-o1", "full"): Arch(
        "hidream_o1",
        reads_extras=True,
        te_qtype=None,
        offload=True,
        ignore=("lm_head", "patch_embed", "visual"),
        fixed={"network.transformer_only": False, "model.model_kwargs.noise_scale": 8.0, "model.model_kwargs.noise_scale_inference": 8.0},
    ),
    ("mage-flow", "base"): _MAGE,
    ("mage-flow", "edit"): replace(_MAGE, native="mageflow_edit", controls=3),
    ("boogu-image", "base"): _BOOGU,
    ("boogu-image", "edit"): replace(_BOOGU, native="boogu_image_edit", controls=3),
    ("nucleus-image", "base"): Arch(
        "nucleus_image", offload=True, ignore=("img_mlp.experts", "img_mlp.gate"), extras="NucleusAI/Nucleus-Image"
    ),
    ("prx-pixel", "t2i"): Arch("prx_pixel"),
    ("wan21", "t2v-14b"): replace(_WAN, native="wan21:14b"),
    ("wan21", "t2v-1.3b"): replace(_WAN, native="wan21:1b"),
    ("wan21", "i2v-480p-14b"): replace(_WAN, native="wan21_i2v:14b480p", controls=1),
    ("wan21", "i2v-720p-14b"): replace(_WAN, native="wan21_i2v:14b", controls=1),
    ("wan22", "t2v-a14b"): replace(_WAN, native="wan22_14b:t2v"),
    ("wan22", "i2v-a14b"): replace(_WAN, native="wan22_14b_i2v", controls=1),
    ("wan22", "5b"): replace(_WAN, native="wan22_5b", fps=24, controls=1),
    ("ltx2", "2.3"): replace(_LTX, native="ltx2.3"),
    ("ltx2", "2.0"): _LTX,
    ("ltx2", "2.5"): replace(_LTX, native="ltx2.5", paths=_LTX_PARTS),
    ("minimax-h3", "fl2va"): replace(_MINIMAX, controls=1),
    ("minimax-h3", "ref2va"): replace(_MINIMAX, native="minimax_h3_ref2va", controls=3),
    ("ace-step", "1.5"): _ACE,
    ("ace-step", "1.5-xl"): replace(_ACE, native="ace_step_15_xl"),
}

BOUNDARY = 0.875
"""Where the high-noise expert of Wan 2.2 hands over, for image-to-video too: fixed in wan22_14b_model.py:194."""


def arch_of(family: Family, variant: Variant) -> Arch | None:
    """The native architecture of a variant, None where ai-toolkit has none."""
    return ARCHS.get((family.name, variant.name))


def find_variant(found: tuple[str, str], keys: Mapping[str, Any]) -> tuple[str, str]:
    """The variant of an architecture that the other keys of the job tell: the one whose own keys are all there."""
    plain = _plain(ARCHS[found].native)
    fits = [
        key
        for key, arch in ARCHS.items()
        if key[0] == found[0]
        and arch.fixed
        and _plain(arch.native) == plain
        and all(keys.get(name) == value for name, value in arch.fixed.items())
    ]
    return found if found in fits or not fits else fits[0]


def _plain(native: str) -> str:
    return native.partition(":")[0].replace("flex1", "flux")


def find_native(native: str) -> tuple[str, str] | None:
    """The (family, variant) of a native `arch`; an unknown part after `:` falls back to the plain name."""
    by_name = {arch.native: key for key, arch in reversed(ARCHS.items())} | {"sd1": ("sd15", "base")}
    plain = native.partition(":")[0]
    same_arch = next((key for name, key in reversed(by_name.items()) if name.partition(":")[0] == plain), None)
    return by_name.get(native) or by_name.get(plain) or same_arch
