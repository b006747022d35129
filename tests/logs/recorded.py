"""The recorded logs of the real trainers, and what each must come to. One row per log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

BACKENDS = Path(__file__).parent.parent / "backends"


@dataclass(frozen=True)
class Log:
    """What is true of a log: found by reading it, not by running the parser."""

    trainer: str
    name: str
    verdict: str
    steps: tuple[int, int] | None = None
    """First and last training step in it."""
    total: int | None = None
    saves: int = 0
    samples: int = 0
    buckets: int = 0
    warnings: int = 0
    cause: str = ""
    code: str | None = None
    stage: str = "train"

    @property
    def data(self) -> bytes:
        return (BACKENDS / self.trainer.replace("-", "_") / "logs" / f"{self.name}.log").read_bytes()


A, D, M = "ai-toolkit", "diffusion-pipe", "musubi"
# fmt: off
LOGS = (
    Log(A, "zimage_complete", "completed", (1, 12), 12, saves=3, samples=4, buckets=7),
    Log(A, "res1_first", "completed", (1, 6), 6, saves=3, buckets=1),
    Log(A, "res2_again_done", "completed", None, 6, saves=1, buckets=1, code="untrained"),
    Log(A, "caption_ext_wrong", "completed", (1, 4), 4, saves=2, buckets=1),
    Log(A, "train_missing", "completed", (1, 1000), 1000, saves=500, samples=501, buckets=1),
    Log(A, "loss_nan_lr", "completed", (1, 4), 4, saves=2, buckets=1, warnings=3, code="not-finite"),
    Log(A, "corrupt_image", "completed", (1, 4), 4, saves=2, buckets=1, warnings=1),
    Log(A, "sigint", "stopped", (1, 21), 100000, saves=1, buckets=1),
    Log(A, "ui_stop", "stopped", (1, 41), 100000, saves=1, samples=1, buckets=1),
    Log(A, "save_dtype_bad", "failed", (1, 3), 4, buckets=1, cause="RuntimeError: Invalid device string: 'fp12'"),
    Log(A, "sample_neg_default", "failed", buckets=1, cause='TypeError: can only concatenate str (not "bool") to str'),
    Log(A, "trigger_int", "failed", None, 4, buckets=1, cause="TypeError: replace() argument 2 must be str, not int"),
    Log(A, "model_path_missing", "failed", cause="OSError: We couldn't connect to 'https://huggingface.co' to load this model"),
    Log(D, "sdxl_complete", "completed", (1, 6), saves=2, buckets=4, warnings=3),
    Log(D, "resume", "completed", (7, 10), saves=1, buckets=4, warnings=3),
    Log(D, "save_file", "stopped", (1, 20), buckets=3, warnings=3),
    Log(D, "sigterm_to_group", "stopped", (1, 2), buckets=3, warnings=3),
    Log(D, "crash_at_step_1", "failed", (1, 1), buckets=1, cause="ZeroDivisionError: integer modulo by zero"),
    Log(D, "exception_in_caching_child_hangs", "failed", cause="AssertionError: Directory /data/dpipe/cases/b09_empty_dir/empty had no images/videos!", code="hang"),
    Log(M, "qwen_image_complete", "completed", (1, 18), 18, saves=6, buckets=4),
    Log(M, "run_resume", "completed", (1, 12), 12, saves=4, buckets=4),
    Log(M, "run_with_samples", "completed", (1, 6), 6, saves=1, samples=3, buckets=4),
    Log(M, "loss_nan", "completed", (1, 12), 12, saves=2, buckets=4, code="not-finite"),
    Log(M, "no_te_cache", "failed", warnings=6, cause="ValueError: No training items found in the dataset."),
    Log(M, "fail_accelerate", "failed", buckets=4, cause="RuntimeError: No LoRA modules found"),
    Log(M, "fail_accelerate_stderr", "failed", buckets=4, cause="RuntimeError: No LoRA modules found"),
    Log(M, "fail_accelerate_stdout", "incomplete", cause="the log ends before the first step"),
    Log(M, "cache_latents_qwen", "completed", stage="cache-latents"),
    Log(M, "cache_te_qwen", "completed", stage="cache-text"),
    Log("embedded", "sana", "completed", (1, 24), 24),
    Log("embedded", "qwen_resumed", "completed", (49, 56), 56),
    Log("embedded", "sdxl_warnings", "completed", warnings=1),
)
# fmt: on
