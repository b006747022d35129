"""Editing captions in bulk: what would change, applying it, and taking it back. Pictures are never opened.

A journal with the old text is on disk before the first caption changes; each caption is replaced in one step, and only if it still is
what the preview saw. Links, special files, files with several names and texts in an unknown encoding are left as they are.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabridge.data.captions import MOST_BYTES, decode, encode
from lorabridge.data.problems import shown
from lorabridge.diagnostics import Diagnostic
from lorabridge.files import write_atomic

Step = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Change:
    """One caption: its bytes before and after, and both as text."""

    path: str
    before: bytes
    after: bytes
    old: str
    new: str


def steps(
    *,
    replace: Sequence[tuple[str, str]] = (),
    regex: Sequence[tuple[str, str]] = (),
    remove_trigger: str = "",
    trigger: str = "",
    prefix: str = "",
    suffix: str = "",
) -> list[Step]:
    """The edits in the order in which they are applied. Raises ValueError for a pattern that is no regular expression."""
    found: list[Step] = [_literal(old, new) for old, new in replace]
    for pattern, new in regex:
        try:
            compiled = re.compile(pattern)
            compiled.sub(new, "")
        except (re.error, IndexError) as error:
            raise ValueError(f"`{pattern}` -> `{new}`: {error}") from None
        found.append(_pattern(compiled, new))
    if remove_trigger:
        found.append(_without(remove_trigger))
    if prefix:
        found.append(lambda text: text if text.startswith(prefix) else prefix + text)
    if suffix:
        found.append(lambda text: text if text.endswith(suffix) else text + suffix)
    if trigger:
        found.append(_with(trigger))
    return found


def _literal(old: str, new: str) -> Step:
    return lambda text: text.replace(old, new)


def _pattern(compiled: re.Pattern[str], new: str) -> Step:
    return lambda text: compiled.sub(new, text)


def _word(word: str) -> str:
    return rf"(?<!\w){re.escape(word)}(?!\w)"


def _with(word: str) -> Step:
    """The word in front where it is absent; in its own spelling where only the case differs."""
    other_case = re.compile(_word(word), re.IGNORECASE)

    def apply(text: str) -> str:
        if word in text:
            return text
        if other_case.search(text):
            return other_case.sub(lambda _: word, text)
        return f"{word}, {text}" if text.strip() else word

    return apply


def _without(word: str) -> Step:
    """Without the word, and without the comma and blanks that went with it."""
    inside = re.compile(rf"{_word(word)}(?:\s*,)?[^\S\n]*")

    def apply(text: str) -> str:
        if not inside.search(text):
            return text
        return re.sub(r"\s*,\s*$", "", inside.sub("", text)).rstrip(" ")

    return apply


def preview(paths: Iterable[str], edits: Sequence[Step]) -> tuple[list[Change], list[Diagnostic]]:
    """What the edits would change, and which captions they cannot touch."""
    changes, problems = [], []
    for path in paths:
        raw, why = _safe(path)
        text = decode(raw) if not why else None
        if not why and text is None:
            why = "its encoding is not known (neither UTF-8 nor UTF-16 with a mark)"
        if text is None:
            problems.append(_left(path, why))
            continue
        body = text[0].rstrip("\r\n")
        new = body
        for edit in edits:
            new = edit(new)
        if new != body:
            after = encode(new + text[0][len(body) :], text[1])
            changes.append(Change(path, raw, after, body, new))
    return changes, problems


def _safe(path: str) -> tuple[bytes, str]:
    """The bytes of a caption that may be replaced, or why it may not."""
    try:
        facts = os.lstat(path)
        if stat.S_ISLNK(facts.st_mode):
            return b"", "it is a link: edit the file that it leads to"
        if not stat.S_ISREG(facts.st_mode):
            return b"", "it is no regular file"
        if facts.st_nlink > 1:
            return b"", "the file has several names (hard links): a new file would part them"
        if facts.st_size > MOST_BYTES:
            return b"", f"{facts.st_size:,} bytes are no caption"
        with open(path, "rb") as handle:
            return handle.read(MOST_BYTES), ""
    except OSError as error:
        return b"", error.strerror or "it cannot be read"


def _left(path: str, why: str) -> Diagnostic:
    return Diagnostic("LB449", f"`{shown(path)}` is left as it is: {why}", None, "warning", fix="edit it by hand")


def journal_folder() -> Path:
    """Where journals are kept. `LORABRIDGE_STATE` names another place."""
    named = os.environ.get("LORABRIDGE_STATE")
    if named:
        return Path(named) / "captions"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "lorabridge" / "captions"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "lorabridge" / "captions"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "lorabridge" / "captions"


def apply(changes: Sequence[Change], key: str) -> tuple[int, list[Diagnostic], Path | None]:
    """Write the changes; `key` names the dataset for `undo`. Returns how many were written, what was not, and the journal.

    Raises OSError when the journal cannot be written; nothing has changed then.
    """
    if not changes:
        return 0, [], None
    journal = journal_folder() / f"{_digest(key.encode('utf-8', 'surrogateescape'))[:24]}-{time.time_ns():020d}.json"
    _write_journal(journal, key, [(change.path, change.before, _digest(change.after)) for change in changes])
    done, problems = 0, []
    for change in changes:
        raw, why = _safe(change.path)
        if not why and raw != change.before:
            why = "it changed since it was read"
        if not why:
            why = _replace(change.path, change.after)
        if why:
            problems.append(_left(change.path, why))
        else:
            done += 1
    return done, problems, journal


def _replace(path: str, data: bytes) -> str:
    try:
        write_atomic(Path(path), data, mode=stat.S_IMODE(os.lstat(path).st_mode))
    except OSError as error:
        return error.strerror or "it cannot be written"
    return ""


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write_journal(path: Path, key: str, entries: Sequence[tuple[str, bytes, str]]) -> None:
    rows = [{"path": name, "before": base64.b64encode(before).decode(), "after": after} for name, before, after in entries]
    text = json.dumps({"version": 1, "dataset": key, "entries": rows})
    write_atomic(path, text.encode("ascii"), mode=0o600)


def undo(key: str) -> tuple[int, list[Diagnostic], bool]:
    """Take back the newest edit of a dataset. Returns how many captions have their old text again, what has not, and whether there was one."""
    name = _digest(key.encode("utf-8", "surrogateescape"))[:24]
    journals = sorted(journal_folder().glob(f"{name}-*.json"))
    if not journals:
        return 0, [], False
    try:
        entries = _entries(json.loads(journals[-1].read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        fix = "remove it to reach the edit before it"
        return 0, [Diagnostic("LB450", f"the journal `{journals[-1]}` cannot be read: {error}", fix=fix)], True
    done, problems, rest = 0, [], []
    for path, before, after in entries:
        raw, why = _safe(path)
        if not why and raw == before:
            done += 1
            continue
        if not why and _digest(raw) != after:
            why = "it changed since the edit"
        why = why or _replace(path, before)
        if why:
            text = f"`{shown(path)}` keeps its text: {why}"
            problems.append(Diagnostic("LB450", text, None, "warning", fix="edit it by hand; the old text is in the journal"))
            rest.append((path, before, after))
        else:
            done += 1
    if rest:
        _write_journal(journals[-1], key, rest)
    else:
        journals[-1].unlink(missing_ok=True)
    return done, problems, True


def _entries(data: Any) -> list[tuple[str, bytes, str]]:
    return [(str(row["path"]), base64.b64decode(row["before"], validate=True), str(row["after"])) for row in data["entries"]]


def caption_paths(folder: str, extension: str, *, recursive: bool = False) -> list[str]:
    """The caption files of a folder, in order. Hidden ones and links to folders are passed over. Raises OSError."""
    found: list[str] = []
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if recursive:
                        waiting.append(entry.path)
                elif entry.name.endswith(extension):
                    found.append(entry.path)
    return sorted(found)
