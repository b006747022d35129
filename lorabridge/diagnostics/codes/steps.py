"""LB60x: the length of a run, and what falls beyond it."""

from __future__ import annotations

from lorabridge.diagnostics.codes.row import Code

ROWS: tuple[Code, ...] = (
    Code("LB601", "a run without a step", "Length, data and batches make no optimizer step.", "Nothing is trained, and an untrained LoRA may be saved."),
    Code("LB602", "first save beyond the end", "`save.every` is longer than the run.", "A crash in the last minute loses everything."),
    Code("LB603", "first sample beyond the end", "`sample.every` is longer than the run.", "There is nothing to look at on the way."),
    Code("LB604", "first evaluation beyond the end", "`evaluate.every` is longer than the run.", "Overfitting cannot be seen on the way."),
    Code("LB605", "warm-up without end", "The warm-up is as long as the run, or longer.", "The full learning rate is never reached."),
    Code("LB606", "less than one epoch", "The run ends before all of the data was shown once.", "Part of the data plays no role."),
    Code("LB607", "disk will not hold the run", "Checkpoints and states need more room than is free where they go.", "The save that fills the disk is lost, and often the run with it."),
    Code("LB608", "a unit that only the data can turn", "Epochs, samples or a part of the run where the trainer counts steps.", "It does not compile as it stands; the plan tells the number for this data."),
)  # fmt: skip
