"""musubi-tuner's own answer: its datasets cache (without pixels) and prepare for training."""

from __future__ import annotations

import json
import math
import struct
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ARCH = {"qwen-image": "qi", "z-image": "zi", "hidream-o1": "ho1", "flux1-kontext": "fk", "wan21": "wan", "hunyuan-video": "hv"}
SIZES: dict[str, list[Any]] = {}


def ask(case: dict[str, Any], home: Path) -> dict[str, Any]:
    """Buckets as `[table, width, height, frames, samples]`, batches of all tables, batches per process and epoch, steps."""
    _prepare(home)
    from musubi_tuner.dataset.image_video_dataset import DatasetGroup, ImageDataset, VideoDataset

    buckets, datasets = [], []
    for index, table in enumerate(case["files"]["dataset.toml"]["datasets"]):
        folder = table.get("image_directory") or table["video_directory"]
        _files(case["folders"][folder], Path(folder), Path(table["control_directory"]) if "control_directory" in table else None)
        Path(table["cache_directory"]).mkdir()
        arguments = table | {"resolution": tuple(table["resolution"]), "architecture": ARCH[case["family"]]}
        if "control_resolution" in arguments:
            arguments["control_resolution"] = tuple(arguments["control_resolution"])
        dataset = (VideoDataset if "video_directory" in table else ImageDataset)(**arguments)
        try:
            for _, batch in dataset.retrieve_latent_cache_batches(1):
                for item in batch:
                    _cached(item, dataset)
        except ZeroDivisionError:
            return {"error": "ZeroDivisionError"}
        dataset.prepare_for_training()
        for key, items in dataset.batch_manager.buckets.items():
            frames = key[2] if "video_directory" in table else 1
            buckets.append([index, key[0], key[1], frames, len(items), math.ceil(len(items) / table["batch_size"])])
        datasets.append(dataset)
    group = DatasetGroup(datasets)
    return {"buckets": sorted(buckets), "batches": len(group), "samples": group.num_train_items} | _loop(case, group)


def _loop(case: dict[str, Any], group: Any) -> dict[str, Any]:
    """The lines of the training loop that count steps, with accelerate's own sharding."""
    import torch
    from accelerate.data_loader import BatchSamplerShard

    processes = case["files"]["accelerate.yaml"]["num_processes"]
    train = case["files"]["train.toml"]
    sampler = torch.utils.data.BatchSampler(torch.utils.data.SequentialSampler(range(len(group))), 1, False)
    per_process = len(BatchSamplerShard(sampler, processes, 0)) if processes > 1 else len(group)
    steps = train.get("max_train_steps")
    if train.get("max_train_epochs") is not None:
        steps = train["max_train_epochs"] * math.ceil(len(group) / processes / train["gradient_accumulation_steps"])
    return {"per_process": per_process, "steps": steps}


def _files(items: list[list[Any]], folder: Path, controls: Path | None) -> None:
    folder.mkdir()
    if controls:
        controls.mkdir()
    for name, width, height, frames, _fps, captions, companions, _turned in items:
        (folder / name).touch()
        SIZES[str(folder / name)] = [width, height, frames]
        if captions:
            (folder / name).with_suffix(".txt").write_text("x")
        for size in companions if controls else ():
            (controls / name).touch()
            SIZES[str(controls / name)] = [*size, 0]


def _cached(item: Any, dataset: Any) -> None:
    """The files that the caching scripts leave, with keys of the same names and no tensors."""
    header: dict[str, Any] = {"latents_1x1x1_float32": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}
    controls = item.control_content
    if isinstance(controls, list):
        for number, control in enumerate(controls):
            height, width = control.shape[:2]
            header[f"latents_control_{number}_1x{height // 8}x{width // 8}_float32"] = {
                "dtype": "F32",
                "shape": [0],
                "data_offsets": [0, 0],
            }
    text = json.dumps(header).encode()
    Path(item.latent_cache_path).write_bytes(struct.pack("<Q", len(text)) + text)
    stem = Path(item.item_key).name
    if item.frame_count:
        stem = stem.rpartition("_")[0] + Path(stem).suffix
    item.item_key = stem
    Path(dataset.get_text_encoder_output_cache_path(item)).touch()


class Stacked:
    """Frames that were put together, as far as the dataset looks at them."""

    def __init__(self, frames: Any) -> None:
        self.frames = list(frames)
        self.shape = (len(self.frames), *self.frames[0].shape)

    def __getitem__(self, part: slice) -> Any:
        return self.frames[part]


class Frame:
    """A decoded frame."""

    made: Any = None

    def __init__(self, size: list[int]) -> None:
        self.size = (size[0], size[1])

    def to_image(self) -> Any:
        return Frame.made(self.size)


class _Container:
    def __init__(self, path: str) -> None:
        self.path = path

    def decode(self, video: int) -> Any:
        return (Frame(SIZES[self.path]) for _ in range(SIZES[self.path][2]))

    def close(self) -> None:
        pass


def _prepare(home: Path) -> None:
    """Sizes instead of files, zeros instead of pixels."""
    if "musubi_tuner" in sys.modules:
        return
    sys.path.insert(0, str(home / "src"))
    import numpy as np
    from musubi_tuner.dataset import datasources, image_video_dataset, media_utils
    from PIL import Image

    kind, filtered = Image.Image, Image.LANCZOS

    class Sized(kind):  # type: ignore[misc,valid-type]
        """A picture of a size, without pixels."""

        def __init__(self, size: tuple[int, int]) -> None:
            super().__init__()
            self._size, self._mode = size, "RGB"

        def resize(self, size: Any, *_more: Any, **_named: Any) -> Any:
            return blank(size[1], size[0])

    def blank(height: int, width: int) -> Any:
        return np.broadcast_to(np.uint8(0), (height, width, 3))

    def array(image: Any) -> Any:
        return blank(image.size[1], image.size[0]) if isinstance(image, kind) else image

    class Opened:
        LANCZOS = filtered
        Image = kind

        @staticmethod
        def open(path: Any) -> Any:
            return Sized((SIZES[str(path)][0], SIZES[str(path)][1]))

        @staticmethod
        def fromarray(array: Any) -> Any:
            return Sized((array.shape[1], array.shape[0]))

    datasources.Image = Opened
    media_utils.Image = Opened
    media_utils.np = SimpleNamespace(array=array, ndarray=np.ndarray)
    media_utils.cv2 = SimpleNamespace(resize=lambda image, size, interpolation: blank(size[1], size[0]), INTER_AREA=3)
    image_video_dataset.np = SimpleNamespace(stack=lambda video, axis: Stacked(video), linspace=np.linspace, ndarray=np.ndarray)
    image_video_dataset.time = SimpleNamespace(sleep=lambda seconds: time.sleep(0.0002))
    Frame.made = Sized
    media_utils.av.open = _Container
