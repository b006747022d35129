"""The full state of a run on disk, from which it goes on as if it had never stopped.

A state is a folder `state/step-00000010` with `adapter.safetensors`, `average.safetensors` (with EMA), `optimizer.pt`,
`random.pt` and `state.json`. It appears under its name only when it is complete.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from .errors import TrainerError
from .files import folder_atomic
from .job import Job
from .lora import Average

_VERSION = 1


def fingerprint(job: Job, order_digest: str) -> dict[str, Any]:
    """What must not change between a state and the run that takes it up. Length, rhythm and learning rate may."""
    return {
        "family": job.model.family,
        "dtype": job.model.dtype,
        "adapter": job.adapter.model_dump(mode="json", exclude={"init_from", "dropout"}),
        "optimizer": job.optimizer.type,
        "seed": job.train.seed,
        "batch_size": job.train.batch_size,
        "gradient_accumulation": job.train.gradient_accumulation,
        "ema": job.ema_decay is not None,
        "data": order_digest,
    }


def state_folder(output: Path, step: int) -> Path:
    """Where the state after `step` steps lies."""
    return output / "state" / f"step-{step:08d}"


def newest_state(output: Path) -> Path | None:
    """The complete state with the most steps, if there is one."""
    found = [path for path in sorted((output / "state").glob("step-*")) if (path / "state.json").is_file()]
    found = [path for path in found if path.name.removeprefix("step-").isdigit()]
    return found[-1] if found else None


def write_state(
    folder: Path,
    step: int,
    parameters: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    average: Average | None,
    *,
    scaler: dict[str, Any],
    marks: dict[str, Any],
) -> None:
    """Write one state; `marks` is the fingerprint."""
    with folder_atomic(folder) as partial:
        save_file(_plain(parameters), partial / "adapter.safetensors")
        if average is not None:
            save_file(_plain(average.values), partial / "average.safetensors")
        torch.save(optimizer.state_dict(), partial / "optimizer.pt")
        torch.save(_random_state(), partial / "random.pt")
        content = {"version": _VERSION, "step": step, "scaler": scaler, "fingerprint": marks}
        (partial / "state.json").write_text(json.dumps(content, indent=1), encoding="utf-8")


def read_state(
    folder: Path,
    parameters: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    average: Average | None,
    marks: dict[str, Any],
) -> tuple[int, dict[str, Any]]:
    """Put a state back; returns its step and the state of the gradient scaler.

    Raises:
        TrainerError: there is no state, it is damaged, or it belongs to another run.
    """
    try:
        content = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        _compare(folder, content["fingerprint"], marks)
        _fill(parameters, load_file(folder / "adapter.safetensors"))
        if average is not None:
            _fill(average.values, load_file(folder / "average.safetensors"))
        optimizer.load_state_dict(torch.load(folder / "optimizer.pt", weights_only=True))
        _restore_random(torch.load(folder / "random.pt", weights_only=True))
        return int(content["step"]), content["scaler"]
    except TrainerError:
        raise
    except Exception as error:
        # whatever a damaged file provokes, the message has to name the folder
        raise TrainerError(f"resume: {folder} cannot be used: {type(error).__name__}: {error}") from error


def prune(paths: list[Path], keep: int | None) -> None:
    """Remove all but the last `keep` of `paths`, oldest first in the list."""
    for path in paths[:-keep] if keep is not None else []:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _compare(folder: Path, stored: dict[str, Any], marks: dict[str, Any]) -> None:
    differing = [key for key in marks if stored.get(key) != marks[key]]
    if differing:
        told = "; ".join(f"{key}: {stored.get(key)!r} then, {marks[key]!r} now" for key in differing)
        raise TrainerError(f"resume: {folder} belongs to another run: {told}")


def _plain(tensors: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _fill(into: Any, stored: dict[str, torch.Tensor]) -> None:
    if set(into) != set(stored):
        raise TrainerError(f"resume: the state trains other modules: {sorted(set(into) ^ set(stored))[:4]}")
    with torch.no_grad():
        for name, tensor in into.items():
            tensor.copy_(stored[name])


def _random_state() -> dict[str, Any]:
    version, words, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "python": (version, list(words), gauss),
        "numpy": (kind, torch.from_numpy(np.asarray(keys).astype(np.int64)), int(position), int(has_gauss), float(cached)),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def _restore_random(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["torch"])
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    if "cuda" in state and torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
