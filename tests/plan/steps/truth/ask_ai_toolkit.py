"""ai-toolkit's own answer: its dataset class sets up its buckets and its list of batches."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

GRID = {
    "flux": 32,
    "sdxl": 16,
    "qwen_image": 32,
    "zimage": 16,
    "flux2": 16,
    "cogview4": 8,
    "wan21": 16,
    "wan22_5b": 32,
    "ltx2": 32,
    "minimax_h3": 32,
}
SIZES: dict[str, list[Any]] = {}


def ask(case: dict[str, Any], home: Path) -> dict[str, Any]:
    """Buckets as `[table, width, height, frames, samples, batches]`, and the batches of an epoch."""
    loader = _prepare(home)
    from toolkit.config_modules import DatasetConfig, preprocess_dataset_raw_config

    process = case["files"]["job.yaml"]["config"]["process"][0]
    model = _model(process["model"]["arch"])
    buckets, batches = [], 0
    for folder, items in case["folders"].items():
        Path(folder).mkdir()
        for name, width, height, frames, fps, _captions, _controls, turned in items:
            (Path(folder) / name).write_text("x")
            SIZES[str(Path(folder) / name)] = [*((height, width) if turned else (width, height)), frames, fps]
    for index, raw in enumerate(process["datasets"]):
        for table in preprocess_dataset_raw_config([raw]):
            (Path(table["folder_path"]) / ".aitk_size.json").unlink(missing_ok=True)
            config = DatasetConfig(**table)
            try:
                dataset = loader.AiToolkitDataset(config, batch_size=config.batch_size or process["train"]["batch_size"], sd=model)
            except AssertionError:
                if any(not item[3] or config.num_frames > 1 or config.auto_frame_count for item in case["folders"][table["folder_path"]]):
                    raise
                continue  # a folder of clips, read for pictures
            batches += len(dataset)
            for key, bucket in dataset.buckets.items():
                count = sum(1 for batch in dataset.batch_indices if batch[0] in bucket.file_list_idx)
                frames = int(key.partition("f")[0].split("x")[2]) if key.endswith("f") else 1
                buckets.append([index, bucket.width, bucket.height, frames, len(bucket.file_list_idx), count])
    return {"buckets": sorted(buckets), "batches": batches}


class Model(SimpleNamespace):
    """Says no to everything that a dataset asks and a test does not set."""

    def __getattr__(self, name: str) -> bool:
        if name.startswith("__"):
            raise AttributeError(name)
        return False


def _model(arch: str) -> Any:
    """What a dataset asks a model for."""
    temporal = 4 if arch.startswith("wan") else 8
    snap = None
    if arch == "minimax_h3":
        from extensions_built_in.diffusion_models.minimax_h3.src.packing import align_num_frames_down as snap
    return Model(
        get_bucket_divisibility=lambda: GRID[arch],
        get_frame_count_snapper=lambda: snap,
        model_config=SimpleNamespace(latent_space_version="x", arch=arch),
        vae=SimpleNamespace(config=SimpleNamespace(scale_factor_temporal=temporal)),
        unet=SimpleNamespace(config=SimpleNamespace()),
        encode_control_in_text_embeddings=False,
        text_embedding_space_version="x",
        te_padding_side="right",
        is_xl=False,
        adapter=None,
    )


def _prepare(home: Path) -> Any:
    if "toolkit.data_loader" in sys.modules:
        return sys.modules["toolkit.data_loader"]
    sys.path.insert(0, str(home))
    import toolkit.data_transfer_object.data_loader as items
    from toolkit import data_loader

    class Capture:
        def __init__(self, path: str) -> None:
            self.values = SIZES[str(path)]

        def isOpened(self) -> bool:
            return True

        def get(self, what: int) -> float:
            import cv2

            order = {cv2.CAP_PROP_FRAME_WIDTH: 0, cv2.CAP_PROP_FRAME_HEIGHT: 1, cv2.CAP_PROP_FRAME_COUNT: 2, cv2.CAP_PROP_FPS: 3}
            return float(self.values[order[what]])

        def release(self) -> None:
            pass

    items.cv2.VideoCapture = Capture
    items.Image = SimpleNamespace(open=lambda path: SimpleNamespace(size=tuple(SIZES[str(path)][:2])))
    items.exif_transpose = lambda image: image
    return data_loader
