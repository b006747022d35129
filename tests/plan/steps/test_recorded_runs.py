"""Steps, saves and deletions of runs that the real trainers made: docs/evidence and the recorded logs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lorabridge.backends import get_backend
from lorabridge.backends.base import Site
from lorabridge.backends.outlook import Event, Native, Timeline, rules_of
from lorabridge.config.load import load
from lorabridge.data.buckets import Media
from lorabridge.plan.subject import subject_of

MIXED = [Media(f"{number}.png", *size) for number, size in enumerate([(128, 128)] * 4 + [(160, 96)] * 2)]
SQUARE = [Media(f"{number}.png", 64, 64) for number in range(6)]


def run(tmp_path: Path, backend: str, text: str, media: Sequence[Media]) -> Timeline:
    path = tmp_path / "x.yaml"
    path.write_text(text, "utf-8")
    loaded = load(path)
    subject, found = subject_of(loaded, backend, Site(root=tmp_path.as_posix()), lambda folder, extension: media)
    assert subject is not None, found
    assert subject.forecast is not None
    return subject.forecast.timeline


def steps_of(line: Timeline, kind: str) -> list[int]:
    return [event.step for event in line.events if event.kind == kind]


def left(events: Sequence[Event], kind: str) -> set[str]:
    """The files that are there at the end."""
    there: set[str] = set()
    for event in events:
        if event.kind == kind:
            there = there - set(event.removes) | {event.name}
    return there


MUSUBI = """
lorabridge: 1
name: z-tiny
model:
  family: z-image
  paths: {transformer: t.safetensors, vae: v.safetensors, text_encoder: e.safetensors}
datasets: [{images: pictures, repeats: 2, resolution: [128, [160, 96]], upscale: false}]
adapter: {rank: 4, alpha: 2}
train: {for: 20 steps, batch_size: 1, gradient_accumulation: 2, seed: 42}
optimizer: {type: adamw8bit, lr: 1e-3}
scheduler: {type: constant, warmup: 10%}
save: {every: 4 steps, keep_last: 2, state: true}
sample: {every: 10 steps, width: 64, height: 64, prompts: ["a beach"]}
"""


def test_musubi_z_image(tmp_path: Path) -> None:
    """docs/evidence/musubi.md: 16 and 20 left of five checkpoints, three states, the samples of step 20 made twice, a rate of 0, 0.0005, 0.001."""
    line = run(tmp_path, "musubi", MUSUBI, MIXED)
    assert (line.steps, line.steps_per_epoch, line.epochs) == (20, 12, 2)
    assert left(line.events, "checkpoint") == {"z-tiny-step00000016.safetensors", "z-tiny-step00000020.safetensors", "z-tiny.safetensors"}
    assert left(line.events, "state") == {"z-tiny-step00000016-state", "z-tiny-step00000020-state", "z-tiny-state"}
    assert steps_of(line, "sample") == [0, 10, 20, 20]
    assert line.rate is not None
    assert [line.rate(step) for step in (1, 2, 3, 20)] == [0.0, 0.5, 1.0, 1.0]


def test_musubi_epochs(tmp_path: Path) -> None:
    """docs/evidence/musubi.md: Qwen-Image, 3 epochs of six pictures, 18 steps; of the epoch files one is kept."""
    text = (
        MUSUBI.replace("20 steps", "3 epochs")
        .replace("[128, [160, 96]]", "[128]")
        .replace("repeats: 2, ", "")
        .replace("gradient_accumulation: 2, ", "")
    )
    text = text.replace("every: 4 steps, keep_last: 2, state: true", "every: 1 epoch, keep_last: 1").replace(
        "every: 10 steps", "every: never"
    )
    line = run(tmp_path, "musubi", text, MIXED)
    assert (line.steps, line.steps_per_epoch, line.epochs, line.samples) == (18, 6, 3, 18)
    assert left(line.events, "checkpoint") == {"z-tiny-000002.safetensors", "z-tiny.safetensors"}


def test_musubi_log() -> None:
    """qwen_image_complete.log: 6 batches, 3 epochs, a save each 5 steps and each epoch, with states."""
    files = {
        "train.toml": {"max_train_epochs": 3, "save_every_n_steps": 5, "save_every_n_epochs": 1, "save_state": True, "output_name": "my"},
        "dataset.toml": {
            "datasets": [{"image_directory": "p", "caption_extension": ".txt", "resolution": [256, 256], "enable_bucket": True}]
        },
    }
    sizes = [(192, 336), (256, 256), (256, 256), (256, 256), (288, 224), (304, 208)]
    line, bucketing = _native("musubi", Native(files, {}, "qwen-image", "base"), [Media(f"{n}.png", *size) for n, size in enumerate(sizes)])
    assert [(one.width, one.height, one.samples) for one in bucketing.buckets] == [
        (192, 336, 1),
        (256, 256, 3),
        (288, 224, 1),
        (304, 208, 1),
    ]
    assert (line.steps, line.epochs) == (18, 3)
    names = [event.name for event in line.events if event.kind == "checkpoint"]
    assert names == [f"my-{part}.safetensors" for part in ("step00000005", "000001", "step00000010", "000002", "step00000015")] + [
        "my.safetensors"
    ]


def _native(trainer: str, native: Native, media: Sequence[Media]) -> tuple[Timeline, Any]:
    rules = rules_of(get_backend(trainer))
    assert rules is not None
    bucketing = rules.bucketing(native, lambda folder, extension: media)
    return rules.timeline(native, bucketing), bucketing


SDXL = """
lorabridge: 1
name: tiny-sdxl
model: {family: sdxl, paths: {checkpoint: x.safetensors}}
datasets:
  - {images: pictures, repeats: 2, resolution: [64], aspect: {min: 0.5, max: 2.0, buckets: 3}}
