"""What is looked at with --paths: folders as the trainer walks them, models, and what an earlier run left."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.native.ai_toolkit.helpers import check, told

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40 + b"IEND\xaeB`\x82"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "cats"
    folder.mkdir()
    for index in range(3):
        (folder / f"{index}.png").write_bytes(PNG)
        (folder / f"{index}.txt").write_text("a cat", encoding="utf-8")
    return folder


def found(tmp_path: Path, changes: dict[str, Any] | None = None) -> list[str]:
    places = {"training_folder": str(tmp_path / "out"), "datasets.0.folder_path": str(tmp_path / "cats")}
    return [line.replace("config.process[0].", "").partition(": ")[0] for line in told(check({**places, **(changes or {})}, paths=True))]


def save(path: Path, step: int) -> None:
    header = json.dumps({"__metadata__": {"training_info": json.dumps({"step": step})}}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(header)) + header)


class TestFolders:
    def test_good(self, tmp_path: Path, data: Path) -> None:
        assert found(tmp_path) == []

    def test_without_paths_nothing_is_looked_at(self, tmp_path: Path) -> None:
        assert told(check({"datasets.0.folder_path": str(tmp_path / "none"), "training_folder": str(tmp_path)})) == []

    def test_missing(self, tmp_path: Path) -> None:
        assert found(tmp_path) == ["error[LB322] datasets[0].folder_path"]

    def test_empty(self, tmp_path: Path) -> None:
        (tmp_path / "cats").mkdir()
        assert found(tmp_path) == ["error[LB322] datasets[0].folder_path"]

    def test_only_pictures_that_are_not_read(self, tmp_path: Path) -> None:
        (tmp_path / "cats").mkdir()
        (tmp_path / "cats" / "a.gif").write_bytes(b"GIF89a")
        assert found(tmp_path) == ["error[LB322] datasets[0].folder_path"]

    def test_some_that_are_not_read(self, tmp_path: Path, data: Path) -> None:
        (data / "a.tiff").write_bytes(b"II*\0")
        assert found(tmp_path) == ["warning[LB322] datasets[0].folder_path"]

    def test_a_file_that_is_no_list(self, tmp_path: Path) -> None:
        (tmp_path / "cats").write_text("a cat", encoding="utf-8")
        assert found(tmp_path) == ["error[LB322] datasets[0].folder_path"]

    def test_a_folder_that_cannot_be_written_to(self, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        assert found(tmp_path) == ["warning[LB322] datasets[0].folder_path"]

    def test_a_list(self, tmp_path: Path, data: Path) -> None:
        listed = tmp_path / "list.json"
        listed.write_text(json.dumps({str(data / "0.png"): {"caption": "x"}}), encoding="utf-8")
        assert found(tmp_path, {"datasets.0.folder_path": str(listed)}) == []
        listed.write_text("{}", encoding="utf-8")
        assert found(tmp_path, {"datasets.0.folder_path": str(listed)}) == ["error[LB322] datasets[0].folder_path"]
        listed.write_text(json.dumps({"/none/0.png": {"caption": "x"}}), encoding="utf-8")
        assert found(tmp_path, {"datasets.0.folder_path": str(listed)}) == ["error[LB322] datasets[0].folder_path"]

    @pytest.mark.parametrize("content", [b"", b"no picture", PNG[:30]])
    def test_broken_pictures(self, tmp_path: Path, data: Path, content: bytes) -> None:
        (data / "1.png").write_bytes(content)
        assert found(tmp_path) == ["warning[LB322] datasets[0].folder_path"]
        for index in (0, 2):
            (data / f"{index}.png").write_bytes(content)
        assert found(tmp_path) == ["error[LB322] datasets[0].folder_path"]

    def test_captions(self, tmp_path: Path, data: Path) -> None:
        assert found(tmp_path, {"datasets.0.caption_ext": "caption"}) == ["warning[LB322] datasets[0].caption_ext"]
        assert found(tmp_path, {"datasets.0.caption_ext": "caption", "datasets.0.default_caption": "a cat"}) == []
        (data / "0.txt").write_bytes(b"\xff\xfe\xff")
        assert found(tmp_path) == ["error[LB322] datasets[0].caption_ext"]
        (data / "0.txt").unlink()
        assert found(tmp_path) == ["warning[LB322] datasets[0].caption_ext"]

    def test_masks_and_controls(self, tmp_path: Path, data: Path) -> None:
        masks = tmp_path / "masks"
        assert found(tmp_path, {"datasets.0.mask_path": str(masks)}) == ["error[LB322] datasets[0].mask_path"]
        masks.mkdir()
        assert found(tmp_path, {"datasets.0.control_path": [str(masks)]}) == ["error[LB322] datasets[0].control_path"]
        (masks / "0.png").write_bytes(PNG)
        assert found(tmp_path, {"datasets.0.mask_path": str(masks)}) == ["warning[LB322] datasets[0].mask_path"]
        for index in (1, 2):
            (masks / f"{index}.jpg").write_bytes(PNG)
        assert found(tmp_path, {"datasets.0.mask_path": str(masks)}) == []

    def test_hidden_and_control_folders_are_left_out(self, tmp_path: Path, data: Path) -> None:
        for name in (".thumbs", "_controls"):
            (data / name).mkdir()
            (data / name / "x.png").write_bytes(b"broken")
        assert found(tmp_path) == []

    def test_batches_larger_than_the_dataset(self, tmp_path: Path, data: Path) -> None:
        assert found(tmp_path, {"train.batch_size": 8}) == ["warning[LB322] train.batch_size"]
        assert found(tmp_path, {"train.batch_size": 8, "datasets.0.num_repeats": 3}) == []

    def test_stale_latents(self, tmp_path: Path, data: Path) -> None:
        (data / "_latent_cache").mkdir()
        kept = data / "_latent_cache" / "0_abc.safetensors"
        kept.write_bytes(b"")
        os.utime(data / "0.png", (1000, 1000))
        assert found(tmp_path, {"datasets.0.cache_latents_to_disk": True}) == []
        os.utime(kept, (500, 500))
        assert found(tmp_path, {"datasets.0.cache_latents_to_disk": True}) == ["warning[LB322] datasets[0].cache_latents_to_disk"]


@pytest.mark.usefixtures("data")
class TestModels:
    def test_missing(self, tmp_path: Path) -> None:
        assert found(tmp_path, {"model.name_or_path": str(tmp_path / "none")}) == ["error[LB322] model.name_or_path"]
        assert found(tmp_path, {"network.pretrained_lora_path": str(tmp_path / "none")}) == ["error[LB322] network.pretrained_lora_path"]
        assert found(tmp_path, {"model.vae_path": str(tmp_path / "none")}) == ["error[LB322] model.vae_path"]

    def test_folders(self, tmp_path: Path) -> None:
        model = tmp_path / "model"
        model.mkdir()
        assert found(tmp_path, {"model.name_or_path": str(model)}) == ["warning[LB322] model.name_or_path"]
        (model / "transformer").mkdir()
        assert found(tmp_path, {"model.name_or_path": str(model)}) == []
        klein = {"model.arch": "flux2_klein_4b", "model.name_or_path": str(model)}
        assert found(tmp_path, klein) == ["error[LB322] model.name_or_path"]
        (model / "flux-2-klein-base-4b.safetensors").write_bytes(b"x")
        assert found(tmp_path, klein) == []
        edit = {"model.arch": "qwen_image_edit_plus", "model.name_or_path": str(model), "datasets.0.control_path": str(tmp_path / "cats")}
        assert "error[LB322] model.name_or_path" in found(tmp_path, edit)

    def test_both_experts(self, tmp_path: Path) -> None:
        model = tmp_path / "model"
        (model / "transformer").mkdir(parents=True)
        wan = {"model.arch": "wan22_14b", "model.name_or_path": str(model)}
        assert "error[LB322] model.name_or_path" in found(tmp_path, wan)
        (model / "transformer_2").mkdir()
        assert "error[LB322] model.name_or_path" not in found(tmp_path, wan)

    def test_an_empty_file(self, tmp_path: Path) -> None:
        model = tmp_path / "z.safetensors"
        model.write_bytes(b"")
        changes = {"model.name_or_path": str(model), "model.extras_name_or_path": "a/b"}
        assert found(tmp_path, changes) == ["error[LB322] model.name_or_path"]

    def test_validation_pictures(self, tmp_path: Path) -> None:
        items = {"train.validation_config": {"validation_items": [{"image_path": str(tmp_path / "none.png"), "prompt": "x"}]}}
        assert found(tmp_path, items) == ["error[LB322] train.validation_config.validation_items[0].image_path"]


@pytest.mark.usefixtures("data")
class TestEarlierRuns:
    def test_finished(self, tmp_path: Path) -> None:
        save(tmp_path / "out" / "cat" / "cat.safetensors", 2000)
        assert found(tmp_path) == ["error[LB323] train.steps"]
        assert found(tmp_path, {"/config.name": "dog"}) == []

    def test_in_between(self, tmp_path: Path) -> None:
        save(tmp_path / "out" / "cat" / "cat_000000500.safetensors", 500)
        assert found(tmp_path) == ["warning[LB317] training_folder"]

    def test_another_kind_of_network_or_optimizer(self, tmp_path: Path) -> None:
        root = tmp_path / "out" / "cat"
        save(root / "cat_000000500.safetensors", 500)
        before = {
            "job": "extension",
            "config": {"name": "cat", "process": [{"network": {"type": "lokr"}, "train": {"optimizer": "adafactor"}}]},
        }
        (root / "config.yaml").write_text(json.dumps(before), encoding="utf-8")
        assert sorted(found(tmp_path)) == ["error[LB319] network.type", "warning[LB317] training_folder"]
        (root / "optimizer.pt").write_bytes(b"x")
        assert "error[LB319] train.optimizer" in found(tmp_path)

    def test_a_broken_checkpoint_is_no_crash(self, tmp_path: Path) -> None:
        path = tmp_path / "out" / "cat" / "cat.safetensors"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"broken")
        assert found(tmp_path) == ["warning[LB317] training_folder"]
