"""The job file: everything one training run needs, as strictly typed data. No torch here.

Relative paths are taken from the working directory of the trainer. `null` means off, automatic or absent, as each field
says; `0` is never a hidden switch: where it makes no sense it is refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Side = Annotated[int, Field(ge=8, le=16384)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
FamilyName = Literal["flux2-klein", "qwen-image", "z-image", "sdxl", "sana"]
Dtype = Literal["float32", "bfloat16", "float16"]

EPSILON_FAMILIES: frozenset[str] = frozenset({"sdxl"})


class JobError(ValueError):
    """A job file that cannot be used; `findings` are `place: reason` lines."""

    def __init__(self, findings: list[str]) -> None:
        super().__init__("; ".join(findings))
        self.findings = findings


class Strict(BaseModel):
    """Base of every section: unknown keys are refused, types are not coerced (an int may stand for a float)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Model(Strict):
    """The base model. `max_sequence_length` null: the pipeline's own default, in tokens."""

    family: FamilyName
    path: Annotated[str, Field(min_length=1)]
    revision: str | None = None
    dtype: Dtype = "float32"
    quantize: Literal["none"] = "none"
    max_sequence_length: Count | None = None


class Dataset(Strict):
    """One folder of pictures with captions beside them.

    `[trigger]` in a caption stands for `trigger`; where a caption lacks the trigger it is put in front. A missing caption
    file is a warning and an empty caption. Captions of a regularization set get no trigger.
    """

    images: Annotated[str, Field(min_length=1)]
    caption_extension: str = ".txt"
    repeats: Count = 1
    resolutions: Annotated[list[Side | tuple[Side, Side]], Field(min_length=1)]
    bucket: bool = True
    bucket_step: Count | None = None
    flip: bool = False
    trigger: str | None = None
    caption_prefix: str = ""
    caption_suffix: str = ""
    caption_dropout: Fraction = 0.0
    caption_shuffle: bool = False
    shuffle_variants: Count = 8
    keep_tokens: Annotated[int, Field(ge=0)] = 0
    masks: str | None = None
    mask_background: Fraction = 0.0
    regularization: bool = False
    weight: NonNegative = 1.0

    @field_validator("resolutions", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        # JSON has no tuples, strict mode takes nothing else for one
        if isinstance(value, list):
            return [tuple(entry) if isinstance(entry, list) else entry for entry in value]
        return value

    @field_validator("caption_extension")
    @classmethod
    def _dotted(cls, value: str) -> str:
        if not value.startswith(".") or len(value) < 2 or "/" in value or "\\" in value:
            raise ValueError("must be a dot and a name, such as .txt")
        return value


class Patterns(Strict):
    """Module names of the denoiser with `*` as wildcard; what matches `include` and not `exclude` gets a LoRA."""

    include: Annotated[list[str], Field(min_length=1)]
    exclude: list[str] = []


class Adapter(Strict):
    """The LoRA. `alpha` null: equal to `rank`. `conv_rank` null: convolutions get no LoRA."""

    rank: Count = 16
    alpha: Positive | None = None
    conv_rank: Count | None = None
    conv_alpha: Positive | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: Literal["attention", "all"] | Patterns = "attention"
    init_from: str | None = None
    training_adapter: str | None = None

    @model_validator(mode="after")
    def _conv_pair(self) -> Self:
        if self.conv_alpha is not None and self.conv_rank is None:
            raise ValueError("conv_alpha is given without conv_rank")
        return self


class Length(Strict):
    """How long to train; exactly one of the three. Samples count pictures shown, repeats included."""

    steps: Count | None = None
    epochs: Count | None = None
    samples: Count | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.steps, self.epochs, self.samples)) != 1:
            raise ValueError("give exactly one of steps, epochs, samples")
        return self


class Train(Strict):
    """Batches and reproducibility. `max_grad_norm` null: no clipping. `threads` is for the CPU."""

    length: Length
    batch_size: Count = 1
    gradient_accumulation: Count = 1
    seed: Seed = 42
    gradient_checkpointing: bool = False
    max_grad_norm: Positive | None = 1.0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Count = 1


class Optimizer(Strict):
    """`betas` and `eps` null: the optimizer's own defaults. `args` go to its constructor as they are."""

    type: Literal["adamw", "adamw8bit", "adafactor", "sgd", "prodigy"] = "adamw"
    lr: NonNegative = 1e-4
    weight_decay: NonNegative = 0.01
    betas: tuple[Fraction, Fraction] | None = None
    eps: Positive | None = None
    args: dict[str, Any] = {}

    @field_validator("betas", mode="before")
    @classmethod
    def _tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value


class Scheduler(Strict):
    """Learning rate over time. `min_lr_ratio` is the share of the rate that the decay ends at."""

    type: Literal["constant", "linear", "cosine", "cosine_with_restarts", "polynomial"] = "constant"
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    min_lr_ratio: Fraction = 0.0
    cycles: Count = 1
    power: Positive = 2.0


