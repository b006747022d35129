"""Annotated types that several sections share."""

from typing import Annotated, Literal

from lorabridge.config.amounts import Amount
from lorabridge.config.kinds import Choice, Count, Flag, Num, Size, Text

Off = Literal["off"]
Auto = Literal["auto"]

Bool = Annotated[bool, Flag()]
Str = Annotated[str, Text()]
AnyStr = Annotated[str, Text(blank=True)]
Side = Annotated[int | tuple[int, int], Size()]
Positive = Annotated[float, Num(gt=0)]
PositiveOrOff = Annotated[float | Off, Num(gt=0, words=("off",))]
PositiveOrAuto = Annotated[float | Auto, Num(gt=0, words=("auto",))]
PositiveInt = Annotated[int, Num(whole=True, ge=1)]
IntOrOff = Annotated[int | Off, Num(whole=True, ge=1, words=("off",))]
NonNegativeInt = Annotated[int, Num(whole=True, ge=0)]
Fraction = Annotated[float | Off, Num(gt=0, lt=1, words=("off",))]
Every = Annotated[Amount | Off, Count(("steps", "epochs"), ("off",))]
Part = Annotated[Amount | Off, Count(("steps", "percent"), ("off",))]
PathOrOff = Annotated[str, Text()]
Dtype = Annotated[Literal["bf16", "fp16", "fp32"], Choice(("bf16", "fp16", "fp32"))]
DtypeOrAuto = Annotated[Literal["auto", "bf16", "fp16", "fp32"], Choice(("auto", "bf16", "fp16", "fp32"))]

NEVER_ZERO = "0 steps can never be reached; write `never` to switch it off"
QWEN = "papers/qwen-image-field-behaviour.md"
FLUX2 = "papers/flux2-lora-training-guide.md"
ZIMAGE = "papers/lora-training-plan-z-image.md"
PATTERNS = "papers/diffusion-lora-training.md"
