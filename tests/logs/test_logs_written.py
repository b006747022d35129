"""Logs that were written by hand after the launchers' own formats: several ranks, signals, chains, words without a traceback."""

from __future__ import annotations

import pytest

from lorabridge.backends.events import Event
from lorabridge.backends.reading import log_parser, read_log

WRAPPED = """Traceback (most recent call last):
  File "/opt/venv/bin/accelerate", line 8, in <module>
    raise subprocess.CalledProcessError(returncode=process.returncode, cmd=cmd)
subprocess.CalledProcessError: Command '['python', 'x.py']' {how}.
"""
BAR = "steps:  17%|#  | 2/12 [00:01<00:07,  1.25it/s, avr_loss=1.05]"
RANKS = """[rank1]: Traceback (most recent call last):
[rank0]: Traceback (most recent call last):
[rank1]:   File "/opt/a.py", line 6, in <module>
[rank0]:   File "/opt/b.py", line 7, in <module>
[rank1]:     main()
[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.
[rank0]:     main()
[rank0]: torch.distributed.DistBackendError: NCCL error in: x.cpp:1333, remote process exited or there was a network error
Traceback (most recent call last):
  File "/opt/venv/bin/accelerate", line 8, in <module>
    sys.exit(main())
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
====
Root Cause (first observed failure):
  rank      : 1 (local_rank: 1)
"""
REMOTE = '''multiprocess.pool.RemoteTraceback:
"""
Traceback (most recent call last):
  File "/x/pool.py", line 125, in worker
ValueError: num_repeats must be >0, was 0
"""

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/opt/dp/utils/dataset.py", line 1062, in _cache_fn
ValueError: num_repeats must be >0, was 0
'''
STATE = """[rank0]: Traceback (most recent call last):
[rank0]:   File "/opt/train.py", line 520, in <module>
[rank0]: RuntimeError: Error(s) in loading state_dict for WanModel:
[rank0]: \tsize mismatch for blocks.0.weight: copying a param
[2026-11-21 02:11:45,801] [ERROR] [launch.py:341:sigkill_handler] ['python3', '-u', 'train.py'] exits with return code = 1
"""
STEP = "steps: 2 loss: 1.1985 iter time (s): 0.232 samples/sec: 8.611\n"
KILLED = "[2026-11-21 02:11:45,801] [ERROR] [launch.py:341:sigkill_handler] ['python3'] exits with return code = {code}\n"
GIVEN_UP = """# Running job: cat
cat:  20%|##        | 2/10 [00:09<00:15,  1.74s/it, lr: 1.0e-04 loss: 2.102e+00]
# OOM during training step, skipping batch 1/3 #
cat:  40%|####      | 4/10 [00:09<00:15,  1.74s/it, lr: 1.0e-04 loss: 1.5e+00]Error running job: OOM during training step 3 times in a row, aborting training
"""


def verdict(trainer: str, text: str) -> Event:
    return list(read_log([text.encode()], log_parser(trainer, "train")))[-1]


@pytest.mark.parametrize(
    ("trainer", "text", "word", "code", "cause"),
    [
        ("musubi", RANKS, "failed", "oom", "torch.OutOfMemoryError: CUDA out of memory."),
        ("musubi", BAR + "^CTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyboardInterrupt\n", "stopped", None, None),
        ("musubi", BAR + "\n" + WRAPPED.format(how="died with <Signals.SIGTERM: 15>"), "stopped", None, None),
        ("musubi", BAR + "\n" + WRAPPED.format(how="died with <Signals.SIGKILL: 9>"), "failed", "died", "the trainer was ended by SIGKILL"),
        ("musubi", "x.py: error: unrecognized arguments: --foo\n" + WRAPPED.format(how="returned non-zero exit status 2"), "failed", "died", "x.py: error: unrecognized arguments: --foo"),
        ("musubi", "bash: line 1: accelerate: command not found\n", "failed", "died", "bash: line 1: accelerate: command not found"),
        ("musubi", BAR + "Killed\n", "failed", "died", "Killed"),
        ("musubi", BAR, "incomplete", None, "the log ends at step 2 of 12"),
        ("diffusion-pipe", REMOTE, "failed", "ValueError", "ValueError: num_repeats must be >0, was 0"),
        ("diffusion-pipe", STATE, "failed", "RuntimeError", "RuntimeError: Error(s) in loading state_dict for WanModel: size mismatch for blocks.0.weight"),
        ("diffusion-pipe", STEP + KILLED.format(code=-9), "failed", "-9", "the trainer was ended by SIGKILL"),
        ("diffusion-pipe", STEP + KILLED.format(code=-15), "stopped", None, None),
        ("ai-toolkit", GIVEN_UP, "failed", "oom", "OOM during training step 3 times in a row"),
        ("ai-toolkit", "Traceback (most recent call last):\n  File \"run.py\", line 12, in <module>\nModuleNotFoundError: No module named 'dotenv'\n", "failed", "ModuleNotFoundError", "ModuleNotFoundError: No module named 'dotenv'"),
    ],
)  # fmt: skip
def test_the_verdict(trainer, text, word, code, cause):
    found = verdict(trainer, text)
    assert (found.text, found.code) == (word, code)
    assert (found.cause or "").startswith(cause or "")
    assert bool(found.cause) == bool(cause)


def test_the_rank_that_failed_first_is_named():
    assert verdict("musubi", RANKS).rank == 1


def test_a_step_that_was_left_out_has_no_loss():
    events = list(read_log([GIVEN_UP.encode()], log_parser("ai-toolkit", "train")))
    assert [(event.step, event.loss) for event in events if event.event == "progress"] == [(3, 2.102), (5, 1.5)]


def test_lines_of_two_ranks_on_one_line():
    text = b"caching latents: /a" + STEP.encode().strip() + b"caching latents: /b\n" + b"Manually quittingManually quitting\n"
    events = list(read_log([text], log_parser("diffusion-pipe", "train")))
    assert [event.step for event in events if event.event == "progress"] == [2]
    assert events[-1].text == "stopped"


@pytest.mark.parametrize(
    ("bar", "rate", "eta"),
    [
        ("1:02:03<2:00:00,  3.70s/it", 1 / 3.7, 7200.0),
        ("00:00<?, ?it/s", None, None),
        ("277:46:40<00:01, 21.5it/s", 21.5, 1.0),
        ("00:00<00:00, 9.5e+03it/s", 9500.0, 0.0),
    ],
)
def test_the_forms_of_tqdm(bar, rate, eta):
    text = f"steps:  50%|#####     | 6/12 [{bar}, Average key norm=0.00641, Keys Scaled=0, avr_loss=1.06]\n"
    (event,) = [event for event in read_log([text.encode()], log_parser("musubi", "train")) if event.event == "progress"]
    assert (event.step, event.total, event.loss, event.eta) == (6, 12, 1.06, eta)
    assert event.rate == pytest.approx(rate)
