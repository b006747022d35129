"""Whether a LoRA is what it should be: whole, finite, trained, of the asked size, and loadable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lorabridge.artifacts.base import check_base, check_tables
from lorabridge.artifacts.expect import Expectation
from lorabridge.artifacts.header import Header, read_header
from lorabridge.artifacts.identity import Identity, identify_adapter
from lorabridge.artifacts.modules import Adapter, Module, assemble, peft_config
from lorabridge.artifacts.numbers import FRIENDLY
from lorabridge.artifacts.origin import Origin, epoch_in_name, origin_of, step_in_name
from lorabridge.artifacts.parts import precision_of
from lorabridge.artifacts.tables import flat
from lorabridge.artifacts.targets import group_of, words
from lorabridge.diagnostics import Diagnostic


@dataclass(slots=True)
class Verification:
    """The verdict on one file. `checked` lists what was looked at, in words; `adapter` is None for a file that cannot be read."""

    path: str
    header: Header
    adapter: Adapter | None = None
    identity: Identity | None = None
    origin: Origin = field(default_factory=Origin)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """No error was found."""
        return not any(item.severity == "error" for item in self.diagnostics)


def verify(path: Path, expected: Expectation | None = None, base: Path | None = None, *, numbers: bool = True) -> Verification:
    """Look at one file. `base`: the model it was trained on; its header is read. `numbers` off looks at the header alone."""
    header = read_header(path)
    result = Verification(str(path), header, diagnostics=list(header.problems))
    if not header.sound:
        return result
    result.adapter = adapter = assemble(header, peft_config(path.parent))
    result.origin = origin_of(header.metadata)
    if not adapter.modules:
        result.diagnostics.append(_no_adapter(path))
        return result
    result.identity = identity = identify_adapter(adapter, origin=result.origin)
    identity.precision = precision_of(header)
    result.diagnostics += _structure(adapter)
    result.checked.append(f"{len(adapter.modules):,} modules complete")
    _loadable(result, base)
    if expected is not None:
        result.diagnostics += [
            *_size(adapter, expected),
            *_dtype(adapter, expected),
            *_kind(adapter, identity, expected),
            *_targets(adapter, identity, expected),
        ]
        result.checked.append("rank, alpha, dtype and targets as the config says")
    result.diagnostics += _step(path, result.origin, expected)
    if numbers:
        from lorabridge.artifacts.elements import check_numbers

        found, text = check_numbers(path, adapter, identity.families)
        result.diagnostics += found
        result.checked.append(text)
    return result


def _no_adapter(path: Path) -> Diagnostic:
    from lorabridge.artifacts.identity import identify

    found = identify(path)
    what = {"cache": found.measured, "unknown": "tensors of no kind that is known here"}.get(found.role, f"a {found.role}")
    return Diagnostic("LB806", f"`{path.name}` holds no adapter: it is {what}", fix="name the LoRA file")


def some(names: list[str], most: int = 3) -> str:
    """A few names and how many more."""
    shown = ", ".join(f"`{name[:120]}`" for name in names[:most])
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _structure(adapter: Adapter) -> Iterator[Diagnostic]:
    name = Path(adapter.header.path).name
    gaps = [module for module in adapter.modules.values() if module.missing]
    if gaps:
        lacks = f"`{gaps[0].key}` lacks {' and '.join(gaps[0].missing)}"
        more = f"; so do {len(gaps) - 1:,} more modules" if len(gaps) > 1 else ""
        yield Diagnostic("LB810", f"`{name}`: {lacks}{more}", fix="take an earlier checkpoint; what merged or cut this file lost tensors")
    misfits = [module for module in adapter.modules.values() if module.misfit]
    if misfits:
        more = f"; {len(misfits) - 1:,} more modules are alike" if len(misfits) > 1 else ""
        yield Diagnostic("LB811", f"`{name}`: in `{misfits[0].key}` {misfits[0].misfit}{more}", fix="take an earlier checkpoint")
    dialects = adapter.dialects
    if len(dialects) > 1:
        counts = ", ".join(f"{count:,} {dialect}" for dialect, count in dialects.most_common())
        yield Diagnostic("LB818", f"`{name}` mixes key dialects: {counts}", fix="`lorabridge checkpoint convert` writes one dialect")
    styles = {style for module in adapter.modules.values() for style in module.styles}
    if len(dialects) == 1 and len(styles) > 1:
        yield Diagnostic(
            "LB818", f"`{name}` mixes the spellings {' and '.join(sorted(styles))}", fix="`lorabridge checkpoint convert` writes one"
        )
    misspelt = [module.key for module in adapter.modules.values() if _misspelt(module)]
    if misspelt:
        text = f"`{name}`: the prefix and the name of {some(misspelt, 1)} belong to different dialects: loaders look for {_right(adapter.modules[misspelt[0]])}"
        yield Diagnostic("LB818", text, fix="`lorabridge checkpoint convert` writes names that loaders find")
    if adapter.strangers:
        text = f"`{name}` holds {len(adapter.strangers):,} tensors of no adapter: {some(adapter.strangers)}"
        yield Diagnostic("LB817", text, severity="warning", fix="loaders pass them over; check what wrote the file")


def _misspelt(module: Module) -> bool:
    """A flat prefix before a dotted name, or the other way round."""
    if module.prefix.flat:
        return "." in module.name
    return bool(module.prefix.text) and "." not in module.name and module.name.count("_") > 2


def _right(module: Module) -> str:
    return f"`{module.prefix.text}{flat(module.name)}`" if module.prefix.flat else f"dots after `{module.prefix.text}`"


def _loadable(result: Verification, base: Path | None) -> None:
    assert result.adapter is not None
    assert result.identity is not None
    if base is not None:
        found, text = check_base(result.adapter, result.identity, base)
    else:
        found, text = check_tables(result.adapter, result.identity)
    result.diagnostics += found
    result.checked.append(text)


_WITHOUT_ALPHA = ("diffusion-pipe", "ai-toolkit")
"""Trainers that save no alpha, and train as if it were the rank: `compile` said so before."""


def _size(adapter: Adapter, expected: Expectation) -> Iterator[Diagnostic]:
    """Rank and alpha of every module."""
    name = Path(adapter.header.path).name
    ranks = [
        (module, want)
        for module in _main(adapter)
        if (want := _wanted(module, expected.rank, expected.conv_rank)) and module.rank not in (None, want)
    ]
    if ranks:
        module, want = ranks[0]
        path = "adapter.conv_rank" if _conv(module) and expected.conv_rank else "adapter.rank"
        yield Diagnostic(
            "LB812",
            f"`{name}`: {_share(ranks, adapter)} rank {module.rank}, the config says {want}",
            expected.place(path),
            fix="another file, or another config; `checkpoint inspect` shows the rank of each module",
            path=path,
        )
    alphas = [
        (module, want)
        for module in _main(adapter)
        if (want := _wanted(module, expected.alpha, expected.conv_alpha)) and not _alpha_is(module, want)
    ]
    if alphas:
        module, want = alphas[0]
        ignored = module.alpha is None and expected.trainer in _WITHOUT_ALPHA
        has = f"alpha {module.alpha:g}" if module.alpha is not None else f"no alpha, which works as {module.rank}"
        yield Diagnostic(
            "LB813",
            f"`{name}`: {_share(alphas, adapter)} {has}, the config says {want:g}",
            expected.place("adapter.alpha"),
            "warning" if ignored else "error",
            fix="another file, or another config; diffusion-pipe, and ai-toolkit for transformers, know no other alpha than the rank",
            path="adapter.alpha",
        )


def _dtype(adapter: Adapter, expected: Expectation) -> Iterator[Diagnostic]:
    name = Path(adapter.header.path).name
    dtypes = sorted({tensor.dtype for module in _main(adapter) for role, tensor in module.tensors.items() if role != "alpha"})
    words = [FRIENDLY.get(dtype, dtype) for dtype in dtypes]
    if expected.dtype and words != [expected.dtype]:
        text = f"`{name}` is saved in {' and '.join(words)}, the config says {expected.dtype}"
        yield Diagnostic(
            "LB815",
            text,
            expected.place("save.dtype"),
            "warning",
            fix="`lorabridge checkpoint convert --dtype` changes it",
            path="save.dtype",
        )


def _main(adapter: Adapter) -> list[Module]:
    return [module for module in adapter.modules.values() if module.kind in ("lora", "dora", "loha", "lokr")]


def _share(found: list[tuple[Module, float]], adapter: Adapter) -> str:
    if len(found) == len(adapter.modules):
        return "every module has"
    return f"`{found[0][0].key}`" + (f" and {len(found) - 1:,} more modules have" if len(found) > 1 else " has")


def _conv(module: Module) -> bool:
    shape = module.shape
    return shape is not None and len(shape) > 2 and any(side != 1 for side in shape[2:])


def _wanted(module: Module, linear: float | None, conv: float | None) -> float | None:
    return conv if conv is not None and _conv(module) else linear


def _alpha_is(module: Module, want: float) -> bool:
    """LoKr of full matrices has no scale, whatever its alpha says; a module without alpha works as if it were the rank."""
    if module.rank is None:
        return True
    alpha = module.alpha if module.alpha is not None else float(module.rank)
    return abs(alpha - want) <= 1e-2 * max(1.0, abs(want))


def _kind(adapter: Adapter, identity: Identity, expected: Expectation) -> Iterator[Diagnostic]:
    name = Path(adapter.header.path).name
    if expected.kind and adapter.kind and adapter.kind != expected.kind:
        text = f"`{name}` is a {adapter.kind}, the config says {expected.kind}"
        yield Diagnostic("LB814", text, expected.place("adapter.type"), fix="another file, or another config", path="adapter.type")
    fits = [variant for family, variant in identity.variants if family == expected.family]
    if not expected.family or not identity.families or (identity.known and set(fits) & set(expected.variants)):
        return
    if expected.family not in identity.families:
        other, path = " or ".join(identity.families), "model.family"
    elif identity.known and expected.variants and not set(fits) & set(expected.variants):
        other, path = f"{expected.family} {' or '.join(fits)}", "model.variant"
    else:
        return
    wanted = expected.family + (f" {expected.variants[0]}" if path == "model.variant" else "")
    yield Diagnostic(
        "LB819",
        f"`{name}` was trained for {other}, the config says {wanted}",
        expected.place(path),
        fix="another file, or another config",
        path=path,
    )


def _targets(adapter: Adapter, identity: Identity, expected: Expectation) -> Iterator[Diagnostic]:
    name, families = Path(adapter.header.path).name, (expected.family,) if expected.family else identity.families
    groups: dict[str, list[str]] = {}
    for module in adapter.modules.values():
        groups.setdefault(group_of(module, families), []).append(module.key)
    place, path = expected.place("adapter.targets"), "adapter.targets"
    fix = "another file, or another config; `checkpoint inspect` lists the modules"
    extra = groups.get("feed-forward", []) + groups.get("other", [])
    if expected.targets == "attention" and extra and not expected.picked:
        yield Diagnostic("LB814", f"`{name}` adapts more than attention: {some(extra)}", place, fix=fix, path=path)
    for group in ("attention", "feed-forward") if expected.targets == "all" and not expected.picked else ():
        if group not in groups and _has(families, group):
            yield Diagnostic("LB814", f"`{name}` adapts no {group} layer, the config says all", place, fix=fix, path=path)
    if expected.targets == "attention" and "attention" not in groups:
        yield Diagnostic("LB814", f"`{name}` adapts no attention layer", place, fix=fix, path=path)
    encoders = groups.get("text encoder", [])
    if expected.text_encoder is False and encoders and not (expected.trainer == "diffusion-pipe" and expected.family == "sdxl"):
        text = f"`{name}` adapts the text encoder too ({len(encoders):,} modules)"
        yield Diagnostic("LB814", text, expected.place("adapter"), "warning", fix=fix, path="adapter.text_encoder")
    if expected.text_encoder and not encoders:
        text = f"`{name}` adapts no text encoder, the config says it should"
        yield Diagnostic("LB814", text, expected.place("adapter.text_encoder"), fix=fix, path="adapter.text_encoder")


def _has(families: tuple[str, ...], group: str) -> bool:
    attention, feed_forward = words(families)
    return bool(attention if group == "attention" else feed_forward)


def _step(path: Path, origin: Origin, expected: Expectation | None) -> Iterator[Diagnostic]:
    named, told = step_in_name(path), origin.step
    if named is not None and told is not None and abs(named - told) > 1:
        text = f"`{path.name}` is named after step {named:,}, its metadata says {told:,}"
        fix = "an older file was renamed, or a resumed run began to count anew (musubi-tuner does)"
        yield Diagnostic("LB816", text, severity="warning", fix=fix)
    if expected is None or expected.steps is None or told is None:
        return
    final = named is None and epoch_in_name(path) is None
    place = expected.place("train.for")
    if told > expected.steps + 1:
        text = f"`{path.name}` is of step {told:,}, the plan ends at {expected.steps:,}"
        yield Diagnostic("LB816", text, place, "warning", fix="the file is of another run, or the plan was changed", path="train.for")
    elif final and told < expected.steps - 1:
        text = f"`{path.name}` is the final file, but of step {told:,} of {expected.steps:,}"
        yield Diagnostic("LB816", text, place, fix="look for the reason in the trainer's log; it ended early", path="train.for")
