"""The trainers' own example configs: imported, and compiled back for the same trainer.

    LORABRIDGE_MUSUBI_HOME=... LORABRIDGE_DIFFUSION_PIPE_HOME=... LORABRIDGE_AI_TOOLKIT_HOME=... python benchmarks/round_trip.py [-v]

One line per trainer: example files read, native keys in them, how many of these the language says (said, written by every compile, or
equal to the trainer's default), how many stay native options, how many have no effect there (dead, unknown, unused), how many are lost,
and for how many values the compiled files say another thing than the example. A value that is left out counts as the trainer's default,
taken from the contract. Examples that train no LoRA (full fine-tuning, merging, extraction, sliders) are refused with a diagnostic and
counted apart; `-v` names every key that is not simply said, every difference, and every refused example.

musubi-tuner has no example files: the commands in its `docs/*.md` are read, each training command with the caching commands of its
page, and with each of the example datasets of `docs/dataset_config.md` that fits (the first one for all, the others once).
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lorabridge.backends.base import Site
from lorabridge.plan.compile import compile_config
from lorabridge.plan.imports import Imported, import_texts
from lorabridge.plan.sources import compiled, gather_texts
from lorabridge.plan.unchanged import Difference, differences

TRAINERS = ("musubi", "diffusion-pipe", "ai-toolkit")
MAPPED, WITHOUT = ("carried", "written", "default"), ("dead", "unknown", "unused")
_BLOCK = re.compile(r"```(?:bash|shell|sh|powershell|batch|toml)?[^\S\n]*\n(.*?)```", re.DOTALL)
_TRAIN = re.compile(r"(\w+)_train_network(?:_\w+)?\.py")
_FINE = re.compile(r"\w+_train\.py")
_CACHE = re.compile(r"(\w*?)_?cache_(?:latents|text_encoder_outputs|pixel)\.py")


BORROWED = " (caching commands of another page)"
"""Those are counted where they stand."""


@dataclass
class Result:
    """One example."""

    name: str
    made: Imported
    different: list[Difference] = field(default_factory=list)
    problem: str = ""

    @property
    def kinds(self) -> Counter[str]:
        return Counter(fate.kind for fate in self.made.fates)


def main(args: list[str]) -> int:
    import os

    bad = False
    print(f"{'trainer':15} files refused keys mapped native no-effect lost mapped% of-effect% different")
    for trainer in TRAINERS:
        home = os.environ.get(f"LORABRIDGE_{trainer.upper().replace('-', '_')}_HOME")
        if not home:
            print(f"{trainer:15} skipped: LORABRIDGE_{trainer.upper().replace('-', '_')}_HOME is not set")
            continue
        results = [result(trainer, name, texts) for name, texts in EXAMPLES[trainer](Path(home))]
        bad |= line(trainer, results)
        if "-v" in args:
            print(*told(results), sep="\n")
    return int(bad)


def result(trainer: str, name: str, texts: Mapping[str, str]) -> Result:
    """Import, compile, compare."""
    made = import_texts(texts, trainer=trainer)
    if made.loaded is None or not made.ok:
        why = next((f"{item.code} {item.message}" for item in made.findings if item.severity == "error"), "no finding")
        return Result(name, made, problem=why)
    plan = compile_config(made.loaded, trainer, Site(root="/data", output=None, unsupported="error"))
    if not plan.ok:
        return Result(name, made, problem="; ".join(item.message for item in plan.diagnostics if item.severity == "error"))
    if name.endswith(BORROWED):
        made.fates = [fate for fate in made.fates if not (fate.key.path and "cache" in str(fate.key.path[0]))]
    return Result(name, made, list(differences(gather_texts(texts, trainer), compiled(plan), made.fates, "/data")))


def line(trainer: str, results: list[Result]) -> bool:
    """The figures of one trainer; whether any key is lost or means another thing."""
    good = [item for item in results if not item.problem]
    kinds = sum((item.kinds for item in good), Counter[str]())
    keys, native = sum(kinds.values()), kinds["native"]
    mapped, without = sum(kinds[kind] for kind in MAPPED), sum(kinds[kind] for kind in WITHOUT)
    lost, different = keys - mapped - native - without, sum(len(item.different) for item in good)
    share, effect = 100 * mapped / max(keys, 1), 100 * mapped / max(mapped + native, 1)
    print(
        f"{trainer:15} {len(good):5} {len(results) - len(good):7} {keys:4} {mapped:6} {native:6} {without:9} {lost:4} "
        f"{share:7.1f} {effect:10.1f} {different:9}"
    )
    return bool(lost or different)


def told(results: list[Result]) -> Iterator[str]:
    for item in results:
        yield f"  {item.name}" + (f": refused: {item.problem}" if item.problem else "")
        for fate in item.made.fates if not item.problem else ():
            if fate.kind not in MAPPED:
                yield f"    {fate.kind}: {fate.key.name} = {fate.key.value!r}" + (f" ({fate.why})" if fate.why else "")
        for change in item.different:
            yield f"    DIFFERENT: {change.section} {change.key}: {change.was!r} -> {change.now!r}"


def ai_toolkit(home: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Every YAML below an `examples` or `config` folder."""
    for path in sorted([*home.glob("config/examples/**/*.y*ml"), *home.glob("extensions*/*/config/*.y*ml")]):
        yield str(path.relative_to(home)), {path.name: path.read_text("utf-8")}


