"""The dataset file: the defaults at its top and its `[[directory]]` tables.

Most of what goes wrong here does so in the caching process. When that dies, the run does not: it waits for it for ever.
"""

from __future__ import annotations

from typing import Any

from lorabridge.backends.diffusion_pipe.contract import contract
from lorabridge.backends.diffusion_pipe.lint_buckets import check_buckets
from lorabridge.backends.diffusion_pipe.lint_job import Job, report, spell, stranger, unexpanded
from lorabridge.backends.diffusion_pipe.lint_tables import DIRECTORY_ONLY, TOP_ONLY
from lorabridge.backends.diffusion_pipe.lint_values import HANG, check_value
from lorabridge.backends.native import NativeFile
from lorabridge.config.paths import KeyPath
from lorabridge.diagnostics import Severity

_BEFORE = "before caching"
_OWN_RULES = frozenset({"resolutions", "size_buckets", "ar_buckets", "frame_buckets", "num_repeats", "directory"})
_DIES = frozenset({"cache_shuffle_num", "caption_prefix", "cache_shuffle_delimiter"})
_SUPPORTED_BY_COSMOS = frozenset((w, h, f) for w, h in ((960, 960), (960, 704), (704, 960), (1280, 704), (704, 1280)) for f in (1, 121))


def check_dataset(job: Job, file: NativeFile) -> None:
    """All rules about one dataset file."""
    _keys(job, file, (), file.data)
    tables = _directories(job, file)
    top = {key: value for key, value in file.data.items() if key != "directory"}
    check_buckets(job, file, (), top, tables)
    _values(job, file, (), top)
    _subsample(job, file)
    for index, table in enumerate(tables):
        here: KeyPath = ("directory", index)
        _keys(job, file, here, table)
        check_buckets(job, file, here, table, [table], top)
        _values(job, file, here, table, top)
        _paths(job, file, here, table)
    _twice(job, file, tables)
    _quits(job, file, top, tables)


def _directories(job: Job, file: NativeFile) -> list[dict[str, Any]]:
    value = file.data.get("directory")
    if "directory" not in file.data:
        report(job.found, file, "LB318", "directory", "no `[[directory]]`", f"KeyError {_BEFORE}", "write `[[directory]]` with `path`")
    elif isinstance(value, dict):
        why = f"AttributeError {_BEFORE}: a single table is no list of tables"
        report(job.found, file, "LB313", "directory", "`[directory]` must be `[[directory]]`", why, "write double brackets", on="key")
        return [value]
    elif not isinstance(value, list) or any(not isinstance(item, dict) for item in value):
        report(
            job.found,
            file,
            "LB313",
            "directory",
            "`directory` must be a list of tables",
            f"it fails {_BEFORE}",
            "write `[[directory]]`",
            on="key",
        )
    elif not value:
        report(
            job.found,
            file,
            "LB315",
            "directory",
            "`directory` is empty",
            "there is nothing to train on: it fails after caching",
            "write `[[directory]]`",
        )
    else:
        return value
    return []


def _keys(job: Job, file: NativeFile, here: KeyPath, table: dict[str, Any]) -> None:
    known: dict[str, Any] = contract()["directory" if here else "dataset"]
    place = "[[directory]] of the dataset file" if here else "the dataset file"
    for key, value in table.items():
        path = (*here, key)
        if (here and key in TOP_ONLY) or (not here and key in DIRECTORY_ONLY):
            home = "the top of the file" if here else "[[directory]]"
            report(job.found, file, "LB311", path, f"`{key}` is not read here", "it has no effect", f"move it to {home}", on="key")
        elif key not in known and key not in (*DIRECTORY_ONLY, *TOP_ONLY):
            stranger(job.found, file, path, [*known, *(DIRECTORY_ONLY if here else TOP_ONLY)], place)
        elif key == "path" or key in _OWN_RULES or key == "subsample_ratio":
            continue
        else:
            check_value(job.found, file, path, value, known[key], HANG if key in _DIES else f"it fails {_BEFORE}")


def _values(job: Job, file: NativeFile, here: KeyPath, table: dict[str, Any], top: dict[str, Any] | None = None) -> None:
    """Repeats and captions. Values that stand in `top` are reported there."""
    _repeats(job, file, here, table)
    count, delimiter = table.get("cache_shuffle_num"), table.get("cache_shuffle_delimiter")
    if type(count) is int and count < 0:
        why = f"every picture is left without captions: {HANG}"
        report(job.found, file, "LB316", (*here, "cache_shuffle_num"), f"`cache_shuffle_num = {count}`", why, "write 0 or more")
    both = {**(top or {}), **table}
    if delimiter == "" and (both.get("shuffle_tags") or both.get("cache_shuffle_num")):
        why = f"nothing can be split at an empty text (ValueError): {HANG}"
        report(job.found, file, "LB316", (*here, "cache_shuffle_delimiter"), "`cache_shuffle_delimiter` is empty", why, 'write ", "')


