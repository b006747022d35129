"""Which picture and which clip lands in which bucket, as ai-toolkit computes it.

Read at commit 27a03a91; BU is toolkit/buckets.py, DM toolkit/dataloader_mixins.py, DL toolkit/data_loader.py, DT
toolkit/data_transfer_object/data_loader.py. Each dataset and each of its sizes has buckets of its own (DL:697, config_modules.py:1095), and a
batch that is not full shows some of its pictures again (DM:199-210).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lorabridge.backends.ai_toolkit.archs import ARCHS
from lorabridge.backends.outlook import MediaOf, Native
from lorabridge.data.buckets import Bucket, Bucketing, Fit, LeftOut, Media

Size = tuple[int, int]

GRID: Mapping[str, int] = {
    "sd15": 16, "sd2": 16, "sdxl": 16, "ssd": 16, "vega": 16, "pixart": 16, "pixart_sigma": 16, "auraflow": 16, "lumina2": 16,
    "flux": 32, "flex1": 32, "sd3": 32, "cogview4": 8,
    "flux_kontext": 16, "flex2": 16, "f-lite": 16, "omnigen2": 16, "hidream": 16, "hidream_e1": 16,
    "flux2": 16, "flux2_klein_4b": 16, "flux2_klein_9b": 16, "zimage": 16, "zimage_l2p": 16, "krea2": 16, "ideogram4": 16,
    "boogu_image": 16, "boogu_image_edit": 16, "mageflow": 16, "mageflow_edit": 16, "prx_pixel": 16, "wan21": 16, "wan21_i2v": 16,
    "wan22_14b": 16, "wan22_14b_i2v": 16,
    "wan22_5b": 32, "qwen_image": 32, "qwen_image_edit": 32, "qwen_image_edit_plus": 32, "chroma": 32, "chroma_radiance": 32,
    "zeta_chroma": 32, "hidream_o1": 32, "anima": 32, "nucleus_image": 32, "ernie_image": 32, "ltx2": 32, "ltx2.3": 32, "ltx2.5": 32,
    "minimax_h3": 32, "minimax_h3_ref2va": 32,
}  # fmt: skip
"""What bucket sides are multiples of, by architecture: each model's get_bucket_divisibility(), for autoencoders of the published sizes."""

TEMPORAL = {"wan21": 4, "wan21_i2v": 4, "wan22_14b": 4, "wan22_14b_i2v": 4, "wan22_5b": 4}
"""Frames per latent frame where it is not 8 (DL:522-527)."""


def bucket_of(size: Size, resolution: int, grid: int) -> Size:
    """The bucket of a picture: its own ratio on the grid, never enlarged, at most `resolution` squared (BU:18-49)."""
    width, height = size
    total, most = width * height, resolution * resolution
    target = min(total, most)
    scale = (target / total) ** 0.5
    across, down = width * scale / grid, height * scale / grid
    whole = [(math.floor(across), math.floor(down)), (math.floor(across), math.ceil(down))]
    whole += [(math.ceil(across), math.floor(down)), (math.ceil(across), math.ceil(down))]
    fitting = [(one * grid, two * grid) for one, two in whole if one > 0 and two > 0 and one * grid * two * grid <= most]
    if not fitting:
        return max(grid, math.floor(across) * grid), max(grid, math.floor(down) * grid)
    return min(fitting, key=lambda one: abs(one[0] * one[1] - target))


def scaled_to(size: Size, bucket: Size) -> Size:
    """Size after the resize and before the crop (DM:267-276)."""
    scale = max(bucket[0] / size[0], bucket[1] / size[1])
    return math.ceil(size[0] * scale), math.ceil(size[1] * scale)


def frames_of(media: Media, table: Mapping[str, Any], arch: str) -> int:
    """Frames that a clip is trained at (DM:484-509)."""
    if not table.get("auto_frame_count"):
        return int(table.get("num_frames", 1))
    wanted = int(media.frames / media.fps * table.get("fps", 24)) if media.fps else media.frames
    if arch.startswith("minimax_h3"):
        wanted = max(wanted, 5)
        return wanted - (wanted - 5) % 17
    temporal = TEMPORAL.get(arch, 8)
    whole = max(0, wanted - 1) if table.get("trim_auto_frame_count_tail", True) else wanted
    return whole // temporal * temporal + 1


