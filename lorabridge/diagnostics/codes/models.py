"""LB5xx: base models and their parts."""

from __future__ import annotations

from lorabridge.diagnostics.codes.row import Code

ROWS: tuple[Code, ...] = (
    Code(
        "LB501",
        "unknown model family",
        "No trainer here knows the family.",
        "ai-toolkit would load Stable Diffusion 1.5 instead.",
        "model: {family: qwen-imgae}",
        "model: {family: qwen-image}",
    ),
    Code("LB502", "unknown variant", "The family has no such variant.", "The wrong architecture would be loaded.", "", ""),
    Code(
        "LB503",
        "missing model path",
        "The trainer needs a file or folder that is not named.",
        "It fails after minutes, or when the first sample is drawn.",
        "",
        "",
    ),
    Code(
        "LB504",
        "distilled model",
        "The variant is distilled and no training adapter is given.",
        "Training undoes the distillation; the LoRA works on neither model.",
        "",
        "",
        ("kohya-ss/musubi-tuner#769",),
    ),
    Code("LB505", "model file not found", "A path of the model does not exist.", "The trainer would fail after caching.", "", ""),
    Code("LB506", "no such part", "The setting is about a part that the model does not have.", "It would be ignored.", "", ""),
    Code(
        "LB507",
        "control pictures without use",
        "The variant takes no control pictures.",
        "Trainers ignore them or hang while caching.",
        "",
        "",
    ),
    Code(
        "LB508",
        "edit model without control pictures",
        "An edit variant is trained on pictures alone.",
        "Trainers then train text-to-image in silence.",
        "",
        "",
    ),
)
