"""Where the data files are: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


@cache
def _folder(name: str) -> Path:
    inside, beside = _PACKAGE / name, _PACKAGE.parent / name
    return inside if inside.is_dir() else beside


def template_dir() -> Path:
    """The folder of presets, launch scripts and reports."""
    return _folder("templates")


def preset(name: str) -> Path | None:
    """The file of a built-in preset."""
    if len(name) > 60 or not name.replace("-", "").isalnum():
        return None
    path = template_dir() / "presets" / f"{name}.yaml"
    return path if path.is_file() else None


def schema_dir() -> Path:
    """The folder of JSON Schemas and trainer contracts."""
    return _folder("schemas")