adapter: {rank: 4}
train: {for: 3 epochs, gradient_accumulation: 2}
optimizer: {type: adamw, lr: 1e-3}
scheduler: {type: linear, warmup: 2 steps}
save: {every: 2 epochs, state: true}
evaluate: {datasets: [{images: held-out, resolution: [64]}], every: 1 epoch}
"""


def test_diffusion_pipe_sdxl(tmp_path: Path) -> None:
    """docs/evidence/diffusion_pipe.md: 18 steps, 4 evaluations, `epoch2`, `epoch3`, two states, a last rate of 1.7e-4 of 1e-3."""
    line = run(tmp_path, "diffusion-pipe", SDXL, SQUARE)
    assert (line.steps, line.steps_per_epoch, line.samples) == (18, 6, 36)
    assert left(line.events, "checkpoint") == {"epoch2", "epoch3"}
    assert left(line.events, "state") == {"global_step12", "global_step18"}
    assert steps_of(line, "evaluation") == [0, 6, 12, 18]
    assert line.rate is not None
    assert line.rate(18) == pytest.approx(0.16667, abs=1e-4)
    assert [line.rate(step) for step in (1, 2, 3)] == pytest.approx([0.5, 0.75, 1.0])


@pytest.mark.parametrize(
    ("length", "more", "steps", "files", "states", "looks"),
    [
        ("5 steps", "batch_size: 2", 5, {"step5"}, {"global_step5"}, []),
        ("8 samples", "gradient_accumulation: 2", 4, {"step3", "step4"}, {"global_step4"}, []),
        ("2 epochs", "batch_size: 2", 24, {"epoch2"}, {"global_step24"}, [4, 8, 12, 16, 20, 24]),
    ],
    ids=["flux1", "qwen-image-edit", "sd3"],
)
def test_diffusion_pipe_others(
    tmp_path: Path, length: str, more: str, steps: int, files: set[str], states: set[str], looks: list[int]
) -> None:
    """docs/evidence/diffusion_pipe.md: steps, files and evaluations of the other three runs."""
    text = SDXL.replace("for: 3 epochs, gradient_accumulation: 2", f"for: {length}, {more}").replace("repeats: 2, ", "")
    text = text.replace(
        "save: {every: 2 epochs, state: true}", "save: {every: 3 steps}" if length == "8 samples" else "save: {every: never}"
    )
    text = text.replace("scheduler: {type: linear, warmup: 2 steps}", "scheduler: constant")
    look = "every: 4 steps, before: false" if looks else "every: never, before: false"
    text = text.replace("every: 1 epoch}", look + "}")
    if looks:
        text = text.replace("repeats: 2, resolution: [64]", "resolution: [64]").replace(
            "resolution: [64], aspect", "resolution: [32, 48, 64, 80], aspect"
        )
    line = run(tmp_path, "diffusion-pipe", text, SQUARE)
    assert line.steps == steps
    assert left(line.events, "checkpoint") == files
    assert left(line.events, "state") == states
    assert steps_of(line, "evaluation") == looks


def test_ai_toolkit_logs() -> None:
    """res1_first.log: 6 steps, saved as 2 and 4 and at the end. train_missing.log: two kept, 2 removed after 6 and 4 after 8."""
    process: dict[str, Any] = {
        "train": {"steps": 6},
        "save": {"save_every": 2, "max_step_saves_to_keep": 4},
        "datasets": [{"folder_path": "p"}],
    }
    native = Native({"job.yaml": {"config": {"name": "res", "process": [process]}}})
    line, _ = _native("ai-toolkit", native, SQUARE)
    names = [event.name for event in line.events if event.kind == "checkpoint"]
    assert names == ["res_000000002.safetensors", "res_000000004.safetensors", "res.safetensors"]
    process |= {"train": {}, "save": {"save_every": 2, "max_step_saves_to_keep": 2}}
    line, _ = _native("ai-toolkit", native, SQUARE)
    gone = {event.name: event.removes for event in line.events if event.kind == "checkpoint"}
    assert line.steps == 1000
    assert gone["res_000000004.safetensors"] == ()
    assert gone["res_000000006.safetensors"] == ("res_000000002.safetensors",)
    assert gone["res_000000008.safetensors"] == ("res_000000004.safetensors",)
    assert line.kept == 3


def test_ai_toolkit_buckets_of_a_log() -> None:
    """zimage_complete.log: six pictures at 64 and at 128 make three and four buckets."""
    sizes = [(128, 128), (128, 128), (128, 128), (128, 96), (96, 160), (160, 96)]
    process = {"train": {"steps": 12}, "datasets": [{"folder_path": "p", "resolution": [64, 128]}], "model": {"arch": "zimage"}}
    native = Native({"job.yaml": {"config": {"name": "x", "process": [process]}}})
    _, bucketing = _native("ai-toolkit", native, [Media(f"{n}.png", *size) for n, size in enumerate(sizes)])
    told = [(one.key, one.samples) for one in bucketing.buckets]
    assert sorted(told[:3]) == [("48x80", 1), ("64x64", 4), ("80x48", 1)]
    assert sorted(told[3:]) == [("128x128", 3), ("128x96", 1), ("160x96", 1), ("96x160", 1)]


def test_ai_toolkit_acts_one_step_late() -> None:
    """The loop counts from 0 and saves after the step: file 2 holds three steps (jobs/process/BaseSDTrainProcess.py:2533-2716)."""
    process: dict[str, Any] = {"train": {"steps": 6}, "save": {"save_every": 2}, "datasets": [{"folder_path": "p"}]}
    line, _ = _native("ai-toolkit", Native({"job.yaml": {"config": {"name": "res", "process": [process]}}}), SQUARE)
    assert steps_of(line, "checkpoint") == [3, 5, 6]


def test_diffusion_pipe_ends_with_an_epoch() -> None:
    """After the last epoch the loop is left before the step's own save is looked at (train.py:945-956): `epoch1`, and no `step6`."""
    main = {"epochs": 1, "save_every_n_steps": 3, "optimizer": {}}
    dataset = {"resolutions": [64], "directory": [{"path": "p"}]}
    line, _ = _native("diffusion-pipe", Native({"main.toml": main, "dataset.toml": dataset}, {}, "sdxl", "base"), SQUARE)
    assert [event.name for event in line.events if event.kind == "checkpoint"] == ["step3", "epoch1"]


