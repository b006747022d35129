"""How noise and timesteps are drawn: the scheduler's default is that of old models, and a wrong word is rarely noticed."""

from __future__ import annotations

from typing import Literal

from lorabridge.backends.ai_toolkit.lint_job import Process, number, spell, truthy
from lorabridge.backends.ai_toolkit.lint_tables import NOISE, TIMESTEPS
from lorabridge.backends.native.findings import nearest


def check_noise(process: Process) -> None:
    """All rules about noise and timesteps."""
    if not process.trains:
        return
    scheduler = process.get("train", "noise_scheduler", "ddpm")
    if scheduler is None or not isinstance(scheduler, str):
        scheduler = "" if scheduler is None else "ddpm"
    if process.arch_known or process.section("model").get("arch") is None:
        _scheduler(process, scheduler)
    _timesteps(process, scheduler)
    _range(process)


def _scheduler(process: Process, scheduler: str) -> None:
    written = "noise_scheduler" in process.section("train")
    place: tuple[str, ...] = ("train", "noise_scheduler") if written else ("train",)
    on: Literal["key", "value"] = "value" if written else "key"
    if scheduler not in NOISE:
        _unknown(process, scheduler)
    elif not process.flows:
        if scheduler == "flowmatch" and process.arch_known:
            why = f"{process.arch_name} predicts noise of a diffusion schedule, not a flow"
            process.say(
                "LB317", place, "`noise_scheduler: flowmatch` does not fit this model", why, "write `noise_scheduler: ddpm`", "warning"
            )
    elif scheduler == "flowmatch" or not process.arch_known:
        return
    elif process.legacy:
        what = f"`noise_scheduler: {scheduler}`" if written else "`noise_scheduler` is missing: its default `ddpm`"
        why = f"{process.arch_name} is trained on a noise schedule that it never saw; nothing is reported"
        process.say("LB323", place, f"{what} does not fit a flow model", why, "write `noise_scheduler: flowmatch`", on=on)
    else:
        _ignored(process, place, scheduler, written)


def _unknown(process: Process, scheduler: str) -> None:
    near = nearest(scheduler, NOISE)
    fix = f"did you mean `{near}`?" if near else "write `flowmatch`" if process.flows else "write `ddpm`"
    if process.legacy:
        why = "the trainer stops before the model is loaded (ValueError)"
    elif process.arch is not None and process.arch.dynamic:
        why = "anything but `flowmatch` stops this model at the first training step"
    else:
        why = "anything but `flowmatch` makes this model ignore `timestep_type` in silence"
    process.say("LB314", ("train", "noise_scheduler"), f"unknown noise scheduler {spell(scheduler)}", why, fix)


def _ignored(process: Process, place: tuple[str, ...], scheduler: str, written: bool) -> None:
    what = f"`noise_scheduler: {scheduler}`" if written else "`noise_scheduler` is missing: its default `ddpm`"
    if process.arch is not None and process.arch.dynamic:
        why = "its timesteps depend on the picture's size: the trainer stops at the first step (ValueError)"
        process.say(
            "LB315",
            place,
            f"{what} does not go with {process.arch_name}",
            why,
            "write `noise_scheduler: flowmatch`",
            on="value" if written else "key",
        )
        return
    timestep = process.get("train", "timestep_type")
    lost = f"`timestep_type: {timestep}` is ignored" if timestep else "timesteps are drawn evenly from the sampling schedule"
    process.say(
        "LB317", place, f"{what} does not go with {process.arch_name}", f"{lost}, in silence", "write `noise_scheduler: flowmatch`",
        "error" if timestep else "warning", "value" if written else "key",
    )  # fmt: skip


def _timesteps(process: Process, scheduler: str) -> None:
    kind, place = process.get("train", "timestep_type"), ("train", "timestep_type")
    if isinstance(kind, str) and kind not in TIMESTEPS:
        near = nearest(kind, TIMESTEPS)
        fix = f"did you mean `{near}`?" if near else "known: " + ", ".join(f"`{item}`" for item in TIMESTEPS)
        shadowed = any(truthy(process.get("train", key)) for key in ("linear_timesteps", "linear_timesteps2"))
        if scheduler == "flowmatch" and not shadowed:
            process.say(
                "LB314", place, f"unknown timestep type {spell(kind)}", "the trainer stops at the first training step (ValueError)", fix
            )
        else:
            process.say("LB314", place, f"unknown timestep type {spell(kind)}", "it is not used with this scheduler", fix, "warning")
    elif kind is None and "timestep_type" in process.section("train") and scheduler == "flowmatch":
        process.say(
            "LB315",
            place,
            "`timestep_type` is empty",
            "the trainer stops at the first training step (ValueError)",
            "write `sigmoid`, or remove the key",
        )
    for key in ("linear_timesteps", "linear_timesteps2"):
        if (
            truthy(process.get("train", key))
            and isinstance(kind, str)
            and kind not in ("linear", "one_step", "two_step", "four_step", "eight_step")
        ):
            process.say(
                "LB319",
                place,
                f"`timestep_type: {kind}` has no effect beside `{key}`",
                "timesteps are drawn evenly",
                "keep one of them",
                "warning",
            )


def _range(process: Process) -> None:
    low, high = process.get("train", "min_denoising_steps", 0), process.get("train", "max_denoising_steps", 999)
    total = process.get("train", "num_train_timesteps", 1000)
    if not number(low) or not number(high) or not number(total):
        return
    key = "max_denoising_steps" if "max_denoising_steps" in process.section("train") else "min_denoising_steps"
    if max(low, 0) > min(high, total - 1):
        why = "no timestep is left: the trainer stops at the first training step"
        process.say(
            "LB319",
            ("train", key),
            f"`min_denoising_steps: {low}` lies above `max_denoising_steps: {high}`",
            why,
            "write 0 and 999 for all timesteps",
        )
    elif low < 0 or high > 1000:
        process.say(
            "LB317",
            ("train", key),
            f"timesteps {low} to {high} do not exist",
            "they are cut to 0 to 999",
            "write numbers from 0 to 999",
            "warning",
        )
    elif 0 < high <= 1:
        process.say(
            "LB317",
            ("train", key),
            f"`max_denoising_steps: {high}` leaves no timestep but the first",
            "it is counted from 0 to 999, it is no share",
            "write 999",
            "warning",
        )
