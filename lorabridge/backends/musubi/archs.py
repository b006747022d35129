"""What musubi-tuner knows each model by: scripts, network modules, key names, limits. Data only.

Read at commit 30c658c; paths in comments are relative to `src/musubi_tuner`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Guide = Literal["cfg_scale", "guidance_scale", ""]
DtypeRule = Literal["bf16", "mixed", "mixed-or-bf16", "mixed-or-fp16", "key", "file"]


@dataclass(frozen=True)
class Arch:
    """One architecture as the scripts see it.

    `keys` maps `model.paths.*` to the training script's option, `latent_paths` and `text_paths` those that the caching
    scripts take. `flags` are training options that choose the model, `latent_flags` and `text_flags` the caching
    scripts' own. `swap` is the most blocks that can be swapped (None: one less than the model has, or clamped).
    `dtype` tells what decides the DiT's precision, `guide` which sample option is the guidance. `negative` is the
    negative prompt that samples need written; None where the trainer's own is neutral. `hub` names the paths that
    `from_pretrained` takes, which may be names on the hub.
    """

    train: str
    latents: str
    text: str
    network: str
    generic: bool = True
    keys: Mapping[str, str] = field(default_factory=dict)
    latent_paths: Mapping[str, str] = field(default_factory=dict)
    text_paths: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, str | bool] = field(default_factory=dict)
    latent_flags: tuple[str, ...] = ()
    text_flags: tuple[str, ...] = ()
    cli: tuple[str, ...] = ()
    fp8: frozenset[str] = frozenset({"fp8", "fp8-scaled"})
    text_fp8: str = ""
    text_fp8_train: bool = True
    swap: int | None = None
    dtype: DtypeRule = "bf16"
    vae_dtypes: frozenset[str] = frozenset({"bf16", "fp16", "fp32"})
    cache_vae_dtype: bool = True
    weighting: bool = True
    resolution_shift: str = ""
    sampling: str = "shift"
    shift: float | None = None
    guide: Guide = "cfg_scale"
    negative: str | None = None
    negatives: bool = True
    step: int = 16
    video: bool = False
    image_to_video: bool = False
    flash3: bool = False
    shared_excludes: tuple[str, ...] = ()
    keeps_includes: bool = False
    distilled_guidance: bool = False
    hub: frozenset[str] = frozenset()


FLUX_EXCLUDES = (r".*(img_mod\.lin|txt_mod\.lin|modulation\.lin).*",)
_ONE = {"transformer": "dit", "vae": "vae", "text_encoder": "text_encoder"}
_TWO = {"transformer": "dit", "vae": "vae", "text_encoder": "text_encoder1", "text_encoder_2": "text_encoder2"}
_VAE = {"vae": "vae"}
_TE = {"text_encoder": "text_encoder"}
_TWO_TE = {"text_encoder": "text_encoder1", "text_encoder_2": "text_encoder2"}

HV = Arch(
    "hv_train_network", "cache_latents", "cache_text_encoder_outputs", "networks.lora",
    keys=_TWO, latent_paths=_VAE, text_paths=_TWO_TE, text_fp8="fp8_llm", fp8=frozenset({"fp8"}), swap=38, dtype="key",
    shift=7.0, guide="guidance_scale", negatives=False, video=True, flash3=True, distilled_guidance=True,
)  # fmt: skip
HV15 = Arch(
    "hv_1_5_train_network", "hv_1_5_cache_latents", "hv_1_5_cache_text_encoder_outputs", "networks.lora_hv_1_5",
    keys=_ONE | {"byt5": "byt5", "image_encoder": "image_encoder"}, latent_paths=_VAE, text_paths=_TE | {"byt5": "byt5"},
    flags={"task": "t2v"}, text_fp8="fp8_vl", swap=51, dtype="key", shift=2.0, video=True,
)  # fmt: skip
WAN = Arch(
    "wan_train_network", "wan_cache_latents", "wan_cache_text_encoder_outputs", "networks.lora_wan",
    keys={"transformer": "dit", "vae": "vae", "text_encoder": "t5", "image_encoder": "clip"}, latent_paths=_VAE, text_paths={"text_encoder": "t5"},
    text_fp8="fp8_t5", swap=39, dtype="file", shift=3.0, negative="", video=True, flash3=True,
)  # fmt: skip
FRAMEPACK = Arch(
    "fpack_train_network", "fpack_cache_latents", "fpack_cache_text_encoder_outputs", "networks.lora_framepack",
    keys=_TWO | {"image_encoder": "image_encoder"}, latent_paths=_VAE | {"image_encoder": "image_encoder"}, text_paths=_TWO_TE, text_fp8="fp8_llm",
    swap=38, vae_dtypes=frozenset({"fp16"}), cache_vae_dtype=False, shift=3.0, guide="guidance_scale", negatives=False, video=True, image_to_video=True, flash3=True, distilled_guidance=True,
)  # fmt: skip
KONTEXT = Arch(
    "flux_kontext_train_network", "flux_kontext_cache_latents", "flux_kontext_cache_text_encoder_outputs", "networks.lora_flux",
    keys=_TWO, latent_paths=_VAE, text_paths=_TWO_TE, text_fp8="fp8_t5", text_fp8_train=False, swap=34, dtype="mixed-or-bf16", cache_vae_dtype=False,
    resolution_shift="flux_shift", sampling="flux_shift", guide="guidance_scale", negatives=False, flash3=True, shared_excludes=FLUX_EXCLUDES,
)  # fmt: skip
FLUX2 = Arch(
    "flux_2_train_network", "flux_2_cache_latents", "flux_2_cache_text_encoder_outputs", "networks.lora_flux_2",
    keys=_ONE, latent_paths=_VAE, text_paths=_TE, dtype="mixed-or-bf16", resolution_shift="flux2_shift", sampling="flux2_shift",
    guide="guidance_scale", shared_excludes=FLUX_EXCLUDES,
)  # fmt: skip
QWEN = Arch(
    "qwen_image_train_network", "qwen_image_cache_latents", "qwen_image_cache_text_encoder_outputs", "networks.lora_qwen_image",
    keys=_ONE, latent_paths=_VAE, text_paths=_TE, text_fp8="fp8_vl", swap=59, cache_vae_dtype=False, resolution_shift="qwen_shift", shift=2.2, flash3=True,
)  # fmt: skip
KANDINSKY = Arch(
    "kandinsky5_train_network", "kandinsky5_cache_latents", "kandinsky5_cache_text_encoder_outputs", "networks.lora_kandinsky", generic=False,
    keys={"transformer": "dit", "vae": "vae", "text_encoder": "text_encoder_qwen", "text_encoder_2": "text_encoder_clip"}, latent_paths=_VAE,
    text_paths={"text_encoder": "text_encoder_qwen", "text_encoder_2": "text_encoder_clip"}, fp8=frozenset({"fp8-scaled"}), dtype="mixed-or-fp16",
    shift=5.0, guide="guidance_scale", negative=" ", video=True, flash3=True, keeps_includes=True, hub=frozenset({"text_encoder", "text_encoder_2"}),
)  # fmt: skip
ZIMAGE = Arch(
    "zimage_train_network", "zimage_cache_latents", "zimage_cache_text_encoder_outputs", "networks.lora_zimage",
    keys=_ONE, latent_paths=_VAE, text_paths=_TE, text_fp8="fp8_llm", swap=28, dtype="mixed", vae_dtypes=frozenset({"fp32"}), cache_vae_dtype=False, shift=2.0,
)  # fmt: skip
HIDREAM = Arch(
    "hidream_o1_train_network", "hidream_o1_cache_pixel", "hidream_o1_cache_text_encoder_outputs", "networks.lora_hidream_o1", generic=False,
    keys={"transformer": "dit"}, flags={"model_type": "full", "task": "t2i"}, text_flags=("--model_type", "full"), fp8=frozenset({"fp8-scaled"}),
    text_fp8="fp8_te", text_fp8_train=False, vae_dtypes=frozenset(), cache_vae_dtype=False, weighting=False, sampling="uniform", guide="guidance_scale", negatives=False, step=32, flash3=True,
)  # fmt: skip
IDEOGRAM = Arch(
    "ideogram4_train_network", "ideogram4_cache_latents", "ideogram4_cache_text_encoder_outputs", "networks.lora_ideogram4", generic=False,
    keys=_ONE, latent_paths=_VAE, text_paths=_TE, swap=33, weighting=False, resolution_shift="ideogram4_shift", sampling="ideogram4_shift", guide="",
)  # fmt: skip
KREA2 = Arch(
    "krea2_train_network", "krea2_cache_latents", "krea2_cache_text_encoder_outputs", "networks.lora_krea2", generic=False,
    keys=_ONE, latent_paths=_VAE, text_paths=_TE, fp8=frozenset({"fp8-scaled"}), swap=26, cache_vae_dtype=False, resolution_shift="krea2_shift", shift=2.5,
    negative="",
)  # fmt: skip


def _wan(task: str, swap: int = 39) -> Arch:
    """A task of Wan; image-to-video tasks of 2.1 also read CLIP (`image_encoder`), those of 2.2 do not."""
    picture = "i2v" in task or "flf2v" in task
    clip = picture and not task.endswith("A14B")
    paths: dict[str, str] = {**_VAE, "image_encoder": "clip"} if clip else dict(_VAE)
    return replace(
        WAN, flags={"task": task}, latent_flags=("--i2v",) if picture else (), latent_paths=paths, swap=swap, image_to_video=picture
    )


def _flux2(version: str, swap: int, fp8_text: bool = True) -> Arch:
    pair = ("--model_version", version)
    text_fp8 = "fp8_text_encoder" if fp8_text else ""
    return replace(FLUX2, flags={"model_version": version}, latent_flags=pair, text_flags=pair, swap=swap, text_fp8=text_fp8)


def _qwen(version: str) -> Arch:
    pair = ("--model_version", version)
    return replace(QWEN, flags={"model_version": version}, latent_flags=pair, text_flags=pair)


def _kandinsky(task: str) -> Arch:
    return replace(KANDINSKY, cli=("--task", task), image_to_video="i2v" in task)


def _dev() -> Arch:
    return replace(HIDREAM, flags={"model_type": "dev", "task": "t2i"}, text_flags=("--model_type", "dev"))


_QWEN_VERSIONS = {
    "base": "original",
    "2512": "original",
    "edit": "edit",
    "edit-2509": "edit-2509",
    "edit-2511": "edit-2511",
    "layered": "layered",
}
_FLUX2_SWAP = {"klein-base-4b": 13, "klein-4b": 13, "klein-base-9b": 16, "klein-9b": 16, "dev": 29}
_WAN21_TASKS = {
    "t2v-14b": "t2v-14B",
    "t2v-1.3b": "t2v-1.3B",
    "i2v-480p-14b": "i2v-14B",
    "i2v-720p-14b": "i2v-14B",
    "t2i-14b": "t2i-14B",
    "flf2v-14b": "flf2v-14B",
    "t2v-1.3b-fun-control": "t2v-1.3B-FC",
    "t2v-14b-fun-control": "t2v-14B-FC",
    "i2v-14b-fun-control": "i2v-14B-FC",
}
_KANDINSKY_TASKS = (
    "pro-t2v-5s-sd",
    "pro-t2v-5s-hd",
    "pro-t2v-10s-sd",
    "pro-t2v-10s-hd",
    "pro-i2v-5s-sd",
    "pro-i2v-5s-hd",
    "lite-t2v-5s-sd",
    "lite-t2v-10s-sd",
    "lite-i2v-5s-sd",
    "lite-t2v-5s-pretrain-sd",
    "lite-t2v-10s-pretrain-sd",
    "lite-t2v-5s-nocfg-sd",
    "lite-t2v-10s-nocfg-sd",
    "lite-t2v-5s-distil-sd",
    "lite-t2v-10s-distil-sd",
)

ARCHS: dict[tuple[str, str], Arch] = {
    **{("qwen-image", name): _qwen(version) for name, version in _QWEN_VERSIONS.items()},
    **{("z-image", name): ZIMAGE for name in ("base", "turbo", "de-turbo")},
    **{("flux2", name): _flux2(name, swap, name != "dev") for name, swap in _FLUX2_SWAP.items()},
    ("flux1-kontext", "dev"): KONTEXT,
    ("krea2", "raw"): KREA2,
    ("ideogram4", "base"): IDEOGRAM,
    ("hidream-o1", "full"): HIDREAM,
    ("hidream-o1", "dev"): _dev(),
    **{("wan21", name): _wan(task, 29 if "1.3B" in task else 39) for name, task in _WAN21_TASKS.items()},
    ("wan22", "t2v-a14b"): _wan("t2v-A14B"),
    ("wan22", "i2v-a14b"): _wan("i2v-A14B"),
    ("hunyuan-video", "t2v"): HV,
    ("hunyuan-video-1.5", "t2v"): HV15,
    ("hunyuan-video-1.5", "i2v"): replace(
        HV15,
        flags={"task": "i2v"},
        latent_flags=("--i2v",),
        latent_paths={"vae": "vae", "image_encoder": "image_encoder"},
        image_to_video=True,
    ),
    ("framepack", "base"): FRAMEPACK,
    ("framepack", "f1"): replace(FRAMEPACK, flags={"f1": True}, latent_flags=("--f1",)),
    **{("kandinsky5", name): _kandinsky(f"k5-{name}") for name in _KANDINSKY_TASKS},
}
"""Every family and variant that the trainer can train, by lorabridge's names."""

NOISE_SCALES: dict[str, dict[str, float]] = {
    "full": {"noise_scale_start": 8.0, "noise_scale_end": 8.0, "noise_clip_std": 0.0},
    "dev": {"noise_scale_start": 7.5, "noise_scale_end": 7.5, "noise_clip_std": 2.5},
}
"""What the noise options of HiDream-O1 are by its `model_type` when they are left out (hidream_o1_train_network.py:85-90)."""

BOUNDARIES = {"t2v-a14b": 0.875, "i2v-a14b": 0.9}
"""Where the experts of Wan 2.2 hand over (wan/configs; docs/wan.md:191)."""


def find(family: str, variant: str) -> Arch | None:
    """The architecture of a family's variant, or None when the trainer has none."""
    return ARCHS.get((family, variant))