_MAIN = """
output_dir = '/results/run'
dataset = 'data.toml'
epochs = 10
save_every_n_epochs = 2
[adapter]
type = 'lora'
rank = 16
[optimizer]
type = 'adamw'
lr = 1e-4
[model]
dtype = 'bfloat16'
"""
_MODELS = {
    "cosmos": "type = 'cosmos'\ntransformer_path = '/m/t.safetensors'\nvae_path = '/m/v.safetensors'\ntext_encoder_path = '/m/te.safetensors'\n",
    "flux_kontext": "type = 'flux'\ndiffusers_path = '/m/FLUX.1-Kontext-dev'\n",
    "lumina": "type = 'lumina_2'\ntransformer_path = '/m/t.safetensors'\nllm_path = '/m/llm.safetensors'\nvae_path = '/m/v.safetensors'\n",
}
"""Small main files of our own for the example datasets that no example main file names, by a word of the dataset's name."""


def diffusion_pipe(home: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Every main file with the dataset of its name, or with `dataset.toml`; every other dataset with a main file of its model."""
    texts = {path.name: path.read_text("utf-8") for path in sorted((home / "examples").glob("*.toml"))}
    mains = [name for name, text in texts.items() if "[model]" in text]
    datasets = [name for name in texts if name not in mains]
    used = set()
    for name in mains:
        prefix = name.partition("_example")[0]
        data = next((other for other in datasets if f"{prefix}_dataset" in other), "dataset.toml")
        used.add(data)
        yield name, {name: texts[name], data: texts[data]}
    for data in datasets:
        model = next((model for word, model in _MODELS.items() if word in data), None)
        if data not in used and model is not None:
            yield data, {"main.toml": _MAIN + model, data: texts[data]}


def musubi(home: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Every training command in the docs."""
    pages = {path.name: list(_commands(path)) for path in sorted((home / "docs").glob("*.md"))}
    for name, commands in pages.items():
        for number, text in enumerate(item for item in commands if _TRAIN.search(item) or _FINE.search(item)):
            script = (_TRAIN.search(text) or _FINE.search(text))[0]  # type: ignore[index]
            kind = ".ps1" if "`\n" in text else ".sh"
            caches = _caches([commands, *pages.values()], text, script)
            borrowed = not any(item in commands for item in caches)
            files = {f"train{kind}": "\n".join([*caches, text]), "data.toml": _dataset(text, script)}
            if "--sample_prompts" in text:
                files["prompts.txt"] = _PROMPT
            if "--config_file" in text.partition(script)[2]:
                files["config.toml"] = next(block for block in _blocks(home / "docs" / name) if "network_module" in block)
            yield f"{name} {number + 1}: {script}{BORROWED if borrowed else ''}", files
    train = "\n".join(item for item in pages["qwen_image.md"] if "qwen_image_cache" in item or "qwen_image_train_network" in item)
    for number, text in enumerate(_blocks(home / "docs" / "dataset_config.md")):
        if "[[datasets]]" in text and ("image_directory" in text or "image_jsonl_file" in text):
            yield f"dataset_config.md {number + 1}", {"train.sh": train, "data.toml": text}


_PROMPT = "a cat on a chair --w 512 --h 512 --d 1\n"
_IMAGES = '[[datasets]]\nimage_directory = "/pictures"\nresolution = [960, 544]\nbatch_size = 1\ncache_directory = "/cache"\ncaption_extension = ".txt"\n'
_CLIPS = '[[datasets]]\nvideo_directory = "/clips"\nresolution = [960, 544]\nbatch_size = 1\ncache_directory = "/cache"\ncaption_extension = ".txt"\ntarget_frames = [1, 25, 45]\n'


def _dataset(text: str, script: str) -> str:
    """A dataset of our own that the task needs: clips, control pictures, or pictures."""
    clips = script.startswith(("hv_", "wan_", "fpack_", "kandinsky5_"))
    control = "i2i" in text or "kontext" in script
    return (_CLIPS if clips else _IMAGES) + ('control_directory = "/control"\n' if control else "")


def _caches(pages: list[list[str]], text: str, script: str) -> list[str]:
    """The caching commands for a training script: those of its page, else those of another page, in the words of the same shell."""
    stem = script.partition("_train")[0]
    wanted = "cache_" if stem == "hv" else f"{stem}_cache_"
    for commands in pages:
        found = [
            item for item in commands if re.search(rf"(?<![a-z0-9]_){wanted}|[/ ]{wanted}", item) and ("`\n" in item) == ("`\n" in text)
        ]
        found = [
            item for item in found if ("--i2v" in item) == ("i2v" in text) or "latents" not in item or not any("--i2v" in x for x in found)
        ]
        if found:
            return list({_CACHE.search(item)[0]: item for item in reversed(found)}.values())  # type: ignore[index]
    return []


def _blocks(path: Path) -> list[str]:
    return [found[1] for found in _BLOCK.finditer(path.read_text("utf-8"))]


def _commands(path: Path) -> Iterator[str]:
    """Blocks with a whole command; those with `...`, and those without a network or a file of options, are fragments."""
    for block in _blocks(path):
        whole = re.search(r"--(network_module|config_file|dataset_config)", block)
        if "..." not in block and ".py" in block and whole:
            yield block


EXAMPLES = {"musubi": musubi, "diffusion-pipe": diffusion_pipe, "ai-toolkit": ai_toolkit}

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
