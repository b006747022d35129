"""`python -m lorabridge.backends.embedded.trainer job.json`. Events on standard output, see `events`."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from .events import EXIT_DIVERGED, EXIT_FAILED, EXIT_JOB, EXIT_MEMORY, EXIT_OK, emit_to_stdout
from .job import Job, JobError, load_job

_USAGE = "usage: python -m lorabridge.backends.embedded.trainer job.json"


def main(argv: list[str]) -> int:
    """Run the job file named in `argv`; returns the exit code."""
    if len(argv) != 1:
        print(_USAGE, file=sys.stderr)
        return EXIT_JOB
    try:
        job = load_job(Path(argv[0]))
    except JobError as error:
        for finding in error.findings:
            emit_to_stdout({"event": "error", "code": "job", "message": finding})
        return EXIT_JOB
    # before torch is imported: tiny models are many times slower when OpenMP spreads them over cores
    if job.train.device != "cuda":
        os.environ.setdefault("OMP_NUM_THREADS", str(job.train.threads))
    return _train(job)


def _train(job: Job) -> int:  # noqa: PLR0911 - one return per exit code
    try:
        import torch

        from .data import DataError
        from .errors import NotFiniteError, TrainerError
        from .loop import run
    except ImportError as error:
        message = f"{error}; the embedded trainer needs the extra: pip install 'lorabridge[embedded]'"
        emit_to_stdout({"event": "error", "code": "failed", "message": message})
        return EXIT_FAILED
    try:
        run(job, emit_to_stdout)
    except NotFiniteError as error:
        emit_to_stdout({"event": "error", "code": "not_finite", "message": str(error), "step": error.step})
        return EXIT_DIVERGED
    except (torch.OutOfMemoryError, MemoryError) as error:
        return _out_of_memory(error)
    except (TrainerError, DataError) as error:
        emit_to_stdout({"event": "error", "code": "failed", "message": str(error)})
        return EXIT_FAILED
    except Exception as error:
        # torch's allocator for the CPU has no exception of its own
        if "allocate memory" in str(error) or "out of memory" in str(error).lower():
            return _out_of_memory(error)
        traceback.print_exc()
        emit_to_stdout({"event": "error", "code": "failed", "message": f"{type(error).__name__}: {error}"})
        return EXIT_FAILED
    return EXIT_OK


def _out_of_memory(error: BaseException) -> int:
    message = str(error).splitlines()[0] if str(error) else "out of memory"
    emit_to_stdout({"event": "error", "code": "out_of_memory", "message": message})
    return EXIT_MEMORY


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
