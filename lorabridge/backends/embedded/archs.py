"""What the embedded trainer calls model families, precisions and optimizers."""

from __future__ import annotations

from lorabridge.families import Family, Variant
from lorabridge.families.check import needs_of

NAME, TITLE = "embedded", "the embedded trainer"

FAMILIES: dict[str, str] = {
    "flux2": "flux2-klein",
    "qwen-image": "qwen-image",
    "z-image": "z-image",
    "sdxl": "sdxl",
    "sana": "sana",
}
"""Family of the language to `model.family` of the job. Which variants fit is said by `needs` of the families."""

DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}

OPTIMIZERS: dict[str, str] = {
    "adamw": "adamw",
    "torch.optim.adamw": "adamw",
    "adamw8bit": "adamw8bit",
    "bitsandbytes.optim.adamw8bit": "adamw8bit",
    "adafactor": "adafactor",
    "torch.optim.adafactor": "adafactor",
    "sgd": "sgd",
    "torch.optim.sgd": "sgd",
    "prodigy": "prodigy",
    "prodigyopt.prodigy": "prodigy",
}
"""Names and class paths in lower case. Adafactor is torch's."""

DECAY = {"adamw": 0.01, "adamw8bit": 0.01, "adafactor": 0.0, "sgd": 0.0, "prodigy": 0.0}
"""`weight_decay: auto` is the optimizer's own default; the job always says a number."""

TAKES = {
    "adamw": frozenset({"betas", "eps"}),
    "adamw8bit": frozenset({"betas", "eps"}),
    "prodigy": frozenset({"betas", "eps"}),
    "adafactor": frozenset[str](),
    "sgd": frozenset[str](),
}
"""Which of `betas` and `eps` the class takes as the language says them (torch's Adafactor has a pair of eps)."""


def arch_of(family: Family, variant: Variant) -> str | None:
    """The job's word for a variant, or None where the trainer cannot train it."""
    return FAMILIES.get(family.name) if needs_of(family, variant, NAME) is not None else None
