"""`save`, `sample`, `evaluate`, `logging`: what is written while training."""

from typing import Annotated, Literal

from lorabridge.config.amounts import Amount
from lorabridge.config.base import Section
from lorabridge.config.kinds import Choice, Num, Text
from lorabridge.config.meanings import NUMBER, OFF, UNLIMITED, auto, inherit, invalid, knob
from lorabridge.config.schema.data import Dataset
from lorabridge.config.schema.words import QWEN, AnyStr, Auto, Bool, DtypeOrAuto, Every, NonNegativeInt, PositiveInt, PositiveOrAuto, Str


class Save(Section):
    """Checkpoints. The last one is always written."""

    shorthand = "every"
    every: Every = knob(
        "How often a checkpoint is written.",
        default_value="off",
        zero=OFF,
        null=OFF,
        absent=OFF,
        source=f"{QWEN} (save_every_n_steps, _epochs)",
    )
    keep_last: Annotated[int | Literal["unlimited"], Num(whole=True, ge=1, words=("unlimited",))] = knob(
        "Checkpoints kept; older ones are deleted.",
        default_value="unlimited",
        zero=UNLIMITED,
        null=UNLIMITED,
        absent=UNLIMITED,
        source=f"{QWEN} (save_last_n_epochs: 0 keeps all)",
    )
    state: Bool = knob("Save the training state too (optimizer, schedule), to resume from.", default_value=False, source=QWEN)
    dtype: DtypeOrAuto = knob(
        "Precision of the saved weights.",
        default_value="auto",
        empty=auto("bf16, which every tool reads; fp32 for fp32 models"),
        null=auto("bf16, which every tool reads; fp32 for fp32 models"),
        absent=auto("bf16, which every tool reads; fp32 for fp32 models"),
    )
    metadata: Bool = knob("Write training metadata into the file (no_metadata: false).", default_value=True, source=QWEN)


class Prompt(Section):
    """One sample picture; keys that are left out come from `sample`."""

    shorthand = "prompt"
    prompt: Str = knob("Text; `[trigger]` stands for the trigger word.")
    negative: AnyStr | None = knob(
        "Negative prompt.", default_value=None, empty=OFF, null=inherit("sample.negative"), absent=inherit("sample.negative")
    )
    width: PositiveInt | None = knob(
        "Pixels.", default_value=None, zero=invalid("no picture"), null=inherit("sample.width"), absent=inherit("sample.width")
    )
    height: PositiveInt | None = knob(
        "Pixels.", default_value=None, zero=invalid("no picture"), null=inherit("sample.height"), absent=inherit("sample.height")
    )
    frames: PositiveInt | None = knob(
        "Frames of a clip.", default_value=None, zero=invalid("no frame"), null=inherit("sample.frames"), absent=inherit("sample.frames")
    )
    seed: NonNegativeInt | None = knob("Seed.", default_value=None, zero=NUMBER, null=inherit("sample.seed"), absent=inherit("sample.seed"))
    steps: PositiveInt | None = knob(
        "Denoising steps.", default_value=None, zero=invalid("pure noise"), null=inherit("sample.steps"), absent=inherit("sample.steps")
    )
    guidance: PositiveOrAuto | None = knob(
        "Guidance scale.",
        default_value=None,
        zero=invalid("write `1` for no guidance"),
        null=inherit("sample.guidance"),
        absent=inherit("sample.guidance"),
    )
    control: list[Str] = knob("Control pictures, for edit models.", factory=list, empty=OFF, null=OFF, absent=OFF)


_SIDE = auto("the family's native resolution")


