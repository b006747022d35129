"""`datasets`: the pictures and clips, their captions, sizes and companions."""

from typing import Annotated, Literal

from lorabridge.config.base import Section
from lorabridge.config.kinds import Choice, Num, Text
from lorabridge.config.meanings import NUMBER, OFF, auto, inherit, invalid, knob
from lorabridge.config.schema.words import (
    ZIMAGE,
    AnyStr,
    Auto,
    Bool,
    NonNegativeInt,
    Off,
    Positive,
    PositiveInt,
    Side,
    Str,
)


class Captions(Section):
    """Where captions come from and what is done to them."""

    shorthand = "extension"
    extension: Annotated[str, Text(r"\.[A-Za-z0-9_.-]+", "an extension starts with a dot, as in `.txt`")] = knob(
        "Extension of the caption file beside each picture.",
        default_value=".txt",
        empty=invalid("without an extension no caption is found; trainers then drop the picture or train on nothing"),
    )
    prefix: AnyStr = knob("Put before each caption.", default_value="", empty=OFF, null=OFF, absent=OFF, source=ZIMAGE)
    suffix: AnyStr = knob("Put after each caption.", default_value="", empty=OFF, null=OFF, absent=OFF, source=ZIMAGE)
    dropout: Annotated[float | Off, Num(gt=0, le=1, words=("off",))] = knob(
        "Share of samples trained on an empty caption.", default_value="off", zero=OFF, null=OFF, absent=OFF
    )
    shuffle: Bool = knob("Shuffle comma-separated tags.", default_value=False)
    keep_tokens: NonNegativeInt = knob("Leading tags that are never shuffled.", default_value=0, zero=NUMBER)
    default: AnyStr = knob("Caption for pictures that have none.", default_value="", empty=OFF, null=OFF, absent=OFF)


class Aspect(Section):
    """The aspect ratios (width / height) that buckets are made for."""

    min: Positive = knob("Narrowest ratio.", default_value=0.5, zero=invalid("a ratio of 0 has no width"))
    max: Positive = knob("Widest ratio.", default_value=2.0, zero=invalid("a ratio of 0 has no width"))
    buckets: PositiveInt = knob("Number of ratios between them.", default_value=7, zero=invalid("no bucket could be made"))


class Video(Section):
    """How clips are cut into training samples."""

    frames: list[PositiveInt] = knob("Frame counts to train on.", factory=lambda: [1], empty=invalid("no clip would be used"))
    extract: Annotated[
        Literal["head", "middle", "chunk", "slide", "uniform", "full"], Choice(("head", "middle", "chunk", "slide", "uniform", "full"))
    ] = knob("Which part of a clip is taken.", default_value="head")
    stride: PositiveInt = knob(
        "Frames between the starts of two windows (`slide`).", default_value=1, zero=invalid("the window would never move")
    )
    samples: PositiveInt = knob("Windows per clip (`uniform`).", default_value=1, zero=invalid("no window would be taken"))
    max_frames: PositiveInt = knob("Longest clip kept (`full`).", default_value=129, zero=invalid("no frame would be left"))
    fps: Annotated[float | Auto, Num(gt=0, words=("auto",))] = knob(
        "Frame rate of the source clips.",
        default_value="auto",
        zero=invalid("a clip has a frame rate"),
        null=auto("read from each clip"),
        absent=auto("read from each clip"),
    )


class Dataset(Section):
    """One folder (or JSON Lines file) of pictures or clips."""

    images: Str | None = knob("Folder of pictures.", default_value=None, empty=invalid("no picture would be found"), null=OFF, absent=OFF)
    videos: Str | None = knob("Folder of clips.", default_value=None, empty=invalid("no clip would be found"), null=OFF, absent=OFF)
    jsonl: Str | None = knob(
        "JSON Lines file that lists pictures or clips with their captions.",
        default_value=None,
        empty=invalid("no list would be read"),
        null=OFF,
        absent=OFF,
    )
    captions: Captions = knob("Captions.", factory=Captions)
    repeats: Positive = knob(
        "Times each sample is seen per epoch.", default_value=1.0, zero=invalid("the dataset would never be seen; remove it instead")
    )
    resolution: list[Side] = knob(
        "Training sizes in pixels: sides of a square area, or `[width, height]`.",
        factory=list,
        empty=auto("the family's native resolution"),
        null=auto("the family's native resolution"),
        absent=auto("the family's native resolution"),
    )
    batch_size: PositiveInt | None = knob(
        "Samples per step, for this dataset.",
        default_value=None,
        zero=invalid("a step without a sample trains nothing"),
        null=inherit("train.batch_size"),
        absent=inherit("train.batch_size"),
    )
    bucket: Bool = knob("Group pictures by aspect ratio instead of cropping all to one shape.", default_value=True)
    upscale: Bool = knob("Enlarge pictures that are smaller than the training size.", default_value=True)
    aspect: Aspect | None = knob(
        "Aspect ratios of the buckets.",
        default_value=None,
        null=auto("the trainer's own buckets"),
        absent=auto("the trainer's own buckets"),
    )
    masks: Str | None = knob(
        "Folder of masks with the pictures' names: white is trained, black is left out.",
        default_value=None,
        empty=OFF,
        null=OFF,
        absent=OFF,
    )
    mask_floor: Annotated[float | Off, Num(gt=0, le=1, words=("off",))] = knob(
        "Weight that black keeps.", default_value="off", zero=OFF, null=OFF, absent=OFF
    )
    control: list[Str] = knob(
        "Folders of control (source) pictures with the pictures' names, for edit models.", factory=list, empty=OFF, null=OFF, absent=OFF
    )
    control_resolution: Side | None = knob(
        "Size of the control pictures.", default_value=None, null=inherit("datasets[].resolution"), absent=inherit("datasets[].resolution")
    )
    regularization: Bool = knob("Class pictures that keep the model's prior; the trigger word is not added to them.", default_value=False)
    loss_weight: Positive = knob(
        "Factor on this dataset's loss.", default_value=1.0, zero=invalid("the dataset would teach nothing; remove it instead")
    )
    trigger: AnyStr | None = knob(
        "Trigger word of this dataset.", default_value=None, empty=OFF, null=inherit("trigger"), absent=inherit("trigger")
    )
    flip: Annotated[Literal["off", "horizontal", "vertical", "both"], Choice(("off", "horizontal", "vertical", "both"))] = knob(
        "Mirror samples at random.", default_value="off", empty=OFF, null=OFF
    )
    cache_dir: Str | None = knob(
        "Folder for cached latents and embeddings.",
        default_value=None,
        empty=auto("a folder of lorabridge's own, per dataset and settings"),
        null=auto("a folder of lorabridge's own, per dataset and settings"),
        absent=auto("a folder of lorabridge's own, per dataset and settings"),
    )
    video: Video | None = knob("Clips only.", default_value=None, null=OFF, absent=OFF)
