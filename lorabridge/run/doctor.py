"""What this machine has: trainers, GPUs, disk. Looks only; starts nothing but `nvidia-smi`."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lorabridge import __version__
from lorabridge.backends import BACKENDS, get_backend
from lorabridge.config.load import Loaded
from lorabridge.plan.drift import Drift, drift
from lorabridge.plan.upgrade import config_lines, for_config, for_native
from lorabridge.plan.write import home_variable

_PARTS = ("torch", "diffusers", "peft", "transformers", "safetensors")


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report; `step` says what to do when something is missing."""

    topic: str
    ok: bool
    text: str
    step: str = ""


def examine() -> list[Finding]:
    """Everything that was found, in reading order."""
    return [_self(), *_trainers(), _embedded(), *_gpus(), _disk()]


def _self() -> Finding:
    return Finding(
        "lorabridge",
        True,
        f"{__version__}, Python {platform.python_version()} at {sys.executable}, {platform.system()} {platform.machine()}",
    )


def _trainers() -> Iterator[Finding]:
    for name in BACKENDS:
        if name == "embedded":
            continue
        backend = get_backend(name)
        found = backend.locate(os.environ)
        if found is None:
            yield Finding(
                name, False, "not found", f"clone it, install it as its README says, then set {home_variable(name)}=/path/to/{name}"
            )
            continue
        text = f"{found.home}, commit {found.commit[:10] or 'unknown'}, Python {found.python}"
        yield Finding(name, not found.problems, "; ".join([text, *found.problems]), _drifted(drift_of(name)))


def drift_of(name: str) -> Drift | None:
    """What the installed trainer changes against the facts that configs are checked with; None where that cannot be asked."""
    backend = get_backend(name)
    found = backend.locate(os.environ)
    return drift(found.home, name, found.commit, known=backend.COMMIT) if found is not None and found.commit else None


def _drifted(found: Drift | None) -> str:
    if found is None or not found.any:
        return ""
    if found.problem:
        return f"the facts are of {found.known[:10]}, and what changed cannot be told: {found.problem}"
    count = len(found.changes)
    told = f"{count} option{'s' if count != 1 else ''} changed since" if count else "no option changed since"
    return f"the facts are of {found.known[:10]}; {told}" + ("; `lorabridge doctor CONFIG` says what concerns it" if count else "")


def installed(names: Iterable[str]) -> list[str]:
    """Those of the trainers that are found on this machine."""
    return [name for name in names if get_backend(name).locate(os.environ) is not None]


def about(file: str, config: Loaded | Sequence[str], names: Sequence[str]) -> list[Finding]:
    """What the drift of the installed trainers does to a config, or to the files of a trainer's own that `config` lists."""
    results: list[Finding] = []
    for name in names:
        found = drift_of(name)
        if found is None:
            results.append(Finding(name, False, f"{file}: {name} is not installed, or its commit is unknown"))
        elif not found.any:
            results.append(Finding(name, True, f"{file}: {name} is at {found.known[:10]}, the commit that configs are checked with"))
        else:
            native = isinstance(config, list | tuple)
            result = for_native(config, name, found.changes) if native else for_config(file, config, name, found.changes)  # type: ignore[arg-type]
            clean = not (result.concerns or result.problem or found.problem)
            more = f"lorabridge contract diff {found.known[:10]} {found.home} {file}"
            text = found.problem or f"{len(found.changes)} changes since {found.known[:10]}; " + "\n".join(config_lines(result))
            results.append(Finding(name, clean, text, "" if clean else more))
    return results


def _embedded() -> Finding:
    missing = [part for part in _PARTS if importlib.util.find_spec(part) is None]
    if missing:
        return Finding("embedded", False, f"the embedded trainer lacks {', '.join(missing)}", "pip install 'lorabridge[embedded]'")
    return Finding("embedded", True, "torch, diffusers and peft are installed")


def _gpus() -> Iterator[Finding]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        yield Finding(
            "GPU",
            False,
            "no NVIDIA driver (nvidia-smi is not on the PATH)",
            "check, compile and the demo work without; real models need a GPU",
        )
        return
    query = [tool, "--query-gpu=index,name,memory.total,memory.used,driver_version", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Finding("GPU", False, f"nvidia-smi did not answer: {error}", "is the driver loaded?")
        return
    rows = [line.split(", ") for line in done.stdout.splitlines() if line.count(", ") == 4]
    for index, name, total, used, driver in rows:
        yield Finding(f"GPU {index}", True, f"{name}, {int(total) / 1024:.1f} GiB ({int(used) / 1024:.1f} used), driver {driver}")
    if not rows:
        yield Finding("GPU", False, done.stderr.strip() or done.stdout.strip() or "nvidia-smi lists no GPU", "is the driver loaded?")


def _disk() -> Finding:
    usage = shutil.disk_usage(Path.cwd())
    free = usage.free / 2**30
    step = "" if free > 20 else "checkpoints, states and caches of a run take 5 to 50 GiB"
    return Finding("disk", free > 20, f"{free:.0f} GiB free here", step)