@dataclass
class _Group:
    fits: list[Fit] = field(default_factory=list)
    samples: int = 0


def bucketing(native: Native, media: MediaOf) -> Bucketing:
    """The buckets of all datasets that are trained; regularization pictures have a loader of their own and count here too."""
    process = native.files["job.yaml"]["config"]["process"][0]
    arch = str(process.get("model", {}).get("arch", "")).partition(":")[0]
    buckets: list[Bucket] = []
    left: list[LeftOut] = []
    for index, table in enumerate(process.get("datasets", ())):
        items, out = _sources(table, media, index)
        left += out
        batch = int(table.get("batch_size") or process.get("train", {}).get("batch_size", 1))
        for resolution in _sides(table):
            buckets += list(_table(table, index, items, resolution, arch, batch))
    return Bucketing(tuple(buckets), tuple(left), _notes(arch))


def _notes(arch: str) -> tuple[str, ...]:
    return () if arch in GRID else (f"the grid of `{arch}` is not known here, 16 pixels are assumed",)


def is_regularization(table: Mapping[str, Any]) -> bool:
    """Whether a dataset goes to the loader of its own for regularization (BP:173)."""
    return bool(table.get("is_reg"))


def _sides(table: Mapping[str, Any]) -> list[int]:
    sides = table.get("resolution", 512)
    return [int(one) for one in sides] if isinstance(sides, list) else [int(sides)]


def _sources(table: Mapping[str, Any], media: MediaOf, index: int) -> tuple[list[Media], list[LeftOut]]:
    """A dataset of clips takes pictures too, as clips of one frame (DL:432-437); one without a caption is trained on an empty one."""
    items = media(str(table.get("folder_path") or table.get("dataset_path")), "." + str(table.get("caption_ext", "txt")).lstrip("."))
    if reads_clips(table):
        return list(items), []
    return [one for one in items if not one.clip], [LeftOut(index, one, "not its kind") for one in items if one.clip]


def reads_clips(table: Mapping[str, Any]) -> bool:
    """Whether clips are looked for (DL:396)."""
    return int(table.get("num_frames", 1)) > 1 or bool(table.get("auto_frame_count"))


def _table(table: Mapping[str, Any], index: int, items: Sequence[Media], resolution: int, arch: str, batch: int) -> Iterator[Bucket]:
    copies = max(1, int(table.get("num_repeats", 1))) * (2 if table.get("flip_x") else 1) * (2 if table.get("flip_y") else 1)
    groups: dict[tuple[int, int, int], _Group] = defaultdict(_Group)
    bucketed = table.get("buckets", True)
    for item in items:
        scale = float(table.get("scale", 1))
        size = (int(item.upright[0] * scale), int(item.upright[1] * scale))
        frames = frames_of(item, table, arch) if item.clip and reads_clips(table) else 1
        fitted, bucket = _fit(table, size, resolution, GRID.get(arch, 16)) if bucketed else (size, size)
        group = groups[(*(bucket if bucketed else (0, 0)), frames)]
        group.fits.append(Fit(item, fitted))
        group.samples += copies
    for (width, height, frames), group in groups.items():
        number = math.ceil(group.samples / batch)
        name = f"{width}x{height}" + (f"x{frames}f" if reads_clips(table) else "") if bucketed else "as they are"
        partial = group.samples % batch
        yield Bucket(
            (index,),
            name,
            width,
            height,
            frames,
            group.samples,
            batch,
            number,
            tuple(group.fits),
            padded=number * batch - group.samples if bucketed else 0,
            partial=0 if bucketed else partial,
        )


def _fit(table: Mapping[str, Any], size: Size, resolution: int, grid: int) -> tuple[Size, Size]:
    if table.get("square_crop"):
        scale = max(resolution / size[0], resolution / size[1])
        return (math.ceil(size[0] * scale), math.ceil(size[1] * scale)), (resolution, resolution)
    bucket = bucket_of(size, resolution, grid)
    return scaled_to(size, bucket), bucket


def grids_missing() -> set[str]:
    """Architectures that lorabridge compiles for and no grid is known of: audio models, which have no pictures."""
    return {arch.native.partition(":")[0] for arch in ARCHS.values()} - set(GRID)
