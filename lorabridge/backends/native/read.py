"""A path or a text to a `NativeFile`. Nothing is raised: what cannot be read becomes a finding."""

from __future__ import annotations

from pathlib import Path

from lorabridge.backends.native.model import Kind, NativeFile
from lorabridge.config.document import MAX_BYTES
from lorabridge.diagnostics import Diagnostic, Span
from lorabridge.files import open_file

KINDS: dict[str, Kind] = {
    ".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".jsonc": "json",
    ".sh": "shell", ".bash": "shell", ".zsh": "shell", ".bat": "shell", ".cmd": "shell", ".ps1": "shell", ".txt": "shell",
}  # fmt: skip
"""File name suffix to what the file is written in."""


def kind_of(name: str, text: str = "") -> Kind | None:
    """What a file is written in, by its name; a file without suffix that starts with `#!` is a script."""
    suffix = Path(name).suffix.lower()
    return KINDS.get(suffix) or ("shell" if text.startswith("#!") else None)


def read_path(path: Path, shown: str = "") -> NativeFile:
    """Read a file from disk."""
    shown = shown or str(path)
    try:
        with open_file(path) as handle:
            raw = handle.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        return _broken(shown, f"cannot read `{shown}`: {getattr(error, 'strerror', None) or error}", "check the path", "LB109")
    if len(raw) > MAX_BYTES:
        return _broken(
            shown, f"`{shown}` is larger than {MAX_BYTES // 1000} kB", "a config is a page or two; is this the right file?", "LB109"
        )
    return read_bytes(raw, shown)


def read_bytes(raw: bytes, shown: str) -> NativeFile:
    """Decode as the trainers do: UTF-8, a byte-order mark kept."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _broken(
            shown,
            f"`{shown}` is UTF-16",
            "save it as UTF-8 without byte-order mark",
            why="the trainer's reader takes UTF-8 only and stops at once",
        )
    try:
        return read_text(raw.decode("utf-8"), shown)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _broken(
            shown,
            f"`{shown}` is not UTF-8 (byte {error.start}, line {line})",
            "save it as UTF-8",
            line=line,
            why="the trainer stops with UnicodeDecodeError",
        )


def read_text(text: str, name: str, kind: Kind | None = None) -> NativeFile:
    """Parse a text; its kind comes from the name unless given."""
    kind = kind or kind_of(name, text)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        return _broken(name, f"`{name}` holds a NUL byte; it is not a text file", "is this the right file?", "LB109", line)
    if kind == "toml":
        from lorabridge.backends.native.toml_reader import read_toml

        return read_toml(name, text)
    if kind == "yaml":
        from lorabridge.backends.native.yaml_reader import read_yaml

        return read_yaml(name, text)
    if kind == "json":
        from lorabridge.backends.native.yaml_reader import read_json

        return read_json(name, text)
    from lorabridge.backends.native.shell import read_shell

    return read_shell(name, text)


def _broken(name: str, message: str, fix: str, code: str = "LB320", line: int = 1, why: str = "") -> NativeFile:
    found = Diagnostic(code, message, Span(name, line, 1, line, 1), why=why, fix=fix)
    return NativeFile(name, "", kind_of(name) or "shell", diagnostics=[found])
