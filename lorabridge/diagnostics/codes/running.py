"""LB7xx: a run and its record."""

from __future__ import annotations

from lorabridge.diagnostics.codes.row import Code

ROWS: tuple[Code, ...] = (
    Code("LB701", "trainer not found", "The trainer is not installed where it was looked for.", "Nothing can be started.", "", ""),
    Code("LB702", "trainer failed", "A stage ended with an error.", "The run is not complete.", "", ""),
    Code(
        "LB703",
        "ended without training",
        "The trainer ended without an error, but the planned steps were not done.",
        "Exit code 0 does not mean trained.",
        "",
        "",
    ),
    Code(
        "LB704",
        "out of memory",
        "The trainer ran out of GPU memory.",
        "The run is not complete; a smaller setting of the same intent may fit.",
    ),
    Code(
        "LB705",
        "training diverged",
        "The loss is not a finite number.",
        "Trainers go on and save a LoRA of NaN; steps after the first one are lost.",
        refs=("ostris/ai-toolkit#503", "kohya-ss/musubi-tuner#26"),
    ),
    Code(
        "LB706",
        "the result is no LoRA",
        "The run left no checkpoint, or one that cannot be read.",
        "It would fail to load, or load as nothing.",
        refs=("ostris/ai-toolkit#975",),
    ),
    Code(
        "LB720",
        "the loss is not finite",
        "While training, the loss became NaN or infinite.",
        "The adapter's weights are lost from this step on; ai-toolkit then shows a loss of 0 and goes on.",
        refs=("ostris/ai-toolkit#503",),
    ),
    Code(
        "LB735",
        "whose log it is cannot be told",
        "The bytes of a log do not tell which trainer wrote it.",
        "Each trainer's words mean something else.",
    ),
    Code("LB736", "no such stage", "The trainer has no stage of this name.", "A log is read with the words of its stage."),
    Code(
        "LB737",
        "the file gives no events",
        "A log, database or event file cannot be read, or is damaged.",
        "What could be read was printed.",
    ),
)
