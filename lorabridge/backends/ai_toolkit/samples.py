"""`sample`: the pictures drawn while training."""

from __future__ import annotations

import re
from typing import Any

from lorabridge.backends.ai_toolkit.archs import TITLE, Arch
from lorabridge.backends.ai_toolkit.datasets import shared_trigger
from lorabridge.backends.ai_toolkit.units import every
from lorabridge.backends.engine import Lowering
from lorabridge.config.schema.results import Prompt

STEPS, GUIDANCE = 25, 4.0
"""What ai-toolkit's own pages write; its defaults (20 steps, guidance 7) suit no flow model."""
_OWN = {
    "width": "width",
    "height": "height",
    "frames": "num_frames",
    "steps": "sample_steps",
    "guidance": "guidance_scale",
    "negative": "neg",
}


def samples(low: Lowering, arch: Arch) -> None:
    """The `sample` section; without prompts, or with `every: never`, sampling is switched off as a whole."""
    sample = low.config.sample
    count = every(low, "sample.every", sample.every)
    off = not sample.prompts or sample.every == "off"
    if off:
        low.put("process:train.disable_sampling", True, "sample.every")
        low.note(
            "exact",
            "sample.every",
            sample.every,
            "process:train.disable_sampling",
            True,
            "without it a sample is drawn before and after training",
        )
        if sample.prompts:
            low.note("exact", "sample.prompts", f"{len(sample.prompts)} prompts", text="not drawn: `sample.every` is never")
        return
    low.put("process:train.skip_first_sample", not sample.before, "sample.before")
    low.note("exact", "sample.before", sample.before, "process:train.skip_first_sample", not sample.before)
    low.put("process:sample.sampler", arch.scheduler)
    if count is not None:
        low.put("process:sample.sample_every", count, "sample.every")
        low.note(
            "rewritten", "sample.every", sample.every, "process:sample.sample_every", count, "counted from 0, and once more at the end"
        )
    _common(low, arch)
    entries = _entries(low, arch)
    low.put("process:sample.samples", [entry for entry, _ in entries])
    for index, (entry, number) in enumerate(entries):
        for key in entry:
            low.sources[f"process:sample.samples.{index}.{key}"] = f"sample.prompts[{number}].prompt"


def _common(low: Lowering, arch: Arch) -> None:
    sample = low.config.sample
    values: dict[str, tuple[str, Any]] = {
        "sample.width": ("width", sample.width),
        "sample.height": ("height", sample.height),
        "sample.negative": ("neg", sample.negative),
        "sample.seed": ("seed", sample.seed),
        "sample.steps": ("sample_steps", STEPS if sample.steps == "auto" else sample.steps),
        "sample.guidance": ("guidance_scale", GUIDANCE if sample.guidance == "auto" else sample.guidance),
    }
    if sample.frames > 1 or low.family.media == "video":
        values["sample.frames"] = ("num_frames", sample.frames)
    for path, (key, value) in values.items():
        low.put(f"process:sample.{key}", value, path)
        low.note("exact", path, value, f"process:sample.{key}", value)
    if "sample.frames" in values:
        low.add("process:sample.fps", arch.fps, "frames per second of the sample clips")


def _entries(low: Lowering, arch: Arch) -> list[tuple[dict[str, Any], int]]:
    sample = low.config.sample
    entries = []
    for index, prompt in enumerate(sample.prompts):
        _check(low, index, prompt)
        entries.append((_entry(low, arch, index, prompt, _worded(low, prompt.prompt)), index))
        if sample.without_trigger:
            plain = untriggered(prompt.prompt, low.config.trigger)
            if plain != prompt.prompt:
                entries.append((_entry(low, arch, index, prompt, plain), index))
    if sample.without_trigger:
        low.note("rewritten", "sample.without_trigger", True, "process:sample.samples", text="each prompt a second time, without the word")
    return entries


def _worded(low: Lowering, text: str) -> str:
    """The prompt. Where the datasets have triggers of their own there is none for the trainer to put in."""
    return text if shared_trigger(low) else text.replace("[trigger]", low.config.trigger)


def untriggered(text: str, trigger: str) -> str:
    """The prompt without the placeholder and without the word itself, blanks tidied."""
    plain = text.replace("[trigger]", "").replace(trigger, "") if trigger else text.replace("[trigger]", "")
    return re.sub(r"\s+([,.;:!?])", r"\1", re.sub(r"[ \t]{2,}", " ", plain)).strip(" ,") or "a picture"


def _entry(low: Lowering, arch: Arch, index: int, prompt: Prompt, text: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"prompt": text}
    here = f"sample.prompts[{index}]"
    for key, native in _OWN.items():
        value = getattr(prompt, key)
        if value is not None and value != "auto" and value != getattr(low.config.sample, key):
            entry[native] = value
            low.note("exact", f"{here}.{key}", value, f":{native}", value)
    # A seed that an entry names stays in force for the entries after it, so each names its own.
    entry["seed"] = low.config.sample.seed if prompt.seed is None else prompt.seed
    return entry | _control(low, arch, here, prompt)


def _control(low: Lowering, arch: Arch, here: str, prompt: Prompt) -> dict[str, Any]:
    if not prompt.control:
        return {}
    if len(prompt.control) > arch.controls:
        low.refuse(
            f"{here}.control",
            prompt.control,
            f"{low.family.title} ({low.variant.name}) takes {arch.controls or 'no'} control pictures here",
            f"keep {arch.controls}" if arch.controls else "remove `control`",
        )
    paths = [low.path(item) for item in prompt.control]
    low.note("exact", f"{here}.control", prompt.control, ":ctrl_img", paths)
    if arch.controls == 1:
        return {"ctrl_img": paths[0]}
    return {f"ctrl_img_{number}": path for number, path in enumerate(paths, 1)}


def _check(low: Lowering, index: int, prompt: Prompt) -> None:
    path = f"sample.prompts[{index}].prompt"
    if "--" in prompt.prompt:
        cut = prompt.prompt.partition("--")[0].strip()
        low.problem(
            "LB307",
            path,
            f"{TITLE} would draw `{cut}` only",
            "everything from `--` on is read as options of the prompt, in `samples` too",
            "write it without `--`; sizes, seeds and steps are keys of the prompt",
        )
    for key in ("width", "height"):
        side = getattr(prompt, key) or getattr(low.config.sample, key)
        if isinstance(side, int) and side % 8:
            place = f"sample.prompts[{index}].{key}" if getattr(prompt, key) else f"sample.{key}"
            low.problem(
                "LB302",
                place,
                f"`{key}: {side}` becomes {max(64, side - side % 8)}",
                "sample sizes are cut to multiples of 8",
                f"write `{key}: {max(64, side - side % 8)}`",
                "hint",
            )
