"""The LoRA in the denoiser: where it goes, how it is read and written.

Adapters inside the denoiser: `default` is trained; `assistant` is the training adapter of a distilled model, frozen, active
while training and off while drawing. That equals fusing it at +1 and taking it out again, without the rounding.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from peft import LoraConfig
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import save as serialize

from .errors import TrainerError
from .families import Family
from .files import write_atomic
from .job import Adapter, Dtype, Patterns

TRAINED, ASSISTANT, _INITIAL = "default", "assistant", "initial"
DTYPES: dict[Dtype, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def target_modules(family: Family, denoiser: torch.nn.Module, spec: Adapter) -> tuple[list[str], list[str]]:
    """Names of the linear and of the convolution modules that get a LoRA.

    With the keywords, convolutions follow `conv_rank`; patterns choose among both, convolutions only with `conv_rank`.

    Raises:
        TrainerError: nothing matches, or one of the patterns matches nothing.
    """
    linear = [name for name, module in denoiser.named_modules() if isinstance(module, torch.nn.Linear)]
    # a grouped convolution cannot be written as a product of two thin ones
    conv = [name for name, module in denoiser.named_modules() if isinstance(module, torch.nn.Conv2d) and module.groups == 1]
    if spec.conv_rank is None:
        conv = []
    if isinstance(spec.targets, Patterns):
        include, exclude = spec.targets.include, spec.targets.exclude
        for pattern in [*include, *exclude]:
            if not any(fnmatchcase(name, pattern) for name in [*linear, *conv]):
                raise TrainerError(f"adapter.targets: {pattern!r} matches no module of {type(denoiser).__name__}")
        conv = _match(conv, include, exclude)
    else:
        include = [*family.attention, *(family.feed_forward if spec.targets == "all" else ())]
        last = len(getattr(denoiser, "transformer_blocks", ())) - 1
        exclude = [pattern.format(last=last) for pattern in family.dead]
    linear = _match(linear, include, exclude)
    if not linear and not conv:
        raise TrainerError(f"adapter.targets: no module of {type(denoiser).__name__} matches")
    return linear, conv


def _match(names: Sequence[str], include: Sequence[str], exclude: Sequence[str]) -> list[str]:
    return [
        name
        for name in names
        if any(fnmatchcase(name, pattern) for pattern in include) and not any(fnmatchcase(name, pattern) for pattern in exclude)
    ]


def attach(family: Family, denoiser: Any, spec: Adapter) -> list[str]:
    """Freeze the denoiser and put a fresh LoRA in it, in float32; returns the names of the modules that have one."""
    denoiser.requires_grad_(False)
    linear, conv = target_modules(family, denoiser, spec)
    rank_pattern, alpha_pattern = {}, {}
    if spec.conv_rank is not None:
        rank_pattern = dict.fromkeys(conv, spec.conv_rank)
        alpha_pattern = dict.fromkeys(conv, spec.conv_alpha if spec.conv_alpha is not None else float(spec.conv_rank))
    config = LoraConfig(
        r=spec.rank,
        lora_alpha=spec.alpha if spec.alpha is not None else spec.rank,
        lora_dropout=spec.dropout,
        target_modules=[*linear, *conv],
        rank_pattern=rank_pattern,
        alpha_pattern=alpha_pattern,
    )
    denoiser.add_adapter(config, adapter_name=TRAINED)
    for parameter in trained(denoiser).values():
        parameter.data = parameter.data.float()
    return [*linear, *conv]


def trained(denoiser: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The trained parameters by name, in a fixed order."""
    return {name: p for name, p in denoiser.named_parameters() if f".lora_A.{TRAINED}." in name or f".lora_B.{TRAINED}." in name}


def activate(denoiser: torch.nn.Module, adapters: Sequence[str]) -> None:
    """Let exactly these adapters take part. Only the trained one ever asks for gradients."""
    for module in denoiser.modules():
        if isinstance(module, BaseTunerLayer):
            module.enable_adapters(bool(adapters))
            present = [name for name in adapters if name in getattr(module, "lora_A", {})]
            if present:
                module.set_adapter(present)
            elif adapters:
                module.enable_adapters(False)
    for name, parameter in denoiser.named_parameters():
        parameter.requires_grad_(f".{TRAINED}." in name and ".lora_" in name)


def add_assistant(pipe: Any, denoiser: torch.nn.Module, file: str) -> None:
    """Load the training adapter of a distilled model beside the trained LoRA."""
    _load(pipe, file, ASSISTANT)
    activate(denoiser, [TRAINED, ASSISTANT])


