"""The one process of a run: the DeepSpeed launcher, from the checkout, which caches and trains."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lorabridge.backends.base import Stage
from lorabridge.backends.engine import Lowering

MINUTES = "DEEPSPEED_TIMEOUT"


def gpus(out: Lowering) -> list[int]:
    """The chosen GPUs; with `auto` as many as one copy of the model is split over."""
    want = out.config.hardware
    chosen = list(want.gpus) or list(range(want.pipeline_stages))
    if len(chosen) % want.pipeline_stages:
        out.problem(
            "LB307",
            "hardware.pipeline_stages",
            f"{want.pipeline_stages} stages do not divide {len(chosen)} GPUs",
            "the trainer fails after the model is loaded",
            f"choose a multiple of {want.pipeline_stages} GPUs, or other stages",
        )
    return chosen


def ranks(out: Lowering) -> int:
    """How many copies of the model train side by side."""
    return max(1, len(out.config.hardware.gpus or [0] * out.config.hardware.pipeline_stages) // out.config.hardware.pipeline_stages)


def hardware(out: Lowering) -> list[int]:
    """`pipeline_stages`, and the GPUs for the command line."""
    chosen, want = gpus(out), out.config.hardware
    out.put("main:pipeline_stages", want.pipeline_stages, "hardware.pipeline_stages")
    out.note("exact", "hardware.pipeline_stages", want.pipeline_stages, "main:pipeline_stages", want.pipeline_stages)
    if want.gpus:
        out.note("exact", "hardware.gpus", want.gpus, "deepspeed --include", _include(chosen), f"{ranks(out)} copies of the model")
    return chosen


def _include(chosen: list[int]) -> str:
    return "localhost:" + ",".join(str(index) for index in chosen)


def train_stage(out: Lowering, chosen: list[int], many: bool, extra: Mapping[str, Any]) -> Stage:
    """The command. `--num_gpus` would drop CUDA_VISIBLE_DEVICES in silence, so it is never used."""
    picked = out.config.hardware.gpus
    env = _environment(out)
    if not picked:
        env["CUDA_VISIBLE_DEVICES"] = ",".join(str(index) for index in chosen)
    launcher = ["{bin}/deepspeed", *(["--include", _include(chosen)] if picked else [])]
    argv = [*launcher, "train.py", "--deepspeed", "--config", "{files}/main.toml", *_flags(out, many), *_extra(extra)]
    return Stage("train", tuple(argv), env, "{home}", makes=(out.documents["main"]["output_dir"],), title="cache and train")


def _environment(out: Lowering) -> dict[str, str]:
    want = out.config.hardware
    env: dict[str, str] = {}
    if want.timeout != "auto":
        env[MINUTES] = str(int(want.timeout.value))
        out.note("exact", "hardware.timeout", want.timeout, MINUTES, env[MINUTES])
    if want.threads != "auto":
        env["OMP_NUM_THREADS"] = str(want.threads)
        out.note("exact", "hardware.threads", want.threads, "OMP_NUM_THREADS", env["OMP_NUM_THREADS"])
    return env


def _flags(out: Lowering, many: bool) -> list[str]:
    flags: list[str] = []
    if many:
        flags.append("--i_know_what_i_am_doing")
        out.note("added", "", "", "train.py", flags[-1], "with more than three sizes the trainer would end at once, with exit code 0")
    if out.config.cache.reuse:
        out.note(
            "exact",
            "cache.reuse",
            True,
            native="left out",
            text="caches are kept whose fingerprint fits; it covers paths, captions and sizes, not the pictures' bytes or the model",
        )
    else:
        flags.append("--regenerate_cache")
        out.note("exact", "cache.reuse", False, "train.py", flags[-1])
    return flags + _resume(out)


def _resume(out: Lowering) -> list[str]:
    value = out.config.train.resume_from
    if value is None:
        return []
    path, place = out.path(value), "train.resume_from"
    if re.search(r"/global_step\d+$", path):
        run = path.rpartition("/")[0]
        out.refuse(
            place,
            value,
            "it resumes a run's folder, from the state that the file `latest` in it names",
            f"write `{run}`, and the state's name into its file `latest`",
        )
        return []
    if out.config.scheduler.type != "constant":
        out.problem(
            "LB307",
            place,
            f"a resumed `{out.config.scheduler.type}` schedule keeps its old length",
            "the length is part of the saved state: epochs that were added later are trained at the lowest rate, which is 0 for `linear`",
            "keep `train.for` as it was, or write `scheduler: constant`, or start anew from the weights with `adapter.init_from`",
            "warning",
        )
    out.note(
        "exact",
        place,
        value,
        "train.py",
        "--resume_from_checkpoint",
        "the same folder is written on; a state taken at the end of an epoch repeats one step",
    )
    return ["--resume_from_checkpoint", path]


def _extra(extra: Mapping[str, Any]) -> list[str]:
    argv: list[str] = []
    for key, value in extra.items():
        if value is True:
            argv.append(f"--{key}")
        elif value is not False:
            argv += [f"--{key}", str(value)]
    return argv
