"""The cause of a failure, from recorded logs of the real trainers."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorabridge.run.cause import cause_of, exceptions, out_of_memory, read_tail
from lorabridge.run.view import StageView

LOGS = next((p / "shared" / "logs" for p in Path(__file__).resolve().parents if (p / "shared" / "logs").is_dir()), None)
recorded = pytest.mark.skipif(LOGS is None, reason="the recorded logs (shared/logs) are not here")


@recorded
@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("musubi/no_te_cache.log", "ValueError: No training items found in the dataset."),
        ("musubi/fail_accelerate.stderr", "RuntimeError: No LoRA modules found"),
        ("diffusion_pipe/crash_at_step_1.log", "ZeroDivisionError: integer modulo by zero"),
        ("diffusion_pipe/exception_in_caching_child_hangs.log", "AssertionError: Directory"),
        ("ai_toolkit/corrupt_image.log", "OSError: image file is truncated"),
        ("ai_toolkit/model_path_missing.log", "OSError: We couldn't connect to"),
    ],
)
def test_recorded_failures(log, cause):
    assert LOGS is not None
    lines = read_tail(LOGS / log)
    found = cause_of(StageView("train"), 1, lines)
    assert cause in found
    assert not out_of_memory(lines)


@recorded
@pytest.mark.parametrize("log", ["musubi/qwen_image_complete.log", "diffusion_pipe/sdxl_complete.log", "ai_toolkit/zimage_complete.log"])
def test_clean_logs_have_no_exception(log):
    assert LOGS is not None
    assert exceptions(read_tail(LOGS / log)) == []
    assert not out_of_memory(read_tail(LOGS / log))


@pytest.mark.parametrize(
    "text",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "[rank1]: torch.cuda.OutOfMemoryError: CUDA out of memory.",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes",
        "MemoryError",
        "RuntimeError: MPS backend out of memory (MPS allocated: 9 GB)",
        "terminate called after throwing an instance of 'std::bad_alloc'",
    ],
)
def test_out_of_memory(tmp_path, text):
    log = tmp_path / "x.log"
    log.write_bytes(b"Traceback (most recent call last):\n  File x\n" + text.encode() + b"\n")
    assert out_of_memory(read_tail(log))


def test_the_text_about_memory_far_before_the_end_is_none(tmp_path):
    log = tmp_path / "x.log"
    log.write_text(
        "hint: on CUDA out of memory lower the batch\n" + "quiet line\n" * 3000 + "Traceback (most recent call last):\n  f\nKeyError: 'a'\n"
    )
    lines = read_tail(log)
    assert not out_of_memory(lines)
    assert cause_of(StageView("train"), 1, lines) == "KeyError: 'a'"


def test_launchers_and_escapes_are_left_out(tmp_path):
    log = tmp_path / "x.log"
    log.write_bytes(
        b"steps: 10%|\x1b[31m#\x1b[0m | 1/2\rsteps: 20%Traceback (most recent call last):\r\n  File\n[rank0]: ValueError: mine\n"
        b"Traceback (most recent call last):\n  File\nsubprocess.CalledProcessError: Command died\n"
    )
    assert cause_of(StageView("train"), 1, read_tail(log)) == "ValueError: mine"


def test_without_a_traceback():
    assert cause_of(StageView("train", error="the job is not usable"), 2, ["x"]) == "the job is not usable"
    assert cause_of(StageView("train"), -11, []).startswith("ended by SIGSEGV from outside; the versions of torch")
    assert cause_of(StageView("train"), 1, ["usage: x", "x: error: no such option"]) == "exit code 1, last words: x: error: no such option"
    assert cause_of(StageView("train"), 1, ["steps: 10%|# | 1/10 [00:01<00:09]"]) == "exit code 1, and nothing was said"
    assert len(cause_of(StageView("train"), 1, ["y" * 9999])) < 330