def start_from(pipe: Any, denoiser: Any, file: str) -> None:
    """Copy a LoRA file into the fresh LoRA. The effect is kept where alpha differs.

    Raises:
        TrainerError: rank or modules differ from the job's.
    """
    _load(pipe, file, _INITIAL)
    copied = 0
    with torch.no_grad():
        for name, module in denoiser.named_modules():
            if not isinstance(module, LoraLayer) or _INITIAL not in module.lora_A:
                continue
            if TRAINED not in module.lora_A:
                raise TrainerError(f"adapter.init_from: {file} has a LoRA for {name}, which adapter.targets leaves out")
            if module.r[_INITIAL] != module.r[TRAINED]:
                raise TrainerError(f"adapter.init_from: {file} has rank {module.r[_INITIAL]} in {name}, the job says {module.r[TRAINED]}")
            ratio = module.scaling[_INITIAL] / module.scaling[TRAINED]
            module.lora_A[TRAINED].weight.copy_(module.lora_A[_INITIAL].weight)
            module.lora_B[TRAINED].weight.copy_(module.lora_B[_INITIAL].weight * ratio)
            copied += 1
    if not copied:
        raise TrainerError(f"adapter.init_from: {file} fits no module of this model")
    denoiser.delete_adapters(_INITIAL)
    activate(denoiser, [TRAINED])


def _load(pipe: Any, file: str, name: str) -> None:
    path = Path(file)
    if not path.is_file():
        raise TrainerError(f"no such LoRA file: {file}")
    try:
        pipe.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name=name)
    except (ValueError, KeyError, RuntimeError, OSError) as error:
        raise TrainerError(f"{file} cannot be loaded into this model: {error}") from None


class Average:
    """Exponential moving average of the trained parameters."""

    def __init__(self, parameters: Mapping[str, torch.nn.Parameter], decay: float) -> None:
        self.decay = decay
        self.values = {name: p.detach().clone() for name, p in parameters.items()}

    def update(self, parameters: Mapping[str, torch.nn.Parameter], step: int) -> None:
        """Take in the parameters after step `step`, counted from 1; early on the decay is lower, so that it catches up."""
        decay = min(self.decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in self.values.items():
                value.lerp_(parameters[name].detach(), 1 - decay)

    @contextmanager
    def swapped(self, parameters: Mapping[str, torch.nn.Parameter]) -> Iterator[None]:
        """Inside the block the parameters hold the average."""
        kept = {name: p.detach().clone() for name, p in parameters.items()}
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(self.values[name])
        try:
            yield
        finally:
            with torch.no_grad():
                for name, parameter in parameters.items():
                    parameter.copy_(kept[name])


def save(family: Family, pipe: Any, denoiser: Any, path: Path, *, dtype: Dtype, metadata: Mapping[str, str]) -> None:
    """Write the trained LoRA the way the pipeline does, alpha included, with `metadata` added to the header.

    Raises:
        TrainerError: a weight is not finite; nothing is written then.
    """
    state = get_peft_model_state_dict(denoiser, adapter_name=TRAINED)
    for name, value in state.items():
        if not torch.isfinite(value).all():
            raise TrainerError(f"{name} is not finite, {path.name} was not written")
    # diffusers hands the device and dtype on, so both are settled here
    state = {name: value.detach().to("cpu", DTYPES[dtype]).contiguous() for name, value in state.items()}
    config = denoiser.peft_config[TRAINED].to_dict()
    config["target_modules"] = sorted(config["target_modules"])
    # what this process knows of the base is a path of this machine
    config["base_model_name_or_path"] = None

    def write(target: Path) -> None:
        with TemporaryDirectory(dir=target.parent) as folder:
            pipe.save_lora_weights(folder, weight_name="lora.safetensors", **family.saved(state, config))
            with safe_open(Path(folder) / "lora.safetensors", framework="pt") as opened:
                header = {**(opened.metadata() or {}), **metadata}
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            target.write_bytes(_stable(serialize(tensors, metadata=header)))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_atomic(path, write)


def _stable(content: bytes) -> bytes:
    """The same safetensors file with its header in a fixed order; the library shuffles the metadata."""
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def read_metadata(path: Path) -> dict[str, Any]:
    """Header metadata of a LoRA file, with the adapter's own part parsed under `adapter`."""
    with safe_open(path, framework="pt") as opened:
        metadata: dict[str, Any] = dict(opened.metadata() or {})
    metadata["adapter"] = json.loads(metadata.get("lora_adapter_metadata", "{}"))
    return metadata
