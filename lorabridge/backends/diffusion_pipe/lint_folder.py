"""One `[[directory]]` on disk: media, captions, masks, control pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabridge.backends.diffusion_pipe.lint_job import Job, report
from lorabridge.backends.diffusion_pipe.lint_pictures import Folder, picture_size, read_folder
from lorabridge.backends.diffusion_pipe.lint_values import HANG
from lorabridge.backends.native import NativeFile
from lorabridge.config.paths import KeyPath
from lorabridge.diagnostics import Severity

Where = Callable[[str], tuple[Path, bool]]


@dataclass
class Place:
    """A folder that can be read, with its settings: `table` over the defaults of the file."""

    here: KeyPath
    settings: dict[str, Any]
    folder: Folder


@dataclass
class _Look:
    job: Job
    file: NativeFile
    here: KeyPath
    severity: Severity

    def tell(self, code: str, key: str, says: str, why: str, fix: str, severity: Severity | None = None) -> None:
        report(self.job.found, self.file, code, (*self.here, key), says, why, fix, severity or self.severity)


def check_folder(job: Job, file: NativeFile, index: int, table: dict[str, Any], where: Where) -> Place | None:
    """The findings about one folder. None when it cannot be read."""
    here: KeyPath = ("directory", index)
    settings = {**{key: value for key, value in file.data.items() if key != "directory"}, **table}
    path, sure = where(table["path"])
    look = _Look(job, file, here, "error" if sure else "warning")
    if not path.is_dir():
        if not table["path"].startswith("~"):
            look.tell("LB322", "path", f"`{table['path']}` is no folder", "RuntimeError before caching", "mend the path")
        return None
    folder = read_folder(path)
    if not folder.samples:
        inside = any(item.is_dir() and item.name != "cache" for item in path.iterdir())
        says = f"`{table['path']}` holds no pictures or clips" + (", only folders" if inside else "")
        look.tell("LB322", "path", says, f"AssertionError, folders below it are not read: {HANG}", "name the folder that holds the files")
        return None
    _captions(look, folder, settings)
    _clips(look, folder)
    _masks(look, folder, table, where)
    _controls(look, folder, table, where)
    return Place(here, settings, folder)


def _captions(look: _Look, folder: Folder, settings: dict[str, Any]) -> None:
    for text in folder.broken[:3]:
        look.tell(
            "LB322", "path", text, f"AssertionError or a decoding error: {HANG}", "mend the captions; captions.json holds lists of texts"
        )
    if settings.get("online_captions") and not folder.by_json:
        look.tell(
            "LB322",
            "path",
            "`online_captions` needs captions.json in the folder",
            "AssertionError before caching",
            "write it, or switch it off",
        )
    bare = [sample.path.name for sample in folder.samples if sample.captions is None]
    if not bare:
        return
    source = "no entry in captions.json" if folder.by_json else "no .txt beside them"
    names = ", ".join(bare[:3]) + (", …" if len(bare) > 3 else "")
    if settings.get("skip_empty_caption", True):
        all_of_them = len(bare) == len(folder.samples)
        says = f"{len(bare)} of {len(folder.samples)} files have {source} and are skipped: {names}"
        why = "a missing caption is no empty caption here" + (
            "; nothing is left: it fails after the models are loaded" if all_of_them else ""
        )
        fix = "write captions, or `skip_empty_caption = false`"
        look.tell("LB322", "path", says, why, fix, None if all_of_them else "warning")


def _clips(look: _Look, folder: Folder) -> None:
    clips = [sample for sample in folder.samples if sample.clip]
    arch = look.job.arch
    if not clips or arch is None or arch.fps is not None:
        return
    says = f"{len(clips)} of {len(folder.samples)} files are clips, which {look.job.name} skips"
    everything = len(clips) == len(folder.samples)
    why = "a warning is printed for each" + ("; nothing is left" if everything else "")
    look.tell("LB322", "path", says, why, "move them elsewhere", None if everything else "warning")


def _stems(look: _Look, table: dict[str, Any], key: str, where: Where) -> dict[str, Path] | None:
    value = table.get(key)
    if not isinstance(value, str) or value.startswith("~"):
        return None
    path, sure = where(value)
    if path.is_dir():
        return {file.stem: file for file in path.iterdir() if file.is_file()}
    look.tell("LB322", key, f"`{value}` is no folder", "RuntimeError before caching", "mend the path", "error" if sure else "warning")
    return None


def _masks(look: _Look, folder: Folder, table: dict[str, Any], where: Where) -> None:
    stems = _stems(look, table, "mask_path", where)
    default = table.get("default_mask_file")
    one = where(default) if isinstance(default, str) else None
    if one is not None and not one[0].is_file():
        look.tell("LB322", "default_mask_file", f"`{default}` does not exist", "RuntimeError before caching", "mend the path")
        return
    if stems is None and one is None:
        return
    without = 0
    for sample in folder.samples:
        mask = (stems or {}).get(sample.path.stem) or (one[0] if one else None)
        if mask is None:
            without += 1
            continue
        size = picture_size(mask)
        if size and sample.size and size != sample.size and sample.captions is not None:
            says = f"the mask of {sample.path.name} is {size[0]}x{size[1]}, the picture {sample.size[0]}x{sample.size[1]}"
            look.tell(
                "LB322",
                "mask_path" if stems is not None else "default_mask_file",
                says,
                f"ValueError: {HANG}",
                "make masks as large as their pictures",
            )
            return
    if without:
        says = f"{without} of {len(folder.samples)} files have no mask"
        look.tell("LB322", "mask_path", says, "they are trained as a whole, with a warning", "add masks of the same name", "warning")


def _controls(look: _Look, folder: Folder, table: dict[str, Any], where: Where) -> None:
    stems = _stems(look, table, "control_path", where)
    if stems is None:
        return
    missing = [sample.path.name for sample in folder.samples if sample.path.stem not in stems]
    if missing:
        names = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        look.tell("LB322", "control_path", f"no control picture for {names}", f"RuntimeError: {HANG}", "add files of the same name")
