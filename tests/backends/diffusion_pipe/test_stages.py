"""The launch command."""

from __future__ import annotations

from typing import Any


def test_one_gpu_is_left_to_the_environment(compile_: Any) -> None:
    (stage,) = compile_().plan.stages
    assert stage.argv == ("{bin}/deepspeed", "train.py", "--deepspeed", "--config", "{files}/main.toml", "--regenerate_cache")
    assert stage.env == {"CUDA_VISIBLE_DEVICES": "0"}
    assert stage.cwd == "{home}"
    assert stage.makes == ("/data/output/cat",)


def test_chosen_gpus_are_included_and_nothing_hides_them(compile_: Any) -> None:
    (stage,) = compile_("hardware.gpus=[2, 3]").plan.stages
    assert stage.argv[:4] == ("{bin}/deepspeed", "--include", "localhost:2,3", "train.py")
    assert "CUDA_VISIBLE_DEVICES" not in stage.env
    assert not any("num_gpus" in word for word in stage.argv)


def test_stages_without_chosen_gpus_take_the_first_ones(compile_: Any) -> None:
    (stage,) = compile_("hardware.pipeline_stages=2").plan.stages
    assert stage.env["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_the_port_stands_behind_the_script(compile_: Any) -> None:
    argv = compile_("backends={diffusion-pipe: {args: {master_port: 29502}}}").argv
    assert argv.index("--master_port") > argv.index("train.py")


def test_resume_names_the_run_folder(compile_: Any) -> None:
    argv = compile_("train.resume_from=output/cat/20260101_00-00-00").argv
    assert argv[-2:] == ("--resume_from_checkpoint", "/data/output/cat/20260101_00-00-00")


def test_resuming_a_falling_schedule_is_warned_of(compile_: Any) -> None:
    def warned(*changes: str) -> bool:
        found = compile_("train.resume_from=/out/cat/20260101_00-00-00", *changes).plan.diagnostics
        return any(item.code == "LB307" and item.severity == "warning" and item.path == "train.resume_from" for item in found)

    assert warned("scheduler=linear")
    assert not warned()


def test_caches_are_made_anew_unless_they_may_stay(compile_: Any) -> None:
    assert "--regenerate_cache" in compile_().argv
    assert "--regenerate_cache" not in compile_("cache.reuse=true").argv


def test_environment(compile_: Any) -> None:
    (stage,) = compile_("hardware={timeout: 45 minutes, threads: 4}").plan.stages
    assert stage.env["DEEPSPEED_TIMEOUT"] == "45"
    assert stage.env["OMP_NUM_THREADS"] == "4"


def test_files_name_each_other(compile_: Any) -> None:
    assert compile_(files=None).main["dataset"] == "/data/compiled/cat-diffusion-pipe/dataset.toml"
    assert compile_(output="/out").main["output_dir"] == "/out/cat"
