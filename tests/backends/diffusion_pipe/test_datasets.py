"""The dataset files."""

from __future__ import annotations

import json
from typing import Any

import pytest

BUCKETS = {"enable_ar_bucket": True, "min_ar": 0.5, "max_ar": 2.0, "num_ar_buckets": 7}

DIRECTORIES: list[tuple[str, dict[str, Any]]] = [
    ("{images: cat, resolution: [512]}", {"path": "/data/cat", "num_repeats": 1, "resolutions": [512], **BUCKETS}),
    ("{images: /a, resolution: [512], repeats: 0.5}", {"path": "/a", "num_repeats": 0.5, "resolutions": [512], **BUCKETS}),
    ("{images: /a}", {"path": "/a", "num_repeats": 1, "resolutions": [1328], **BUCKETS}),
    ("{images: /a, resolution: [512], bucket: false}", {"path": "/a", "num_repeats": 1, "resolutions": [512], "enable_ar_bucket": False}),
    ("{images: /a, resolution: [[640, 480]], bucket: false}", {"path": "/a", "num_repeats": 1, "size_buckets": [[640, 480, 1]]}),
    ("{images: /a, resolution: [512, [640, 480]]}", {"path": "/a", "num_repeats": 1, "resolutions": [[512, 512], [640, 480]], **BUCKETS}),
    (
        "{images: /a, resolution: [512], aspect: {min: 0.8, max: 1, buckets: 3}}",
        {"path": "/a", "num_repeats": 1, "resolutions": [512], "enable_ar_bucket": True, "min_ar": 0.8, "max_ar": 1.0, "num_ar_buckets": 3},
    ),
    (
        "{images: /a, resolution: [512], bucket: false, masks: /m, captions: {prefix: 'a photo. ', shuffle: true}}",
        {
            "path": "/a",
            "num_repeats": 1,
            "resolutions": [512],
            "enable_ar_bucket": False,
            "mask_path": "/m",
            "caption_prefix": "a photo. ",
            "shuffle_tags": True,
        },
    ),
]


@pytest.mark.parametrize(("yaml", "table"), DIRECTORIES)
def test_directory(compile_: Any, yaml: str, table: dict[str, Any]) -> None:
    assert compile_(f"datasets=[{yaml}]").dataset["directory"] == [table]


def test_keys_that_must_also_stand_at_the_top(compile_: Any) -> None:
    tree = compile_("datasets=[{images: /a, resolution: [512], bucket: false}, {images: /b, resolution: [768]}]").dataset
    assert {key: value for key, value in tree.items() if key != "directory"} == {
        "resolutions": [512],
        "min_ar": 0.5,
        "max_ar": 2.0,
        "num_ar_buckets": 7,
        "skip_empty_caption": True,
    }


def test_trigger_becomes_a_prefix_and_stays_out_of_regularization(compile_: Any) -> None:
    found = compile_(
        "trigger=ohwx", "datasets=[{images: /a, captions: {prefix: 'x '}}, {images: /b, regularization: true}, {images: /c, trigger: zz}]"
    )
    assert [table.get("caption_prefix") for table in found.dataset["directory"]] == ["ohwx, x ", None, "zz, "]
    assert ("rewritten", "ohwx, x ") in found.notes("trigger")


def test_control_of_an_edit_model(compile_: Any) -> None:
    assert compile_("model.variant=edit", "datasets=[{images: /a, control: [/c]}]").dataset["directory"][0]["control_path"] == "/c"


def test_clips(compile_: Any) -> None:
    found = compile_("datasets=[{videos: /v, video: {frames: [33, 17], extract: middle}}, {images: /a, batch_size: 4}]", family="wan21")
    assert found.dataset["directory"][0]["frame_buckets"] == [1, 17, 33]
    assert "frame_buckets" not in found.dataset["directory"][1]
    assert found.main["video_clip_mode"] == "single_middle"
    assert (found.main["micro_batch_size_per_gpu"], found.main["image_micro_batch_size_per_gpu"]) == (1, 4)


def test_sizes_of_cosmos_are_a_fixed_list(compile_: Any) -> None:
    tree = compile_("datasets=[{images: /a, resolution: [960, [1280, 704]]}]", family="cosmos").dataset
    assert tree["size_buckets"] == tree["directory"][0]["size_buckets"] == [[960, 960, 1], [1280, 704, 1]]
    assert not {"resolutions", "min_ar"} & {*tree, *tree["directory"][0]}


def test_held_out_data(compile_: Any) -> None:
    found = compile_("evaluate={datasets: [{images: /val, resolution: [256], batch_size: 2}], every: 5 steps, before: false}")
    assert found.eval["directory"][0]["path"] == "/val"
    assert found.eval["resolutions"] == [256]
    assert found.main["eval_datasets"] == [{"name": "eval", "config": "/srv/compiled/eval.toml"}]
    assert (found.main["eval_every_n_steps"], found.main["eval_before_first_step"], found.main["eval_micro_batch_size_per_gpu"]) == (
        5,
        False,
        2,
    )


