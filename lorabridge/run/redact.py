"""Secrets of the environment masked in a byte stream, before anything is written."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAMES = re.compile(r"(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)$", re.IGNORECASE)
_SHORTEST = 8


def secrets_in(environ: Mapping[str, str]) -> list[bytes]:
    """The values that must not be written: those of variables with telling names. Short ones are words, not secrets."""
    values = {value.encode("utf-8", "surrogateescape") for name, value in environ.items() if _NAMES.search(name)}
    return sorted((value for value in values if len(value) >= _SHORTEST), key=lambda value: (-len(value), value))


class Redactor:
    """Replaces secrets by as many asterisks, whatever the cuts. Only a tail that may become a secret is held back."""

    def __init__(self, secrets: list[bytes]) -> None:
        self._pattern = re.compile(b"|".join(map(re.escape, secrets))) if secrets else None
        self._secrets = secrets
        self._tail = b""

    def feed(self, data: bytes) -> bytes:
        """What can be shown of the stream so far and was not given before."""
        if self._pattern is None:
            return data
        text = self._pattern.sub(lambda match: b"*" * len(match[0]), self._tail + data)
        keep = self._open_end(text)
        self._tail = text[len(text) - keep :]
        return text[: len(text) - keep]

    def close(self) -> bytes:
        """The rest, when the stream has ended."""
        rest, self._tail = self._tail, b""
        return rest

    def _open_end(self, text: bytes) -> int:
        """Length of the longest end of `text` that a secret begins with."""
        return max((size for secret in self._secrets for size in range(1, len(secret)) if text.endswith(secret[:size])), default=0)
