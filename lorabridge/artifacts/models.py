"""The model files that a config names, against what it says of them (LB83x). Headers only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from lorabridge.artifacts.identity import Identity, identify
from lorabridge.artifacts.published import Said, said_of
from lorabridge.artifacts.tables import tables
from lorabridge.config.load import Loaded
from lorabridge.data.paths import is_local
from lorabridge.diagnostics import Diagnostic, Span
from lorabridge.families.resolve import Missing, Resolved, resolve

_ROLES: dict[str, tuple[str, ...]] = {
    "repo": ("checkpoint",), "extras": ("checkpoint",), "checkpoint": ("checkpoint", "transformer"), "transformer": ("transformer", "checkpoint"),
    "transformer_high_noise": ("transformer", "checkpoint"), "vae": ("vae", "checkpoint"), "text_encoder": ("text encoder", "checkpoint"),
    "text_encoder_2": ("text encoder",), "text_encoder_3": ("text encoder",), "byt5": ("text encoder",), "image_encoder": ("image encoder", "text encoder"),
}  # fmt: skip
"""What each key of `model.paths` may be; keys that are not here (an audio VAE) are not looked at."""
_DENOISER = ("repo", "checkpoint", "transformer", "transformer_high_noise")
_FP8_ONLY = frozenset(("ideogram4",))
"""Families that are published in fp8 only: their trainers read it."""
_DISTILLED = re.compile(r"(?<![a-z])(turbo|lightning|hyper|lcm|schnell|distill(?:ed)?|dmd|[248][-_]?steps?)(?![a-z])", re.IGNORECASE)

_EXPERT = re.compile(r"(high|low)[-_ ]?noise", re.IGNORECASE)


class Named(NamedTuple):
    """A path of the config and what lies there. `known`: its origin is, so that its name need not be read for hints."""

    key: str
    path: Path
    found: Identity
    known: bool = False


def check_models(loaded: Loaded, look: Callable[[Path], Identity] = identify) -> list[Diagnostic]:
    """Findings about the local model files of a config. Files that are not there are another check's (LB505)."""
    if loaded.config is None:
        return []
    resolved = resolve(loaded.config)
    if isinstance(resolved, Missing):
        return []
    found: list[Diagnostic] = []
    for key, value in loaded.config.model.paths.plain(nulls=False).items():
        path = Path(value).expanduser()
        path = path if path.is_absolute() else Path(loaded.root) / path
        said = said_of(value, path if is_local(value) else None) if key in _DENOISER else None
        if said is not None:
            found += _published(said, value, resolved, loaded.place(f"model.paths.{key}"), f"model.paths.{key}")
        if key in _ROLES and is_local(value) and path.exists():
            found += _check(Named(key, path, look(path), said is not None), resolved, loaded)
    return found


def _published(said: Said, value: str, resolved: Resolved, place: Span | None, path: str) -> Iterator[Diagnostic]:
    """A file whose origin is known, against the variant that the config says."""
    variant, family = resolved.variant, resolved.family.name
    if (family, variant.name) in said.variants:
        return
    names = [name for of, name in said.variants if of == family]
    if not names and is_local(value):
        return  # its header tells more
    what = f"{family} {' or '.join(names)}" if names else " or ".join(dict.fromkeys(of for of, _ in said.variants))
    text = f"`{Path(value).name if is_local(value) else value}` is {said.how}: {what}; the config says {variant.name if names else family}"
    opposite = bool(names) and said.distilled is not None and said.distilled != variant.distilled
    why = f"it is {'' if said.distilled else 'not '}distilled, {variant.name} is{' not' if said.distilled else ''}" if opposite else ""
    fix = (
        f"name the file of {variant.name}, or write `variant: {names[0]}`"
        if names
        else f"name a model of {family}, or change `model.family`"
    )
    yield Diagnostic("LB837", text, place, "error" if opposite else "warning", why, fix, path)


def _check(named: Named, resolved: Resolved, loaded: Loaded) -> Iterator[Diagnostic]:
    found, path = named.found, f"model.paths.{named.key}"
    place = loaded.place(path)
    for problem in found.problems:
        yield Diagnostic(problem.code, problem.message, place, problem.severity, problem.why, problem.fix, path)
    if found.role in ("unreadable", "folder"):
        return
    wrong = _role(named)
    if wrong is not None:
        code, text, fix = wrong
        yield Diagnostic(code, text, place, "hint" if code == "LB836" else "error", "", fix, path)
        return
    if named.key in _DENOISER:
        for code, text, severity, fix in (
            *_family(named, resolved),
            *_precision(named, resolved),
            *_distilled(named, resolved),
            *_expert(named, resolved),
        ):
            yield Diagnostic(code, text, place, severity, "", fix, path)  # type: ignore[arg-type]
        yield from _parts(named, resolved, loaded)
    else:
        for code, text, severity, fix in (*_companion(named.key, found, named.path.name, resolved), *_precision(named, resolved)):
            yield Diagnostic(code, text, place, severity, "", fix, path)  # type: ignore[arg-type]


Finding = tuple[str, str, str, str]
"""Code, message, severity, fix."""


