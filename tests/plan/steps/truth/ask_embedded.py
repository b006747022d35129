"""The embedded trainer's own answer: its sizes and its order of steps."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

GRANULARITY = {"flux2-klein": 16, "qwen-image": 16, "z-image": 16, "sdxl": 32, "sana": 32}


def ask(case: dict[str, Any], home: Path) -> dict[str, Any]:
    """Buckets as `[width, height, samples, batches]`, steps of an epoch and of the run."""
    if str(home) not in sys.path:
        sys.path.insert(0, str(home))
    from lorabridge.backends.embedded.trainer import data
    from lorabridge.backends.embedded.trainer.job import Job
    from lorabridge.backends.embedded.trainer.setup import total_steps

    plain = case["files"]["job.json"]
    job = Job.model_validate(plain)
    items = []
    for index, dataset in enumerate(job.datasets):
        for name, width, height, *_rest, turned in case["folders"][plain["datasets"][index]["images"]]:
            original = (height, width) if turned else (width, height)
            for wanted in dataset.resolutions:
                step = data.bucket_step(dataset, wanted, GRANULARITY[job.model.family])
                size = data.fit_size(original, wanted, dataset.bucket, step)
                items.append(data.Item(Path(name), "", original, size, ("x",), None, 0.0, False, None, 0.0, 1.0, dataset.repeats))
    order = data.Order(items, job.train.batch_size, job.train.gradient_accumulation, 1)
    batches: Counter[tuple[int, int]] = Counter()
    for step in range(order.steps_per_epoch):
        batches.update(items[batch[0].item].size for batch in order.step(step))
    samples: Counter[tuple[int, int]] = Counter()
    for item in items:
        samples[item.size] += item.repeats
    buckets = sorted([*size, samples[size], batches[size]] for size in samples)
    return {"buckets": buckets, "per_epoch": order.steps_per_epoch, "steps": total_steps(job, order)}
