"""LB46x: what buckets and batches make of the data."""

from __future__ import annotations

from lorabridge.diagnostics.codes.row import Code

ROWS: tuple[Code, ...] = (
    Code("LB460", "too small for a bucket", "A picture, or the training size itself, is narrower than one step of the bucket grid.", "A side of 0 pixels stops the trainer."),
    Code("LB461", "a bucket is dropped", "A bucket holds fewer samples than one batch over accumulation and GPUs.", "Its pictures are never trained, and only a line in the log tells it."),
    Code("LB462", "every bucket is dropped", "No bucket holds a whole batch.", "The trainer stops after the model is loaded."),
    Code("LB463", "samples are dropped", "More than a tenth of the samples do not fill a batch.", "The same files are left out in every epoch."),
    Code("LB464", "much is cropped away", "Pictures lose more than a quarter of their area to the nearest bucket.", "Heads and feet are what goes first; captions then describe what is not there."),
    Code("LB465", "much is enlarged", "Pictures are blown up to more than twice their sides.", "The LoRA learns blur."),
    Code("LB466", "same name", "Sources of one dataset differ in their extension only.", "Their cache files are one file: only one of them is trained."),
    Code("LB467", "clips are too short", "Clips have fewer frames than every frame count that is trained.", "They are left out in silence."),
    Code("LB469", "nothing is left to train on", "No source of the data is usable for this trainer.", "It stops, or hangs while caching."),
)  # fmt: skip