class Sample(Section):
    """Pictures made while training, to see what is being learned."""

    shorthand = "every"
    every: Every = knob(
        "How often samples are made.", default_value="off", zero=OFF, null=OFF, absent=OFF, source=f"{QWEN} (sample_every_n_steps, _epochs)"
    )
    prompts: list[Prompt] = knob("What to draw.", factory=list, empty=OFF, null=OFF, absent=OFF)
    before: Bool = knob("Also before the first step.", default_value=True)
    without_trigger: Bool = knob("Draw each prompt a second time without the trigger word.", default_value=False)
    negative: AnyStr = knob("Negative prompt.", default_value="", empty=OFF, null=OFF, absent=OFF)
    width: Annotated[int | Auto, Num(whole=True, ge=16, words=("auto",))] = knob(
        "Pixels.", default_value="auto", zero=_SIDE, null=_SIDE, absent=_SIDE
    )
    height: Annotated[int | Auto, Num(whole=True, ge=16, words=("auto",))] = knob(
        "Pixels.", default_value="auto", zero=_SIDE, null=_SIDE, absent=_SIDE
    )
    frames: PositiveInt = knob("Frames of a clip; 1 is a picture.", default_value=1, zero=invalid("no frame"))
    seed: NonNegativeInt = knob("Seed of the samples: the same picture each time.", default_value=42, zero=NUMBER)
    steps: Annotated[int | Auto, Num(whole=True, ge=1, words=("auto",))] = knob(
        "Denoising steps.",
        default_value="auto",
        zero=invalid("pure noise"),
        null=auto("the family's number"),
        absent=auto("the family's number"),
    )
    guidance: PositiveOrAuto = knob(
        "Guidance scale.",
        default_value="auto",
        zero=invalid("write `1` for no guidance"),
        null=auto("the family's number"),
        absent=auto("the family's number"),
    )


class Evaluate(Section):
    """Loss on pictures that are not trained on."""

    datasets: list[Dataset] = knob("Held-out data.", empty=invalid("nothing to evaluate on; leave `evaluate` out"))
    every: Every = knob("How often.", default_value=Amount(1, "epochs"), zero=OFF, null=OFF)
    before: Bool = knob("Also before the first step.", default_value=True)


_ENV = Text(r"[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable, not the secret itself")


class Wandb(Section):
    """Weights & Biases. The key is read from the environment, never from a file."""

    shorthand = "project"
    project: Str | None = knob(
        "Project name.",
        default_value=None,
        empty=auto("the trainer's default"),
        null=auto("the trainer's default"),
        absent=auto("the trainer's default"),
    )
    run_name: Str | None = knob("Run name.", default_value=None, empty=inherit("name"), null=inherit("name"), absent=inherit("name"))
    key_env: Annotated[str, _ENV] = knob(
        "Environment variable that holds the key.",
        default_value="WANDB_API_KEY",
        empty=auto("WANDB_API_KEY"),
        null=auto("WANDB_API_KEY"),
        source=f"{QWEN} (wandb_api_key)",
    )


class Logging(Section):
    """Metrics for other tools; lorabridge keeps its own event log in any case."""

    shorthand = "to"
    to: Annotated[Literal["off", "auto", "tensorboard", "wandb", "all"], Choice(("off", "auto", "tensorboard", "wandb", "all"))] = knob(
        "Tracker.",
        default_value="auto",
        empty=auto("tensorboard when `logging.dir` is set, else off"),
        null=auto("tensorboard when `logging.dir` is set, else off"),
        absent=auto("tensorboard when `logging.dir` is set, else off"),
        source=f"{QWEN} (log_with)",
    )
    dir: Str | None = knob(
        "Folder of the tracker's files.", default_value=None, empty=OFF, null=OFF, absent=OFF, source=f"{QWEN} (logging_dir)"
    )
    prefix: AnyStr = knob(
        "Put before the names of log folders.", default_value="", empty=OFF, null=OFF, absent=OFF, source=f"{QWEN} (log_prefix)"
    )
    every: Every = knob("How often the trainer logs.", default_value=Amount(1, "steps"), zero=OFF, null=OFF)
    wandb: Wandb = knob("Weights & Biases.", factory=Wandb)
