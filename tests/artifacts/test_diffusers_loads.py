"""Converted files in diffusers: `load_lora_weights` on tiny random models gives the output that the original gave."""

from __future__ import annotations

import inspect

import pytest

from lorabridge.artifacts.convert import convert, save
from lorabridge.artifacts.key_maps import in_both, template, to_native
from lorabridge.artifacts.key_rows import FIRST_WORDS
from lorabridge.artifacts.tables import tables

from .makers import pair, write
from .tiny_models import TINY

torch = pytest.importorskip("torch", reason="needs torch")
diffusers = pytest.importorskip("diffusers", reason="needs diffusers")
pytest.importorskip("peft", reason="needs peft")


@pytest.fixture(scope="module")
def models():
    """A pipeline with nothing but the denoiser, made once for each family."""
    made = {}

    def make(name):
        if name not in made:
            tiny = TINY[name]
            torch.manual_seed(0)
            denoiser = getattr(diffusers, tiny.model)(**tiny.config).eval()
            for parameter in denoiser.parameters():  # what starts at zero would hide the modules behind it
                torch.nn.init.normal_(parameter, std=0.2)
            pipeline = getattr(diffusers, tiny.pipeline)
            parameters = list(inspect.signature(pipeline.__init__).parameters.items())[1:]
            kept = {part: None for part, parameter in parameters if parameter.default is inspect.Parameter.empty}
            made[name] = pipeline(**kept | {"transformer": denoiser})
        return made[name]

    return make


def draw(pipe, tiny, file=None):
    if file is not None:
        pipe.load_lora_weights(str(file.parent), weight_name=file.name)
    with torch.no_grad():
        found = pipe.transformer(**tiny.inputs(torch), return_dict=False)[0]
    if file is not None:
        pipe.unload_lora_weights()
    return found[0] if isinstance(found, list) else found


def lora(pipe, family):
    """A random LoRA for every linear layer of the denoiser that the other naming has."""
    architecture = next(table.architecture for table in tables() if family in table.families)
    known, found = to_native(architecture), {}
    for number, (name, module) in enumerate(pipe.transformer.named_modules()):
        if not isinstance(module, torch.nn.Linear) or 1 in module.weight.shape:
            continue
        mapped = template(name, known)[0] in known or architecture in FIRST_WORDS or in_both(name, architecture)
        if mapped or architecture == "qwen-image":
            found |= pair(name, *module.weight.shape, rank=2, style="diffusers", seed=number)
    return found


@pytest.mark.parametrize("family", TINY)
def test_the_same_output(family, models, tmp_path):
    pipe, tiny = models(family), TINY[family]
    tensors = lora(pipe, family)
    path = write(tmp_path / "a.safetensors", tensors)
    bare, first = draw(pipe, tiny), draw(pipe, tiny, path)
    assert torch.isfinite(first).all()
    assert float((first - bare).abs().max()) > 1e-3 * float(bare.abs().max())
    for target in ("comfyui", "kohya"):
        there, back = tmp_path / f"{target}.safetensors", tmp_path / "back.safetensors"
        save(convert(path, target, family=family), there)
        save(convert(there, "diffusers"), back)
        assert torch.equal(draw(pipe, tiny, back), first)


@pytest.mark.parametrize("family", [family for family, tiny in TINY.items() if tiny.direct])
def test_diffusers_reads_the_comfyui_form_alike(family, models, tmp_path):
    """Its own conversion, written by others, comes to the same."""
    pipe, tiny = models(family), TINY[family]
    tensors = {name: value for name, value in lora(pipe, family).items() if tiny.direct in name.removeprefix("transformer.")}
    path, there = write(tmp_path / "a.safetensors", tensors), tmp_path / "c.safetensors"
    save(convert(path, "comfyui", family=family), there)
    first = draw(pipe, tiny, path)
    assert torch.allclose(draw(pipe, tiny, there), first, rtol=1e-4, atol=1e-5 * float(first.abs().max()))
    assert not torch.allclose(draw(pipe, tiny), first, rtol=1e-4)


def test_a_changed_number_is_seen(models, tmp_path):
    """The comparison can fail: half a row of one up matrix is moved."""
    pipe, tiny = models("sd3"), TINY["sd3"]
    tensors = lora(pipe, "sd3")
    first = draw(pipe, tiny, write(tmp_path / "a.safetensors", tensors))
    name = next(name for name in tensors if name.endswith("norm_out.linear.lora_B.weight"))
    tensors[name] = tensors[name][::-1].copy()
    assert not torch.allclose(draw(pipe, tiny, write(tmp_path / "b.safetensors", tensors)), first, rtol=1e-3)
