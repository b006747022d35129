"""The one process of a run."""

from __future__ import annotations

from lorabridge.backends.base import Stage
from lorabridge.backends.embedded.archs import TITLE
from lorabridge.backends.engine import Lowering

FILE = "job.json"
MODULE = "lorabridge.backends.embedded.trainer"


def stages(low: Lowering) -> tuple[Stage, ...]:
    """`python -m lorabridge.backends.embedded.trainer job.json`, on one GPU or the CPU."""
    makes = (f"{low.output}/{low.config.name}.safetensors",)
    argv = ("{python}", "-m", MODULE, f"{{files}}/{FILE}")
    return (Stage("train", argv, _env(low), "{files}", makes=makes, title=f"train with {TITLE}"),)


def _env(low: Lowering) -> dict[str, str]:
    hardware = low.config.hardware
    env = {"PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"}
    if len(hardware.gpus) > 1:
        low.refuse(
            "hardware.gpus", hardware.gpus, "it trains on one GPU", f"write `gpus: [{hardware.gpus[0]}]`, or compile for another trainer"
        )
    elif hardware.gpus:
        env["CUDA_VISIBLE_DEVICES"] = str(hardware.gpus[0])
        low.note("exact", "hardware.gpus", hardware.gpus, "env:CUDA_VISIBLE_DEVICES", env["CUDA_VISIBLE_DEVICES"])
    if hardware.threads != "auto" or hardware.device != "cuda":
        threads = 1 if hardware.threads == "auto" else hardware.threads
        # read when torch is imported; several threads are many times slower on small models
        env["OMP_NUM_THREADS"] = str(threads)
        low.put("job:train.threads", threads, "hardware.threads")
        low.note("exact", "hardware.threads", hardware.threads, "env:OMP_NUM_THREADS, job:train.threads", threads)
    return env
