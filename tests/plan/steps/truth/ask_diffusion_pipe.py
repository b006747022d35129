"""diffusion-pipe's own answer: its dataset classes, with the caching of metadata done in memory."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

MODELS = {"sdxl": (None, 16), "flux1": (None, 16), "hunyuan-image": (None, 32), "qwen-image": (None, 16)}
CLIPS = {("wan21", "t2v-14b"): (16, 16), ("wan22", "5b"): (24, 32), ("ltx-video", "2b"): (25, 32), ("ltx2", "2.3"): (24, 16)}
FINAL = {("ltx2", "2.3"): 32, ("ltx-video", "2b"): 32, ("wan22", "5b"): 32}
SIZES: dict[str, list[Any]] = {}


class Metadata(list[Any]):
    """The examples of one group; `map` gives them their size, which nothing here reads."""

    def map(self, *_args: Any, **_more: Any) -> Metadata:
        return self


def ask(case: dict[str, Any], home: Path) -> dict[str, Any]:
    """Buckets as `[width, height, frames, samples, batches]`, and the length of an epoch in steps."""
    module = _prepare(home)
    rate, step = CLIPS.get((case["family"], case["variant"])) or MODELS[case["family"]]
    model = SimpleNamespace(
        name="m", framerate=rate, pixels_round_to_multiple=step, model_specific_dataset_config_validation=lambda config: None
    )
    config = case["files"]["dataset.toml"]
    config = {**config, "directory": [dict(one) for one in config["directory"]]}
    for one in config["directory"]:
        Path(one["path"]).mkdir()
        if "frame_buckets" in one:
            one["frame_buckets"] = list(one["frame_buckets"])
        if "size_buckets" in one:
            one["size_buckets"] = [tuple(size) for size in one["size_buckets"]]
    dataset = module.Dataset(config, model, skip_dataset_validation=True)
    for directory in dataset.directory_datasets:
        _group(module, directory, case["folders"][directory.directory_config["path"]])
        for part in directory.size_bucket_datasets if directory.use_size_buckets else directory.ar_bucket_datasets:
            part.cache_latents(None)
    main = case["files"]["main.toml"]
    gpus = case["stages"]["train"][2].count(",") + 1
    dataset.post_init(
        0, gpus // main["pipeline_stages"], _sizes(main, "micro"), main["gradient_accumulation_steps"], _sizes(main, "image_micro")
    )
    return {"buckets": sorted(_buckets(dataset, FINAL.get((case["family"], case["variant"]), 16))), "length": len(dataset)}


def _sizes(main: dict[str, Any], name: str) -> dict[Any, int]:
    """As train.py:397-408 does."""
    sizes = main.get(f"{name}_batch_size_per_gpu", main["micro_batch_size_per_gpu"])
    return {None: sizes} if isinstance(sizes, int) else {one[0]: one[1] for one in sizes}


def _buckets(dataset: Any, final: int) -> list[list[int]]:
    from utils.common import round_to_nearest_multiple

    found = []
    for bucket in dataset.buckets:
        *_, width, height, frames = bucket.datasets[0].size_bucket
        size = (round_to_nearest_multiple(int(side), final) for side in (width, height))
        found.append([*size, int(frames), sum(len(one) for one in bucket.datasets), len(bucket)])
    return found


def _group(module: Any, directory: Any, items: list[list[Any]]) -> None:
    """What `_get_ungrouped_metadata` and `_group_metadata_and_save_to_disk` do, without the disk."""
    tell, groups = directory._metadata_map_fn(), {}
    for name, width, height, frames, fps, captions, _controls, _turned in items:
        SIZES[name] = [width, height, frames, fps]
        example = {"caption_file": [""], "image_spec": [(None, name)], "mask_file": [None]}
        if captions:
            example["caption"] = [[f"{number}" for number in range(captions)]]
        told = tell(example)
        key = "size_bucket" if directory.use_size_buckets else "ar_bucket"
        for number, raw in enumerate(told[key]):
            group = tuple(int(one) for one in raw) if directory.use_size_buckets else (raw[0], int(raw[1]))
            groups.setdefault(group, Metadata()).append({"image_spec": told["image_spec"][number], "caption": told["caption"][number]})
    for group, examples in groups.items():
        if directory.use_size_buckets:
            directory.size_bucket_datasets.append(
                module.SizeBucketDataset(examples, directory.directory_config, group, Path("cache"), directory)
            )
        else:
            directory.ar_bucket_datasets.append(
                module.ARBucketDataset(
                    group,
                    directory.resolutions,
                    examples,
                    directory.directory_config,
                    Path("cache"),
                    directory.round_to_multiple,
                    directory,
                )
            )


def _prepare(home: Path) -> Any:
    if "utils.dataset" in sys.modules:
        return sys.modules["utils.dataset"]
    sys.path.insert(0, str(home))
    from utils import common, dataset

    class Clip:
        def __init__(self, name: str) -> None:
            self.values = SIZES[str(name)]

        def get_dimensions(self) -> tuple[int, int]:
            return self.values[0], self.values[1]

        def get_frame_count(self) -> int:
            return int(self.values[2])

        def get_frame_rate(self) -> float:
            return float(self.values[3])

    class SizeBucket(dataset.SizeBucketDataset):  # type: ignore[name-defined,misc]
        """Knows its samples without a cache; `__len__` is the trainer's."""

        def __init__(self, examples: Metadata, directory_config: Any, size_bucket: Any, _cache: Any, _directory: Any) -> None:
            self.size_bucket, self.num_repeats = size_bucket, directory_config["num_repeats"]
            self.iteration_order = [caption for example in examples for caption in example["caption"]]

        def cache_latents(self, *_args: Any, **_more: Any) -> None:
            pass

    common.is_main_process = dataset.is_main_process = lambda: False
    dataset.SizeBucketDataset = SizeBucket
    dataset.InputImpl = SimpleNamespace(VideoFromFile=Clip)
    dataset.Image = SimpleNamespace(open=lambda name: SimpleNamespace(size=tuple(SIZES[str(name)][:2])))
    dataset.imageio = SimpleNamespace(get_reader=lambda name: SimpleNamespace(get_length=lambda: 1))
    return dataset
