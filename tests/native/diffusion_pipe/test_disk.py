"""`--paths`: the executed cases whose fault is on the disk, each built here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.native import check_texts
from tests.native.diffusion_pipe.conftest import check, main_text, png, told

Make = Callable[..., Path]


def run(
    tmp_path: Path, folder: Path, *, directory: str = "", top: str = "resolutions = [64]", model: str = "sdxl", **more: str
) -> list[Diagnostic]:
    """A run whose model file exists, on one folder."""
    weights = tmp_path / "weights"
    weights.touch()
    main = main_text(model, **more).replace("/data/sdxl.safetensors", str(weights))
    return check(main, f"{top}\n[[directory]]\npath = '{folder}'\n{directory}\n", paths=True)


def test_clean(tmp_path: Path, pictures: Make) -> None:
    assert told(run(tmp_path, pictures())) == []


def test_missing_folder(tmp_path: Path) -> None:
    assert told(run(tmp_path, tmp_path / "nope")) == ["error LB322 directory[0].path"]


def test_only_folders(tmp_path: Path) -> None:
    (tmp_path / "data" / "below").mkdir(parents=True)
    found = run(tmp_path, tmp_path / "data")
    assert told(found) == ["error LB322 directory[0].path"]
    assert "for ever" in found[0].why


def test_no_captions(tmp_path: Path, pictures: Make) -> None:
    folder = pictures(captions=False)
    assert told(run(tmp_path, folder)) == ["error LB322 directory[0].path", "error LB322 directory[0].path"]
    assert told(run(tmp_path, folder, directory="skip_empty_caption = false")) == []
    (folder / "v0.txt").write_text("a", encoding="utf-8")
    assert told(run(tmp_path, folder)) == ["warning LB322 directory[0].path"]


@pytest.mark.parametrize(("value", "expected"), [("a cat", "error"), (["a cat"], "")])
def test_captions_json(tmp_path: Path, pictures: Make, value: object, expected: str) -> None:
    folder = pictures(captions=False)
    (folder / "captions.json").write_text(json.dumps({f"v{index}.png": value for index in range(4)}), encoding="utf-8")
    assert {item.severity for item in run(tmp_path, folder)} == ({expected} if expected else set())


def test_captions_json_without_an_entry(tmp_path: Path, pictures: Make) -> None:
    folder = pictures(captions=True)
    (folder / "captions.json").write_text(json.dumps({"v0.png": ["a"]}), encoding="utf-8")
    assert told(run(tmp_path, folder)) == ["warning LB322 directory[0].path"]


def test_masks(tmp_path: Path, pictures: Make) -> None:
    folder, masks = pictures(), pictures("masks", captions=False)
    assert told(run(tmp_path, folder, directory=f"mask_path = '{masks}'")) == []
    png(masks / "v0.png", 32, 32)
    assert told(run(tmp_path, folder, directory=f"mask_path = '{masks}'")) == ["error LB322 directory[0].mask_path"]
    assert told(run(tmp_path, folder, directory="mask_path = '/nope'")) == ["error LB322 directory[0].mask_path"]


def test_masks_that_are_missing(tmp_path: Path, pictures: Make) -> None:
    folder, masks = pictures(), pictures("masks", count=3, captions=False)
    assert told(run(tmp_path, folder, directory=f"mask_path = '{masks}'")) == ["warning LB322 directory[0].mask_path"]
    assert told(run(tmp_path, folder, directory=f"mask_path = '{masks}'\ndefault_mask_file = '{masks / 'v0.png'}'")) == []
    assert told(run(tmp_path, folder, directory="default_mask_file = '/nope.png'")) == ["error LB322 directory[0].default_mask_file"]


def test_online_captions(tmp_path: Path, pictures: Make) -> None:
    assert told(run(tmp_path, pictures(), directory="online_captions = true")) == ["error LB322 directory[0].path"]


def test_control_pictures(tmp_path: Path, pictures: Make) -> None:
    folder, control = pictures(), pictures("control", count=3, captions=False)
    found = run(tmp_path, folder, directory=f"control_path = '{control}'")
    assert "error LB322 directory[0].control_path" in told(found)


def test_batches_that_cannot_be_filled(tmp_path: Path, pictures: Make) -> None:
    folder = pictures()
    for top in ("micro_batch_size_per_gpu = 8", "gradient_accumulation_steps = 5\nmicro_batch_size_per_gpu = 1"):
        assert told(run(tmp_path, folder, top="resolutions = [64]")) == []
        assert "error LB322 micro_batch_size_per_gpu" in told(check_with(tmp_path, folder, top))
    assert told(check_with(tmp_path, folder, "micro_batch_size_per_gpu = 4")) == []
    assert "error LB322 directory[0].path" in told(run(tmp_path, folder, directory="num_repeats = 0.1"))


def check_with(tmp_path: Path, folder: Path, line: str) -> list[Diagnostic]:
    weights = tmp_path / "weights"
    weights.touch()
    main = main_text(top=line).replace("/data/sdxl.safetensors", str(weights))
    return check(main, f"resolutions = [64]\n[[directory]]\npath = '{folder}'\n", paths=True)


def test_a_part_of_the_batches(tmp_path: Path, pictures: Make) -> None:
    assert told(run(tmp_path, pictures(), top="resolutions = [64]\nsubsample_ratio = 0.1")) == ["error LB322 subsample_ratio"]
    assert told(run(tmp_path, pictures(), top="resolutions = [64]\nsubsample_ratio = 0.5")) == []


def test_ratios_split_the_batches(tmp_path: Path, pictures: Make) -> None:
    folder = pictures()
    png(folder / "v0.png", 128, 64)
    ratios = "resolutions = [64]\nenable_ar_bucket = true\nmin_ar = 0.5\nmax_ar = 2.0\nnum_ar_buckets = 3"
    weights = tmp_path / "weights"
    weights.touch()
    main = main_text(top="micro_batch_size_per_gpu = 3").replace("/data/sdxl.safetensors", str(weights))
    found = check(main, f"{ratios}\n[[directory]]\npath = '{folder}'\n", paths=True)
    assert told(found) == ["warning LB322 micro_batch_size_per_gpu"]
    assert "1 of 4" in found[0].message


def test_evaluation_batches(tmp_path: Path, pictures: Make) -> None:
    folder = pictures()
    data = f"resolutions = [64]\n[[directory]]\npath = '{folder}'\n"
    (tmp_path / "val.toml").write_text(data, encoding="utf-8")
    main = main_text(top=f"eval_micro_batch_size_per_gpu = 16\neval_datasets = [{{name = 'val', config = '{tmp_path / 'val.toml'}'}}]")
    found = check(main.replace("/data/sdxl.safetensors", str(tmp_path)), data, paths=True)
    assert told(found) == ["error LB322 eval_micro_batch_size_per_gpu"]


def test_model_files(tmp_path: Path, pictures: Make) -> None:
    folder = pictures()
    for model, keys in (
        ("flux", ["diffusers_path"]),
        ("wan", ["ckpt_path"]),
        ("z_image", ["diffusion_model", "text_encoders[0].path", "vae"]),
    ):
        found = run(tmp_path, folder, model=model)
        assert sorted(item for item in told(found) if "model." in item) == sorted(f"error LB322 model.{key}" for key in keys)
    hub = main_text("flux").replace("/data/flux", "black-forest-labs/FLUX.1-dev")
    assert not any("model." in item for item in told(check(hub, paths=True)))


def test_dataset_file(tmp_path: Path) -> None:
    main = main_text().replace("/data/ds.toml", "/nope/ds.toml").replace("/data/sdxl.safetensors", str(tmp_path))
    assert told(check_texts({"main.toml": main}, paths=True)) == ["error LB322 dataset"]
    (tmp_path / "d.toml").write_text("resolution = [64]\n", encoding="utf-8")
    found = check_texts({"main.toml": main.replace("/nope/ds.toml", str(tmp_path / "d.toml"))}, paths=True)
    assert "error LB318 directory" in told(found)


def test_adapter_and_resume(tmp_path: Path, pictures: Make) -> None:
    folder = pictures()
    assert "error LB322 adapter.init_from_existing" in told(run(tmp_path, folder, adapter="init_from_existing = '/nope/epoch1'"))
    main = (
        main_text(top="resume_from_checkpoint = true")
        .replace("/data/out", str(tmp_path / "out"))
        .replace("/data/sdxl.safetensors", str(folder))
    )
    assert "error LB322 resume_from_checkpoint" in told(check(main, paths=True))
    named = main.replace("resume_from_checkpoint = true", "resume_from_checkpoint = 'x'")
    assert "error LB322 resume_from_checkpoint" in told(check(named, paths=True))
    (tmp_path / "out" / "20250101_10-00-00").mkdir(parents=True)
    assert "error LB322 resume_from_checkpoint" not in told(check(main, paths=True))


def test_clips_for_a_picture_model(tmp_path: Path, pictures: Make) -> None:
    folder = pictures()
    (folder / "clip.mp4").write_bytes(b"")
    (folder / "clip.txt").write_text("a", encoding="utf-8")
    assert told(run(tmp_path, folder)) == ["warning LB322 directory[0].path"]
