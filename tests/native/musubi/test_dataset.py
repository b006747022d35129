"""Dataset files: the trainer's schema, and what it lets through."""

from __future__ import annotations

import pytest

from tests.native.musubi.helpers import DATASET, codes, lines, train

VIDEO = DATASET.replace("image_directory", "video_directory") + "target_frames = [1, 25]\n"


def _with(line: str, text: str = DATASET) -> str:
    key = line.split(" = ", maxsplit=1)[0]
    return "\n".join(row for row in text.splitlines() if not row.startswith(f"{key} ")) + f"\n{line}\n"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("enable_buckets = true", "LB310"),
        ("shuffle_caption = true", "LB310"),
        ("target_frames = [1]", "LB311"),
        ("batch_size = 2.0", "LB313"),
        ('batch_size = "2"', "LB313"),
        ("batch_size = 0", "LB315"),
        ("num_repeats = 0", "LB315"),
        ("enable_bucket = 1", "LB313"),
        ("resolution = [1024]", "LB313"),
        ("resolution = 1024.0", "LB313"),
        ("resolution = 0", "LB315"),
        ('caption_extension = "txt"', "LB315"),
        ("fp_1f_clean_indices = 0", "LB313"),
    ],
)
def test_pictures(line: str, code: str) -> None:
    assert codes(_with(line), name="dataset_toml") == [code]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("source_fps = 30", "LB313"),
        ('frame_extraction = "chunks"', "LB314"),
        ("frame_stride = 0", "LB315"),
        ("target_frames = 25", "LB313"),
        ("target_frames = []", "LB315"),
        ("multiple_target = true", "LB311"),
    ],
)
def test_clips(line: str, code: str) -> None:
    assert codes(_with(line, VIDEO), name="dataset_toml") == [code]


def test_good() -> None:
    assert codes(DATASET, "error", "warning", name="dataset_toml") == []
    assert codes(VIDEO, "error", "warning", name="dataset_toml") == []
    assert codes(_with("source_fps = 30.0", VIDEO), name="dataset_toml") == []
    assert codes(_with("resolution = 1024"), name="dataset_toml") == []


def test_shape() -> None:
    assert codes(DATASET.replace("[[datasets]]", "[datasets]"), name="dataset_toml") == ["LB313"]
    assert codes(DATASET.split("[[datasets]]")[0], name="dataset_toml") == ["LB318"]
    assert "LB311" in codes("resolution = 512\n" + DATASET, name="dataset_toml")
    assert codes(DATASET.replace("batch_size", 'cache_directory = "/x"\nbatch_size'), name="dataset_toml") == ["LB311"]
    assert codes(DATASET.replace('image_directory = "/data/images"\n', ""), name="dataset_toml") == ["LB318"]
    assert codes(DATASET.replace("enable_bucket = true\n", "").replace("1024", "1000"), name="dataset_toml") == ["LB315"]


def test_caches() -> None:
    second = DATASET + DATASET.split("\n\n")[1]
    assert lines("error", dataset_toml=second) == ["LB319 12:19"]
    assert codes(DATASET + DATASET.split("\n\n")[1].replace("/data/cache", "/data/cache/"), name="dataset_toml") == ["LB319"]
    assert codes(DATASET + DATASET.split("\n\n")[1].replace("/data/cache", "/data/other"), name="dataset_toml") == []


def test_with_its_training() -> None:
    assert "LB315 7:1" in lines("error", dataset_toml=VIDEO, train_toml=train()), "Z-Image takes no clips"
    assert "LB312 10:19" in lines("warning", dataset_toml=DATASET + "multiple_target = true\n", train_toml=train())