def test_held_out_data_never(compile_: Any) -> None:
    main = compile_("evaluate={datasets: [{images: /val}], every: never}").main
    assert "eval_every_n_steps" not in main
    assert "eval_every_n_epochs" not in main
    assert main["eval_before_first_step"] is True


def test_more_than_three_sizes_need_a_flag(compile_: Any) -> None:
    assert "--i_know_what_i_am_doing" in compile_("datasets=[{images: /a, resolution: [256, 512, 768, 1024]}]").argv
    assert "--i_know_what_i_am_doing" not in compile_("datasets=[{images: /a, resolution: [256, 512, 768]}]").argv


REFUSED: list[tuple[str, str, str, str]] = [
    ("", "{jsonl: /a.jsonl}", "LB301", "datasets[0].jsonl"),
    ("", "{images: /a, captions: .caption}", "LB301", "datasets[0].captions.extension"),
    ("", "{images: /a, captions: {suffix: x}}", "LB301", "datasets[0].captions.suffix"),
    ("", "{images: /a, captions: {default: x}}", "LB301", "datasets[0].captions.default"),
    ("", "{images: /a, captions: {shuffle: true, keep_tokens: 1}}", "LB301", "datasets[0].captions.keep_tokens"),
    ("", "{images: /a, upscale: false}", "LB301", "datasets[0].upscale"),
    ("", "{images: /a, masks: /m, mask_floor: 0.1}", "LB301", "datasets[0].mask_floor"),
    ("", "{images: /a, loss_weight: 2}", "LB301", "datasets[0].loss_weight"),
    ("", "{images: /a, flip: horizontal}", "LB301", "datasets[0].flip"),
    ("", "{images: /a, cache_dir: /c}", "LB301", "datasets[0].cache_dir"),
    ("", "{images: /a, resolution: [[640, 480], 512], bucket: false}", "LB301", "datasets[0].resolution"),
    ("", "{images: /a, captions: {dropout: 0.1}}, {images: /b}", "LB301", "datasets[1].captions.dropout"),
    ("", "{images: /a, batch_size: 1}, {images: /b, batch_size: 2}", "LB301", "datasets[0].batch_size"),
    ("", "{images: /a, captions: {prefix: x}}, {images: /a}", "LB307", "datasets[1]"),
    ("", "{videos: /v}", "LB307", "datasets[0].videos"),
    ("flux2", "{images: /a, control: [/c]}", "LB307", "datasets[0].control"),
    ("wan21", "{videos: /v, video: {frames: [16]}}", "LB307", "datasets[0].video.frames"),
    ("wan21", "{videos: /v, video: {frames: [17], extract: chunk}}", "LB301", "datasets[0].video.extract"),
    ("wan21", "{videos: /v, video: {frames: [17], fps: 24}}", "LB301", "datasets[0].video.fps"),
    ("wan21", "{videos: /v, video: {frames: [17], stride: 2}}", "LB301", "datasets[0].video.stride"),
    ("wan21", "{videos: /v, video: {frames: [17], samples: 2}}", "LB301", "datasets[0].video.samples"),
    ("wan21", "{videos: /v, video: {frames: [17], max_frames: 33}}", "LB301", "datasets[0].video.max_frames"),
    ("wan22-i2v", "{images: /a}", "LB307", "datasets[0].images"),
    ("cosmos", "{images: /a, resolution: [512]}", "LB307", "datasets[0].resolution"),
]


@pytest.mark.parametrize(("family", "yaml", "code", "path"), REFUSED)
def test_refused(compile_: Any, family: str, yaml: str, code: str, path: str) -> None:
    extra = ["model.experts=low-noise"] if family.startswith("wan22") else []
    assert (code, path) in compile_(f"datasets=[{yaml}]", *extra, family=family).codes


def test_two_control_folders_are_refused(compile_: Any) -> None:
    assert ("LB301", "datasets[0].control") in compile_("model.variant=edit", "datasets=[{images: /a, control: [/c, /d]}]").codes


def test_the_size_of_control_pictures_is_that_of_their_targets(compile_: Any) -> None:
    found = compile_("model.variant=edit", "datasets=[{images: /a, control: [/c], control_resolution: 512}]")
    assert ("LB301", "datasets[0].control_resolution") in found.codes


@pytest.mark.parametrize("prefix", ['"', "it's ", 'a "b" ', """'" """, "back\\slash ", "# no comment, ", "[x] = 1, ", "ümlaut 猫 "])
def test_any_prefix_survives_the_trainers_reader(compile_: Any, prefix: str) -> None:
    found = compile_(f"datasets=[{{images: /a, captions: {{prefix: {json.dumps(prefix)}}}}}]")
    assert found.dataset["directory"][0]["caption_prefix"] == prefix