class Noise(Strict):
    """Noise levels, in 0 (clean) to 1 (noise only), and the loss.

    `mean`, `std`: of logit_normal. `sigmoid_scale`: of sigmoid, shift and auto_shift. `shift`: of shift. `auto_shift` takes
    the shift from the number of picture tokens. `bias`: content leans to low noise, style to high noise, balanced is half
    of each. `min_snr` needs an epsilon family. `noise_offset` too.
    """

    timestep_sampling: Literal["uniform", "logit_normal", "sigmoid", "shift", "auto_shift"] = "uniform"
    mean: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    std: Positive = 1.0
    sigmoid_scale: Positive = 1.0
    shift: Positive = 3.0
    bias: Literal["none", "content", "style", "balanced"] = "none"
    min_timestep: Fraction = 0.0
    max_timestep: Fraction = 1.0
    weighting: Literal["none", "bell_shaped", "sigma_sqrt", "cosmap", "min_snr"] = "none"
    min_snr_gamma: Positive = 5.0
    loss: Literal["mse", "huber", "smooth_l1"] = "mse"
    delta: Positive = 1.0
    noise_offset: NonNegative = 0.0

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.min_timestep >= self.max_timestep:
            raise ValueError("min_timestep must be below max_timestep")
        return self


class Preservation(Strict):
    """Differential output preservation: `class_word` stands for the trigger; every `every` steps, times `multiplier`."""

    class_word: str
    multiplier: Positive = 1.0
    every: Count = 1


class Every(Strict):
    """A rhythm: so many steps, or so many epochs."""

    steps: Count | None = None
    epochs: Count | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give exactly one of steps, epochs")
        return self


class Save(Strict):
    """`every` null: only at the end. `keep_last` null: all; it holds for states too. The final LoRA file is always kept."""

    every: Every | None = None
    keep_last: Count | None = None
    state: bool = True
    dtype: Dtype = "float32"


class Sample(Strict):
    """Pictures while training. `[trigger]` stands for the trigger of the first data set that has one.

    `without_trigger`: such prompts are drawn a second time with the class word (or nothing) in its place.
    """

    prompts: list[str] = []
    negative: str = ""
    without_trigger: bool = False
    every: Every | None = None
    at_start: bool = True
    at_end: bool = True
    width: Side = 1024
    height: Side = 1024
    steps: Count = 20
    guidance: NonNegative = 4.0
    seed: Seed = 42


class Job(Strict):
    """One run. `resume`: null starts anew, `auto` takes the newest state in `output` if any, else a state folder."""

    version: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")]
    output: Annotated[str, Field(min_length=1)]
    cache: str | None = None
    resume: str | None = None
    model: Model
    datasets: Annotated[list[Dataset], Field(min_length=1)]
    adapter: Adapter = Adapter()
    train: Train
    optimizer: Optimizer = Optimizer()
    scheduler: Scheduler = Scheduler()
    noise: Noise = Noise()
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    preservation: Preservation | None = None
    save: Save = Save()
    sample: Sample = Sample()

    @property
    def trigger(self) -> str | None:
        """The trigger that prompts speak of: that of the first data set which has one."""
        return next((entry.trigger for entry in self.datasets if entry.trigger), None)

    @model_validator(mode="after")
    def _fits_family(self) -> Self:
        epsilon = self.model.family in EPSILON_FAMILIES
        if self.noise.noise_offset and not epsilon:
            raise ValueError(f"noise.noise_offset: {self.model.family} is a flow model; offset noise is for sdxl")
        if self.noise.weighting == "min_snr" and not epsilon:
            raise ValueError(f"noise.weighting: min_snr has no meaning for {self.model.family}, a flow model")
        if self.noise.weighting in ("sigma_sqrt", "cosmap") and epsilon:
            raise ValueError(f"noise.weighting: {self.noise.weighting} is for flow models")
        return self

    @model_validator(mode="after")
    def _triggers(self) -> Self:
        if self.preservation is not None and self.trigger is None:
            raise ValueError("preservation: no data set has a trigger, so there is nothing to preserve against")
        if self.trigger is None and any("[trigger]" in prompt for prompt in self.sample.prompts):
            raise ValueError("sample.prompts: [trigger] is used, but no data set has a trigger")
        if all(entry.regularization for entry in self.datasets):
            raise ValueError("datasets: all of them are regularization sets")
        return self


def parse_job(text: str | bytes) -> Job:
    """Read a job from JSON text.

    Raises:
        JobError: not JSON, a duplicate or unknown key, a wrong type or value; all findings at once.
    """
    try:
        data = json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise JobError(["job: nested too deeply"]) from None
    except UnicodeDecodeError as error:
        raise JobError([f"job: not UTF-8: {error.reason}"]) from None
    except json.JSONDecodeError as error:
        raise JobError([f"line {error.lineno}, column {error.colno}: {error.msg}"]) from None
    try:
        return Job.model_validate(data)
    except ValidationError as error:
        raise JobError([_finding(entry) for entry in error.errors()]) from None


def load_job(path: Path) -> Job:
    """Read a job file. Raises JobError, also when the file cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise JobError([f"{path}: {error.strerror}"]) from None
    return parse_job(content)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        raise JobError([f"{key}: given more than once" for key in sorted({k for k in keys if keys.count(k) > 1})])
    return result


def _finding(entry: Any) -> str:
    place = ".".join(str(part) for part in entry["loc"]) or "job"
    if entry["type"] == "extra_forbidden":
        return f"{place}: no such key"
    return f"{place}: {entry['msg'].removeprefix('Value error, ')}"