def _repeats(job: Job, file: NativeFile, here: KeyPath, table: dict[str, Any]) -> None:
    if "num_repeats" not in table:
        return
    value, path = table["num_repeats"], (*here, "num_repeats")
    if not isinstance(value, int | float):
        says = f"`num_repeats = {spell(value)}` is no number"
        report(job.found, file, "LB316", path, says, f"TypeError: {HANG}", "write a number above 0")
    elif value <= 0:
        says = f"`num_repeats = {spell(value)}` must be above 0"
        report(job.found, file, "LB316", path, says, f"ValueError: {HANG}", "write 1 or more, or remove the folder")
    elif value < 1:
        why = "the samples of each size are cut to that part, rounded down; when none is left anywhere, RuntimeError after the models are loaded"
        report(job.found, file, "LB317", path, f"`num_repeats = {value}` leaves samples out", why, "write 1 or more", "warning")


def _subsample(job: Job, file: NativeFile) -> None:
    value, path = file.data.get("subsample_ratio"), ("subsample_ratio",)
    good = (
        check_value(job.found, file, path, value, {"type": "float"}, "TypeError after the models are loaded")
        if value is not None
        else False
    )
    if not good or not value:
        return
    if value < 0:
        report(
            job.found,
            file,
            "LB317",
            path,
            f"`subsample_ratio = {value}` cuts from the end",
            "it is used as a slice",
            "write a fraction, or 0",
            "error",
        )
    elif value > 1:
        report(
            job.found,
            file,
            "LB317",
            path,
            f"`subsample_ratio = {value}` has no effect",
            "there are no more batches than all",
            "write a fraction",
            "warning",
        )


def _paths(job: Job, file: NativeFile, here: KeyPath, table: dict[str, Any]) -> None:
    if "path" not in table:
        report(job.found, file, "LB318", here, "`path` is missing in [[directory]]", f"KeyError {_BEFORE}", "write `path`", on="key")
    for key in DIRECTORY_ONLY:
        value = table.get(key)
        if key not in table:
            continue
        if check_value(job.found, file, (*here, key), value, {"type": "str"}, f"TypeError {_BEFORE}"):
            unexpanded(job.found, file, (*here, key), value)
        if value == "":
            report(
                job.found,
                file,
                "LB317",
                (*here, key),
                f"`{key}` is empty",
                "it is taken as the working directory, not as `off`",
                "remove it",
            )
    if "control_path" not in table or job.arch is None:
        return
    if job.type == "flux2":
        why = "AttributeError at the first batch, after everything is loaded: the trainer's FLUX.2 uses a name that is never set"
        report(
            job.found,
            file,
            "LB315",
            (*here, "control_path"),
            "flux2 cannot be trained to edit here",
            why,
            "remove it, or train with another model type",
        )
    elif not job.arch.edit:
        why = "TypeError in caching; the traceback is printed and the run waits for ever"
        report(
            job.found,
            file,
            "LB316",
            (*here, "control_path"),
            f"{job.name} takes no control pictures",
            why,
            "remove it; `flux` and `qwen_image` take them",
        )


def _twice(job: Job, file: NativeFile, tables: list[dict[str, Any]]) -> None:
    seen: dict[str, KeyPath] = {}
    for index, table in enumerate(tables):
        value, here = table.get("path"), ("directory", index, "path")
        if not isinstance(value, str):
            continue
        plain = value.rstrip("/")
        if plain in seen:
            why = "both use one cache folder, and every sample is trained twice as often"
            report(
                job.found,
                file,
                "LB317",
                here,
                f"`{value}` is listed twice",
                why,
                "use `num_repeats`, or remove one",
                "warning",
                related=[seen[plain]],
            )
        seen.setdefault(plain, here)


def _quits(job: Job, file: NativeFile, top: dict[str, Any], tables: list[dict[str, Any]]) -> None:
    """Two checks of the trainer's own that print a warning and then exit with success."""
    if job.start is not None and job.start.says("i_know_what_i_am_doing"):
        return
    severity: Severity = "error" if job.start is not None else "warning"
    why = "the trainer prints a warning and exits with 0, without training, unless it is started with --i_know_what_i_am_doing"
    for index, table in [(-1, top), *enumerate(tables)]:
        value = table.get("resolutions")
        here: KeyPath = ("resolutions",) if index < 0 else ("directory", index, "resolutions")
        overridden = index < 0 and tables and all("resolutions" in other for other in tables)
        if isinstance(value, list) and len(value) > 3 and not overridden:
            says = f"{len(value)} resolutions: every picture is trained at each of them"
            report(job.found, file, "LB323", here, says, why, "write 3 at most, or start it with that flag", severity)
    if job.type != "cosmos":
        return
    for index, table in [(-1, top), *enumerate(tables)]:
        sizes = table.get("size_buckets")
        odd = [key for key in ("min_ar", "max_ar", "num_ar_buckets", "resolutions") if key in table]
        good = isinstance(sizes, list) and sizes and all(isinstance(item, list) and tuple(item) in _SUPPORTED_BY_COSMOS for item in sizes)
        if odd or not good:
            path: KeyPath = () if index < 0 else ("directory", index)
            path = (*path, odd[0]) if odd else (*path, "size_buckets")
            says = "cosmos takes only `size_buckets` of its list, at the top and in each directory"
            report(job.found, file, "LB323", path, says, why, "see examples/cosmos_dataset.toml of the trainer", severity, on="key")
            break
