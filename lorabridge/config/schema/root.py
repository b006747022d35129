"""The whole document."""

from typing import Annotated, Any, Literal

from lorabridge.config.base import Section
from lorabridge.config.kinds import Num, Text
from lorabridge.config.meanings import OFF, knob
from lorabridge.config.schema.adapter import Adapter, Preservation
from lorabridge.config.schema.data import Dataset
from lorabridge.config.schema.machine import Cache, Hardware, Memory, Output
from lorabridge.config.schema.model import Model
from lorabridge.config.schema.results import Evaluate, Logging, Sample, Save
from lorabridge.config.schema.training import Loss, Noise, Optimizer, Scheduler, Train
from lorabridge.config.schema.words import ZIMAGE, AnyStr

_NAME = Text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}", "letters, digits, `.`, `_` and `-`, at most 120: it becomes a file name")


class Config(Section):
    """One training intent."""

    lorabridge: Annotated[Literal[1], Num(whole=True, ge=1, le=1)] = knob("Version of the language.")
    name: Annotated[str, _NAME] = knob("Name of the run and of the saved files.")
    trigger: AnyStr = knob(
        "Trigger word; `[trigger]` in prompts stands for it.", default_value="", empty=OFF, null=OFF, absent=OFF, source=ZIMAGE
    )
    model: Model = knob("The base model.")
    datasets: list[Dataset] = knob("What to train on.")
    adapter: Adapter = knob("The trained weights.", factory=Adapter)
    preservation: Preservation | None = knob("Keep the model's answers without the trigger.", default_value=None, null=OFF, absent=OFF)
    train: Train = knob("Length and batch.")
    optimizer: Optimizer = knob("Optimizer.", factory=Optimizer)
    scheduler: Scheduler = knob("Learning rate over time.", factory=Scheduler)
    noise: Noise = knob("Noise levels.", factory=Noise)
    loss: Loss = knob("Loss.", factory=Loss)
    memory: Memory = knob("Memory.", factory=Memory)
    cache: Cache = knob("Caches.", factory=Cache)
    save: Save = knob("Checkpoints.", factory=Save)
    sample: Sample = knob("Sample pictures.", factory=Sample)
    evaluate: Evaluate | None = knob("Held-out loss.", default_value=None, null=OFF, absent=OFF)
    logging: Logging = knob("Trackers.", factory=Logging)
    hardware: Hardware = knob("GPUs.", factory=Hardware)
    output: Output = knob("Results.", factory=Output)
    backends: dict[str, dict[str, Any]] = knob("Native options, per trainer.", factory=dict, empty=OFF, null=OFF, absent=OFF)
