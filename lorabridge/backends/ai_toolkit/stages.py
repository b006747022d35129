"""The one process of an ai-toolkit run."""

from __future__ import annotations

from lorabridge.backends.ai_toolkit.archs import TITLE
from lorabridge.backends.base import Stage
from lorabridge.backends.engine import Lowering

FILE = "job.yaml"


def stages(low: Lowering) -> tuple[Stage, ...]:
    """`run.py job.yaml`, in the checkout, on one GPU."""
    env = {"PYTHONUNBUFFERED": "1"}
    hardware = low.config.hardware
    if len(hardware.gpus) > 1:
        low.refuse(
            "hardware.gpus",
            hardware.gpus,
            f"{TITLE} trains on one GPU: its data loaders are not shared out between processes",
            f"write `gpus: [{hardware.gpus[0]}]`, or compile for another trainer",
        )
    if hardware.device == "cpu":
        env["CUDA_VISIBLE_DEVICES"] = "-1"
        low.note(
            "rewritten",
            "hardware.device",
            "cpu",
            native="CUDA_VISIBLE_DEVICES=-1",
            text="its own `device` key is ignored; hiding the GPUs is not",
        )
    elif hardware.gpus:
        env["CUDA_VISIBLE_DEVICES"] = str(hardware.gpus[0])
        low.note("exact", "hardware.gpus", hardware.gpus, native=f"CUDA_VISIBLE_DEVICES={hardware.gpus[0]}")
    if hardware.threads != "auto":
        env["OMP_NUM_THREADS"] = str(hardware.threads)
        low.note("exact", "hardware.threads", hardware.threads, native=f"OMP_NUM_THREADS={hardware.threads}")
    elif hardware.device == "cpu":
        env["OMP_NUM_THREADS"] = "1"
    return (
        Stage(
            "train",
            ("{python}", "{home}/run.py", f"{{files}}/{FILE}"),
            env,
            makes=(f"{low.output}/{low.config.name}",),
            title=f"train with {TITLE}",
        ),
    )
