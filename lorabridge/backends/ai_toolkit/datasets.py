"""`datasets` and the trigger word."""

from __future__ import annotations

import posixpath
from typing import Any

from lorabridge.backends.ai_toolkit.archs import TITLE, Arch
from lorabridge.backends.ai_toolkit.rows import DATASET_ROWS
from lorabridge.backends.engine import Lowering
from lorabridge.config.schema.data import Dataset

_FLIPS = {"off": (), "horizontal": ("flip_x",), "vertical": ("flip_y",), "both": ("flip_x", "flip_y")}
_COPIES = "mirrored copies are added, so an epoch has more steps"


def datasets(low: Lowering, arch: Arch) -> None:
    """One entry per dataset, the caches, and where the trigger word goes."""
    shared = shared_trigger(low)
    text = _text_cache(low, arch)
    low.put("process:train.cache_text_embeddings", text, "cache.text.to")
    entries = [_entry(low, arch, index, data, shared, text) for index, data in enumerate(low.config.datasets)]
    low.put("process:datasets", entries)
    for index, entry in enumerate(entries):
        _sources(low, index, entry)
    _reuse(low)


def trigger(low: Lowering) -> None:
    """The trigger word of the run."""
    shared = shared_trigger(low)
    if shared:
        low.put("process:trigger_word", shared, "trigger")
        low.note("exact", "trigger", shared, "process:trigger_word", shared)
    elif low.config.trigger:
        low.note(
            "rewritten",
            "trigger",
            low.config.trigger,
            text="the datasets have words of their own; this one is written into the sample prompts",
        )


def shared_trigger(low: Lowering) -> str:
    """The trigger of the whole run; empty where the datasets differ, for then the trainer would put both into a caption."""
    triggers = {data.trigger or "" for data in low.config.datasets if not data.regularization}
    return low.config.trigger if triggers == {low.config.trigger} else ""


def _entry(low: Lowering, arch: Arch, index: int, data: Dataset, shared: str, text: bool) -> dict[str, Any]:
    here = f"datasets[{index}]"
    entry: dict[str, Any] = _folder(low, here, data)
    entry |= low.rows(DATASET_ROWS, item=here)
    entry |= _companions(low, arch, here, data)
    entry |= _video(low, arch, here, data)
    for key in _FLIPS[data.flip]:
        entry[key] = True
        low.note("rewritten", f"{here}.flip", data.flip, f":{key}", True, _COPIES)
    if low.wrote(f"{here}.batch_size") and data.batch_size is not None:
        entry["batch_size"] = data.batch_size
        low.note("exact", f"{here}.batch_size", data.batch_size, ":batch_size", data.batch_size)
    entry |= _caches(low, index)
    if low.config.train.workers is not None:
        entry["num_workers"] = low.config.train.workers
        if index == 0:
            low.note("exact", "train.workers", low.config.train.workers, ":num_workers", low.config.train.workers)
    if data.trigger and data.trigger != shared:
        entry["trigger_word"] = data.trigger
        low.note("exact", f"{here}.trigger", data.trigger, ":trigger_word", data.trigger)
    _captions(low, here, data, text)
    _regularization(low, here, data)
    _upscale(low, here, data)
    return entry


def _folder(low: Lowering, here: str, data: Dataset) -> dict[str, Any]:
    for key in ("images", "videos"):
        value = getattr(data, key)
        if value is not None:
            low.note("exact", f"{here}.{key}", value, ":folder_path", low.path(value))
            return {"folder_path": low.path(value)}
    return {}


def _companions(low: Lowering, arch: Arch, here: str, data: Dataset) -> dict[str, Any]:
    """Masks and control pictures: files of the same name in other folders."""
    entry: dict[str, Any] = {}
    if data.masks is not None:
        entry["mask_path"] = _beside(low, f"{here}.masks", data.masks, data)
        low.note("exact", f"{here}.masks", data.masks, ":mask_path", entry["mask_path"], "a missing mask is passed over in silence")
    if not data.control:
        return entry
    if len(data.control) > arch.controls:
        low.refuse(
            f"{here}.control",
            data.control,
            f"{low.family.title} ({low.variant.name}) takes {arch.controls or 'no'} control folders here",
            f"keep {arch.controls}" if arch.controls else "remove `control`",
        )
    folders = [_beside(low, f"{here}.control", folder, data) for folder in data.control]
    entry["control_path"] = folders[0] if len(folders) == 1 else folders
    low.note("exact", f"{here}.control", data.control, ":control_path", folders)
    return entry


