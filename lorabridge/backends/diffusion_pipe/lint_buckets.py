"""Sizes in the dataset file: resolutions, aspect ratios, frames, and the size buckets that replace them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lorabridge.backends.diffusion_pipe.lint_job import Job, numeric, report, spell
from lorabridge.backends.diffusion_pipe.lint_values import HANG
from lorabridge.backends.native import NativeFile
from lorabridge.config.paths import KeyPath

_AR_KEYS = ("min_ar", "max_ar", "num_ar_buckets")
_BEFORE = "before caching"
Table = dict[str, Any]


def check_buckets(job: Job, file: NativeFile, here: KeyPath, table: Table, tables: Sequence[Table], top: Table | None = None) -> None:
    """The rules for the top of the file (`top` is None, `tables` are all directories) or for one directory."""
    rules = _Rules(job, file, here, table, dict(top or {}))
    rules.resolutions()
    rules.size_buckets()
    if rules.buckets_by_ratio(tables):
        rules.ratios()
    rules.frames()
    if top is None:
        rules.top_level(tables)
    rules.unused(tables, is_top=top is None)


class _Rules:
    def __init__(self, job: Job, file: NativeFile, here: KeyPath, table: Table, top: Table) -> None:
        self.job, self.file, self.here, self.table, self.top = job, file, here, table, top

    def tell(
        self, code: str, key: str, says: str, why: str, fix: str, severity: str = "error", index: int | None = None, on: str = "value"
    ) -> None:
        path = (*self.here, key) if index is None else (*self.here, key, index)
        report(self.job.found, self.file, code, path, says, why, fix, severity, on)  # type: ignore[arg-type]

    def holds(self, table: Table, key: str) -> Any:
        return table.get(key, self.top.get(key))

    def resolutions(self) -> None:
        value = self.table.get("resolutions")
        if "resolutions" not in self.table:
            return
        if not isinstance(value, list):
            fix = f"write `resolutions = [{value}]`" if numeric(value) else "write a list, such as `[1024]`"
            self.tell("LB313", "resolutions", f"`resolutions = {spell(value)}` is no list", f"TypeError {_BEFORE}", fix)
            return
        if not value and "size_buckets" not in self.table:
            self.tell(
                "LB315", "resolutions", "`resolutions` is empty", "there is nothing to train at: it fails after caching", "write `[1024]`"
            )
        for index, item in enumerate(value):
            sides = item if isinstance(item, list) else [item]
            if not all(numeric(side) for side in sides) or (isinstance(item, list) and len(item) != 2):
                self.tell(
                    "LB315",
                    "resolutions",
                    f"{spell(item)} is neither a side nor `[width, height]`",
                    f"it fails {_BEFORE}",
                    "write numbers",
                    index=index,
                )
            elif any(side <= 0 for side in sides):
                self.tell(
                    "LB316",
                    "resolutions",
                    f"a resolution of {spell(item)}",
                    f"no size can be made of it: {HANG}",
                    "write a number above 0",
                    index=index,
                )
            elif any(side < 32 for side in sides):
                self.tell(
                    "LB317",
                    "resolutions",
                    f"a resolution of {spell(item)} pixels",
                    "sides are rounded to 16 or 32 pixels",
                    "write the side in pixels",
                    "warning",
                    index,
                )

    def size_buckets(self) -> None:
        value = self.table.get("size_buckets")
        if "size_buckets" not in self.table:
            return
        if not isinstance(value, list):
            self.tell(
                "LB313",
                "size_buckets",
                f"`size_buckets = {spell(value)}` is no list",
                f"AttributeError {_BEFORE}",
                "write `[[width, height, frames]]`",
            )
            return
        if not value:
            why = "it counts as set, and no picture finds a size: RuntimeError (`Processed dataset was empty`) after the models are loaded"
            self.tell("LB315", "size_buckets", "`size_buckets` is empty", why, "remove it")
            return
        for index, item in enumerate(value):
            if not isinstance(item, list) or not all(numeric(number) for number in item):
                self.tell(
                    "LB313",
                    "size_buckets",
                    f"{spell(item)} is no `[width, height, frames]`",
                    f"it fails {_BEFORE}",
                    "write `[[1024, 1024, 1]]`",
                    index=index,
                )
            elif len(item) != 3:
                fix = f"write `{[*item, 1]}`" if len(item) == 2 else "write `[width, height, frames]`"
                self.tell(
                    "LB315",
                    "size_buckets",
                    f"{spell(item)} has {len(item)} numbers where 3 belong",
                    f"ValueError {_BEFORE}",
                    fix,
                    index=index,
                )
            elif any(number <= 0 for number in item):
                self.tell(
                    "LB316",
                    "size_buckets",
                    f"{spell(item)} holds a number that is not above 0",
                    f"no size can be made of it: {HANG}",
                    "write numbers from 1 on",
                    index=index,
                )
            elif item[2] > 1:
                self.length("size_buckets", item[2], index)
        arch = self.job.arch
        if arch is not None and arch.fps is None and all(isinstance(item, list) and len(item) == 3 and item[2] != 1 for item in value):
            says = f"no bucket is for pictures, and {self.job.name} takes nothing else"
            self.tell(
                "LB323", "size_buckets", says, "everything is skipped; it fails or hangs after that", "write 1 as the number of frames"
            )

    def buckets_by_ratio(self, tables: Sequence[Table]) -> bool:
        """Whether ratios are read at all; where they are not, `unused` says so."""
        above = {**self.top, **self.table}
        return any(table.get("enable_ar_bucket", above.get("enable_ar_bucket")) for table in tables or [self.table])

    def ratios(self) -> None:
        table = self.table
        for key in ("min_ar", "max_ar"):
            value = table.get(key)
            if isinstance(value, int | float) and value <= 0:
                self.tell(
                    "LB315",
                    key,
                    f"`{key} = {spell(value)}` must be above 0",
                    f"ValueError {_BEFORE}, or no ratio at all",
                    "write a ratio, width / height",
                )
        low, high = self.holds(table, "min_ar"), self.holds(table, "max_ar")
        if numeric(low) and numeric(high) and low > high and {"min_ar", "max_ar"} & table.keys():
            self.tell(
                "LB317",
                "min_ar" if "min_ar" in table else "max_ar",
                f"`min_ar` {low} is above `max_ar` {high}",
                "they are taken as the ends of one range",
                "swap them",
                "warning",
            )
        count = table.get("num_ar_buckets")
        if isinstance(count, int) and count == 0:
            self.tell(
                "LB316",
                "num_ar_buckets",
                f"`num_ar_buckets = {spell(count)}`",
                f"no picture finds a ratio (ValueError): {HANG}",
                "write 1 or more",
            )
        elif type(count) is int and count < 0:
            self.tell("LB315", "num_ar_buckets", f"`num_ar_buckets = {count}`", f"ValueError {_BEFORE}", "write 1 or more")
        elif count == 1 and type(count) is int and low != high:
            self.tell(
                "LB317",
                "num_ar_buckets",
                "one bucket is that of `min_ar`",
                f"every picture is cropped to {low}",
                "write 2 or more",
                "warning",
            )
        self.ratio_list()

    def ratio_list(self) -> None:
        value = self.table.get("ar_buckets")
        if value is None:
            return
        if not isinstance(value, list):
            self.tell("LB313", "ar_buckets", f"`ar_buckets = {spell(value)}` is no list", f"TypeError {_BEFORE}", "write `[0.5, 1.0, 2.0]`")
            return
        for index, item in enumerate(value):
            numbers = item if isinstance(item, list) else [item]
            if not all(numeric(number) for number in numbers) or (isinstance(item, list) and len(item) != 2):
                self.tell(
                    "LB315",
                    "ar_buckets",
                    f"{spell(item)} is neither a ratio nor `[width, height]`",
                    f"it fails {_BEFORE}",
                    "write numbers",
                    index=index,
                )
            elif any(number <= 0 for number in numbers):
                self.tell(
                    "LB315",
                    "ar_buckets",
                    f"a ratio of {spell(item)}",
                    "it fails before or in caching",
                    "write numbers above 0",
                    index=index,
                )

    def frames(self) -> None:
        value = self.table.get("frame_buckets")
        if "frame_buckets" not in self.table:
            return
        if not isinstance(value, list):
            fix = f"write `frame_buckets = [1, {value}]`" if numeric(value) else "write a list, such as `[1, 33]`"
            self.tell("LB313", "frame_buckets", f"`frame_buckets = {spell(value)}` is no list", f"TypeError {_BEFORE}", fix)
            return
        for index, item in enumerate(value):
            if not numeric(item):
                self.tell(
                    "LB313",
                    "frame_buckets",
                    f"{spell(item)} is no number of frames",
                    f"TypeError {_BEFORE}",
                    "write whole numbers",
                    index=index,
                )
            elif item < 1:
                self.tell("LB317", "frame_buckets", f"{item} frames", "no clip is that short", "write 1 or more", "warning", index)
            elif item > 1:
                self.length("frame_buckets", item, index)
        arch = self.job.arch
        if arch is not None and arch.fps is None and any(numeric(item) and item > 1 for item in value):
            self.tell(
                "LB312",
                "frame_buckets",
                f"{self.job.name} trains on pictures only",
                "clips are skipped with a warning",
                "remove it",
                "hint",
                on="key",
            )

    def length(self, key: str, frames: Any, index: int) -> None:
        """Frames that the model's frame scheme rounds down."""
        arch = self.job.arch
        if arch is None or arch.fps is None:
            return
        scheme = f"{arch.frames}n" + ("" if arch.frames == 17 else "+1")
        good = frames // 17 * 17 if arch.frames == 17 else (frames - 1) // arch.frames * arch.frames + 1
        if max(good, 1) != frames:
            says = f"{frames} frames are cut to {max(int(good), 1)}"
            self.tell(
                "LB317",
                key,
                says,
                f"{self.job.name} takes {scheme} frames; the rest is dropped in silence",
                f"write {max(int(good), 1)}",
                "warning",
                index,
            )

    def top_level(self, tables: Sequence[Table]) -> None:
        """Keys that must stand at the top even where every directory sets them (utils/dataset.py:469, 502)."""
        sized = "size_buckets" in self.table
        places: list[tuple[KeyPath, Table]] = [(("directory", number), table) for number, table in enumerate(tables)]
        for place, table in places or [((), self.table)]:
            if "size_buckets" not in table and not sized and "resolutions" not in self.table:
                self.lacking("resolutions", "resolutions" in table, place)
            if not self.holds_here(table, "enable_ar_bucket") or self.holds_here(table, "ar_buckets") or "size_buckets" in table or sized:
                continue
            for key in _AR_KEYS:
                if key not in self.table:
                    self.lacking(key, key in table, place)

    def holds_here(self, table: Table, key: str) -> Any:
        return table.get(key, self.table.get(key))

    def lacking(self, key: str, below: bool, place: KeyPath) -> None:
        why = f"KeyError {_BEFORE}" + (": the trainer looks at the top first, even where each directory sets it" if below else "")
        says = f"`{key}` is missing at the top of the file" + (", and stands only in [[directory]]" if below else "")
        fix = f"write `{key}` above the first [[directory]]"
        report(self.job.found, self.file, "LB318", (*place, key) if below else (key,), says, why, fix, on="key" if below else "value")

    def unused(self, tables: Sequence[Table], *, is_top: bool) -> None:
        """Keys that another one makes pointless."""
        everywhere = list(tables) or [self.table]
        above = self.top if not is_top else self.table

        def said(table: Table, key: str) -> Any:
            return table.get(key, above.get(key))

        if all(said(table, "size_buckets") is not None for table in everywhere):
            for key in ("resolutions", "ar_buckets", *_AR_KEYS, "frame_buckets"):
                if key in self.table and self.job.type != "cosmos":
                    self.tell(
                        "LB312",
                        key,
                        f"`{key}` has no effect beside `size_buckets`",
                        "they say each size in full",
                        "keep one of them",
                        "warning",
                        on="key",
                    )
            return
        if not any(said(table, "enable_ar_bucket") for table in everywhere):
            for key in ("ar_buckets", *_AR_KEYS):
                if key in self.table:
                    why = "without `enable_ar_bucket = true` every picture is cropped to a square"
                    self.tell("LB312", key, f"`{key}` has no effect", why, "write `enable_ar_bucket = true`", "warning", on="key")
        elif self.table.get("ar_buckets") and any(key in self.table for key in _AR_KEYS):
            key = next(key for key in _AR_KEYS if key in self.table)
            self.tell(
                "LB312",
                key,
                f"`{key}` has no effect beside `ar_buckets`",
                "the list is asked for first",
                "keep one of them",
                "warning",
                on="key",
            )
