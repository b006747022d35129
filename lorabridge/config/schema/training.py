"""`train`, `optimizer`, `scheduler`, `noise`, `loss`: how long, how fast, on which noise."""

from typing import Annotated, Any, Literal

from lorabridge.config.amounts import Amount
from lorabridge.config.base import Section
from lorabridge.config.kinds import Choice, Count, Num
from lorabridge.config.meanings import NUMBER, OFF, RANDOM, auto, inherit, invalid, knob
from lorabridge.config.schema.words import (
    FLUX2,
    PATTERNS,
    QWEN,
    Auto,
    Bool,
    Fraction,
    NonNegativeInt,
    Part,
    Positive,
    PositiveInt,
    PositiveOrAuto,
    PositiveOrOff,
    Str,
)

Precision = Annotated[Literal["auto", "bf16", "fp16", "off"], Choice(("auto", "bf16", "fp16", "off"))]


class Ema(Section):
    """Exponential moving average of the adapter's weights; the average is what gets saved."""

    shorthand = "decay"
    decay: Annotated[float, Num(gt=0, lt=1)] = knob(
        "Share of the average kept per step.",
        default_value=0.99,
        zero=invalid("an average that keeps nothing is no average; leave `ema` out"),
    )


class Train(Section):
    """Length and batch of the training."""

    length: Annotated[Amount, Count(("steps", "epochs", "samples"))] = knob(
        "How long to train: optimizer steps, passes over the data, or samples seen.",
        zero=invalid("nothing would be trained; an untrained LoRA would be saved"),
        empty=invalid("the length of the training is not a thing to guess"),
        null=invalid("the length of the training is not a thing to guess"),
        source=f"{QWEN} (max_train_steps, max_train_epochs)",
        alias="for",
    )
    batch_size: PositiveInt = knob(
        "Samples per forward pass and GPU.", default_value=1, zero=invalid("a step without a sample trains nothing")
    )
    gradient_accumulation: PositiveInt = knob(
        "Forward passes averaged into one optimizer step.", default_value=1, zero=invalid("no gradient would ever be applied"), source=QWEN
    )
    seed: Annotated[int | Literal["random"], Num(whole=True, ge=1, le=2**32 - 1, words=("random",))] = knob(
        "Seed of noise, order and initial weights.",
        default_value="random",
        zero=RANDOM,
        null=RANDOM,
        absent=RANDOM,
        source=f"{QWEN} (seed 0: random)",
    )
    mixed_precision: Precision = knob(
        "Autocast precision of the forward pass.",
        default_value="auto",
        null=inherit("model.dtype"),
        absent=inherit("model.dtype"),
    )
    ema: Ema | None = knob("Moving average of the weights.", default_value=None, zero=OFF, empty=OFF, null=OFF, absent=OFF)
    workers: NonNegativeInt | None = knob(
        "Data loading processes.",
        default_value=None,
        zero=NUMBER,
        null=auto("the trainer's own number"),
        absent=auto("the trainer's own number"),
        source=f"{QWEN} (max_data_loader_n_workers: 0 loads in the main process)",
    )
    resume_from: Str | None = knob(
        "Training state (folder) to continue: weights, optimizer, schedule.",
        default_value=None,
        empty=OFF,
        null=OFF,
        absent=OFF,
        source=QWEN,
    )


class Optimizer(Section):
    """The optimizer and its numbers."""

    shorthand = "type"
    type: Str = knob("Name: `adamw8bit`, `adamw`, `adafactor`, `prodigy`, or a full class path.", default_value="adamw8bit", source=QWEN)
    lr: Annotated[float | Auto, Num(gt=0, words=("auto",))] = knob(
        "Learning rate.",
        default_value="auto",
        zero=invalid("nothing would be learned"),
        null=auto("the family's recommended rate"),
        absent=auto("the family's recommended rate"),
        source=QWEN,
    )
    text_encoder_lr: Positive | None = knob(
        "Learning rate of the text encoder's adapter.",
        default_value=None,
        zero=invalid("set `adapter.text_encoder: false` instead: some trainers drop a rate of 0 and train it"),
        null=inherit("optimizer.lr"),
        absent=inherit("optimizer.lr"),
    )
    weight_decay: Annotated[float | Auto, Num(ge=0, words=("auto",))] = knob(
        "Weight decay.",
        default_value="auto",
        zero=NUMBER,
        null=auto("the optimizer's own default"),
        absent=auto("the optimizer's own default"),
        source=PATTERNS,
    )
    betas: list[Annotated[float, Num(ge=0, lt=1)]] | None = knob(
        "Decay rates of the moments.",
        default_value=None,
        empty=auto("the optimizer's own default"),
        null=auto("the optimizer's own default"),
        absent=auto("the optimizer's own default"),
        source=PATTERNS,
    )
    eps: PositiveOrAuto = knob(
        "Term that keeps the update finite.",
        default_value="auto",
        zero=invalid("a division by zero would be possible"),
        null=auto("the optimizer's own default"),
        absent=auto("the optimizer's own default"),
    )
    max_grad_norm: PositiveOrOff = knob("Clip the gradient to this norm.", default_value=1.0, zero=OFF, null=OFF, source=QWEN)
    lora_plus_ratio: PositiveOrOff = knob(
        "LoRA+: learning rate of the up weights over that of the down weights.", default_value="off", zero=OFF, null=OFF, absent=OFF
    )
    args: dict[str, Any] = knob("Further arguments of the optimizer's class.", factory=dict, empty=OFF, null=OFF, absent=OFF, source=QWEN)


