"""The kinds of defects that a scan finds, as a table, and how many of them become few findings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lorabridge.data.rules import Effect, Rules
from lorabridge.diagnostics import Diagnostic, Span

SHOWN = 4
"""Files that one finding names; the rest is counted."""
MOST_EACH = 2000
"""Findings of one kind in the formats for machines."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: its code, what is said of one file and of several, what to do, and what holds where no trainer says more."""

    code: str
    one: str
    many: str
    fix: str
    effect: Effect | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One defect of one file. `detail` stands behind the file's name, `line` and `column` count from 1 (0: none)."""

    kind: str
    path: str
    detail: str = ""
    line: int = 0
    column: int = 0
    source: str = ""


def _always(severity: str, text: str) -> Effect:
    return Effect(severity, text)  # type: ignore[arg-type]


_DECODE = _always("error", "trainers stop at it, leave it out, or hang")
KINDS: dict[str, Kind] = {
    "caption_missing": Kind("LB403", "has no caption", "have no caption", "write the captions, or set `captions.default`"),
    "clip_caption_missing": Kind("LB403", "has no caption", "have no caption", "write the captions, or move the clips away"),
    "caption_empty": Kind("LB404", "is an empty caption", "are empty captions", "describe the picture in it"),
    "caption_encoding": Kind("LB405", "is not UTF-8", "are not UTF-8", "save it as UTF-8 (`iconv -t utf-8`)"),
    "caption_bom": Kind("LB406", "starts with a byte order mark", "start with a byte order mark", "save it as UTF-8 without BOM"),
    "caption_control": Kind(
        "LB407",
        "holds a control character",
        "hold control characters",
        "remove it",
        _always("warning", "it reaches the tokenizer as an unknown token; a NUL cuts the text short in some tools"),
    ),
    "caption_long": Kind(
        "LB408",
        "is a very long caption",
        "are very long captions",
        "shorten it to what matters",
        _always("warning", "text encoders read 77 to 512 tokens and cut off the rest in silence"),
    ),
    "trigger_absent": Kind(
        "LB409",
        "lacks the trigger word",
        "lack the trigger word",
        "`lorabridge data caption-edit … --trigger` puts it in",
        _always("warning", "what such pictures show is not tied to the word, and the word does not call it"),
    ),
    "same_stem": Kind("LB410", "shares its name, and so its caption, with another", "share a name, and so a caption", "rename one of them"),
    "orphan": Kind(
        "LB411",
        "is a caption without a picture",
        "are captions without a picture",
        "bring the picture back, or remove the caption",
        _always("hint", "a picture may have been lost or renamed"),
    ),
    "broken": Kind("LB412", "cannot be read", "cannot be read", "export it again, or remove it", _DECODE),
    "cut": Kind("LB413", "is cut short", "are cut short", "copy or download it again", _DECODE),
    "misnamed": Kind(
        "LB414",
        "holds another format than its ending says",
        "hold another format than their endings say",
        "rename it",
        _always("hint", "most readers look at the bytes; tools that trust the name do not open it"),
    ),
    "turned": Kind("LB415", "is turned by EXIF", "are turned by EXIF", "write the pixels upright (`exiftran -a`, `mogrify -auto-orient`)"),
    "alpha": Kind("LB416", "has transparency", "have transparency", "put the background there that you want to be learnt"),
    "cmyk": Kind("LB417", "is CMYK", "are CMYK", "convert it to sRGB with its profile"),
    "deep": Kind(
        "LB418",
        "has more than 8 bits per channel",
        "have more than 8 bits per channel",
        "convert it to 8-bit sRGB",
        _always("hint", "it is reduced to 8 bits"),
    ),
    "deep_grey": Kind("LB418", "is 16-bit greyscale", "are 16-bit greyscale", "convert it to 8-bit sRGB"),
    "palette": Kind("LB419", "has a palette", "have a palette", "use the original, with all its colours"),
    "animated": Kind("LB420", "is animated", "are animated", "keep one frame, or make a clip of it"),
    "small": Kind(
        "LB421",
        "is smaller than the training size",
        "are smaller than the training size",
        "use larger originals, or a smaller `resolution`",
    ),
    "small_kept": Kind(
        "LB421",
        "is smaller than the training size",
        "are smaller than the training size",
        "use larger originals, or a smaller `resolution`",
    ),
    "duplicate": Kind(
        "LB422",
        "is a copy of another file",
        "are copies of other files",
        "remove the copies; `repeats` shows pictures more often",
        _always("warning", "it weighs more than the others, and the captions may contradict each other"),
    ),
    "similar": Kind(
        "LB423",
        "is nearly the same as another",
        "are nearly the same as others",
        "keep the best one",
        _always("warning", "it weighs more than the others: the model learns this very picture"),
    ),
    "mask_missing": Kind("LB424", "has no mask", "have no mask", "add a mask of the same name"),
    "mask_size": Kind("LB425", "has a mask of another size", "have masks of another size", "make the mask of the picture's size"),
    "control_missing": Kind("LB426", "has no control picture", "have no control picture", "add one of the same name"),
    "control_size": Kind("LB427", "has a control picture of another shape", "have control pictures of another shape", "crop both alike"),
    "nested_companion": Kind(
        "LB428",
        "holds companions and lies in the data folder",
        "hold companions and lie in the data folder",
        "move it beside the data folder",
        _always("error", "masks or control pictures are trained as pictures"),
    ),
    "captions_json": Kind("LB429", "is wrong", "are wrong", 'write `{"file.png": ["caption"]}`', _always("error", "captions are lost")),
    "jsonl_line": Kind(
        "LB430", "has a bad line", "have bad lines", "one JSON object with `image_path` or `video_path`, and `caption`, per line", _DECODE
    ),
    "listed_missing": Kind("LB431", "is listed and not there", "are listed and not there", "correct the list", _DECODE),
    "listed_relative": Kind(
        "LB431",
        "is a relative path in a list",
        "are relative paths in a list",
        "write absolute paths",
        _always("warning", "the trainer starts them at its own working folder, not at the list's"),
    ),
    "short": Kind(
        "LB432", "is shorter than a training sample", "are shorter than a training sample", "use longer clips, or fewer `video.frames`"
    ),
    "retimed": Kind("LB433", "is learnt at another speed", "are learnt at another speed", "convert or cut the clips, or say `video.fps`"),
    "unknown_length": Kind(
        "LB434",
        "does not state its length",
        "do not state their length",
        "convert it to MP4 to know before the run",
        _always("hint", "how many samples it gives is not known before the trainer opens it"),
    ),
    "unwritable": Kind("LB435", "cannot be written", "cannot be written", "make it writable, or copy the data"),
    "not_taken": Kind(
        "LB436",
        "is not found by the trainer",
        "are not found by the trainer",
        "rename or convert it",
        _always("warning", "its ending is not on the trainer's list: it is left out in silence"),
    ),
    "foreign": Kind(
        "LB436", "is no picture, and is tried as one", "are no pictures, and are tried as such", "move it out of the data folder"
    ),
    "nested": Kind(
        "LB437",
        "lies in a sub-folder",
        "lie in sub-folders",
        "name the sub-folder as a dataset of its own",
        _always("warning", "sub-folders are not searched: they are left out in silence"),
    ),
    "hidden": Kind(
        "LB438",
        "is hidden by its dot",
        "are hidden by their dots",
        "rename it if it is meant to be trained",
        _always("hint", "names that start with a dot are passed over"),
    ),
    "stale_cache": Kind(
        "LB440",
        "is older than the data that it caches",
        "are older than the data that they cache",
        "delete it before the run",
        _always("warning", "caches are found by name and size: a picture that was replaced is trained as it was"),
    ),
    "odd": Kind(
        "LB441",
        "is no regular file",
        "are no regular files",
        "move it out of the data folder",
        _always("error", "a pipe or device stops a trainer for ever; a broken link ends it"),
    ),
    "unreadable": Kind(
        "LB442", "cannot be opened", "cannot be opened", "check its permissions, and that nothing removes it meanwhile", _DECODE
    ),
    "bad_name": Kind(
        "LB443",
        "has a name that tools trip over",
        "have names that tools trip over",
        "rename it: letters, digits, `-`, `_`, `.`",
        _always("warning", "line breaks and bytes that are no UTF-8 break lists, logs and caches"),
    ),
    "too_many": Kind(
        "LB444",
        "holds more files than are scanned",
        "hold more files than are scanned",
        "split it",
        _always("warning", "what lies beyond was not looked at"),
    ),
    "bomb": Kind(
        "LB445",
        "has more pixels than Pillow opens",
        "have more pixels than Pillow opens",
        "make it smaller",
        _always("error", "Pillow refuses pictures of more than 178 megapixels as decompression bombs; the trainer stops or leaves it out"),
    ),
    "pixels": Kind("LB446", "has broken pixels", "have broken pixels", "export it again, or remove it", _DECODE),
}
"""Kind of defect to its code and words. `effect` None: it does harm only where the trainer's rules say what."""


