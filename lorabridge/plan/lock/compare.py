"""What changed between a lock and the present, each thing by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lorabridge.diagnostics import Diagnostic, Span
from lorabridge.plan.lock.model import Data, Lock, Model, Trainer

_TOLD = 8
_ACCEPT = "undo it, or accept it: `lorabridge lock` writes a new lock"
Where = Callable[[str], Span | None]


def compare(then: Lock, now: Lock, where: Where = lambda path: None) -> list[Diagnostic]:
    """The drift from `then` to `now`. Errors are drift; warnings say what could not be compared. `where` finds a field's line."""
    found = [*_config(then, now, where), *_models(then.models, now.models, where), *_data(then.data, now.data, where)]
    found += _trainer(then.trainer, now.trainer)
    if then.lorabridge != now.lorabridge:
        found.append(_drift("LB625", f"lorabridge {then.lorabridge} made the lock, this is {now.lorabridge}"))
    if not any(item.severity == "error" and item.code == "LB621" for item in found):
        found += _plan(then.plan, now.plan)
    return found


def _drift(code: str, message: str, span: Span | None = None, path: str = "", why: str = "") -> Diagnostic:
    return Diagnostic(code, message, span, "error", why, _ACCEPT, path)


def _config(then: Lock, now: Lock, where: Where) -> Iterator[Diagnostic]:
    for key in ("backend", "unsupported", "overrides"):
        before, after = getattr(then, key), getattr(now, key)
        if before != after and not (key == "overrides" and then.values == now.values):
            yield _drift("LB621", f"the lock was made for {key} {_shown(before)}, this is {_shown(after)}")
    for path in sorted({*then.values, *now.values}):
        if then.values.get(path) != now.values.get(path):
            text = f"`{path}` was {_value(then.values, path)} and is {_value(now.values, path)}"
            yield _drift("LB621", text, where(path), path)
    if then.seed != now.seed and then.values == now.values:
        yield _drift("LB621", f"the random seed was {then.seed} and is {now.seed}", where("train.seed"), "train.seed")


def _value(values: Mapping[str, Any], path: str) -> str:
    return _shown(values[path]) if path in values else "not there"


def _shown(value: Any) -> str:
    text = " ".join(value) or "nothing" if isinstance(value, tuple) else str(value)
    return f"`{text if len(text) <= 80 else text[:79] + '…'}`"


def _models(then: Mapping[str, Model], now: Mapping[str, Model], where: Where) -> Iterator[Diagnostic]:
    for path in sorted({*then} & {*now}):
        before, after = then[path], now[path]
        if bool(before.files) != bool(after.files):
            yield _drift("LB623", f"`{path}` was {'files' if before.files else 'a name on a hub'}, and is not any more", where(path), path)
            continue
        same, loose = _weights(before.files, after.files)
        if same:
            names = _names(same, before.files, after.files)
            yield _drift("LB623", f"`{path}`: {names}", where(path), path, "another base gives another LoRA")
        if loose:
            text = f"`{path}`: {_few(loose)} was hashed whole by one side and by its header by the other"
            yield Diagnostic("LB627", text, where(path), "warning", fix="give `--full` to both or to neither", path=path)


def _weights(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Files that differ, and files that cannot be compared because they were hashed in two ways."""
    kinds = {name: (before.get(name, "").partition(":")[0], after.get(name, "").partition(":")[0]) for name in {*before, *after}}
    loose = sorted(name for name, (one, two) in kinds.items() if one and two and one != two)
    return sorted(name for name in kinds if before.get(name) != after.get(name) and name not in loose), loose


def _data(then: Mapping[str, Data], now: Mapping[str, Data], where: Where) -> Iterator[Diagnostic]:
    for path in sorted({*then} & {*now}):
        before, after = then[path], now[path]
        if before.digest != after.digest:
            changed = sorted(name for name in {*before.files, *after.files} if before.files.get(name) != after.files.get(name))
            yield _drift("LB624", f"`{path}`: {_names(changed, before.files, after.files)}", where(path), path, "other data, other LoRA")


def _names(names: list[str], before: Mapping[str, str], after: Mapping[str, str]) -> str:
    groups = (
        ("changed", [name for name in names if name in before and name in after]),
        ("added", [name for name in names if name not in before]),
        ("removed", [name for name in names if name not in after]),
    )
    return "; ".join(f"{word}: {_few(found)}" for word, found in groups if found)


def _few(names: list[str]) -> str:
    shown = ", ".join("the file" if name == "." else f"`{name}`" for name in names[:_TOLD])
    return shown + (f" and {len(names) - _TOLD} more" if len(names) > _TOLD else "")


def _trainer(then: Trainer | None, now: Trainer | None) -> Iterator[Diagnostic]:
    if then is None or now is None:
        if then is not now:
            side = "the lock does not hold the trainer" if then is None else "the trainer was not found here"
            yield Diagnostic("LB627", f"the trainer's version was not compared: {side}", severity="warning", fix="see `lorabridge doctor`")
        return
    if then.commit != now.commit:
        yield _drift("LB622", f"the trainer was at commit {then.commit or 'unknown'} and is at {now.commit or 'unknown'}")
    changed = sorted(name for name in {*then.modified, *now.modified} if then.modified.get(name) != now.modified.get(name))
    if changed:
        yield _drift("LB622", f"files of the trainer are not as they were: {_few(changed)}")
    if then.python != now.python and then.python and now.python:
        yield _drift("LB625", f"the trainer's Python was {then.python} and is {now.python}")
    for name in sorted({*then.packages, *now.packages}):
        before, after = then.packages.get(name), now.packages.get(name)
        if before != after and then.python and now.python:
            yield _drift("LB625", f"`{name}` of the trainer's Python was {before or 'not installed'} and is {after or 'not installed'}")
    if bool(then.python) != bool(now.python):
        yield Diagnostic(
            "LB627",
            "the trainer's packages were not compared: its Python did not answer",
            severity="warning",
            fix="see `lorabridge doctor`",
        )


def _plan(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Diagnostic]:
    changed = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    if changed:
        text = f"the same config compiles to other bytes: {_names(changed, then, now)}"
        yield _drift("LB626", text, why="this lorabridge translates differently from the one that made the lock")