def _beside(low: Lowering, path: str, folder: str, data: Dataset) -> str:
    """The folder, which must not lie inside the pictures' own: that one is walked whole, and all of it is trained."""
    native = low.path(folder)
    own = data.images or data.videos
    if own is not None and posixpath.join(native, "").startswith(posixpath.join(low.path(own), "")):
        low.problem(
            "LB307",
            path,
            f"`{path}` lies inside the folder of the pictures",
            f"{TITLE} walks that folder with all folders in it and would train these pictures too",
            "move it beside the folder",
        )
    return native


def _video(low: Lowering, arch: Arch, here: str, data: Dataset) -> dict[str, Any]:
    if data.videos is None:
        return {}
    if low.family.media != "video":
        low.refuse(f"{here}.videos", data.videos, f"{low.family.title} trains on pictures", "use a video model, or `images:`")
        return {}
    video = data.video
    if video is None or (video.frames == [1] and video.extract != "full"):
        path = f"{here}.video" if video is None else f"{here}.video.frames"
        low.problem(
            "LB307",
            path,
            f"{TITLE} finds no clip with one frame",
            "with one frame it looks for pictures, and stops when the folder has none",
            "add `video: {frames: [33]}`",
        )
        return {}
    if video.extract == "full":
        return _whole_clip(low, arch, here, data)
    return _squeezed(low, here, data)


def _whole_clip(low: Lowering, arch: Arch, here: str, data: Dataset) -> dict[str, Any]:
    video = data.video
    assert video is not None
    if low.wrote(f"{here}.video.max_frames"):
        low.refuse(f"{here}.video.max_frames", video.max_frames, "clips are taken whole, however long", "cut the clips, and remove it")
    fps = arch.fps if video.fps == "auto" else video.fps
    low.note("exact", f"{here}.video.extract", "full", ":auto_frame_count", True)
    low.note(
        "exact" if video.fps != "auto" else "added",
        f"{here}.video.fps" if video.fps != "auto" else "",
        video.fps,
        ":fps",
        fps,
        "frames per second taken from each clip",
    )
    return {"auto_frame_count": True, "fps": int(fps) if float(fps).is_integer() else fps}


def _squeezed(low: Lowering, here: str, data: Dataset) -> dict[str, Any]:
    video = data.video
    assert video is not None
    if len(video.frames) > 1:
        low.refuse(
            f"{here}.video.frames",
            video.frames,
            "a dataset has one frame count",
            f"write `frames: [{video.frames[-1]}]`, or one dataset for each count",
        )
    text = f"each clip is squeezed whole into {video.frames[0]} frames"
    if low.wrote(f"{here}.video.extract"):
        low.refuse(
            f"{here}.video.extract",
            video.extract,
            f"{text}, or taken whole with `full`",
            "write `extract: full`, or cut the clips first and leave `extract` out",
        )
    else:
        low.problem("LB302", f"{here}.video", text, "it has no `head`", "cut the clips to length for natural speed", "warning")
        low.note("rewritten", f"{here}.video.frames", video.frames, ":num_frames", video.frames[0], text)
    for key in ("stride", "samples", "fps"):
        if low.wrote(f"{here}.video.{key}"):
            low.refuse(f"{here}.video.{key}", getattr(video, key), text, "remove it")
    return {"num_frames": video.frames[0], "shrink_video_to_frames": True}


def _caches(low: Lowering, index: int) -> dict[str, Any]:
    latents = low.config.cache.latents
    key = {"disk": "cache_latents_to_disk", "memory": "cache_latents", "off": ""}[latents.to]
    entry: dict[str, Any] = {key: True} if key else {}
    if index == 0:
        low.note("exact", "cache.latents.to", latents.to, f":{key}" if key else "", True if key else "left out")
    if latents.workers is not None:
        entry["cache_latents_num_workers"] = max(1, latents.workers)
        if index == 0:
            text = "threads; 0 is read as 1" if latents.workers == 0 else "threads"
            low.note(
                "rewritten" if latents.workers == 0 else "exact",
                "cache.latents.workers",
                latents.workers,
                ":cache_latents_num_workers",
                entry["cache_latents_num_workers"],
                text,
            )
    return entry


