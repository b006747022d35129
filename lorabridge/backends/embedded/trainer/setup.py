"""From a job to everything that the loop needs: device, pipeline, caches, LoRA, optimizer."""

from __future__ import annotations

import gc
import hashlib
import json
import random
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from . import cache, data, lora
from .errors import TrainerError
from .events import Emit
from .families import FAMILIES, Family
from .job import Job, Model
from .optim import make_optimizer
from .state import fingerprint


@dataclass
class Session:
    """All parts of one run. `parameters` are the trained ones, `texts` the encoded prompts by text."""

    job: Job
    family: Family
    pipe: Any
    denoiser: Any
    device: torch.device
    items: list[data.Item]
    order: data.Order
    store: cache.Store
    keys: cache.Keys
    modules: list[str]
    parameters: dict[str, torch.nn.Parameter]
    optimizer: torch.optim.Optimizer
    average: lora.Average | None
    scaler: torch.amp.GradScaler
    marks: dict[str, Any]
    output: Path

    @property
    def adapters(self) -> list[str]:
        """The adapters that take part while training."""
        return [lora.TRAINED, lora.ASSISTANT] if self.job.adapter.training_adapter else [lora.TRAINED]

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run."""
        return total_steps(self.job, self.order)

    def prompt(self, text: str) -> dict[str, torch.Tensor]:
        """The encoded prompt of a text that `needed_texts` knows."""
        return self.store.get(self.keys.prompt(text))

    def autocast(self) -> torch.autocast:
        """Mixed precision where the base is not float32; the LoRA itself stays in float32."""
        dtype = lora.DTYPES[self.job.model.dtype]
        return torch.autocast(self.device.type, dtype=torch.bfloat16 if dtype == torch.float32 else dtype, enabled=dtype != torch.float32)


def total_steps(job: Job, order: data.Order) -> int:
    """The length of a job in optimizer steps."""
    length = job.train.length
    if length.steps is not None:
        return length.steps
    if length.epochs is not None:
        return length.epochs * order.steps_per_epoch
    assert length.samples is not None
    per_step = job.train.batch_size * job.train.gradient_accumulation
    return max(1, -(-length.samples // per_step))


def pick_device(job: Job) -> torch.device:
    """The device of a job.

    Raises:
        TrainerError: CUDA is asked for and absent, or float16 is asked for on a CPU.
    """
    wanted = job.train.device
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise TrainerError("train.device: cuda is asked for, but torch finds no CUDA device")
    if wanted == "cpu":
        if job.model.dtype == "float16":
            raise TrainerError("model.dtype: float16 training needs a GPU; use float32 or bfloat16 on a CPU")
        torch.set_num_threads(job.train.threads)
    return torch.device(wanted)


def seed_everything(seed: int) -> None:
    """Start all global generators from the seed of the job."""
    random.seed(data.derive(seed, "python"))
    np.random.seed(data.derive(seed, "numpy") % 2**32)
    torch.manual_seed(data.derive(seed, "torch"))


def model_folder(model: Model) -> Path:
    """The diffusers folder of a model; a hub id is downloaded.

    Raises:
        TrainerError: there is no such folder or repository, or it is no diffusers pipeline.
    """
    folder = Path(model.path)
    if not folder.exists():
        from diffusers import DiffusionPipeline

        try:
            folder = Path(DiffusionPipeline.download(model.path, revision=model.revision))
        except Exception as error:
            raise TrainerError(f"model.path: {model.path} is no folder, and no repository either: {error}") from None
    index = folder / "model_index.json"
    if not index.is_file():
        raise TrainerError(f"model.path: {folder} has no model_index.json, so it is no diffusers folder")
    found = json.loads(index.read_text(encoding="utf-8")).get("_class_name")
    if found != FAMILIES[model.family].pipeline:
        raise TrainerError(f"model.path: {folder} is a {found}, {model.family} needs a {FAMILIES[model.family].pipeline}")
    return folder


def load_pipeline(family: Family, folder: Path, model: Model, without: tuple[str, ...]) -> Any:
    """The pipeline of a folder on the CPU, without the named components."""
    import diffusers
    import transformers

    # bars that redraw themselves only fill a log
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    absent: dict[str, Any] = dict.fromkeys(without)
    try:
        pipe = getattr(diffusers, family.pipeline).from_pretrained(folder, dtype=lora.DTYPES[model.dtype], local_files_only=True, **absent)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise TrainerError(f"model.path: {folder} cannot be loaded: {error}") from error
    pipe.set_progress_bar_config(disable=True)
    for component in pipe.components.values():
        if isinstance(component, torch.nn.Module):
            component.requires_grad_(False).eval()
    return pipe


def sample_prompts(job: Job) -> list[tuple[int, str, bool]]:
    """The prompts to draw: (index, text, whether it has the trigger), with `[trigger]` filled in."""
    prompts = []
    for prompt in job.sample.prompts:
        has_place = "[trigger]" in prompt
        prompts.append((prompt.replace("[trigger]", job.trigger or ""), has_place))
        if has_place and job.sample.without_trigger:
            stand_in = job.preservation.class_word if job.preservation else ""
            prompts.append((" ".join(prompt.replace("[trigger]", stand_in).split()), False))
    return [(index, text, has_trigger) for index, (text, has_trigger) in enumerate(prompts)]


def needed_texts(job: Job, items: list[data.Item]) -> list[str]:
    """Every text that training or drawing will need, each once, in a fixed order."""
    texts: list[str] = []
    for item in items:
        texts.extend(item.captions)
        texts.extend([item.class_caption] if item.class_caption is not None else [])
        texts.extend([""] if item.dropout else [])
    if job.sample.prompts:
        texts.extend(text for _, text, _ in sample_prompts(job))
        texts.append(job.sample.negative)
    return list(dict.fromkeys(texts))


def prepare(job: Job, emit: Emit) -> Session:
    """Load, encode what is not cached, and put the LoRA in. Nothing is written but the cache."""
    device, family = pick_device(job), FAMILIES[job.model.family]
    seed_everything(job.train.seed)
    output = Path(job.output)
    folder = model_folder(job.model)
    pipe = load_pipeline(family, folder, job.model, family.text_parts)
    items = data.scan(job, family.granularity(pipe), emit)
    store = cache.Store(Path(job.cache) if job.cache else output / "cache", emit)
    keys = cache.Keys(job.model, family, folder)
    _encode_prompts(job, folder, needed_texts(job, items), store=store, keys=keys, device=device, emit=emit)
    pipe.vae.to(device)
    cache.fill_latents(store, keys, items, family=family, pipe=pipe, emit=emit)
    pipe.to(device)
    denoiser = getattr(pipe, family.denoiser)
    seed_everything(job.train.seed)
    modules = lora.attach(family, denoiser, job.adapter)
    _load_adapters(job, pipe, denoiser)
    if job.train.gradient_checkpointing:
        denoiser.enable_gradient_checkpointing()
    parameters = lora.trained(denoiser)
    order = data.Order(items, job.train.batch_size, job.train.gradient_accumulation, job.train.seed)
    return Session(
        job=job,
        family=family,
        pipe=pipe,
        denoiser=denoiser,
        device=device,
        items=items,
        order=order,
        store=store,
        keys=keys,
        modules=modules,
        parameters=parameters,
        optimizer=make_optimizer(job.optimizer, parameters.values()),
        average=lora.Average(parameters, job.ema_decay) if job.ema_decay is not None else None,
        scaler=torch.amp.GradScaler(device.type, enabled=job.model.dtype == "float16"),
        marks=fingerprint(job, _data_digest(items)),
        output=output,
    )


def _encode_prompts(
    job: Job, folder: Path, texts: list[str], *, store: cache.Store, keys: cache.Keys, device: torch.device, emit: Emit
) -> None:
    """Text encoders are loaded only when a text is missing, and are gone before the denoiser goes to the device."""
    family = FAMILIES[job.model.family]
    if all(store.has(keys.prompt(text)) for text in texts):
        emit({"event": "cache", "kind": "prompts", "done": len(texts), "total": len(texts), "computed": 0})
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = load_pipeline(family, folder, job.model, (family.denoiser, "vae")).to(device)
    cache.fill_prompts(store, keys, texts, model=job.model, family=family, pipe=pipe, emit=emit)
    del pipe
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _load_adapters(job: Job, pipe: Any, denoiser: Any) -> None:
    if job.adapter.init_from is not None:
        lora.start_from(pipe, denoiser, job.adapter.init_from)
    if job.adapter.training_adapter is not None:
        lora.add_assistant(pipe, denoiser, job.adapter.training_adapter)
    # a loaded adapter comes in the base's dtype; the trained one stays in float32
    for parameter in lora.trained(denoiser).values():
        parameter.data = parameter.data.float()


def _data_digest(items: list[data.Item]) -> str:
    lines = [f"{item.digest} {item.size} {item.repeats} {item.captions}" for item in items]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]
