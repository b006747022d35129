"""Recorded logs of the real trainers, replayed by a fake one and read by the real parsers."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorabridge.backends import get_backend

LOGS = next((p / "shared" / "logs" for p in Path(__file__).resolve().parents if (p / "shared" / "logs").is_dir()), None)
pytestmark = pytest.mark.skipif(LOGS is None, reason="the recorded logs (shared/logs) are not here")

REPLAY = """
data = Path(LOG).read_bytes()
for start in range(0, len(data), 997):
    os.write(1 + start % 2, data[start:start + 997])
lora()
sys.exit(CODE)
"""


@pytest.mark.parametrize(
    ("backend", "log", "code", "total", "reason", "steps", "cause"),
    [
        ("musubi", "musubi/qwen_image_complete.log", 0, 18, "completed", 18, ""),
        ("musubi", "musubi/loss_nan.log", 0, 12, "diverged", None, "not a finite number"),
        ("musubi", "musubi/no_te_cache.log", 1, 18, "failed", None, "ValueError: No training items found"),
        ("musubi", "musubi/fail_accelerate.stderr", 1, 18, "failed", None, "RuntimeError: No LoRA modules found"),
        ("diffusion-pipe", "diffusion_pipe/sdxl_complete.log", 0, 6, "completed", 6, ""),
        ("diffusion-pipe", "diffusion_pipe/crash_at_step_1.log", 1, 6, "failed", 1, "ZeroDivisionError: integer modulo by zero"),
        ("ai-toolkit", "ai_toolkit/zimage_complete.log", 0, 12, "completed", 12, ""),
        ("ai-toolkit", "ai_toolkit/loss_nan_lr.log", 0, 4, "diverged", None, "not a finite number"),
        ("ai-toolkit", "ai_toolkit/sigint.log", 0, 100_000, "stopped", 21, "asked to stop from outside"),
        ("ai-toolkit", "ai_toolkit/corrupt_image.log", 1, 4, "failed", None, "image file is truncated"),
        ("ai-toolkit", "ai_toolkit/res2_again_done.log", 0, 4, "untrained", None, "ended without an error"),
    ],
)
def test_recorded_runs_are_judged(run, backend, log, code, total, reason, steps, cause):
    assert LOGS is not None
    script = REPLAY.replace("LOG", repr(str(LOGS / log))).replace("CODE", str(code))
    ran = run(script, total=total, parser=lambda: get_backend(backend).parser("train"))
    assert ran.verdict.reason == reason, ran.verdict
    assert cause in ran.verdict.cause
    if reason != "diverged":  # a watchdog ends those before their log does
        assert ran.folder.log("train").read_bytes().startswith((LOGS / log).read_bytes())
    if steps is not None:
        assert max(event["step"] for event in ran.named("progress")) == steps
