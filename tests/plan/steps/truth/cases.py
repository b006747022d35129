"""Random sets of pictures and clips with the native files of a trainer: what bucket rules are tried on. Plain data, no lorabridge.

A case is a dict: `files` (parsed native files by name), `stages`, `family`, `variant`, `folders` (folder to media, each a list
`[name, width, height, frames, fps, captions, controls, turned]`). The same number always gives the same case.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

PICTURES, CLIPS = 220, 60
SIDES = (1, 7, 15, 16, 31, 64, 100, 333, 480, 511, 512, 513, 640, 768, 1000, 1024, 1080, 1328, 1536, 1920, 2048, 3000, 4096)


def cases(trainer: str) -> Iterator[dict[str, Any]]:
    """All cases of one trainer: sets of pictures, then sets of clips."""
    for number in range(PICTURES + CLIPS):
        rng = random.Random(f"{trainer}:{number}")
        clips = number >= PICTURES
        if clips and trainer == "embedded":
            return
        case = MAKERS[trainer](rng, clips)
        yield {"id": f"{'clips' if clips else 'pictures'}-{number}", **case}


def _size(rng: random.Random, most: int = 4096) -> tuple[int, int]:
    """Usual sizes, exact ties, odd numbers, extreme ratios."""
    kind = rng.randrange(6)
    if kind == 0:
        return rng.choice([(512, 512), (1024, 1024), (1024, 768), (768, 1024), (832, 1216), (1920, 1080)])
    if kind == 1:
        side = rng.choice([256, 512, 640, 1024])
        return (side, side * 2) if rng.random() < 0.5 else (side * 3, side)
    if kind == 2:
        return min(most, rng.randint(1, 4000)), min(most, rng.choice([16, 33, 64, 200]))
    if kind == 3:
        return rng.choice(SIDES), rng.choice(SIDES)
    return rng.randint(40, 2600), rng.randint(40, 2600)


def _media(rng: random.Random, clips: bool, number: int, least: int = 1, controls: int = 0) -> list[Any]:
    width, height = _size(rng)
    width, height = max(width, least), max(height, least)
    frames, fps = 0, 0.0
    if clips and rng.random() < 0.9:
        width, height = rng.randint(40, 700), rng.randint(40, 700)
        frames, fps = (
            rng.choice([1, 2, 4, 5, 16, 17, 33, 48, 49, 60, 81, 90]),
            rng.choice([8.0, 12.5, 16.0, 23.976, 24.0, 25.0, 29.97, 30.0, 60.0]),
        )
    suffix = ".mp4" if frames else rng.choice([".png", ".jpg", ".webp"])
    companions = [list(_size(rng)) for _ in range(rng.choice([1, controls]) if controls else 0)]
    companions = [[max(200, side) for side in size] for size in companions]
    return [f"{number:03d}{suffix}", width, height, frames, fps, 1, companions, not frames and rng.random() < 0.1]


def _many(rng: random.Random, clips: bool, least: int = 1, controls: int = 0) -> list[list[Any]]:
    count = rng.choice([1, 2, 3, 5, 8, 13, 21, 30]) if not clips else rng.choice([1, 2, 3, 5, 8])
    found = [_media(rng, clips, number, least, controls) for number in range(count)]
    for item in found:
        if rng.random() < 0.05:
            item[5] = 0
    if rng.random() < 0.2 and len(found) > 1 and not controls:
        found[1][0] = found[0][0].rpartition(".")[0] + (".mov" if found[1][3] else ".jpeg")
        found[0][5] = found[1][5] = max(found[0][5], found[1][5])
        if rng.random() < 0.5 and bool(found[1][3]) == bool(found[0][3]):
            found[1][1:3] = found[0][1:3]
    return found


def _musubi(rng: random.Random, clips: bool) -> dict[str, Any]:
    family, variant = (
        rng.choice([("wan21", "t2v-1.3b"), ("hunyuan-video", "t2v")])
        if clips
        else rng.choice([("qwen-image", "base"), ("z-image", "base"), ("hidream-o1", "full"), ("flux1-kontext", "dev")])
    )
    tables, folders = [], {}
    for index in range(rng.choice([1, 1, 2, 3])):
        folder = f"set{index}"
        controls = 2 if family == "flux1-kontext" else 0
        table: dict[str, Any] = {
            "caption_extension": ".txt",
            "batch_size": rng.choice([1, 1, 2, 3, 4, 7]),
            "num_repeats": rng.choice([1, 1, 2, 3, 10]),
            "enable_bucket": rng.random() < 0.85 or clips,
            "bucket_no_upscale": rng.random() < 0.4,
            "resolution": _resolution(rng, clips),
            "cache_directory": f"cache{index}",
        }
        if clips:
            table["video_directory"] = folder
            table["target_frames"] = sorted(rng.sample([1, 5, 9, 16, 17, 25, 33, 47, 81], rng.choice([1, 2, 3])))
            table["frame_extraction"] = rng.choice(["head", "chunk", "slide", "uniform", "full"])
            table["frame_stride"] = rng.choice([1, 4, 10])
            table["frame_sample"] = rng.choice([1, 2, 5])
            table["max_frames"] = rng.choice([17, 50, 129])
            if rng.random() < 0.5:
                table["source_fps"] = rng.choice([12.0, 16.0, 23.976, 30.0, 60.0])
        else:
            table["image_directory"] = folder
        if controls:
            controls = 1
            table["control_directory"] = f"{folder}-control"
            if rng.random() < 0.4:
                table["no_resize_control"] = True
            if rng.random() < 0.4:
                table["control_resolution"] = [rng.choice([256, 512]), rng.choice([256, 512])]
        folders[folder] = [item for item in _many(rng, clips, 33 if table["bucket_no_upscale"] else 1, controls) if item[5] or not clips]
        for item in folders[folder]:
            item[6] = item[6][:1]
        tables.append(table)
    train = {"gradient_accumulation_steps": rng.choice([1, 1, 2, 4])} | rng.choice(
        [{"max_train_epochs": rng.randint(1, 9)}, {"max_train_steps": rng.choice([1, 7, 100, 1600])}]
    )
    files = {"dataset.toml": {"datasets": tables}, "train.toml": train, "accelerate.yaml": {"num_processes": rng.choice([1, 1, 2, 3, 8])}}
    return {"family": family, "variant": variant, "files": files, "stages": {}, "folders": folders}


def _resolution(rng: random.Random, clips: bool) -> list[int]:
    if clips:
        return rng.choice([[128, 128], [160, 96], [256, 144], [100, 220]])
    return rng.choice([[512, 512], [1024, 1024], [960, 544], [768, 512], [64, 64], [300, 1000], [1328, 1328], [640, 640], [2048, 2048]])


def _diffusion_pipe(rng: random.Random, clips: bool) -> dict[str, Any]:
    family, variant = (
        rng.choice([("wan21", "t2v-14b"), ("wan22", "5b"), ("ltx-video", "2b"), ("ltx2", "2.3")])
        if clips
        else rng.choice([("sdxl", "base"), ("flux1", "dev"), ("hunyuan-image", "2.1"), ("qwen-image", "base")])
    )
    top: dict[str, Any] = {
        "resolutions": _sides(rng),
        "enable_ar_bucket": rng.random() < 0.8,
        "min_ar": 0.5,
        "max_ar": 2.0,
        "num_ar_buckets": 7,
    }
    if rng.random() < 0.3:
        top |= {
            "min_ar": rng.choice([0.25, 0.4, 1.0]),
            "max_ar": rng.choice([1.0, 2.5, 4.0]),
            "num_ar_buckets": rng.choice([1, 2, 5, 9, 20]),
        }
    if rng.random() < 0.25:
        top["ar_buckets"] = rng.choice([[0.5, 1.0, 2.0], [[512, 512], [448, 576], [1, 2]], [1.0625, 0.7, 1.5], [1.0]])
    directories, folders = [], {}
    for index in range(rng.choice([1, 1, 2, 3])):
        directory: dict[str, Any] = {"path": f"set{index}", "num_repeats": rng.choice([1, 1, 2, 10, 0.5, 1.5, 2.7])}
        if rng.random() < 0.3:
            directory["resolutions"] = _sides(rng)
        if clips or rng.random() < 0.1:
            directory["frame_buckets"] = sorted(rng.sample([1, 17, 33, 49, 65, 81], rng.choice([1, 2, 3])))
        if rng.random() < 0.15:
            directory["size_buckets"] = rng.sample(
                [[512, 512, 1], [640, 480, 1], [480, 640, 17], [512, 512, 33], [960, 544, 49], [1000, 500, 1]], rng.choice([1, 2, 4])
            )
        if rng.random() < 0.2:
            directory["cache_shuffle_num"] = rng.choice([0, 1, 3])
        if rng.random() < 0.2:
            directory["skip_empty_caption"] = False
        items = _many(rng, clips)
        for item in items:
            item[5] = rng.choice([1, 1, 1, 0, 2, 3]) if rng.random() < 0.2 else item[5]
        folders[f"set{index}"] = items
        directories.append(directory)
    main: dict[str, Any] = {
        "epochs": rng.randint(1, 5),
        "pipeline_stages": rng.choice([1, 1, 2]),
        "gradient_accumulation_steps": rng.choice([1, 1, 2, 3]),
        "micro_batch_size_per_gpu": rng.choice([1, 1, 2, 3, [[512, 4], [1024, 1]], [[300, 3], [700, 2], [1000, 1]]]),
    }
    if rng.random() < 0.2:
        main["image_micro_batch_size_per_gpu"] = rng.choice([1, 2, 4])
    if rng.random() < 0.1:
        top["subsample_ratio"] = rng.choice([0.5, 0.3])
    gpus = main["pipeline_stages"] * rng.choice([1, 1, 2, 4])
    stages = {"train": ["deepspeed", "--include", "localhost:" + ",".join(map(str, range(gpus)))]}
    files = {"dataset.toml": top | {"directory": directories}, "main.toml": main}
    return {"family": family, "variant": variant, "files": files, "stages": stages, "folders": folders}


def _sides(rng: random.Random) -> list[Any]:
    return rng.choice([[512], [1024], [512, 768], [640, 1024, 1328], [[832, 480]], [[960, 544], [512, 512]], [333.3], [511, 511]])


def _ai_toolkit(rng: random.Random, clips: bool) -> dict[str, Any]:
    arch = (
        rng.choice(["wan21", "wan22_5b", "ltx2", "minimax_h3"])
        if clips
        else rng.choice(["flux", "sdxl", "qwen_image", "zimage", "flux2", "cogview4"])
    )
    datasets, folders = [], {}
    for index in range(rng.choice([1, 1, 2, 3])):
        table: dict[str, Any] = {
            "folder_path": f"set{index}",
            "caption_ext": "txt",
            "num_repeats": rng.choice([1, 1, 2, 3, 10]),
            "resolution": rng.choice([[512], [512, 768], [512, 768, 1024], [1024], [300], [1328], [64]]),
        }
        table |= {key: True for key in ("flip_x", "flip_y", "square_crop") if rng.random() < 0.15}
        if rng.random() < 0.2:
            table["scale"] = rng.choice([0.5, 1.5])
        if rng.random() < 0.2:
            table["batch_size"] = rng.choice([1, 2, 5])
        if clips:
            table |= rng.choice(
                [
                    {"num_frames": 17},
                    {"num_frames": 41},
                    {"auto_frame_count": True},
                    {"auto_frame_count": True, "trim_auto_frame_count_tail": False},
                ]
            )
            table["fps"] = rng.choice([16, 24, 8])
        folders[f"set{index}"] = _many(rng, clips, 2)
        datasets.append(table)
    train = {
        "steps": rng.choice([1, 10, 300]),
        "batch_size": rng.choice([1, 1, 2, 3, 4, 7]),
        "gradient_accumulation": rng.choice([1, 2, 4]),
    }
    job = {"config": {"name": "x", "process": [{"datasets": datasets, "train": train, "model": {"arch": arch}}]}}
    return {"family": "", "variant": "", "files": {"job.yaml": job}, "stages": {}, "folders": folders}


def _embedded(rng: random.Random, clips: bool) -> dict[str, Any]:
    family = rng.choice(["flux2-klein", "qwen-image", "z-image", "sdxl", "sana"])
    datasets, folders = [], {}
    for index in range(rng.choice([1, 1, 2, 3])):
        table: dict[str, Any] = {
            "images": f"set{index}",
            "repeats": rng.choice([1, 1, 2, 3, 10]),
            "resolutions": rng.choice([[512], [512, 768], [1024], [300], [64], [[640, 480]], [[512, 512], 1024], [8]]),
            "bucket": rng.random() < 0.8,
        }
        if rng.random() < 0.2:
            table["bucket_step"] = rng.choice([8, 24, 64])
        folders[f"set{index}"] = _many(rng, False)
        datasets.append(table)
    length = rng.choice([{"steps": 50}, {"epochs": rng.randint(1, 5)}, {"samples": rng.randint(1, 500)}])
    train = {"length": length, "batch_size": rng.choice([1, 1, 2, 3, 5]), "gradient_accumulation": rng.choice([1, 2, 3])}
    job = {"name": "x", "output": "out", "model": {"family": family, "path": "m"}, "datasets": datasets, "train": train}
    return {"family": "", "variant": "", "files": {"job.json": job}, "stages": {}, "folders": folders}


MAKERS = {"musubi": _musubi, "diffusion-pipe": _diffusion_pipe, "ai-toolkit": _ai_toolkit, "embedded": _embedded}
