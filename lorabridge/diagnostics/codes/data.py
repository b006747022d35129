"""LB4xx: datasets."""

from __future__ import annotations

from lorabridge.diagnostics.codes.row import Code

ROWS: tuple[Code, ...] = (
    Code(
        "LB401",
        "data not found",
        "A folder or file of the data does not exist.",
        "Trainers train on nothing, delete caches, or hang.",
        "",
        "",
    ),
    Code(
        "LB402", "no usable data", "The folder holds no pictures or clips that the trainer reads.", "Trainers drop them in silence.", "", ""
    ),
    Code(
        "LB403",
        "captions missing",
        "Pictures have no caption file.",
        "musubi-tuner and diffusion-pipe drop them, ai-toolkit trains on an empty prompt.",
        "",
        "",
    ),
)
