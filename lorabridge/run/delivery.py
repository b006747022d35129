"""What a run delivered: is each checkpoint the LoRA that the config asked for. (`artifacts.verify` looks; this is the verdict.)"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lorabridge.config.load import Loaded
from lorabridge.diagnostics import Diagnostic
from lorabridge.run.folder import RunFolder


@dataclass(frozen=True)
class Delivery:
    """The verdict on one checkpoint, a file or a folder. `checked` says in words what was looked at."""

    checkpoint: Path
    diagnostics: tuple[Diagnostic, ...] = ()
    checked: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Nothing was found that forbids its use."""
        return not self.problem

    @property
    def problem(self) -> str:
        """The first error as one sentence; empty where there is none."""
        return next((item.message for item in self.diagnostics if item.severity == "error"), "")


def verdict_of(checkpoint: Path, loaded: Loaded | None = None, trainer: str = "", steps: int | None = None) -> Delivery:
    """Verify a checkpoint: whole, finite, trained; with `loaded` also rank, alpha, targets, kind, dtype and step as the config says.

    `steps` is what the plan counts (epochs and samples become steps there). Reads the file once, with bounded memory, and
    raises nothing: what cannot be read is a finding. Takes about as long as reading the file; call it off the critical path.
    """
    from lorabridge.artifacts.expect import expectation
    from lorabridge.artifacts.verify import verify

    expected = expectation(loaded, trainer, steps) if loaded is not None else None
    if isinstance(expected, list):
        expected = None
    files = sorted(checkpoint.rglob("*.safetensors")) if checkpoint.is_dir() else [checkpoint] if checkpoint.exists() else []
    if not files:
        text = f"`{checkpoint.name}` holds no .safetensors file" if checkpoint.exists() else f"`{checkpoint.name}` is not there"
        return Delivery(checkpoint, (Diagnostic("LB801", text, fix="look for errors of the save in the log"),))
    looks = [verify(file, expected) for file in files]
    checked = dict.fromkeys(text for look in looks for text in look.checked)
    found = (item for look in looks for item in look.diagnostics)
    return Delivery(checkpoint, tuple(_lenient(item) for item in found), tuple(checked))


def _lenient(item: Diagnostic) -> Diagnostic:
    """Trainers count steps in their own ways, and the run's record tells how far it came: a good file is not rejected for that."""
    return replace(item, severity="warning") if item.code == "LB816" else item


def verdict_in(run: RunFolder, checkpoint: Path) -> Delivery:
    """Verify a checkpoint against the config and the plan that its run's folder holds, as far as they are there."""
    from lorabridge.artifacts.identity import read_json
    from lorabridge.config.load import load

    plan = read_json(run.plan)
    steps = plan.get("total_steps")
    loaded = load(run.resolved) if run.resolved.is_file() else None
    return verdict_of(checkpoint, loaded, str(plan.get("backend", "")), steps if isinstance(steps, int) else None)


def problem_of(checkpoint: Path, loaded: Loaded | None = None, trainer: str = "", steps: int | None = None) -> str:
    """Why a checkpoint is not the LoRA that was asked for; empty when it is."""
    return verdict_of(checkpoint, loaded, trainer, steps).problem


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def readable(size: float) -> str:
    """`512 B`, `3.2 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
