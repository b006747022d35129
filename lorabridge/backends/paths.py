"""Paths as a trainer must see them, decided from the text alone: the same on every machine."""

from __future__ import annotations

import os
import posixpath
import re

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_HUB = re.compile(r"[\w.-]+/[\w.-]+")
_FILE = (".safetensors", ".sft", ".gguf", ".pth", ".pt", ".bin", ".ckpt")


def is_hub_id(value: str) -> bool:
    """`org/name` without a leading `.`, `/` or `~` and without a weight file's extension is a hub id.

    A local folder of that shape is written `./org/name`.
    """
    return bool(_HUB.fullmatch(value)) and not value.startswith((".", "~")) and not value.endswith(_FILE)


def is_hub_file(value: str) -> bool:
    """`org/name/path/to/file.safetensors`: a file on the hub, for the fields that take one."""
    return value.count("/") >= 2 and not value.startswith((".", "/", "~")) and value.endswith(_FILE) and not _DRIVE.match(value)


def absolute(value: str, root: str) -> str:
    """An absolute path with forward slashes; relative ones start at `root`, `~` is the home folder."""
    value = value.replace("\\", "/") if _DRIVE.match(value) or ("\\" in value and ":" not in value) else value
    if value.startswith("~"):
        value = os.path.expanduser(value).replace("\\", "/")
    if value.startswith("/") or _DRIVE.match(value):
        return posixpath.normpath(value)
    return posixpath.normpath(posixpath.join(root.replace("\\", "/"), value))