_LIKE = {"pixels": "cut"}
"""Kinds that a trainer meets in the same way: when it decodes."""


def effect_of(kind: str, rules: Rules) -> Effect | None:
    """What follows from a defect with this trainer; None where it does no harm."""
    return rules.effects.get(_LIKE.get(kind, kind)) or KINDS[kind].effect


def grouped(problems: Iterable[Problem], rules: Rules, total: int, span: Span | None, path: str) -> list[Diagnostic]:
    """One finding per kind, with the first files by name and a count of the others. `total` is the number of files looked at."""
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(problem.kind, []).append(problem)
    found = []
    for kind, group in kinds.items():
        effect = effect_of(kind, rules)
        if effect is None:
            continue
        only = group[0] if len(group) == 1 else None
        row = KINDS[kind]
        if only:
            message = f"{_named(only)} {row.one}" + (f": {only.detail}" if only.detail else "")
        else:
            message = f"{len(group):,} of {total:,} files {row.many}: {_list(group)}"
        place = _span(only) if only and only.line else span
        found.append(Diagnostic(row.code, message, place, effect.severity, _why(effect, rules), row.fix, path))
    return found


def each(problems: Sequence[Problem], rules: Rules, span: Span | None, path: str) -> list[Diagnostic]:
    """One finding per file, for the formats that machines read; past `MOST_EACH` of a kind the rest is counted in one."""
    seen: dict[str, int] = {}
    found = []
    for problem in problems:
        effect = effect_of(problem.kind, rules)
        if effect is None:
            continue
        row = KINDS[problem.kind]
        seen[problem.kind] = seen.get(problem.kind, 0) + 1
        if seen[problem.kind] <= MOST_EACH:
            message = f"{_named(problem)} {row.one}" + (f": {problem.detail}" if problem.detail else "")
            found.append(Diagnostic(row.code, message, _span(problem), effect.severity, _why(effect, rules), row.fix, path))
    for kind, count in seen.items():
        if count > MOST_EACH:
            row, effect = KINDS[kind], effect_of(kind, rules)
            assert effect is not None
            found.append(
                Diagnostic(
                    row.code, f"{count - MOST_EACH:,} more files {row.many}", span, effect.severity, _why(effect, rules), row.fix, path
                )
            )
    return found


def shown(name: str) -> str:
    """A file name that is safe to print: control characters and half bytes are escaped."""
    text = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if text.isprintable() else "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _named(problem: Problem) -> str:
    return f"`{shown(os.path.basename(problem.path) or problem.path)}`"


def _list(group: Sequence[Problem]) -> str:
    names = [_named(item) + (f" ({item.detail})" if item.detail else "") for item in group[:SHOWN]]
    rest = len(group) - len(names)
    return ", ".join(names) + (f", and {rest:,} more" if rest else "")


def _span(problem: Problem) -> Span:
    line, column = max(1, problem.line), max(1, problem.column)
    return Span(shown(problem.source or problem.path), line, column, line, column + 1)


def _why(effect: Effect, rules: Rules) -> str:
    who = f"{rules.title}: " if rules.trainer else ""
    return f"{who}{effect.text}" + (f" ({effect.evidence})" if effect.evidence else "")