@pytest.mark.parametrize(("epochs", "most", "steps"), [(0, None, 6), (2, None, 12), (2, 7, 7), (2, 100, 12), (5, 0, 1)])
def test_diffusion_pipe_lengths(epochs: int, most: int | None, steps: int) -> None:
    """0 epochs are one, 0 steps are one (shared facts, executed)."""
    main = {"epochs": epochs, "save_every_n_epochs": 1, "optimizer": {}} | ({} if most is None else {"max_steps": most})
    dataset = {"resolutions": [64], "directory": [{"path": "p"}]}
    line, _ = _native("diffusion-pipe", Native({"main.toml": main, "dataset.toml": dataset}, {}, "sdxl", "base"), SQUARE)
    assert line.steps == steps


def test_embedded_saves_its_last_step_once() -> None:
    """trainer/loop.py: a step that is the last has no numbered file; `keep_last` holds for files and states, the final file stays."""
    job = {
        "name": "x",
        "model": {"family": "sdxl"},
        "datasets": [{"images": "p", "resolutions": [64]}],
        "train": {"length": {"steps": 6}, "batch_size": 1},
        "save": {"every": {"steps": 2}, "keep_last": 1, "state": True},
        "sample": {"prompts": ["a"], "every": {"steps": 3}},
    }
    line, _ = _native("embedded", Native({"job.json": job}), SQUARE)
    names = [event.name for event in line.events if event.kind == "checkpoint"]
    assert names == ["x-00000002.safetensors", "x-00000004.safetensors", "x.safetensors"]
    assert left(line.events, "checkpoint") == {"x-00000004.safetensors", "x.safetensors"}
    assert left(line.events, "state") == {"state/step-00000006"}
    assert (line.kept, line.kept_states) == (2, 2)
    assert steps_of(line, "sample") == [0, 3, 6]


def test_several_gpus_divide_batches(tmp_path: Path) -> None:
    """musubi-tuner: 12 batches on 2 GPUs are 6 each; warm-up steps are those of the optimizer, not of the schedule."""
    text = MUSUBI.replace("for: 20 steps", "for: 3 epochs").replace("gradient_accumulation: 2, ", "").replace("[128, [160, 96]]", "[128]")
    text = text.replace("warmup: 10%", "warmup: 4 steps") + "hardware: {gpus: [0, 1]}\n"
    line = run(tmp_path, "musubi", text, MIXED)
    assert (line.steps, line.steps_per_epoch, line.processes, line.warmup) == (18, 6, 2, 4)
    assert line.rate is not None
    assert [line.rate(step) for step in (1, 2, 5)] == [0.0, 0.25, 1.0]
    pipe = run(tmp_path, "diffusion-pipe", SDXL + "hardware: {gpus: [0, 1]}\n", SQUARE)
    assert (pipe.steps_per_epoch, pipe.per_step, pipe.processes) == (3, (4, 4), 2)
