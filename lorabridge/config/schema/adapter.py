"""`adapter`: what is trained; `preservation`: what must stay as it was."""

from typing import Annotated, Literal

from lorabridge.config.amounts import Amount
from lorabridge.config.base import Section
from lorabridge.config.kinds import Choice, Num
from lorabridge.config.meanings import OFF, auto, inherit, invalid, knob
from lorabridge.config.schema.words import (
    FLUX2,
    PATTERNS,
    QWEN,
    Auto,
    Bool,
    DtypeOrAuto,
    Every,
    Fraction,
    IntOrOff,
    Positive,
    PositiveOrOff,
    Str,
)

_NO_RANK = invalid("a LoRA of rank 0 holds no weights")
_NO_ALPHA = invalid("alpha 0 scales the LoRA to nothing (alpha / rank is its strength); musubi-tuner would read it as alpha = rank")


class Targets(Section):
    """Modules that get an adapter: a named group, narrowed by patterns on module names."""

    shorthand = "layers"
    layers: Annotated[Literal["auto", "attention", "all"], Choice(("auto", "attention", "all"))] = knob(
        "`attention`: q, k, v and output projections; `all`: these and the feed-forward layers.",
        default_value="auto",
        empty=auto("the trainer's default set for the family"),
        null=auto("the trainer's default set for the family"),
        absent=auto("the trainer's default set for the family"),
        source=FLUX2,
    )
    include: list[Str] = knob(
        "Only modules whose dotted name contains one of these.", factory=list, empty=OFF, null=OFF, absent=OFF, source=PATTERNS
    )
    exclude: list[Str] = knob("No module whose dotted name contains one of these.", factory=list, empty=OFF, null=OFF, absent=OFF)


class Adapter(Section):
    """The trained weights."""

    shorthand = "type"
    type: Annotated[Literal["lora", "loha", "lokr", "dora"], Choice(("lora", "loha", "lokr", "dora"))] = knob(
        "Kind of adapter.", default_value="lora"
    )
    rank: Annotated[int | Auto, Num(whole=True, ge=1, words=("auto",))] = knob(
        "Rank of the linear layers' update (musubi-tuner: network_dim).",
        default_value="auto",
        zero=_NO_RANK,
        null=auto("the family's recommended rank"),
        absent=auto("the family's recommended rank"),
        source=QWEN,
    )
    alpha: Positive | None = knob(
        "Strength numerator: the update is scaled by alpha / rank.",
        default_value=None,
        zero=_NO_ALPHA,
        null=inherit("adapter.rank"),
        absent=inherit("adapter.rank"),
        source=QWEN,
    )
    conv_rank: IntOrOff = knob(
        "Rank of the convolution layers' update.", default_value="off", zero=OFF, null=OFF, absent=OFF, source=PATTERNS
    )
    conv_alpha: Positive | None = knob(
        "Alpha of the convolution part.",
        default_value=None,
        zero=_NO_ALPHA,
        null=inherit("adapter.conv_rank"),
        absent=inherit("adapter.conv_rank"),
        source=PATTERNS,
    )
    dropout: Fraction = knob("Dropout on the adapter's activations.", default_value="off", zero=OFF, null=OFF, absent=OFF, source=QWEN)
    rank_dropout: Fraction = knob("Dropout of whole ranks.", default_value="off", zero=OFF, null=OFF, absent=OFF)
    module_dropout: Fraction = knob("Dropout of whole modules.", default_value="off", zero=OFF, null=OFF, absent=OFF)
    factor: Annotated[int | Auto, Num(whole=True, ge=1, words=("auto",))] = knob(
        "LoKr decomposition factor.",
        default_value="auto",
        zero=invalid("a factor of 0 divides nothing"),
        null=auto("the trainer picks the most even split"),
        absent=auto("the trainer picks the most even split"),
    )
    max_norm: PositiveOrOff = knob(
        "Scale an adapter's weights back to this norm (scale_weight_norms).",
        default_value="off",
        zero=OFF,
        null=OFF,
        absent=OFF,
        source=QWEN,
    )
    targets: Targets = knob("Which modules get an adapter.", factory=Targets)
    text_encoder: Bool = knob("Train an adapter on the text encoder too.", default_value=False)
    dtype: DtypeOrAuto = knob(
        "Precision of the trained weights.",
        default_value="auto",
        null=auto("the trainer's own: fp32, or the training dtype"),
        absent=auto("the trainer's own: fp32, or the training dtype"),
    )
    init_from: Str | None = knob(
        "Continue from this LoRA's weights (network_weights); counters and optimizer start anew.",
        default_value=None,
        empty=OFF,
        null=OFF,
        absent=OFF,
        source=QWEN,
    )


class Preservation(Section):
    """Differential output preservation: without the trigger word the model must answer as before."""

    shorthand = "type"
    type: Annotated[Literal["differential", "blank-prompt"], Choice(("differential", "blank-prompt"))] = knob(
        "`differential` replaces the trigger by the class; `blank-prompt` preserves the empty prompt.",
        default_value="differential",
        source=FLUX2,
    )
    class_word: Str | None = knob(
        "Word that stands where the trigger was (`cat` for `sks cat`).",
        default_value=None,
        empty=invalid("differential preservation needs the class word"),
        null=OFF,
        absent=OFF,
        source=FLUX2,
        alias="class",
    )
    multiplier: Positive = knob(
        "Weight of the preservation loss.",
        default_value=1.0,
        zero=invalid("preservation at 0 costs two passes and does nothing; leave the section out"),
        source=FLUX2,
    )
    every: Every = knob(
        "How often the preservation passes run.",
        default_value=Amount(1, "steps"),
        zero=invalid("leave the `preservation` section out to switch it off"),
        source=FLUX2,
    )
