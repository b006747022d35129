"""Inside the embedded trainer's Python: what its own job reader makes of a job file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from lorabridge.backends.probes.answer import said, serve
from lorabridge.backends.probes.guard import forbid
from lorabridge.backends.probes.reads import flat


def reply(question: dict[str, Any]) -> dict[str, Any]:
    """`{"job"}` to `{"used": {"job.json": {key: value}}, "errors"}`."""
    from lorabridge.backends.embedded.trainer.job import load_job

    try:
        job = load_job(Path(question["job"]))
    except Exception as error:
        return {"used": {}, "errors": [said(error)]}
    return {"used": {"job.json": dict(flat(job.model_dump(mode="json", by_alias=True)))}, "errors": []}


def main() -> None:
    """Serve. The folder that holds lorabridge is the first argument, the folder of the files the second."""
    forbid(Path(sys.argv[2]))
    serve(reply)
