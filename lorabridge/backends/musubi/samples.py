"""The sample prompts, as a JSON file: no separators or escapes that a prompt could collide with."""

from __future__ import annotations

import json
import re
from typing import Any

from lorabridge.backends.base import File
from lorabridge.backends.engine import Lowering
from lorabridge.backends.musubi.archs import Arch
from lorabridge.backends.musubi.model import one_frame
from lorabridge.config.schema.results import Prompt

FILE = "samples.json"
IDEOGRAM_PRESETS = {12: "V4_TURBO_12", 20: "V4_DEFAULT_20", 48: "V4_QUALITY_48"}


def samples(low: Lowering, arch: Arch) -> File | None:
    """The prompt file and the options that use it; None when no samples are drawn."""
    sample = low.config.sample
    if sample.every == "off":
        low.note("exact", "sample.every", "off", "train:sample_every_n_steps", "left out", "no samples are drawn")
        return None
    at = f"train:sample_every_n_{sample.every.unit}"
    low.put(at, int(sample.every.value), "sample.every")
    low.note("exact", "sample.every", sample.every, at, int(sample.every.value))
    if sample.before:
        low.put("train:sample_at_first", True, "sample.before")
    low.note("exact", "sample.before", sample.before, "train:sample_at_first", True if sample.before else "left out")
    if one_frame(low):
        low.problem(
            "LB307",
            "sample",
            "samples of FramePack's one-frame mode need its own settings",
            "the trainer stops when it draws the first one (wan and FramePack one_frame)",
            "write `sample: {every: never}`, or train on clips",
        )
    entries: list[dict[str, Any]] = []
    for index, prompt in enumerate(sample.prompts):
        entry = _entry(low, arch, index, prompt)
        entries.append({"prompt": with_trigger(prompt.prompt, low.config.trigger)} | entry)
        if sample.without_trigger:
            entries.append({"prompt": without_trigger(prompt.prompt, low.config.trigger)} | entry)
    low.note("exact", "sample.prompts", f"{len(sample.prompts)} prompts", "--sample_prompts", FILE)
    if sample.without_trigger:
        low.note("exact", "sample.without_trigger", True, "--sample_prompts", FILE, "each prompt twice")
    return File(FILE, json.dumps(entries, indent=2, ensure_ascii=False) + "\n", {})


def with_trigger(text: str, trigger: str) -> str:
    """The prompt with the placeholder filled in."""
    return text.replace("[trigger]", trigger)


def without_trigger(text: str, trigger: str) -> str:
    """The prompt without placeholder and trigger word, and without the gap they leave."""
    text = text.replace("[trigger]", "")
    if trigger:
        text = re.sub(rf"(?<!\w){re.escape(trigger)}(?!\w)", "", text)
    return re.sub(r"\s+([,.;:!?])", r"\1", re.sub(r"\s{2,}", " ", text)).strip(" ,;")


def _entry(low: Lowering, arch: Arch, index: int, prompt: Prompt) -> dict[str, Any]:
    here, sample = f"sample.prompts[{index}]", low.config.sample
    width, height = (_side(low, here, key, getattr(prompt, key) or getattr(sample, key)) for key in ("width", "height"))
    entry: dict[str, Any] = {"width": width, "height": height, "seed": sample.seed if prompt.seed is None else prompt.seed}
    entry |= _frames(low, arch, here, prompt.frames or sample.frames)
    entry |= _steps_and_guidance(low, arch, here, prompt)
    entry |= _negative(low, arch, here, sample.negative if prompt.negative is None else prompt.negative)
    return entry | _pictures(low, arch, here, prompt)


def _side(low: Lowering, here: str, key: str, value: Any) -> int:
    side = low.family.resolution if isinstance(value, str) else int(value)
    if side % 8:
        low.note("rewritten", f"{here}.{key}", side, FILE, side // 8 * 8, "samples have sides in steps of 8")
    return side // 8 * 8


def _frames(low: Lowering, arch: Arch, here: str, frames: int) -> dict[str, Any]:
    path = f"{here}.frames" if low.wrote(f"{here}.frames") else "sample.frames"
    if not arch.video:
        if frames != 1:
            low.refuse(path, frames, f"{low.family.title} draws pictures", "remove it")
        return {}
    if frames % 4 != 1:
        low.problem(
            "LB308",
            path,
            f"{frames} frames are not 4n + 1",
            "the trainer rounds them down (TB:893)",
            f"write `frames: {max(1, (frames - 1) // 4 * 4 + 1)}`",
        )
    return {"frame_count": frames}


def _steps_and_guidance(low: Lowering, arch: Arch, here: str, prompt: Prompt) -> dict[str, Any]:
    sample = low.config.sample
    steps, guidance = prompt.steps or sample.steps, prompt.guidance or sample.guidance
    if not arch.guide:
        return _preset(low, here, steps, guidance)
    entry: dict[str, Any] = {} if isinstance(steps, str) else {"sample_steps": int(steps)}
    return entry if isinstance(guidance, str) else entry | {arch.guide: float(guidance)}


def _preset(low: Lowering, here: str, steps: Any, guidance: Any) -> dict[str, Any]:
    """Ideogram 4 draws with presets of fixed steps and guidance."""
    for key, value in (("steps", steps), ("guidance", guidance)):
        path = f"{here}.{key}" if low.wrote(f"{here}.{key}") else f"sample.{key}"
        if low.wrote(path) and (key == "guidance" or steps not in IDEOGRAM_PRESETS):
            low.refuse(
                path,
                value,
                "Ideogram 4 draws with presets of 12, 20 or 48 steps, each with its own guidance",
                "write `steps: 20`" if key == "steps" else "remove it",
            )
    return {"sampler_preset": IDEOGRAM_PRESETS[steps]} if steps in IDEOGRAM_PRESETS else {}


def _negative(low: Lowering, arch: Arch, here: str, text: str) -> dict[str, Any]:
    if not text:
        return {} if arch.negative is None else {"negative_prompt": arch.negative}
    if not arch.negatives:
        path = f"{here}.negative" if low.wrote(f"{here}.negative") else "sample.negative"
        low.refuse(path, text, f"samples of {low.family.title} are drawn without one", "remove it")
        return {}
    return {"negative_prompt": with_trigger(text, low.config.trigger)}


def _pictures(low: Lowering, arch: Arch, here: str, prompt: Prompt) -> dict[str, Any]:
    path, files = f"{here}.control", [low.path(item) for item in prompt.control]
    if arch.image_to_video:
        if not files:
            low.problem(
                "LB307",
                here,
                "an image-to-video sample needs its first picture",
                "the trainer logs an error and draws nothing (TB:898)",
                "add `control: [picture.png]`",
            )
        if len(files) > 2:
            low.refuse(path, prompt.control, "it takes a first and a last picture", "name two at most")
        return dict(zip(("image_path", "end_image_path"), files, strict=False))
    if not low.variant.control:
        if files:
            low.refuse(path, prompt.control, f"{low.family.title} ({low.variant.name}) takes no control pictures", "remove it")
        return {}
    if arch.video and low.family.name != "framepack":
        if not files:
            low.problem(
                "LB307",
                here,
                "a controlled sample needs its control clip",
                "the trainer logs an error and draws nothing (TB:906)",
                "add `control: [clip.mp4]`",
            )
        return {"control_video_path": files[0]} if files else {}
    if not files and low.variant.control is True:
        low.problem(
            "LB307",
            here,
            f"a sample of {low.family.title} ({low.variant.name}) needs a control picture",
            "the trainer stops, or draws without one",
            "add `control: [picture.png]`",
        )
    return {"control_image_path": files} if files else {}
