"""Sample pictures: what the trainer makes before, while and after it trains; a mistake here ends the run before its first step."""

from __future__ import annotations

import re
from typing import Any

from lorabridge.backends.ai_toolkit.lint_job import Process, number, spell, truthy
from lorabridge.backends.ai_toolkit.lint_tables import NOISE, PICTURES, SOUNDS, words
from lorabridge.backends.native.findings import nearest

_WHOLE = words("w h d seed s steps frames num_frames fps ctrl_idx")
_FRACTION = words("l cfg m network_multiplier gr a ref")
_TEXT = words("p2 n n2 ctrl_img ev extra_values")
_NEGATIVE_OPTIONAL = ("qwen_image", "qwen_image_edit", "qwen_image_edit_plus")
_NEGATIVE_NULL = ("zimage",)
"""Architectures that were seen to sample with `neg: null` where the guidance does not need one."""
_NEGATIVE_SEEN = ("sd1", "sd15", "sd2", "sdxl", "ssd", "vega", "flux", "zimage")
"""Architectures whose samplers were seen to fail on the missing negative prompt; the first three lines take it."""
_CONTROL = ("flux_kontext", "hidream_e1", "qwen_image_edit", "wan21_i2v", "wan22_14b_i2v")


def check_sample(process: Process) -> None:
    """All rules about the sample and first_sample sections."""
    if process.samples:
        for section in ("sample", "first_sample"):
            if process.section(section):
                _section(process, section)
    elif process.section("sample") and "train" in process.data:
        _format(process, "sample", False)
    if process.section("first_sample") and truthy(process.get("train", "disable_sampling")):
        process.say(
            "LB312",
            ("first_sample",),
            "`first_sample` has no effect beside `disable_sampling`",
            "no picture is made",
            "keep one of them",
            "warning",
            "key",
        )


def _section(process: Process, section: str) -> None:
    data = process.section(section)
    samples, prompts = data.get("samples"), data.get("prompts")
    if isinstance(samples, list) and isinstance(prompts, list) and prompts:
        process.say(
            "LB319",
            (section, "prompts"),
            "`prompts` has no effect beside `samples`",
            "only `samples` is read",
            "keep one of them",
            "warning",
            "key",
        )
    if isinstance(samples, list):
        _samples(process, section, samples)
    elif isinstance(prompts, list):
        for index, prompt in enumerate(prompts):
            _prompt(process, (section, "prompts", index), prompt)
    if samples or prompts:
        _negative(process, section, samples)
        _format(process, section, True)
        _control(process, section, samples)
    if truthy(data.get("walk_seed")) and not isinstance(data.get("seed", 0), int):
        process.say(
            "LB315", (section, "seed"), "`walk_seed` adds to the seed, which is no number", "the first sample fails", "write a whole number"
        )
    if process.legacy and process.section("model"):
        sampler = data.get("sampler")
        if isinstance(sampler, str) and sampler not in NOISE and not sampler.startswith("sample_"):
            near = nearest(sampler, NOISE)
            process.say(
                "LB314",
                (section, "sampler"),
                f"unknown sampler {spell(sampler)}",
                "the first sample fails",
                f"did you mean `{near}`?" if near else "write `flowmatch` or `ddpm`",
            )


def _samples(process: Process, section: str, samples: list[Any]) -> None:
    for index, item in enumerate(samples):
        if not isinstance(item, dict):
            why = "the trainer stops at once (TypeError)"
            process.say(
                "LB313",
                (section, "samples", index),
                "an entry of `samples` is a section",
                why,
                f"write `- prompt: {item}`" if isinstance(item, str) else "write `- prompt: ...`",
            )
        elif item.get("prompt") is None:
            why = "it is left out of the prompts but not of the settings: all later prompts get the settings of the one before"
            process.say("LB317", (section, "samples", index), "a sample without `prompt`", why, "write `prompt:`")
        else:
            _prompt(process, (section, "samples", index, "prompt"), item["prompt"])


