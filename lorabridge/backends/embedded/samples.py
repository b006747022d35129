"""`sample`: the pictures drawn before, during and after the training."""

from __future__ import annotations

from typing import Any

from lorabridge.backends.engine import Lowering
from lorabridge.config.schema.results import Prompt

_PLACE = "[trigger]"
SETTINGS = ("negative", "width", "height", "seed", "steps", "guidance")


def samples(low: Lowering) -> None:
    """The `sample` section; without prompts, or with `every: never`, nothing is drawn."""
    sample = low.config.sample
    if sample.every == "off" or not sample.prompts:
        low.note("exact", "sample.every", sample.every, "job:sample.prompts", "left out", "no samples are drawn")
        return
    low.put(f"job:sample.every.{sample.every.unit}", int(sample.every.value), "sample.every")
    low.note("exact", "sample.every", sample.every, f"job:sample.every.{sample.every.unit}", int(sample.every.value))
    low.put("job:sample.at_start", sample.before, "sample.before")
    low.note("exact", "sample.before", sample.before, "job:sample.at_start", sample.before)
    low.add("job:sample.at_end", True, "the finished LoRA is drawn too")
    _settings(low)
    _prompts(low)


def _settings(low: Lowering) -> None:
    """What the prompts share; the job has one setting for all of them."""
    prompts = low.config.sample.prompts
    for key in SETTINGS:
        found = [_effective(low, prompt, key) for prompt in prompts]
        own = next((index for index, value in enumerate(found) if value != found[0]), None)
        if own is not None:
            index = next((i for i in (own, 0) if low.wrote(f"sample.prompts[{i}].{key}")), own)
            why = f"all prompts share one {key}"
            low.refuse(f"sample.prompts[{index}].{key}", found[index], why, f"write `sample.{key}` once, or compile for another trainer")
            continue
        path = f"sample.prompts[0].{key}" if low.wrote(f"sample.prompts[0].{key}") else f"sample.{key}"
        low.put(f"job:sample.{key}", found[0], path)
        low.note("exact", path, found[0], f"job:sample.{key}", found[0])
    for index, prompt in enumerate(prompts):
        here = f"sample.prompts[{index}]"
        if (prompt.frames or 1) > 1:
            path = f"{here}.frames" if low.wrote(f"{here}.frames") else "sample.frames"
            low.refuse(path, prompt.frames, "it draws pictures", "remove it")
        if prompt.control:
            low.refuse(f"{here}.control", prompt.control, "it trains no edit models", "remove it")


def _effective(low: Lowering, prompt: Prompt, key: str) -> Any:
    value = getattr(prompt, key)
    return getattr(low.config.sample, key) if value is None or value == "auto" else value


def _prompts(low: Lowering) -> None:
    sample = low.config.sample
    texts = [prompt.prompt for prompt in sample.prompts]
    first = next((data.trigger for data in low.config.datasets if data.trigger), "")
    if low.config.trigger and low.config.trigger == first:
        if sample.without_trigger:
            # only the placeholder is taken out, so the word itself becomes one
            texts = [text if _PLACE in text else text.replace(low.config.trigger, _PLACE) for text in texts]
            low.put("job:sample.without_trigger", True, "sample.without_trigger")
        _tell(low, texts, "job:sample.without_trigger")
    else:
        texts = _spelled(low, texts)
        _tell(low, texts, "job:sample.prompts")
    low.put("job:sample.prompts", texts, "sample.prompts")
    low.note("exact", "sample.prompts", f"{len(sample.prompts)} prompts", "job:sample.prompts", f"{len(texts)} prompts")


def _tell(low: Lowering, texts: list[str], at: str) -> None:
    if low.config.sample.without_trigger:
        word = low.config.preservation.class_word if low.config.preservation else None
        text = f"with `{word}` in its place" if word else "with nothing in its place"
        low.note("exact", "sample.without_trigger", True, at, True, f"{text}; prompts that never name the trigger are drawn once")


def _spelled(low: Lowering, texts: list[str]) -> list[str]:
    """Prompts with the run's own trigger filled in, where the job would take that of the first data set."""
    trigger, keep = low.config.trigger, low.config.preservation
    stand_in = (keep.class_word or "") if keep else ""
    spelled: list[str] = []
    for text in texts:
        whole = " ".join(text.replace(_PLACE, trigger).split()) if _PLACE in text else text
        spelled.append(whole)
        if low.config.sample.without_trigger and trigger and trigger in whole:
            spelled.append(" ".join(whole.replace(trigger, stand_in).split()))
    return spelled