_SCHEDULES = (
    "constant",
    "linear",
    "cosine",
    "cosine-with-restarts",
    "polynomial",
    "warmup-stable-decay",
    "inverse-sqrt",
    "cosine-with-min-lr",
    "rex",
)


class Scheduler(Section):
    """The learning rate over time."""

    shorthand = "type"
    type: Annotated[
        Literal[
            "constant",
            "linear",
            "cosine",
            "cosine-with-restarts",
            "polynomial",
            "warmup-stable-decay",
            "inverse-sqrt",
            "cosine-with-min-lr",
            "rex",
        ],
        Choice(_SCHEDULES),
    ] = knob("Shape. `linear` falls to 0 over the run.", default_value="constant", source=QWEN)
    warmup: Part = knob(
        "Rise from 0 over this many steps, or this part of the run.", default_value="off", zero=OFF, null=OFF, absent=OFF, source=QWEN
    )
    decay: Part = knob(
        "Final fall over this many steps, or this part of the run (`warmup-stable-decay`).",
        default_value="off",
        zero=OFF,
        null=OFF,
        absent=OFF,
        source=QWEN,
    )
    cycles: PositiveInt = knob("Restarts of `cosine-with-restarts`.", default_value=1, zero=invalid("a cosine without a cycle"))
    power: Positive = knob("Exponent of `polynomial`.", default_value=1.0, zero=invalid("the rate would never fall"))
    min_lr_ratio: Fraction = knob("Lowest rate as a share of `optimizer.lr`.", default_value="off", zero=OFF, null=OFF, absent=OFF)
    args: dict[str, Any] = knob("Further arguments of the scheduler's class.", factory=dict, empty=OFF, null=OFF, absent=OFF)


_SAMPLINGS = ("auto", "uniform", "sigmoid", "logit-normal", "shift", "resolution-shift", "weighted", "sigma", "logsnr")
_WEIGHTINGS = ("none", "bell-shaped", "sigma-sqrt", "cosmap", "mode", "logit-normal")


class Noise(Section):
    """Which noise levels are trained, and how much each counts. Timesteps run from 0 (clean) to 1000 (noise)."""

    timestep_sampling: Annotated[
        Literal["auto", "uniform", "sigmoid", "logit-normal", "shift", "resolution-shift", "weighted", "sigma", "logsnr"],
        Choice(_SAMPLINGS),
    ] = knob(
        "How timesteps are drawn. `shift` uses `noise.shift`; `resolution-shift` computes the shift from the picture's size (qwen_shift, flux_shift).",
        default_value="auto",
        empty=auto("the family's recommended sampling"),
        null=auto("the family's recommended sampling"),
        absent=auto("the family's recommended sampling"),
        source=QWEN,
    )
    bias: Annotated[Literal["off", "balanced", "content", "style"], Choice(("off", "balanced", "content", "style"))] = knob(
        "`content` favours low noise (subjects), `style` high noise, `balanced` half of each.",
        default_value="off",
        empty=OFF,
        null=OFF,
        source=FLUX2,
    )
    shift: PositiveOrAuto = knob(
        "Shift of the timestep distribution towards noise (`timestep_sampling: shift`).",
        default_value="auto",
        zero=invalid("a shift of 0 puts every sample at t = 0: nothing but clean latents would be trained"),
        null=auto("the family's recommended shift"),
        absent=auto("the family's recommended shift"),
        source=QWEN,
    )
    sigmoid_scale: Positive = knob(
        "Spread of `sigmoid` and `shift` sampling.", default_value=1.0, zero=invalid("every sample would have the same noise")
    )
    logit_mean: Annotated[float, Num()] = knob("Centre of `logit-normal` sampling.", default_value=0.0, zero=NUMBER, source=QWEN)
    logit_std: Positive = knob(
        "Spread of `logit-normal` sampling.", default_value=1.0, zero=invalid("every sample would have the same noise"), source=QWEN
    )
    min_timestep: Annotated[int, Num(whole=True, ge=0, le=999)] = knob("Lowest timestep drawn.", default_value=0, zero=NUMBER)
    max_timestep: Annotated[int, Num(whole=True, ge=1, le=1000)] = knob(
        "Highest timestep drawn.", default_value=1000, zero=invalid("only clean latents would be trained")
    )
    weighting: Annotated[Literal["none", "bell-shaped", "sigma-sqrt", "cosmap", "mode", "logit-normal"], Choice(_WEIGHTINGS)] = knob(
        "Weight of a noise level in the loss.", default_value="none", empty=OFF, null=OFF, source=f"{QWEN}; {FLUX2}"
    )
    mode_scale: Positive = knob(
        "Scale of `weighting: mode`.", default_value=1.29, zero=invalid("the mode weighting would vanish; write `weighting: none`")
    )
    offset: PositiveOrOff = knob("Noise offset (epsilon models).", default_value="off", zero=OFF, null=OFF, absent=OFF)


class Loss(Section):
    """The distance between prediction and target."""

    shorthand = "type"
    type: Annotated[Literal["mse", "mae", "huber", "smooth-l1", "wavelet"], Choice(("mse", "mae", "huber", "smooth-l1", "wavelet"))] = knob(
        "Distance.", default_value="mse", empty=auto("mse"), null=auto("mse")
    )
    delta: Positive = knob("Where `huber` and `smooth-l1` turn linear.", default_value=1.0, zero=invalid("use `type: mae`"))
    min_snr_gamma: PositiveOrOff = knob("Min-SNR weighting (epsilon models).", default_value="off", zero=OFF, null=OFF, absent=OFF)
    debiased: Bool = knob("Debiased estimation loss (epsilon models).", default_value=False)
