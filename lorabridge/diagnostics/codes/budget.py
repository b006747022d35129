"""LB6xx: what a run needs and costs."""

from __future__ import annotations

from lorabridge.diagnostics.codes.row import Code

ROWS: tuple[Code, ...] = (
    Code(
        "LB620",
        "no usable lock",
        "The lock is missing, damaged, edited by hand, or of another format.",
        "Without it nothing can be compared.",
    ),
    Code(
        "LB621",
        "config drift",
        "A value of the config, or the seed, is not what the lock holds.",
        "The run would be another one than the one that was locked.",
    ),
    Code(
        "LB622",
        "trainer drift",
        "The trainer is at another commit, or files of its checkout were changed.",
        "The same files can then mean another training.",
    ),
    Code(
        "LB623",
        "weights drift",
        "A model or LoRA that the config names is not the file that was locked.",
        "Another base gives another LoRA; a half-finished download looks alike too.",
    ),
    Code(
        "LB624",
        "data drift",
        "Pictures, clips, captions, masks or lists were changed, added or removed.",
        "The run would learn something else.",
    ),
    Code(
        "LB625",
        "version drift",
        "lorabridge, or a package of the trainer's Python, has another version.",
        "Numbers, defaults and random streams differ between versions.",
    ),
    Code(
        "LB626",
        "plan drift",
        "The same config compiles to other bytes.",
        "This lorabridge translates it differently.",
    ),
    Code(
        "LB627",
        "not locked",
        "A hub name, a trainer that is not installed, or weights hashed in two ways cannot be compared.",
        "Drift there would not be noticed.",
    ),
    Code("LB628", "input cannot be read", "A file or folder that the config names is missing or unreadable.", "It cannot be locked."),
    Code(
        "LB640",
        "GPU memory",
        "The estimate of GPU memory is above what was named with `--vram`, for sure or in the worst case.",
        "The trainer stops when memory runs out, often in the middle of the run.",
    ),
    Code(
        "LB641",
        "changes that could not be written",
        "The file holds the value in a way that cannot be edited without touching more, or the result would have errors.",
        "The file was left as it is.",
    ),
)
