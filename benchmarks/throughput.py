"""How many configs a second one process checks: load, meanings, validation, rules, families, findings as text.

    python benchmarks/throughput.py [--count 1000]

The configs differ; one in five has findings. 1 when fewer than 500 per second of CPU: what other processes take in the
meantime is not counted.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from lorabridge.config.load import load  # noqa: E402
from lorabridge.diagnostics.render import render  # noqa: E402
from lorabridge.families import FAMILIES  # noqa: E402
from lorabridge.plan.check import check_loaded  # noqa: E402

TARGET = 500


def config(dice: random.Random, number: int) -> str:
    """About thirty lines, as people write them."""
    family = dice.choice([name for name, row in FAMILIES.items() if not row.variants[0].control])
    prompts = "".join(f'    - "[trigger] {dice.choice(["on a beach", "in a forest", "portrait, studio light"])} {n}"\n' for n in range(4))
    text = f"""\
lorabridge: 1
name: run-{number}
trigger: ohwx
model:
  family: {family}
  dtype: bf16
  paths:
    transformer: /models/{number}/transformer.safetensors
    vae: /models/{number}/vae.safetensors
    text_encoder: /models/{number}/text_encoder.safetensors
datasets:
  - images: data/{number}
    captions: {{extension: .txt, dropout: 0.1}}
    repeats: {dice.randint(1, 20)}
    resolution: [{dice.choice([512, 768, 1024])}]
adapter: {{type: lora, rank: {dice.choice([8, 16, 32, 64])}, alpha: 16, dropout: 0}}
train: {{for: {dice.randint(500, 5000)} steps, batch_size: {dice.randint(1, 4)}, seed: {number + 1}}}
optimizer: {{type: adamw8bit, lr: 1e-4, weight_decay: 0.01}}
scheduler: {{type: cosine, warmup: 100 steps}}
noise: {{timestep_sampling: shift, shift: 3.0}}
memory: {{gradient_checkpointing: true, blocks_to_swap: 0}}
save: {{every: 250 steps, keep_last: 4, state: true}}
sample:
  every: 250 steps
  prompts:
{prompts}"""
    if number % 5 == 0:
        text = text.replace("rank:", "rnak:").replace("type: cosine", "type: cosin")
    return text


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    count = parser.parse_args().count
    dice = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.yaml" for number in range(count)]
        for number, path in enumerate(paths):
            path.write_text(config(dice, number), "utf-8")
        load(paths[0])
        findings = 0
        start, cpu = time.perf_counter(), time.process_time()
        for path in paths:
            loaded = load(path, environ={})
            found = check_loaded(loaded)
            findings += len(found)
            render(found, "text", loaded.texts)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"{count} configs, {findings} findings, in {seconds:.2f} s of which {cpu:.2f} s of CPU")
    print(f"{count / seconds:.0f} configs/s, {count / cpu:.0f} per second of CPU (target {TARGET})")
    return int(count / cpu < TARGET)


if __name__ == "__main__":
    sys.exit(main())