def _role(named: Named) -> tuple[str, str, str] | None:
    found, name = named.found, named.path.name
    if found.role in _ROLES[named.key]:
        return None
    if found.role == "adapter":
        families = " or ".join(found.families) or "a model not known here"
        return (
            "LB830",
            f"`{name}` is a LoRA for {families}, not a model",
            "name the base model; a LoRA to start from goes into `adapter.init_from`",
        )
    if found.role == "unknown":
        return "LB836", f"`{name}` was not recognised as any model", "if it is right, nothing has to be done"
    what = found.measured or f"a {found.role}"
    is_what = f"a {found.role} ({found.name})" if found.name else what if found.role == "cache" else f"a {found.role}"
    return (
        "LB834",
        f"`{name}` is {is_what}; `{named.key}` needs {_needs(named.key)}",
        f"move it to the key of `model.paths` that it belongs to, and name {_needs(named.key)} here",
    )


def _needs(key: str) -> str:
    return {"repo": "a diffusers folder", "extras": "a diffusers folder"}.get(key, f"a {_ROLES[key][0]}")


def _family(named: Named, resolved: Resolved) -> Iterator[Finding]:
    found, family, variant = named.found, resolved.family, resolved.variant
    listed = {name for table in tables() for name in table.families}
    if not found.families or family.name not in listed:
        return
    fix = "name the right file, or change `model.family` and `model.variant`"
    if family.name not in found.families:
        others = " or ".join(found.families)
        severity = "error" if found.known else "warning"
        yield "LB831", f"`{named.path.name}` is a model of {others}; the config says {family.name}", severity, fix
        return
    known = {name for table in tables() for of, name in table.variants if of == family.name}
    names = [name for of, name in found.variants if of == family.name]
    if found.known and variant.name in known and variant.name not in names:
        yield "LB831", f"`{named.path.name}` is {family.name} {' or '.join(names)}; the config says {variant.name}", "error", fix


def _companion(key: str, found: Identity, name: str, resolved: Resolved) -> Iterator[Finding]:
    """The text encoder and the VAE that the variant was made with."""
    wanted = resolved.variant.pairs.get(key)
    if not wanted or not found.name or any(_same(wanted, one) for one in (found.name, *found.twins)):
        return
    if found.role in ("text encoder", "vae", "image encoder"):
        text = f"`{name}` is {found.name}; {resolved.family.title} {resolved.variant.name} needs {wanted}"
        yield "LB832", text, "error", f"name the file of {wanted}"


def _same(wanted: str, name: str) -> bool:
    """`Qwen3-VL` asks for any size of it."""
    return name.lower().startswith(wanted.lower()) or wanted.lower().startswith(name.lower())


def _precision(named: Named, resolved: Resolved) -> Iterator[Finding]:
    word, config = named.found.precision.word, resolved.config.model
    denoiser = named.key in _DENOISER
    asked = config.quantize.transformer if denoiser else config.quantize.text_encoder
    if not named.found.precision.quantized or named.key == "vae" or (denoiser and resolved.family.name in _FP8_ONLY):
        return
    if word.endswith("-scaled") or word in ("nf4", "int8", "uint8"):
        text = f"`{named.path.name}` holds {word} weights; training needs bf16 or fp16 ones"
        fix = "name the bf16 file; `model.quantize` makes fp8 of it while training"
        yield "LB833", text, "error" if denoiser else "warning", fix
    elif asked != word:
        text = f"`{named.path.name}` holds {word} weights, `model.quantize` says {asked}"
        where = "transformer" if denoiser else "text_encoder"
        yield "LB833", text, "warning", f"name the bf16 file, or write `quantize: {{{where}: {word}}}`"


def _distilled(named: Named, resolved: Resolved) -> Iterator[Finding]:
    match = _DISTILLED.search(named.path.name)
    if match and not named.known and not resolved.variant.distilled and not _DISTILLED.search(resolved.variant.name):
        text = f"`{named.path.name}` says `{match[0]}`, the config says {resolved.variant.name}, which is not distilled; shapes cannot tell"
        yield "LB835", text, "warning", "name the file of the base model, or the distilled variant with its training adapter"


def _expert(named: Named, resolved: Resolved) -> Iterator[Finding]:
    """The two experts of one model have the same shapes: only names tell them apart."""
    match = _EXPERT.search(named.path.name)
    wrong = {"transformer": "high", "transformer_high_noise": "low"}.get(named.key)
    if match and resolved.variant.experts and match[1].lower() == wrong:
        other = "transformer_high_noise" if named.key == "transformer" else "transformer"
        text = f"`{named.path.name}` says `{match[0]}`, `{named.key}` is the {'low' if wrong == 'high' else 'high'}-noise expert; shapes cannot tell"
        yield "LB838", text, "warning", f"name it under `{other}`"


def _parts(named: Named, resolved: Resolved, loaded: Loaded) -> Iterator[Diagnostic]:
    """The companions inside a pipeline folder."""
    for key, part in named.found.parts.items():
        for code, text, severity, fix in _companion(key, part, f"{named.path.name}/{key}", resolved):
            yield Diagnostic(code, text, loaded.place(f"model.paths.{named.key}"), severity, "", fix, f"model.paths.{named.key}")  # type: ignore[arg-type]
