"""One folder per trainer; the only place that knows a trainer's names. Each folder has the same few modules."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from lorabridge.backends.base import Backend

BACKENDS: dict[str, str] = {
    "musubi": "lorabridge.backends.musubi",
    "diffusion-pipe": "lorabridge.backends.diffusion_pipe",
    "ai-toolkit": "lorabridge.backends.ai_toolkit",
    "embedded": "lorabridge.backends.embedded",
}
"""Trainer name to package. Imported when used: start-up is a budget."""

ENTRY_POINTS = "lorabridge.backends"


def backend_names() -> list[str]:
    """All known trainers: the built-in ones, then those of installed packages."""
    from importlib.metadata import entry_points

    return [*BACKENDS, *sorted(point.name for point in entry_points(group=ENTRY_POINTS) if point.name not in BACKENDS)]


def module_of(name: str) -> str:
    """The module that offers the backend called `name`. Raises KeyError when there is none."""
    if name in BACKENDS:
        return BACKENDS[name]
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINTS):
        if point.name == name:
            return point.module if not point.attr else point.value
    raise KeyError(name)


def get_backend(name: str) -> Backend:
    """The backend called `name`. Raises KeyError when there is none."""
    return at_module(module_of(name))


def at_module(place: str) -> Backend:
    """The backend at `package.module`, or at `package.module:attribute` as entry points write it."""
    module, _, attribute = place.partition(":")
    found = import_module(module)
    for part in attribute.split(".") if attribute else ():
        found = getattr(found, part)
    return cast(Backend, found)
