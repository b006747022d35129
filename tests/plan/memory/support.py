"""A config of a few words, and its estimate."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from lorabridge.backends import get_backend
from lorabridge.backends.footprint import Footprint, footprint_of
from lorabridge.config.load import Loaded, load
from lorabridge.families.resolve import Resolved, resolve
from lorabridge.plan.memory.estimate import Estimate, estimate
from lorabridge.resources import preset

HEAD = "lorabridge: 1\nname: a\ntrain: {for: 1600 steps}\n"


def loaded_text(text: str) -> Loaded:
    """Load a whole text."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_text(text, "utf-8")
        return load(path, presets=preset, environ={}, shown="x.yaml")


def resolved(text: str, trainer: str) -> Resolved:
    """A config without its head, resolved."""
    loaded = loaded_text(HEAD + text)
    assert loaded.config is not None, loaded.diagnostics
    found = resolve(loaded.config, trainer)
    assert isinstance(found, Resolved)
    return found


def estimated(text: str, trainer: str, facts: Footprint | None = None) -> Estimate:
    """The estimate; the model must be known."""
    found = estimate(resolved(text, trainer), trainer, facts or footprint_of(get_backend(trainer)))
    assert isinstance(found, Estimate), found
    return found


def config(
    family: str,
    variant: str,
    *,
    side: int = 1024,
    frames: int = 0,
    model: str = "",
    more: str = "",
    optimizer: str = "adamw8bit",
    rank: int = 32,
) -> str:
    """The usual config of a family."""
    data = f"videos: v, video: {{frames: [{frames}]}}" if frames else "images: p"
    return (
        f"model: {{family: {family}, variant: {variant}{model}}}\ndatasets: [{{{data}, resolution: [{side}]}}]\n"
        f"optimizer: {optimizer}\nadapter: {{rank: {rank}}}\n{more}"
    )
