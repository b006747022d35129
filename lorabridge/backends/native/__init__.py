"""Reading the trainers' own files and launch commands as they are: data with positions, and which trainer they are for."""

from lorabridge.backends.native.argv import Argument, Launch, arguments, launches
from lorabridge.backends.native.detect import detect
from lorabridge.backends.native.findings import Findings
from lorabridge.backends.native.model import Command, NativeFile, Word
from lorabridge.backends.native.read import read_path, read_text

__all__ = [
    "Argument", "Command", "Findings", "Launch", "NativeFile", "Word", "arguments", "detect", "launches", "read_path", "read_text",
]  # fmt: skip
