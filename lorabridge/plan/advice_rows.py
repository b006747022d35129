"""Advice as data: when a row speaks, what it says, and where that comes from. Numbers are the sources', not ours, or are marked as ours."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lorabridge.config.schema import Config
from lorabridge.families.base import Family, Variant

FLUX2 = "papers/flux2-lora-training-guide.md"
PATTERNS = "papers/diffusion-lora-training.md"
ZIMAGE = "papers/lora-training-plan-z-image.md"
QWEN = "papers/qwen-image-field-behaviour.md"
OWN = "a limit of lorabridge's own"


@dataclass(frozen=True)
class Case:
    """What advice is given on. `steps` of the run where they are known; `recommended` are the family's values with their sources.

    `drawn`: the trainer can draw samples.
    """

    config: Config
    family: Family
    variant: Variant
    trainer: str
    steps: int | None
    recommended: dict[str, tuple[Any, str]]
    drawn: bool = True

    @property
    def model(self) -> str:
        return f"{self.family.name}:{self.variant.name}"


Said = tuple[str, str, str, str]
"""Message, why, fix, source."""


@dataclass(frozen=True)
class Advice:
    """One row: its code, the field it is about, and what it says; None where it has nothing to say."""

    code: str
    path: str
    say: Callable[[Case], Said | None]


USEFUL_STEPS: dict[str, tuple[int, str, str]] = {
    "flux2:klein-base-9b": (7000, "about 7,000 steps were best in 50 runs, beyond lies anatomical distortion", PATTERNS),
    "flux2:klein-9b": (7000, "about 7,000 steps were best in 50 runs of the base model", PATTERNS),
    "flux1:dev": (7000, "beyond about 7,000 steps lies anatomical distortion (FLUX)", PATTERNS),
    "sana:1.6b": (1500, "it converges in about 500 steps", f"{PATTERNS}; three times that is {OWN}"),
    "flux2:klein-base-4b": (2500, "250 steps sufficed for a subject, 500 for a style", f"{FLUX2}; five times that is {OWN}"),
}
"""Model to the steps above which a source warns."""
PRESERVE_EVERY: dict[str, tuple[int, str]] = {
    "flux2:klein-base-9b": (4, FLUX2),
    "flux2:klein-9b": (4, FLUX2),
    "flux2:dev": (8, FLUX2),
}
LEAST_SIDE: dict[str, tuple[int, str]] = {
    "hidream": (1024, "diffusion-pipe docs/supported_models.md:233: worse at 768, unusable at 512"),
    "sana": (1024, f"{PATTERNS} (native resolution 1024)"),
    "sdxl": (768, f"{PATTERNS} (1024 at least); below 768 is {OWN}"),
}
EVERYDAY = frozenset(
    [
        "person",
        "man",
        "woman",
        "girl",
        "boy",
        "child",
        "cat",
        "dog",
        "animal",
        "style",
        "photo",
        "photograph",
        "picture",
        "image",
        "painting",
        "art",
        "face",
        "portrait",
        "character",
        "toy",
        "car",
        "house",
        "room",
        "object",
    ]
)
_ADAPTIVE = re.compile(r"prodigy|dadapt", re.IGNORECASE)
_FLUX = frozenset(("flux1", "flux1-kontext", "flux2", "flex2", "chroma"))


def _distilled(case: Case) -> Said | None:
    if not (case.variant.distilled and case.config.model.training_adapter and (case.steps or 0) > 5000):
        return None
    other = next((one.name for one in case.family.variants if not one.distilled and one.lora_group == case.variant.lora_group), "")
    fix = f"train `variant: {other}` instead; its LoRAs work on this one" if other else "train the undistilled model"
    return (
        f"{case.steps:,} steps on `{case.variant.name}`, which is distilled",
        "the adapter is for short runs",
        fix,
        f"{ZIMAGE}; 5,000 is {OWN}",
    )


def _rate(case: Case) -> Said | None:
    rate, wanted = case.config.optimizer.lr, case.recommended.get("optimizer.lr")
    if wanted is None or not isinstance(rate, float) or _ADAPTIVE.search(case.config.optimizer.type):
        return None
    limit = 2.0 if case.family.name in _FLUX else 4.0
    ratio = rate / wanted[0]
    if 1 / limit <= ratio <= limit:
        return None
    why = "FLUX is very sensitive to the rate" if case.family.name in _FLUX else "Too high collapses colours, too low learns nothing"
    said = f"{rate:g} is {ratio:.3g} times the {wanted[0]:g} recommended for {case.family.title}"
    return said, why, f"start from {wanted[0]:g}", f"{wanted[1]}; {PATTERNS}"


def _adaptive(case: Case) -> Said | None:
    optimizer = case.config.optimizer
    if not _ADAPTIVE.search(optimizer.type) or not isinstance(optimizer.lr, float) or optimizer.lr == 1.0:
        return None
    return (
        f"`{optimizer.type}` with lr {optimizer.lr:g}",
        "it finds the rate itself; lr scales what it found",
        "write `lr: 1.0`",
        "ai-toolkit 27a03a9 toolkit/optimizer.py (below 0.1 it becomes 1)",
    )


def _style(case: Case) -> Said | None:
    if case.config.preservation and case.config.preservation.type == "differential" and case.config.noise.bias == "style":
        return (
            "preservation with `noise.bias: style`",
            "a style is meant to affect everything",
            "leave `preservation` out for styles",
            FLUX2,
        )
    return None


def _preserve(case: Case) -> Said | None:
    row, want = PRESERVE_EVERY.get(case.model), case.config.preservation
    if row is None or want is None or want.every == "off" or want.every.unit != "steps" or want.every.value >= row[0]:
        return None
    said = f"preservation every {want.every.value} step{'s' * (want.every.value > 1)} on {case.family.title} ({case.variant.name})"
    return (
        said,
        "a preserving step makes three forward and two backward passes instead of one and one",
        f"write `every: {row[0]} steps`",
        row[1],
    )


def _encoder(case: Case) -> Said | None:
    config = case.config
    varied = config.adapter.text_encoder or any(data.captions.shuffle or data.captions.dropout != "off" for data in config.datasets)
    if config.cache.text.to != "off" or varied or case.family.media == "audio":
        return None
    names = ", ".join(name for role, name in case.variant.pairs.items() if role.startswith("text_encoder"))
    return (
        f"the text encoder{f' ({names})' * bool(names)} stays on the GPU",
        "nothing varies the captions",
        "write `cache: {text: disk}`",
        f"{PATTERNS} (Memory Optimizations)",
    )


def _latents(case: Case) -> Said | None:
    config = case.config
    if config.cache.latents.to != "off" or any(data.flip != "off" for data in config.datasets):
        return None
    return (
        "pictures are encoded again in every step",
        "2 to 4 GB of memory and the time of the VAE",
        "write `cache: {latents: disk}`",
        f"{PATTERNS} (Gotchas)",
    )


def _useful(case: Case) -> Said | None:
    row = USEFUL_STEPS.get(case.model)
    if row is None or case.steps is None or case.steps <= row[0]:
        return None
    return (
        f"{case.steps:,} steps of {case.family.title} ({case.variant.name})",
        row[1],
        f"stop at {row[0]:,}, or save often and compare",
        row[2],
    )


def _rank(case: Case) -> Said | None:
    rank = case.config.adapter.rank
    if not isinstance(rank, int) or case.config.adapter.type not in ("lora", "dora"):
        return None
    most = 128 if case.model in ("flux2:klein-base-9b", "flux2:klein-9b") else 64
    if rank > most:
        return (
            f"rank {rank}",
            "64 is for very detailed training; more copies the data",
            "start with 16 or 32",
            f"{FLUX2}; {PATTERNS} (128 for Klein 9B)",
        )
    if rank < 8:
        return f"rank {rank}", "8 already is for simple styles", "start with 16", FLUX2
    return None


def _sides(case: Case) -> Said | None:
    row = LEAST_SIDE.get(case.family.name)
    sides = [side for data in case.config.datasets for side in data.resolution if isinstance(side, int)]
    if row is None or not sides or max(sides) >= row[0]:
        return None
    return f"nothing larger than {max(sides)} px for {case.family.title}", "it was made for larger pictures", f"train at {row[0]}", row[1]


def _batch(case: Case) -> Said | None:
    samples = case.config.train.batch_size * case.config.train.gradient_accumulation
    wanted = case.recommended.get("optimizer.lr")
    if samples <= 16 or wanted is None or case.config.optimizer.lr != wanted[0]:
        return None
    said = f"{samples} samples a step with the rate of a small batch"
    return (
        said,
        "the recipes use batches of 1 to 4",
        "accumulate less, or raise the rate with care",
        f"{PATTERNS} (effective batch 4); 16 is {OWN}",
    )


def _samples(case: Case) -> Said | None:
    sample = case.config.sample
    if not case.drawn or (sample.every != "off" and sample.prompts):
        return None
    return (
        "no picture is drawn while training",
        "over-training shows in pictures first",
        "sample: {every: 250 steps, prompts: [...]}",
        f"{PATTERNS} (Overfitting Detection); {ZIMAGE} (every 100)",
    )


def _alpha(case: Case) -> Said | None:
    adapter = case.config.adapter
    if not isinstance(adapter.rank, int) or adapter.alpha is None or adapter.type != "lora" or 0.2 <= adapter.alpha / adapter.rank <= 2:
        return None
    return (
        f"alpha {adapter.alpha:g} with rank {adapter.rank} scales by {adapter.alpha / adapter.rank:.3g}",
        "alpha = rank is usual",
        f"write `alpha: {adapter.rank}`",
        f"{PATTERNS} (LoRA Configuration); {FLUX2}",
    )


def _precision(case: Case) -> Said | None:
    word = case.config.model.quantize.transformer
    if case.family.name == "cosmos-predict2" and word in ("fp8", "fp8-scaled"):
        return (
            f"`{word}` on {case.family.title}",
            "this model is sensitive: e4m3 does not work well",
            "write `fp8-e5m2`, or leave the 2B model alone",
            "diffusion-pipe 8f83dbf docs/supported_models.md:272",
        )
    if word in ("int4", "nf4", "uint3", "uint4") and case.model in (
        "flux2:klein-base-4b",
        "sana:0.6b",
        "sana:1.6b",
        "wan21:t2v-1.3b",
        "sdxl:base",
    ):
        return (
            f"`{word}` on a small model",
            "it fits in 8 bits on most cards",
            "write `fp8` or `int8`",
            f"{FLUX2} (Klein 4B in 8 bits: 8 GB); the list of models is {OWN}",
        )
    return None


def _decay(case: Case) -> Said | None:
    decay = case.config.optimizer.weight_decay
    if case.model not in ("flux2:klein-base-9b", "flux2:klein-9b") or not isinstance(decay, float) or decay < 1e-4:
        return None
    return f"weight decay {decay:g}", "1e-5 kept texture in 50 runs of this model", "write `weight_decay: 1e-5`", PATTERNS


def _saves(case: Case) -> Said | None:
    if case.config.save.every != "off" or (case.steps or 0) < 1000:
        return None
    return (
        f"{case.steps:,} steps and no checkpoint on the way",
        "the best step is rarely the last",
        "save: {every: 250 steps}",
        f"{PATTERNS} (Overfitting Detection); 1,000 is {OWN}",
    )


def _trigger(case: Case) -> Said | None:
    if case.config.trigger or case.config.noise.bias == "style" or any(data.trigger for data in case.config.datasets):
        return None
    return "there is no trigger word", "one rare word per LoRA calls what was learned", "trigger: ohwx", f"{PATTERNS} (Trigger Words)"


def _everyday(case: Case) -> Said | None:
    word = case.config.trigger.strip().lower()
    if word not in EVERYDAY:
        return None
    return (
        f"`{word}` is a word that the model knows",
        "its own idea of the word fights the new one",
        f"put a rare word before it: `ohwx {word}`",
        f"{PATTERNS} (Trigger Words)",
    )


ROWS: tuple[Advice, ...] = (
    Advice("LB650", "model.variant", _distilled),
    Advice("LB651", "optimizer.lr", _rate),
    Advice("LB652", "optimizer.lr", _adaptive),
    Advice("LB653", "preservation", _style),
    Advice("LB654", "preservation.every", _preserve),
    Advice("LB655", "cache.text", _encoder),
    Advice("LB656", "cache.latents", _latents),
    Advice("LB657", "train.for", _useful),
    Advice("LB658", "adapter.rank", _rank),
    Advice("LB659", "datasets[0].resolution", _sides),
    Advice("LB660", "train.gradient_accumulation", _batch),
    Advice("LB661", "sample", _samples),
    Advice("LB662", "adapter.alpha", _alpha),
    Advice("LB663", "model.quantize.transformer", _precision),
    Advice("LB664", "optimizer.weight_decay", _decay),
    Advice("LB665", "save.every", _saves),
    Advice("LB666", "trigger", _trigger),
    Advice("LB667", "trigger", _everyday),
)
"""Every row. The severity is always hint: advice never fails a check."""
