"""`model`: what is trained on, and in which precision."""

from typing import Annotated, Literal

from lorabridge.config.base import Section
from lorabridge.config.kinds import Choice, Num
from lorabridge.config.meanings import OFF, auto, invalid, knob
from lorabridge.config.schema.words import (
    QWEN,
    ZIMAGE,
    Auto,
    Bool,
    DtypeOrAuto,
    Every,
    Positive,
    PositiveOrAuto,
    Str,
)

_NEEDED = invalid("the model cannot be loaded without it")
_PATH = auto("needed or not by family and trainer; `lorabridge families` lists which")
_PRECISIONS = ("off", "fp8", "fp8-scaled", "fp8-e5m2", "int8", "int4", "nf4", "uint3", "uint4", "uint6")

Quantized = Annotated[
    Literal["off", "fp8", "fp8-scaled", "fp8-e5m2", "int8", "int4", "nf4", "uint3", "uint4", "uint6"], Choice(_PRECISIONS)
]


def _path(doc: str, source: str = "") -> Str | None:
    path: Str | None = knob(doc, default_value=None, empty=_NEEDED, null=_PATH, absent=_PATH, source=source)
    return path


class Paths(Section):
    """Where the weights are. A path, or a hub id where the trainer takes one."""

    repo: Str | None = _path("Diffusers folder, or hub id, that holds the whole pipeline.")
    checkpoint: Str | None = _path("One file that holds the whole model (SDXL, SD 1.5, packed checkpoints).")
    transformer: Str | None = _path("The denoiser (DiT or UNet) to train: one file, or a folder.", QWEN)
    transformer_high_noise: Str | None = _path("The high-noise expert of a two-expert model (Wan 2.2); `transformer` is the low-noise one.")
    vae: Str | None = _path("The VAE.", QWEN)
    audio_vae: Str | None = _path("The audio VAE of a video model with sound.")
    text_encoder: Str | None = _path("The text encoder; the first one where a family has several.", QWEN)
    text_encoder_2: Str | None = _path("The second text encoder (CLIP of FLUX.1, HunyuanVideo, Kandinsky).")
    text_encoder_3: Str | None = _path("The third text encoder (Llama of HiDream).")
    byt5: Str | None = _path("The ByT5 glyph encoder (HunyuanVideo 1.5, HunyuanImage).")
    image_encoder: Str | None = _path("The image encoder of image-to-video models (CLIP, SigLIP).")
    extras: Str | None = _path("Folder or hub id for the parts that a single-file model lacks.")


class Quantize(Section):
    """Precision of frozen weights while training; the adapter itself is never quantized."""

    transformer: Quantized = knob("Denoiser weights.", default_value="off", empty=OFF, null=OFF, source=f"{QWEN} (fp8_base, fp8_scaled)")
    text_encoder: Quantized = knob("Text encoder weights.", default_value="off", empty=OFF, null=OFF, source=f"{QWEN} (fp8_vl)")


class TrainingAdapter(Section):
    """The LoRA that undoes a distillation while training: merged at +1, taken out again for samples."""

    shorthand = "path"
    path: Str = knob("LoRA file, or `org/repo/file` on the hub.", source=ZIMAGE)


class Merge(Section):
    """A LoRA that is merged into the base model before training starts."""

    shorthand = "path"
    path: Str = knob("LoRA file.", source=f"{QWEN} (base_weights)")
    weight: Positive = knob(
        "Multiplier of the merged LoRA.", default_value=1.0, zero=invalid("a LoRA merged at 0 changes nothing; leave the entry out")
    )


class Experts(Section):
    """Which expert of a two-expert model (Wan 2.2 A14B) is trained."""

    shorthand = "train"
    train: Annotated[Literal["both", "high-noise", "low-noise"], Choice(("both", "high-noise", "low-noise"))] = knob(
        "The experts that get a LoRA.", default_value="both"
    )
    boundary: Annotated[float | Auto, Num(gt=0, lt=1, words=("auto",))] = knob(
        "Noise level (0 to 1) at which the high-noise expert hands over.",
        default_value="auto",
        zero=invalid("at 0 the low-noise expert would never be used; train `high-noise` only instead"),
        null=auto("the family's own boundary"),
        absent=auto("the family's own boundary: 0.875 text-to-video, 0.9 image-to-video"),
    )
    switch_every: Every = knob(
        "Steps between changes of the expert that is being trained.", default_value="off", zero=OFF, null=OFF, absent=OFF
    )
    offload_inactive: Bool = knob("Keep the expert that is not used in main memory.", default_value=False)


class Model(Section):
    """The base model."""

    family: Str = knob("Model family; `lorabridge families` lists them.")
    variant: Str = knob(
        "Variant of the family (`base`, `turbo`, `klein-4b`).",
        default_value="auto",
        empty=auto("the family's first variant"),
        null=auto("the family's first variant"),
        absent=auto("the family's first variant"),
    )
    paths: Paths = knob("Where the weights are.", factory=Paths)
    dtype: DtypeOrAuto = knob(
        "Precision of the frozen weights and of the computation.",
        default_value="auto",
        empty=auto("the family's own precision, bf16 for nearly all"),
        null=auto("the family's own precision, bf16 for nearly all"),
        absent=auto("the family's own precision, bf16 for nearly all"),
        source=f"{QWEN} (dit_dtype)",
    )
    vae_dtype: DtypeOrAuto = knob(
        "Precision of the VAE.",
        default_value="auto",
        empty=auto("the trainer's choice for the family"),
        null=auto("the trainer's choice for the family"),
        absent=auto("the trainer's choice for the family"),
    )
    quantize: Quantize = knob("Precision of frozen weights.", factory=Quantize)
    training_adapter: TrainingAdapter | None = knob(
        "De-distillation LoRA for a distilled model.",
        default_value=None,
        empty=OFF,
        null=OFF,
        absent=auto("none; a distilled variant without one is reported"),
        source=ZIMAGE,
    )
    merge: list[Merge] = knob(
        "LoRAs merged into the model before training.", factory=list, empty=OFF, null=OFF, absent=OFF, source=f"{QWEN} (base_weights)"
    )
    experts: Experts | None = knob("Two-expert models only.", default_value=None, null=auto("both experts where the family has two"))
    guidance: PositiveOrAuto = knob(
        "Guidance value fed to a guidance-distilled model while training.",
        default_value="auto",
        zero=invalid("guidance 0 is outside what distilled models saw; leave it out"),
        null=auto("the trainer's choice for the family"),
        absent=auto("the trainer's choice for the family"),
    )


class Init(Section):
    """Weights that the adapter starts from."""

    shorthand = "path"
    path: Str = knob("LoRA file, or folder for trainers that save one.", source=f"{QWEN} (network_weights)")