def _text_cache(low: Lowering, arch: Arch) -> bool:
    """Whether captions are encoded once. Shuffled captions, a trained text encoder and samples of a UNet need it off."""
    to, said = low.config.cache.text.to, low.wrote("cache.text.to") or low.wrote("cache.text")
    if to == "memory":
        low.refuse("cache.text.to", to, "encoded captions are kept on disk or not at all", "write `disk` or `off`")
    reason = ""
    if low.config.adapter.text_encoder:
        reason = "the text encoder is trained"
    elif any(data.captions.shuffle for data in low.config.datasets):
        reason = "captions are shuffled, and cached ones are frozen"
    elif arch.scheduler == "ddpm" and low.config.sample.prompts and low.config.sample.every != "off":
        # Executed at 27a03a91 on SDXL and SD 1.5: `'FakeTextEncoder' object has no attribute 'config'` at the first sample.
        reason = "its pipeline draws no samples once the text encoder is put away"
    if reason and said and to != "off":
        low.problem(
            "LB307",
            "cache.text.to",
            f"captions cannot be cached: {reason}",
            "the trainer stops, at the latest at the first sample, or trains one order of the tags",
            "write `cache.text: off`",
        )
    on = to != "off" and not reason
    low.note(
        "exact" if not reason or to == "off" else "defaulted",
        "cache.text.to",
        to,
        "process:train.cache_text_embeddings",
        on,
        f"off: {reason}" if reason else "",
    )
    return on


def _reuse(low: Lowering) -> None:
    """Caches are found by name and size, not by content: a picture that was replaced keeps its old latents."""
    if low.config.cache.latents.to != "disk" and low.config.cache.text.to == "off":
        return
    text = "caches in the picture folders are always reused; delete `_latent_cache` after replacing a picture"
    low.note("exact" if low.config.cache.reuse else "rewritten", "cache.reuse", low.config.cache.reuse, text=text)


def _captions(low: Lowering, here: str, data: Dataset, text: bool) -> None:
    if data.captions.dropout != "off" and data.trigger:
        why = f"{TITLE} puts the trigger word into dropped captions too"
        low.problem(
            "LB302",
            f"{here}.captions.dropout",
            "a dropped caption is the trigger word here, not empty",
            why,
            "leave `trigger` out and write the word into the captions",
            "warning",
        )


def _regularization(low: Lowering, here: str, data: Dataset) -> None:
    if data.regularization:
        why = f"{TITLE} takes a regularization batch at every other step, however many pictures there are"
        low.problem(
            "LB302",
            f"{here}.regularization",
            "half of the steps train regularization pictures",
            why,
            "double `train.for` if the number of steps was meant for your own pictures",
            "warning",
        )


def _upscale(low: Lowering, here: str, data: Dataset) -> None:
    path = f"{here}.upscale"
    if not data.upscale:
        low.note("exact", path, False, text="pictures are never enlarged")
    elif low.wrote(path):
        low.refuse(path, True, "pictures that are too small are trained at their own size", "enlarge them first, and remove `upscale`")
    else:
        low.note("defaulted", path, True, text="pictures that are too small are trained at their own size")


_KEYS = {row.at[1:]: row.path for row in DATASET_ROWS if row.at} | {
    "mask_path": "datasets[].masks",
    "control_path": "datasets[].control",
    "batch_size": "datasets[].batch_size",
    "flip_x": "datasets[].flip",
    "flip_y": "datasets[].flip",
    "trigger_word": "datasets[].trigger",
    "num_frames": "datasets[].video.frames",
    "auto_frame_count": "datasets[].video.extract",
    "fps": "datasets[].video.fps",
    "num_workers": "train.workers",
    "cache_latents": "cache.latents.to",
    "cache_latents_to_disk": "cache.latents.to",
    "cache_latents_num_workers": "cache.latents.workers",
}


def _sources(low: Lowering, index: int, entry: dict[str, Any]) -> None:
    data = low.config.datasets[index]
    keys = _KEYS | {"folder_path": "datasets[].videos" if data.videos else "datasets[].images"}
    for key in entry:
        path = keys.get(key, "")
        low.sources[f"process:datasets.{index}.{key}"] = path.replace("datasets[]", f"datasets[{index}]")
