"""`memory`, `cache`, `hardware`: what the training may cost and where it runs."""

from typing import Annotated, Literal

from lorabridge.config.amounts import Amount
from lorabridge.config.base import Section
from lorabridge.config.kinds import Choice, Count, Num
from lorabridge.config.meanings import NUMBER, OFF, auto, invalid, knob
from lorabridge.config.schema.words import QWEN, Auto, Bool, Fraction, IntOrOff, NonNegativeInt, PositiveInt, Str

_KERNELS = ("auto", "sdpa", "flash", "flash3", "xformers", "sage")


class Memory(Section):
    """What is traded for GPU memory."""

    gradient_checkpointing: Bool = knob("Recompute activations instead of keeping them.", default_value=True, source=QWEN)
    checkpoint_offload: Bool = knob("Keep checkpointed activations in main memory.", default_value=False)
    blocks_to_swap: IntOrOff = knob(
        "Transformer blocks kept in main memory.", default_value="off", zero=OFF, null=OFF, absent=OFF, source=QWEN
    )
    layer_offload: Fraction = knob("Share of the layers streamed from main memory.", default_value="off", zero=OFF, null=OFF, absent=OFF)
    low_vram: Bool = knob("Load and quantize piece by piece on the CPU.", default_value=False)
    attention: Annotated[Literal["auto", "sdpa", "flash", "flash3", "xformers", "sage"], Choice(_KERNELS)] = knob(
        "Attention kernel.",
        default_value="auto",
        empty=auto("sdpa, which every trainer has"),
        null=auto("sdpa, which every trainer has"),
        absent=auto("sdpa, which every trainer has"),
        source=QWEN,
    )
    split_attention: Bool = knob("Compute attention one sample at a time.", default_value=False)
    compile: Bool = knob("Compile the model with torch.compile.", default_value=False)


class LatentCache(Section):
    """Encoded pictures, made once."""

    shorthand = "to"
    to: Annotated[Literal["disk", "memory", "off"], Choice(("disk", "memory", "off"))] = knob(
        "Where encoded pictures are kept.", default_value="disk", null=OFF, empty=OFF
    )
    batch_size: PositiveInt | None = knob(
        "Pictures encoded at once.",
        default_value=None,
        zero=invalid("no picture would be encoded"),
        null=auto("the trainer's own number"),
        absent=auto("the trainer's own number"),
        source=f"{QWEN} (caching_latent_batch_size)",
    )
    workers: NonNegativeInt | None = knob(
        "Processes or threads that load pictures for it.",
        default_value=None,
        zero=NUMBER,
        null=auto("the trainer's own number"),
        absent=auto("the trainer's own number"),
        source=f"{QWEN} (caching_latent_num_workers: 0 is single-threaded)",
    )


class TextCache(Section):
    """Encoded captions, made once; the text encoder is then free."""

    shorthand = "to"
    to: Annotated[Literal["disk", "memory", "off"], Choice(("disk", "memory", "off"))] = knob(
        "Where encoded captions are kept.", default_value="disk", null=OFF, empty=OFF
    )
    batch_size: PositiveInt | None = knob(
        "Captions encoded at once.",
        default_value=None,
        zero=invalid("no caption would be encoded"),
        null=auto("the trainer's own number"),
        absent=auto("the trainer's own number"),
        source=f"{QWEN} (caching_teo_batch_size)",
    )
    workers: NonNegativeInt | None = knob(
        "Processes or threads that load captions for it.",
        default_value=None,
        zero=NUMBER,
        null=auto("the trainer's own number"),
        absent=auto("the trainer's own number"),
        source=f"{QWEN} (caching_teo_num_workers)",
    )


class Cache(Section):
    """What is encoded before training."""

    latents: LatentCache = knob("Encoded pictures.", factory=LatentCache)
    text: TextCache = knob("Encoded captions.", factory=TextCache)
    reuse: Bool = knob("Keep cache files that exist; stale ones are then not noticed by every trainer.", default_value=False)


class Hardware(Section):
    """GPUs of one machine."""

    gpus: list[NonNegativeInt] = knob(
        "Indices of the GPUs to use.",
        factory=list,
        zero=NUMBER,
        empty=auto("one free GPU is picked at launch"),
        null=auto("one free GPU is picked at launch"),
        absent=auto("one free GPU is picked at launch"),
    )
    pipeline_stages: PositiveInt = knob(
        "GPUs that one copy of the model is split over.", default_value=1, zero=invalid("the model must be somewhere")
    )
    timeout: Annotated[Amount | Auto, Count(("minutes",), ("auto",))] = knob(
        "How long processes wait for each other (ddp_timeout).",
        default_value="auto",
        zero=auto("the trainer's default"),
        null=auto("the trainer's default"),
        absent=auto("the trainer's default"),
        source=QWEN,
    )
    device: Annotated[Literal["auto", "cuda", "cpu"], Choice(("auto", "cuda", "cpu"))] = knob(
        "Where to train.", default_value="auto", null=auto("cuda when there is one"), absent=auto("cuda when there is one")
    )
    threads: Annotated[int | Auto, Num(whole=True, ge=1, words=("auto",))] = knob(
        "CPU threads of the arithmetic.",
        default_value="auto",
        zero=auto("1 on a CPU (more is slower on small models), the library's default with a GPU"),
        null=auto("1 on a CPU (more is slower on small models), the library's default with a GPU"),
        absent=auto("1 on a CPU (more is slower on small models), the library's default with a GPU"),
    )


class Output(Section):
    """Where results go."""

    shorthand = "dir"
    dir: Str = knob(
        "Folder for checkpoints, states and samples.", default_value="output", empty=invalid("the result must go somewhere"), source=QWEN
    )
