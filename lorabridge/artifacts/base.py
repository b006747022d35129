"""Whether the modules of a LoRA have somewhere to go: matched one by one against a base model, or against the key tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lorabridge.artifacts.dialects import DIALECTS
from lorabridge.artifacts.header import Header, read_header
from lorabridge.artifacts.identity import PREFIXES as BASE_PREFIXES
from lorabridge.artifacts.identity import Identity, merged, stripped, weights
from lorabridge.artifacts.modules import Adapter, Module
from lorabridge.artifacts.tables import Shape, Table, flat, pattern, same
from lorabridge.diagnostics import Diagnostic

_FIX = "use the base model that it was trained on; `lorabridge checkpoint convert` changes the names for another program"


def base_weights(path: Path) -> tuple[dict[str, Shape], list[Diagnostic]]:
    """The denoiser's weights in a file, a sharded folder or a pipeline: dotted names, without the release's own prefix."""
    if path.is_dir():
        for name in ("transformer", "unet"):
            if (path / name).is_dir():
                return base_weights(path / name)
        files = sorted(path.glob("*.safetensors"))
        header = merged(files) if files else Header(str(path), problems=[Diagnostic("LB801", f"`{path.name}` holds no .safetensors file")])
    else:
        header = read_header(path)
    if not header.sound:
        return {}, header.problems
    for prefix in BASE_PREFIXES:
        inner = stripped(header.tensors, prefix)
        if len(inner) * 2 > len(header.tensors) or (prefix == BASE_PREFIXES[0] and inner):
            return weights(inner), []
    return weights(header.tensors), []


def check_base(adapter: Adapter, identity: Identity, base: Path) -> tuple[list[Diagnostic], str]:
    """Match every module of the denoiser against the base model's header."""
    shapes, problems = base_weights(base)
    if not shapes:
        return problems or [Diagnostic("LB801", f"`{base.name}` holds no weights")], "the base model could not be read"
    dotted = {flat(name): name for name in shapes}
    modules = adapter.of("transformer")
    lost, wrong = [], []
    for module in modules:
        name = dotted.get(flat(module.name))
        if name is None:
            lost.append(module)
        elif module.shape is not None and not same(shapes[name], module.shape):
            wrong.append((module, shapes[name]))
    if len(lost) == len(modules) and modules:
        return _other_names(adapter, identity, base, shapes)
    return _report(adapter, base.name, lost, wrong), f"{len(modules) - len(lost):,} of {len(modules):,} modules found in {base.name}"


def _other_names(adapter: Adapter, identity: Identity, base: Path, shapes: Mapping[str, Shape]) -> tuple[list[Diagnostic], str]:
    """No name fits. If both are of one family under different names, that is no fault of the LoRA."""
    from lorabridge.artifacts.tables import leaders, matches, wanted

    fits = leaders(matches(wanted(shapes.items()), whole=True))
    families = {family for match in fits for family in match.table.families}
    name = Path(adapter.header.path).name
    if families & set(identity.families):
        naming = fits[0].table.naming
        text = f"`{name}` names modules as {identity.naming} does, `{base.name}` as {naming} does; they were compared by the key tables instead"
        found, told = check_tables(adapter, identity)
        return [Diagnostic("LB817", text, severity="hint", fix="programs that know both names load it"), *found], told
    other = " or ".join(sorted(families)) or "unknown"
    what = " or ".join(identity.families) or "an unknown model"
    text = f"no module of `{name}` exists in `{base.name}`: the LoRA is for {what}, the base model is {other}"
    return [Diagnostic("LB819", text, fix=_FIX)], f"no module found in {base.name}"


def _report(adapter: Adapter, where: str, lost: list[Module], wrong: list[tuple[Module, Shape]]) -> list[Diagnostic]:
    name = Path(adapter.header.path).name
    found = []
    if lost:
        more = f" and {len(lost) - 1:,} more modules" if len(lost) > 1 else ""
        found.append(Diagnostic("LB817", f"`{name}`: `{lost[0].key[:120]}`{more} has no weight in {where}", fix=_FIX))
    if wrong:
        module, shape = wrong[0]
        more = f"; {len(wrong) - 1:,} more modules differ" if len(wrong) > 1 else ""
        text = f"`{name}`: `{module.key[:120]}` is for a weight of {list(module.shape or ())}, {where} has {list(shape)}{more}"
        found.append(Diagnostic("LB819", text, fix=_FIX))
    return found


def check_tables(adapter: Adapter, identity: Identity) -> tuple[list[Diagnostic], str]:
    """Without a base model: every module must be one of the family's."""
    modules, name = adapter.of("transformer"), Path(adapter.header.path).name
    if not modules:
        return [], "adapts text encoders only, which no table lists"
    if identity.match is None:
        text = (
            f"`{name}`: the module names are of no model known here ({DIALECTS[modules[0].prefix.dialect]}), as in `{modules[0].key[:120]}`"
        )
        return [
            Diagnostic("LB817", text, severity="warning", fix="give the base model with `--base` to match it key by key")
        ], "names of no known model"
    table = identity.match.table
    lost = [module for module in modules if not _listed(module, table, identity.known)]
    told = f"{len(modules) - len(lost):,} of {len(modules):,} modules are in the key tables of {' and '.join(identity.families)}"
    found = _report(adapter, f"the key table of {table.architecture} ({table.naming} names)", lost, [])
    wrong = [(module, shape) for module in modules if identity.match.shapes >= 0.5 and (shape := _misshapen(module, table)) is not None]
    return found + _report(adapter, f"{table.architecture} {table.name}", [], wrong), told


def _listed(module: Module, table: Table, exactly: bool) -> bool:
    """By exact name where the size is known, else by pattern: a tiny or pruned model has fewer blocks."""
    return flat(module.name) in table.dotted if exactly else pattern(module.name) in table.by_pattern


def _misshapen(module: Module, table: Table) -> Shape | None:
    rows = table.by_pattern.get(pattern(module.name), ())
    if module.shape is None or not rows or any(same(row.shape, module.shape) for row in rows):
        return None
    return rows[0].shape