def _prompt(process: Process, place: tuple[str | int, ...], prompt: Any) -> None:
    if not isinstance(prompt, str):
        process.say("LB313", place, f"the prompt {spell(prompt)} is no text", "the first sample fails", "put it in quotes")
        return
    if not prompt.strip().startswith("--") and "--" not in prompt:
        return
    for part in prompt.strip().split("--")[1:]:
        flag = part.split(" ")[0].strip()
        content = part[len(flag) :].strip()
        if flag in _WHOLE or flag in _FRACTION:
            _flag(process, place, flag, content)
        elif flag in ("ev", "extra_values"):
            if not all(_is(r"[-+]?(\d+\.?\d*|\.\d+)", piece) for piece in content.split(",")):
                process.say(
                    "LB315",
                    place,
                    f"`--{flag} {content}` is no list of numbers",
                    "the first sample fails (ValueError)",
                    "write numbers with commas",
                )
        elif flag not in _TEXT:
            near = nearest(flag, _WHOLE | _FRACTION | _TEXT) if len(flag) > 2 else ""
            why = "the prompt ends at every `--`; what follows an unknown word is lost"
            fix = f"did you mean `--{near}`?" if near else "write a dash as `-`; known: --w --h --seed --n --cfg --steps --m"
            process.say("LB317", place, f"the prompt is cut at `--{flag}`", why, fix, "warning")


def _flag(process: Process, place: tuple[str | int, ...], flag: str, content: str) -> None:
    pattern = r"[-+]?\d[\d_]*" if flag in _WHOLE else r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
    if not _is(pattern, content):
        what = "whole number" if flag in _WHOLE else "number"
        why = "the first sample fails (ValueError), before the first step"
        process.say(
            "LB315",
            place,
            f"`--{flag}` wants a {what}, not {spell(content)}",
            why,
            "write the number right after it, and nothing up to the next `--`",
        )


def _is(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text.strip()) is not None


def _negative(process: Process, section: str, samples: Any) -> None:
    data, name = process.section(section), process.arch_name
    each = (
        isinstance(samples, list) and bool(samples) and all(isinstance(item, dict) and isinstance(item.get("neg"), str) for item in samples)
    )
    if isinstance(data.get("neg"), str) or each or data.get("neg") not in (None, False):
        return
    guidance = data.get("guidance_scale", 7)
    if name in _NEGATIVE_OPTIONAL or (name in _NEGATIVE_NULL and data.get("neg", False) is None and number(guidance) and guidance <= 1):
        return
    sure = name in _NEGATIVE_SEEN
    why = "its default is the switch `false`, which the text encoder cannot read: the first sample fails, before the first step"
    process.say(
        "LB318",
        (section,) if "neg" not in data else (section, "neg"),
        f"`{section}.neg` is missing",
        why,
        'write `neg: ""`',
        "error" if sure else "warning",
        "key",
    )


def _format(process: Process, section: str, used: bool) -> None:
    value = process.get(section, "format")
    known = (*PICTURES, *SOUNDS)
    if not isinstance(value, str) or value.lower() in known:
        return
    if value.lstrip(".").lower() in known:
        process.say(
            "LB317",
            (section, "format"),
            f"the pictures end in `.{value}`",
            "a dot is put before it",
            f"write `{value.lstrip('.')}`",
            "warning",
        )
        return
    fix = f"did you mean `{near}`?" if (near := nearest(value.lstrip("."), known)) else "write `jpg`, `png` or `webp`"
    why = "the first sample cannot be written: the run ends before its first step" if used else "it is not used here, as no sample is made"
    process.say("LB314", (section, "format"), f"unknown format {spell(value)}", why, fix, "error" if used else "warning")


def _control(process: Process, section: str, samples: Any) -> None:
    if not process.arch_known or process.arch_name not in _CONTROL:
        return
    data = process.section(section)
    key = "samples" if isinstance(samples, list) else "prompts"
    items = data.get(key)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        text = item.get("prompt") if isinstance(item, dict) else item
        given = isinstance(item, dict) and any(item.get(name) for name in ("ctrl_img", "ctrl_img_1"))
        if isinstance(text, str) and not given and "--ctrl_img" not in text:
            crash = process.arch_name in ("flux_kontext", "hidream_e1")
            why = "the first sample fails (ValueError)" if crash else "its pictures start from another one"
            process.say(
                "LB318",
                (section, key, index),
                f"a sample of {process.arch_name} needs a control picture",
                why,
                "write `ctrl_img:` beside the prompt, or ` --ctrl_img PATH` in it",
                "error" if crash else "warning",
            )
